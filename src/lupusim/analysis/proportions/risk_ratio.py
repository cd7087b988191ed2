"""Ratio of two proportions, and of two odds; both on the log scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.proportions.fourfold_tests import RatioTest
from lupusim.analysis.proportions.score_interval import score_interval
from lupusim.analysis.proportions.two_by_two import TwoByTwo, two_by_two
from lupusim.analysis.results import TestResult, normal_quantile, ratio_or
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.trial.test_method import TESTS

_WIDEST = 50.0  # log of the largest ratio looked at


@takes_labels
def risk_ratio(
    response: ArrayLike,
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    margin: float = 1.0,
    level: float = 0.95,
) -> TestResult:
    """Compare two proportions by the log of their ratio (Katz's Wald test and interval).

    Parameters
    ----------
    response : (n_replicates, n_patients) or (n_patients,) array of 0 and 1
        Whether the patient responded.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `response` or (n_patients,).
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    margin : float
        The ratio (not its log) under the null hypothesis, above 0.
    level : float
        Of the interval.

    Returns
    -------
    TestResult
        `estimate`, `lower` and `upper` are logs of the ratio experimental to control. Where
        one of the arms has no responders, 1/2 is added to every cell of the table.
        Undefined where an arm is empty, all respond, or nobody does.

    Raises
    ------
    ValueError
        If shapes don't fit, flags are not 0 or 1, or the margin is not above 0.

    References
    ----------
    Katz, Baptista, Azen and Pike (1978), *Biometrics* 34, 469-474, method C.

    Examples
    --------
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> float(risk_ratio(response, arm).estimate.round(4))
    1.0986
    """
    table = two_by_two(response, arm, included=included)
    return risk_ratio_of(table, margin=margin, level=level)


def risk_ratio_of(table: TwoByTwo, *, margin: float = 1.0, level: float = 0.95) -> TestResult:
    """Compare two proportions as `risk_ratio` does, from counts."""
    add = np.where((table.responders == 0) | (table.control_responders == 0), 0.5, 0.0)
    x, n = table.responders + add, table.n + 2 * add
    x0, n0 = table.control_responders + add, table.control_n + 2 * add
    undefined = table.has_no_variation
    x, n, x0, n0 = (np.where(undefined, 1.0, count) for count in (x, n, x0, n0))
    variance = 1 / x - 1 / n + 1 / x0 - 1 / n0
    return _log_result(np.log(x * n0 / (x0 * n)), variance, undefined, margin, level)


@takes_labels
def odds_ratio(
    response: ArrayLike,
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    margin: float = 1.0,
    level: float = 0.95,
) -> TestResult:
    """Compare two proportions by the log of their odds ratio (Woolf's Wald test and interval).

    Parameters
    ----------
    response, arm, included, margin, level
        See `risk_ratio`.

    Returns
    -------
    TestResult
        `estimate`, `lower` and `upper` are logs of the odds ratio, experimental to control.
        Where one of the four cells is empty, 1/2 is added to each. Undefined where an arm is
        empty, all respond, or nobody does.

    Raises
    ------
    ValueError
        If shapes don't fit, flags are not 0 or 1, or the margin is not above 0.

    References
    ----------
    Woolf (1955), *Annals of Human Genetics* 19, 251-253.
    Haldane (1956), *Annals of Human Genetics* 20, 309-311 (the added 1/2).

    Examples
    --------
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> float(odds_ratio(response, arm).estimate.round(4))
    2.1972
    """
    table = two_by_two(response, arm, included=included)
    return odds_ratio_of(table, margin=margin, level=level)


def odds_ratio_of(table: TwoByTwo, *, margin: float = 1.0, level: float = 0.95) -> TestResult:
    """Compare two proportions as `odds_ratio` does, from counts."""
    cells = np.stack(
        [
            table.responders,
            table.n - table.responders,
            table.control_responders,
            table.control_n - table.control_responders,
        ]
    )
    undefined = table.has_no_variation
    cells = np.where(undefined, 1.0, cells + np.where((cells == 0).any(axis=0), 0.5, 0.0))
    log_ratio = np.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    return _log_result(log_ratio, (1 / cells).sum(axis=0), undefined, margin, level)


@takes_labels
def risk_ratio_score(
    response: ArrayLike,
    arm: ArrayLike,
    *,
    included: ArrayLike | None = None,
    margin: float = 1.0,
    level: float = 0.95,
) -> TestResult:
    """Compare two proportions by Miettinen and Nurminen's score test of their ratio.

    Parameters
    ----------
    response, arm, included, margin, level
        See `risk_ratio`.

    Returns
    -------
    TestResult
        As `risk_ratio`, but `z` and the interval are those of the score test; the interval
        reaches to minus or plus infinity where an arm has no responders.

    Raises
    ------
    ValueError
        If shapes don't fit, flags are not 0 or 1, or the margin is not above 0.

    References
    ----------
    Miettinen and Nurminen (1985), *Statistics in Medicine* 4, 213-226.

    Examples
    --------
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> float(risk_ratio_score(response, arm).estimate.round(4))
    1.0986
    """
    table = two_by_two(response, arm, included=included)
    return risk_ratio_score_of(table, margin=margin, level=level)


def risk_ratio_score_of(table: TwoByTwo, *, margin: float = 1.0, level: float = 0.95) -> TestResult:
    """Compare two proportions as `risk_ratio_score` does, from counts."""
    wald = risk_ratio_of(table, margin=margin, level=level)
    z, undefined = ratio_score(table, np.asarray(margin))
    lower, upper = score_interval(
        lambda log_ratio: ratio_score(table, np.exp(log_ratio))[0],
        wald.estimate,
        limits=(-_WIDEST, _WIDEST),
        critical=normal_quantile(level),
    )
    empty = table.has_empty_arm
    return TestResult(
        z=z,
        undefined=undefined,
        estimate=wald.estimate,
        standard_error=wald.standard_error,
        lower=np.where(empty | (table.responders == 0), -np.inf, lower),
        upper=np.where(empty | (table.control_responders == 0), np.inf, upper),
    )


def ratio_score(table: TwoByTwo, margin: FloatArray) -> tuple[FloatArray, BoolArray]:
    r"""Return Miettinen and Nurminen's z for a ratio of `margin`, and where it is 0/0.

    The control proportion under the null hypothesis solves :math:`A p^2 + B p + C = 0`
    (Miettinen and Nurminen 1985, equation 12).
    """
    n, n0 = np.maximum(table.n, 1), np.maximum(table.control_n, 1)
    total, responders = n + n0, table.responders + table.control_responders
    a = total * margin
    b = -(n * margin + table.responders + n0 + table.control_responders * margin)
    # This form of the root stays exact where the ratio is very small.
    p0 = 2 * responders / (-b + np.sqrt(np.maximum(b**2 - 4 * a * responders, 0.0)))
    p0 = np.minimum(p0, np.minimum(1.0, 1 / margin))
    p1 = np.minimum(p0 * margin, 1.0)
    variance = p1 * (1 - p1) / n + margin**2 * p0 * (1 - p0) / n0
    variance = variance * total / np.maximum(total - 1, 1)
    distance = table.proportion - margin * table.control_proportion
    scale = np.maximum(1.0, margin)
    undefined = table.has_empty_arm | (responders == 0)
    undefined = undefined | ((variance < 1e-14 * scale**2) & (np.abs(distance) < 1e-14 * scale))
    z = ratio_or(distance, np.sqrt(np.maximum(variance, 1e-300)), 0.0)
    return np.where(undefined, 0.0, z), undefined


def _log_result(
    log_ratio: FloatArray,
    variance: FloatArray,
    undefined: BoolArray,
    margin: float,
    level: float,
) -> TestResult:
    if not (np.isfinite(margin) and margin > 0):
        raise ValueError(f"margin={margin!r} must be a ratio above 0, such as 1")
    estimate = np.where(undefined, 0.0, log_ratio)
    error = np.where(undefined, np.inf, np.sqrt(np.maximum(variance, 0.0)))
    undefined = undefined | (error == 0)
    reach = normal_quantile(level) * error
    return TestResult(
        z=np.where(undefined, 0.0, ratio_or(estimate - np.log(margin), error, 0.0)),
        undefined=undefined,
        estimate=estimate,
        standard_error=error,
        lower=estimate - reach,
        upper=estimate + reach,
    )


TESTS.register("risk_ratio")(RatioTest(compare=risk_ratio_of, effect="log risk ratio"))
TESTS.register("risk_ratio_score")(RatioTest(compare=risk_ratio_score_of, effect="log risk ratio"))
TESTS.register("odds_ratio")(RatioTest(compare=odds_ratio_of, effect="log odds ratio"))
