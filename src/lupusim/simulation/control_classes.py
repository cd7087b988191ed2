"""Sums over responders by class of patient: arm, factors, and the stage they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.simulation.controls import Whole
from lupusim.trial.allocation.open_arms import is_open


class Randomized(Protocol):
    """Patients of some trials as they were randomized."""

    @property
    def arm(self) -> np.ndarray:
        """Arm of each, (n_replicates, n_patients)."""
        ...

    @property
    def enrollment_time(self) -> FloatArray:
        """Calendar times (years) of randomization, (n_replicates, n_patients)."""
        ...

    @property
    def open_arms(self) -> IntArray | None:
        """Sets of arms they were randomized among; None where all were open."""
        ...

    @property
    def levels(self) -> Mapping[str, IntArray]:
        """Level of each for each factor, (n_replicates, n_patients)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Who belongs to the stages of a trial, as enrollment alone tells it."""

    patients: int
    follow_up: float
    """Stage 1 ends when so many `patients` have been followed for so many years."""
    planned: int  # patients of both stages
    shares: tuple[float, float]  # of the patients of stage 2, on the control and on the arm

    def of(self, who: Randomized, arm: IntArray) -> IntArray:
        """Return the stage (0 or 1) of each patient of a pair, -1 for none.

        Parameters
        ----------
        who : Randomized
            The patients.
        arm : (n_replicates, n_patients) array
            0 for the control, 1 for the arm, -1 for others.
        """
        end = who.enrollment_time[:, self.patients - 1] + self.follow_up
        first = who.enrollment_time <= end[:, None]
        first[:, self.planned :] = False
        rest = self.planned - first.sum(axis=1, keepdims=True)
        stage = np.where(first & (arm >= 0), 0, -1)
        for number, share in enumerate(self.shares):
            later = (arm == number) & ~first
            stage[later & (later.cumsum(axis=1) <= np.floor(rest * share))] = 1
        return stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Which patients a comparison takes, and in which class each is.

    A class is a stage, an arm of the pair and a combination of levels, the last running fastest.
    """

    arm: int  # position of the arm that is compared with the control
    concurrent: bool  # whether only those are compared who could have come to the arm
    factors: Mapping[str, int]  # how many levels the factors have that tell classes apart
    stages: Stages | None = None  # None for one stage, of everybody

    @property
    def n_cells(self) -> int:
        """How many combinations of levels there are."""
        return int(np.prod([1, *self.factors.values()]))

    @property
    def number(self) -> int:
        """How many classes there are."""
        return (1 if self.stages is None else 2) * 2 * self.n_cells

    def of(self, who: Randomized, arm: np.ndarray) -> IntArray:
        """Return the class of each patient on an arm, -1 for none; (n_replicates, n_patients)."""
        shape = who.enrollment_time.shape
        arm = np.broadcast_to(np.where(arm == self.arm, 1, np.where(arm == 0, 0, -1)), shape)
        if self.concurrent and who.open_arms is not None:
            there: BoolArray = is_open(who.open_arms, self.arm)
            arm = np.where(there, arm, -1)
        stage = np.where(arm >= 0, 0, -1) if self.stages is None else self.stages.of(who, arm)
        cell = np.zeros(arm.shape, dtype=np.intp)
        for name, n_levels in self.factors.items():
            cell = cell * n_levels + who.levels[name]
        found = (stage * 2 + arm) * self.n_cells + cell
        return np.asarray(np.where(stage >= 0, found, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassedShares:
    """A sum over responses, by class of patient."""

    endpoint: int  # position of the endpoint
    classes: Classes
    adds: FloatArray  # without and with a response; (n_classes, 2)

    def sums(self, whole: Whole) -> FloatArray:
        """Return the sum of each replicate, (n_replicates,)."""
        return np.asarray(self.added(whole, whole.generated.arm).sum(axis=1))

    def added(self, whole: Whole, arm: np.ndarray) -> FloatArray:
        """Return what each patient would add on an arm, (n_replicates, n_patients)."""
        response, _ = whole.outcome(self.endpoint).columns()
        classes = self.classes.of(whole.generated, arm)
        added = self.adds[classes, np.asarray(response, dtype=np.intp)]
        return np.where(classes >= 0, added, 0.0)
