"""How patients are observed: visits, intercurrent events, a score measured at visits."""

from __future__ import annotations

from lupusim.trial.observation.intercurrent_events import Consequence, IntercurrentEvent, Strategy
from lupusim.trial.observation.marker import Marker, Points
from lupusim.trial.observation.visits import VisitConduct

__all__ = ["Consequence", "IntercurrentEvent", "Marker", "Points", "Strategy", "VisitConduct"]
