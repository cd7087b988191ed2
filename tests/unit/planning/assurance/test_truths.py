"""What is true in a draw where patients differ, and where nothing works."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm

import lupusim
import small_trials
from lupusim.errors import NoExactSolutionError
from lupusim.model import TreatmentEffect
from lupusim.planning.assurance.assurance import assurance
from lupusim.planning.assurance.beliefs import EventsAvoided, FurtherRatio, ResponseGain
from lupusim.planning.assurance.effect_priors import OrNoEffect, stated_log_ratio, with_strength
from lupusim.trial import Infusions, Population, Trial
from lupusim.trial.population.covariates import CovariateEffect, GammaFrailty
from lupusim.trial.treatment.arms import Lots
from tolerance import SEED, assert_within_mcse

MOVE = (("active", "ended"),)
SURVIVAL = small_trials.survival(0.6)
HIGH = 0.3  # share of the level that has another hazard


def _strata(arm: str | None, ratio: float) -> Population:
    effect = CovariateEffect(
        covariate="activity", level="high", on=MOVE, hazard_ratio=ratio, arm=arm
    )
    return Population(factors={"activity": {"high": HIGH, "low": 1 - HIGH}}, effects=(effect,))


def _died(hazard_ratio: float) -> float:
    """Return the share that has ended by a year, by matrix exponential."""
    rate = math.log(2) * hazard_ratio
    return float(expm(np.array([[-rate, rate], [0.0, 0.0]]))[0, 1])


@pytest.mark.parametrize("name", ["score_change", "event_rate", "two_rates", "ln_enrichment"])
def test_without_an_effect_a_trial_is_its_null_twin_whatever_the_outcome(name: str) -> None:
    trial = lupusim.load_scenario(name).points[0].trial
    assert with_strength(trial, 0.0) == trial.null_twin()


def test_a_score_without_an_effect_is_claimed_at_the_level() -> None:
    """Its difference is no effect on a hazard, and was left where it stood."""
    scenario = lupusim.load_scenario("score_change")
    found = assurance(
        replace(scenario, points=scenario.points[:1]),
        effect_prior=OrNoEffect(probability=1.0),
        seed=SEED,
        n_replicates=2000,
    )
    (point,) = found.points
    assert_within_mcse(point.assurance.value, 0.025, mcse=math.sqrt(0.025 * 0.975 / 2000))
    with pytest.raises(AssertionError):  # as far as the stated effect is from none
        assert_within_mcse(point.power.value, 0.025, mcse=point.power.mcse)


def test_what_acts_on_one_arm_alone_is_an_effect() -> None:
    trial = replace(SURVIVAL, population=_strata("new", 0.5))
    assert with_strength(trial, 0.0).population.effects == ()
    assert with_strength(trial, 0.5).population == trial.population


def test_a_single_arm_is_the_one_whose_effect_is_unsure() -> None:
    trial = lupusim.load_scenario("single_arm_simon").points[0].trial
    on = (("active", "complete_remission"),)
    further = FurtherRatio(on=on, sd=0.5, seed=SEED).trial(3, trial)
    assert len(further.arms) == 1
    assert further.arms[0].effects[-1].hazard_ratio != 1
    (arm,) = trial.arms
    treated = replace(arm, effects=(TreatmentEffect(on=on, hazard_ratio=2.0),))
    half = with_strength(replace(trial, arms=(treated,)), 0.5)
    assert stated_log_ratio(half) == pytest.approx(0.5 * math.log(2))
    with pytest.raises(ValueError, match="no law says how its patients fare without an effect"):
        with_strength(trial, 0.0)
    with pytest.raises(ValueError, match="a single arm has no control"):
        ResponseGain()(trial)


@pytest.mark.parametrize("arm", [None, "new"])
def test_gains_are_averaged_over_factors_that_act(arm: str | None) -> None:
    trial = replace(SURVIVAL, population=_strata(arm, 8.0))
    control = _died(1.0) if arm else HIGH * _died(8.0) + (1 - HIGH) * _died(1.0)
    treated = HIGH * _died(0.6 * 8.0) + (1 - HIGH) * _died(0.6)
    assert EventsAvoided(by=1.0)(trial) == pytest.approx(control - treated, abs=1e-6)
    assert EventsAvoided(by=1.0)(SURVIVAL) != pytest.approx(control - treated, abs=0.01)


def test_gains_are_averaged_over_a_frailty() -> None:
    """A gamma frailty of variance v leaves (1 + v H)^(-1/v) free of the event."""
    frailty = GammaFrailty(on=MOVE, variance=0.8)
    trial = replace(SURVIVAL, population=Population(frailties=(frailty,)))
    free = [(1 + 0.8 * math.log(2) * ratio) ** (-1 / 0.8) for ratio in (1.0, 0.6)]
    assert EventsAvoided(by=1.0)(trial) == pytest.approx(free[1] - free[0], abs=1e-5)


def test_no_gain_is_told_where_the_patients_of_a_lot_share_its_potency() -> None:
    control, new = SURVIVAL.arms
    lots = Infusions(cells_per_kg=1e6, lots=Lots(doses=4, sd=0.3, lowers=MOVE))
    trial = replace(SURVIVAL, arms=(control, replace(new, infusions=lots)))
    with pytest.raises(NoExactSolutionError, match="lots of unequal potency"):
        EventsAvoided(by=1.0)(trial)


def test_no_gain_is_told_of_events_that_are_correlated(tmp_path: Path) -> None:
    """A score that goes with a response leaves the response's share as it is stated."""
    assert ResponseGain()(_example(tmp_path, "[response, score]")) > 0.2
    with pytest.raises(NoExactSolutionError, match="events that are correlated"):
        ResponseGain()(_example(tmp_path, "[response, relapse]"))


def _example(folder: Path, together: str) -> Trial:
    text = Path("docs/examples/correlated.yaml").read_text(encoding="utf-8")
    file = folder / "correlated.yaml"
    file.write_text(text.replace("[response, score]", together), encoding="utf-8")
    return lupusim.load_scenario(file).points[0].trial
