"""Power of every draw of what one believes by tables drawn of it, where trials are counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.errors import NoExactSolutionError
from lupusim.planning.assurance.beliefs import Beliefs
from lupusim.planning.assurance.benefit import benefits, claims_harm
from lupusim.planning.assurance.exact import of_designs
from lupusim.planning.assurance.known_powers import judged
from lupusim.planning.assurance.power_distribution import PowerDistribution
from lupusim.planning.assurance.truths import DrawnTruths
from lupusim.planning.theory.counts.joint import Truths
from lupusim.planning.theory.counts.numbers import Counted, Numbers
from lupusim.planning.theory.counts.repeated import (
    Judge,
    can_be_drawn,
    claims_by_truth,
    one_table_by_truth,
    rejected,
    stated_power,
    with_estimates,
)
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial

if TYPE_CHECKING:
    from lupusim.planning.assurance.assurance import Worthwhile

_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDraws:
    """What tables say of a design: under the stated truth, and a few under every draw."""

    power: Mean  # under the stated truth; from tables drawn of it alone
    n_rejected: IntArray  # tables of each draw that claim an effect; (n_draws,)
    tables_per_draw: int
    strengths: FloatArray  # of the effect in each draw; (n_draws,)
    models_are_certain: bool
    truths: DrawnTruths

    def distribution(self, per_draw: int, seed: int) -> PowerDistribution:
        """Return how power is distributed over the draws; patients' replicates have no part."""
        del per_draw
        return PowerDistribution(
            n_rejected=self.n_rejected,
            per_draw=self.tables_per_draw,
            seed=seed,
            strengths=self.strengths,
            models_are_certain=self.models_are_certain,
        )

    def judged(self, worthwhile: Worthwhile) -> tuple[Mean, Mean | None]:
        """Return the probability that the effect is worthwhile, and the power if it is."""
        return judged(self.n_rejected / self.tables_per_draw, self.truths.of_each(worthwhile))


def table_draws(
    trials: Sequence[Trial], beliefs: Beliefs, n_draws: int, *, at_least: int, seed: int
) -> list[TableDraws | None]:
    """Return for each design what tables drawn of all draws claim; None where they do not say it.

    Designs that differ in their size alone share the draws' chances.
    """

    def drawn(trial: Trial) -> _Draws:
        return _Draws.of(trial, beliefs, n_draws, seed=seed)

    def known(trial: Trial, draws: _Draws) -> TableDraws:
        return draws.claims(trial, beliefs, at_least=at_least, seed=seed)

    return of_designs(trials, _checked, drawn, known)


def one_table_each(
    trials: Sequence[Trial],
    beliefs: Beliefs,
    n_draws: int,
    gain: Callable[[Trial], float],
    *,
    seed: int,
) -> list[FloatArray | None]:
    """Return what one table of each draw shows of each design; None where tables do not say it.

    Parameters
    ----------
    trials : sequence of Trial
        The designs; those that differ in their size alone share the draws' chances and gains.
    beliefs : Beliefs
        What is drawn.
    n_draws : int
        How many draws.
    gain : callable
        The true gain under a truth.
    seed : int
        Of the draws and of their tables.

    Returns
    -------
    list of (3, n_draws) arrays or None
        Whether a benefit is claimed, the estimate, and the gain.
    """

    def drawn(trial: Trial) -> tuple[_Draws, FloatArray]:
        draws = _Draws.of(trial, beliefs, n_draws, seed=seed)
        return draws, draws.truths.gains(gain)

    def known(trial: Trial, common: tuple[_Draws, FloatArray]) -> FloatArray:
        draws, gains = common
        rng = stream(seed, "one table of each draw")
        shown = one_table_by_truth(trial, draws.outcomes, draws.truths.place, rng=rng)
        return np.stack([benefits(trial, shown), shown["estimate"], gains])

    return of_designs(trials, _with_one_estimate, drawn, known)


def _with_one_estimate(trial: Trial) -> Trial:
    """Return a trial that ends with one estimate, or refuse it."""
    if trial.interims or trial.family is not None or len(trial.arms) != _PAIR:
        raise NoExactSolutionError("there are several estimates")
    can_be_drawn(trial, _show_benefit)
    return trial


def is_drawn(trial: Trial) -> bool:
    """Return whether tables of a trial can be drawn, and tell which claims are of a benefit."""
    return _is_told(_checked, trial)


def has_one_table(trial: Trial) -> bool:
    """Return whether tables of a trial tell its estimate, too, which the value of data needs."""
    return _is_told(_with_one_estimate, trial)


def _is_told(check: Callable[[Trial], Trial], trial: Trial) -> bool:
    try:
        check(trial)
    except (NoExactSolutionError, ArithmeticError):
        return False
    return True


def _checked(trial: Trial) -> Trial:
    """Return a trial, or refuse it: before the chances of all draws are known."""
    can_be_drawn(trial, _succeeds(trial))
    return trial


def _succeeds(trial: Trial) -> Judge:
    """Return what says which tables show a benefit: of a test with two sides not all claims do."""
    return _show_benefit if claims_harm(trial) else rejected


def _show_benefit(counted: Counted, asked: Sequence[Comparison], numbers: Numbers) -> BoolArray:
    return benefits(counted.trial, with_estimates(counted, asked, numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draws:
    """The draws of a design, and what was worked out of them."""

    truths: DrawnTruths
    outcomes: Truths

    @classmethod
    def of(cls, trial: Trial, beliefs: Beliefs, n_draws: int, *, seed: int) -> _Draws:
        truths = DrawnTruths.of(trial, beliefs, n_draws, seed=seed)
        return cls(truths=truths, outcomes=Truths(trial=trial, chances=truths.chances))

    def claims(self, trial: Trial, beliefs: Beliefs, *, at_least: int, seed: int) -> TableDraws:
        """Return what tables of a design say whose patients are these."""
        rng = stream(seed, "tables of draws")
        claims = claims_by_truth(
            trial,
            self.outcomes,
            self.truths.place,
            at_least=at_least,
            succeeds=_succeeds(trial),
            rng=rng,
        )
        n_draws, of_each = claims.shape
        return TableDraws(
            power=stated_power(trial, n_draws),
            n_rejected=claims.sum(axis=1),
            tables_per_draw=of_each,
            strengths=beliefs.strengths(trial, n_draws, seed=seed),
            models_are_certain=not beliefs.draws,
            truths=self.truths,
        )
