"""Randomization in a trial whose arms join later or leave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.common.frozen import dataclass
from lupusim.trial.allocation.base import Allocation
from lupusim.trial.treatment.arms import Arm

_CONTROL = 1  # sets of arms are sums of powers of 2, and the control is number 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Randomized:
    """Who was randomized to which arm, and among which."""

    arm: StateArray  # arm of each patient; (n_replicates, n_patients)
    open_arms: IntArray
    """Set of arms that were open, as a sum of 2 to the power of their positions; (n_replicates,
    n_patients)."""


def is_open(open_arms: IntArray, arm: int) -> BoolArray:
    """Return whether an arm, by its position, is in sets of arms; same shape."""
    return np.asarray(open_arms >> arm & 1, dtype=bool)


def randomize(
    arms: Sequence[Arm],
    allocation: Allocation,
    *,
    enrollment_time: FloatArray,
    stratum: IntArray,
    rng: np.random.Generator,
) -> Randomized:
    """Randomize every patient among the arms that are open when they come.

    Blocks are drawn afresh at each change of the set of open arms; each holds an open arm as
    often as a block of all arms would. The last experimental arms that are open stay so until
    another opens: nobody comes for the control alone.

    Parameters
    ----------
    arms : sequence of Arm
        Control first, which is always open; one of the others does not join later.
    allocation : Allocation
        Permuted blocks or simple.
    enrollment_time : (n_replicates, n_patients) array
        Calendar times (years), increasing along each row.
    stratum : (n_replicates, n_patients) integer array
        Stratum of each patient for the allocation.
    """
    process = _Process(arms, allocation, enrollment_time=enrollment_time, stratum=stratum)
    while (rows := process.rows_left).size:
        process.advance(rows, rng)
    return Randomized(arm=process.arm, open_arms=process.open_arms)


class _Process:
    """Goes through all replicates together, from one set of open arms to the next."""

    def __init__(
        self,
        arms: Sequence[Arm],
        allocation: Allocation,
        *,
        enrollment_time: FloatArray,
        stratum: IntArray,
    ) -> None:
        self.allocation, self.stratum = allocation, stratum
        self.ratio = [arm.allocation for arm in arms]
        self.planned = _planned(arms, enrollment_time)
        self.most = np.array([a.closes.largest_arm if a.closes else np.inf for a in arms])
        self.arm: StateArray = np.zeros(enrollment_time.shape, dtype=np.int8)
        self.open_arms: IntArray = np.zeros(enrollment_time.shape, dtype=np.intp)
        n_replicates = len(enrollment_time)
        self.start: IntArray = np.zeros(n_replicates, dtype=np.intp)
        self.count = np.zeros((n_replicates, len(arms)))
        first = sum(1 << k for k, arm in enumerate(arms) if arm.joins is None)
        self.now: IntArray = np.full(n_replicates, first, dtype=np.intp)

    @property
    def rows_left(self) -> IntArray:
        """Replicates of which patients are still to be randomized."""
        return np.flatnonzero(self.start < self.arm.shape[1])

    def advance(self, rows: IntArray, rng: np.random.Generator) -> None:
        """Randomize the patients of these replicates up to the next change of open arms."""
        full = ((self.count[rows] >= self.most) << np.arange(len(self.ratio))).sum(axis=1)
        wanted = self.planned[rows] & ~full[:, None]
        here = wanted[np.arange(rows.size), self.start[rows]]
        self.now[rows] = np.where(here > _CONTROL, here, self.now[rows])
        place = np.arange(self.arm.shape[1])
        changes = (wanted > _CONTROL) & (wanted != self.now[rows, None])
        changes &= place > self.start[rows, None]
        end = np.where(changes.any(axis=1), changes.argmax(axis=1), place.size)
        within = (place >= self.start[rows, None]) & (place < end[:, None])
        arm = np.zeros(within.shape, dtype=np.int8)
        for open_now in np.unique(self.now[rows]):
            some = np.flatnonzero(self.now[rows] == open_now)
            arm[some] = self._drawn(rows[some], int(open_now), within[some], rng)
        within &= place < self._filled(rows, arm, within, full)[:, None]
        self.arm[rows] = np.where(within, arm, self.arm[rows])
        self.open_arms[rows] = np.where(within, self.now[rows, None], self.open_arms[rows])
        for number in range(len(self.ratio)):
            self.count[rows, number] += (within & (arm == number)).sum(axis=1)
        self.start[rows] += within.sum(axis=1)

    def _drawn(
        self, rows: IntArray, open_now: int, within: BoolArray, rng: np.random.Generator
    ) -> StateArray:
        """Return arms for the patients in `within`, from blocks of the open arms alone."""
        numbers = [k for k in range(len(self.ratio)) if open_now >> k & 1]
        ratio = [self.ratio[k] for k in numbers]
        place = np.arange(int(within.sum(axis=1).max()))
        source = np.minimum(self.start[rows, None] + place, within.shape[1] - 1)
        stratum = np.take_along_axis(self.stratum[rows], source, axis=1)
        drawn = self.allocation.among(ratio, self.ratio).assign(ratio, stratum, rng=rng)
        own = place < within.sum(axis=1)[:, None]
        arm = np.zeros(within.shape, dtype=np.int8)
        arm[within] = np.array(numbers, dtype=np.int8)[drawn[own]]
        return arm

    def _filled(
        self, rows: IntArray, arm: StateArray, within: BoolArray, full: IntArray
    ) -> IntArray:
        """Return the place behind the first patient who fills an arm, where others are open."""
        behind = np.full(rows.size, within.shape[1])
        filling = self.now[rows] & ~full & ~_CONTROL
        for number in np.flatnonzero(np.isfinite(self.most)):
            count = self.count[rows, number, None] + np.cumsum(within & (arm == number), axis=1)
            fills = within & (count >= self.most[number])
            others = filling & ~(1 << int(number))
            fills &= ((others != filling) & (others > 0))[:, None]
            first = np.where(fills.any(axis=1), fills.argmax(axis=1) + 1, within.shape[1])
            behind = np.minimum(behind, first)
        return behind


def _planned(arms: Sequence[Arm], enrollment_time: FloatArray) -> IntArray:
    """Return the arms that are open by date and by the number of patients in the trial."""
    found: IntArray = np.zeros(enrollment_time.shape, dtype=np.intp)
    for number, arm in enumerate(arms):
        there = np.ones(enrollment_time.shape, dtype=bool)
        if arm.joins is not None:
            there &= arm.joins.passed(enrollment_time)
        if arm.closes is not None:
            there &= ~arm.closes.passed(enrollment_time)
        found |= there.astype(np.intp) << number
    return found
