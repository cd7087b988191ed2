"""Stopping rules of a trial with several looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from lupusim.analysis.group_sequential import (
    BetaSpending,
    Bounds,
    EfficacyBounds,
    EfficacyRule,
    FutilityBounds,
    bounds,
)
from lupusim.analysis.group_sequential.repeated_looks import repeats, with_repeats
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.trial.looks import StoppingRule


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSequential(StoppingRule):
    """Bounds of a group-sequential design, at the information each trial really has."""

    alpha: float  # error spent over all looks; of both tails together where `sided` is 2
    sided: int = 1  # 1 or 2
    efficacy: str | EfficacyRule = "obrien_fleming"
    """See :func:`lupusim.analysis.group_sequential.bounds`."""
    futility: BetaSpending | FutilityBounds | None = None
    """None never stops for futility. The trial stops at a non-binding bound too; its efficacy
    bounds don't count on that."""

    def bounds(self, information: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return efficacy and futility bounds on the z scale, shape of `information`.

        Looks that add no information (data that are complete, a trial that has run out of events)
        have those of :mod:`~lupusim.analysis.group_sequential.repeated_looks`; looks before there
        is any have none.
        """
        known = self.held(information)
        # SPEED: looks at events have the planned information nearly always (benchmarks/rules.py)
        first = (known == known[0]) | (np.isnan(known) & np.isnan(known[0]))
        usual = first.all(axis=1)
        both = np.empty((2, *known.shape))
        both[:, usual] = self._usual(known[0])[:, None, :]
        if not usual.all():
            both[:, ~usual] = self._solved(known[~usual])
        return both[0], both[1]

    @property
    def gives_up(self) -> bool:
        """Whether it has a rule of futility."""
        return self.futility is not None

    @property
    def group_sequential(self) -> GroupSequential:
        """Itself."""
        return self

    @property
    def efficacy_rule(self) -> EfficacyRule | None:
        """Its efficacy rule; None for one that is given by name."""
        return None if isinstance(self.efficacy, str) else self.efficacy

    def problems_of_many(self) -> Iterator[tuple[str, str]]:
        """Yield why its bounds cannot be those of a share of alpha."""
        if self.futility and self.futility.binding:
            yield (
                "binding futility bounds and several hypotheses do not go together",
                "Write 'binding: false' at the looks.",
            )
        if isinstance(self.efficacy, EfficacyBounds) and self.efficacy.last is not None:
            yield (
                "the last look's bound is given, and each hypothesis has a share of alpha",
                "Remove the efficacy bound of the last look.",
            )

    def held(self, information: FloatArray) -> FloatArray:
        """Return the information, NaN at looks that add none to the look before."""
        gains = np.diff(information, axis=-1, prepend=0.0) > _LEAST_GAIN
        return np.where(gains, information, np.nan)

    def plan(self, information: FloatArray) -> Bounds:
        """Return the design whose looks have these fractions of the planned information.

        Parameters
        ----------
        information : (n_looks,) or (n_replicates, n_looks) array
            Rising; NaN where a look is not held.
        """
        return bounds(
            information,
            alpha=self.alpha,
            sided=self.sided,
            spending=self.efficacy,
            futility=self.futility,
            maximum_information=1.0,
        )

    def _usual(self, information: FloatArray) -> FloatArray:
        """Return the bounds of one row of information, computed once in a process."""
        key = (repr(self), information.tobytes())
        if key not in _KNOWN:
            if len(_KNOWN) >= _MOST_KNOWN:
                _KNOWN.clear()
            _KNOWN[key] = self._solved(information[None, :])[:, 0]
        return _KNOWN[key]

    def _solved(self, information: FloatArray) -> FloatArray:
        both = np.empty((2, *information.shape))
        both[0], both[1] = np.inf, -np.inf
        again = repeats(information)
        some = ~np.isnan(information).all(axis=1) & ~again
        if some.any():
            design = self.plan(information[some])
            both[0, some], both[1, some] = design.efficacy, design.futility
        _, of_row = np.unique(~np.isnan(information), axis=0, return_inverse=True)
        for number in np.unique(of_row.ravel()[again]):
            rows = of_row.ravel() == number
            both[:, rows] = with_repeats(
                self.plan,
                (self.efficacy, self.futility),
                information[rows],
                least_gain=_LEAST_GAIN,
            )
        return both


_KNOWN: dict[tuple[str, bytes], FloatArray] = {}
_MOST_KNOWN = 256
_LEAST_GAIN = 1e-3  # of the planned information: below, a look brings nothing new


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where each replicate stops."""

    look: np.ndarray[tuple[int], np.dtype[np.intp]]
    """Position of the look at which it stops, from 0; (n_replicates,)."""
    reject: np.ndarray[tuple[int], np.dtype[np.bool_]]
    """Whether it stops because the efficacy bound was reached; (n_replicates,)."""


def is_futile(z: FloatArray, futility: FloatArray | float) -> BoolArray:
    """Return where statistics reach their futility bounds, which are -inf where there is none.

    A statistic that is not defined (NaN) reaches none.
    """
    return np.asarray((z <= futility) & (futility > -np.inf))


def reaches(z: FloatArray, efficacy: FloatArray, *, sided: int) -> BoolArray:
    """Return where statistics reach their efficacy bounds; an infinite bound, or NaN, never."""
    return np.asarray(((np.abs(z) if sided == 2 else z) >= efficacy) & (efficacy < np.inf))


def crossing(z: FloatArray, efficacy: FloatArray, futility: FloatArray, *, sided: int) -> Crossing:
    """Return the first look of each replicate at which a bound is reached.

    Parameters
    ----------
    z : (n_replicates, n_looks) array
        Statistics, large in favor of the experimental arm; NaN where they are not defined, which
        reaches no bound.
    efficacy, futility : (n_replicates, n_looks) arrays
        Bounds; the last look always stops. Infinite ones (`efficacy` inf, `futility` -inf) are
        reached by no statistic, be it infinite itself.
    sided : int
        With 2 a z beyond the negative efficacy bound rejects too.
    """
    rejects = reaches(z, efficacy, sided=sided)
    stops = rejects | is_futile(z, futility)
    stops[:, -1] = True
    look = stops.argmax(axis=1)
    return Crossing(look=look, reject=rejects[np.arange(len(z)), look])


@dataclass(frozen=True, slots=True, kw_only=True)
class WithEffects(StoppingRule):
    """Bounds on the scale of the estimate beside those of a rule.

    The rule's alpha is held: a success needs its bound and an estimate that is good enough, and
    giving up is never counted on.
    """

    rule: StoppingRule  # gives the bounds on the z scale
    least: Mapping[int, float]
    """Look, counted from 1, and the least good estimate with which it may succeed."""
    futile: Mapping[int, float]  # look, and the best estimate at which it gives up
    sign: int  # 1 where larger estimates are better, -1 where smaller ones are

    def bounds(self, information: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the rule's own bounds, shape of `information`."""
        return self.rule.bounds(information)

    def bounds_at(
        self, information: FloatArray, estimate: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return bounds that know the estimates; all arrays (n_replicates, n_looks).

        No z succeeds where the estimate is not good enough, and any gives up where it is futile.
        A missing estimate is neither.
        """
        efficacy, futility = (one.copy() for one in self.bounds(information))
        for look, effect in self.least.items():
            enough = self.sign * estimate[:, look - 1] >= self.sign * effect
            efficacy[~enough, look - 1] = np.inf
        for look, effect in self.futile.items():
            bad = self.sign * estimate[:, look - 1] <= self.sign * effect
            futility[bad, look - 1] = np.inf
        return efficacy, futility

    @property
    def gives_up(self) -> bool:
        """Whether an estimate, or its rule, may stop for futility."""
        return bool(self.futile) or self.rule.gives_up

    @property
    def efficacy_rule(self) -> EfficacyRule | None:
        """That of its rule."""
        return self.rule.efficacy_rule

    def problems_of_many(self) -> Iterator[tuple[str, str]]:
        """Yield that a success by its estimate is of one hypothesis, and what its rule says."""
        if self.least:
            yield (
                "an estimate that a success needs is known for one hypothesis only",
                "Remove 'effect' from the efficacy bounds.",
            )
        yield from self.rule.problems_of_many()
