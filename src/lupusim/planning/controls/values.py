"""What each patient adds to a difference of means or shares, and the law of it."""

from __future__ import annotations

import math

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.parts import Baseline, LookSum
from lupusim.planning.controls.sums import ComplexArray
from lupusim.simulation.controls import Quadratic, TakenFromValue, Values
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.trial import Endpoint, TestMethod, Trial
from lupusim.trial.endpoints import MissingChange, ResponseAtVisits
from lupusim.trial.observation import Marker

# the exact engine is imported where it is asked for: a start-up needs none of it

_TOLERANCE = 1e-7
_ARMS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLaw:
    """What is seen of a patient of each arm: one of several normal values, or nothing."""

    weight: FloatArray
    mean: FloatArray
    sd: FloatArray
    """`weight`, `mean` and `sd`: chance of each part, and mean and standard deviation of the value
    there; 0 for a value that is certain. Weights below 1 in all leave patients of whom nothing is
    seen; (n_arms, n_parts)."""
    baseline: TakenFromValue | None = None
    """What is taken from a value for each unit of the value at randomization; None for nothing."""

    @property
    def known(self) -> FloatArray:
        """Chance that there is a value, (n_arms,)."""
        return np.asarray(self.weight.sum(axis=1))

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of the values that there are, (n_arms,) each."""
        mean = (self.weight * self.mean).sum(axis=1) / self.known
        off = self.mean - mean[:, None]
        return mean, (self.weight * (self.sd**2 + off**2)).sum(axis=1) / self.known


def sums_of_values(trial: Trial, asked: Comparison, baseline: Baseline) -> list[LookSum]:
    """Return the sums of a test of means or shares, look by look.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know the law of a value.
    """
    endpoint, test = trial.endpoints[asked.endpoint], asked.analysis.test
    law = value_law(trial, endpoint, test)
    null = test.null_value(endpoint.better)
    found = []
    for first in known_at_looks(trial, endpoint):
        assert first is not None  # else nobody asks
        sizes = baseline.sizes(first)
        expected = sizes.mean(axis=0)
        mean, adds = quadratic(law, expected, null)
        error = 1 / (adds.linear[1] * float(expected[1] * law.known[1]))
        by_patients = test.information_unit == "patients"
        parts = Values(endpoint=asked.endpoint, adds=adds, first=first)
        found.append(
            LookSum(
                mean=mean,
                estimate=mean * error,
                information=float(first) if by_patients else error**-2,
                spread=math.sqrt(float(expected @ variances(law, adds))),
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
        return np.asarray(self.sizes @ log_characteristic(self.law, self.adds, nodes))


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


def is_valued(trial: Trial, endpoint: Endpoint, test: TestMethod) -> bool:
    """Return whether the law of a marker's change is known, and the test is of its means.

    Parameters
    ----------
    trial : Trial
        Of two arms of independent patients who are alike.
    endpoint : Endpoint
        What is tested.
    test : TestMethod
        By what.
    """
    marker = trial.marker
    return (
        endpoint.change_of_marker is not None
        and test.nearly == "values"
        and not trial.interims
        and marker is not None
        and marker.lowest == -math.inf
        and not (marker.baseline or trial.dropout.by_state)
        and all(len(arm.model.starts) == 1 for arm in trial.arms)
    )


def _due(trial: Trial, endpoint: Endpoint) -> float | None:
    """Return when a patient's value is due, study time (years); None where there is none."""
    late = trial.visit_conduct.window
    if (responses := endpoint.response_at_visits) is not None:
        return min(responses.visits[-1] + late, trial.follow_up)
    return endpoint.due_time if endpoint.change_of_marker is not None else None


def value_law(trial: Trial, endpoint: Endpoint, test: TestMethod) -> ValueLaw:
    """Return the law of the values of an endpoint that :func:`is_valued`.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know it.
    """
    if (responses := endpoint.response_at_visits) is not None:
        return _law_of_responses(trial, responses)
    return _law_of_changes(trial, endpoint, adjusted=test.covariates)


def _law_of_responses(trial: Trial, endpoint: ResponseAtVisits) -> ValueLaw:
    from lupusim.planning.theory.counts.cells import cells_of
    from lupusim.planning.theory.counts.chances import response_chances

    cells = cells_of(trial, ())
    shares = [cell.share for cell in cells]
    chance = response_chances(trial, endpoint, cells) @ shares
    weight = np.column_stack([1 - chance, chance])
    return ValueLaw(
        weight=weight,
        mean=np.broadcast_to([0.0, 1.0], weight.shape),
        sd=np.zeros_like(weight),
    )


def _law_of_changes(trial: Trial, endpoint: Endpoint, *, adjusted: bool) -> ValueLaw:
    r"""Return the law of changes of a marker, less :math:`\gamma (b - \mu_b)` where adjusted.

    Baselines :math:`b` know nothing of states, so that within a state both are normal, and
    :math:`\gamma` is the mean over what may be seen of their covariance by the variance of b.
    """
    marker, at = trial.marker, endpoint.due_time
    assert marker is not None
    assert at is not None  # of changes both are there
    first = trial.arms[0].model.starts[0].state
    start = marker.mean[first], marker.sd[first]
    parts = np.array([_parts(trial, marker, k, at, start) for k in range(len(trial.arms))])
    weight, mean, variance, covariance = parts.transpose(1, 0, 2)
    if endpoint.change_of_marker is MissingChange.NO_CHANGE:
        weight[:, -1] = 1 - weight[:, :-1].sum(axis=1)
    slope = 0.0
    if adjusted and start[1] > 0:
        slope = float((weight * covariance).sum() / weight.sum()) / start[1] ** 2
    variance = variance - 2 * slope * covariance + (slope * start[1]) ** 2
    return ValueLaw(
        weight=weight,
        mean=mean,
        sd=np.sqrt(np.maximum(variance, 0.0)),
        baseline=TakenFromValue(slope=slope, mean=start[0]) if slope else None,
    )


def _parts(
    trial: Trial, marker: Marker, number: int, at: float, start: tuple[float, float]
) -> FloatArray:
    """Return chance, mean, variance and covariance with the baseline by state, and of no change.

    Returns
    -------
    (4, n_states + 1) array
        The last part, a change of 0, has the chance 0 here.
    """
    from lupusim.engines.exact import solve

    arm = trial.arms[number]
    (shares,) = solve(arm.law, [at], tolerance=_TOLERANCE).probabilities
    multiplier = trial.dropout.in_arms([one.name for one in trial.arms])[number]
    present = math.exp(-multiplier * float(trial.dropout.cumulative(np.array(at))))
    ended = set(trial.arms[0].model.absorbing or ())
    found = np.zeros((4, shares.size + 1))
    for state, share in enumerate(shares):
        name = arm.law.states[state]
        sd = marker.sd.get(name, 0.0) * marker.widening(at)
        together = marker.with_baseline * sd * start[1]
        found[:, state] = (
            0.0 if name in ended else share * present,
            marker.mean.get(name, 0.0) + marker.change(arm.name, at) - start[0],
            sd**2 + start[1] ** 2 - 2 * together,
            together - start[1] ** 2,
        )
    return found


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
    r"""Return the logarithm of the characteristic function of what a patient adds, less its mean.

    Of a normal :math:`y` with mean :math:`m` and variance :math:`s^2` it is in closed form

    .. math:: E\,e^{it(ly + qy^2)} = \frac{1}{\sqrt{1 - 2itqs^2}} \exp\left(
        \frac{it(lm + qm^2) - t^2 l^2 s^2 / 2}{1 - 2itqs^2}\right).

    Returns
    -------
    (n_arms, n_nodes) complex array
    """
    t = 1j * nodes[:, None, None]
    m, variance = law.mean - adds.center[:, None], law.sd**2
    linear, square = adds.linear[:, None], adds.square[:, None]
    width = 1 - 2 * t * square * variance
    power = (t * (linear * m + square * m**2) + (t * linear) ** 2 * variance / 2) / width
    parts = np.exp(power + t * adds.constant[:, None]) / np.sqrt(width)
    whole = (law.weight * parts).sum(axis=2) + (1 - law.known)
    return np.asarray(np.log(whole) - t[:, :, 0] * adds.mean).T


def variances(law: ValueLaw, adds: Quadratic) -> FloatArray:
    """Return the variance of what a patient adds, (n_arms,)."""
    m, variance = law.mean - adds.center[:, None], law.sd**2
    linear, square = adds.linear[:, None], adds.square[:, None]
    mean = adds.constant[:, None] + linear * m + square * (m**2 + variance)
    spread = (linear + 2 * square * m) ** 2 * variance + 2 * (square * variance) ** 2
    return np.asarray((law.weight * (mean**2 + spread)).sum(axis=1) - adds.mean**2)
