r"""The probability of published margins, summed over every table that could stand behind them.

Patients fall into columns (paths) with probabilities :math:`p_k`; a study publishes sums over
some columns, :math:`A n = m`. With the patients in layers of fixed sizes :math:`n_j` (those
asked everything, those asked less),

.. math:: P(m) = \sum_{n \ge 0:\; A n = m} \prod_j n_j! \prod_k p_k^{n_k} / n_k!.

Where whole tables are few they are listed once and summed over; a count that is not whole
stands between its neighbors. Where they are many a saddlepoint approximation stands in
(Daniels 1954, Annals of Mathematical Statistics 25:631-650; Butler 2007, *Saddlepoint
Approximations*, chapter 3),

.. math:: P(m) \approx e^{-D} \prod_i e^{-v_i} I_0(v_i),

with D the divergence of the tilted probabilities that expect the margins and :math:`v_i` the
variance under them of a margin given those before it. No covariance is held fixed. The usual
factor :math:`(2 \pi v)^{-1/2}` would grow without limit where nothing is left to chance; the
one here, that of a difference of two Poisson counts (Skellam 1946), goes to 1 as it should.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TypeAlias

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass

MOST_TABLES = 20_000
"""More are not listed."""

_MOST_BROKEN = 2  # counts that are not whole
_MOST_STEPS = 60
_CLOSE = 1e-9  # patients by which the margins of a table may differ from those published
_A_LITTLE = 1e-3  # patients that an empty column is offered
_FILLED = 1e-6  # patients: a column with more holds somebody
_HALVINGS = 30
_AT_ONCE = 2_000_000  # products of tables and models


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """Sums over the columns of a table of patients."""

    sums: FloatArray  # 1 where a margin counts a column; (n_margins, n_columns)
    counts: FloatArray  # what was published; (n_margins,)
    layer: IntArray
    """Layer of each column; a margin's columns may be of several layers; (n_columns,)."""
    sizes: FloatArray  # patients in each layer; (n_layers,)

    @property
    def all_sums(self) -> FloatArray:
        """The margins, and the layers' sizes as further ones."""
        layers = self.layer == np.arange(self.sizes.size)[:, None]
        return np.concatenate([self.sums, layers.astype(float)])

    @property
    def all_counts(self) -> FloatArray:
        """What belongs to them."""
        return np.concatenate([self.counts, self.sizes])


def nearest_counts(margins: Margins, within: IntArray | None = None) -> FloatArray:
    """Return the counts nearest to those published that some table, whole or not, has.

    The sum of the changes is the smallest possible; the sizes of the layers stay. Where the
    margins don't contradict each other, the counts themselves.

    Parameters
    ----------
    margins : Margins
        What was published.
    within : (n_margins,) integer array, optional
        Where the true count may be larger at no cost: the margin that must then be larger by
        as much or more, itself for a denominator; -1 where it may not.
    """
    if _has_table(margins):
        return margins.counts
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack

    n_margins, n_columns = margins.sums.shape
    # Rows of the layers have no slack.
    slack = eye_array(len(margins.all_sums), n_margins)
    free = np.full(n_margins, -1) if within is None else within
    wholes = np.unique(free[(free >= 0) & (free != np.arange(n_margins))])
    # What is added to the counts of a denominator is added to it, too.
    parts = (free == wholes[:, None]) * np.where(np.arange(n_margins) == wholes[:, None], -1.0, 1.0)
    found = linprog(
        np.concatenate([np.zeros(n_columns), np.ones(n_margins), free < 0]),
        A_ub=hstack([csr_array((len(parts), n_columns + n_margins)), csr_array(parts)])
        if len(parts)
        else None,
        b_ub=np.zeros(len(parts)) if len(parts) else None,
        A_eq=hstack([csr_array(margins.all_sums), slack, -slack]),
        b_eq=margins.all_counts,
        method="highs",
    )
    if found.status != 0:
        raise ValueError("a layer of patients has no column")
    less, more = found.x[n_columns:].reshape(2, n_margins)
    return np.asarray(margins.counts - less + more)


def _has_table(margins: Margins, *, least: float = 0.0) -> bool:
    """Return whether some table, whole or not, has the published counts, and `least` a column.

    SPEED: least squares cost a twentieth of a linear program, and nearly all published counts
    have a table. Where they find none the program decides.
    """
    from scipy.optimize import nnls

    sums = margins.all_sums
    try:
        return bool(nnls(sums, margins.all_counts - least * sums.sum(axis=1))[1] < _CLOSE)
    except RuntimeError:  # it gave up
        return False


def possible_columns(margins: Margins) -> BoolArray:
    """Return which columns may hold anybody, given the margins; shape (n_columns,).

    Raises
    ------
    ValueError
        If no table has these margins.
    """
    n_columns = margins.sums.shape[1]
    if _has_table(margins, least=_A_LITTLE):
        return np.ones(n_columns, dtype=bool)
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack

    sums, unit = csr_array(margins.all_sums), eye_array(n_columns)
    possible = np.zeros(n_columns, dtype=bool)
    while not possible.all():
        unknown = ~possible
        # The table that fills as many of the unknown columns as can be, each a little.
        found = linprog(
            np.concatenate([np.zeros(n_columns), -np.ones(n_columns)]),
            A_ub=hstack([-unit, unit]),
            b_ub=np.zeros(n_columns),
            A_eq=hstack([sums, csr_array(sums.shape)]),
            b_eq=margins.all_counts,
            bounds=[(0, None)] * n_columns + [(0.0, _A_LITTLE * u) for u in unknown.tolist()],
            method="highs",
        )
        if found.status != 0:
            raise ValueError("no table has these margins")
        filled = (found.x[:n_columns] > _FILLED) & unknown
        if not filled.any():
            break
        possible |= filled
    return possible


def independent_rows(sums: FloatArray, n_first: int) -> IntArray:
    """Return rows of which no one follows from those before; the last `n_first` come first."""
    n = len(sums)
    order = [*range(n - n_first, n), *range(n - n_first)]
    kept: list[int] = []
    for row in order:
        if np.linalg.matrix_rank(sums[[*kept, row]]) > len(kept):
            kept.append(row)
    return np.array(kept)


Listed: TypeAlias = tuple[tuple[float, FloatArray], ...]
"""Tables (n_tables, n_columns) of whole patients, each list with its weight."""


def list_tables(margins: Margins, *, most: int = MOST_TABLES) -> Listed:
    """Return every table of whole patients with these margins; nothing if they are too many.

    Where one or two counts are not whole there is a list for the whole counts on either side,
    with weights as near as they are.
    """
    broken = np.flatnonzero(np.abs(margins.counts - np.round(margins.counts)) > 1e-6)
    if broken.size > _MOST_BROKEN:
        return ()
    found = []
    for ups in product((0, 1), repeat=broken.size):
        counts = np.round(margins.counts)
        counts[broken] = np.floor(margins.counts[broken]) + ups
        near = 1 - np.abs(margins.counts[broken] - counts[broken])
        listed = _whole_tables(replace(margins, counts=counts), most)
        if listed is None:
            return ()
        if len(listed):
            found.append((float(near.prod()), listed.astype(float)))
    total = sum(weight for weight, _ in found)
    return tuple((weight / total, listed) for weight, listed in found)


def _whole_tables(margins: Margins, most: int) -> IntArray | None:
    """Return every table of whole patients; None if they are too many."""
    sums, left = _with_differences(margins)
    if np.abs(left - np.round(left)).max() > 1e-6:
        return np.empty((0, sums.shape[1]), dtype=int)
    rest = np.round(left).astype(int)[None]
    tables = np.zeros((1, 0), dtype=int)
    order = _closing_order(sums, left)
    for k, column in enumerate(order):
        rows = sums[:, column] > 0
        room = np.maximum(rest[:, rows].min(axis=1) + 1, 0)
        if room.sum() > 20 * most:
            return None
        which = np.repeat(np.arange(len(rest)), room)
        count = np.arange(which.size) - np.repeat(np.cumsum(room) - room, room)
        rest = rest[which] - count[:, None] * rows
        closed = ~(sums[:, order[k + 1 :]] > 0).any(axis=1)
        fits = (rest[:, closed] == 0).all(axis=1)
        rest, tables = rest[fits], np.column_stack([tables[which], count])[fits]
        if len(tables) > 20 * most:
            return None
    if len(tables) > most:
        return None
    back = np.empty_like(tables)
    back[:, order] = tables
    return back


def _with_differences(margins: Margins) -> tuple[FloatArray, FloatArray]:
    """Return the sums with what is left of the larger where one sum is a part of another.

    Such as those not in remission: a small count that bounds many columns.
    """
    sums, counts = margins.all_sums, margins.all_counts
    n_patients = margins.sizes.sum()
    whole = np.vstack([sums, np.ones(sums.shape[1])])
    totals = np.append(counts, n_patients)
    found = {tuple(row): count for row, count in zip(sums.tolist(), counts.tolist(), strict=True)}
    for larger, more in zip(whole, totals, strict=True):
        for part, less in zip(sums, counts, strict=True):
            rest = larger - part
            if (rest >= 0).all() and rest.any():
                found.setdefault(tuple(rest.tolist()), float(more - less))
    return np.array(list(found)), np.array(list(found.values()))


def _closing_order(sums: FloatArray, counts: FloatArray) -> IntArray:
    """Return the columns, those first that belong to the smallest counts."""
    order: list[int] = []
    for row in np.argsort(counts, kind="stable").tolist():
        order += [k for k in np.flatnonzero(sums[row]).tolist() if k not in order]
    return np.array(order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tilted:
    """The probabilities nearest to a model's own that expect the published margins."""

    table: FloatArray  # patients that they put into each column; (n, n_columns)
    spread: FloatArray
    """Minus the log of the product over the margins' variances, each given those before; (n,)."""


def tilt(margins: Margins, rows: IntArray, probabilities: FloatArray) -> Tilted:
    """Return the tilted probabilities of each model.

    Parameters
    ----------
    margins : Margins
        Such that each column may hold somebody.
    rows : integer array
        Margins (positions among `margins.sums`) that are independent of each other and of the
        sizes of the layers.
    probabilities : (n, n_columns) array
        Of the columns, in each layer up to a constant.
    """
    from scipy.special import ive

    sums, counts = margins.sums[rows], margins.counts[rows]
    logs = np.log(np.maximum(probabilities, 1e-300))
    layers = [np.flatnonzero(margins.layer == j) for j in range(margins.sizes.size)]
    weights = np.zeros((len(logs), rows.size))
    height = _dual(logs, weights, (sums, counts, layers, margins.sizes))[0]
    for _ in range(_MOST_STEPS):
        _, table = _dual(logs, weights, (sums, counts, layers, margins.sizes))
        error = table @ sums.T - counts
        if np.abs(error).max(initial=0.0) < _CLOSE:
            break
        spread = _spread(table, sums, layers, margins.sizes)
        ridge = 1e-12 * np.trace(spread, axis1=1, axis2=2)[:, None, None] * np.eye(rows.size)
        step = -np.linalg.solve(spread + ridge + 1e-14 * np.eye(rows.size), error[..., None])
        weights, height = _descend(
            logs, (sums, counts, layers, margins.sizes), weights, step[..., 0], height
        )
    _, table = _dual(logs, weights, (sums, counts, layers, margins.sizes))
    spread = _spread(table, sums, layers, margins.sizes)
    tiny = 1e-12 * np.eye(rows.size)
    variances = np.linalg.cholesky(spread + tiny).diagonal(axis1=1, axis2=2) ** 2
    return Tilted(table=table, spread=-np.log(ive(0, variances)).sum(axis=1))


_Sums = tuple[FloatArray, FloatArray, list[IntArray], FloatArray]


def _dual(logs: FloatArray, weights: FloatArray, what: _Sums) -> tuple[FloatArray, FloatArray]:
    """Return what tilting minimizes, and the table that its weights expect."""
    sums, counts, layers, sizes = what
    tilted = logs + weights @ sums
    table = np.zeros(logs.shape)
    height = -weights @ counts
    for own, size in zip(layers, sizes, strict=True):
        top = tilted[:, own].max(axis=1, keepdims=True, initial=-np.inf)
        shares = np.exp(tilted[:, own] - top)
        total = shares.sum(axis=1, keepdims=True)
        height = height + size * (top + np.log(total))[:, 0]
        table[:, own] = size * shares / total
    return height, table


def _spread(
    table: FloatArray, sums: FloatArray, layers: list[IntArray], sizes: FloatArray
) -> FloatArray:
    """Return the covariance of the margins; shape (n, n_margins, n_margins)."""
    spread = np.einsum("rk,nk,sk->nrs", sums, table, sums, optimize=True)
    for own, size in zip(layers, sizes, strict=True):
        mean = table[:, own] @ sums[:, own].T
        spread = spread - mean[:, :, None] * mean[:, None, :] / size
    return np.asarray(spread)


def _descend(
    logs: FloatArray, what: _Sums, weights: FloatArray, step: FloatArray, height: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return weights moved along a step that is halved, each on its own, until it descends."""
    share = np.minimum(1.0, 20.0 / np.maximum(np.abs(step).max(axis=1, initial=0.0), 1e-300))
    best, low = weights.copy(), height.copy()
    waiting = np.arange(len(weights))
    for _ in range(_HALVINGS):
        tried = weights[waiting] + share[waiting, None] * step[waiting]
        there, _ = _dual(logs[waiting], tried, what)
        good = there <= low[waiting] + 1e-12 * np.abs(low[waiting])
        best[waiting[good]], low[waiting[good]] = tried[good], there[good]
        waiting = waiting[~good]
        if waiting.size == 0:
            break
        share[waiting] /= 2
    return best, low


def log_sum(margins: Margins, listed: Listed, probabilities: FloatArray) -> FloatArray:
    """Return the log probability of the margins, summed over the tables listed; shape (n,)."""
    from scipy.special import gammaln, logsumexp

    logs = np.log(np.maximum(probabilities, 1e-300))
    ways = gammaln(margins.sizes + 1).sum()
    total = np.zeros(len(logs))
    for weight, tables in listed:
        constant = ways - gammaln(tables + 1).sum(axis=1)
        size = max(1, _AT_ONCE // len(tables))
        parts = [
            logsumexp(logs[k : k + size] @ tables.T + constant, axis=1)
            for k in range(0, len(logs), size)
        ]
        total += weight * np.concatenate(parts)
    return total
