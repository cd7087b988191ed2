"""Sums by class of patient: arm, factors and stage, cells of an outcome, or numbers of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

import numpy as np

from lupusim.analysis.outcomes import CountOutcome, NumberOutcome, Outcome
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.simulation.controls import CutDate, Floors, InCells, Whole
from lupusim.trial.allocation.open_arms import is_open

_BESIDE = ("in_analysis", "baseline")  # columns of a table by which nobody is compared


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Cells of an outcome: each of its columns is cut at some edges.

    The columns come as the outcome has them, so that of a hierarchy those that matter most come
    first. A combination that is no cell belongs to the next cell in their order.
    """

    edges: dict[str, FloatArray]  # of each column, rising
    codes: IntArray  # combinations that are cells, rising; (n_cells,)

    @classmethod
    def of_some(cls, outcome: Outcome, most: int) -> Cells:
        """Return those in which some patients are, each column in at most so many parts."""
        edges = {name: _edges(column, most) for name, column in _columns(outcome).items()}
        whole = cls(edges=edges, codes=np.empty(0, dtype=np.int64))
        return cls(edges=edges, codes=np.unique(whole._codes(outcome)))

    @property
    def number(self) -> int:
        """How many there are."""
        return self.codes.size

    def of(self, outcome: Outcome) -> IntArray:
        """Return the cell of each patient, `number` for who is not in the analysis."""
        place = np.searchsorted(self.codes, self._codes(outcome))
        return np.where(outcome.analyzed, np.minimum(place, self.number - 1), self.number)

    def _codes(self, outcome: Outcome) -> IntArray:
        code: IntArray = np.zeros(outcome.analyzed.shape, dtype=np.int64)
        for name, column in _columns(outcome).items():
            edges = self.edges[name]
            code = code * (edges.size + 1) + np.searchsorted(edges, column, side="right")
        return code


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvenCells:
    """Cells of equal width of a number; the first and the last are open."""

    width: float
    number: int
    start: float = 0.0  # of the first

    def of(self, outcome: Outcome) -> IntArray:
        """Return the cell of each patient, `number` for who is not in the analysis."""
        values = cast(NumberOutcome, outcome).values
        # SPEED: a third of the time of looking quantiles up (benchmarks/table.py)
        place = np.clip((values - self.start) / self.width, 0, self.number - 1).astype(np.intp)
        return np.where(outcome.analyzed, place, self.number)


def _columns(outcome: Outcome) -> dict[str, FloatArray]:
    table = outcome.table().items()
    return {name: np.asarray(column, dtype=float) for name, column in table if name not in _BESIDE}


def _edges(column: FloatArray, most: int) -> FloatArray:
    """Return where a column is cut: between all values, or by quantiles where they are many."""
    values = np.unique(column)
    if values.size <= most:
        return values[1:]
    cuts = np.quantile(column, np.arange(1, most) / most, method="higher")
    return np.setdiff1d(cuts, values[:1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellSum:
    """A sum over what cells add in which patients are."""

    endpoint: int  # position of the endpoint
    first: int  # of how many patients, in the order of their enrollment
    cells: InCells
    adds: FloatArray  # of a patient in each cell, and of one who is in none; (n_arms, n_cells + 1)

    def sums(self, whole: Whole) -> FloatArray:
        """Return the sum of each replicate, (n_replicates,)."""
        return np.asarray(self.added(whole, whole.generated.arm).sum(axis=1))

    def added(self, whole: Whole, arm: np.ndarray) -> FloatArray:
        """Return what each patient would add on an arm, (n_replicates, n_patients or fewer)."""
        cell = whole.cells(self.endpoint, self.cells)
        on = np.broadcast_to(arm, cell.shape)
        return np.asarray(self.adds[on[:, : self.first], cell[:, : self.first]])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellSumToCut:
    """A sum over what cells add in which patients are when they are cut."""

    endpoint: int  # position of the endpoint
    floors: Floors  # when they are cut
    cells: InCells
    adds: FloatArray
    """By arm, time of the cut and cell; (n_arms, n_times + 1, n_cells + 1), the
    last of the times for who has not come."""

    def sums(self, whole: Whole) -> FloatArray:
        """Return the sum of each replicate, (n_replicates,)."""
        return np.asarray(self.added(whole, whole.generated.arm).sum(axis=1))

    def added(self, whole: Whole, arm: np.ndarray) -> FloatArray:
        """Return what each patient would add on an arm, (n_replicates, n_patients)."""
        cell, place = whole.cells_at(self.endpoint, self.cells, self.floors)
        return np.asarray(self.adds[np.broadcast_to(arm, cell.shape), place, cell])


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTable:
    """What a patient adds to a sum, by arm, years watched and number of events."""

    width: float  # between the edges of cells of years watched
    adds: FloatArray
    """At the edges, straight between them; more events add as the last; (n_arms, n_edges,
    n_counts)."""
    mean: FloatArray
    """Its mean given the time from randomization until the data are cut; (n_arms, n_edges)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsToCut:
    """A sum over how many events patients have until a date of its own, or until their last."""

    endpoint: int  # position of the endpoint
    cut: CutDate | None  # when the data are cut for it; None where they never are
    table: CountTable  # what each patient adds

    def sums(self, whole: Whole) -> FloatArray:
        """Return the sum of each replicate, (n_replicates,)."""
        arm = cast(CountOutcome, whole.outcome(self.endpoint)).arm
        return np.asarray(self.added(whole, arm).sum(axis=1))

    def added(self, whole: Whole, arm: np.ndarray) -> FloatArray:
        """Return what each patient would add on an arm, (n_replicates, n_patients)."""
        outcome, table = cast(CountOutcome, whole.outcome(self.endpoint)), self.table
        longest, most = table.width * (table.adds.shape[1] - 1), table.adds.shape[2] - 1
        years, count = outcome.years, outcome.count
        there = np.full(years.shape, longest)
        if self.cut is not None:
            enrolled = whole.generated.enrollment_time
            there = np.clip(self.cut.of(enrolled)[:, None] - enrolled, 0.0, longest)
            years = np.minimum(years, there)
            assert outcome.times is not None  # of events that are counted the dates are known
            count = np.count_nonzero(outcome.times <= years[:, :, None], axis=2)
        number = np.minimum(count, most).astype(np.intp)
        of_number = np.moveaxis(table.adds, 1, 2)  # each number of events has a line over years
        found = _between(of_number, (arm, number), years / table.width)
        return found - _between(table.mean, (arm,), there / table.width)


def _between(lines: FloatArray, which: tuple[np.ndarray, ...], place: FloatArray) -> FloatArray:
    """Return the value of a line at a place in cells, straight between their edges."""
    below = np.minimum(place.astype(np.intp), lines.shape[-1] - 2)
    part = place - below
    return np.asarray(lines[(*which, below)] * (1 - part) + lines[(*which, below + 1)] * part)
