"""What studies publish about times: survival curves, events per person-time, medians."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from lupusim.calibration.targets.counts import (
    check_count,
    check_time,
    ratio,
    two_cells,
    words_of,
)
from lupusim.calibration.targets.margins import Margin
from lupusim.calibration.targets.questions import (
    EverIn,
    FirstMove,
    LeftWithin,
    Moves,
    Question,
    StateSet,
    TimeBeforeMove,
    YearsIn,
)
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass


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
    entered_by : float or None
        Where `times` are durations of a stay: years since a patient entered `states`, which
        happened by this study time; survival is staying in them.
    """

    is_poisson: ClassVar[bool] = False  # the counts sum to the patients
    counts_patients: ClassVar[bool] = False  # they follow from shares
    counted_moves: ClassVar[tuple[StateSet, StateSet] | None] = None
    """None: no single move is counted."""

    states: StateSet
    times: tuple[float, ...]
    survival: tuple[float, ...]
    at_risk: tuple[float, ...]
    entered_by: float | None = None

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
        """Ever in the set, by each time; or out of it again."""
        if (by := self.entered_by) is not None:
            return tuple(LeftWithin(self.states, by, time) for time in self.times)
        return tuple(EverIn(self.states, time) for time in self.times)

    @property
    def labels(self) -> tuple[str, ...]:
        """Entered and not, for each interval."""
        stays = "left " if self.entered_by is not None else ""
        words = [f"{stays}{words_of(self.states)} by {time:.3g} y" for time in self.times]
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

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected events of each interval, and those without."""
        outside = 1 - answers
        before = np.concatenate([np.ones_like(outside[..., :1]), outside[..., :-1]], axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            leaves = np.where(before > 0, 1 - outside / before, 0.0)
        cells = np.array(self.at_risk)[:, None] * np.stack([leaves, 1 - leaves], axis=-1)
        return np.asarray(cells.reshape(*answers.shape[:-1], -1))

    @property
    def is_complete(self) -> bool:
        """Whether nobody was censored: who was left at one time is at risk from then on."""
        left = self.at_risk[0] * np.array(self.survival[:-1])
        return bool(np.allclose(left, self.at_risk[1:], rtol=1e-6))

    def margins(self, observed: FloatArray) -> tuple[Margin, ...] | None:
        """Return who has entered the set by each time; None where some were censored."""
        if not self.is_complete or self.entered_by is not None:
            return None
        entered = np.cumsum(observed[::2]).tolist()
        return tuple(
            Margin(question=question, count=count, n=self.at_risk[0])
            for question, count in zip(self.questions, entered, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRate:
    """Events per person-time; Poisson.

    The model's rate is that of all moves, the expected number over the expected years at risk;
    or that of first moves, after which a patient is watched no longer. Where hazards are
    constant both are the hazard.

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
    counts : {"all", "first"}
        Every move of a patient, or the first alone.
    """

    is_poisson: ClassVar[bool] = True  # person-time has no fixed number of events
    counts_patients: ClassVar[bool] = False  # but events, or a rate times years

    origin: StateSet
    to: StateSet
    events: float
    person_years: float
    until: float
    counts: str = "all"

    def __post_init__(self) -> None:
        check_time(self.until)
        if not (math.isfinite(self.events) and self.events >= 0):
            raise ValueError(f"events = {self.events!r} is not a count. Give 0 or above")
        if not (math.isfinite(self.person_years) and self.person_years > 0):
            raise ValueError(f"person_years = {self.person_years!r} is no time. Give more than 0")

    @property
    def questions(self) -> tuple[Question, ...]:
        """How many events a patient has, and the years at risk of them."""
        if self.counts == "all":
            return Moves(self.origin, self.to, self.until), YearsIn(self.origin, self.until)
        return (
            FirstMove(self.origin, self.to, self.until),
            TimeBeforeMove(self.origin, self.to, self.until),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The event."""
        return (f"moves from {words_of(self.origin)} to {words_of(self.to)}",)

    @property
    def observed(self) -> FloatArray:
        """Events."""
        return np.array([float(self.events)])

    @property
    def denominators(self) -> FloatArray:
        """Person-years."""
        return np.array([float(self.person_years)])

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected events."""
        rate = ratio(answers[..., 0], answers[..., 1])
        return np.asarray(self.person_years * rate[..., None])

    def margins(self, observed: FloatArray) -> tuple[Margin, ...] | None:
        """Return None: how many patients had the events is not said."""
        return None

    @property
    def counted_moves(self) -> tuple[StateSet, StateSet] | None:
        """From where to where, unless there was no event."""
        return (self.origin, self.to) if self.events > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianTime:
    """By when half of the patients have been in a set of states; the sign test's binomial."""

    is_poisson: ClassVar[bool] = False  # the counts sum to the patients
    counts_patients: ClassVar[bool] = False  # they follow from shares
    counted_moves: ClassVar[tuple[StateSet, StateSet] | None] = None
    """None: no single move is counted."""

    states: StateSet
    median: float  # study time, years
    n: float  # patients
    by: float | None = None
    """Study time, years, if the median is of those alone who were there by then."""
    is_stay: bool = False
    """Whether `median` is the duration of a stay in `states`, of those who entered by `by`."""

    def __post_init__(self) -> None:
        check_time(self.median)
        check_count("half of n", self.n / 2, self.n)
        if self.is_stay:
            if self.by is None:
                raise ValueError("by is missing: by when did they enter. Give a study time")
            return
        if self.by is not None and not self.median < self.by < math.inf:
            raise ValueError(f"by = {self.by!r} years must be later than the median. Check both")

    @property
    def questions(self) -> tuple[Question, ...]:
        """Ever there by the published median, and by the end of the observation."""
        if self.is_stay and self.by is not None:
            return (LeftWithin(self.states, self.by, self.median),)
        asked = EverIn(self.states, self.median)
        return (asked,) if self.by is None else (asked, EverIn(self.states, self.by))

    @property
    def labels(self) -> tuple[str, ...]:
        """Before the median, and not."""
        if self.is_stay:
            return f"left {words_of(self.states)} within the median stay", "not"
        return f"in {words_of(self.states)} by the median time", "not"

    @property
    def observed(self) -> FloatArray:
        """Half and half."""
        return np.full(2, self.n / 2)

    @property
    def denominators(self) -> FloatArray:
        """Patients."""
        return np.full(2, self.n)

    def expected(self, answers: FloatArray) -> FloatArray:
        """Return expected patients there by the median, and not."""
        if self.by is None or self.is_stay:
            return two_cells(np.clip(answers[..., 0], 0.0, 1.0), self.n)
        return two_cells(np.clip(ratio(answers[..., 0], answers[..., 1]), 0.0, 1.0), self.n)

    def margins(self, observed: FloatArray) -> tuple[Margin, ...] | None:
        """Return who was there by the median, and by the end where that is the denominator."""
        if self.is_stay:
            return None
        early, *late = self.questions
        if not late:
            return (Margin(question=early, count=float(observed[0]), n=self.n),)
        return (
            Margin(question=early, count=float(observed[0]), may_be_more=True),
            Margin(question=late[0], count=self.n, is_condition=True, may_be_more=True),
        )
