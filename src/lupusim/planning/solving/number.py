"""A number of a trial that may have other values, and which to try."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from lupusim.common.frozen import dataclass
from lupusim.planning.sample_size.growth import most_enrolled
from lupusim.trial import Trial

_FACTORS = (1.25, 1.6, 2.0, 3.0, 5.0, 8.0, 16.0, 32.0, 64.0)
_EDGE = 4  # halvings towards a value that is not possible
_RUNGS = 9  # between two ends that are given


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number of a trial that may have other values.

    Raises
    ------
    ValueError
        If there is nothing between the two ends, or the value is 0 and no ends are given.
    """

    design: Callable[[float], Trial]
    """Returns the trial with another value; raises ValueError for one that is not possible."""
    stated: float  # its value as it is
    whole: bool = False  # whether it counts something
    name: str = "the number"
    between: tuple[float, float] | None = None
    """Where to look; None for all around the value as it is."""

    def __post_init__(self) -> None:
        if self.between is not None and not self.between[0] < self.between[1]:
            low, high = self.between
            raise ValueError(f"between {low:g} and {high:g} there is nothing: the lower one first")
        if self.between is None and self.stated == 0:
            raise ValueError(f"{self.name} is 0: say between which values to look (--between)")

    def possible(self, value: float) -> bool:
        """Return whether there is a trial with this value."""
        try:
            self.design(value)
        except ValueError:
            return False
        return True

    def in_time(self, value: float) -> bool:
        """Return whether the patients that a value adds can be enrolled before the trial ends.

        Further ones would change nothing, however many: a trial that ends at a date has only those
        who have come by then.
        """
        trial, as_it_is = self.design(value), self.design(self.start)
        return trial.n_patients <= max(as_it_is.n_patients, most_enrolled(trial))

    def snapped(self, value: float) -> float:
        """Return the value itself, or the nearest whole one."""
        return float(round(value)) if self.whole else value

    def shown(self, value: float) -> str:
        """Return a value in four digits, a whole number with all of them."""
        return f"{value:.0f}" if self.whole else f"{value:.4g}"

    @property
    def start(self) -> float:
        """Where to begin: the value as it is, or the end nearest to it."""
        low, high = self.between or (-math.inf, math.inf)
        return self.snapped(min(max(self.stated, low), high))

    def rungs(self) -> tuple[list[float], list[float]]:
        """Return values to try above and below the one as it is, the nearest first."""
        if self.between is not None:
            low, high = self.between
            steps = [low + (high - low) * k / (_RUNGS - 1) for k in range(_RUNGS)]
            above = [self.snapped(x) for x in steps if x > self.start]
            in_time = next((k for k, x in enumerate(above) if not self.in_time(x)), len(above))
            above = above[: in_time + 1]
            below = [self.snapped(x) for x in reversed(steps) if x < self.start]
            return above, below
        above = list(self._until_edge([self.stated * f for f in _FACTORS]))
        below = list(self._until_edge([*(self.stated / f for f in _FACTORS), 0.0]))
        return above, below

    def _is_useful(self, value: float) -> bool:
        return self.possible(value) and self.in_time(value)

    def _until_edge(self, values: Sequence[float]) -> Iterator[float]:
        """Yield values as far as they are possible, and some close to where that ends."""
        last = self.stated
        for value in map(self.snapped, values):
            if value == last:
                continue
            if self._is_useful(value):
                yield value
                last = value
                continue
            for _ in range(_EDGE):
                value = self.snapped((value + last) / 2)  # noqa: PLW2901 - half way back
                if value != last and self._is_useful(value):
                    yield value
                    last = value
            return
