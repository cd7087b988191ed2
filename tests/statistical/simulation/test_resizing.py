"""Trials that choose their size: the error is kept, and only where the stages are weighed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lupusim.analysis.group_sequential import EfficacyAt, bounds, exit_probabilities
from lupusim.analysis.group_sequential.reestimation import promising_information
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.planning.runs.run import PointResult, run
from lupusim.simulation.adaptation import BlindedSize, PromisingZone
from lupusim.simulation.adaptation import resizing as adaptation_size
from lupusim.trial import AfterPatients, AtEvents, Trial
from lupusim.trial.treatment.costs import Costs
from tolerance import SEED, assert_within_mcse
from trials import analysis, scenario, survival_trial
from trials_adaptive import AT, adaptive_trial

ALPHA = 0.05
LATE = GroupSequential(alpha=ALPHA, efficacy=EfficacyAt(looks=(2,), rule="obrien_fleming"))


def events_trial(rule: PromisingZone | None, hazard_ratio: float = 0.75) -> Trial:
    return survival_trial(
        hazard_ratio=hazard_ratio,
        n_patients=400,
        interims=(AtEvents(events=50),),
        cutoff=AtEvents(events=250 if rule else 100),
        follow_up=np.inf,
        analysis=analysis(alpha=ALPHA),
        stopping=LATE,
        adaptation=rule,
    )


def response_trial(rule: BlindedSize | PromisingZone, rate: float) -> Trial:
    return adaptive_trial(
        rule,
        rate,
        n_looks=1,
        n_patients=400,
        interims=(AfterPatients(patients=100, follow_up=AT),),
        analysis=analysis("pooled_z", alpha=ALPHA),
        stopping=LATE,
    )


def simulated(trial: Trial, n: int = 4_000) -> PointResult:
    return run(scenario(trial), n, seed=SEED).points[0]


def error_of(share: float, n: int = 4_000) -> float:
    return float(np.sqrt(share * (1 - share) / n))


GREEDY = PromisingZone(planned=100, least=0.05, power=0.95)


def test_weighed_stages_keep_the_error_whatever_is_chosen() -> None:
    point = simulated(events_trial(GREEDY))
    assert point.null_tally is not None
    assert point.null_tally.mean("enlarged").value > 0.15
    assert_within_mcse(point.type_one_error.value, ALPHA, mcse=error_of(ALPHA))


def test_stages_that_are_not_weighed_are_caught(monkeypatch) -> None:
    def spoiled(*parts):
        _, final = parts[3]
        return final.z[:, -1] + 0.4 * (final.information[:, -1] > 100)

    monkeypatch.setattr(adaptation_size, "_last_z", spoiled)
    point = simulated(events_trial(GREEDY))
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(point.type_one_error.value, ALPHA, mcse=error_of(ALPHA))


def test_promising_trials_gain_power_for_events() -> None:
    grown, plain = simulated(events_trial(GREEDY)), simulated(events_trial(None))
    assert grown.power.value > plain.power.value + 0.05
    assert 100 < grown.tally.mean("size").value < 250
    drift = -np.log(0.75) * np.sqrt(100 / 4)
    expected = exit_probabilities(bounds([50, 100], ALPHA, spending=LATE.efficacy), drift).power
    assert_within_mcse(plain.power.value, expected, mcse=error_of(float(expected)) + 0.003)


def test_nothing_changes_outside_the_zone() -> None:
    never = simulated(events_trial(PromisingZone(planned=100, least=0.9, power=0.900001)), 1_000)
    plain = simulated(events_trial(None), 1_000)
    assert never.power.value == pytest.approx(plain.power.value, abs=0.002)


def test_the_size_chosen_reaches_the_conditional_power() -> None:
    from scipy.special import ndtr

    z, t, bound = np.array([0.2, 1.5, 3.5]), np.full(3, 0.5), np.full(3, 1.96)
    total = promising_information(z, t, bound, least=0.3, power=0.9)
    assert total[0] == total[2] == 1.0
    second = total[1] - 0.5
    needed = (1.96 - np.sqrt(0.5) * 1.5) / np.sqrt(0.5)
    assert ndtr(1.5 / np.sqrt(0.5) * np.sqrt(second) - needed) == pytest.approx(0.9)


def test_a_blinded_size_follows_the_rate_and_keeps_the_error() -> None:
    rule = BlindedSize(planned=120, difference=0.2, power=0.9)
    point = simulated(response_trial(rule, 0.5))
    # Gould's formula at a pooled rate of 0.4: 4 * 0.24 * (1.645 + 1.282)**2 / 0.04 = 205.5
    size = point.tally.mean("size")
    assert_within_mcse(size.value, 205.5, mcse=size.mcse + 1)
    assert_within_mcse(point.type_one_error.value, ALPHA, mcse=error_of(ALPHA))
    assert point.power.value == pytest.approx(0.9, abs=0.03)


def test_nobody_is_enrolled_or_paid_for_beyond_the_size_that_is_chosen() -> None:
    late = replace(response_trial(BlindedSize(planned=120, difference=0.2), 0.5), stopping=None)
    paid = replace(late, costs=Costs(per_patient=1.0))
    tally = simulated(paid, 200).tally
    size = tally.mean("size").value
    assert tally.mean("n_enrolled").value == size < late.n_patients
    assert tally.mean("cost").value == size
    visits = replace(late, costs=Costs(per_visit=1.0))
    assert simulated(visits, 200).tally.mean("cost").value <= size * len(late.visits)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="500 planned are more than the 250"):
        events_trial(PromisingZone(planned=500))
    with pytest.raises(ValueError, match="needs a response at a visit"):
        events_trial(BlindedSize(planned=10, difference=0.2))
    with pytest.raises(ValueError, match="an interim look"):
        replace(events_trial(GREEDY), interims=())
    with pytest.raises(ValueError, match="and the analysis"):
        replace(events_trial(GREEDY), analysis=None, stopping=None)
    with pytest.raises(ValueError, match="below power"):
        PromisingZone(planned=10, least=0.9, power=0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        BlindedSize(planned=10, difference=2.0)


@pytest.mark.parametrize("first", [-np.inf, np.inf])
@pytest.mark.parametrize("last", [-np.inf, 1.5])
def test_a_first_stage_that_cannot_be_weighed_leaves_the_trial_to_all_patients(
    first: float, last: float
) -> None:
    rule = PromisingZone(planned=200)
    information, z = np.array([[100.0, 200.0]] * 2), np.array([[first, 0.0], [1.0, 0.0]])
    seen = SimpleNamespace(z=z, information=information)
    final = SimpleNamespace(z=np.array([[last], [2.0]]), information=information)
    weighed = rule.last_z(seen, final, information / 200)
    assert weighed == pytest.approx([last, 2.0])
