"""Restricted mean survival time, and its difference between two arms."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import everyone_or, flags, lead_shape
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.results import TestResult, wald_result
from lupusim.analysis.survival.kaplan_meier import FreeOfEventsTest
from lupusim.analysis.survival.sorting import CENSORED, FLAGS, NOT_INCLUDED, survival_columns
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import DURATION_OR_YEARS, LONGER_THAN_0, check_ranges
from lupusim.trial import Better, Verdict
from lupusim.trial.test_method import named_test


def rmst(
    time: ArrayLike,
    event: ArrayLike,
    until: float,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    r"""Estimate the mean time to the event, up to a horizon.

    .. math:: \hat\mu = \int_0^\tau \hat S(t)\,dt, \quad
              \widehat{\mathrm{var}} = \sum_{t_j \le \tau} \frac{d_j}{Y_j (Y_j - d_j)}
              \Bigl(\int_{t_j}^\tau \hat S(t)\,dt\Bigr)^2

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Time at risk, 0 or above, in any unit.
    event : array of 0 and 1
        Whether the time ended with the event; shape as `time` or (n_patients,).
    until : float
        The horizon :math:`\tau`, in the unit of `time`, above 0.
    included : boolean array or None
        Who belongs to the analysis set, or to the arm; None means all.
    level : float
        Of the interval.

    Returns
    -------
    TestResult
        `estimate` in the unit of `time`. Undefined where follow-up ends before the horizon
        with survivors, or nobody had an event before it (the error would be 0).

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, or `until` is not above 0.

    References
    ----------
    Irwin (1949), *Journal of Hygiene* 47, 188-189.
    Royston and Parmar (2013), *BMC Medical Research Methodology* 13, 152.

    Examples
    --------
    >>> result = rmst([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0], 3.0)
    >>> float(result.estimate)
    2.25
    """
    mean, variance, known, lead = _moments(time, event, until, included)
    error = np.sqrt(np.where(known, variance, np.inf))
    return wald_result(mean.reshape(lead), error.reshape(lead), level=level)


@takes_labels
def rmst_difference(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    until: float,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    """Compare the restricted mean survival times of two arms.

    Parameters
    ----------
    time, event, until, included, level
        See `rmst`.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `time` or (n_patients,).

    Returns
    -------
    TestResult
        `estimate` is experimental minus control, in the unit of `time`; `z` is positive
        where the experimental arm stays free of the event longer. Undefined where an arm's
        follow-up ends before the horizon with survivors, or neither arm had an event.

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, flags are not 0 or 1, or
        `until` is not above 0.

    References
    ----------
    Royston and Parmar (2013), *BMC Medical Research Methodology* 13, 152.

    Examples
    --------
    >>> time, event, arm = [2.0, 3, 5, 8, 13, 21], [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]
    >>> float(rmst_difference(time, event, arm, 6.0).estimate.round(4))
    2.0
    """
    lead = lead_shape(time=time, event=event, arm=arm, included=included)
    treated, member = flags("arm", arm), everyone_or(included)
    everybody = np.ones((1, 1), dtype=bool) if member is None else member
    mean, variance, known, _ = _moments(time, event, until, treated & everybody)
    mean0, variance0, known0, _ = _moments(time, event, until, ~treated & everybody)
    difference = np.broadcast_to(mean - mean0, lead or (1,)).reshape(lead)
    error = np.sqrt(np.where(known & known0, variance + variance0, np.inf))
    return wald_result(difference, np.broadcast_to(error, lead or (1,)).reshape(lead), level=level)


def _moments(
    time: ArrayLike, event: ArrayLike, until: float, included: ArrayLike | None
) -> tuple[FloatArray, FloatArray, BoolArray, tuple[int, ...]]:
    """Return mean, its variance, whether both are known; (n_replicates,); and the lead shape."""
    if not (np.isfinite(until) and until > 0):
        raise ValueError(f"until={until!r} must be a finite time above 0")
    nobody_treated = np.zeros(np.shape(time)[-1:], dtype=bool)
    columns = survival_columns(time, event, nobody_treated, included=included)
    totals = np.zeros((3, columns.n_replicates))
    for block, keys in columns.blocks():
        totals[:, block] = _areas(keys, until)
    return totals[0], totals[1], totals[2] > 0, columns.lead


def _areas(keys: IntArray, until: float) -> FloatArray:
    """Return area, variance, and 1 where they are known; shape (3, n_replicates)."""
    n_replicates, n_patients = keys.shape
    moment = np.minimum((keys & ~FLAGS).view(np.float64), until)
    moment[keys == NOT_INCLUDED] = 0.0
    happens = ((keys & CENSORED) == 0) & (moment < until)
    at_risk = np.arange(n_patients, 0.0, -1.0)
    survival = np.ones((n_replicates, n_patients + 1))
    np.cumprod(1 - happens / at_risk, axis=1, out=survival[:, 1:])
    edges = np.zeros((n_replicates, n_patients + 2))
    edges[:, 1:-1], edges[:, -1] = moment, until
    pieces = survival * np.diff(edges, axis=1)
    behind = pieces[:, ::-1].cumsum(axis=1)[:, ::-1]
    # Events at the same time may be taken one by one: products and sums telescope.
    greenwood = np.zeros(n_patients)
    greenwood[:-1] = 1 / (at_risk[:-1] * (at_risk[:-1] - 1))
    variance = ((happens * greenwood) * behind[:, 1:] ** 2).sum(axis=1)
    followed = (moment >= until).any(axis=1) | (survival[:, -1] <= 0)
    return np.stack([behind[:, 0], variance, followed.astype(float)])


@named_test("restricted_mean")
@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMeanTest(FreeOfEventsTest):
    """Difference of the mean times to the event up to a horizon.

    Parameters
    ----------
    until : float
        The horizon, years, above 0.
    margin : float
        How much worse the experimental arm may be, years, from 0 to below the horizon: means
        cannot lie farther apart.

    Raises
    ------
    ValueError
        If one is out of range.
    """

    effect: ClassVar = "difference of restricted means, years"
    required: ClassVar = ("until",)
    horizon: ClassVar = "until"
    until: float = field(default=1.0, metadata=LONGER_THAN_0)
    margin: float = field(default=0.0, metadata=DURATION_OR_YEARS)

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.margin >= self.until:
            raise ValueError(f"margin={self.margin:g} must be below until={self.until:g} years")

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns = outcome.time, outcome.event, outcome.arm
        result = rmst_difference(*columns, self.until, included=outcome.at_risk)
        return self.judged(result, better, sided)

    def counts_at(self, times: FloatArray, survival: FloatArray) -> FloatArray:
        """Return the area that is left up to the horizon, of which an event takes its share."""
        cells = np.clip(self.until - times[:-1], 0.0, np.diff(times))
        pieces = np.zeros_like(survival)
        pieces[..., :-1] = (survival[..., 1:] + survival[..., :-1]) / 2 * cells
        return np.asarray(pieces[..., ::-1].cumsum(axis=-1)[..., ::-1])
