"""Costs, utilities and decisions between strategies."""

from __future__ import annotations

from lupusim.economics.corrections import CORRECTIONS
from lupusim.economics.decisions import incremental_analysis, net_benefit
from lupusim.economics.methods import Cycles, Exact, Simulated, Walks, evaluate
from lupusim.economics.strategies import Discount, Strategy
from lupusim.economics.uncertainty import Psa, psa, tornado
from lupusim.model.rewards import Rewards

__all__ = [
    "CORRECTIONS",
    "Cycles",
    "Discount",
    "Exact",
    "Psa",
    "Rewards",
    "Simulated",
    "Strategy",
    "Walks",
    "evaluate",
    "incremental_analysis",
    "net_benefit",
    "psa",
    "tornado",
]
