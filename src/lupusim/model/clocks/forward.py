"""Study time: the clock of a Markov model whose hazards change."""

from __future__ import annotations

from typing import ClassVar

from lupusim.common.frozen import dataclass
from lupusim.model.clocks.base import CLOCKS, Clock, Years


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardClock(Clock):
    """Study time, which no change of state stops."""

    is_study_time: ClassVar = True
    words: ClassVar = "study time"
    mark: ClassVar = "*"

    def reading(self, study_time: Years, time_in_state: Years) -> Years:
        """Return the years since randomization."""
        return study_time


Clock.FORWARD = CLOCKS.register("forward")(ForwardClock())
