"""Family-wise error and power of trials with several arms and endpoints, against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from lupusim.analysis.group_sequential import FutilityBounds
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import (
    Adjusted,
    Dunnett,
    Graphical,
    dunnett_level,
    sequential_graph,
)
from lupusim.analysis.registry import TESTS
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.model import TreatmentEffect
from lupusim.planning.runs.run import PointResult, run
from lupusim.trial import AfterLastPatient, AtEvents, Trial
from lupusim.trial.multiplicity import Ends, Family, GivesUp, Hypothesis, Procedure
from tolerance import SEED, assert_within_mcse
from trials import analysis, exponential_arm, scenario, survival_trial

N_REPLICATES = 6_000
ALPHA = 0.05


def arms(*hazard_ratios: float) -> tuple:
    control = exponential_arm("control", 0.8)
    effects = [TreatmentEffect(on=(("alive", "death"),), hazard_ratio=r) for r in hazard_ratios]
    treated = [
        replace(control, name=f"dose {k}", effects=(effect,) if effect.hazard_ratio != 1 else ())
        for k, effect in enumerate(effects, 1)
    ]
    return (control, *treated)


def many_arms(procedure: Procedure, *hazard_ratios: float, **changes: object) -> Trial:
    values = {
        "arms": arms(*hazard_ratios),
        "n_patients": 240,
        "cutoff": AtEvents(events=160),
        "follow_up": np.inf,
        "analysis": analysis(alpha=ALPHA),
        "family": Family(procedure=procedure),
    }
    return survival_trial(**{**values, **changes})


def simulated(trial: Trial, n_replicates: int = N_REPLICATES) -> PointResult:
    return run(scenario(trial), n_replicates, seed=SEED).points[0]


def share_error(share: float, n: int = N_REPLICATES) -> float:
    return float(np.sqrt(share * (1 - share) / n))


def test_dunnett_spends_the_whole_family_wise_error() -> None:
    error = simulated(many_arms(Dunnett(ratio=(1, 1, 1, 1)), 1, 1, 1)).type_one_error
    assert error is not None
    assert_within_mcse(error.value, ALPHA, mcse=share_error(ALPHA))


def test_bonferroni_stays_below_by_what_the_shared_control_says() -> None:
    point = simulated(many_arms(Adjusted(method="bonferroni"), 1, 1, 1))
    shared = 0.5 + 0.5 * np.eye(3)
    bound = np.full(3, norm.isf(ALPHA / 3))
    expected = 1 - multivariate_normal(np.zeros(3), shared).cdf(bound)
    assert point.type_one_error is not None
    assert_within_mcse(point.type_one_error.value, expected, mcse=share_error(expected))


def test_no_adjustment_is_caught() -> None:
    error = simulated(many_arms(Adjusted(method="none"), 1, 1, 1)).type_one_error
    assert error is not None
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(error.value, ALPHA, mcse=share_error(ALPHA))


def test_power_any_each_and_all_agree_with_the_joint_normal() -> None:
    # Schoenfeld's drift with a quarter of 160 events in each arm; hazard ratios close to 1
    # keep the shares of events close to it
    ratios = (0.75, 0.7)
    trial = many_arms(
        Dunnett(ratio=(1, 1, 1), steps_down=False),
        *ratios,
        n_patients=900,
        cutoff=AtEvents(events=600),
    )
    point = simulated(trial, 4_000)
    critical = norm.isf(dunnett_level((1, 1, 1), ALPHA))
    each = [point.tally.mean(f"reject_dose {k}") for k in (1, 2)]
    drift = -np.log(ratios) * np.sqrt(np.array([200.0, 200.0]) * 2 / 4)
    expected = norm.sf(critical - drift)
    assert_within_mcse([m.value for m in each], expected, mcse=[0.012, 0.012])
    joint = multivariate_normal(drift, [[1, 0.5], [0.5, 1]])
    none = joint.cdf([critical, critical])
    assert point.power is not None
    assert_within_mcse(point.power.value, 1 - none, mcse=0.01)
    both = point.tally.mean("reject_all").value
    assert np.isclose(sum(m.value for m in each) - both, point.plain.power.value)


def test_the_picked_arm_is_mostly_the_best_and_a_dead_arm_is_a_false_claim() -> None:
    point = simulated(many_arms(Dunnett(ratio=(1, 1, 1, 1)), 1, 0.8, 0.5), 2_000)
    picked = [point.tally.mean(f"picked_dose {k}").value for k in (1, 2, 3)]
    assert picked[2] > 0.8
    assert sum(picked) == pytest.approx(point.plain.power.value)
    false = point.tally.mean("false_rejection")
    assert false.value == point.tally.mean("reject_dose 1").value
    assert 0 < false.value < ALPHA


def sequential(*hazard_ratios: float, **changes: object) -> Trial:
    n_hypotheses = len(hazard_ratios)
    rule = GroupSequential(alpha=ALPHA, futility=FutilityBounds(z=(0.0,)))
    return many_arms(
        Graphical.of(sequential_graph("bonferroni", n_hypotheses, None)),
        *hazard_ratios,
        interims=(AtEvents(events=80),),
        stopping=rule,
        **changes,
    )


def test_each_arm_spends_its_share_over_the_looks() -> None:
    trial = replace(sequential(1, 1), stopping=GroupSequential(alpha=ALPHA))
    tally = simulated(trial).null_tally
    assert tally is not None
    for k in (1, 2):
        error = tally.mean(f"reject_dose {k}").value
        assert_within_mcse(error, ALPHA / 2, mcse=share_error(ALPHA / 2))


def test_arms_given_up_early_randomize_nobody_any_more() -> None:
    slow = {"cutoff": AtEvents(events=150), "n_patients": 240}
    with_futility = simulated(sequential(1, 0.5, **slow), 1_000)
    without = replace(sequential(1, 0.5, **slow), stopping=GroupSequential(alpha=ALPHA))
    point = simulated(without, 1_000)
    assert with_futility.tally.mean("n_enrolled").value < point.tally.mean("n_enrolled").value
    assert with_futility.tally.mean("reject_dose 1").value < ALPHA
    first = replace(without, family=replace(without.family, ends=Ends.FIRST))
    early = simulated(first, 1_000)
    assert early.power.value == pytest.approx(point.power.value)
    assert early.tally.mean("duration").value < point.tally.mean("duration").value


def test_endpoints_in_a_fixed_sequence_hold_their_error_together() -> None:
    later = TimeToEvent(name="also death", events=("death",))
    test = analysis()
    hypothesis = Hypothesis(
        endpoint="also death", name="logrank", test=test.test, effect=test.effect
    )
    family = Family(procedure=Adjusted(method="fixed_sequence"), hypotheses=(hypothesis,))
    trial = survival_trial(
        n_patients=200,
        secondary=(later,),
        analysis=analysis(alpha=ALPHA),
        family=family,
        cutoff=AfterLastPatient(follow_up=2.0),
        hazard_ratio=0.7,
    )
    point = simulated(trial, 2_000)
    assert point.tally.mean("reject").value == point.tally.mean("also death: reject_cells").value
    assert_within_mcse(point.type_one_error.value, ALPHA, mcse=share_error(ALPHA, 2_000))


def in_sequence(gives_up: GivesUp) -> Trial:
    """A trial whose second endpoint differs far more than the first."""
    late = Responder(name="alive", states=("alive",), at=1.0)
    kind = TESTS["pooled_z"]
    hypothesis = Hypothesis(endpoint="alive", name="pooled_z", test=kind, effect=kind.effect)
    family = Family(
        procedure=Graphical.of(sequential_graph("fixed_sequence", 2, None)),
        hypotheses=(hypothesis,),
        gives_up=gives_up,
    )
    return survival_trial(
        n_patients=200,
        secondary=(late,),
        visits=(1.0,),
        analysis=analysis(alpha=ALPHA),
        family=family,
        hazard_ratio=1.0,
        interims=(AtEvents(events=60),),
        stopping=GroupSequential(alpha=ALPHA, futility=FutilityBounds(z=(0.0,))),
    )


def test_a_sequence_whose_first_hypothesis_is_given_up_stops() -> None:
    tally = simulated(in_sequence(GivesUp.PRIMARY), 1_000).tally
    stops = tally.mean("look_1_futility").value
    assert_within_mcse(stops, 0.5, mcse=share_error(0.5, 1_000))
    both = simulated(in_sequence(GivesUp.ALL), 1_000).tally
    assert both.mean("look_1_futility").value == stops
    assert both.mean("reject").value == tally.mean("reject").value
    assert both.mean("reject_all").value <= tally.mean("reject_all").value


def test_two_sided_claims_are_counted_in_both_directions() -> None:
    trial = many_arms(Adjusted(method="bonferroni"), 1, 1, analysis=analysis(alpha=ALPHA, sided=2))
    error = simulated(trial, 3_000).null_tally.mean("reject_dose 1").value
    assert_within_mcse(error, ALPHA / 2, mcse=share_error(ALPHA / 2, 3_000))
