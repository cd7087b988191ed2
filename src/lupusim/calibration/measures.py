r"""What studies publish, and what a model expects in its place.

Every measure becomes *cells*: observed counts beside expected ones. A binomial target has
two cells, a multinomial one a cell per group, a Poisson one a single cell; the deviance of
the target is the sum over its cells of :math:`2 (n \log(n / \mu) - n + \mu)`, whichever
of the three it is, because within a binomial or multinomial the expected counts sum to n.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.calibration.questions import (
    EverAfter,
    EverIn,
    FirstMove,
    InStates,
    Question,
    StateSet,
    TimeBeforeMove,
)


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


def _two_cells(probability: FloatArray, n: float) -> FloatArray:
    return np.stack([n * probability, n * (1 - probability)], axis=-1)


def _words(states: StateSet) -> str:
    return " or ".join(state.replace("_", " ") for state in states)


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupancyCounts:
    """How many patients are in each group of states at a time; multinomial.

    Parameters
    ----------
    time : float
        Study time, years.
    counts : mapping of tuple of str to float
        Patients in each group of states. What is left of `n` is everywhere else.
    n : float
        All patients of the cohort, the dead among them.
    outside : tuple of str
        States whose patients are not in `n`, such as ``("death",)`` where a study counts
        survivors only and says so.
    """

    time: float
    counts: Mapping[StateSet, float]
    n: float
    outside: StateSet = ()

    def __post_init__(self) -> None:
        check_time(self.time)
        for states, count in self.counts.items():
            check_count(_words(states), count, self.n)
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
        return (*map(_words, self.counts), "not in these states")

    @property
    def observed(self) -> FloatArray:
        """Patients in each group, and the rest."""
        return np.array([*self.counts.values(), max(self.left_over, 0.0)])

    @property
    def denominators(self) -> FloatArray:
        """The cohort."""
        return np.full(len(self.counts) + 1, self.n)

    @property
    def is_poisson(self) -> bool:
        """The counts sum to the patients."""
        return False

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected patients in each group, and the rest."""
        groups = answers[..., : len(self.counts)]
        if self.outside:
            groups = groups / np.maximum(1 - answers[..., -1:], 1e-12)
        rest = 1 - groups.sum(axis=-1, keepdims=True)
        return np.asarray(self.n * np.concatenate([groups, rest], axis=-1))


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
        return f"ever in {_words(self.states)}{gone}", "not"

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

    @property
    def is_poisson(self) -> bool:
        """The counts sum to the patients."""
        return False

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected patients ever there, and not."""
        ever = answers[..., 0]
        whole = answers[..., 1] if self.among else np.ones_like(ever)
        if self.now is not None:
            first_now = 2 if self.among else 1
            ever = ever - answers[..., first_now]
            whole = whole - answers[..., -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(whole > 0, ever / whole, 0.0)
        return _two_cells(np.clip(share, 0.0, 1.0), float(self.observed.sum()))


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
        return f"{_words(self.then)} after {_words(self.first)}", "not"

    @property
    def observed(self) -> FloatArray:
        """Patients with both, and with the first alone."""
        return np.array([self.count, self.n - self.count])

    @property
    def denominators(self) -> FloatArray:
        """Patients with the first."""
        return np.full(2, self.n)

    @property
    def is_poisson(self) -> bool:
        """The counts sum to the patients."""
        return False

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected patients with both, and with the first alone."""
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(answers[..., 1] > 0, answers[..., 0] / answers[..., 1], 0.0)
        return _two_cells(np.clip(share, 0.0, 1.0), self.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalCurve:
    """How many are still outside a set of states at one time or several.

    One cohort seen at several times is not several cohorts. The likelihood is conditional,
    interval by interval: of those at risk at a time, how many entered the set by the next.
    That is exact for a cohort followed completely, and the usual approximation where the
    numbers at risk fall through censoring (Kalbfleisch and Prentice 2002, chapter 2.4).

    Parameters
    ----------
    states : tuple of str
        The set, such as ``("death",)``.
    times : tuple of float
        Study times, years, increasing, above 0.
    survival : tuple of float
        Share still outside at each time, never rising.
    at_risk : tuple of float
        Patients at risk at the *beginning* of each interval; the first is the cohort.
    """

    states: StateSet
    times: tuple[float, ...]
    survival: tuple[float, ...]
    at_risk: tuple[float, ...]

    def __post_init__(self) -> None:
        for time in self.times:
            check_time(time)
        for share, n in zip(self.survival, self.at_risk, strict=True):
            check_count("the share alive", share, 1)
            check_count("those at risk", n, self.at_risk[0])
        if len(self.times) != len(self.survival) or not self.times:
            raise ValueError("times, survival and at_risk differ in length. Give one of each")
        if any(a >= b for a, b in zip((0.0, *self.times), self.times, strict=False)):
            raise ValueError(f"times {list(self.times)} must be above 0 and increase. Sort them")
        if any(a < b for a, b in zip((1.0, *self.survival), self.survival, strict=False)):
            raise ValueError(f"survival {list(self.survival)} rises. Check the points")

    @property
    def questions(self) -> tuple[Question, ...]:
        """Ever in the set, by each time."""
        return tuple(EverIn(self.states, time) for time in self.times)

    @property
    def labels(self) -> tuple[str, ...]:
        """Entered and not, for each interval."""
        words = [f"{_words(self.states)} by {time:.3g} y" for time in self.times]
        return tuple(label for word in words for label in (word, f"not {word}"))

    @property
    def _events(self) -> FloatArray:
        before = np.array([1.0, *self.survival[:-1]])
        return np.asarray(np.array(self.at_risk) * (1 - np.array(self.survival) / before))

    @property
    def observed(self) -> FloatArray:
        """Events of each interval, and those without."""
        events = self._events
        return np.stack([events, np.array(self.at_risk) - events], axis=-1).ravel()

    @property
    def denominators(self) -> FloatArray:
        """Patients at risk of each interval."""
        return np.repeat(np.array(self.at_risk, dtype=float), 2)

    @property
    def is_poisson(self) -> bool:
        """The counts sum to the patients."""
        return False

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected events of each interval, and those without."""
        outside = 1 - answers
        before = np.concatenate([np.ones_like(outside[..., :1]), outside[..., :-1]], axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            leaves = np.where(before > 0, 1 - outside / before, 0.0)
        cells = np.array(self.at_risk)[:, None] * np.stack([leaves, 1 - leaves], axis=-1)
        return np.asarray(cells.reshape(*answers.shape[:-1], -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRate:
    """Events per person-time; Poisson.

    The model's rate is that of first moves: their probability over the years that a
    patient spends at risk before one. Where hazards are constant it is the hazard.

    Parameters
    ----------
    origin, to : tuple of str
        A patient in `origin` is at risk; moving into `to` is the event.
    events : float
        How many; need not be whole where a rate and person-years were published.
    person_years : float
        Time at risk.
    until : float
        Study time, years, to which patients were followed.
    """

    origin: StateSet
    to: StateSet
    events: float
    person_years: float
    until: float

    def __post_init__(self) -> None:
        check_time(self.until)
        if not (math.isfinite(self.events) and self.events >= 0):
            raise ValueError(f"events = {self.events!r} is not a count. Give 0 or above")
        if not (math.isfinite(self.person_years) and self.person_years > 0):
            raise ValueError(f"person_years = {self.person_years!r} is no time. Give more than 0")

    @property
    def questions(self) -> tuple[Question, ...]:
        """The probability of the event, and the time at risk before it."""
        return (
            FirstMove(self.origin, self.to, self.until),
            TimeBeforeMove(self.origin, self.to, self.until),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The event."""
        return (f"moves from {_words(self.origin)} to {_words(self.to)}",)

    @property
    def observed(self) -> FloatArray:
        """Events."""
        return np.array([float(self.events)])

    @property
    def denominators(self) -> FloatArray:
        """Person-years."""
        return np.array([float(self.person_years)])

    @property
    def is_poisson(self) -> bool:
        """Person-time has no fixed number of events."""
        return True

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected events."""
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.where(answers[..., 1] > 0, answers[..., 0] / answers[..., 1], 0.0)
        return np.asarray(self.person_years * rate[..., None])


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianTime:
    """By when half of the patients have been in a set of states; the sign test's binomial.

    Parameters
    ----------
    states : tuple of str
        The set.
    median : float
        Study time, years.
    n : float
        Patients.
    by : float or None
        Study time, years, if the median is of those alone who were there by then.
    """

    states: StateSet
    median: float
    n: float
    by: float | None = None

    def __post_init__(self) -> None:
        check_time(self.median)
        check_count("half of n", self.n / 2, self.n)
        if self.by is not None and not self.median < self.by < math.inf:
            raise ValueError(f"by = {self.by!r} years must be later than the median. Check both")

    @property
    def questions(self) -> tuple[Question, ...]:
        """Ever there by the published median, and by the end of the observation."""
        asked = EverIn(self.states, self.median)
        return (asked,) if self.by is None else (asked, EverIn(self.states, self.by))

    @property
    def labels(self) -> tuple[str, ...]:
        """Before the median, and not."""
        return f"in {_words(self.states)} by the median time", "not"

    @property
    def observed(self) -> FloatArray:
        """Half and half."""
        return np.full(2, self.n / 2)

    @property
    def denominators(self) -> FloatArray:
        """Patients."""
        return np.full(2, self.n)

    @property
    def is_poisson(self) -> bool:
        """The counts sum to the patients."""
        return False

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected patients there by the median, and not."""
        if self.by is None:
            return _two_cells(answers[..., 0], self.n)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(answers[..., 1] > 0, answers[..., 0] / answers[..., 1], 0.0)
        return _two_cells(np.clip(share, 0.0, 1.0), self.n)


def total_questions(measures: Sequence[Measure]) -> tuple[Question, ...]:
    """Return every question once, in the order in which it is first asked."""
    return tuple(dict.fromkeys(q for measure in measures for q in measure.questions))
