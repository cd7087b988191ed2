"""Control variates of a block of trials: what is random in them, and known in law."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.survival.logrank_looks import Exits
from lupusim.arrays import FloatArray, blocks
from lupusim.frozen import dataclass
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.moments import Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a patient adds to a sum, by arm, event and cell of study time.

    Parameters
    ----------
    width : float
        Of a cell, years; cell 0 is the time 0 itself.
    adds : (n_arms, 2, n_cells + 1) array
        Without and with an event that is seen.
    mean : (n_arms, n_cells + 1) array
        Its mean given the time from randomization until the data are cut.
    """

    width: float
    adds: FloatArray
    mean: FloatArray

    @property
    def longest(self) -> float:
        """Study time (years) that the table ends at."""
        return float(self.width * (self.mean.shape[1] - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class CutDate:
    """A date at which the data are cut for a sum: it depends on the enrollment alone.

    Parameters
    ----------
    date : float
        Calendar time (years) for an average enrollment.
    first : int
        Of so many patients, who come first, the mean date of randomization moves it.
    mean : float
        That mean in an average enrollment (years).
    bounds : (float, float)
        Earliest and latest.
    """

    date: float
    first: int
    mean: float
    bounds: tuple[float, float]

    def of(self, enrolled: FloatArray) -> FloatArray:
        """Return the date of each replicate, (n_replicates,)."""
        moved = self.date + enrolled[:, : self.first].mean(axis=1) - self.mean
        return np.asarray(np.clip(moved, *self.bounds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A sum over patients at a date of its own, and smoothed steps of it.

    Parameters
    ----------
    cut : CutDate
        When the data are cut for it.
    table : Table
        What each patient adds.
    thresholds : (n_steps,) array
        Where the steps are.
    scale : float
        How smooth they are.
    expected, error : (n_steps,) arrays
        Exact mean of each step, and the standard error of what is not exact in it: the average
        over enrollments.
    """

    cut: CutDate
    table: Table
    thresholds: FloatArray
    scale: float
    expected: FloatArray
    error: FloatArray

    def sums(self, exits: Exits) -> FloatArray:
        """Return the sum of each replicate, (n_replicates,).

        Parameters
        ----------
        exits : Exits
            Of all patients, were the data never cut.
        """
        date = self.cut.of(exits.enrollment_time)
        found = np.empty(date.size)
        for part in blocks(*exits.time.shape):
            found[part] = self._summed(exits, date[part], part)
        return found

    def _summed(self, exits: Exits, date: FloatArray, part: slice) -> FloatArray:
        # SPEED: cells are found by rounding up, and looked up in flat tables, while they are in
        # cache (benchmarks/cases.py)
        n_cells = self.table.mean.shape[1]
        there = date[:, None] - exits.enrollment_time[part]
        there *= 1.0 / self.table.width
        np.clip(there, 0.0, n_cells - 1, out=there)
        time = exits.time[part] * (1.0 / self.table.width)
        seen = exits.event[part] & (time <= there)
        np.minimum(time, there, out=time)
        np.ceil(time, out=time)
        cell = time.astype(np.int32)
        of_arm = exits.arm[part] * np.int32(n_cells)
        cell += 2 * of_arm
        cell += seen * np.int32(n_cells)
        added = self.table.adds.ravel().take(cell)
        np.ceil(there, out=there)
        of_arm += there.astype(np.int32)
        added -= self.table.mean.ravel().take(of_arm)
        return np.asarray(added.sum(axis=1))

    def steps(self, sums: FloatArray) -> FloatArray:
        """Return the steps less their expectations, (n_replicates, n_steps)."""
        with np.errstate(over="ignore"):  # far above the threshold: 0, as infinity says
            high = np.exp((sums[:, None] - self.thresholds) / self.scale)
        return 1.0 / (1.0 + high) - self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """All that is known in law of a trial's replicates.

    Parameters
    ----------
    scores : sequence of Score
        Sums over its patients.
    """

    scores: Sequence[Score]

    def moments(self, claims: FloatArray, generated: Generated) -> Moments:
        """Return the sums of a block of replicates, of whom some claim an effect."""
        return Moments.of(claims, self.values(generated), self.error)

    def values(self, generated: Generated) -> FloatArray:
        """Return what has mean 0 in every replicate, (n_replicates, n_controls)."""
        exits = _exits(generated)
        return np.concatenate([score.steps(score.sums(exits)) for score in self.scores], axis=1)

    @property
    def error(self) -> FloatArray:
        """Standard error of each control's mean, (n_controls,)."""
        return np.concatenate([score.error for score in self.scores])


def _exits(generated: Generated) -> Exits:
    """Return when patients would leave the risk set if the data were never cut."""
    never = np.full(len(generated.arm), np.inf)
    whole, measurement = observed(generated, never), generated.measurements[0]
    exits = measurement.exits(whole)
    if exits is not None:
        return exits
    outcome = cast(SurvivalOutcome, measurement.outcome(whole))
    return Exits(
        time=outcome.time,
        event=outcome.event,
        arm=generated.arm,
        enrollment_time=generated.enrollment_time,
    )
