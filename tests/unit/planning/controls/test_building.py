"""Which trials have control variates, and that they change the estimates of shares alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lupusim.analysis.survival.rank_weights import FlemingHarrington
from lupusim.analysis.survival.weighted_logrank import MAX_COMBO_WEIGHTS
from lupusim.endpoints import TimeToEvent
from lupusim.model import Transition
from lupusim.model.hazards import WeibullHazard
from lupusim.planning.controls.building import control_of, known_control
from lupusim.planning.controls.kinds import is_controlled
from lupusim.planning.execution.ledger import Existing, Ledger, LedgerError
from lupusim.planning.runs.precision import TargetMcse
from lupusim.planning.runs.run import RunOptions, run
from lupusim.planning.runs.series import Estimates
from lupusim.simulation.block import followed
from lupusim.simulation.generation.generation import Block
from lupusim.trial import Arm, AtCalendarTime, AtEvents, Dropout, Population
from lupusim.trial.population.covariates import GammaFrailty
from lupusim.trial.scenario import DesignPoint, Scenario
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, analysis, disease_trial, survival_trial

PLAIN = RunOptions(estimates=Estimates.PLAIN)
ILL = (Arm(name="a", model=DISEASE), Arm(name="b", model=DISEASE))
WEIBULL = WeibullHazard(shape=0.6, scale=0.8)
FALLING = replace(
    DISEASE,
    transitions=(
        *DISEASE.transitions[:-1],
        Transition(from_state="relapse", to_state="death", hazard=WEIBULL),
    ),
)
FRAIL = Population(frailties=(GammaFrailty(variance=0.4, on=(("active", "death"),)),))
BY_STATE = Dropout(per_year=0.1, by_state={"remission": 2.0})


def scenario(*trials, n_replicates: int = 400) -> Scenario:
    points = tuple(DesignPoint(values={"design": k}, trial=t) for k, t in enumerate(trials))
    words = {"name": "known in law", "title": "Known in law", "question": ""}
    return Scenario(**words, points=points, n_replicates=n_replicates, seed=SEED)


@pytest.mark.parametrize(
    "trial",
    [
        disease_trial(),
        survival_trial(arms=tuple(replace(arm, model=FALLING) for arm in ILL), population=FRAIL),
        survival_trial(arms=ILL, dropout=BY_STATE),
        survival_trial(
            visits=(1.0,),
            primary=TimeToEvent(name="seen", events=("death",), origin=("alive",)),
        ),
    ],
    ids=[
        "everything at once",
        "many kinds, hazards of the time in a state",
        "dropout by state",
        "an origin",
    ],
)
def test_what_is_not_known_in_law_is_counted(trial) -> None:
    assert not is_controlled(trial)


def test_a_number_of_events_that_never_comes_has_no_date() -> None:
    never = survival_trial(cutoff=AtEvents(events=60), hazard_ratio=0.05)
    assert is_controlled(never)
    assert control_of(never) is None
    assert known_control(("never", 1, 1), never) is None
    (point,) = run(scenario(never, n_replicates=40)).points
    assert point.tally.moments is None


@pytest.mark.parametrize(
    "test",
    ["logrank", "fleming_harrington", "magirr_burman", "restricted_mean", "survival_difference"],
)
def test_means_are_zero_in_a_block(test: str) -> None:
    trial = survival_trial(analysis=analysis(test))
    control = known_control((test, 1, 1), trial)
    assert known_control((test, 1, 1), trial) is control
    block = Block(seed=SEED, number=0, n_replicates=4000)
    values = control.values(followed({"": trial}, block)[1].generated)
    assert_within_mcse(values.mean(axis=0), 0.0, mcse=values.std(axis=0) / np.sqrt(4000))


def test_shares_are_nearer_and_all_else_is_the_same() -> None:
    asked = scenario(survival_trial())
    known, plain = run(asked).points[0], run(asked, options=PLAIN).points[0]
    assert known.plain.tally == plain.tally
    assert known.power.mcse < 0.6 * plain.power.mcse
    assert known.type_one_error.mcse < plain.type_one_error.mcse
    assert_within_mcse(known.power.value, plain.power.value, mcse=plain.power.mcse)
    others = {k: v for k, v in known.row().items() if not k.startswith(("power", "type_one"))}
    assert others == {k: v for k, v in plain.row().items() if k in others}
    assert run(asked, options=PLAIN).asked == "--replicates 400 --plain"


def test_curves_that_are_followed_by_nobody_have_no_law() -> None:
    later = analysis("restricted_mean").test.with_parameters({"until": 2.5})
    trial = survival_trial(
        cutoff=AtCalendarTime(time=1.5),
        follow_up=np.inf,
        analysis=replace(analysis("restricted_mean"), test=later),
    )
    assert control_of(trial) is None


def test_designs_that_are_compared_have_controls_and_their_difference_is_counted() -> None:
    first, other = survival_trial(), survival_trial()
    other = replace(other, analysis=replace(other.analysis, alpha=0.05))
    asked = scenario(first, other, n_replicates=400)
    points, plain = run(asked).points, run(asked, options=PLAIN).points
    for point, counted in zip(points, plain, strict=True):
        assert point.power.mcse < 0.8 * counted.power.mcse
        assert point.plain.power == counted.power
    (known, counted) = (of[1].compared.differences()["power"] for of in (points, plain))
    assert known == counted
    alone = run(scenario(other, n_replicates=400)).points[0]
    assert points[1].power == alone.power


def test_a_resumed_run_gives_the_bits_of_an_uninterrupted_one(tmp_path: Path) -> None:
    asked = scenario(survival_trial(n_patients=600), n_replicates=500)
    options = RunOptions(folder=tmp_path)
    run(asked, 400, options=options)
    again = RunOptions(folder=tmp_path, existing=Existing.RESUME)
    resumed = run(asked, options=again)
    assert [(p.tally, p.null_tally) for p in resumed.points] == [
        (p.tally, p.null_tally) for p in run(asked).points
    ]
    with Ledger.reading(tmp_path) as ledger:
        assert ledger.about()["estimates"] == "controlled"
    with pytest.raises(LedgerError, match="estimates was controlled, is now plain"):
        run(asked, options=replace(again, estimates=Estimates.PLAIN))


def test_fewer_replicates_reach_a_precision() -> None:
    asked, rule = scenario(survival_trial()), TargetMcse(mcse=0.008)
    known = run(asked, options=RunOptions(precision=rule)).points[0]
    plain = run(asked, options=replace(PLAIN, precision=rule)).points[0]
    assert known.power.mcse <= 0.008
    assert known.n_replicates <= plain.n_replicates


def test_the_best_of_four_tests_has_a_sum_of_each() -> None:
    trial = survival_trial(analysis=analysis("max_combo"))
    parts = trial.analysis.test.best_of
    shapes = [FlemingHarrington(rho=one.rho, gamma=one.gamma) for one in parts]
    assert tuple(shapes) == MAX_COMBO_WEIGHTS
    assert len(control_of(trial).scores) == len(shapes)
    assert survival_trial().analysis.test.best_of == (survival_trial().analysis.test,)
