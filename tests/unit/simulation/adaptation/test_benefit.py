"""How good an arm looks at an interim look, above all without any event on it."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis.outcomes import NumberOutcome, SurvivalOutcome
from lupusim.analysis.registry import TESTS
from lupusim.simulation.adaptation import Judged, SelectArms
from lupusim.simulation.adaptation.arm_selection import selected
from lupusim.simulation.adaptation.benefit import BEYOND, judged_benefit
from lupusim.trial import Better

ARM = np.array([[0, 1] * 4] * 4, dtype=np.int8)
TIME = np.tile(np.arange(1.0, 9.0), (4, 1))
ON_CONTROL = [True, False] * 4
EVENT = np.array(
    [ON_CONTROL, [not one for one in ON_CONTROL], [True, True] + [False] * 6, [False] * 8]
)
"""Events on the control alone, on the treatment alone, on both, and none."""


def judged(test: str, better: Better = Better.FEWER) -> tuple[np.ndarray, np.ndarray]:
    outcome = SurvivalOutcome(
        time=TIME, event=EVENT, arm=ARM, competing=np.zeros_like(EVENT), possible=TIME
    )
    stratum = np.zeros(TIME.shape, dtype=np.intp)
    verdict = TESTS[test](outcome, better=better, sided=1, stratum=stratum)
    return judged_benefit(verdict, outcome, better)


@pytest.mark.parametrize("test", ["cox", "gray"])
def test_an_arm_without_events_is_better_than_any_estimate_where_the_control_has_some(test) -> None:
    z, benefit = judged(test)
    assert benefit[[0, 1, 3]].tolist() == [BEYOND, -BEYOND, -np.inf]
    assert np.isfinite(benefit[2])
    assert z[0] > 1 > -1 > z[1]
    assert z[3] == -np.inf
    turned = judged(test, Better.MORE)[1]
    assert turned[[0, 1, 3]].tolist() == [-BEYOND, BEYOND, -np.inf]


def test_a_z_that_is_not_defined_is_the_log_rank_tests_and_a_defined_one_its_own() -> None:
    for_log_rank = judged("logrank")[0]
    assert judged("cox")[0][:2] == pytest.approx(for_log_rank[:2])
    assert judged("cox")[0][2] != pytest.approx(for_log_rank[2])
    assert np.isfinite(judged("logrank")[1][:3]).all()  # Peto's estimate always exists


def test_values_that_say_nothing_stay_unknown() -> None:
    value = np.ones((4, 8))
    outcome = NumberOutcome(values=value, included=value > 0, arm=ARM)
    stratum = np.zeros(value.shape, dtype=np.intp)
    verdict = TESTS["t_test"](outcome, better=Better.MORE, sided=1, stratum=stratum)
    assert (judged_benefit(verdict, outcome, Better.MORE)[1] == -np.inf).all()


def test_of_arms_without_events_the_one_with_the_larger_z_goes_on() -> None:
    benefit = np.array(
        [[BEYOND, BEYOND, 0.4], [-BEYOND, 0.1, -BEYOND], [-BEYOND, -np.inf, -BEYOND]]
    )
    z = np.array([[1.1, 2.0, 2.5], [-1.0, 0.5, -2.0], [-1.0, -np.inf, -2.0]])
    tie = np.array([[0.9, 0.1, 0.5]] * 3)
    kept, best = selected(SelectArms(keep=1, by=Judged.ESTIMATE), z, benefit, tie=tie)
    assert best.tolist() == [1, 1, 0]
    assert kept.argmax(axis=1).tolist() == [1, 1, 0]
    within, _ = selected(SelectArms(epsilon=0.1, by=Judged.ESTIMATE), z, benefit, tie=tie)
    assert within.tolist() == [[True, True, False], [False, True, False], [True, False, True]]
