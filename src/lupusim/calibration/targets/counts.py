r"""What studies publish, and what a model expects in its place.

Every measure becomes *cells*: observed counts beside expected ones. A binomial target has
two cells, a multinomial one a cell per group, a Poisson one a single cell; the deviance of
the target is the sum over its cells of :math:`2 (n \log(n / \mu) - n + \mu)`, whichever
of the three it is, because within a binomial or multinomial the expected counts sum to n.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Protocol

import numpy as np

from lupusim.calibration.targets.margins import Margin
from lupusim.calibration.targets.questions import (
    EverAfter,
    EverIn,
    InStates,
    Question,
    StateSet,
)
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass


class Measure(Protocol):
    """One published result."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """What it asks of the model."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each cell; those not worth a row of a table begin with ``not``."""
        ...

    @property
    def observed(self) -> FloatArray:
        """The counts; shape (n_cells,)."""
        ...

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected counts, shape (..., n_cells), from answers (..., n_questions)."""
        ...

    @property
    def denominators(self) -> FloatArray:
        """What each count is out of (patients, or person-years); shape (n_cells,)."""
        ...

    @property
    def is_poisson(self) -> bool:
        """Whether the counts have no fixed sum."""
        ...

    @property
    def counts_patients(self) -> bool:
        """Whether patients were counted, so that a count that is not whole is an estimate of it."""
        ...

    def margins(self, observed: FloatArray) -> tuple[Margin, ...] | None:
        """Return what counts like these (n_cells,) say of single patients.

        None where they can't be told: events per person-time, curves with censoring.
        """
        ...

    @property
    def counted_moves(self) -> tuple[StateSet, StateSet] | None:
        """From where to where the moves lead that are counted; None where none are."""
        ...


def check_count(what: str, count: float, n: float) -> None:
    """Raise ValueError unless ``0 <= count <= n``."""
    if not (math.isfinite(count) and count >= 0):
        raise ValueError(f"{what} = {count!r} is not a count. Give a number, 0 or above")
    if not (math.isfinite(n) and n > 0):
        raise ValueError(f"n = {n!r} is not a number of patients. Give the denominator, above 0")
    if count > n:
        raise ValueError(f"{what} = {count:g} is more than n = {n:g}. Check which is the count")


def check_time(time: float) -> None:
    """Raise ValueError unless a study time is finite and not before zero."""
    if not (math.isfinite(time) and time >= 0):
        raise ValueError(f"time {time!r} years is not a study time. Give 0 or later")


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return a part over the whole, of the same shape; 0 where that is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, 0.0)


def two_cells(probability: FloatArray, n: float) -> FloatArray:
    """Return expected yes and no of n patients; shape (..., 2)."""
    return np.stack([n * probability, n * (1 - probability)], axis=-1)


def words_of(states: StateSet) -> str:
    """Return states as a table names them."""
    return " or ".join(state.replace("_", " ") for state in states)


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupancyCounts:
    """How many patients are in each group of states at a time; multinomial."""

    is_poisson: ClassVar[bool] = False  # the counts sum to the patients
    counts_patients: ClassVar[bool] = True  # one by one, as they were published
    counted_moves: ClassVar[tuple[StateSet, StateSet] | None] = None
    """None: no single move is counted."""

    time: float  # study time, years
    counts: Mapping[StateSet, float]
    """Patients in each group of states. What is left of `n` is everywhere else."""
    n: float  # all patients of the cohort, the dead among them
    outside: StateSet = ()
    """States whose patients are not in `n`, such as ``("death",)`` where a study counts survivors
    only and says so."""

    def __post_init__(self) -> None:
        check_time(self.time)
        if not self.counts:
            raise ValueError("nobody is counted. Name at least one state, with its patients")
        for states, count in self.counts.items():
            check_count(words_of(states), count, self.n)
        named = [state for states in self.counts for state in states]
        if twice := sorted({state for state in named if named.count(state) > 1}):
            raise ValueError(f"{twice} stand in two groups. Put each state into one")
        if self.left_over < -1e-9:
            total = sum(self.counts.values())
            raise ValueError(f"the counts sum to {total:g}, more than n = {self.n:g}. Check them")

    @property
    def left_over(self) -> float:
        """Patients in none of the groups."""
        return self.n - sum(self.counts.values())

    @property
    def questions(self) -> tuple[Question, ...]:
        """The occupancy of each group, and of the states left out."""
        groups = tuple(InStates(states, self.time) for states in self.counts)
        return (*groups, InStates(self.outside, self.time)) if self.outside else groups

    @property
    def labels(self) -> tuple[str, ...]:
        """The groups, and the rest."""
        return (*map(words_of, self.counts), "not in these states")

    @property
    def observed(self) -> FloatArray:
        """Patients in each group, and the rest."""
        return np.array([*self.counts.values(), max(self.left_over, 0.0)])

    @property
    def denominators(self) -> FloatArray:
        """The cohort."""
        return np.full(len(self.counts) + 1, self.n)

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected patients in each group, and the rest."""
        groups = answers[..., : len(self.counts)]
        if self.outside:
            groups = groups / np.maximum(1 - answers[..., -1:], 1e-12)
        rest = 1 - groups.sum(axis=-1, keepdims=True)
        return np.asarray(self.n * np.concatenate([groups, rest], axis=-1))

    def margins(self, observed: FloatArray) -> tuple[Margin, ...] | None:
        """Return who is in each group; and, with `outside`, who is out of the denominator."""
        n = None if self.outside else self.n
        groups = tuple(
            Margin(
                question=InStates(states, self.time),
                count=count,
                n=n,
                may_be_more=bool(self.outside),
            )
            for states, count in zip(self.counts, observed[:-1].tolist(), strict=True)
        )
        if not self.outside:
            return groups
        left = Margin(
            question=InStates(self.outside, self.time),
            count=self.n,
            is_condition=True,
            says_no=True,
            may_be_more=True,
        )
        return (*groups, left)


def seen_in_one_state(measure: Measure) -> Iterator[tuple[float, str, float, float]]:
    """Yield the time (years), state, count and patients of what is counted of a single state.

    Nothing of groups of states, nor where patients of some states are not counted at all.
    """
    match measure:
        case OccupancyCounts(time=time, counts=counts, n=n, outside=()):
            alone = ((states[0], count) for states, count in counts.items() if len(states) == 1)
            yield from ((time, state, count, n) for state, count in alone)


@dataclass(frozen=True, slots=True, kw_only=True)
class EverCount:
    """How many patients have been in a set of states by a time; binomial.

    Parameters
    ----------
    time : float
        Study time, years.
    states : tuple of str
        The set.
    count, n : float
        Patients who have been there, and patients.
    among : tuple of str
        A larger set: `n` counts those who have been in it. Default: everybody.
    now : tuple of float or None
        Patients counted in `states` and, with `among`, in that set, at `time` itself by an
        occupancy target of the same cohort. The likelihood is then conditional on that
        target: it asks, of those no longer there, how many had been there.
    """

    is_poisson: ClassVar[bool] = False  # the counts sum to the patients
    counts_patients: ClassVar[bool] = True  # one by one, as they were published
    counted_moves: ClassVar[tuple[StateSet, StateSet] | None] = None
    """None: no single move is counted."""

    time: float
    states: StateSet
    count: float
    n: float
    among: StateSet = ()
    now: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_time(self.time)
        check_count("count", self.count, self.n)
        if self.among and not set(self.states) < set(self.among):
            raise ValueError(f"{self.among} must hold all of {self.states} and more. Extend it")
        if self.now is not None:
            check_count("those there now", self.now[0], self.count)
            check_count("left", self.count - self.now[0], self.n - self.now[1])

    @property
    def questions(self) -> tuple[Question, ...]:
        """Ever there; ever in the larger set; there now; in the larger set now."""
        asked: list[Question] = [EverIn(self.states, self.time)]
        if self.among:
            asked.append(EverIn(self.among, self.time))
        if self.now is not None:
            there = (self.states, self.among) if self.among else (self.states,)
            asked += [InStates(states, self.time) for states in there]
        return tuple(asked)

    @property
    def labels(self) -> tuple[str, ...]:
        """Ever there, or not."""
        gone = ", and no longer" if self.now is not None else ""
        return f"ever in {words_of(self.states)}{gone}", "not"

    @property
    def observed(self) -> FloatArray:
        """Patients ever there (and no longer, if conditional), and the others."""
        count, n = self.count, self.n
        if self.now is not None:
            count, n = count - self.now[0], n - self.now[1]
        return np.array([count, n - count])

    @property
    def denominators(self) -> FloatArray:
        """Patients asked about."""
        return np.full(2, self.observed.sum())

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected patients ever there, and not."""
        ever = answers[..., 0]
        whole = answers[..., 1] if self.among else np.ones_like(ever)
        if self.now is not None:
            first_now = 2 if self.among else 1
            ever = ever - answers[..., first_now]
            whole = whole - answers[..., -1]
        return two_cells(np.clip(ratio(ever, whole), 0.0, 1.0), float(self.observed.sum()))

    def margins(self, observed: FloatArray) -> tuple[Margin, ...] | None:
        """Return who has ever been there, and who is there now."""
        now = self.now or (0.0, 0.0)
        n = None if self.among else self.n
        ever = Margin(
            question=EverIn(self.states, self.time),
            count=observed[0] + now[0],
            n=n,
            may_be_more=bool(self.among),
        )
        found = [ever]
        if self.among:
            whole = EverIn(self.among, self.time)
            found.append(Margin(question=whole, count=self.n, is_condition=True, may_be_more=True))
        if self.now is not None:
            there = (self.states, self.among) if self.among else (self.states,)
            found += [
                Margin(question=InStates(states, self.time), count=count, n=n, is_condition=True)
                for states, count in zip(there, now, strict=False)
            ]
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class EverAfterCount:
    """Of those who have been in one set, how many have later entered another; binomial.

    Parameters
    ----------
    time : float
        Study time, years, by which both must have happened.
    first, then : tuple of str
        The two sets; they share no state.
    count, n : float
        Patients with both, and patients with the first.
    """

    is_poisson: ClassVar[bool] = False  # the counts sum to the patients
    counts_patients: ClassVar[bool] = True  # one by one, as they were published
    counted_moves: ClassVar[tuple[StateSet, StateSet] | None] = None
    """None: no single move is counted."""

    time: float
    first: StateSet
    then: StateSet
    count: float
    n: float

    def __post_init__(self) -> None:
        check_time(self.time)
        check_count("count", self.count, self.n)
        if both := sorted(set(self.first) & set(self.then)):
            raise ValueError(f"{both} stand in both sets. Keep each state in one")

    @property
    def questions(self) -> tuple[Question, ...]:
        """Both, and the first."""
        return EverAfter(self.first, self.then, self.time), EverIn(self.first, self.time)

    @property
    def labels(self) -> tuple[str, ...]:
        """Entered it later, or not."""
        return f"{words_of(self.then)} after {words_of(self.first)}", "not"

    @property
    def observed(self) -> FloatArray:
        """Patients with both, and with the first alone."""
        return np.array([self.count, self.n - self.count])

    @property
    def denominators(self) -> FloatArray:
        """Patients with the first."""
        return np.full(2, self.n)

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected patients with both, and with the first alone."""
        return two_cells(np.clip(ratio(answers[..., 0], answers[..., 1]), 0.0, 1.0), self.n)

    def margins(self, observed: FloatArray) -> tuple[Margin, ...] | None:
        """Return who has both, and who has the first."""
        both, first = self.questions
        return (
            Margin(question=both, count=float(observed[0]), may_be_more=True),
            Margin(question=first, count=self.n, is_condition=True, may_be_more=True),
        )


def total_questions(measures: Sequence[Measure]) -> tuple[Question, ...]:
    """Return every question once, in the order in which it is first asked."""
    return tuple(dict.fromkeys(q for measure in measures for q in measure.questions))
