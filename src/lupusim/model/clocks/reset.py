"""Time in the present state: the clock of a semi-Markov model."""

from __future__ import annotations

from typing import ClassVar

from lupusim.common.frozen import dataclass
from lupusim.model.clocks.base import CLOCKS, Clock, Years


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetClock(Clock):
    """Time in the present state; it starts at 0 whenever one is entered."""

    is_time_in_state: ClassVar = True
    words: ClassVar = "time in the state"
    mark: ClassVar = ""

    def reading(self, study_time: Years, time_in_state: Years) -> Years:
        """Return the years since the state was entered."""
        return time_in_state


Clock.RESET = CLOCKS.register("reset")(ResetClock())
