"""The cohort of a discrete-time model, cycle by cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import FloatArray, StateArray
from lupusim.common.frozen import dataclass
from lupusim.model.cycles import CohortModel

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where a cohort is after each cycle, and who moved in it."""

    occupancy: FloatArray
    """Share of the cohort in each state, at the start and after each cycle; (n_cycles + 1,
    n_states)."""
    moves: FloatArray
    """Share of the cohort that is in one state before each cycle and in another after it;
    (n_cycles, n_states, n_states)."""


def course(model: CohortModel, n_cycles: int) -> Course:
    """Move a cohort through so many cycles."""
    if n_cycles < 1:
        raise ValueError(f"n_cycles={n_cycles!r} must be at least 1")
    matrices = model.matrices(n_cycles)
    occupancy = np.empty((n_cycles + 1, len(model.states)))
    occupancy[0] = model.start
    for cycle, matrix in enumerate(matrices):
        occupancy[cycle + 1] = occupancy[cycle] @ matrix
    return Course(occupancy=occupancy, moves=occupancy[:-1, :, None] * matrices)


def trace(model: CohortModel, n_cycles: int) -> pd.DataFrame:
    """Return the share of a cohort in each state, at the start and after each cycle.

    Parameters
    ----------
    model : CohortModel
        From :func:`lupusim.load_cohort_model` or :func:`lupusim.in_cycles`.
    n_cycles : int
        How many, at least 1.

    Returns
    -------
    pandas.DataFrame
        Index ``cycle`` from 0, a column per state.

    Examples
    --------
    >>> import lupusim
    >>> model = lupusim.load_cohort_model("sick-sicker-yearly")
    >>> lupusim.trace(model, 5).loc[5].round(3).tolist()
    [0.707, 0.206, 0.072, 0.015]
    """
    import pandas as pd

    index = pd.RangeIndex(n_cycles + 1, name="cycle")
    return pd.DataFrame(course(model, n_cycles).occupancy, index=index, columns=list(model.states))


def walks(
    model: CohortModel, n_cycles: int, n_patients: int, *, rng: np.random.Generator
) -> StateArray:
    """Return the states (n_cycles + 1, n_patients) of single patients of a cohort model."""
    states: StateArray = np.empty((n_cycles + 1, n_patients), dtype=np.int8)
    cumulative = np.cumsum(model.matrices(n_cycles), axis=2)
    states[0] = np.searchsorted(np.cumsum(model.start)[:-1], rng.random(n_patients), side="right")
    for cycle, upper in enumerate(cumulative):
        draw = rng.random(n_patients)
        states[cycle + 1] = (draw[:, None] >= upper[states[cycle], :-1]).sum(axis=1)
    return states
