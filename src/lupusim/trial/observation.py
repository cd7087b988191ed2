"""How the trial watches its patients: visits kept and missed, states misread, events between."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from enum import Enum, Flag, auto
from itertools import pairwise

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import BELOW_ONE, DURATION, SHARE, check_ranges

_ROUNDING = 1e-9

Points = tuple[tuple[float, float], ...]
"""Study times (years), rising, and a value at each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitConduct:
    """How visits really go.

    Parameters
    ----------
    window : float
        Years by which a visit may be early or late; uniform, but never before randomization
        or after the end of follow-up. At most half the time between two visits.
    missed : float
        Probability that a visit is missed, the same for every visit and independent.
    misread : mapping of str to mapping of str to float
        For a true state, with which probability each state is seen at a visit; what is
        missing to 1 is the true state itself. States not named are always read rightly.
    """

    window: float = field(default=0.0, metadata=DURATION)
    missed: float = field(default=0.0, metadata=BELOW_ONE)
    misread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_ranges(self)
        for state, seen in self.misread.items():
            if min(seen.values(), default=0) < 0 or sum(seen.values()) > 1 + _ROUNDING:
                raise ValueError(
                    f"misread of {state!r} must be probabilities that sum to at most 1: {seen}"
                )

    @property
    def is_perfect(self) -> bool:
        """Whether every visit takes place when it is due and tells the true state."""
        return not (self.window or self.missed or self.misread)

    def confusion(self, states: Sequence[str]) -> FloatArray:
        """Return the probability of each seen state (columns) by true state (rows)."""
        matrix = np.eye(len(states))
        for name, seen in self.misread.items():
            row = matrix[states.index(name)]
            for other, probability in seen.items():
                if other != name:
                    row[states.index(other)] = probability
                    row[states.index(name)] -= probability
        return np.clip(matrix, 0.0, 1.0)


class Consequence(Flag):
    """What an intercurrent event does to what is known of the patient whom it strikes."""

    NONE = 0
    """What happens afterwards counts all the same."""
    FAILURE = auto()
    """It is itself a failure: no response, or an event."""
    CENSORING = auto()
    """Times and counts end there."""
    EXCLUSION = auto()
    """Who is struck by a visit is not in its analysis; in the true effect it does not happen."""
    LAST_VALUE = auto()
    """At visits after it, what was seen last before it counts."""


class Strategy(Enum):
    """What an endpoint does about an intercurrent event (ICH E9(R1)): a name, and what it brings.

    Endpoints, checks, exact power and the true effect ask for nothing but the consequences.
    """

    _value_: str
    consequences: Consequence

    def __new__(cls, name: str, consequences: Consequence) -> Strategy:
        """Make one whose value is its name in files."""
        made = object.__new__(cls)
        made._value_, made.consequences = name, consequences
        return made

    TREATMENT_POLICY = "treatment_policy", Consequence.NONE
    """Nothing."""
    COMPOSITE = "composite", Consequence.FAILURE
    """The event is part of the endpoint."""
    HYPOTHETICAL = "hypothetical", Consequence.CENSORING | Consequence.EXCLUSION
    """As if it had not happened."""
    WHILE_ON_TREATMENT = "while_on_treatment", Consequence.CENSORING | Consequence.LAST_VALUE
    """What was seen before it counts."""

    def brings(self, consequences: Consequence) -> bool:
        """Return whether it brings any of these."""
        return bool(self.consequences & consequences)

    @classmethod
    def without(cls, consequences: Consequence) -> str:
        """Return the names of those that bring none of these, for messages."""
        *others, last = (one.value for one in cls if not one.brings(consequences))
        return f"{', '.join(others)} or {last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntercurrentEvent:
    """Something, such as rescue medication, that strikes at a hazard which depends on the state.

    It does not change the course of the disease.

    Parameters
    ----------
    name : str
        What to call it.
    hazard_per_year : mapping of str to float
        In each state, 0 or above; 0 in states that are not named.
    strategy : Strategy
        What endpoints do about it.
    by_endpoint : mapping of str to Strategy
        What endpoints of these names do instead.
    """

    name: str
    hazard_per_year: Mapping[str, float]
    strategy: Strategy = Strategy.TREATMENT_POLICY
    by_endpoint: Mapping[str, Strategy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for state, hazard in self.hazard_per_year.items():
            if not (math.isfinite(hazard) and hazard >= 0):
                raise ValueError(f"hazard_per_year of {state!r}={hazard!r} must be 0 or above")

    def strategy_of(self, endpoint: str) -> Strategy:
        """Return what the endpoint of a name does about it."""
        return self.by_endpoint.get(endpoint, self.strategy)

    def rates(self, states: Sequence[str]) -> FloatArray:
        """Return the hazard per year in each state, shape (n_states,)."""
        return np.array([float(self.hazard_per_year.get(state, 0.0)) for state in states])


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    r"""A score, such as SLEDAI, whose mean and spread depend on the state at a visit.

    .. math:: Y_{iv} = \mu_s + \sigma_s (\sqrt{\rho}\, a_i + \sqrt{1 - \rho}\, e_{iv})

    with independent standard normal :math:`a_i` of the patient and :math:`e_{iv}` of the visit.
    Where a course is stated, its mean change at the study time of the visit is added, and
    :math:`\sigma_s` is multiplied by the spread there; both run linearly between the times that
    are stated, from no change and a factor of 1 at randomization, and stay after the last.

    Parameters
    ----------
    name : str
        What to call it.
    mean, sd : mapping of str to float
        In each state in which a patient can be seen; sd 0 or above.
    correlation : float
        :math:`\rho`, of two values of a patient in the same state; 0 to 1.
    lowest : float
        Lower values are set to it.
    baseline : str
        A number of the patients that is the value at randomization, such as the sledai of
        their screening; later values are correlated with it. Empty: drawn like the others.
    course : mapping of str to tuple of (float, float)
        By arm: study times (years) and the mean change up to each.
    spread : tuple of (float, float)
        Study times (years) and the factor of the standard deviation at each.
    baseline_correlation : float or None
        Of a later value with the one at randomization; None for `correlation`. Its square is at
        most `correlation`.
    """

    name: str
    mean: Mapping[str, float]
    sd: Mapping[str, float]
    correlation: float = field(metadata=SHARE)
    lowest: float = -math.inf
    baseline: str = ""
    course: Mapping[str, Points] = field(default_factory=dict)
    spread: Points = ()
    baseline_correlation: float | None = None

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.mean.keys() != self.sd.keys():
            raise ValueError("mean and sd must name the same states")
        if self.with_baseline**2 > self.correlation + _ROUNDING:
            raise ValueError(
                f"baseline_correlation={self.with_baseline!r} is too large: its square must be at "
                f"most the correlation of two later values, {self.correlation!r}"
            )
        for points in (*self.course.values(), self.spread):
            _check_points(points)
        if any(factor < 0 for _, factor in self.spread):
            raise ValueError(f"spread={self.spread!r} must hold factors of 0 or above")
        for state, sd in self.sd.items():
            if not (math.isfinite(sd) and sd >= 0):
                raise ValueError(f"sd of {state!r}={sd!r} must be 0 or above")

    @property
    def with_baseline(self) -> float:
        """The correlation of a later value with the one at randomization, in the same state."""
        stated = self.baseline_correlation
        return self.correlation if stated is None else stated

    def change(self, arm: str, time: float) -> float:
        """Return the stated mean change of an arm at a study time (years)."""
        return _between(self.course.get(arm, ()), time, at_start=0.0)

    def widening(self, time: float) -> float:
        """Return what multiplies the standard deviation at a study time (years)."""
        return _between(self.spread, time, at_start=1.0)

    def alike(self, arms: Sequence[str]) -> Marker:
        """Return the marker of a trial in which all arms take the course of the first."""
        course = self.course.get(arms[0], ())
        return replace(self, course=dict.fromkeys(arms, course)) if self.course else self


def _check_points(points: Points) -> None:
    times = [time for time, _ in points]
    rising = all(a < b for a, b in pairwise(times))
    if not (rising and all(time > 0 for time in times) and np.isfinite(points).all()):
        raise ValueError(f"{points} must be finite numbers at rising times above 0")


def _between(points: Points, time: float, *, at_start: float) -> float:
    """Return the value at a time on straight lines between points, constant after the last."""
    times, values = zip((0.0, at_start), *points, strict=True)
    return float(np.interp(time, times, values))
