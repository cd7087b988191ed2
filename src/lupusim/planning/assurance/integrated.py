"""Exact power integrated over a prior for the strength of the effect: nothing is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.assurance.beliefs import Beliefs
from lupusim.planning.assurance.effect_priors import StrengthLaw, stated_log_ratio, strength_law
from lupusim.planning.assurance.exact import exact_design, of_designs
from lupusim.planning.assurance.truths import polynomial
from lupusim.planning.theory.counts.chances import chances_of_truths
from lupusim.planning.theory.counts.design import CountDesign
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial

if TYPE_CHECKING:
    from lupusim.planning.assurance.assurance import Worthwhile

_REACH = (-7.0, 7.1)  # standard deviations; 3e-12 lies beyond, and no node in the middle: without
# any effect an arm is the control in all but its name, and chances may jump
_PIECES = 2**14  # of the normal distribution: what is straight in each misses less than 1e-6
_PARTS = 16  # of the pieces, whose powers of a polynomial fit into memory
_MOST_NODES = 256
_MISSED = 1e-9  # of a chance, a power or a gain
_HALVINGS = 50
_NEARLY = 1e-9  # of a power; 0.8 is at least 0.8

Function = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverPrior:
    """The exact distribution of power (or a gain): points, and pieces within which it is even."""

    first: FloatArray
    last: FloatArray
    """`first` and `last`: its values at the ends of a piece, the same of a point; (n_pieces,)."""
    masses: FloatArray  # probabilities; (n_pieces,)

    n_draws = 0  # of the truth: none is needed
    n_replicates = 0

    @property
    def mean(self) -> Mean:
        """The assurance."""
        return _exact(self._average)

    @property
    def parameter_share(self) -> Mean:
        """Share of the variance of the trial's outcome that comes from what is not known."""
        mean = self._average
        squares = (self.first**2 + self.first * self.last + self.last**2) / 3
        spread = max(0.0, float(self.masses @ squares) - mean**2)
        return _exact(spread / (mean * (1 - mean)) if 0 < mean < 1 else math.nan)

    def quantiles(self, probabilities: Sequence[float]) -> list[Mean]:
        """Return quantiles of the power: the least that is not exceeded with such probability."""
        wanted = np.asarray(probabilities)
        low, high = np.zeros(wanted.size), np.ones(wanted.size)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            reached = np.array([self._up_to(one) for one in middle.tolist()]) >= wanted
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        return [_exact(one) for one in high.tolist()]

    def at_least(self, power: float) -> Mean:
        """Return the probability that the power is at least that."""
        return _exact(float(self.masses @ self.exceeding(power - _NEARLY)))

    def shares(self, edges: FloatArray) -> FloatArray:
        """Return the probability of each interval, its lower edge included.

        Parameters
        ----------
        edges : (n + 1,) array
            From 0 to 1, rising; a power of 1 is in the last interval.
        """
        below = [1 - self.at_least(edge).value for edge in edges[:-1].tolist()]
        return np.diff([*below, 1.0])

    def worth(self, gains: OverPrior, at_least: float) -> tuple[Mean, Mean | None]:
        """Return how likely gains are as large as that, and the power where they are."""
        masses = self.masses * gains.exceeding(at_least)
        worthwhile = float(masses.sum())
        if worthwhile == 0:
            return _exact(0.0), None
        power = float(masses @ (self.first + self.last)) / 2 / worthwhile
        return _exact(worthwhile), _exact(power)

    def exceeding(self, value: float) -> FloatArray:
        """Return which share of each piece is at least so large, (n_pieces,)."""
        low, high = np.minimum(self.first, self.last), np.maximum(self.first, self.last)
        inside = (high - value) / np.where(high > low, high - low, 1.0)
        return np.where(high > low, np.clip(inside, 0.0, 1.0), high >= value)

    @property
    def _average(self) -> float:
        return float(self.masses @ (self.first + self.last)) / 2

    def _up_to(self, power: float) -> float:
        """Return the probability of no more power than that."""
        return 1 - float(self.masses @ self.exceeding(np.nextafter(power, 2.0)))


def _exact(value: float) -> Mean:
    return Mean(value=value, mcse=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrated:
    """What is known exactly of a design: under the stated truth, and over all that may be true."""

    stated: float  # power under the stated truth
    powers: OverPrior
    gains: OverPrior | None  # of patients, if it is asked which are worthwhile
    tables_per_draw = 0  # all tables are gone through, and none is drawn

    @property
    def power(self) -> Mean:
        """Power under the stated truth, without an error."""
        return _exact(self.stated)

    def distribution(self, per_draw: int, seed: int) -> OverPrior:
        """Return how power is distributed over the prior."""
        del per_draw, seed
        return self.powers

    def judged(self, worthwhile: Worthwhile) -> tuple[Mean, Mean | None]:
        """Return the probability that the effect is worthwhile, and the power if it is."""
        assert self.gains is not None  # who asks has asked before
        return self.powers.worth(self.gains, worthwhile.at_least)


def integrated(
    trials: Sequence[Trial], beliefs: Beliefs, worthwhile: Worthwhile | None
) -> list[Integrated | None]:
    """Return for each design its exact power over a prior; None where that is not known.

    Where the strength of the effect alone is unsure, power is a smooth function of one number: a
    polynomial through its values at Chebyshev's nodes. So are the chances of patients, which
    designs that differ in their size alone share.

    Parameters
    ----------
    trials : sequence of Trial
        The designs.
    beliefs : Beliefs
        What is not known.
    worthwhile : Worthwhile or None
        When an effect is worth having, if that is asked.
    """
    if beliefs.draws:
        return [None] * len(trials)

    def known(design: CountDesign, prior: _Prior) -> Integrated:
        stated = float(design.powers(design.chances()[None])[0])
        powers = prior.powers(design)
        gains = None if worthwhile is None else prior.gains(worthwhile)
        return Integrated(stated=stated, powers=powers, gains=gains)

    return of_designs(trials, exact_design, lambda design: _Prior.of(design, beliefs), known)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prior:
    """The law of the strength of the effect, and how patients fare under each."""

    trial: Trial
    beliefs: Beliefs
    law: StrengthLaw
    chances: Function  # under strengths
    between: Function  # the same, of so many standard deviations from the mean

    @classmethod
    def of(cls, design: CountDesign, beliefs: Beliefs) -> _Prior:
        """Return the prior for a design.

        Raises
        ------
        NoExactSolutionError
            If it is known by draws alone, or chances are not known or not smooth.
        """
        law = strength_law(beliefs.effect, stated_log_ratio(design.trial))
        if law is None:
            raise NoExactSolutionError("the prior is known by its draws alone")

        def chances(strengths: FloatArray) -> FloatArray:
            truths = [beliefs.truth(design.trial, 0, s) for s in strengths.tolist()]
            return chances_of_truths(truths, design.response, design.cells)

        between = _smooth(lambda z: chances(law.mean + law.sd * z)) if law.rest else chances
        return cls(trial=design.trial, beliefs=beliefs, law=law, chances=chances, between=between)

    def powers(self, design: CountDesign) -> OverPrior:
        """Return the power of a design with such patients over the prior."""
        return self._over(
            lambda strengths: design.powers(self.chances(strengths)),
            lambda z: design.powers(np.clip(self.between(z), 0.0, 1.0)),
        )

    def gains(self, worthwhile: Worthwhile) -> OverPrior:
        """Return the true gain over the prior."""

        def gains(strengths: FloatArray) -> FloatArray:
            truths = (self.beliefs.truth(self.trial, 0, s) for s in strengths.tolist())
            return np.array([worthwhile.gain(truth) for truth in truths])

        return self._over(gains, lambda z: gains(self.law.mean + self.law.sd * z))

    def _over(self, at: Function, between: Function) -> OverPrior:
        """Return the distribution of a function of the strength: at points, and between."""
        from scipy.special import ndtr

        points, masses = (
            np.array(list(one)) for one in (self.law.points, self.law.points.values())
        )
        alone = at(points) if points.size else np.zeros(0)
        if not self.law.rest:
            return OverPrior(first=alone, last=alone, masses=masses)
        ends = np.linspace(*_REACH, _PIECES + 1)
        curve = _smooth(between)
        values = np.concatenate([curve(part) for part in np.array_split(ends, _PARTS)])
        normal = np.diff(ndtr(ends))
        return OverPrior(
            first=np.append(alone, values[:-1]),
            last=np.append(alone, values[1:]),
            masses=np.append(masses, self.law.rest * normal / normal.sum()),
        )


def _smooth(function: Function) -> Function:
    found = polynomial(function, _REACH, missed=_MISSED, most=_MOST_NODES)
    if found is None:
        raise NoExactSolutionError("what the prior says is not smooth")
    return found
