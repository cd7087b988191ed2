"""Logistic regression of a response on arm and covariates."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.aliases import newton_without_aliases
from lupusim.analysis.numerics.columns import codes, everyone_or, flags, lead_shape, three_axes
from lupusim.analysis.numerics.strata import (
    diagonal,
    stratum_columns_of,
    varied_strata,
)
from lupusim.analysis.outcomes import BinaryOutcome, CountedOutcome
from lupusim.analysis.results import TestResult, of_coefficient, wald_result
from lupusim.analysis.verdicts import (
    beside,
    verdict,
)
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test

_FEWEST_PER_CELL = 4  # patients of a cell, so that cells are worth it


def logistic_regression(
    response: ArrayLike,
    covariates: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    """Estimate log odds ratios of a response, by maximum likelihood.

    Parameters
    ----------
    response : (n_replicates, n_patients) or (n_patients,) array of 0 and 1
        Whether the patient responded.
    covariates : (n_replicates, n_patients, n_covariates) or (n_patients, n_covariates) array
        Finite for everybody, the arm among them; an intercept is added.
    stratum : array or None
        Any labels: each has an intercept of its own. A stratum in which all or none respond
        says nothing of the covariates, as its likeliest intercept is infinite.
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    level : float
        Of the intervals.

    Returns
    -------
    TestResult
        Arrays (n_replicates, n_covariates), or (n_covariates,) for a single trial, in the
        order of the covariates; Wald's z and interval. Undefined where they tell the responders
        without fail. A covariate that doesn't vary, or that strata and those behind it tell, is
        left out: undefined alone.

    Raises
    ------
    ValueError
        If shapes don't fit, covariates are not finite, or flags are not 0 or 1.

    References
    ----------
    Cox (1958), *Journal of the Royal Statistical Society B* 20, 215-242.

    Examples
    --------
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [[1], [1], [1], [1], [0], [0], [0], [0]]
    >>> float(logistic_regression(response, arm).estimate.round(4)[0])
    2.1972
    """
    values = three_axes(covariates)
    first = np.asarray(covariates)[..., 0]
    lead = lead_shape(response=response, covariates=first, included=included, stratum=stratum)
    shape = ((lead or (1,))[0], values.shape[1])
    responds, chosen = flags("response", response), everyone_or(included)
    inside = np.broadcast_to(np.ones((1, 1), dtype=bool) if chosen is None else chosen, shape)
    code = codes(stratum)[0]
    if stratum is not None:
        inside = varied_strata(code, inside, responds)
    rows = _cells(values, code, inside, responds) or _patients(values, code, inside, responds)
    return _of_rows(rows, lead=lead, level=level)


def _of_rows(rows: _Rows, *, lead: tuple[int, ...], level: float = 0.95) -> TestResult:
    """Return the regression, and intervals of this level; `lead` is a result's shape in front."""
    member, happened = rows.member, rows.happened
    strata, lacking = stratum_columns_of(rows.stratum, member > 0)
    everyone = np.broadcast_to(rows.values, (*member.shape, rows.values.shape[2]))
    design = _design(np.concatenate([everyone, strata], axis=2), member)
    taken_out = diagonal(lacking, design.shape[2] - lacking.shape[1])

    def derivatives(estimate: FloatArray) -> tuple[FloatArray, FloatArray]:
        chance = _expit(np.einsum("rip,rp->ri", design, estimate))
        expected = member * chance
        score = np.einsum("rip,ri->rp", design, happened - expected)
        weight = expected * (1 - chance)
        information = np.einsum("rip,ri,riq->rpq", design, weight, design, optimize=True)
        return score, information + taken_out

    estimate, error = newton_without_aliases(derivatives, len(member), design.shape[2])
    n_covariates = rows.values.shape[2]
    columns, asked = (*lead, n_covariates), slice(1, 1 + n_covariates)
    estimate, error = estimate[:, asked].reshape(columns), error[:, asked].reshape(columns)
    return wald_result(estimate, error, level=level)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Patients, or cells of patients who are alike."""

    values: FloatArray  # covariates; (n_replicates or 1, n_rows, n_covariates)
    stratum: IntArray  # numbers from 0; (n_replicates or 1, n_rows)
    member: FloatArray  # how many of each are in the analysis; (n_replicates, n_rows)
    happened: FloatArray  # and respond; (n_replicates, n_rows)


def _patients(values: FloatArray, code: IntArray, inside: BoolArray, responds: BoolArray) -> _Rows:
    member = inside.astype(float)
    return _Rows(values=values, stratum=code, member=member, happened=responds * member)


def _cells(
    values: FloatArray, code: IntArray, inside: BoolArray, responds: BoolArray
) -> _Rows | None:
    """Return patients by their covariates, all 0 or 1, and strata; None where cells are many."""
    # SPEED: Newton's steps go through a few cells, not all patients (benchmarks/analyses.py)
    n_replicates, n_patients = inside.shape
    n_ways = 1 << min(values.shape[2], n_patients.bit_length())
    n_cells = (int(code.max(initial=0)) + 1) * n_ways
    if _FEWEST_PER_CELL * n_cells > n_patients or not np.all((values == 0) | (values == 1)):
        return None
    bits = np.arange(values.shape[2])
    cell = code * n_ways + (values @ (1 << bits)).astype(np.intp)
    place = cell + n_cells * np.arange(n_replicates)[:, np.newaxis]
    counts = (
        np.bincount(place[who], minlength=n_replicates * n_cells).reshape(n_replicates, -1)
        for who in (inside, inside & responds)
    )
    member, happened = (number.astype(float) for number in counts)
    numbers = np.arange(n_cells)
    return _Rows(
        values=((numbers[:, np.newaxis] >> bits) & 1).astype(float)[np.newaxis],
        stratum=(numbers // n_ways)[np.newaxis],
        member=member,
        happened=happened,
    )


def _expit(linear: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(linear, -500, 500))))


def _design(values: FloatArray, member: FloatArray) -> FloatArray:
    """Return the columns 1 and covariates around their means; 0 for who is not included."""
    n = np.maximum(member.sum(axis=1), 1)[:, np.newaxis, np.newaxis]
    mean = (values * member[:, :, np.newaxis]).sum(axis=1, keepdims=True) / n
    seen = (member > 0).astype(float)[:, :, np.newaxis]
    return np.concatenate([seen, (values - mean) * seen], axis=2)


@named_test("logistic_regression")
@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticRegressionTest(TestMethod):
    """Wald's test of the arm's log odds ratio, adjusted for covariates and strata as levels."""

    effect: ClassVar = "log odds ratio"
    outcome: ClassVar = BinaryOutcome
    nearly: ClassVar = "values"
    estimated_by: ClassVar = "maximum likelihood"
    fitted: ClassVar = True
    strata: ClassVar = "used"
    covariates: ClassVar = True

    def __call__(
        self,
        outcome: BinaryOutcome,
        *,
        better: Better,
        sided: int,
        stratum: IntArray,
        covariates: FloatArray | None = None,
    ) -> Verdict:
        """Return the verdict on every replicate."""
        columns = beside(outcome.arm, covariates)
        strata = stratum if np.any(stratum) else None
        result = logistic_regression(
            outcome.response, columns, stratum=strata, included=outcome.included
        )
        return verdict(of_coefficient(result, 0), better, sided)

    def of_counts(self, counted: CountedOutcome, *, better: Better, sided: int) -> Verdict:
        """Return the verdict on numbers of patients; each arm of each stratum is a row."""
        numbers = counted.numbers.astype(float)
        n_replicates, n_arms, n_strata, _ = numbers.shape
        if n_strata > 1:  # a stratum in which all or none respond says nothing of the arm
            varied = (numbers.sum(axis=1) > 0).all(axis=2)
            numbers = numbers * varied[:, None, :, None]
        shape = n_replicates, n_arms * n_strata
        arm, stratum = np.divmod(np.arange(shape[1]), n_strata)
        rows = _Rows(
            values=arm.astype(float)[None, :, None],
            stratum=stratum[None],
            member=numbers.sum(axis=3).reshape(shape),
            happened=numbers[:, :, :, 1].reshape(shape),
        )
        result = _of_rows(rows, lead=(n_replicates,))
        return verdict(of_coefficient(result, 0), better, sided)
