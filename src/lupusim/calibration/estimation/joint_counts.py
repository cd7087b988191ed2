"""Counts of the same patients as one multinomial over their paths, whatever was published of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lupusim.calibration.estimation.margin_sums import (
    Listed,
    Margins,
    independent_rows,
    list_tables,
    log_sum,
    nearest_counts,
    possible_columns,
    tilt,
)
from lupusim.calibration.targets.margins import Margin
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass

SHIFT = 50.0
"""Added to what is no sum of squares, so that its root exists and bends little."""

_ROUNDING = 1.0  # patients by which counts may disagree without being called contradictory
_SMALLEST = 1e-13


class ContradictionError(ValueError):
    """Counts that the same patients can't have; `size` is by how many patients at least.

    With `is_partial` they can, if some denominators are but the patients who were followed.
    """

    def __init__(self, size: float, *, is_partial: bool) -> None:
        self.size = size
        self.is_partial = is_partial
        super().__init__(f"the counts contradict each other by {size:.3g} patients")


@dataclass(frozen=True, slots=True, kw_only=True)
class JointCounts:
    """The published counts of some patients, and the tables that may stand behind them."""

    margins: Margins  # over the columns that may hold anybody
    rows: IntArray  # margins that are independent of each other
    tables: Listed  # all that have the margins; nothing where they are too many
    members: FloatArray  # 1 where a path belongs to a column; (n_columns, n_paths)
    asked: FloatArray  # 1 where a path may belong to a layer at all; (n_layers, n_paths)
    rounding: float = 0.0  # patients by which the counts had to be moved so that they fit together

    @property
    def is_determined(self) -> bool:
        """Whether a single table stands behind the counts."""
        return len(self.tables) == 1 and len(self.tables[0][1]) == 1

    def columns(self, paths: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return how probable the columns are, each within its layer, and what is left of it.

        Parameters
        ----------
        paths : (n, n_paths) array
            Probabilities of the paths.

        Returns
        -------
        probabilities : (n, n_columns) array
        left : (n, n_layers) array
            Probability of the columns of each layer in which, by the counts, nobody is.
        """
        whole = np.maximum(paths @ self.asked.T, _SMALLEST)
        probabilities = paths @ self.members.T / whole[:, self.margins.layer]
        layers = self.margins.layer == np.arange(self.margins.sizes.size)[:, None]
        left = 1 - probabilities @ layers.T.astype(float)
        return np.maximum(probabilities, _SMALLEST), np.clip(left, 0.0, 1.0)

    def residuals(self, paths: FloatArray) -> FloatArray:
        """Return residuals; half the sum of their squares, plus `constant`, is - log P.

        The first are deviance residuals of the tilted table. The last one, where many tables
        stand behind the counts, is the root of the rest.
        """
        probabilities, left = self.columns(paths)
        sizes = self.margins.sizes
        unfilled = np.sqrt(2 * sizes * left)
        expected = sizes[self.margins.layer] * probabilities
        if self.is_determined:
            table = self.tables[0][1][0]
            return np.hstack([deviance_residuals(table, expected), unfilled])
        tilted = tilt(self.margins, self.rows, probabilities)
        fitted = np.hstack([deviance_residuals(tilted.table, expected), unfilled])
        rest = tilted.spread
        if self.tables:
            divergence = 0.5 * (fitted**2).sum(axis=1)
            rest = -log_sum(self.margins, self.tables, probabilities) - divergence
        root = np.sqrt(np.maximum(2 * (rest + SHIFT), 0.0))
        return np.hstack([fitted, root[:, None]])

    @property
    def n_rest(self) -> int:
        """How many residuals, the last ones, say nothing of a misfit."""
        return 0 if self.is_determined else 1

    @property
    def constant(self) -> float:
        """What half the squared residuals lack to minus the log probability."""
        if not self.is_determined:
            return -SHIFT
        from scipy.special import gammaln

        table, sizes = self.tables[0][1][0], self.margins.sizes[self.margins.layer]
        logs = np.log(np.where(table > 0, table / sizes, 1.0))
        ways = gammaln(self.margins.sizes + 1).sum() - gammaln(table + 1).sum()
        return float(-ways - (table * logs).sum())


def join(margins: Sequence[Margin], answers: BoolArray, n_patients: float) -> JointCounts:
    """Return the joint counts of a study's margins.

    Parameters
    ----------
    margins : sequence of Margin
        What the study says.
    answers : (n_paths, n_margins) boolean array
        What patients on each path answer.
    n_patients : float
        The whole study.

    Raises
    ------
    ContradictionError
        If no patients can have these counts, by more than rounding explains.
    """
    sums, asked = _layered(margins, answers, n_patients)
    rounding, counts = _rounded(sums, _denominators(margins))
    sums = replace(sums, counts=counts)
    members = asked.copy()
    own = np.ones((sums.sizes.size, len(answers)))
    conditions = np.array([margin.is_condition for margin in margins])
    if sums.sizes.size == 1 and conditions.any():
        sums, own = _given(sums, conditions, members)
    kept = possible_columns(sums)
    filled, layer = np.unique(sums.layer[kept], return_inverse=True)
    members, own = members[kept], own[filled]
    sums = replace(sums, sums=sums.sums[:, kept], layer=layer, sizes=sums.sizes[filled])
    rows = independent_rows(sums.all_sums, sums.sizes.size)
    rows = rows[rows < len(sums.sums)]
    return JointCounts(
        margins=sums,
        rows=rows,
        tables=_tables(sums, rows),
        members=members,
        asked=own,
        rounding=rounding,
    )


def check_joint(margins: Sequence[Margin], answers: BoolArray, n_patients: float) -> None:
    """Raise ContradictionError where :func:`join` does."""
    _rounded(_layered(margins, answers, n_patients)[0], _denominators(margins))


def _denominators(margins: Sequence[Margin]) -> IntArray:
    """Return for each count the position of its denominator of those followed; -1 for none."""
    found, whole = np.full(len(margins), -1), -1
    for k in reversed(range(len(margins))):
        if margins[k].may_be_more:
            whole = k if margins[k].is_condition else whole
            found[k] = whole
    return found


def _rounded(sums: Margins, within: IntArray) -> tuple[float, FloatArray]:
    """Return by how many patients counts must be moved to fit together, and where to."""
    counts = nearest_counts(sums)
    size = float(np.abs(counts - sums.counts).sum())
    if size > _ROUNDING + 1e-6:
        change = nearest_counts(sums, within) - sums.counts
        cost = np.where(within >= 0, np.minimum(change, 0.0), change)
        is_partial = float(np.abs(cost).sum()) <= _ROUNDING + 1e-6
        raise ContradictionError(size, is_partial=is_partial)
    return (size, counts) if size > 1e-6 else (0.0, sums.counts)


def _tables(sums: Margins, rows: IntArray) -> Listed:
    """Return all tables; the only one, where the margins determine it, whole or not."""
    if rows.size + sums.sizes.size == sums.layer.size:
        table = np.linalg.lstsq(sums.all_sums, sums.all_counts, rcond=None)[0]
        return ((1.0, np.maximum(table, 0.0)[None]),)
    return list_tables(sums)


def _layered(
    margins: Sequence[Margin], answers: BoolArray, n_patients: float
) -> tuple[Margins, FloatArray]:
    """Return the sums over columns, and which paths make up each column.

    Patients asked fewer questions are a layer of their own: the smaller groups are parts of
    the larger.
    """
    asked = np.array([n_patients if m.n is None else m.n for m in margins])
    answers = answers ^ np.array([margin.says_no for margin in margins])
    levels = np.unique(asked)
    sizes = np.diff(np.concatenate([[0.0], levels]))
    columns, members, layer = [], [], []
    for number, level in enumerate(levels.tolist()):
        there = np.where(asked >= level, answers, False)
        rows, which = np.unique(there, axis=0, return_inverse=True)
        columns.append(rows.astype(float))
        members.append(which.ravel() == np.arange(len(rows))[:, None])
        layer += [number] * len(rows)
    sums = Margins(
        sums=np.concatenate(columns).T,
        counts=np.array([margin.count for margin in margins], dtype=float),
        layer=np.array(layer),
        sizes=sizes,
    )
    return sums, np.concatenate(members).astype(float)


def _given(sums: Margins, conditions: BoolArray, members: FloatArray) -> tuple[Margins, FloatArray]:
    """Return the sums given the denominators that nothing else says: layers of their own.

    Where the denominators don't say how many patients each combination of them has, they count
    as published.
    """
    said = replace(sums, sums=sums.sums[~conditions], counts=sums.counts[~conditions])
    kept = possible_columns(said)
    whole = said.all_sums[:, kept]
    rank = np.linalg.matrix_rank(whole)
    news = [
        row
        for row in np.flatnonzero(conditions).tolist()
        if np.linalg.matrix_rank(np.vstack([whole, sums.sums[row, kept]])) > rank
    ]
    everybody = np.ones((1, members.shape[1]))
    if not news:
        return sums, everybody
    groups, layer = np.unique(sums.sums[news].T, axis=0, return_inverse=True)
    parted = Margins(
        sums=groups.T,
        counts=sums.counts[news],
        layer=np.zeros(len(groups), dtype=int),
        sizes=sums.sizes,
    )
    filled = possible_columns(parted)
    whole = parted.all_sums[:, filled]
    if np.linalg.matrix_rank(whole) < filled.sum():
        return sums, everybody
    sizes = np.zeros(len(groups))
    sizes[filled] = np.linalg.lstsq(whole, parted.all_counts, rcond=None)[0]
    layer = layer.ravel()
    own = np.array([members[layer == k].sum(axis=0) for k in range(len(groups))])
    return replace(sums, layer=layer, sizes=sizes), own


def deviance_residuals(observed: FloatArray, expected: FloatArray) -> FloatArray:
    r"""Return signed roots of :math:`2 (n \log(n / \mu) - n + \mu)`; shape of `expected`.

    Near :math:`\mu = n` the root is taken of a series, because the difference of the two
    sides would lose half of the digits just where the search ends.
    """
    n = np.broadcast_to(observed, expected.shape)
    safe = np.where(n > 0, n, 1.0)
    gap = (expected - n) / safe
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = np.sqrt(np.maximum(2 * safe * (gap - np.log1p(gap)), 0.0))
    series = np.sqrt(safe) * np.abs(gap) * np.sqrt(1 - gap * 2 / 3 + gap**2 / 2)
    some = np.where(np.abs(gap) < 1e-3, series, exact) * np.sign(gap)
    return np.asarray(np.where(n > 0, some, np.sqrt(2 * np.maximum(expected, 0.0))))
