"""Competing causes: Aalen-Johansen cumulative incidence, and subdistribution times."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import arm_masks, flags, lead_shape, two_axes
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.results import TestResult, normal_quantile, of_coefficient, wald_result
from lupusim.analysis.survival.kaplan_meier import CurvesTest, checked_times
from lupusim.analysis.survival.sorting import ARM, CENSORED, FLAGS, survival_columns, time_key
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import BELOW_ONE, LONGER_THAN_0
from lupusim.common.shown import Shown
from lupusim.trial import Better, Verdict
from lupusim.trial.test_method import named_test

_ROUNDING = 1e-13


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CumulativeIncidence(Shown):
    """Probability of having had an event of one cause, at given times.

    Parameters
    ----------
    times : (n_times,) array
    incidence, standard_error : (n_replicates, n_times) arrays
    lower, upper : (n_replicates, n_times) arrays
        Interval on the complementary log-log scale; (0, 1) where nobody has had
        an event yet, or all have had the one.
    undefined : (n_replicates, n_times) boolean array
        Where follow-up ends before, with patients free of any event.

    Examples
    --------
    >>> time, event, is_cause = [1.0, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 1], [1, 0, 0, 1, 1, 1]
    >>> cumulative_incidence(time, event, is_cause, [4.0]).incidence.round(4).tolist()
    [0.3889]
    """

    times: FloatArray
    incidence: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray
    undefined: BoolArray


def cumulative_incidence(
    time: ArrayLike,
    event: ArrayLike,
    is_cause: ArrayLike,
    times: ArrayLike,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> CumulativeIncidence:
    r"""Estimate the cumulative incidence of one cause among competing ones (Aalen-Johansen).

    .. math:: \hat F(t) = \sum_{t_j \le t} \hat S(t_j-) \frac{d_{1j}}{Y_j}

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Time at risk, 0 or above.
    event : array of 0 and 1
        Whether the time ended with an event of any cause.
    is_cause : array of 0 and 1
        Whether that event is of the cause looked at; what it says of others is ignored.
    times : float or (n_times,) array
        When to estimate, 0 or above.
    included : boolean array or None
        Who belongs to the analysis set, or to the arm; None means all.
    level : float
        Of the intervals.

    Returns
    -------
    CumulativeIncidence
        Arrays (n_replicates, n_times), or (n_times,) for a single trial; standard errors of
        Greenwood's type (delta method), as of R's survfit and prodlim. Aalen's of R's cuminc
        (cmprsk), from counting processes, are a little larger.

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, or flags are not 0 or 1.

    References
    ----------
    Aalen and Johansen (1978), *Scandinavian Journal of Statistics* 5, 141-150.
    Marubini and Valsecchi (1995), *Analysing Survival Data from Clinical Trials and
    Observational Studies*, section 10.3.

    Examples
    --------
    >>> curve = cumulative_incidence([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 1], [1, 0, 0, 1], [2.5, 4.0])
    >>> curve.incidence.tolist()
    [0.25, 0.75]
    """
    at = checked_times(times)
    columns = survival_columns(time, event, is_cause, included=included)
    sums = np.zeros((3, columns.n_replicates, at.size))
    for block, keys in columns.blocks():
        sums[:, block] = _incidence(keys, at)
    incidence, error, undefined = sums.reshape(3, *columns.lead, at.size)
    inside = (incidence > 0) & (incidence < 1)
    known = np.where(inside, incidence, 0.5)
    log_rest = np.log1p(-known)
    reach = normal_quantile(level) * error / ((known - 1) * log_rest)
    return CumulativeIncidence(
        times=at,
        incidence=incidence,
        standard_error=error,
        lower=np.where(inside, -np.expm1(log_rest * np.exp(-reach)), 0.0),
        upper=np.where(inside, -np.expm1(log_rest * np.exp(reach)), 1.0),
        undefined=undefined > 0,
    )


def _incidence(keys: IntArray, at: FloatArray) -> FloatArray:
    """Return incidence, standard error and whether undefined; (3, n_replicates, n_times)."""
    n_patients = keys.shape[1]
    at_risk = np.arange(n_patients, 0.0, -1.0)
    event = (keys & CENSORED) == 0
    survival = np.ones((keys.shape[0], n_patients + 1))
    np.cumprod(1 - event / at_risk, axis=1, out=survival[:, 1:])
    tie = _tie_starts(keys)
    # All events of one time share the survival just before, and the number at risk.
    before, exposed = np.take_along_axis(survival, tie, axis=1), at_risk[tie]
    of_cause = (event & ((keys & ARM) > 0)).astype(float)
    rise = before / exposed * of_cause
    total, count = rise.cumsum(axis=1), of_cause.cumsum(axis=1)
    tied = _at_tie_end(count, keys) - np.take_along_axis(count - of_cause, tie, axis=1)
    greenwood = np.where(at_risk > 1, event / (at_risk * np.maximum(at_risk - 1, 1)), 0.0)
    found = np.zeros((3, keys.shape[0], at.size))
    for number, moment in enumerate(at):
        past = keys <= time_key(float(moment))
        reached = (rise * past).sum(axis=1)
        left = (reached[:, np.newaxis] - _at_tie_end(total, keys)) * past
        own = before**2 * (exposed - tied) / exposed**3 * of_cause * past
        variance = (left**2 * greenwood + own - 2 * left * rise / exposed).sum(axis=1)
        over = (keys >= time_key(float(moment)) - FLAGS).sum(axis=1) == 0
        # Where all had the event, rounding must leave neither anybody without it nor an error.
        found[0, :, number] = np.where(reached > 1 - _ROUNDING, 1.0, reached)
        found[1, :, number] = np.sqrt(np.where(variance > _ROUNDING, variance, 0.0))
        found[2, :, number] = over & (survival[:, -1] > 0)
    return found


def _tie_starts(keys: IntArray) -> IntArray:
    """Return the first place with the same time and the same kind of end."""
    moment = keys >> 1  # time, and whether it ended with an event
    place = np.arange(keys.shape[1])
    starts = np.ones(keys.shape, dtype=bool)
    np.not_equal(moment[:, 1:], moment[:, :-1], out=starts[:, 1:])
    return np.asarray(np.maximum.accumulate(np.where(starts, place, 0), axis=1))


def _at_tie_end(total: FloatArray, keys: IntArray) -> FloatArray:
    """Return at every place the running total behind all events of the same time."""
    n_patients = keys.shape[1]
    mirrored = _tie_starts(keys[:, ::-1])[:, ::-1]
    return np.take_along_axis(total, n_patients - 1 - mirrored, axis=1)


def cumulative_incidence_difference(
    curve: CumulativeIncidence, control: CumulativeIncidence, *, level: float = 0.95
) -> TestResult:
    """Compare the cumulative incidences of two arms at the same times.

    Parameters
    ----------
    curve, control : CumulativeIncidence
        Of the experimental and of the control arm; from `cumulative_incidence` with
        `included` naming the arm.
    level : float
        Of the intervals.

    Returns
    -------
    TestResult
        Arrays (n_replicates, n_times): experimental minus control, with Wald's z. Undefined
        where one of the two is, or both errors are 0.

    Examples
    --------
    >>> time, event, is_cause = [1.0, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 1], [1, 0, 0, 1, 1, 1]
    >>> cells, control = [1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1]
    >>> one = cumulative_incidence(time, event, is_cause, [4.5], included=cells)
    >>> other = cumulative_incidence(time, event, is_cause, [4.5], included=control)
    >>> cumulative_incidence_difference(one, other).estimate.round(4).tolist()
    [-0.0]
    """
    known = ~(curve.undefined | control.undefined)
    error = np.hypot(curve.standard_error, control.standard_error)
    return wald_result(
        curve.incidence - control.incidence, np.where(known, error, np.inf), level=level
    )


def subdistribution_times(
    time: ArrayLike, event: ArrayLike, is_cause: ArrayLike, follow_up: ArrayLike
) -> tuple[FloatArray, BoolArray]:
    """Return times and events whose log-rank test and Cox model are those of Fine and Gray.

    A patient with a competing event stays at risk until the end of the follow-up that
    was possible (the data cutoff less the enrollment): censoring-complete data, as a trial
    has without dropout. Hand the result to `logrank` or `cox`; the hazard ratio is then that
    of the subdistribution.

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Time at risk.
    event, is_cause : arrays of 0 and 1
        Whether an event of any cause ended it; whether it was the cause looked at.
    follow_up : array
        The longest time for which each patient could have been seen.

    Returns
    -------
    time, event : arrays of the same shape

    Raises
    ------
    ValueError
        If shapes don't fit, flags are not 0 or 1, or a follow-up is shorter than the time.

    References
    ----------
    Fine and Gray (1999), *Journal of the American Statistical Association* 94, 496-509,
    section 3.1.

    Examples
    --------
    >>> follow_up = [5.0, 5.0, 3.0]
    >>> times, events = subdistribution_times([1.0, 2.0, 3.0], [1, 1, 0], [1, 0, 0], follow_up)
    >>> times.tolist()
    [1.0, 5.0, 3.0]
    """
    lead = lead_shape(time=time, event=event, is_cause=is_cause, follow_up=follow_up)
    times, possible = two_axes(time), two_axes(follow_up)
    if not (possible >= times).all():
        raise ValueError("follow_up is shorter than time for a patient")
    competing = flags("event", event) & ~flags("is_cause", is_cause)
    happened = flags("event", event) & flags("is_cause", is_cause)
    shape = (*lead, times.shape[1])
    longer = np.where(competing, possible, times)
    full = np.broadcast_shapes(longer.shape, happened.shape)
    return (
        np.broadcast_to(longer, full).reshape(shape),
        np.broadcast_to(happened, full).reshape(shape),
    )


@takes_labels
def cumulative_incidence_by_arm(
    time: ArrayLike,
    event: ArrayLike,
    is_cause: ArrayLike,
    arm: ArrayLike,
    at: float,
    *,
    included: ArrayLike | None = None,
) -> TestResult:
    """Compare the cumulative incidence of one cause between two arms at one time.

    Parameters
    ----------
    time, event, is_cause
        See `cumulative_incidence`.
    arm : array of 0 and 1
        1 = experimental, 0 = control.
    at : float
        When to compare.
    included : boolean array or None
        Who belongs to the analysis set; None means all.

    Returns
    -------
    TestResult
        `estimate` is experimental minus control, with its 95 % interval.

    Raises
    ------
    ValueError
        See `cumulative_incidence`.

    Examples
    --------
    >>> time, event, is_cause = [1.0, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 1], [1, 0, 0, 1, 1, 1]
    >>> found = cumulative_incidence_by_arm(time, event, is_cause, [1, 0, 1, 0, 1, 0], 4.5)
    >>> float(found.estimate.round(4))
    -0.0
    """
    control, treated = arm_masks(arm, included, np.shape(time)[-1])
    single = np.ndim(time) == 1 and treated.shape[0] == 1
    curves = [
        cumulative_incidence(time, event, is_cause, at, included=mask[0] if single else mask)
        for mask in (treated, control)
    ]
    return of_coefficient(cumulative_incidence_difference(curves[0], curves[1]), 0)


@named_test("incidence_difference")
@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceDifferenceTest(CurvesTest):
    """Difference of cumulative incidences at a time (Aalen-Johansen)."""

    effect: ClassVar = "difference of cumulative incidences"
    required: ClassVar = ("at",)
    estimated_by: ClassVar = "Aalen-Johansen"
    nearly: ClassVar = "curve"
    keeps_competing: ClassVar = True
    horizon: ClassVar = "at"
    rises_with_events: ClassVar = True
    at: float = field(default=1.0, metadata=LONGER_THAN_0)
    """Years since the endpoint's origin, above 0."""
    margin: float = field(default=0.0, metadata=BELOW_ONE)
    """How much worse the experimental arm may be, 0 or above."""

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = cumulative_incidence_by_arm(*outcome.causes(), self.at, included=outcome.at_risk)
        return self.judged(result, better, sided)

    def counts_at(self, times: FloatArray, survival: FloatArray) -> FloatArray:
        """Return less the share without the event at its horizon: an event before it adds to that.

        Of who had a competing event as well that is without the event, so that one less it is the
        incidence.
        """
        last = np.searchsorted(times, self.at)
        reached = survival[..., min(int(last), times.size - 1)][..., np.newaxis]
        return np.asarray(np.where(times < self.at, -reached, 0.0))
