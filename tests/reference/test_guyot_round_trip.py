"""Round trip of published data sets: patients, curve, digitised points, patients again.

Data: `lung`, `veteran` and `ovarian` of R's survival 3.5-3 (Therneau), written by
``write.csv`` as time in days, event, arm (sex of lung, trt of veteran, rx of ovarian, each
minus 1); hazard ratios by ``coxph(Surv(time, event) ~ arm)``, medians by ``survfit``.

Guyot et al. (2012), BMC Med Res Methodol 12:9, abstract: accuracy was "excellent for
survival probabilities and medians, for hazard ratios reasonable accuracy can only be
obtained if at least numbers at risk or total number of events are reported". The limits
here (0.02 in survival, 0.05 in a log hazard ratio, 0.1 in the trial of 26 patients, whose
standard error is 0.59) are our own requirement.
"""

from pathlib import Path

import numpy as np
import pytest

from lupusim.calibration.targets.reconstruction import (
    DigitizedCurve,
    ReconstructedPatients,
    reconstruct,
)
from lupusim.common.rng import stream
from tolerance import SEED

CURVES = Path(__file__).parent / "curves"

LOG_HAZARD_RATIO = {"lung": -0.5310235376, "veteran": 0.01774256952, "ovarian": -0.5963800494}
"""R survival 3.5-3, coxph with Efron's ties."""

LIMIT = {"lung": 0.05, "veteran": 0.05, "ovarian": 0.1}

MEDIAN = {("lung", 0): 270, ("lung", 1): 426, ("veteran", 0): 103, ("ovarian", 0): 638}
"""R survival 3.5-3, survfit. Arm 1 of veteran (52.5) lies on a flat part, arm 1 of ovarian
is not reached: a read curve cannot settle either."""

SURVIVAL_AT_ONE_YEAR = {("lung", 0): 0.33608783464, ("lung", 1): 0.52646303019}
"""R survival 3.5-3, summary(survfit, times = 365)."""

YEAR = np.array([365.0])
"""Read in any case: a survival probability is best read where it is wanted."""

Arm = tuple[np.ndarray, np.ndarray]


def read_arms(name: str) -> list[Arm]:
    time, event, arm = np.loadtxt(CURVES / f"{name}.csv", delimiter=",", skiprows=1, unpack=True)
    return [(time[arm == k], event[arm == k] == 1) for k in (0, 1)]


def survival_at(arm: Arm, times: np.ndarray) -> np.ndarray:
    """Kaplan and Meier (1958), written once more for the tests."""
    time, event = arm
    steps = np.unique(time[event])
    factors = [1 - ((time == t) & event).sum() / (time >= t).sum() for t in steps]
    curve = np.concatenate([[1.0], np.cumprod(factors)])
    return curve[np.searchsorted(steps, times, side="right")]


def median(arm: Arm) -> float:
    steps = np.unique(arm[0][arm[1]])
    return float(steps[np.argmax(survival_at(arm, steps) <= 0.5 + 1e-12)])


def log_hazard_ratio(arms: list[Arm]) -> float:
    statsmodels = pytest.importorskip("statsmodels.api")
    time, event = (np.concatenate(column) for column in zip(*arms, strict=True))
    arm = np.repeat([0.0, 1.0], [len(arms[0][0]), len(arms[1][0])])
    model = statsmodels.PHReg(time, arm[:, np.newaxis], status=event, ties="efron")
    return float(model.fit().params[0])


def digitize(arm: Arm, n_points: int, n_intervals: int, reading_error: float) -> DigitizedCurve:
    """Read the curve on an even grid, to three decimals, perhaps with an unsteady hand."""
    end = float(arm[0].max())
    times = np.union1d(np.linspace(0, end, n_points), YEAR)
    noise = stream(SEED, "digitize").normal(0, 1, times.size) * reading_error
    risk_times = np.linspace(0, end, n_intervals + 1)[:-1]
    return DigitizedCurve(
        times=times,
        survival=np.clip(np.round(survival_at(arm, times) + noise, 3), 0, 1),
        risk_times=risk_times,
        numbers_at_risk=np.array([(arm[0] >= t).sum() for t in risk_times]),
    )


def as_arm(patients: ReconstructedPatients) -> Arm:
    return patients.times, patients.events


@pytest.mark.parametrize("name", ["lung", "veteran", "ovarian"])
def test_the_tests_own_cox_model_agrees_with_r(name: str) -> None:
    assert log_hazard_ratio(read_arms(name)) == pytest.approx(LOG_HAZARD_RATIO[name], abs=1e-6)


@pytest.mark.parametrize("name", ["lung", "veteran", "ovarian"])
@pytest.mark.parametrize(("n_points", "n_intervals"), [(50, 4), (50, 6), (100, 4), (100, 6)])
@pytest.mark.parametrize("reading_error", [0.0, 0.003])
def test_hazard_ratio_survival_and_numbers_at_risk_come_back(
    name: str, n_points: int, n_intervals: int, reading_error: float
) -> None:
    rebuilt = []
    for arm in read_arms(name):
        curve = digitize(arm, n_points, n_intervals, reading_error)
        patients = as_arm(reconstruct(curve))
        rebuilt.append(patients)
        at_risk = [int((patients[0] >= t).sum()) for t in curve.risk_times]
        assert at_risk == curve.numbers_at_risk.tolist()
        # In a small arm the curve is only as fine as one patient: half a step of rounding.
        coarseness = max(0.02, 0.5 / len(arm[0]) + 0.01)
        error = survival_at(patients, curve.times) - survival_at(arm, curve.times)
        assert np.abs(error).max() < coarseness + 2 * reading_error
    assert log_hazard_ratio(rebuilt) == pytest.approx(LOG_HAZARD_RATIO[name], abs=LIMIT[name])


@pytest.mark.parametrize(("name", "arm"), MEDIAN)
def test_medians_come_back_within_one_point_of_the_grid(name: str, arm: int) -> None:
    original = read_arms(name)[arm]
    curve = digitize(original, n_points=100, n_intervals=6, reading_error=0.0)
    grid = curve.times[1]
    assert median(original) == MEDIAN[name, arm]
    assert median(as_arm(reconstruct(curve))) == pytest.approx(MEDIAN[name, arm], abs=grid)


@pytest.mark.parametrize("arm", [0, 1])
def test_survival_at_one_year_equals_that_of_r(arm: int) -> None:
    curve = digitize(read_arms("lung")[arm], n_points=100, n_intervals=6, reading_error=0.0)
    found = survival_at(as_arm(reconstruct(curve)), YEAR)
    assert found[0] == pytest.approx(SURVIVAL_AT_ONE_YEAR["lung", arm], abs=0.01)


def test_the_published_number_of_events_is_used() -> None:
    for arm in read_arms("lung"):
        curve = digitize(arm, n_points=100, n_intervals=4, reading_error=0.0)
        patients = reconstruct(curve, total_events=int(arm[1].sum()))
        assert abs(int(patients.events.sum()) - int(arm[1].sum())) <= 2


def test_without_numbers_at_risk_the_events_are_wrong_as_guyot_warns() -> None:
    """Negative control: the numbers at risk are what makes it work."""
    arm = read_arms("lung")[1]
    curve = digitize(arm, n_points=100, n_intervals=1, reading_error=0.0)
    with_total = reconstruct(curve, total_events=int(arm[1].sum()))
    neither = reconstruct(curve)
    assert int(arm[1].sum()) == 53
    assert int(with_total.events.sum()) == 53
    assert int(neither.events.sum()) > 70
