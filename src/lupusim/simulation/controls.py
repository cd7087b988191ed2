"""Control variates of a block of trials: what is random in them, and known in law."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, cast

import numpy as np

from lupusim.analysis.outcomes import NumberOutcome, Outcome, SurvivalOutcome
from lupusim.analysis.survival.exit_sums import Table, added_by_each, added_until, sums_on_arm
from lupusim.analysis.survival.logrank_looks import Exits
from lupusim.common.arrays import FloatArray, IntArray, StateArray
from lupusim.common.frozen import dataclass
from lupusim.records import Observation
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.moments import Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class CutDate:
    """A date at which the data are cut for a sum: it depends on the enrollment alone."""

    date: float  # calendar time (years) for an average enrollment
    first: int  # of so many patients, who come first, the mean date of randomization moves it
    mean: float  # that mean in an average enrollment (years)
    bounds: tuple[float, float]  # earliest and latest

    def of(self, enrolled: FloatArray) -> FloatArray:
        """Return the date of each replicate, (n_replicates,)."""
        moved = self.date + enrolled[:, : self.first].mean(axis=1) - self.mean
        return np.asarray(np.clip(moved, *self.bounds))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Floors:
    """Study times at which patients are cut for a sum: the last one that each has reached."""

    cut: CutDate  # the date by which they have
    times: FloatArray  # years, rising, from 0 on; (n_times,)

    def of(self, enrolled: FloatArray) -> IntArray:
        """Return the position of each patient's time, -1 for who comes after the date."""
        there = self.cut.of(enrolled)[:, None] - enrolled
        return np.asarray(np.searchsorted(self.times, there, side="right") - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenFromValue:
    """What is taken from a value for the value at randomization."""

    slope: float  # for each unit of it
    mean: float  # that nothing is taken for


@dataclass(frozen=True, slots=True, kw_only=True)
class Quadratic:
    """What a patient of whom a value is seen adds to a sum, by arm; who has none adds nothing."""

    constant: FloatArray
    center: FloatArray
    linear: FloatArray
    square: FloatArray
    """`constant`, `center`, `linear` and `square`: it is constant + linear y + square y^2, with y
    the value less the center; (n_arms,)."""
    mean: FloatArray  # its mean over all patients; (n_arms,)
    baseline: TakenFromValue | None = None  # what is taken from the values before


class InCells(Protocol):
    """Tells which of some cells an outcome is in."""

    def of(self, outcome: Outcome) -> IntArray:
        """Return the cell of each patient, (n_replicates, n_patients)."""
        ...


class Kinds(Protocol):
    """Tells which of some kinds of patients each is."""

    @property
    def number(self) -> int:
        """How many kinds there are."""
        ...

    def of(self, who: Generated, arm: StateArray) -> IntArray:
        """Return the kind of each patient on an arm, -1 for none; (n_replicates, n_patients)."""
        ...


class Whole:
    """What is known of a block of trials if their data are never cut."""

    def __init__(self, generated: Generated) -> None:
        self.generated = generated
        self._outcomes: dict[int, Outcome] = {}
        self._exits: dict[tuple[int, bool], Exits] = {}
        self._cells: dict[tuple[int, int], IntArray] = {}
        self._cut: dict[tuple[int, int], tuple[IntArray, IntArray]] = {}

    def outcome(self, number: int) -> Outcome:
        """Return the outcome of an endpoint, by its position in the trial."""
        if number not in self._outcomes:
            measurement = self.generated.measurements[number]
            self._outcomes[number] = measurement.outcome(self._seen())
        return self._outcomes[number]

    def cells(self, number: int, cells: InCells) -> IntArray:
        """Return the cell of each patient's outcome of an endpoint, (n_replicates, n_patients)."""
        key = number, id(cells)
        if key not in self._cells:
            self._cells[key] = cells.of(self.outcome(number))
        return self._cells[key]

    def outcome_at(self, number: int, floors: Floors) -> Outcome:
        """Return the outcome of an endpoint, each patient's cut at a time of his own."""
        place = floors.of(self.generated.enrollment_time)
        # as if everybody had come so long before one date
        came = np.where(place < 0, 1.0, -floors.times[place])
        seen = replace(self._seen(), enrollment_time=came, cutoff=np.zeros(len(came)))
        return self.generated.measurements[number].outcome(seen)

    def cells_at(self, number: int, cells: InCells, floors: Floors) -> tuple[IntArray, IntArray]:
        """Return the cell of each patient's outcome when it is cut, and at which of the times."""
        key = number, id(cells)
        if key not in self._cut:
            outcome = self.outcome_at(number, floors)
            place = floors.of(self.generated.enrollment_time)
            self._cut[key] = cells.of(outcome), place
        return self._cut[key]

    def exits(self, number: int, *, keeps_competing: bool = False) -> Exits:
        """Return when patients would leave the risk set of an endpoint.

        Where it `keeps_competing`, a competing event is no reason to.
        """
        key = number, keeps_competing
        if key not in self._exits:
            found = self.generated.measurements[number].exits(self._seen())
            self._exits[key] = self._of_outcome(*key) if found is None else found
        return self._exits[key]

    def _seen(self) -> Observation:
        return observed(self.generated, np.full(len(self.generated.arm), np.inf))

    def _of_outcome(self, number: int, keeps_competing: bool) -> Exits:
        outcome = cast(SurvivalOutcome, self.outcome(number))
        if keeps_competing:
            outcome = outcome.subdistribution()
        return Exits(
            time=outcome.time,
            event=outcome.event,
            arm=self.generated.arm,
            enrollment_time=self.generated.enrollment_time,
        )


class Sum(Protocol):
    """What each patient adds to a sum over all of them."""

    def sums(self, whole: Whole) -> FloatArray:
        """Return the sum of each replicate, (n_replicates,)."""
        ...

    def added(self, whole: Whole, arm: StateArray) -> FloatArray:
        """Return what each patient would add on an arm; of those who came first, if of these alone.

        Parameters
        ----------
        whole : Whole
            The patients, who fare alike on all arms.
        arm : (n_replicates, n_patients) array
            The arm of each, or what broadcasts to it.

        Returns
        -------
        (n_replicates, n_patients or fewer) array
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TimesToCut:
    """A sum over what becomes of patients until a date of its own."""

    endpoint: int  # position of the endpoint
    cut: CutDate  # when the data are cut for it
    table: Table  # what each patient adds, by arm or by kind
    keeps_competing: bool = False  # whether who had a competing event stays at risk
    kinds: Kinds | None = None  # what tells kinds of patients apart; None for arms alone

    def sums(self, whole: Whole) -> FloatArray:
        """Return the sum of each replicate, (n_replicates,)."""
        exits = self._exits(whole, whole.generated.arm)
        return added_until(self.cut.of(exits.enrollment_time), exits, self.table)

    def added(self, whole: Whole, arm: StateArray) -> FloatArray:
        """Return what each patient would add on an arm, (n_replicates, n_patients)."""
        exits = self._exits(whole, arm)
        return added_by_each(self.cut.of(exits.enrollment_time), exits, self.table)

    def _exits(self, whole: Whole, arm: StateArray) -> Exits:
        """Return when patients leave, with their kinds as arms, the last for who adds nothing."""
        exits = whole.exits(self.endpoint, keeps_competing=self.keeps_competing)
        if self.kinds is None:
            return replace(exits, arm=np.broadcast_to(arm, exits.time.shape))
        kind = self.kinds.of(whole.generated, arm)
        return replace(exits, arm=np.where(kind >= 0, kind, self.kinds.number).astype(np.int8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """A sum over values that patients have when all is known."""

    endpoint: int  # position of the endpoint
    adds: Quadratic  # what each patient adds
    first: int  # of how many patients, in the order of their enrollment

    def sums(self, whole: Whole) -> FloatArray:
        """Return the sum of each replicate, (n_replicates,)."""
        _, arm = whole.outcome(self.endpoint).first(self.first).columns()
        return np.asarray(self.added(whole, arm).sum(axis=1))

    def added(self, whole: Whole, arm: StateArray) -> FloatArray:
        """Return what each patient would add on an arm, (n_replicates, n_patients)."""
        outcome, adds = whole.outcome(self.endpoint).first(self.first), self.adds
        value, _ = outcome.columns()
        y = value - adds.center[arm]
        if adds.baseline is not None:
            known = cast(NumberOutcome, outcome).baseline
            assert known is not None  # of changes there is one
            y -= adds.baseline.slope * (known - adds.baseline.mean)
        added = adds.constant[arm] + (adds.linear[arm] + adds.square[arm] * y) * y
        return np.asarray(np.where(outcome.analyzed, added, 0.0) - adds.mean[arm])


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A sum over patients, and smoothed steps of it."""

    sum: Sum  # over the patients of a replicate
    thresholds: FloatArray  # where the steps are; (n_steps,)
    scale: float  # how smooth they are
    means: FloatArray  # exact mean of each step in each of some enrollments; (n_draws, n_steps)

    def steps(self, sums: FloatArray) -> FloatArray:
        """Return the steps less their expectations, (n_replicates, n_steps)."""
        return np.asarray(steps_below(sums, self.thresholds, self.scale) - self.means.mean(axis=0))

    def values(self, whole: Whole) -> FloatArray:
        """Return what has mean 0 in every replicate, (n_replicates, n_steps)."""
        return self.steps(self.sum.sums(whole))

    def relabeled(self, whole: Whole, labels: StateArray) -> FloatArray:
        """Return the same under each randomization, (n_labelings, n_sets, n_steps)."""
        sums = _relabeled(self.sum, whole, labels)
        return self.steps(sums.ravel()).reshape(*sums.shape, -1)


def steps_below(sums: FloatArray, thresholds: FloatArray, scale: float) -> FloatArray:
    """Return smoothed steps: nearly 1 for sums below each threshold, (n_replicates, n_steps)."""
    with np.errstate(over="ignore"):  # far above the threshold: 0, as infinity says
        return np.asarray(1.0 / (1.0 + np.exp((sums[:, None] - thresholds) / scale)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Steps of several arms' sums, multiplied: whether none of them claims an effect."""

    sums: Sequence[Sum]  # over control and arm, of each comparison
    arms: Sequence[int]  # positions of the arms
    slopes: FloatArray  # of what controls add to each sum in what they add to the first; (n_arms,)
    between: FloatArray  # sums that claim nothing, lowest and highest; (n_arms, 2, n_steps)
    scale: float  # how smooth the steps at both ends are
    means: FloatArray  # exact mean of each product in some enrollments; (n_draws, n_steps)

    def steps(self, control: FloatArray, own: FloatArray) -> FloatArray:
        """Return the products less their expectations, (n_replicates, n_steps).

        Parameters
        ----------
        control : (n_replicates,) array
            What controls add to the first sum.
        own : (n_arms, n_replicates) array
            What the patients of each arm add to its sum.
        """
        found = np.ones((control.size, self.means.shape[1]))
        for slope, sums, ends in zip(self.slopes, own, self.between, strict=True):
            low, high = (steps_below(slope * control + sums, at, self.scale) for at in ends)
            found *= high - low
        return np.asarray(found - self.means.mean(axis=0))

    def values(self, whole: Whole) -> FloatArray:
        """Return what has mean 0 in every replicate, (n_replicates, n_steps)."""
        return self.of_arms(whole, whole.generated.arm)

    def of_arms(self, whole: Whole, arm: StateArray) -> FloatArray:
        """Return the same of patients on arms of their own, (n_replicates, n_patients)."""
        added = [one.added(whole, arm) for one in self.sums]

        def of(part: FloatArray, number: int) -> FloatArray:
            return np.asarray((part * (arm[:, : part.shape[1]] == number)).sum(axis=1))

        own = [of(part, number) for part, number in zip(added, self.arms, strict=True)]
        return self.steps(of(added[0], 0), np.stack(own))

    def relabeled(self, whole: Whole, labels: StateArray) -> FloatArray:
        """Return the same under each randomization, (n_labelings, n_sets, n_steps)."""
        return np.stack([self.of_arms(whole, label) for label in labels])


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """All that is known in law of a trial's replicates."""

    scores: Sequence[Score | Together]  # sums over its patients
    sampled: FloatArray | None = None
    """Covariance of the controls' means, as far as they come from a sample of patients; None where
    all are exact; (n_controls, n_controls)."""

    def moments(self, claims: FloatArray, generated: Generated) -> Moments:
        """Return the sums of a block of replicates, of whom some claim an effect."""
        return Moments.of(claims, self.values(generated), self.known_to)

    def values(self, generated: Generated) -> FloatArray:
        """Return what has mean 0 in every replicate, (n_replicates, n_controls)."""
        whole = Whole(generated)
        return np.concatenate([one.values(whole) for one in self.scores], axis=1)

    def relabeled(self, generated: Generated, labels: StateArray) -> FloatArray:
        """Return the same of patients who fare alike, under one randomization after the other.

        Parameters
        ----------
        generated : Generated
            The patients.
        labels : (n_labelings, n_sets, n_patients) array
            Arm of each patient, 0 or 1, under each randomization.

        Returns
        -------
        (n_labelings, n_sets, n_controls) array
        """
        whole = Whole(generated)
        return np.concatenate([one.relabeled(whole, labels) for one in self.scores], axis=2)

    @property
    def known_to(self) -> FloatArray:
        """Covariance of the controls' means, which are averages over enrollments and patients."""
        # SPEED: every block of a run asks for the same (benchmarks/cases.py)
        for control, known in _covariances:
            if control is self:
                return known
        means = np.concatenate([score.means for score in self.scores], axis=1)
        known = np.atleast_2d(np.cov(means, rowvar=False)) / len(means)
        known = known if self.sampled is None else known + self.sampled
        _covariances.appendleft((self, known))
        return known


_covariances: deque[tuple[Control, FloatArray]] = deque(maxlen=16)


def _relabeled(one: Sum, whole: Whole, labels: StateArray) -> FloatArray:
    """Return a sum of each set of patients under each randomization, (n_labelings, n_sets)."""
    control, *others = (
        one.added(whole, np.full((1, 1), arm, dtype=np.int8)) for arm in range(labels.max() + 1)
    )
    found = np.tile(control.sum(axis=1), (len(labels), 1))
    for arm, added in enumerate(others, start=1):
        found += sums_on_arm(added - control, labels, arm)
    return found
