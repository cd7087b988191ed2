"""Fisher's exact test."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.binomial import log_factorials
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.proportions.exact_tests import ExactTest
from lupusim.analysis.proportions.two_by_two import TwoByTwo, per_distinct_table, two_by_two
from lupusim.analysis.results import ExactResult
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.trial.test_method import TESTS

_SHARED_BY = 16  # tables for each margin, from which on sorting is faster
_AS_LIKELY = 1 + 1e-7  # as R's fisher.test: tables this much likelier still count as equal
_CELLS = 1_000_000  # table entries held in memory at once


@takes_labels
def fisher_exact(
    response: ArrayLike, arm: ArrayLike, *, included: ArrayLike | None = None
) -> ExactResult:
    """Compare two proportions by Fisher's exact test.

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
        `p_greater` speaks for more responders on the experimental arm. The two-sided
        p-value adds up all tables that are at most as likely as the one observed.
        Undefined where an arm is empty, all respond, or nobody does.

    Raises
    ------
    ValueError
        If shapes don't fit, or flags are not 0 or 1.

    References
    ----------
    Fisher (1935), *Journal of the Royal Statistical Society* 98, 39-82.

    Examples
    --------
    The lady tasting tea, three of four cups right.

    >>> result = fisher_exact([1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0])
    >>> round(float(result.p_greater), 4), round(float(result.p_two_sided), 4)
    (0.2429, 0.4857)
    """
    return fisher_exact_of(two_by_two(response, arm, included=included))


def fisher_exact_of(table: TwoByTwo) -> ExactResult:
    """Compare two proportions as `fisher_exact` does, from counts."""
    p_less, p_greater, p_two_sided = per_distinct_table(table, fisher_p_values)
    return ExactResult(
        p_less=p_less,
        p_greater=p_greater,
        p_two_sided=p_two_sided,
        undefined=table.has_no_variation,
    )


def fisher_p_values(counts: IntArray) -> FloatArray:
    """Return one-sided (less, greater) and two-sided p-values of tables.

    Parameters
    ----------
    counts : (4, n_tables) integer array
        As `TwoByTwo.counts` gives them.

    Returns
    -------
    (3, n_tables) array
    """
    width = int(counts[[1, 3]].min(axis=0).max(initial=0)) + 1
    size = max(1, _CELLS // width)
    n_tables = counts.shape[1]
    # SPEED: tables of one part then share their margins (benchmarks/analyses.py)
    order = np.lexsort((counts[0] + counts[2], counts[3], counts[1]))
    found = np.empty((3, n_tables))
    for i in range(0, n_tables, size):
        part = order[i : i + size]
        found[:, part] = _p_values(counts[:, part], width)
    return found


def _p_values(counts: IntArray, width: int) -> FloatArray:
    """Return the p-values; the hypergeometric distributions have at most `width` points."""
    responders, n, control_responders, control_n = counts
    margins = np.stack([responders + control_responders, n, control_n])
    base = int(margins.max()) + 1
    # SPEED: tables with the same margins share their distribution (benchmarks/analyses.py)
    _, first, back = np.unique(np.polyval(margins, base), return_index=True, return_inverse=True)
    likelihood, fewest = _hypergeometric(margins[:, first], width)
    place = responders - fewest[back]
    observed = likelihood[back, place]
    p_less = likelihood.cumsum(axis=1)[back, place]
    p_greater = likelihood[:, ::-1].cumsum(axis=1)[:, ::-1][back, place]
    p_two_sided = _as_unlikely(likelihood, back, observed * _AS_LIKELY)
    return np.stack([p_less, p_greater, p_two_sided]).clip(max=1.0)


def _as_unlikely(likelihood: FloatArray, row: IntArray, at_most: FloatArray) -> FloatArray:
    """Return the probability of what is at most so likely, each value in its row."""
    if len(likelihood) * _SHARED_BY < row.size:
        found = np.empty(row.size)
        rising = np.sort(likelihood, axis=1)
        reached = rising.cumsum(axis=1)
        for k, values in enumerate(rising):
            here = row == k
            found[here] = reached[k, np.searchsorted(values, at_most[here], side="right") - 1]
        return found
    of_table = likelihood[row]
    return np.asarray(np.einsum("ij,ij->i", of_table, of_table <= at_most[:, np.newaxis]))


def _hypergeometric(margins: IntArray, width: int) -> tuple[FloatArray, IntArray]:
    """Return the probabilities of all tables with given margins, and the fewest responders."""
    total, n, control_n = margins[:, :, np.newaxis]
    fewest = np.maximum(0, total - control_n)
    value = fewest + np.arange(width)
    possible = value <= np.minimum(n, total)
    inside = np.where(possible, value, fewest)
    log_factorial = log_factorials(int((n + control_n).max()))
    weight = np.where(
        possible,
        -log_factorial[inside]
        - log_factorial[n - inside]
        - log_factorial[total - inside]
        - log_factorial[control_n - total + inside],
        -np.inf,
    )
    likelihood = np.exp(weight - weight.max(axis=1, keepdims=True))
    return likelihood / likelihood.sum(axis=1, keepdims=True), fewest[:, 0]


TESTS.register("fisher_exact")(ExactTest(exact=fisher_exact_of))
