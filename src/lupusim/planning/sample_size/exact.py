"""The size of a trial whose power is known exactly, without patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from itertools import count

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.sample_size.growth import Sizing, what_helps
from lupusim.planning.sample_size.probit_line import NORMAL
from lupusim.planning.sample_size.results import PowerNotReachedError
from lupusim.planning.theory.counts.claims import claims_of_all
from lupusim.planning.theory.counts.design import count_design
from lupusim.planning.theory.power import exact_rate_looks
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial

_TEETH = 12  # steps within which power that has risen may fall again, for discrete tests
_NEIGHBORS = 4  # steps on either side of an answer, to show the teeth
_FARTHEST = 4.0  # the largest change of size from one power to the next
_BISECT_EVERY = 4  # turns, lest a guess goes astray
_LEVEL = 0.025  # about that of most tests: where to look next needs no more
_NO_DIFFERENCE = 1e-9


class _UnknownError(Exception):
    """The power of a size is not known."""


@dataclass(slots=True)
class ExactPowers:
    """Powers of a family of trials by their counts, each worked out once."""

    sizing: Sizing
    quantity: str = "reject"  # which claim the power is of
    known: dict[int, Mean | None] = field(default_factory=dict)
    _chances: FloatArray | None = None  # they do not depend on the size

    def at(self, size: int) -> Mean | None:
        """Return the power of a size; None where it is not known."""
        if size not in self.known:
            self.known[size] = self.worked_out(self.sizing.at(size))
        return self.known[size]

    def worked_out(self, trial: Trial) -> Mean | None:
        """Return the power of a trial; None where it is not known."""
        if (looks := exact_rate_looks(trial)) is not None:
            return Mean(value=looks.power, mcse=0.0)
        try:
            design = count_design(trial)
            if self._chances is None:
                self._chances = design.chances()
            return Mean(value=float(design.powers(self._chances[None])[0]), mcse=0.0)
        except (NoExactSolutionError, ArithmeticError):
            return self._claimed(trial)

    def _claimed(self, trial: Trial) -> Mean | None:
        try:
            return claims_of_all(trial).shares.get(self.quantity)
        except (NoExactSolutionError, ArithmeticError):
            return None

    def _falls_short(self, size: int, power: float) -> bool:
        """Return whether less work than its power takes shows that a size does not reach it."""
        if size in self.known or self._chances is None:
            return False
        try:
            return count_design(self.sizing.at(size)).at_most(self._chances) < power
        except (NoExactSolutionError, ArithmeticError):
            return False

    def _at(self, size: int) -> float:
        return self._known(size).value

    def _known(self, size: int) -> Mean:
        if (found := self.at(size)) is None:
            raise _UnknownError
        return found

    def smallest(self, power: float, start: int, largest: int) -> int | None:
        """Return the smallest size whose power reaches a target; None where it is not known.

        Power of a discrete test has teeth: near where it crosses the target sizes are gone
        through one by one, down as long as one of the next twelve reaches it.

        Parameters
        ----------
        power : float
            Target.
        start : int
            Where to begin.
        largest : int
            The largest size to consider.

        Raises
        ------
        PowerNotReachedError
            If the power is not reached with the largest size, or with none, arms being alike.
        """
        try:
            begin = self._at(start)
            if begin < power and self._shows_nothing():
                raise _not_reached(power, start, self._known(start), alike=True)
            size = self._crossing(power, start, largest)
            return self._down_teeth(power, size)
        except _UnknownError:
            return None

    def curve(self, size: int, shown: Sequence[int]) -> dict[int, Mean]:
        """Return the exact power of an answer and its neighbors, and of further sizes.

        Parameters
        ----------
        size : int
            The answer.
        shown : sequence of int
            Further sizes; with none there is no curve but the answer.
        """
        step = self.sizing.step
        beside = _NEIGHBORS if shown else 0  # exact sizes have teeth
        near = [size + k * step for k in range(-beside, beside + 1)]
        sizes = {*shown, *(one for one in near if one >= self.sizing.smallest)}
        powers = {one: self.at(one) for one in sizes}
        return {one: found for one, found in powers.items() if found is not None}

    def _shows_nothing(self) -> bool:
        """Return whether both arms have the same chances, and the test wants more than that."""
        chances, trial = self._chances, self.sizing.trial
        analysis = trial.analysis
        if chances is None or analysis is None:
            return False
        within_margin = analysis.test.alike_is_enough(trial.primary.better)
        return not within_margin and bool(np.ptp(chances, axis=0).max() < _NO_DIFFERENCE)

    def _crossing(self, power: float, start: int, largest: int) -> int:
        """Return a size that reaches the target, while one step less does not."""
        step = self.sizing.step
        low, high = self.sizing.smallest - step, 0  # one that falls short, one that reaches it
        size = start
        for turn in count():
            found = self._at(size)
            low, high = (low, size) if found >= power else (size, high)
            if size == largest and not high:
                raise _not_reached(power, size, self._known(size))
            if high and high - low <= step:
                break
            if high and turn % _BISECT_EVERY == 0:
                size = (low + high) // 2
            else:
                size = round(_root_guess(size, found, power))
            most = high // step - 1 if high else largest // step
            size = min(max(round(size / step), low // step + 1), most) * step
        return high

    def _down_teeth(self, power: float, near: int) -> int:
        """Return the smallest size that reaches the target, going down from one that does."""
        size = near
        while (smaller := min(self._teeth(power, size), default=size)) < size:
            size = smaller
        return size

    def _teeth(self, power: float, size: int) -> Iterator[int]:
        """Yield the next smaller sizes that reach a target, too."""
        for k in range(1, _TEETH + 1):
            smaller = size - k * self.sizing.step
            if smaller < self.sizing.smallest:
                return
            # neighbors are worked out anyway, as they are shown
            if k > _NEIGHBORS and self._falls_short(smaller, power):
                continue
            if self._at(smaller) >= power:
                yield smaller


def _root_guess(size: float, found: float, power: float) -> float:
    """Return the size at which a z that grows with the root of the size would reach a power."""
    zero = NORMAL.inv_cdf(_LEVEL)
    now = NORMAL.inv_cdf(min(max(found, 1e-9), 1 - 1e-9)) - zero
    growth = (NORMAL.inv_cdf(power) - zero) / max(now, 0.05)
    return size * min(max(growth**2, 1 / _FARTHEST), _FARTHEST)


def _not_reached(
    power: float, size: int, found: Mean, *, alike: bool = False
) -> PowerNotReachedError:
    advice = "Both arms respond alike: look for an effect" if alike else what_helps(found.value)
    return PowerNotReachedError(
        f"power {power:g} is not reached: with {size} patients it is exactly {found.value:.4f}. "
        f"{advice}",
        size=size,
        power=found,
    )
