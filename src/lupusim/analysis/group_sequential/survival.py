"""Events, patients and calendar times of a group-sequential log-rank design, in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lupusim.analysis.group_sequential.bounds import Bounds
from lupusim.analysis.group_sequential.design import drift_for_power, inflation_factor
from lupusim.analysis.group_sequential.recursion import find_root
from lupusim.common.arrays import FloatArray, read_only
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalSetting:
    """Two arms with proportional hazards, enrollment and dropout; any one unit of time.

    Parameters
    ----------
    control_hazard : sequence of float
        Hazard of the control arm in each period of study time.
    hazard_ratio : float
        Of the experimental arm.
    enrollment_time : float
        Time over which patients enter.
    breaks : sequence of float
        Study times at which the control hazard changes; one less than the hazards.
    enrollment_breaks, enrollment_rates : sequence of float
        Calendar times within the enrollment at which its rate changes, and the rates relative
        to each other.
    dropout_hazard : float
        Of both arms.
    allocation : float
        Patients of the experimental arm for each of the control arm.

    Raises
    ------
    ValueError
        If a hazard, time or ratio is out of range, or the numbers of breaks and rates differ.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> setting = SurvivalSetting(
    ...     control_hazard=[0.06], hazard_ratio=0.7, enrollment_time=24
    ... )
    >>> size = survival_size(bounds([1, 2]), setting, follow_up=12, power=0.9)
    >>> round(float(size.n_events[-1]), 1)
    331.5
    """

    control_hazard: Sequence[float]
    hazard_ratio: float
    enrollment_time: float
    breaks: Sequence[float] = ()
    enrollment_breaks: Sequence[float] = ()
    enrollment_rates: Sequence[float] = (1.0,)
    dropout_hazard: float = 0.0
    allocation: float = 1.0

    def __post_init__(self) -> None:
        for name in ("hazard_ratio", "enrollment_time", "allocation"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name}={value!r} must be a finite number above 0")
        if self.hazard_ratio == 1:
            raise ValueError("hazard_ratio=1 has no power: no sample size is large enough")
        _check_pieces("control_hazard", self.control_hazard, self.breaks)
        _check_pieces("enrollment_rates", self.enrollment_rates, self.enrollment_breaks)
        if not (np.isfinite(self.dropout_hazard) and self.dropout_hazard >= 0):
            raise ValueError(f"dropout_hazard={self.dropout_hazard!r} must be 0 or above")
        if any(time >= self.enrollment_time for time in self.enrollment_breaks):
            raise ValueError(
                f"enrollment_breaks={self.enrollment_breaks!r} must lie before the end of "
                f"enrollment, {self.enrollment_time!r}"
            )

    @property
    def shares(self) -> FloatArray:
        """Share of the patients in the control and in the experimental arm."""
        return np.array([1.0, self.allocation]) / (1 + self.allocation)

    def event_probability(self, calendar_time: float, hazard_ratios: FloatArray) -> FloatArray:
        """Return the probability that a patient of the whole enrollment has had an event.

        Parameters
        ----------
        calendar_time : float
            Since enrollment began; patients who have not entered by then have no event.
        hazard_ratios : (n,) array
            Against the control arm; one probability for each.
        """
        cuts = [0.0, *self.enrollment_breaks, self.enrollment_time]
        kinks = calendar_time - np.asarray(self.breaks, dtype=float)
        inside = kinks[(kinks > 0) & (kinks < self.enrollment_time)]
        edges = np.unique([*cuts, *inside, min(calendar_time, self.enrollment_time)])
        point, weight = np.polynomial.legendre.leggauss(20)
        half = np.diff(edges)[:, None] / 2
        entry = edges[:-1, None] + half * (1 + point)
        rate = np.asarray(self.enrollment_rates, dtype=float)
        piece = np.searchsorted(cuts[1:-1], entry, side="right")
        density = rate[piece] / (rate * np.diff(cuts)).sum()
        followed = np.maximum(calendar_time - entry, 0.0)
        return np.array(
            [
                (self._event_by(followed, float(ratio)) * density * weight * half).sum()
                for ratio in hazard_ratios
            ]
        )

    def _event_by(self, study_time: FloatArray, ratio: float) -> FloatArray:
        """Return the probability of an event before dropout by a study time."""
        hazard = ratio * np.asarray(self.control_hazard, dtype=float)
        leaving = hazard + self.dropout_hazard
        starts = np.array([0.0, *self.breaks])
        lengths = np.append(np.diff(starts), np.inf)
        spent = np.clip(study_time[..., None] - starts, 0.0, lengths)
        hazard_before = np.append(0.0, np.cumsum(leaving[:-1] * lengths[:-1]))
        per_piece = hazard / leaving * np.exp(-hazard_before) * -np.expm1(-leaving * spent)
        by_then: FloatArray = per_piece.sum(axis=-1)
        return by_then


class SurvivalMethod(Protocol):
    """A way to turn a design and a hazard ratio into numbers of patients and events."""

    def n_patients(
        self, design: Bounds, setting: SurvivalSetting, end: float, power: float
    ) -> float:
        """Return the patients needed if the last look is at calendar time `end`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Schoenfeld:
    """Events from the drift of the log-rank test.

    References
    ----------
    Schoenfeld (1981), *Biometrika* 68:316.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> setting = SurvivalSetting(
    ...     control_hazard=[0.06], hazard_ratio=0.7, enrollment_time=24
    ... )
    >>> method = Schoenfeld()
    >>> size = survival_size(bounds([1]), setting, follow_up=12, power=0.9, method=method)
    >>> round(float(size.n_patients), 1)
    485.3
    """

    def n_patients(
        self, design: Bounds, setting: SurvivalSetting, end: float, power: float
    ) -> float:
        """Return the patients needed if the last look is at calendar time `end`."""
        drift = drift_for_power(design, power)
        n_events = (drift / np.log(setting.hazard_ratio)) ** 2 / np.prod(setting.shares)
        return float(n_events / _overall(setting, end))


@dataclass(frozen=True, slots=True, kw_only=True)
class LachinFoulkes:
    """Variance of the log hazard ratio from the events expected, apart under each hypothesis.

    References
    ----------
    Lachin and Foulkes (1986), *Biometrics* 42:507.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> setting = SurvivalSetting(
    ...     control_hazard=[0.06], hazard_ratio=0.7, enrollment_time=24
    ... )
    >>> method = LachinFoulkes()
    >>> size = survival_size(bounds([1]), setting, follow_up=12, power=0.9, method=method)
    >>> round(float(size.n_patients), 1)
    484.1
    """

    def n_patients(
        self, design: Bounds, setting: SurvivalSetting, end: float, power: float
    ) -> float:
        """Return the patients needed if the last look is at calendar time `end`."""
        from scipy.special import ndtri

        common = float(setting.shares @ [1.0, setting.hazard_ratio])
        ratios = np.array([1.0, setting.hazard_ratio, common])
        control, experimental, pooled = setting.event_probability(end, ratios)
        under_effect = (1 / (setting.shares * [control, experimental])).sum()
        under_null = (1 / (setting.shares * pooled)).sum()
        z_alpha, z_beta = -ndtri(float(design.alpha) / design.sided), ndtri(power)
        root = z_alpha * np.sqrt(under_null) + z_beta * np.sqrt(under_effect)
        fixed = (root / np.log(setting.hazard_ratio)) ** 2
        return float(fixed * inflation_factor(design, power))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SurvivalSize(Shown):
    """Size of a group-sequential log-rank design; patients and events are not rounded.

    Parameters
    ----------
    n_patients : float
        To enroll.
    n_events, calendar_time : (n_looks,) array
        Events expected at each look under the alternative, and when.
    power : float
        Asked for.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> setting = SurvivalSetting(
    ...     control_hazard=[0.06], hazard_ratio=0.7, enrollment_time=24
    ... )
    >>> size = survival_size(bounds([1, 2]), setting, follow_up=12, power=0.9)
    >>> size.calendar_time.round(1).tolist()
    [21.2, 36.0]
    """

    n_patients: float
    n_events: FloatArray
    calendar_time: FloatArray
    power: float

    def __post_init__(self) -> None:
        for name in ("n_events", "calendar_time"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


def survival_size(
    design: Bounds,
    setting: SurvivalSetting,
    *,
    follow_up: float,
    power: float,
    method: SurvivalMethod | None = None,
) -> SurvivalSize:
    """Return the patients and events of a log-rank design with a given duration.

    Parameters
    ----------
    design : Bounds
        A plan of one dimension; its information fractions become event fractions.
    setting : SurvivalSetting
        Hazards, enrollment, dropout, allocation.
    follow_up : float
        Time from the last patient's entry to the last look, 0 or above.
    power : float
        At the hazard ratio of the setting.
    method : SurvivalMethod or None
        `Schoenfeld` (None) or `LachinFoulkes`.

    Raises
    ------
    ValueError
        If the follow-up is negative or the power out of range.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential.bounds import bounds
    >>> setting = SurvivalSetting(
    ...     control_hazard=[np.log(2) / 12],
    ...     hazard_ratio=0.7,
    ...     enrollment_time=24,
    ...     dropout_hazard=-np.log(0.95) / 12,
    ... )
    >>> size = survival_size(bounds([67, 134, 200]), setting, follow_up=12, power=0.9)
    >>> round(size.n_patients, 3), round(float(size.n_events[-1]), 3)
    (521.985, 334.364)
    """
    if not (np.isfinite(follow_up) and follow_up >= 0):
        raise ValueError(f"follow_up={follow_up!r} must be 0 or above")
    end = setting.enrollment_time + follow_up
    chosen = method if method is not None else Schoenfeld()
    n_patients = chosen.n_patients(design, setting, end, power)
    n_events = n_patients * _overall(setting, end) * design.information_fraction

    def missing(time: FloatArray) -> FloatArray:
        expected = np.array([_overall(setting, float(one)) for one in time])
        return n_patients * expected - n_events[:-1]

    several = design.n_looks > 1
    zero = np.zeros(design.n_looks - 1)
    before = find_root(missing, zero, zero + end) if several else zero
    return SurvivalSize(
        n_patients=n_patients,
        n_events=n_events,
        calendar_time=np.append(before, end),
        power=power,
    )


def _overall(setting: SurvivalSetting, calendar_time: float) -> float:
    ratios = np.array([1.0, setting.hazard_ratio])
    return float(setting.shares @ setting.event_probability(calendar_time, ratios))


def _check_pieces(name: str, values: Sequence[float], breaks: Sequence[float]) -> None:
    if len(values) != len(breaks) + 1 or not all(np.isfinite(v) and v > 0 for v in values):
        raise ValueError(
            f"{name}={values!r} must be numbers above 0, one more than its breaks {breaks!r}"
        )
    if np.any(np.diff([0.0, *breaks]) <= 0):
        raise ValueError(f"breaks of {name}, {breaks!r}, must rise from above 0")
