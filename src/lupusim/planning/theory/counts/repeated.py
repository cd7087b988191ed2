"""Trials drawn as numbers of patients and kept one by one: of many truths, or to be compared."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from functools import reduce

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.claims import (
    SEED,
    by_counted,
    check_told,
    claims_of_all,
    decided,
    law_of,
    n_compared,
    parts_of,
    seen_by,
    ways_of,
    work_of,
)
from lupusim.planning.theory.counts.joint import Truths
from lupusim.planning.theory.counts.numbers import Counted, Numbers
from lupusim.planning.theory.drawn.controls import (
    TableControls,
    in_folds,
    without_known_chance,
)
from lupusim.planning.theory.drawn.tables import drawn_tables
from lupusim.simulation.looks.claims import claims
from lupusim.simulation.looks.look_statistics import Comparison, comparisons
from lupusim.simulation.quantities import at_look
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial

_REJECT = "reject"
_PAIR = 2  # arms
_OF_TRUTH = 4_000  # numbers that could be drawn while the chances of one truth are worked out
_MOST_OF_TRUTH = 100  # tables: more would tell little, and truths are what an average lacks


Judge = Callable[[Counted, Sequence[Comparison], Numbers], BoolArray]
"""Says which tables succeed, by their law and the comparisons that see them."""


def rejected(counted: Counted, asked: Sequence[Comparison], numbers: Numbers) -> BoolArray:
    """Return which tables claim an effect."""
    return decided(counted, asked, numbers)[_REJECT] > 0


def with_estimates(
    counted: Counted, asked: Sequence[Comparison], numbers: Numbers
) -> dict[str, FloatArray]:
    """Return what is claimed, with the estimates where the trials end, (n_trials,) each.

    Raises
    ------
    NoExactSolutionError
        If a comparison sees more than numbers, or hypotheses are closed at looks of their own.
    """
    trial = counted.trial
    if len(asked) < len(comparisons(trial)) or (trial.interims and trial.family is not None):
        raise NoExactSolutionError("of which side a claim is hangs on more than counts")
    seen = seen_by(counted, asked, numbers)
    found = claims(trial, seen)
    look = np.zeros(len(numbers.counts), dtype=np.intp)
    if trial.interims:
        wins = [found[at_look("efficacy", k + 1)] for k in range(len(trial.looks))]
        look = np.argmax(wins, axis=0)
    several = trial.family is not None or len(trial.arms) > _PAIR
    for one, looks in zip(asked, seen, strict=True):
        name = one.quantity("estimate") if several else "estimate"
        found[name] = looks.estimate[np.arange(look.size), look]
    return found


def claims_by_truth(
    trial: Trial,
    truths: Truths,
    place: IntArray,
    *,
    at_least: int,
    succeeds: Judge = rejected,
    rng: np.random.Generator,
) -> BoolArray:
    """Return which of a few tables that are drawn of each draw of the truth succeed.

    Of each as many as take about as long as its chances. An average over draws has the variance
    (v + w / m) / k, of k draws with m tables each, powers of variance v between draws, and w
    within; what it takes is k (a + b m), a for the chances and b for a table. The best m is
    the root of (a / b) (w / v), and twice or half as many cost little.

    Parameters
    ----------
    trial : Trial
        Whose tests decide.
    truths : Truths
        What may be true; at least one.
    place : (n_draws,) array
        Which of these each draw is.
    at_least : int
        Tables of each draw.
    succeeds : callable
        Says which do; default those that claim an effect.
    rng : numpy.random.Generator
        The stream for them.

    Returns
    -------
    (n_draws, n_tables) boolean array

    Raises
    ------
    NoExactSolutionError
        If numbers of patients do not say it; why is said.
    """

    def claimed(counted: Counted, asked: Sequence[Comparison]) -> BoolArray:
        check_told(counted, asked)
        of_each = _OF_TRUTH // work_of(counted, asked)
        of_each = min(max(of_each, at_least), max(_MOST_OF_TRUTH, at_least))
        found = _claims(counted, asked, np.repeat(place, of_each), succeeds, rng=rng)
        return found.reshape(-1, of_each)

    return by_counted(trial, claimed, truths)


def one_table_by_truth(
    trial: Trial, truths: Truths, place: IntArray, *, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Return what one table shows that is drawn of each draw of the truth, (n_draws,) each.

    Parameters are those of :func:`claims_by_truth`.

    Raises
    ------
    NoExactSolutionError
        As :func:`with_estimates`, or if numbers of patients do not say it.
    """

    def shown(counted: Counted, asked: Sequence[Comparison]) -> dict[str, FloatArray]:
        parts = []
        for some in _slices(counted, place.size):
            numbers = counted.drawn(some.stop - some.start, truth=place[some], rng=rng)
            parts.append(with_estimates(counted, asked, numbers))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return by_counted(trial, shown, truths)


def can_be_drawn(trial: Trial, succeeds: Judge = rejected) -> None:
    """Refuse a trial whose tables are not drawn.

    Raises
    ------
    NoExactSolutionError
        As :func:`claims_by_truth`.
    """

    def drawn(counted: Counted, asked: Sequence[Comparison]) -> None:
        check_told(counted, asked)
        succeeds(counted, asked, counted.drawn(1, rng=stream(0, "whether tables can be drawn")))

    by_counted(trial, drawn)


def stated_power(trial: Trial, n_replicates: int) -> Mean:
    """Return the power of a trial as a run of so many states it: by all tables, or drawn ones.

    Where a run has patients alone, it is that of tables like those which are compared.

    Raises
    ------
    NoExactSolutionError
        As :func:`claims_by_truth`.
    """
    try:
        return claims_of_all(trial).shares[_REJECT]
    except NoExactSolutionError:
        pass
    try:
        return drawn_tables(trial).claims(beside=n_replicates).shares[_REJECT]
    except NoExactSolutionError:
        found = claims_by_table(trial, at_least=0, rng=stream(SEED, "tables of the stated truth"))
        error = float(found.std() / found.size**0.5)
        return Mean(value=float(found.mean()), mcse=error, n=found.size)


def claims_by_table(trial: Trial, *, at_least: int, rng: np.random.Generator) -> FloatArray:
    """Return claims of the tables that are drawn of a trial, known chance taken out, (n_tables,).

    Their mean is its power. They are as many as where many sizes are asked for. Trials whose
    tables are drawn from the same stream have some chance in common, and those of one law all.

    Raises
    ------
    NoExactSolutionError
        As :func:`claims_by_truth`.
    """

    def claimed(counted: Counted, asked: Sequence[Comparison]) -> FloatArray:
        n_tables = n_compared(counted, asked, at_least)
        controls = TableControls.of(counted, asked)
        claims, known = [], []
        for size in parts_of(n_tables, counted.n_draws):
            numbers = counted.drawn(size, rng=rng)
            claims.append(rejected(counted, asked, numbers))
            known.append(controls.values(numbers))
        return without_known_chance(np.concatenate(claims), np.concatenate(known))

    return by_counted(trial, claimed)


@dataclass(slots=True, kw_only=True)
class SharedTables:
    """Tables of one law that are drawn once and judged by any rule."""

    at_least: int  # tables
    seed: int  # of the tables
    n_tables: int = 0  # drawn; known when the first rule has judged them
    _known: dict[tuple[int, ...], tuple[Counted, list[Numbers]]] = field(default_factory=dict)
    """By the endpoints seen: the law of their numbers, and what is drawn from it."""

    def share(self, trial: Trial, quantity: str) -> Mean:
        """Return the share of tables that claim what is asked, known chance taken out.

        Parameters
        ----------
        trial : Trial
            Its rules alone may differ from those of the trials before.
        quantity : str
            A claim, such as ``reject``.

        Raises
        ------
        NoExactSolutionError
            As :func:`claims_by_truth`.
        """
        *quicker, every = ways_of(trial)
        for asked in quicker:
            try:
                return self._judged(trial, asked, quantity)
            except NoExactSolutionError:
                pass
        return self._judged(trial, every, quantity)

    def _judged(self, trial: Trial, asked: Sequence[Comparison], quantity: str) -> Mean:
        seen = tuple(sorted({one.endpoint for one in asked}))
        if seen not in self._known:  # SPEED: the law is the same for all rules
            self._known[seen] = self._drawn(law_of(trial, asked), asked)
        law, parts = self._known[seen]
        controls = TableControls.of(replace(law, trial=trial), asked)
        shares = reduce(operator.add, map(controls.sums, parts)).shares()
        if quantity not in shares:
            raise NoExactSolutionError("a false claim hangs on more than counts")
        return shares[quantity]

    def _drawn(self, law: Counted, asked: Sequence[Comparison]) -> tuple[Counted, list[Numbers]]:
        self.n_tables = n_compared(law, asked, self.at_least)
        rng = stream(self.seed, "tables of a rule")
        parts = parts_of(self.n_tables, law.n_draws)
        return law, [in_folds(law.drawn(size, rng=rng)).distinct() for size in parts]


def _claims(
    counted: Counted,
    asked: Sequence[Comparison],
    truth: IntArray,
    succeeds: Judge,
    *,
    rng: np.random.Generator,
) -> BoolArray:
    """Return which of some trials succeed; `truth` is which holds in each."""
    found = np.zeros(truth.size, dtype=bool)
    for some in _slices(counted, truth.size):
        numbers = counted.drawn(some.stop - some.start, truth=truth[some], rng=rng)
        found[some] = succeeds(counted, asked, numbers)
    return found


def _slices(counted: Counted, n_trials: int) -> Iterator[slice]:
    """Yield which trials are drawn together."""
    begin = 0
    for size in parts_of(n_trials, counted.n_draws):
        yield slice(begin, begin + size)
        begin += size
