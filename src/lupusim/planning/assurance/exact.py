"""Exact power of every draw of what one believes, where trials are counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.assurance.beliefs import Beliefs
from lupusim.planning.assurance.benefit import claims_harm
from lupusim.planning.assurance.known_powers import KnownPowers, judged
from lupusim.planning.assurance.truths import DrawnTruths
from lupusim.planning.theory.counts.design import CountDesign, count_design
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial

if TYPE_CHECKING:
    from lupusim.planning.assurance.assurance import Worthwhile

Asked = TypeVar("Asked")
Draws = TypeVar("Draws")
Known = TypeVar("Known")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactDraws:
    """What is known exactly of a design: under the stated truth, and under every draw."""

    stated: float  # power under the stated truth
    powers: FloatArray  # power of each draw; (n_draws,)
    truths: DrawnTruths
    tables_per_draw: int = 0  # all tables are gone through, and none is drawn

    @property
    def power(self) -> Mean:
        """Power under the stated truth, without an error."""
        return Mean(value=self.stated, mcse=0.0)

    def distribution(self, per_draw: int, seed: int) -> KnownPowers:
        """Return how power is distributed over the draws."""
        return KnownPowers(powers=self.powers, per_draw=per_draw, seed=seed)

    def judged(self, worthwhile: Worthwhile) -> tuple[Mean, Mean | None]:
        """Return the probability that the effect is worthwhile, and the power if it is."""
        return judged(self.powers, self.truths.of_each(worthwhile))


def exact_draws(
    trials: Sequence[Trial], beliefs: Beliefs, n_draws: int, *, seed: int
) -> list[ExactDraws | None]:
    """Return for each design the exact power of all draws; None where it is not known.

    Designs that differ in their size alone share the draws' chances.
    """

    def drawn(design: CountDesign) -> _Drawn:
        return _Drawn.of(design, beliefs, n_draws, seed=seed)

    def known(design: CountDesign, draws: _Drawn) -> ExactDraws:
        # SPEED: tables are gone through once for the draws and the stated truth
        stated, *powers = design.powers(np.stack([design.chances(), *draws.chances]))
        of_each = np.array(powers)[draws.truths.place]
        return ExactDraws(stated=float(stated), powers=of_each, truths=draws.truths)

    return of_designs(trials, exact_design, drawn, known)


def of_designs(
    trials: Sequence[Trial],
    asked: Callable[[Trial], Asked],
    drawn: Callable[[Asked], Draws],
    known: Callable[[Asked, Draws], Known],
) -> list[Known | None]:
    """Return what is known of each design; None where numbers of patients do not say it.

    Parameters
    ----------
    trials : sequence of Trial
        The designs.
    asked : callable
        Makes of a trial what is asked, or refuses it before much is worked out.
    drawn : callable
        Works out what all draws have in common, for all designs that differ in their size alone.
    known : callable
        Returns what is known of what is asked, from that.
    """
    found: list[Known | None] = []
    before: tuple[Trial, Draws] | None = None
    for trial in trials:
        try:
            question = asked(trial)
            if before is None or not _patients_alike(before[0], trial):
                before = trial, drawn(question)
            found.append(known(question, before[1]))
        except (NoExactSolutionError, ArithmeticError):
            found.append(None)
    return found


def is_exact(trial: Trial) -> bool:
    """Return whether a trial is one whose outcomes are counted, and all its claims of a benefit."""
    try:
        exact_design(trial)
    except (NoExactSolutionError, ArithmeticError):
        return False
    return True


def exact_design(trial: Trial) -> CountDesign:
    """Return a trial whose outcomes are counted, and all its claims of a benefit.

    Raises
    ------
    NoExactSolutionError
        If it is none.
    """
    if claims_harm(trial):
        raise NoExactSolutionError("the sums of a test with two sides count claims of harm")
    design = count_design(trial)
    if not design.is_enumerated:  # which is said before the chances of all draws are known
        design.powers(design.chances()[None])
    return design


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    truths: DrawnTruths
    chances: FloatArray  # of each truth

    @classmethod
    def of(cls, design: CountDesign, beliefs: Beliefs, n_draws: int, *, seed: int) -> _Drawn:
        """Return all truths of a design, and their chances."""
        truths = DrawnTruths.of(design.trial, beliefs, n_draws, seed=seed)
        return cls(truths=truths, chances=truths.chances(design.response, design.cells))


def _patients_alike(first: Trial, other: Trial) -> bool:
    """Return whether all that decides the chance of a patient is the same."""
    names = ("arms", "population", "dropout", "primary", "visit_conduct", "intercurrent_events")
    more = ("follow_up", "stratify_by", "analysis")
    return all(getattr(first, name) == getattr(other, name) for name in (*names, *more))
