"""When each patient of a block drops out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray, StateArray, blocks
from lupusim.common.rng import fill_exponential
from lupusim.records import HazardAlong, Recorder, Rows, Transitions
from lupusim.trial import Dropout, Trial


class DropoutClock:
    """When each patient drops out; watches the states only where the hazard depends on them.

    Parameters
    ----------
    trial : Trial
        Its dropout, arms and states.
    arm : (n_replicates, n_patients) int8 array
        Arm of each patient.
    rng : numpy.random.Generator
        Of nothing else.
    """

    def __init__(self, trial: Trial, arm: StateArray, *, rng: np.random.Generator) -> None:
        dropout = trial.dropout
        self.shape = arm.shape
        self.recorders: tuple[Recorder, ...] = ()
        if dropout.is_never:
            self._time = np.broadcast_to(math.inf, arm.shape)
            return
        if dropout.hazard is None and dropout.is_alike:
            self._time = _at_constant_hazard(dropout.per_year, arm.shape, rng)
            return
        threshold = rng.standard_exponential(arm.size)
        if dropout.by_arm:
            with np.errstate(divide="ignore"):
                threshold /= dropout.in_arms([one.name for one in trial.arms])[arm.ravel()]
        if dropout.by_state:
            self._along = _AlongHistory(dropout, dropout.in_states(trial.states), threshold)
            self.recorders = (self._along,)
        else:
            self._time = dropout.inverse_cumulative(threshold).reshape(arm.shape)

    @property
    def known(self) -> FloatArray:
        """What is known of it before anybody's disease is: ``inf`` where it depends on states."""
        return np.broadcast_to(math.inf, self.shape) if self.recorders else self._time

    @property
    def time(self) -> FloatArray:
        """Study time (years) of dropout; ``inf`` for those who stay."""
        if self.recorders:
            return self._along.time.reshape(self.shape)
        return self._time


def _at_constant_hazard(
    per_year: float, shape: tuple[int, ...], rng: np.random.Generator
) -> FloatArray:
    """Return study times (years) of dropout at a constant hazard, the same for everybody."""
    time = np.empty(shape)
    # SPEED: drawn and divided while it is in cache (benchmarks/cases.py)
    with np.errstate(over="ignore"):  # a hazard of 1e-300 is never, as infinity says
        for block in blocks(*shape):
            fill_exponential(time[block], rng=rng)
            time[block] /= per_year
    return time


class _AlongHistory:
    """Follows the states in the time in which dropout has hazard 1: its cumulative hazard."""

    def __init__(self, dropout: Dropout, multipliers: FloatArray, threshold: FloatArray) -> None:
        self.dropout = dropout
        self.clock = HazardAlong(multipliers, threshold)

    def start(self, rows: Rows, state: StateArray) -> None:
        """Take note of the starting states."""
        self.clock.start(rows, state)

    def record(self, batch: Transitions) -> None:
        """Use up the threshold over the stay that ends."""
        entry_time = self.dropout.cumulative(batch.entry_time)
        time = self.dropout.cumulative(batch.time)
        self.clock.record(replace(batch, entry_time=entry_time, time=time))

    @property
    def time(self) -> FloatArray:
        """Study time (years) of dropout, shape (n_patients,)."""
        return self.dropout.inverse_cumulative(self.clock.time)
