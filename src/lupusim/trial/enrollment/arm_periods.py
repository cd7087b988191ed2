"""When an arm of a platform trial opens and closes, and which controls it is compared with.

Each such moment says what it waits for (`waits_for`: the unit and how much of it), how large an
arm it lets grow (`largest_arm`), what it is in a trial of another size (`scaled`), and who is
randomized from then on (`passed`), as far as that is known before the arms are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import field, replace
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import COUNT, check_ranges, within
from lupusim.trial.durations import MONTHS_PER_YEAR

if TYPE_CHECKING:
    from lupusim.trial.treatment.arms import Arm


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDate:
    """A date."""

    largest_arm: ClassVar[float] = math.inf

    time: float = field(metadata=within(above=0, finite=False))  # calendar time (years)

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def in_words(self) -> str:
        """When, in words."""
        return f"in month {MONTHS_PER_YEAR * self.time:.3g}"

    @property
    def waits_for(self) -> tuple[str, float]:
        """Years since the first site opened."""
        return "years", self.time

    def scaled(self, factor: float) -> OnDate:
        """Return itself: a date is the same in a larger trial."""
        return self

    def passed(self, enrollment_time: FloatArray) -> BoolArray:
        """Return who is randomized from then on, shape (n_replicates, n_patients)."""
        return np.asarray(enrollment_time >= self.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceRandomized:
    """When so many patients have been randomized in the trial."""

    largest_arm: ClassVar[float] = math.inf

    patients: int = field(metadata=COUNT)  # the next one is the first who finds the change

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def in_words(self) -> str:
        """When, in words."""
        return f"once {self.patients} patients have been randomized"

    @property
    def waits_for(self) -> tuple[str, float]:
        """Patients of the trial."""
        return "patients", self.patients

    def scaled(self, factor: float) -> OnceRandomized:
        """Return it in a trial of `factor` times the patients."""
        return replace(self, patients=_times(factor, self.patients))

    def passed(self, enrollment_time: FloatArray) -> BoolArray:
        """Return who is randomized from then on, shape (n_replicates, n_patients)."""
        place = np.arange(enrollment_time.shape[1])
        return np.broadcast_to(place >= self.patients, enrollment_time.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceOnArm:
    """When so many patients have been randomized to the arm itself."""

    patients: int = field(metadata=COUNT)

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def in_words(self) -> str:
        """When, in words."""
        return f"once it has {self.patients} patients"

    @property
    def waits_for(self) -> tuple[str, float]:
        """Patients of the arm."""
        return "patients of the arm", self.patients

    @property
    def largest_arm(self) -> float:
        """Patients of the arm by then."""
        return self.patients

    def scaled(self, factor: float) -> OnceOnArm:
        """Return it in a trial of `factor` times the patients."""
        return replace(self, patients=_times(factor, self.patients))

    def passed(self, enrollment_time: FloatArray) -> BoolArray:
        """Return nobody, shape (n_replicates, n_patients): the draw of the arms decides."""
        return np.zeros(enrollment_time.shape, dtype=bool)


def _times(factor: float, count: int) -> int:
    return max(1, round(count * factor))


Joins = OnDate | OnceRandomized
Closes = OnDate | OnceRandomized | OnceOnArm


class Controls(Enum):
    """Which control patients an arm is compared with, where arms join or leave a trial."""

    CONCURRENT = "concurrent"
    """Those randomized while the arm was open."""
    ALL = "all"
    """All of them, as if they had come at the same time."""
    ADJUSTED = "adjusted"
    """All of them, with the set of open arms as a stratum."""


def arms_change(arms: Iterable[Arm]) -> bool:
    """Return whether any arm joins later or leaves."""
    return any(arm.joins is not None or arm.closes is not None for arm in arms)
