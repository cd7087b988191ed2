"""Kaplan-Meier survival at given times, and its difference between two arms."""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import everyone_or, flags, lead_shape
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.results import TestResult, normal_quantile, ratio_or
from lupusim.analysis.survival.sorting import CENSORED, FLAGS, survival_columns, time_key
from lupusim.analysis.verdicts import OPPOSITE, against, verdict
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import BELOW_ONE, LONGER_THAN_0, NOT_NEGATIVE, check_ranges
from lupusim.common.shown import Shown
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test

_NOBODY_LEFT = 1e300  # stands for infinity: 0 times it is still 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SurvivalCurve(Shown):
    """Survival at given times.

    Parameters
    ----------
    times : (n_times,) array
        The times asked for.
    survival, standard_error : (n_replicates, n_times) arrays
        Kaplan-Meier estimate and Greenwood's standard error.
    lower, upper : (n_replicates, n_times) arrays
        Log-log interval; where the survival is 1 or 0, Wilson's interval with the patients
        at risk, or all of them.
    at_risk : (n_replicates, n_times) array
        Patients whose time is not before the time asked for.
    undefined : (n_replicates, n_times) boolean array
        Where nobody was followed so long and not all had had the event: the last value is
        carried forward.

    Examples
    --------
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> kaplan_meier(time, event, [5.0]).at_risk.tolist()
    [4.0]
    """

    times: FloatArray
    survival: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray
    at_risk: FloatArray
    undefined: BoolArray


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    times: ArrayLike | None = None,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> SurvivalCurve:
    r"""Estimate survival at given times, or at the curve's own steps.

    .. math:: \hat S(t) = \prod_{t_j \le t} (1 - d_j / Y_j), \quad
              \widehat{\mathrm{var}} = \hat S(t)^2 \sum_{t_j \le t} \frac{d_j}{Y_j (Y_j - d_j)}

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Time at risk, 0 or above, in any unit; at equal times events precede censorings.
    event : array of 0 and 1
        Whether the time ended with the event; shape as `time` or (n_patients,).
    times : float or (n_times,) array
        When to estimate, in the unit of `time`, 0 or above. Default: 0 and every time at which an
        event comes, of a single trial.
    included : boolean array or None
        Who belongs to the analysis set, or to the arm; None means all.
    level : float
        Of the intervals.

    Returns
    -------
    SurvivalCurve
        Arrays (n_replicates, n_times), or (n_times,) for a single trial.

    Raises
    ------
    ValueError
        If shapes don't fit, or times are negative or not numbers.

    References
    ----------
    Kaplan and Meier (1958), *Journal of the American Statistical Association* 53, 457-481.

    Examples
    --------
    >>> curve = kaplan_meier([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 0], [2.5, 3.5])
    >>> curve.survival.tolist(), curve.at_risk.tolist()
    ([0.75, 0.375], [2.0, 1.0])
    """
    at = _own_steps(time, event, included) if times is None else checked_times(times)
    nobody_treated = np.zeros(np.shape(time)[-1:], dtype=bool)
    columns = survival_columns(time, event, nobody_treated, included=included)
    sums = np.zeros((3, columns.n_replicates, at.size))
    for block, keys in columns.blocks():
        sums[:, block] = _curve_sums(keys, at)
    n = np.full(columns.n_replicates, columns.n_patients)
    if columns.included is not None:
        n = np.broadcast_to(columns.included.sum(axis=1), n.shape)
    shape = (*columns.lead, at.size)
    log_survival, greenwood, at_risk = (total.reshape(shape) for total in sums)
    patients = np.broadcast_to(n[:, np.newaxis], sums.shape[1:]).reshape(shape)
    return _curve(at, log_survival, greenwood, (at_risk, patients), level)


def _own_steps(time: ArrayLike, event: ArrayLike, included: ArrayLike | None) -> FloatArray:
    """Return 0 and the times of the events of a single trial."""
    if max(np.ndim(time), np.ndim(event)) > 1:
        raise ValueError("several trials have no steps in common. Say at which 'times' to estimate")
    member, happened = everyone_or(included), flags("event", event)[0]
    counts = happened if member is None else happened & member[0]
    return np.unique(np.append(0.0, np.asarray(time, dtype=float)[counts]))


@takes_labels
def survival_difference(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    at: float,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    """Compare the Kaplan-Meier survival of two arms at one time.

    Parameters
    ----------
    time, event : arrays
        See `kaplan_meier`.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `time` or (n_patients,).
    at : float
        When to compare, in the unit of `time`.
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    level : float
        Of the interval.

    Returns
    -------
    TestResult
        `estimate` is experimental minus control survival, `z` divides it by Greenwood's
        standard error; the interval joins the arms' log-log intervals by their squared
        distances (Zou and Donner's MOVER). Undefined where an arm's survival at that time
        is, or where neither arm's varies.

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, or flags are not 0 or 1.

    References
    ----------
    Klein, Logan, Harhoff and Andersen (2007), *Statistics in Medicine* 26, 4505-4519.
    Zou and Donner (2008), *Statistics in Medicine* 27, 1693-1702.

    Examples
    --------
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> float(survival_difference(time, event, arm, 6.0).estimate.round(4))
    0.3333
    """
    lead = lead_shape(time=time, event=event, arm=arm, included=included)
    treated, member = flags("arm", arm), everyone_or(included)
    experimental, control = (
        kaplan_meier(time, event, at, included=_in_arm(of_arm, member, time), level=level)
        for of_arm in (treated, ~treated)
    )
    return _difference(experimental, control, lead)


def _in_arm(of_arm: BoolArray, member: BoolArray | None, time: ArrayLike) -> BoolArray:
    chosen = of_arm if member is None else of_arm & member
    return chosen[0] if chosen.shape[0] == 1 and np.ndim(time) == 1 else chosen


def _difference(
    experimental: SurvivalCurve, control: SurvivalCurve, lead: tuple[int, ...]
) -> TestResult:
    estimate = experimental.survival - control.survival
    error = np.hypot(experimental.standard_error, control.standard_error)
    unknown = experimental.undefined | control.undefined
    below = np.hypot(experimental.survival - experimental.lower, control.upper - control.survival)
    above = np.hypot(experimental.upper - experimental.survival, control.survival - control.lower)
    outcome = {
        "z": np.where(unknown, 0.0, ratio_or(estimate, error, 0.0)),
        "estimate": np.where(unknown, 0.0, estimate),
        "standard_error": np.where(unknown, np.inf, error),
        "lower": np.where(unknown, -1.0, estimate - below),
        "upper": np.where(unknown, 1.0, estimate + above),
    }
    return TestResult(
        undefined=np.broadcast_to(unknown | (error == 0), (*lead, 1)).reshape(lead),
        **{
            name: np.broadcast_to(values, (*lead, 1)).reshape(lead)
            for name, values in outcome.items()
        },
    )


def checked_times(times: ArrayLike) -> FloatArray:
    """Return the times of a curve, (n_times,); raises ValueError unless they can be followed."""
    at = np.atleast_1d(np.asarray(times, dtype=float))
    if at.ndim != 1 or not (np.isfinite(at) & (at >= 0)).all():
        raise ValueError(f"times={times!r} must be finite numbers, 0 or above")
    return at


@lru_cache(maxsize=64)
def _steps(n_patients: int) -> FloatArray:
    """Return by position what an event adds to log survival and to Greenwood's sum; (2, n).

    Events at the same time may be taken one by one: the products and sums telescope.
    """
    at_risk = np.arange(n_patients, 0.0, -1.0)
    steps = np.array([np.full(n_patients, -_NOBODY_LEFT), np.full(n_patients, _NOBODY_LEFT)])
    steps[0, :-1] = np.log1p(-1 / at_risk[:-1])
    steps[1, :-1] = 1 / (at_risk[:-1] * (at_risk[:-1] - 1))
    steps.setflags(write=False)
    return steps


def _curve_sums(keys: IntArray, at: FloatArray) -> FloatArray:
    """Return log survival, Greenwood's sum and the number at risk; (3, n_replicates, n_times)."""
    n_replicates, n_patients = keys.shape
    event = (keys & CENSORED) == 0
    sums = np.zeros((2, n_replicates, n_patients + 1))
    np.cumsum(event * _steps(n_patients)[:, np.newaxis], axis=2, out=sums[:, :, 1:])
    moments = [time_key(float(moment)) for moment in at]
    past = np.stack([(keys <= moment).sum(axis=1) for moment in moments], axis=1)
    left = np.stack([(keys >= moment - FLAGS).sum(axis=1) for moment in moments], axis=1)
    reached = np.take_along_axis(sums, past[np.newaxis], axis=2)
    return np.concatenate([reached, left[np.newaxis]])


def _curve(
    at: FloatArray,
    log_survival: FloatArray,
    greenwood: FloatArray,
    counts: tuple[FloatArray, IntArray],
    level: float,
) -> SurvivalCurve:
    at_risk, patients = counts
    survival = np.exp(log_survival)
    inside = (log_survival < 0) & (survival > 0)
    log_inside = np.where(inside, log_survival, -1.0)
    reach = normal_quantile(level) * np.sqrt(np.where(inside, greenwood, 0.0)) / -log_inside
    low, high = _wilson_at_the_end(survival, np.where(survival > 0, at_risk, patients), level)
    return SurvivalCurve(
        times=at,
        survival=survival,
        standard_error=survival * np.sqrt(np.where(inside, greenwood, 0.0)),
        lower=np.where(inside, np.exp(log_inside * np.exp(reach)), low),
        upper=np.where(inside, np.exp(log_inside * np.exp(-reach)), high),
        at_risk=at_risk,
        undefined=(at_risk == 0) & (survival > 0),
    )


def _wilson_at_the_end(
    survival: FloatArray, n: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Return Wilson's interval of a survival that is 0 or 1."""
    reach = normal_quantile(level) ** 2 / (n + normal_quantile(level) ** 2)
    return np.where(survival > 0, 1 - reach, 0.0), np.where(survival > 0, 1.0, reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvesTest(TestMethod):
    """What tests share that estimate how far two curves are apart."""

    outcome: ClassVar = SurvivalOutcome
    optional: ClassVar = ("margin",)
    rises_with_events: ClassVar = False
    information_unit: ClassVar = "variance"
    least_patients: ClassVar = 60
    margin: float = field(default=0.0, metadata=NOT_NEGATIVE)
    """How much worse the experimental arm may be, 0 or above."""

    def __post_init__(self) -> None:
        check_ranges(self)

    def benefit_sign(self, better: Better) -> int:
        """Return 1 where a higher curve is better."""
        return int(better.value) if self.rises_with_events else -int(better.value)

    def null_value(self, better: Better) -> float:
        """Return the difference that may be."""
        return -self.margin * self.benefit_sign(better)

    def judged(self, result: TestResult, better: Better, sided: int) -> Verdict:
        """Return the verdict of a difference, by Wald's test against the one that may be."""
        higher = better if self.rises_with_events else OPPOSITE[better]
        return verdict(against(result, self.null_value(better)), higher, sided)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeOfEventsTest(CurvesTest):
    """What tests share that estimate a difference in being free of the event."""

    estimated_by: ClassVar = "Kaplan-Meier"
    nearly: ClassVar = "curve"
    blind_to_competing: ClassVar = True


@named_test("survival_difference")
@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalDifferenceTest(FreeOfEventsTest):
    """Difference of the shares free of the event at a time (Kaplan-Meier)."""

    effect: ClassVar = "difference free of the event"
    required: ClassVar = ("at",)
    horizon: ClassVar = "at"
    at: float = field(default=1.0, metadata=LONGER_THAN_0)
    """Years since the endpoint's origin, above 0."""
    margin: float = field(default=0.0, metadata=BELOW_ONE)
    """How much worse the experimental arm may be, 0 or above."""

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns = outcome.time, outcome.event, outcome.arm
        result = survival_difference(*columns, self.at, included=outcome.at_risk)
        return self.judged(result, better, sided)

    def counts_at(self, times: FloatArray, survival: FloatArray) -> FloatArray:
        """Return the survival at its horizon, of which an event before it takes its share."""
        last = np.searchsorted(times, self.at)
        reached = survival[..., min(int(last), times.size - 1)][..., np.newaxis]
        return np.asarray(np.where(times < self.at, reached, 0.0))
