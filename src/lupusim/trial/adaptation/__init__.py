"""Rules of adaptive designs: what each answers for itself, and the registry of those known."""

from lupusim.trial.adaptation.base import (
    ADAPTATIONS,
    NOTHING,
    Adaptation,
    EventsOfStage,
    Facts,
    KnownStages,
    Patients,
    Row,
)
from lupusim.trial.adaptation.intersections import Intersection

__all__ = [
    "ADAPTATIONS",
    "NOTHING",
    "Adaptation",
    "EventsOfStage",
    "Facts",
    "Intersection",
    "KnownStages",
    "Patients",
    "Row",
]
