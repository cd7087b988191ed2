"""Rules that change a running trial: allocation, arms, population, sample size.

A rule is one module that registers itself in :data:`ADAPTATIONS`, and one line here.
"""

from lupusim.simulation.adaptation.arm_selection import Judged, SelectArms
from lupusim.simulation.adaptation.enrichment import Enrichment
from lupusim.simulation.adaptation.enrichment_choice import ByDifference, ByThresholds, Measure
from lupusim.simulation.adaptation.gate import Gate, GateMeasure
from lupusim.simulation.adaptation.planned import Planned, rule_of
from lupusim.simulation.adaptation.response_adaptive import BayesianResponse, Shares
from lupusim.simulation.adaptation.response_course import Against
from lupusim.simulation.adaptation.sample_size import BlindedSize, PromisingZone
from lupusim.trial.adaptation import ADAPTATIONS, Intersection

__all__ = [
    "ADAPTATIONS",
    "Against",
    "BayesianResponse",
    "BlindedSize",
    "ByDifference",
    "ByThresholds",
    "Enrichment",
    "Gate",
    "GateMeasure",
    "Intersection",
    "Judged",
    "Measure",
    "Planned",
    "PromisingZone",
    "SelectArms",
    "Shares",
    "rule_of",
]
