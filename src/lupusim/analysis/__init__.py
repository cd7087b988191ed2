"""Analyses: what a trial's observations say; one estimator or test per file."""

from __future__ import annotations

from lupusim.analysis.logrank import LogrankResult, logrank
from lupusim.analysis.results import ExactResult, TestResult, ZStatistic

__all__ = ["ExactResult", "LogrankResult", "TestResult", "ZStatistic", "logrank"]
