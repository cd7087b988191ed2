"""Responders by arm: what every comparison of two proportions needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import everyone_or, flags, lead_shape
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, count_rows
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TwoByTwo(Shown):
    """A fourfold table for each replicate.

    Parameters
    ----------
    responders, n : (n_replicates,) arrays
        Of the experimental arm.
    control_responders, control_n : (n_replicates,) arrays
        Of the control arm.

    Examples
    --------
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> two_by_two(response, arm).responders.tolist()
    3.0
    """

    responders: FloatArray
    n: FloatArray
    control_responders: FloatArray
    control_n: FloatArray

    @property
    def proportion(self) -> FloatArray:
        """Share of responders on the experimental arm; 0 if nobody is on it."""
        return self.responders / np.maximum(self.n, 1)

    @property
    def control_proportion(self) -> FloatArray:
        """Share of responders on the control arm; 0 if nobody is on it."""
        return self.control_responders / np.maximum(self.control_n, 1)

    @property
    def has_empty_arm(self) -> BoolArray:
        """Whether there is nobody to compare."""
        return np.asarray((self.n == 0) | (self.control_n == 0), dtype=bool)

    @property
    def has_no_variation(self) -> BoolArray:
        """Whether an arm is empty, or everybody responds, or nobody does."""
        total = self.responders + self.control_responders
        everybody = self.n + self.control_n
        return np.asarray(self.has_empty_arm | (total == 0) | (total == everybody), dtype=bool)

    def counts(self) -> IntArray:
        """Return the tables as integers, shape (4, n_replicates), in the order of the fields."""
        fields = (self.responders, self.n, self.control_responders, self.control_n)
        return np.stack([np.atleast_1d(np.asarray(field)).astype(np.intp) for field in fields])


@takes_labels
def two_by_two(
    response: ArrayLike, arm: ArrayLike, *, included: ArrayLike | None = None
) -> TwoByTwo:
    """Count the responders of each arm.

    Parameters
    ----------
    response : (n_replicates, n_patients) or (n_patients,) array of 0 and 1
        Whether the patient responded.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `response` or (n_patients,).
    included : boolean array or None
        Who belongs to the analysis set; None means all.

    Raises
    ------
    ValueError
        If shapes don't fit or flags are not 0 or 1.

    Examples
    --------
    >>> table = two_by_two([1, 1, 0, 1, 0, 0], [1, 1, 1, 0, 0, 0])
    >>> table.counts().ravel().tolist()
    [2, 3, 1, 3]
    """
    lead = lead_shape(response=response, arm=arm, included=included)
    responds, treated = flags("response", response), flags("arm", arm)
    member = everyone_or(included)
    everybody = np.ones((1, 1), dtype=bool) if member is None else member
    cells = (responds & treated & everybody, treated & everybody)
    control_cells = (responds & ~treated & everybody, ~treated & everybody)
    n_patients = responds.shape[1]
    responders, n, control_responders, control_n = (
        _totals(cell, n_patients, lead) for cell in (*cells, *control_cells)
    )
    return TwoByTwo(
        responders=responders, n=n, control_responders=control_responders, control_n=control_n
    )


def _totals(cell: BoolArray, n_patients: int, lead: tuple[int, ...]) -> FloatArray:
    members = np.broadcast_to(cell, (cell.shape[0], n_patients))
    total = count_rows(members).astype(float)
    return np.broadcast_to(total, lead or (1,)).reshape(lead)


def per_distinct_table(table: TwoByTwo, function: Callable[[IntArray], FloatArray]) -> FloatArray:
    """Return `function` of every table, computed once for each distinct table.

    Parameters
    ----------
    table : TwoByTwo
    function : callable
        Takes distinct tables (4, n_distinct), returns an array (..., n_distinct).

    Returns
    -------
    (..., n_replicates) array
        The last axis is missing if `table` holds a single trial.
    """
    counts = table.counts()
    base = int(counts.max(initial=0)) + 1
    code = np.polyval(counts, base)
    _, first, back = np.unique(code, return_index=True, return_inverse=True)
    values = function(counts[:, first])[..., back.reshape(-1)]
    return values.reshape(values.shape[:-1] + np.shape(table.n))


def all_tables(n: int, control_n: int) -> TwoByTwo:
    """Return every possible table of two arm sizes, (n + 1) * (control_n + 1) of them.

    The number of responders on the control arm runs fastest.

    Examples
    --------
    >>> all_tables(1, 1).responders.tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    responders, control_responders = np.divmod(
        np.arange((n + 1) * (control_n + 1), dtype=float), control_n + 1
    )
    return TwoByTwo(
        responders=responders,
        n=np.full_like(responders, n),
        control_responders=control_responders,
        control_n=np.full_like(responders, control_n),
    )
