"""Negative binomial regression: a ratio of event rates of patients who differ."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import codes, everyone_or, flags, lead_shape, two_axes
from lupusim.analysis.numerics.labels import takes_labels
from lupusim.analysis.outcomes import CountOutcome
from lupusim.analysis.results import TestResult, ratio_or, wald_result
from lupusim.analysis.verdicts import RatioToBeat
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, blocks
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, Verdict
from lupusim.trial.test_method import named_test

_MOST_STEPS = 80
_LONGEST_STEP = 2.0
_CLOSE_ENOUGH = 1e-10
_LEAST_DISPERSION = 1e-6  # below it nothing tells the counts from Poisson's


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NegativeBinomialResult(TestResult):
    """A log rate ratio of counts that vary more than Poisson's.

    Parameters
    ----------
    dispersion : (n_replicates,) array
        What the variance adds to the mean, in squares of the mean: 1 / theta; 0 is Poisson.

    Examples
    --------
    >>> counts, years, arm = [0, 4, 1, 9, 2, 8], [1.0] * 6, [1, 1, 1, 0, 0, 0]
    >>> float(negative_binomial(counts, years, arm).dispersion.round(3))
    0.2
    """

    dispersion: FloatArray


@takes_labels
def negative_binomial(
    count: ArrayLike,
    exposure: ArrayLike,
    arm: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    included: ArrayLike | None = None,
    level: float = 0.95,
) -> NegativeBinomialResult:
    r"""Compare the rates of recurrent events by maximum likelihood.

    .. math:: \mathrm{E}\,y_i = \mu_i = e_i \exp(\alpha_{s(i)} + \beta a_i), \qquad
              \mathrm{var}\,y_i = \mu_i + k \mu_i^2

    with one dispersion :math:`k \ge 0` for both arms and all strata. Where counts vary no
    more than Poisson's, :math:`k = 0` is the likeliest and the model is Poisson's. Wald's
    test with the expected information, in which :math:`\beta` and :math:`k` are orthogonal.

    Parameters
    ----------
    count : (n_replicates, n_patients) or (n_patients,) array
        Events of each patient: whole numbers, 0 or above.
    exposure : array
        Years for which each was watched; who has 0 is left out.
    arm : array of 0 and 1
        1 = experimental, 0 = control.
    stratum : array or None
        Any values; each stratum has a rate of its own. None for one.
    included : boolean array or None
        Who belongs to the analysis set; None means all.
    level : float
        Of the interval.

    Returns
    -------
    NegativeBinomialResult
        `estimate` is the log rate ratio, experimental to control. Undefined where an arm has
        no events in the strata that hold both arms.

    Raises
    ------
    ValueError
        If shapes don't fit, counts are not whole numbers, exposures are negative or not
        finite, or flags are not 0 or 1.

    Notes
    -----
    As Wald's test with an estimated dispersion that is not corrected for the coefficients, it
    is liberal in small trials of patients who differ: its one-sided size at 0.025 is 0.033 with
    24 patients in all (one event each, dispersion 0.8), 0.029 with 60 and 0.025 with 200
    (tests/statistical/analysis/test_longitudinal_levels.py). Counts that vary less than
    Poisson's, as of relapses each of which needs a remission before, it takes for Poisson's, and
    is conservative: 0.012 with 120 patients in tests/statistical/analysis/test_analyses_size.py.
    `rate_ratio` and `andersen_gill` keep their level there.

    References
    ----------
    Lawless (1987), *Canadian Journal of Statistics* 15, 209-225, section 2.

    Examples
    --------
    >>> result = negative_binomial([2, 0, 1, 7, 1, 2], [1.0] * 6, [1, 1, 1, 0, 0, 0])
    >>> round(float(result.estimate), 4), round(float(result.standard_error), 4)
    (-1.204, 0.7663)
    """
    lead = lead_shape(count=count, exposure=exposure, arm=arm, stratum=stratum, included=included)
    n_replicates = (lead or (1,))[0]
    table = _table(count, exposure, arm, stratum, included)
    found = np.zeros((3, n_replicates))
    for block in blocks(n_replicates, table.count.shape[1]):
        found[:, block] = _estimates(table.rows(block, n_replicates))
    estimate, error, dispersion = (part.reshape(lead) for part in found)
    result = wald_result(estimate, error, level=level)
    parts = {field.name: getattr(result, field.name) for field in fields(result)}
    return NegativeBinomialResult(**parts, dispersion=dispersion)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Patients of many trials, (n_replicates or 1, n_patients); nothing in who is left out.

    `strata` (n_replicates or 1, n_patients, n_strata) tells where each belongs.
    """

    count: FloatArray
    years: FloatArray
    treated: FloatArray
    strata: FloatArray

    def rows(self, block: slice, n_replicates: int) -> _Table:
        """Return some replicates, without strata that have no events: they tell nothing."""
        parts = {
            field.name: np.broadcast_to(part, (n_replicates, *part.shape[1:]))[block]
            for field in fields(self)
            for part in [getattr(self, field.name)]
        }
        strata = parts["strata"]
        events = np.einsum("ijs,ij->is", strata, parts["count"])
        parts["strata"] = strata * (events > 0)[:, None]
        there = parts["strata"].sum(axis=2)
        return _Table(**{**parts, "years": parts["years"] * there})

    def take(self, rows: IntArray) -> _Table:
        """Return some replicates."""
        return _Table(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def _table(
    count: ArrayLike,
    exposure: ArrayLike,
    arm: ArrayLike,
    stratum: ArrayLike | None,
    included: ArrayLike | None,
) -> _Table:
    counts, years, treated = two_axes(count), two_axes(exposure), flags("arm", arm)
    chosen = everyone_or(included)
    if chosen is not None:
        counts, years = np.where(chosen, counts, 0.0), np.where(chosen, years, 0.0)
    if not (np.isfinite(years) & (years >= 0)).all():
        raise ValueError("exposure holds a value that is not a finite number, 0 or above")
    counts = np.where(years > 0, counts, 0.0)
    if not ((counts >= 0) & (counts == np.rint(counts))).all():
        raise ValueError("count holds a value that is not a whole number, 0 or above")
    code, n_strata = codes(stratum)
    strata = (code[:, :, None] == np.arange(n_strata)) & (years > 0)[:, :, None]
    return _Table(
        count=counts, years=years, treated=treated.astype(float), strata=strata.astype(float)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Log rates of the strata (n_replicates, n_strata), log ratio and dispersion."""

    rates: FloatArray
    ratio: FloatArray
    dispersion: FloatArray
    information: FloatArray
    settled: BoolArray

    def take(self, rows: IntArray) -> _Fit:
        """Return that of some replicates."""
        return _Fit(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def replaced(self, rows: IntArray, other: _Fit) -> _Fit:
        """Return this one with another in some replicates."""
        parts = {field.name: getattr(self, field.name).copy() for field in fields(self)}
        for name, part in parts.items():
            part[rows] = getattr(other, name)
        return _Fit(**parts)


def _estimates(table: _Table) -> FloatArray:
    """Return log ratio, standard error (infinite for none) and dispersion."""
    found = np.zeros((3, len(table.count)))
    found[1] = np.inf
    arms = (table.treated, 1 - table.treated)
    there = [np.einsum("ijs,ij->is", table.strata, arm) > 0 for arm in arms]
    of_both = (table.strata * (there[0] & there[1])[:, None]).sum(axis=2)
    events = [(table.count * arm * of_both).sum(axis=1) for arm in arms]
    rows = np.flatnonzero(np.minimum(*events) > 0)
    table = table.take(rows)
    fit = _converged(table, _start(table))
    mean = _means(table, fit)
    excess = ((table.count - mean) ** 2 - table.count).sum(axis=1)
    over = np.flatnonzero(excess > 0)
    moment = ratio_or(excess, (mean**2).sum(axis=1), 0.0)
    free = replace(fit, dispersion=np.maximum(moment, _LEAST_DISPERSION)).take(over)
    fit = fit.replaced(over, _converged(table.take(over), free))
    known = fit.settled & (fit.information > 0)
    error = 1 / np.sqrt(fit.information[known])
    found[:, rows[known]] = np.stack([fit.ratio[known], error, fit.dispersion[known]])
    return found


def _start(table: _Table) -> _Fit:
    """Return the same rate in both arms of each stratum, Poisson's."""
    events = np.einsum("ijs,ij->is", table.strata, table.count)
    years = np.einsum("ijs,ij->is", table.strata, table.years)
    rates = np.log(ratio_or(events, years, 1.0) + (events == 0))
    nothing = np.zeros(len(rates))
    return _Fit(
        rates=rates, ratio=nothing, dispersion=nothing, information=nothing, settled=nothing > 0
    )


def _means(table: _Table, fit: _Fit) -> FloatArray:
    """Return the expected count of every patient, 0 for who is left out."""
    log_rate = (table.strata @ fit.rates[:, :, None])[:, :, 0]
    log_rate += fit.ratio[:, None] * table.treated
    return np.asarray(table.years * np.exp(np.clip(log_rate, -200, 200)))


def _converged(table: _Table, fit: _Fit) -> _Fit:
    """Return the likeliest model; the dispersion stays 0 where it is."""
    exceeding = _exceeding(table.count)
    for _ in range(_MOST_STEPS):
        mean = _means(table, fit)
        rates, ratio, information = _coefficient_step(table, mean, fit.dispersion)
        change = _dispersion_step(table.count, mean, exceeding, fit.dispersion)
        at_edge = (fit.dispersion <= _LEAST_DISPERSION) & (change <= 0)
        change = np.where(at_edge, 0.0, change)
        largest = np.maximum(np.abs(rates).max(axis=1, initial=0.0), np.abs(ratio))
        settled = np.maximum(largest, np.abs(change)) < _CLOSE_ENOUGH
        fit = _Fit(
            rates=fit.rates + rates,
            ratio=fit.ratio + ratio,
            dispersion=_within_reach(fit.dispersion * np.exp(change)),
            information=information,
            settled=settled,
        )
        if settled.all():
            break
    return fit


def _within_reach(dispersion: FloatArray) -> FloatArray:
    """Return 0 where it is, else the dispersion or the least there is."""
    return np.where(dispersion > 0, np.maximum(dispersion, _LEAST_DISPERSION), 0.0)


def _coefficient_step(
    table: _Table, mean: FloatArray, dispersion: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return scoring steps of the log rates and of the log ratio, and the ratio's information.

    Strata share no patients, so that their rates are eliminated one by one.
    """
    spread = 1 + dispersion[:, None] * mean
    weight, residual = mean / spread, (table.count - mean) / spread * (mean > 0)
    columns = np.stack([weight, weight * table.treated, residual], axis=2)
    total, treated, score = np.moveaxis(table.strata.swapaxes(1, 2) @ columns, 2, 0)
    share = ratio_or(treated, total, 0.0)
    information = (treated * (1 - share)).sum(axis=1)
    slope = (residual * table.treated).sum(axis=1) - (score * share).sum(axis=1)
    ratio = np.clip(ratio_or(slope, information, 0.0), -_LONGEST_STEP, _LONGEST_STEP)
    rates = ratio_or(score, total, 0.0) - share * ratio[:, None]
    return np.clip(rates, -_LONGEST_STEP, _LONGEST_STEP), ratio, information


def _exceeding(count: FloatArray) -> FloatArray:
    """Return how many patients have more than 0, 1 ... events, (n_replicates, most)."""
    most = int(count.max(initial=0.0))
    exceeding = np.zeros((len(count), most))
    for number in range(most):
        exceeding[:, number] = (count > number).sum(axis=1)
    return exceeding


def _dispersion_step(
    count: FloatArray, mean: FloatArray, exceeding: FloatArray, dispersion: FloatArray
) -> FloatArray:
    r"""Return Newton's step of the log dispersion up its log-likelihood.

    .. math:: \ell = \sum_i \sum_{j < y_i} \log(1 + kj) + y_i \log\mu_i
              - (y_i + 1/k) \log(1 + k\mu_i)
    """
    free = dispersion > 0
    k = np.where(free, dispersion, 1.0)[:, None]
    number = np.arange(exceeding.shape[1])
    each = number / (1 + k * number)
    spread, log_spread = 1 + k * mean, np.log1p(k * mean)
    both = (count + 1 / k) * mean / spread
    score = (exceeding * each).sum(axis=1) + (log_spread / k**2 - both).sum(axis=1)
    bend = -(exceeding * each**2).sum(axis=1)
    bend += ((2 * mean / spread - 2 * log_spread / k) / k**2 + both * mean / spread).sum(axis=1)
    k = k[:, 0]
    slope, curvature = k * score, k**2 * bend + k * score
    step = np.where(curvature < 0, ratio_or(-slope, curvature, 0.0), np.sign(slope))
    return np.where(free, np.clip(step, -_LONGEST_STEP, _LONGEST_STEP), 0.0)


@named_test("negative_binomial")
@dataclass(frozen=True, slots=True, kw_only=True)
class NegativeBinomialTest(RatioToBeat):
    """Ratio of events per year of patients who differ as a gamma law says; estimates its log."""

    effect: ClassVar = "log rate ratio"
    outcome: ClassVar = CountOutcome
    nearly: ClassVar = "counts"
    estimated_by: ClassVar = "maximum likelihood"
    strata: ClassVar = "used"
    information_unit: ClassVar = "variance"
    least_patients: ClassVar = 60

    def __call__(
        self, outcome: CountOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = negative_binomial(outcome.count, outcome.years, outcome.arm, stratum=stratum)
        return self.judged(result, better, sided)
