"""Difference of two proportions: pooled, Wald and Miettinen-Nurminen."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.proportions.fourfold_tests import DifferenceTest, ProportionTest
from lupusim.analysis.proportions.score_interval import score_interval
from lupusim.analysis.proportions.two_by_two import TwoByTwo, two_by_two
from lupusim.analysis.results import TestResult, normal_quantile, ratio_or
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.trial.test_method import TESTS


@takes_labels
def risk_difference(
    response: ArrayLike,
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    """Compare two proportions by the pooled z test; Newcombe's interval.

    Parameters
    ----------
    response : (n_replicates, n_patients) or (n_patients,) array of 0 and 1
        Whether the patient responded.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `response` or (n_patients,).
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    level : float
        Of the interval.

    Returns
    -------
    TestResult
        `estimate` is experimental minus control, `standard_error` the unpooled one, the
        interval Newcombe's hybrid score interval. Undefined where an arm is empty, all
        respond, or nobody does.

    Raises
    ------
    ValueError
        If shapes don't fit, or flags are not 0 or 1.

    References
    ----------
    Newcombe (1998), *Statistics in Medicine* 17, 873-890, method 10.

    Examples
    --------
    >>> result = risk_difference([1, 1, 0, 1, 0, 0], [1, 1, 1, 0, 0, 0])
    >>> round(float(result.estimate), 4), round(float(result.z), 4)
    (0.3333, 0.8165)
    """
    return risk_difference_of(two_by_two(response, arm, included=included), level=level)


def risk_difference_of(table: TwoByTwo, *, level: float = 0.95) -> TestResult:
    """Compare two proportions as `risk_difference` does, from counts."""
    difference = table.proportion - table.control_proportion
    pooled = (table.responders + table.control_responders) / np.maximum(
        table.n + table.control_n, 1
    )
    inverse_n = 1 / np.maximum(table.n, 1) + 1 / np.maximum(table.control_n, 1)
    undefined = table.has_no_variation
    variance = np.where(undefined, 0.0, pooled * (1 - pooled) * inverse_n)
    lower, upper = newcombe_interval(table, level)
    return TestResult(
        z=ratio_or(difference, np.sqrt(variance), 0.0),
        undefined=undefined,
        estimate=np.where(table.has_empty_arm, 0.0, difference),
        standard_error=_unpooled_error(table),
        lower=lower,
        upper=upper,
    )


@takes_labels
def risk_difference_wald(
    response: ArrayLike,
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    margin: float = 0.0,
    level: float = 0.95,
) -> TestResult:
    """Compare two proportions by the unpooled z test, against a margin; Wald's interval.

    Parameters are those of `risk_difference`, and

    Parameters
    ----------
    response, arm, included, level
        See `risk_difference`.
    margin : float
        The difference under the null hypothesis, between -1 and 1: z = (estimate - margin)/SE.

    Returns
    -------
    TestResult
        Undefined where an arm is empty or the unpooled standard error is 0.

    Raises
    ------
    ValueError
        If shapes don't fit, flags are not 0 or 1, or the margin is not between -1 and 1.

    Examples
    --------
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> float(risk_difference_wald(response, arm).estimate.round(4))
    0.5
    """
    return risk_difference_wald_of(
        two_by_two(response, arm, included=included), margin=margin, level=level
    )


def risk_difference_wald_of(
    table: TwoByTwo, *, margin: float = 0.0, level: float = 0.95
) -> TestResult:
    """Compare two proportions as `risk_difference_wald` does, from counts."""
    _check_margin(margin)
    empty = table.has_empty_arm
    difference = np.where(empty, 0.0, table.proportion - table.control_proportion)
    error = _unpooled_error(table)
    undefined = empty | (error == 0)
    reach = np.where(empty, np.inf, normal_quantile(level) * error)
    return TestResult(
        z=np.where(undefined, 0.0, ratio_or(difference - margin, error, 0.0)),
        undefined=undefined,
        estimate=difference,
        standard_error=error,
        lower=np.maximum(difference - reach, -1.0),
        upper=np.minimum(difference + reach, 1.0),
    )


@takes_labels
def risk_difference_score(
    response: ArrayLike,
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    margin: float = 0.0,
    level: float = 0.95,
) -> TestResult:
    """Compare two proportions by Miettinen and Nurminen's score test, against a margin.

    Parameters
    ----------
    response, arm, included, level
        See `risk_difference`.
    margin : float
        The difference under the null hypothesis, between -1 and 1; below 0 for
        non-inferiority of a response that is good.

    Returns
    -------
    TestResult
        The interval holds every margin that the test does not reject; `standard_error` is
        the unpooled one.

    Raises
    ------
    ValueError
        If shapes don't fit, flags are not 0 or 1, or the margin is not between -1 and 1.

    References
    ----------
    Miettinen and Nurminen (1985), *Statistics in Medicine* 4, 213-226.

    Examples
    --------
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> float(risk_difference_score(response, arm).estimate.round(4))
    0.5
    """
    return risk_difference_score_of(
        two_by_two(response, arm, included=included), margin=margin, level=level
    )


def risk_difference_score_of(
    table: TwoByTwo, *, margin: float = 0.0, level: float = 0.95
) -> TestResult:
    """Compare two proportions as `risk_difference_score` does, from counts."""
    _check_margin(margin)
    empty = table.has_empty_arm
    difference = np.where(empty, 0.0, table.proportion - table.control_proportion)
    z, undefined = difference_score(table, np.asarray(margin))
    lower, upper = score_interval(
        lambda delta: difference_score(table, delta)[0],
        difference,
        limits=(-1.0, 1.0),
        critical=normal_quantile(level),
    )
    return TestResult(
        z=z,
        undefined=undefined,
        estimate=difference,
        standard_error=_unpooled_error(table),
        lower=np.where(empty, -1.0, lower),
        upper=np.where(empty, 1.0, upper),
    )


def difference_score(table: TwoByTwo, margin: FloatArray) -> tuple[FloatArray, BoolArray]:
    r"""Return Miettinen and Nurminen's z for a difference of `margin`, and where it is 0/0.

    The control proportion under the null hypothesis is the root of a cubic
    (Miettinen and Nurminen 1985, appendix I):

    .. math:: L_3 p^3 + L_2 p^2 + L_1 p + L_0 = 0, \quad p = 2 s \cos a - L_2 / (3 L_3)
    """
    n, n0 = np.maximum(table.n, 1), np.maximum(table.control_n, 1)
    total, responders = n + n0, table.responders + table.control_responders
    b = ((n + 2 * n0) * margin - total - responders) / (3 * total)
    c = ((n0 * margin - total - 2 * table.control_responders) * margin + responders) / total
    d = table.control_responders * margin * (1 - margin) / total
    q = b**3 - b * c / 2 + d / 2
    s = np.where(q > 0, 1.0, -1.0) * np.sqrt(np.maximum(b**2 - c / 3, 0.0))
    a = (np.pi + np.arccos(np.clip(ratio_or(q, s**3, 1.0), -1.0, 1.0))) / 3
    p0 = np.clip(2 * s * np.cos(a) - b, np.maximum(0.0, -margin), np.minimum(1.0, 1 - margin))
    p1 = np.clip(p0 + margin, 0.0, 1.0)
    variance = (p1 * (1 - p1) / n + p0 * (1 - p0) / n0) * total / np.maximum(total - 1, 1)
    distance = table.proportion - table.control_proportion - margin
    undefined = table.has_empty_arm | ((variance < 1e-14) & (np.abs(distance) < 1e-14))
    z = ratio_or(distance, np.sqrt(np.maximum(variance, 1e-30)), 0.0)
    return np.where(undefined, 0.0, z), undefined


def newcombe_interval(table: TwoByTwo, level: float) -> tuple[FloatArray, FloatArray]:
    """Return Newcombe's interval of the difference, (-1, 1) where an arm is empty."""
    p, low, high = _wilson(table.responders, table.n, level)
    p0, low0, high0 = _wilson(table.control_responders, table.control_n, level)
    below, above = np.hypot(p - low, high0 - p0), np.hypot(high - p, p0 - low0)
    empty = table.has_empty_arm
    return np.where(empty, -1.0, p - p0 - below), np.where(empty, 1.0, p - p0 + above)


def _wilson(
    responders: FloatArray, n: FloatArray, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    square = normal_quantile(level) ** 2
    p = responders / np.maximum(n, 1)
    center = (responders + square / 2) / (n + square)
    reach = np.sqrt(square * (p * (1 - p) * n + square / 4)) / (n + square)
    return p, center - reach, center + reach


def _unpooled_error(table: TwoByTwo) -> FloatArray:
    p, p0 = table.proportion, table.control_proportion
    n, n0 = np.maximum(table.n, 1), np.maximum(table.control_n, 1)
    return np.where(table.has_empty_arm, np.inf, np.sqrt(p * (1 - p) / n + p0 * (1 - p0) / n0))


def _check_margin(margin: float) -> None:
    if not -1 < margin < 1:
        raise ValueError(f"margin={margin!r} must lie between -1 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class _UnpooledTest(DifferenceTest):
    """Its variance is small where its estimate is large."""

    least_patients: ClassVar = 60


TESTS.register("pooled_z")(ProportionTest(compare=risk_difference_of))
TESTS.register("unpooled_z")(_UnpooledTest(compare=risk_difference_wald_of))
TESTS.register("miettinen_nurminen")(DifferenceTest(compare=risk_difference_score_of, pools=True))
