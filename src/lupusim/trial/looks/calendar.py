"""Looks at a date, and after patients have been followed."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import COUNT, NOT_NEGATIVE, POSITIVE, check_ranges
from lupusim.trial.durations import format_duration
from lupusim.trial.looks.timing import (
    TIMINGS,
    Entries,
    LookTiming,
    in_months,
    times,
)

if TYPE_CHECKING:
    from lupusim.trial.design import Trial

_TIME_TOLERANCE = 1e-9


@TIMINGS.register("calendar_time")
@dataclass(frozen=True, slots=True, kw_only=True)
class AtCalendarTime(LookTiming):
    """Cut at a calendar time (years since the first site's opening).

    Examples
    --------
    >>> AtCalendarTime(time=2.0).time
    2.0
    """

    ends_by_itself: ClassVar[bool] = True  # it does

    time: float = field(metadata=POSITIVE)
    may_decide_enrollment: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_ranges(self)

    def calendar_time(self, entries: Entries) -> FloatArray:
        """Return the same time for every replicate."""
        return np.full(len(entries.enrolled), self.time)

    def needs_first_only(self) -> bool:
        """Return that it knows none who come later."""
        return True

    def words(self, trial: Trial) -> str:
        """Return the month."""
        return f"month {in_months(self.time)}"

    @property
    def date(self) -> float:
        """The time."""
        return self.time

    @property
    def end(self) -> float:
        """The time."""
        return self.time


@TIMINGS.register("last_patient")
@dataclass(frozen=True, slots=True, kw_only=True)
class AfterLastPatient(LookTiming):
    """Cut when the patient randomized last has been followed for a time (years).

    Examples
    --------
    >>> AfterLastPatient(follow_up=1.0).follow_up
    1.0
    """

    follow_up: float = field(metadata=POSITIVE)

    def __post_init__(self) -> None:
        check_ranges(self)

    def calendar_time(self, entries: Entries) -> FloatArray:
        """Return the last randomization plus the follow-up."""
        return np.asarray(entries.enrolled[:, -1] + self.follow_up)

    def needs_first_only(self) -> bool:
        """Return that it knows none who come later."""
        return True

    def words(self, trial: Trial) -> str:
        """Return the follow-up of the last patient."""
        return f"the last patient followed for {format_duration(self.follow_up)}"

    @property
    def after_last_patient(self) -> float:
        """The follow-up."""
        return self.follow_up

    def patients_known(self, due: float, n_patients: int) -> int | None:
        """Return all patients, where the last one's outcome is complete."""
        return n_patients if self.follow_up >= due - _TIME_TOLERANCE else None


@TIMINGS.register("patients")
@dataclass(frozen=True, slots=True, kw_only=True)
class AfterPatients(LookTiming):
    """Cut when a number of patients have been followed for a time (years, 0 or above).

    Examples
    --------
    >>> AfterPatients(patients=60, follow_up=0.5).patients
    60
    """

    patients: int = field(metadata=COUNT)
    follow_up: float = field(default=0.0, metadata=NOT_NEGATIVE)
    may_decide_enrollment: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_ranges(self)

    def calendar_time(self, entries: Entries) -> FloatArray:
        """Return that patient's randomization plus the follow-up; ``inf`` if nobody is that."""
        enrolled = entries.enrolled
        if self.patients > enrolled.shape[1]:
            return np.full(len(enrolled), np.inf)
        return np.asarray(enrolled[:, self.patients - 1] + self.follow_up)

    def needs_first_only(self) -> bool:
        """Return that it knows none who come later."""
        return True

    def words(self, trial: Trial) -> str:
        """Return how many patients, and how long each is followed."""
        who = f"{self.patients} patients"
        return f"{who} followed for {format_duration(self.follow_up)}" if self.follow_up else who

    @property
    def after_patients(self) -> tuple[int, float]:
        """Their number and follow-up."""
        return self.patients, self.follow_up

    def patients_known(self, due: float, n_patients: int) -> int | None:
        """Return those whose outcome is just complete, or all."""
        late = self.follow_up - due
        if abs(late) <= _TIME_TOLERANCE:
            return self.patients
        return n_patients if late > 0 and self.patients == n_patients else None

    def never(self, n_patients: int, ratio: tuple[int, ...] = ()) -> str | None:
        """Return that not so many patients come."""
        if self.patients <= n_patients:
            return None
        return f"only {n_patients} patients come, never {self.patients}"

    def scaled(self, factor: float) -> Self:
        """Return the timing after `factor` times the patients."""
        return replace(self, patients=times(factor, self.patients))
