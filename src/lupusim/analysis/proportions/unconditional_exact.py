"""Unconditional exact tests of two proportions: Boschloo and Barnard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.binomial import log_factorials
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.numerics.rehearsal import Once, rehearsal
from lupusim.analysis.proportions.exact_tests import ExactTest
from lupusim.analysis.proportions.fisher_exact import fisher_p_values
from lupusim.analysis.proportions.risk_difference import risk_difference_of
from lupusim.analysis.proportions.two_by_two import TwoByTwo, per_distinct_table, two_by_two
from lupusim.analysis.results import ExactResult
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.trial.test_method import TESTS

_N_GRID = 1000  # values of the common response probability; a parabola refines between them
_FEW_TABLES = 10_000  # worked out in a rehearsal, too: 0.1 s
_TIMED_ARM, _N_TIMED = 500, 16  # patients, and for how many probabilities
_BYTES = 220  # of a table, at work

Extremeness = Callable[[IntArray], FloatArray]
"""Tables (4, n_tables) in, numbers out: the smaller, the stronger against the null."""


@takes_labels
def boschloo(
    response: ArrayLike, arm: ArrayLike, *, included: ArrayLike | None = None
) -> ExactResult:
    """Compare two proportions by Boschloo's exact test.

    Tables are ordered by Fisher's one-sided p-value; the p-value is the largest
    probability, over the common response probability, of a table as extreme. Uniformly
    more powerful than Fisher's test.

    Parameters
    ----------
    response : (n_replicates, n_patients) or (n_patients,) array of 0 and 1
        Whether the patient responded.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `response` or (n_patients,).
    included : boolean array or None
        Who belongs to the analysis set; None means all.

    Returns
    -------
    ExactResult
        `p_greater` speaks for more responders on the experimental arm; `p_two_sided` is
        twice the smaller one. The maximum is searched on a grid and refined, relative
        error below 1e-5. Undefined where an arm is empty, all respond, or nobody does.

    Raises
    ------
    ValueError
        If shapes don't fit, or flags are not 0 or 1.

    Notes
    -----
    All tables of a pair of arm sizes are worked out at once and remembered: 0.1 s for
    60 + 60 patients, growing with their product.

    References
    ----------
    Boschloo (1970), *Statistica Neerlandica* 24, 1-9.

    Examples
    --------
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> round(float(boschloo(response, arm).p_greater), 4)
    0.1445
    """
    return boschloo_of(two_by_two(response, arm, included=included))


def boschloo_of(table: TwoByTwo) -> ExactResult:
    """Compare two proportions as `boschloo` does, from counts."""
    p_less, p_greater = _one_sided(table, _fisher_less, _fisher_greater)
    return _result(table, p_less, p_greater, np.minimum(1.0, 2 * np.minimum(p_less, p_greater)))


@takes_labels
def barnard(
    response: ArrayLike, arm: ArrayLike, *, included: ArrayLike | None = None
) -> ExactResult:
    """Compare two proportions by Barnard's exact test with the pooled z as its order.

    Parameters
    ----------
    response, arm, included
        See `boschloo`.

    Returns
    -------
    ExactResult
        As `boschloo`, but the two-sided p-value orders tables by the size of z.

    Raises
    ------
    ValueError
        If shapes don't fit, or flags are not 0 or 1.

    References
    ----------
    Barnard (1947), *Biometrika* 34, 123-138; Suissa and Shuster (1985), *Journal of the
    Royal Statistical Society A* 148, 317-327.

    Examples
    --------
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> round(float(barnard(response, arm).p_greater), 4)
    0.1445
    """
    return barnard_of(two_by_two(response, arm, included=included))


def barnard_of(table: TwoByTwo) -> ExactResult:
    """Compare two proportions as `barnard` does, from counts."""
    p_less, p_greater, p_two_sided = _one_sided(table, _z_less, _z_greater, _z_two_sided)
    return _result(table, p_less, p_greater, p_two_sided)


def _result(
    table: TwoByTwo, p_less: FloatArray, p_greater: FloatArray, p_two_sided: FloatArray
) -> ExactResult:
    undefined = table.has_no_variation
    return ExactResult(
        p_less=np.where(undefined, 1.0, p_less),
        p_greater=np.where(undefined, 1.0, p_greater),
        p_two_sided=np.where(undefined, 1.0, p_two_sided),
        undefined=undefined,
    )


def _one_sided(table: TwoByTwo, *orders: Extremeness) -> FloatArray:
    """Return for each order the p-values of all tables; shape (n_orders, n_replicates)."""

    def p_values(counts: IntArray) -> FloatArray:
        values = np.ones((len(orders), counts.shape[1]))
        sizes = counts[[1, 3]]
        for n, control_n in np.unique(sizes, axis=1).T.tolist():
            here = (sizes[0] == n) & (sizes[1] == control_n)
            responders, control_responders = counts[0, here], counts[2, here]
            for row, order in zip(values, orders, strict=True):
                row[here] = p_value_table(n, control_n, order)[responders, control_responders]
        return values

    return per_distinct_table(table, p_values)


def p_value_table(n: int, control_n: int, order: Extremeness) -> FloatArray:
    """Return the unconditional p-value of every table of two arm sizes.

    Parameters
    ----------
    n, control_n : int
        Arm sizes.
    order : callable
        Which tables are more extreme.

    Returns
    -------
    (n + 1, control_n + 1) array
        Read-only; by responders on the experimental and on the control arm. In a rehearsal,
        where the arms are large, all are 1: how long they would take is taken down.
    """
    rehearsed, n_tables = rehearsal(), (n + 1) * (control_n + 1)
    if rehearsed is None or n_tables <= _FEW_TABLES:
        return _p_value_table(n, control_n, order)
    needs = Once(seconds=n_tables * _seconds_per_table(order), bytes=_BYTES * n_tables)
    rehearsed.noted[n, control_n, order] = needs
    return np.broadcast_to(1.0, (n + 1, control_n + 1))


@lru_cache(maxsize=512)
def _p_value_table(n: int, control_n: int, order: Extremeness) -> FloatArray:
    ordered = _Ordered(n, control_n, order)
    largest = ordered.largest(_likelihoods(n, control_n))
    table = np.minimum(largest[ordered.rank], 1.0).reshape(n + 1, control_n + 1)
    table.setflags(write=False)
    return table


class _Ordered:
    """All tables of two arm sizes, from the strongest against the null to the weakest."""

    def __init__(self, n: int, control_n: int, order: Extremeness) -> None:
        x, x0 = (grid.reshape(-1) for grid in np.mgrid[0 : n + 1, 0 : control_n + 1])
        counts = np.stack([x, np.full_like(x, n), x0, np.full_like(x, control_n)])
        _, self.rank = np.unique(np.round(order(counts), 11), return_inverse=True)
        self.sequence = np.argsort(self.rank, kind="stable")
        self.last_of_equals = np.cumsum(np.bincount(self.rank)) - 1

    def largest(self, likelihoods: Iterable[FloatArray]) -> FloatArray:
        """Return for each rank the largest probability of tables up to it."""
        largest = np.zeros(self.last_of_equals.size)
        before = previous = largest
        for likelihood in likelihoods:
            current = np.cumsum(likelihood[self.sequence])[self.last_of_equals]
            np.maximum(largest, _peak(before, previous, current), out=largest)
            before, previous = previous, current
        return largest


@lru_cache
def _seconds_per_table(order: Extremeness) -> float:
    """Return how long one table takes among many, judged by arms of 500."""
    begin = time.perf_counter()
    ordered = _Ordered(_TIMED_ARM, _TIMED_ARM, order)
    some = [*islice(_likelihoods(_TIMED_ARM, _TIMED_ARM), _N_TIMED)]
    ready = time.perf_counter()
    ordered.largest(some)
    each = (time.perf_counter() - ready) / _N_TIMED
    return (ready - begin + (_N_GRID + 2) * each) / (_TIMED_ARM + 1) ** 2


def _likelihoods(n: int, control_n: int) -> Iterator[FloatArray]:
    """Yield the probability of every table for each common response probability, 0 to 1."""
    angle = np.linspace(0, np.pi / 2, _N_GRID + 2)[1:-1, np.newaxis]
    log_yes, log_no = 2 * np.log(np.sin(angle)), 2 * np.log(np.cos(angle))
    binomials = []
    for size in (n, control_n):
        logs, x = log_factorials(size), np.arange(size + 1)
        choose = logs[size] - logs[x] - logs[size - x]
        binomials.append(np.exp(choose + x * log_yes + (size - x) * log_no))
    nobody = np.zeros((n + 1) * (control_n + 1))
    nobody[0] = 1.0
    yield nobody
    for pair in zip(*binomials, strict=True):
        yield np.outer(*pair).reshape(-1)
    yield nobody[::-1]


def _peak(before: FloatArray, previous: FloatArray, current: FloatArray) -> FloatArray:
    """Return the top of the parabola through three neighbors, if the middle one is highest."""
    bend = 2 * previous - before - current
    is_top = (previous >= before) & (previous >= current) & (bend > 0)
    rise = np.where(is_top, (current - before) ** 2 / (8 * np.where(is_top, bend, 1.0)), 0.0)
    return np.asarray(np.maximum(previous + rise, current))


def _fisher_less(counts: IntArray) -> FloatArray:
    return np.asarray(fisher_p_values(counts)[0])


def _fisher_greater(counts: IntArray) -> FloatArray:
    return np.asarray(fisher_p_values(counts)[1])


def _z(counts: IntArray) -> FloatArray:
    responders, n, control_responders, control_n = counts.astype(float)
    table = TwoByTwo(
        responders=responders, n=n, control_responders=control_responders, control_n=control_n
    )
    return risk_difference_of(table).z


def _z_less(counts: IntArray) -> FloatArray:
    return _z(counts)


def _z_greater(counts: IntArray) -> FloatArray:
    return np.asarray(-_z(counts))


def _z_two_sided(counts: IntArray) -> FloatArray:
    return np.asarray(-np.abs(_z(counts)))


TESTS.register("boschloo")(ExactTest(exact=boschloo_of, needs_all_tables=True))
TESTS.register("barnard")(ExactTest(exact=barnard_of, needs_all_tables=True))
