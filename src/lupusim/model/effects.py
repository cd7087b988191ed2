"""Treatment effects: hazard ratios that start late, last, and fade after each infusion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass

_LARGEST_RATIO = 1e15
_STEPS_PER_HALF_LIFE = 4
_HALF_LIVES = 6  # after these a fading log hazard ratio is below 2 % of its start: taken as gone


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecewiseRatio:
    """A hazard ratio that is constant between breaks.

    Parameters
    ----------
    breaks : tuple of float
        Study times (years since randomization) at which the ratio changes, increasing.
    ratios : tuple of float
        Ratio before the first break, between breaks, and after the last; each 0 or above.

    Examples
    --------
    >>> PiecewiseRatio(breaks=(0.5,), ratios=(1.0, 2.0)).at(np.array([0.4, 0.5])).tolist()
    [1.0, 2.0]
    """

    breaks: tuple[float, ...] = ()
    ratios: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if len(self.ratios) != len(self.breaks) + 1:
            raise ValueError(f"ratios={self.ratios} must have one entry more than {self.breaks}")
        if not all(map(math.isfinite, self.breaks)) or any(
            a >= b for a, b in pairwise(self.breaks)
        ):
            raise ValueError(f"breaks={self.breaks} must be finite and increasing")
        if not all(math.isfinite(ratio) and ratio >= 0 for ratio in self.ratios):
            raise ValueError(f"ratios={self.ratios} must be finite numbers, 0 or above")

    @property
    def is_constant(self) -> bool:
        """Whether the ratio never changes."""
        return not self.breaks

    def at(self, study_time: FloatArray) -> FloatArray:
        """Return the ratio at each study time; at a break the one that follows it."""
        piece = np.searchsorted(self.breaks, study_time, side="right")
        return np.asarray(np.array(self.ratios)[piece])

    def times(self, other: PiecewiseRatio) -> PiecewiseRatio:
        """Return the product of two ratios."""
        breaks = tuple(sorted({*self.breaks, *other.breaks}))
        starts = np.array((-math.inf, *breaks))
        return PiecewiseRatio(
            breaks=breaks, ratios=tuple(map(float, self.at(starts) * other.at(starts)))
        )


UNIT_RATIO = PiecewiseRatio()


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentEffect:
    """A hazard ratio on some transitions, in time since the latest infusion.

    The full ratio acts from `onset` for as long as it `lasts`; then it ends at once, or,
    with a `half_life`, its logarithm halves in every half-life. Fading goes in steps of a
    quarter of the half-life and is taken as gone after six, so that every engine computes
    with the same numbers. A further infusion takes over when its own effect sets in.

    Parameters
    ----------
    on : tuple of (str, str)
        Transitions (from_state, to_state) whose hazard is multiplied.
    hazard_ratio : float
        The full ratio, 0 or above; with a `half_life` above 0.
    onset : float
        Years from the infusion until the effect sets in.
    lasts : float
        Years for which the full ratio acts; ``inf`` for good.
    half_life : float or None
        Years in which the log hazard ratio halves after that.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> effect = TreatmentEffect(on=(("well", "ill"),), hazard_ratio=0.5, onset=0.25)
    >>> effect.onset
    0.25
    """

    on: tuple[tuple[str, str], ...]
    hazard_ratio: float
    onset: float = 0.0
    lasts: float = math.inf
    half_life: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.hazard_ratio <= _LARGEST_RATIO:
            raise ValueError(
                f"hazard_ratio={self.hazard_ratio!r} must be 0 or above, and at most "
                f"{_LARGEST_RATIO:g}"
            )
        if not (math.isfinite(self.onset) and self.onset >= 0):
            raise ValueError(f"onset={self.onset!r} must be 0 or above")
        if not self.lasts >= 0:
            raise ValueError(f"lasts={self.lasts!r} must be 0 or above")
        if self.half_life is not None and not (
            math.isfinite(self.half_life) and self.half_life > 0 and self.hazard_ratio > 0
        ):
            raise ValueError(
                f"half_life={self.half_life!r} must be above 0, with a hazard_ratio above 0"
            )

    def _since_onset(self) -> list[tuple[float, float]]:
        """Return (years since onset, ratio from then on) for one infusion, in order."""
        steps = [(0.0, self.hazard_ratio)]
        if math.isinf(self.lasts):
            return steps
        if self.half_life is not None:
            for step in range(_HALF_LIVES * _STEPS_PER_HALF_LIFE):
                middle = (step + 0.5) / _STEPS_PER_HALF_LIFE
                begin = self.lasts + step * self.half_life / _STEPS_PER_HALF_LIFE
                steps.append((begin, self.hazard_ratio ** (0.5**middle)))
            end = self.lasts + _HALF_LIVES * self.half_life
        else:
            end = self.lasts
        return [*steps, (end, 1.0)]

    @property
    def constant_ratio(self) -> float | None:
        """The ratio, where it acts from the infusion on and for good."""
        return self.hazard_ratio if self.onset == 0 and math.isinf(self.lasts) else None

    @property
    def course(self) -> tuple[float, Sequence[tuple[float, float]]]:
        """Years from an infusion to the onset, and (years since then, ratio from then on)."""
        return self.onset, self._since_onset()

    def profile(self, infusion_times: Sequence[float]) -> PiecewiseRatio:
        """Return the ratio over study time for infusions at these study times (years)."""
        onsets = [time + self.onset for time in infusion_times]
        return _after_each(onsets, self._since_onset())

    def raised(self, exponent: float) -> TreatmentEffect:
        """Return the effect with its log hazard ratio times `exponent`."""
        return replace(self, hazard_ratio=self.hazard_ratio**exponent)


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecewiseEffect:
    """A hazard ratio that takes any course after an infusion: delayed, crossing, fading.

    A further infusion starts the course anew.

    Parameters
    ----------
    on : tuple of (str, str)
        Transitions (from_state, to_state) whose hazard is multiplied.
    breaks : tuple of float
        Years since the infusion at which the ratio changes, increasing, above 0.
    ratios : tuple of float
        Ratio before the first break, between breaks, and after the last; each 0 or above.

    Raises
    ------
    ValueError
        If a number is out of its range or of its order.

    Examples
    --------
    >>> late = PiecewiseEffect(on=(("ill", "dead"),), breaks=(0.25,), ratios=(1.0, 0.6))
    >>> late.profile([0.0]).ratios
    (1.0, 0.6)
    """

    onset: ClassVar[float] = 0.0  # at the infusion: the course says what happens until it acts

    on: tuple[tuple[str, str], ...]
    breaks: tuple[float, ...]
    ratios: tuple[float, ...]

    def __post_init__(self) -> None:
        PiecewiseRatio(breaks=self.breaks, ratios=self.ratios)  # checks them together
        if any(time <= 0 for time in self.breaks):
            raise ValueError(f"breaks={self.breaks} must be above 0")

    @property
    def lasts(self) -> float:
        """For good: the course says how it ends."""
        return math.inf

    @property
    def half_life(self) -> None:
        """None: the course says how it fades."""
        return

    @property
    def constant_ratio(self) -> None:
        """None: it changes."""
        return

    @property
    def hazard_ratio(self) -> float:
        """The ratio that is farthest from 1."""
        return max(self.ratios, key=lambda ratio: abs(math.log(ratio)) if ratio else math.inf)

    @property
    def course(self) -> tuple[float, Sequence[tuple[float, float]]]:
        """No years to the onset, and (years since the infusion, ratio from then on)."""
        return 0.0, list(zip((0.0, *self.breaks), self.ratios, strict=True))

    def profile(self, infusion_times: Sequence[float]) -> PiecewiseRatio:
        """Return the ratio over study time for infusions at these study times (years)."""
        return _after_each(infusion_times, self.course[1])

    def raised(self, exponent: float) -> PiecewiseEffect:
        """Return the effect with every log hazard ratio times `exponent`."""
        return replace(self, ratios=tuple(ratio**exponent for ratio in self.ratios))


Effect = TreatmentEffect | PiecewiseEffect
"""What a treatment does to hazards."""


def _after_each(onsets: Sequence[float], course: Sequence[tuple[float, float]]) -> PiecewiseRatio:
    """Return the ratio over study time of a course that each onset (years) starts anew.

    The course is a list of (years since onset, ratio from then on), in order.
    """
    steps: dict[float, float] = {}
    for begin, end in pairwise([*sorted(onsets), math.inf]):
        for since, ratio in course:
            if begin + since < end:
                steps[begin + since] = ratio
    before = [begin for begin in steps if begin <= 0]
    first = steps[before[-1]] if before else 1.0
    later = {begin: ratio for begin, ratio in steps.items() if begin > 0}
    return PiecewiseRatio(breaks=tuple(later), ratios=(first, *later.values()))
