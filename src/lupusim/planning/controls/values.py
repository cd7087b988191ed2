"""What each patient adds to a difference of means or shares, and the law of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.changes import change_law
from lupusim.planning.controls.parts import Baseline, LookSum, in_arms
from lupusim.planning.theory.counts.cells import cells_of
from lupusim.planning.theory.counts.chances import response_chances
from lupusim.planning.theory.sums import ComplexArray
from lupusim.simulation.controls import Quadratic, TakenFromValue, Values
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.trial import Endpoint, TestMethod, Trial
from lupusim.trial.endpoints import ResponseAtVisits

_ARMS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLaw:
    """What is seen of a patient of each arm: one of several values, or nothing."""

    weight: FloatArray
    """Chance of each value; below 1 in all where patients may be seen without one; (n_arms,
    n_values)."""
    value: FloatArray  # (n_arms, n_values)
    baseline: TakenFromValue | None = None
    """What is taken from a value for each unit of the value at randomization; None for nothing."""

    def of_arms(self, arms: Sequence[int]) -> ValueLaw:
        """Return the law of some arms."""
        chosen = list(arms)
        return replace(self, weight=self.weight[chosen], value=self.value[chosen])

    @property
    def known(self) -> FloatArray:
        """Chance that there is a value, (n_arms,)."""
        return np.asarray(self.weight.sum(axis=1))

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of the values that there are, (n_arms,) each."""
        mean = (self.weight * self.value).sum(axis=1) / self.known
        off = self.value - mean[:, None]
        return mean, (self.weight * off**2).sum(axis=1) / self.known


def sums_of_values(trial: Trial, asked: Comparison, baseline: Baseline) -> list[LookSum]:
    """Return the sums of a test of means or shares, look by look.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know the law of a value.
    """
    endpoint, test = trial.endpoints[asked.endpoint], asked.analysis.test
    law = value_law(trial, endpoint, test).of_arms([0, asked.arm])
    pair, n_arms = baseline.pair(asked.arm), len(trial.arms)
    null = test.null_value(endpoint.better)
    found = []
    for first in known_at_looks(trial, endpoint):
        assert first is not None  # else nobody asks
        sizes = pair.sizes(first)
        expected = sizes.mean(axis=0)
        mean, adds = quadratic(law, expected, null)
        error = 1 / (adds.linear[1] * float(expected[1] * law.known[1]))
        by_patients = test.information_unit == "patients"
        parts = Values(endpoint=asked.endpoint, adds=_of_all(adds, asked.arm, n_arms), first=first)
        found.append(
            LookSum(
                mean=mean,
                estimate=mean * error,
                information=float(first) if by_patients else error**-2,
                variances=expected * variances(law, adds),
                law=_OfSizes(law, adds, sizes),
                sum=parts,
                degrees=_degrees(endpoint, expected @ law.known),
            )
        )
    return found


class _OfSizes:
    """The law of the sum over so many patients of each arm, in each of some enrollments."""

    def __init__(self, law: ValueLaw, adds: Quadratic, sizes: FloatArray) -> None:
        self.law, self.adds, self.sizes = law, adds, sizes

    def __call__(self, nodes: FloatArray) -> ComplexArray:
        one = log_characteristic(self.law, self.adds, nodes)
        return np.asarray(self.sizes[:, :, None] * one)


def _of_all(adds: Quadratic, arm: int, n_arms: int) -> Quadratic:
    """Return what patients of all arms add, where those of two arms add something."""

    def spread(of_pair: FloatArray) -> FloatArray:
        return in_arms(of_pair, arm, n_arms)

    return replace(
        adds,
        constant=spread(adds.constant),
        center=spread(adds.center),
        linear=spread(adds.linear),
        square=spread(adds.square),
        mean=spread(adds.mean),
    )


def _degrees(endpoint: Endpoint, n_values: float) -> float:
    return math.inf if endpoint.change_of_marker is None else float(n_values) - _ARMS


def known_at_looks(trial: Trial, endpoint: Endpoint) -> list[int | None]:
    """Return of how many patients, in their order, the value is known at each look.

    None where that is left to chance, or the endpoint has no values.
    """
    if (due := _due(trial, endpoint)) is None:
        return [None for _ in trial.looks]
    return [look.patients_known(due, trial.n_patients) for look in trial.looks]


def is_share(endpoint: Endpoint, test: TestMethod) -> bool:
    """Return whether a test is of shares of a response: of the tables, or nearly their difference.

    Parameters
    ----------
    endpoint : Endpoint
        What is tested.
    test : TestMethod
        By what.
    """
    counts = test.formula in ("tables", "strata") or test.nearly == "values"
    return endpoint.response_at_visits is not None and counts


def _due(trial: Trial, endpoint: Endpoint) -> float | None:
    """Return when a patient's value is due, study time (years); None where there is none."""
    late = trial.visit_conduct.window
    if (responses := endpoint.response_at_visits) is not None:
        return min(responses.visits[-1] + late, trial.follow_up)
    return endpoint.due_time if endpoint.change_of_marker is not None else None


def value_law(trial: Trial, endpoint: Endpoint, test: TestMethod) -> ValueLaw:
    """Return the law of the values of an endpoint, a response or a change of a marker.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know it.
    """
    if (responses := endpoint.response_at_visits) is not None:
        return _law_of_responses(trial, responses)
    return _law_of_changes(trial, endpoint, adjusted=test.covariates)


def _law_of_responses(trial: Trial, endpoint: ResponseAtVisits) -> ValueLaw:
    cells = cells_of(trial, ())
    shares = [cell.share for cell in cells]
    chance = response_chances(trial, endpoint, cells) @ shares
    weight = np.column_stack([1 - chance, chance])
    return ValueLaw(weight=weight, value=np.broadcast_to([0.0, 1.0], weight.shape))


def _law_of_changes(trial: Trial, endpoint: Endpoint, *, adjusted: bool) -> ValueLaw:
    r"""Return the law of changes of a marker, less :math:`\gamma (b - \mu_b)` where adjusted.

    :math:`\gamma` is the slope of changes on values at randomization within the arms, of
    what may be seen.
    """
    law = change_law(trial, endpoint)
    if not adjusted:
        return ValueLaw(weight=law.weight, value=law.change)
    known = law.weight.sum(axis=1, keepdims=True)
    off = law.baseline - (law.weight * law.baseline).sum(axis=1, keepdims=True) / known
    spread = float((law.weight * off**2).sum())
    slope = float((law.weight * off * law.change).sum()) / spread if spread > 0 else 0.0
    middle = float((law.weight * law.baseline).sum() / known.sum())
    return ValueLaw(
        weight=law.weight,
        value=law.change - slope * (law.baseline - middle),
        baseline=TakenFromValue(slope=slope, mean=middle),
    )


def quadratic(law: ValueLaw, sizes: FloatArray, null: float) -> tuple[float, Quadratic]:
    r"""Return the mean of the statistic of two means, and what each patient adds to it.

    With :math:`D` the difference of the means of :math:`n_a` values each, less that of no effect,
    and :math:`V = \sum_a s_a^2 / n_a`, a value :math:`v` of arm :math:`a` moves :math:`z = D /
    \sqrt V` by

    .. math:: \frac{\pm (v - m_a)}{n_a \sqrt V} - \frac{D}{2 V^{3/2}} \cdot
        \frac{(v - m_a)^2 - 2 s_a^2}{n_a^2}.

    Parameters
    ----------
    law : ValueLaw
        Of two arms.
    sizes : (2,) array
        Patients of each arm.
    null : float
        The difference that is compared with.
    """
    mean, variance = law.moments()
    n = sizes * law.known
    total = float((variance / n).sum())
    z = (float(mean[1] - mean[0]) - null) / math.sqrt(total)
    bend = z / (2 * total) / n**2
    adds = Quadratic(
        constant=2 * variance * bend,
        center=mean,
        linear=np.array([-1.0, 1.0]) / (n * math.sqrt(total)),
        square=-bend,
        mean=law.known * variance * bend,
        baseline=law.baseline,
    )
    return z, adds


def log_characteristic(law: ValueLaw, adds: Quadratic, nodes: FloatArray) -> ComplexArray:
    """Return the logarithm of the characteristic function of what a patient adds, less its mean.

    Returns
    -------
    (n_arms, n_nodes) complex array
    """
    waves = np.exp(1j * nodes[:, None, None] * added(law, adds))
    whole = (law.weight * waves).sum(axis=2) + (1 - law.known)
    return np.asarray(np.log(whole) - 1j * nodes[:, None] * adds.mean).T


def variances(law: ValueLaw, adds: Quadratic) -> FloatArray:
    """Return the variance of what a patient adds, (n_arms,)."""
    return np.asarray((law.weight * added(law, adds) ** 2).sum(axis=1) - adds.mean**2)


def added(law: ValueLaw, adds: Quadratic) -> FloatArray:
    """Return what a patient with each value adds, mean included; (n_arms, n_values)."""
    y = law.value - adds.center[:, None]
    return adds.constant[:, None] + (adds.linear[:, None] + adds.square[:, None] * y) * y
