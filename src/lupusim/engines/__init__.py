"""Three ways to one answer: exact solution, event by event, vectorised.

The two that draw random numbers take the same arguments and feed the same recorders; they
share nothing else, so that each checks the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from lupusim.common.rng import stream
from lupusim.common.spelling import nearest
from lupusim.model import MultiStateModel
from lupusim.records import Cohort, Recorder, TransitionLog
from lupusim.records.histories import Histories
from lupusim.trial.treatment.supply import Dispense

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PATIENTS_PER_BLOCK", "Engine", "named_dispense", "named_engine", "simulate"]

PATIENTS_PER_BLOCK = 60_000
"""Patients followed together; their arrays stay in the processor's cache."""


class Engine(Protocol):
    """A stochastic engine."""

    def __call__(
        self,
        model: MultiStateModel,
        cohort: Cohort,
        *,
        horizon: float,
        recorders: Sequence[Recorder],
        rng: np.random.Generator,
    ) -> None:
        """Follow every patient of a cohort to the horizon (study time, years)."""
        ...


def named_engine(name: str) -> Engine:
    """Return the engine called ``vector`` or ``events``.

    Raises
    ------
    ValueError
        For any other name.
    """
    if name == "vector":
        from lupusim.engines import vector

        return vector.simulate
    if name == "events":
        from lupusim.engines import events

        return events.simulate
    raise ValueError(f"engine={name!r} is unknown. {nearest(name, ['vector', 'events'])}")


def named_dispense(name: str) -> Dispense:
    """Return how the engine called ``vector`` or ``events`` deals out doses.

    Raises
    ------
    ValueError
        For any other name.
    """
    if name == "vector":
        from lupusim.engines import vector_supply

        return vector_supply.dispense
    if name == "events":
        from lupusim.engines import events_supply

        return events_supply.dispense
    raise ValueError(f"engine={name!r} is unknown. {nearest(name, ['vector', 'events'])}")


def simulate(
    model: MultiStateModel,
    n_patients: int,
    horizon: float,
    *,
    engine: str = "vector",
    seed: int,
) -> Histories:
    """Simulate the complete histories of patients who follow a model.

    Parameters
    ----------
    model : MultiStateModel
        From :func:`lupusim.load_model`.
    n_patients : int
        How many, at least 1.
    horizon : float
        Study time (years) up to which they are followed; ``inf`` only for models in which
        an absorbing state ends every history.
    engine : {"vector", "events"}
        Vectorised, or event by event (SimPy).
    seed : int
        The same seed gives the same patients.

    Returns
    -------
    Histories
        With ``.occupancy(times)`` and ``.transitions()``.

    Raises
    ------
    ValueError
        If a number is out of range or the engine unknown.

    Examples
    --------
    >>> import lupusim
    >>> histories = lupusim.simulate("illness-death", 1000, 5.0, seed=1)
    >>> histories.transitions().columns.tolist()
    ['patient', 'from_state', 'to_state', 'entry_time', 'study_time', 'sojourn_time']
    """
    if n_patients < 1:
        raise ValueError(f"n_patients={n_patients!r} must be at least 1")
    if not horizon > 0:
        raise ValueError(f"horizon={horizon!r} must be above 0 years")
    follow = named_engine(engine)
    log = TransitionLog(n_patients)
    for begin in range(0, n_patients, PATIENTS_PER_BLOCK):
        rows = slice(begin, min(begin + PATIENTS_PER_BLOCK, n_patients))
        cohort = Cohort(n_patients=rows.stop - rows.start, rows=rows)
        rng = stream(seed, "histories", begin)
        follow(model, cohort, horizon=horizon, recorders=[log], rng=rng)
    return Histories(model.states, horizon, log)
