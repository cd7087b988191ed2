"""What every clock says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, TypeVar

from lupusim.common.arrays import FloatArray
from lupusim.common.registry import Registry

Years = TypeVar("Years", float, FloatArray)


class Clock(ABC):
    """The time that a hazard runs on.

    While a stay lasts, it goes on by a year in a year. Kinds differ in what they show when the
    state is entered, which may depend on when that is, and on nothing else.

    Examples
    --------
    >>> Clock.RESET.reading(3.0, 0.5), Clock.FORWARD.reading(3.0, 0.5)
    (0.5, 3.0)
    """

    __slots__ = ()
    RESET: ClassVar[Clock]
    FORWARD: ClassVar[Clock]
    is_study_time: ClassVar[bool] = False
    """Whether it shows study time, whenever the state was entered (Markov)."""
    is_time_in_state: ClassVar[bool] = False
    """Whether it shows time in the present state, whenever that was entered (semi-Markov)."""
    words: ClassVar[str] = "a clock of its own"
    """What it shows, as in "on study time"."""
    mark: ClassVar[str] = "+"
    """Stands at hazards on it in a diagram; empty for time in state, as most hazards there."""

    @abstractmethod
    def reading(self, study_time: Years, time_in_state: Years) -> Years:
        """Return what it shows (years, 0 or above).

        Parameters
        ----------
        study_time : float or array
            Years since randomization.
        time_in_state : float or array of the same shape
            Years since the state was entered; more than `study_time` where that was before.
        """


CLOCKS: Registry[Clock] = Registry(
    "clock of a hazard",
    group="lupusim.clocks",
    needs=("reading", "is_study_time", "is_time_in_state", "words", "mark"),
    made=True,
)
"""Clocks by their name in files."""
