"""Mixed model for repeated measures: a difference of means at the last of several visits."""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.continuous.mmrm_fit import fitted, last_contrast
from lupusim.analysis.continuous.mmrm_likelihood import Patterns, likelihood, patterns_of
from lupusim.analysis.numerics.columns import arm_masks, codes, three_axes
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.numerics.strata import stratum_columns_of
from lupusim.analysis.numerics.student_t import student_result
from lupusim.analysis.outcomes import NumberOutcome
from lupusim.analysis.results import TestResult, ratio_or
from lupusim.analysis.verdicts import verdict
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test

_BLOCK_SIZE = 10_000  # patients fitted together
_ARM = 1  # the arm's place among what describes a patient


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MmrmResult(TestResult):
    """A difference of means at the last visit.

    Parameters
    ----------
    degrees : (n_replicates,) array
        Kenward and Roger's degrees of freedom; 0 where undefined.

    Examples
    --------
    >>> seen = [[1.0, 2.0], [2.0, 4.0], [1.5, 3.5], [0.5, 1.0], [1.0, 1.5], [0.0, 0.5]]
    >>> float(mmrm(seen, [1, 1, 1, 0, 0, 0]).degrees.round(2))
    4.0
    """

    degrees: FloatArray


@takes_labels
def mmrm(
    values: ArrayLike,
    arm: ArrayLike,
    covariates: ArrayLike | None = None,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> MmrmResult:
    """Compare two means at the last visit by all that was seen at all visits.

    Fixed effects are visit, and visit x arm, covariate and stratum; the covariance of a
    patient's values is unstructured and common to both arms; it is estimated by restricted
    maximum likelihood. Values that are missing at random, whatever the pattern, bias nothing.
    Where no value is missing this is the analysis of covariance at the last visit.

    Parameters
    ----------
    values : (n_replicates, n_patients, n_visits) or (n_patients, n_visits) array
        What is compared, such as changes from baseline; NaN where it was not seen.
    arm : (n_replicates, n_patients) or (n_patients,) array of 0 and 1
        1 = experimental, 0 = control.
    covariates : (n_replicates, n_patients, n_covariates) or (n_patients, n_covariates) array
        Such as the baseline value; finite for everybody. None for none.
    stratum : array or None
        Any labels: each has means of its own. Those that a trial lacks change nothing.
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    level : float
        Of the interval.

    Returns
    -------
    MmrmResult
        `estimate` is the adjusted difference at the last visit, experimental minus control;
        `standard_error` that of generalized least squares, enlarged as the covariance is
        estimated; t with Kenward and Roger's degrees of freedom, `z` the normal quantile with
        its p-value. Means that nobody seen at a visit
        can tell, such as those of a stratum of which nobody is left, are left out there.
        Undefined where a pair of visits was seen in too few patients, arm and covariates
        can't be told apart at the last visit, values of visits don't vary or determine each
        other, or nothing converges.

    Raises
    ------
    ValueError
        If shapes don't fit, a value is infinite, covariates are not finite, or flags are not
        0 or 1.

    Notes
    -----
    Where no value is missing, error and degrees of freedom are those of the analysis of
    covariance. With 4 visits and a fifth of the last values missing the one-sided size at
    0.025 is 0.027 with 24 patients in all, and 0.026 with 50 and 200
    (tests/statistical/analysis/test_longitudinal_levels.py).

    References
    ----------
    Mallinckrodt, Clark and David (2001), *Journal of Biopharmaceutical Statistics* 11, 9-21.
    Kenward and Roger (1997), *Biometrics* 53, 983-997.

    Examples
    --------
    >>> seen = [[1.0, 2.0], [2.0, 4.0], [1.5, 3.5], [0.5, 1.0], [1.0, 1.5], [0.0, 0.5]]
    >>> float(mmrm(seen, [1, 1, 1, 0, 0, 0]).estimate.round(3))
    2.167
    """
    measured, lead = _measured(values)
    control, experimental = arm_masks(arm, included, measured.shape[1])
    member = np.broadcast_to(control | experimental, measured.shape[:2])
    seen = np.isfinite(measured) & member[:, :, None]
    strata = stratum_columns_of(codes(stratum)[0], np.asarray(seen.any(axis=2)))[0]
    described = [strata] if covariates is None else [strata, three_axes(covariates)]
    design = _described(experimental, described, member)
    found = np.zeros((3, len(measured)))
    size = max(1, _BLOCK_SIZE // max(measured.shape[1], 1))
    for start in range(0, len(measured), size):
        rows = slice(start, start + size)
        found[:, rows] = _contrasts(measured[rows], design[rows], seen[rows])
    estimate, error, degrees = (part.reshape(lead) for part in found)
    result = student_result(estimate, error, degrees, level=level)
    parts = {field.name: getattr(result, field.name) for field in fields(result)}
    return MmrmResult(**parts, degrees=np.where(result.undefined, 0.0, degrees))


def _measured(values: ArrayLike) -> tuple[FloatArray, tuple[int, ...]]:
    """Return values as (n_replicates, n_patients, n_visits), and () for a single trial."""
    measured = np.asarray(values, dtype=float)
    if measured.ndim not in (2, 3) or measured.shape[-1] < 1:
        raise ValueError(
            f"values have shape {measured.shape}, must be (n_replicates, n_patients, n_visits) "
            "or (n_patients, n_visits)"
        )
    if np.isinf(measured).any():
        raise ValueError("values hold one that is infinite")
    return (measured, measured.shape[:1]) if measured.ndim == 3 else (measured[None], ())


def _described(
    experimental: BoolArray, covariates: list[FloatArray], member: BoolArray
) -> FloatArray:
    """Return 1, arm and covariates of every patient; 0 for who is not included."""
    inside = member[:, :, None].astype(float)
    parts: list[FloatArray] = [
        inside,
        np.broadcast_to(experimental, member.shape)[:, :, None] * inside,
    ]
    n = np.maximum(inside.sum(axis=1, keepdims=True), 1)
    for adjust in covariates:
        centered = adjust - (adjust * inside).sum(axis=1, keepdims=True) / n
        spread = np.sqrt((centered**2 * inside).sum(axis=1, keepdims=True) / n)
        parts.append(ratio_or(centered, spread, 0.0) * inside)
    return np.concatenate(parts, axis=2)


def _contrasts(values: FloatArray, design: FloatArray, seen: BoolArray) -> FloatArray:
    """Return estimate, standard error and degrees of freedom, (3, n_replicates)."""
    found = np.zeros((3, len(values)))
    found[1] = np.inf
    n = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    kept = np.where(seen, values, 0.0)
    kept = np.where(seen, kept - kept.sum(axis=1, keepdims=True) / n, 0.0)
    size = np.maximum(np.sqrt((kept**2).sum(axis=1, keepdims=True) / n), 1e-300)
    patterns = patterns_of(design, kept / size, seen)
    rows = _determined(patterns)
    patterns = patterns.take(rows)
    spread = _residual_variances(patterns)
    varied = np.flatnonzero((spread > _NO_VARIATION).all(axis=1))
    rows, spread = rows[varied], np.sqrt(spread[varied])
    if not rows.size:
        return found
    patterns = patterns.take(varied).scaled(spread)
    sigma, converged = fitted(patterns)
    contrast = last_contrast(patterns, likelihood(patterns, sigma), _ARM)
    last = size[rows, 0, -1] * spread[:, -1]
    known = converged & contrast.known
    parts = (contrast.estimate * last, np.sqrt(contrast.variance) * last, contrast.degrees)
    found[:, rows[known]] = np.stack(parts)[:, known]
    return found


_NO_VARIATION = 1e-12  # of residuals, where the values vary by 1: rounding leaves 1e-16
_ALIASED = 1e-8  # share of the arm's coefficient that nobody's values can tell


def _determined(patterns: Patterns) -> IntArray:
    """Return the replicates in which the arms, variances and covariances can be estimated."""
    together = patterns.at_both()
    seen = np.diagonal(together, axis1=1, axis2=2).min(axis=1, initial=np.inf)
    enough = together.min(axis=(1, 2), initial=np.inf) > patterns.n_means.max(axis=1)
    enough &= seen > patterns.n_covariates
    compared = patterns.idle[:, -1, _ARM, _ARM] < _ALIASED
    return np.flatnonzero(compared & enough)


def _residual_variances(patterns: Patterns) -> FloatArray:
    """Return the variance around least squares at each visit, (n_replicates, n_visits)."""
    products = patterns.z_y.sum(axis=1).swapaxes(1, 2)
    coefficients = np.linalg.solve(patterns.at_visits(), products[..., None])[..., 0]
    total = np.diagonal(patterns.y_y.sum(axis=1), axis1=1, axis2=2)
    n = np.diagonal(patterns.at_both(), axis1=1, axis2=2)
    rest: FloatArray = total - (coefficients * products).sum(axis=2)
    return rest / (n - patterns.n_covariates)


@named_test("mmrm")
@dataclass(frozen=True, slots=True, kw_only=True)
class MmrmTest(TestMethod):
    """Difference of means at the last visit, by what was seen at all visits.

    Fixed effects are visit, and visit x arm, baseline, each covariate and each stratum but one.
    """

    effect: ClassVar = "difference of means"
    outcome: ClassVar = NumberOutcome
    nearly: ClassVar = "values"
    costly: ClassVar = True
    estimated_by: ClassVar = "restricted maximum likelihood"
    strata: ClassVar = "used"
    covariates: ClassVar = True
    needs_all_visits: ClassVar = True
    information_unit: ClassVar = "variance"

    def __call__(
        self,
        outcome: NumberOutcome,
        *,
        better: Better,
        sided: int,
        stratum: IntArray,
        covariates: FloatArray | None = None,
    ) -> Verdict:
        """Return the verdict on every replicate.

        Raises
        ------
        ValueError
            If the outcome has no values at the visits.
        """
        if outcome.trajectory is None:
            raise ValueError("mmrm needs the values of all visits")
        parts = [] if outcome.baseline is None else [outcome.baseline[:, :, None]]
        if covariates is not None:
            parts.append(covariates)
        adjust = np.concatenate(parts, axis=2) if parts else None
        result = mmrm(outcome.trajectory, outcome.arm, adjust, stratum=stratum)
        return verdict(result, better, sided)
