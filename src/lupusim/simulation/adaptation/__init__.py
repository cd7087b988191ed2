"""Rules that change a running trial: allocation, arms, population, sample size.

A rule is one module that registers itself in :data:`ADAPTATIONS`, and two lines here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lupusim.common.lazy import attributes
from lupusim.trial.adaptation import ADAPTATIONS, Intersection

if TYPE_CHECKING:
    from lupusim.simulation.adaptation.arm_selection import Judged, SelectArms
    from lupusim.simulation.adaptation.enrichment import Enrichment
    from lupusim.simulation.adaptation.enrichment_choice import ByDifference, ByThresholds, Measure
    from lupusim.simulation.adaptation.gate import Gate, GateMeasure
    from lupusim.simulation.adaptation.planned import Planned, rule_of
    from lupusim.simulation.adaptation.response_adaptive import BayesianResponse, Shares
    from lupusim.simulation.adaptation.response_course import Against
    from lupusim.simulation.adaptation.sample_size import BlindedSize, PromisingZone

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

# Imported when first used: who needs one of them pays for no other.
_HOMES = {
    "Against": "lupusim.simulation.adaptation.response_course",
    "BayesianResponse": "lupusim.simulation.adaptation.response_adaptive",
    "BlindedSize": "lupusim.simulation.adaptation.sample_size",
    "ByDifference": "lupusim.simulation.adaptation.enrichment_choice",
    "ByThresholds": "lupusim.simulation.adaptation.enrichment_choice",
    "Enrichment": "lupusim.simulation.adaptation.enrichment",
    "Gate": "lupusim.simulation.adaptation.gate",
    "GateMeasure": "lupusim.simulation.adaptation.gate",
    "Judged": "lupusim.simulation.adaptation.arm_selection",
    "Measure": "lupusim.simulation.adaptation.enrichment_choice",
    "Planned": "lupusim.simulation.adaptation.planned",
    "PromisingZone": "lupusim.simulation.adaptation.sample_size",
    "SelectArms": "lupusim.simulation.adaptation.arm_selection",
    "Shares": "lupusim.simulation.adaptation.response_adaptive",
    "rule_of": "lupusim.simulation.adaptation.planned",
}
__getattr__ = attributes(__name__, _HOMES)

ADAPTATIONS.offer(
    __name__,
    {
        "arm_selection": "select_arms",
        "enrichment": "enrichment",
        "gate": "gate",
        "response_adaptive": "bayesian_response",
        "sample_size": "promising_zone blinded_size",
    },
)
