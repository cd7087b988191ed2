"""A clock of a hazard: who enters a state is taken back by half of the study time so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lupusim.model import Clock
from lupusim.model.clocks import Years


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfResetClock(Clock):
    """Time in the state, and half of the study time at which it was entered."""

    words: ClassVar = "time in the state and half of the time before"

    def reading(self, study_time: Years, time_in_state: Years) -> Years:
        """Return what it shows (years)."""
        return time_in_state + 0.5 * (study_time - time_in_state)
