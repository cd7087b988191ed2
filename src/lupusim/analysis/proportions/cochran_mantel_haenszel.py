"""Cochran-Mantel-Haenszel test of two proportions over strata."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import codes, everyone_or, flags, lead_shape
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.outcomes import BinaryOutcome, CountedOutcome
from lupusim.analysis.results import (
    TestResult,
    normal_quantile,
    ratio_or,
)
from lupusim.analysis.verdicts import (
    verdict,
)
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test


@dataclass(frozen=True, slots=True, kw_only=True)
class StratifiedTables:
    """A fourfold table for each replicate and stratum, arrays (n_replicates, n_strata)."""

    responders: FloatArray
    n: FloatArray
    control_responders: FloatArray
    control_n: FloatArray
    """`responders`, `n`, `control_responders` and `control_n`: (n_replicates, n_strata)."""
    lead: tuple[int, ...]  # shape of a result: () for a single trial, else (n_replicates,)


def stratified_tables(
    response: ArrayLike,
    arm: ArrayLike,
    stratum: ArrayLike | None,
    included: ArrayLike | None = None,
) -> StratifiedTables:
    """Count the responders of each arm and stratum.

    Raises
    ------
    ValueError
        If shapes don't fit or flags are not 0 or 1.
    """
    lead = lead_shape(response=response, arm=arm, stratum=stratum, included=included)
    responds, treated = flags("response", response), flags("arm", arm)
    code, n_strata = codes(stratum)
    member = everyone_or(included)
    n_replicates, n_patients = (lead or (1,))[0], responds.shape[1]
    cell = np.broadcast_to(
        code * 4 + 2 * treated + responds, (n_replicates, n_patients)
    ) + np.arange(n_replicates)[:, np.newaxis] * (4 * n_strata)
    chosen = cell.reshape(-1)
    if member is not None:
        chosen = cell[np.broadcast_to(member, cell.shape)]
    counts = np.bincount(chosen, minlength=n_replicates * n_strata * 4)
    no0, yes0, no, yes = np.moveaxis(counts.reshape(n_replicates, n_strata, 4).astype(float), -1, 0)
    return StratifiedTables(
        responders=yes, n=yes + no, control_responders=yes0, control_n=yes0 + no0, lead=lead
    )


@takes_labels
def cochran_mantel_haenszel(
    response: ArrayLike,
    arm: ArrayLike,
    stratum: ArrayLike | None = None,
    *,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> TestResult:
    r"""Compare two proportions over strata by the Cochran-Mantel-Haenszel test.

    .. math:: z = \frac{\sum_s (a_s - n_{1s} m_s / N_s)}
                  {\sqrt{\sum_s n_{1s} n_{0s} m_s (N_s - m_s) / (N_s^2 (N_s - 1))}}

    without continuity correction; :math:`a` responders of the experimental arm, :math:`m`
    of both. The estimate is the log of Mantel and Haenszel's common odds ratio, with the
    standard error of Robins, Breslow and Greenland.

    Parameters
    ----------
    response : (n_replicates, n_patients) or (n_patients,) array of 0 and 1
        Whether the patient responded.
    arm : array of 0 and 1
        1 = experimental, 0 = control; shape as `response` or (n_patients,).
    stratum : array or None
        Any labels, shape as `response` or (n_patients,); None is one stratum.
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    level : float
        Of the interval of the log odds ratio.

    Returns
    -------
    TestResult
        `z` is positive where the experimental arm has more responders. Undefined where no
        stratum has two arms and both kinds of response. Where the odds ratio is 0 or
        infinite, the estimate is 0 and its standard error infinity.

    Raises
    ------
    ValueError
        If shapes don't fit, or flags are not 0 or 1.

    References
    ----------
    Mantel and Haenszel (1959), *Journal of the National Cancer Institute* 22, 719-748.
    Robins, Breslow and Greenland (1986), *Biometrics* 42, 311-323.

    Examples
    --------
    >>> response, arm = [1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> found = cochran_mantel_haenszel(response, arm, [0, 0, 1, 1, 0, 0, 1, 1])
    >>> float(found.z.round(4))
    1.4142
    """
    return _of_tables(stratified_tables(response, arm, stratum, included), level)


def _of_tables(tables: StratifiedTables, level: float = 0.95) -> TestResult:
    """Return the test of fourfold tables, and an interval of this level."""
    total = np.maximum(tables.n + tables.control_n, 1)
    responders = tables.responders + tables.control_responders
    expected, variances = given_responders(responders, tables.n, tables.control_n)
    excess = (tables.responders - expected).sum(axis=1)
    variance = variances.sum(axis=1)
    estimate, error = _common_log_odds_ratio(tables, total)
    reach = normal_quantile(level) * error
    outcome = {
        "z": ratio_or(excess, np.sqrt(variance), 0.0),
        "estimate": estimate,
        "standard_error": error,
        "lower": estimate - reach,
        "upper": estimate + reach,
    }
    return TestResult(
        undefined=(variance == 0).reshape(tables.lead),
        **{name: values.reshape(tables.lead) for name, values in outcome.items()},
    )


def given_responders(
    responders: FloatArray, n: FloatArray | float, control_n: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of an arm's responders in a stratum, without a difference.

    Parameters
    ----------
    responders : array
        Of both arms.
    n, control_n : array or float
        Patients of the arm and of the other one.
    """
    total = np.maximum(n + control_n, 1)
    spread = n * control_n * responders * (total - responders)
    return n * responders / total, spread / (total**2 * np.maximum(total - 1, 1))


def _common_log_odds_ratio(
    tables: StratifiedTables, total: FloatArray
) -> tuple[FloatArray, FloatArray]:
    a, c = tables.responders, tables.control_responders
    b, d = tables.n - a, tables.control_n - c
    r, s = a * d / total, b * c / total
    p, q = (a + d) / total, (b + c) / total
    r_sum, s_sum = r.sum(axis=1), s.sum(axis=1)
    known = (r_sum > 0) & (s_sum > 0)
    r_sum, s_sum = np.where(known, r_sum, 1.0), np.where(known, s_sum, 1.0)
    variance = (
        (p * r).sum(axis=1) / (2 * r_sum**2)
        + (p * s + q * r).sum(axis=1) / (2 * r_sum * s_sum)
        + (q * s).sum(axis=1) / (2 * s_sum**2)
    )
    return np.log(r_sum / s_sum), np.where(known, np.sqrt(variance), np.inf)


@named_test("cochran_mantel_haenszel")
@dataclass(frozen=True, slots=True, kw_only=True)
class CochranMantelHaenszelTest(TestMethod):
    """Cochran-Mantel-Haenszel test over the strata; estimates the log common odds ratio."""

    effect: ClassVar = "log common odds ratio"
    outcome: ClassVar = BinaryOutcome
    estimated_by: ClassVar = "Mantel and Haenszel"
    strata: ClassVar = "needed"
    formula: ClassVar = "strata"

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = cochran_mantel_haenszel(
            outcome.response, outcome.arm, stratum, included=outcome.included
        )
        return verdict(result, better, sided)

    def of_counts(self, counted: CountedOutcome, *, better: Better, sided: int) -> Verdict:
        """Return the verdict on numbers of patients."""
        (no0, yes0), (no, yes) = np.moveaxis(counted.numbers.astype(float), (1, 3), (0, 1))
        tables = StratifiedTables(
            responders=yes,
            n=yes + no,
            control_responders=yes0,
            control_n=yes0 + no0,
            lead=(len(yes),),
        )
        return verdict(_of_tables(tables), better, sided)
