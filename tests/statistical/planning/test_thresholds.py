"""Thresholds calibrated to a type I error: against closed forms, with honest uncertainty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import small_trials
from lupusim.analysis.group_sequential.probability_bounds import PosteriorEfficacy
from lupusim.planning import thresholds
from lupusim.planning.runs.run import run
from lupusim.planning.thresholds import calibrate_threshold, confirmed_threshold
from lupusim.simulation.adaptation import Against, BayesianResponse, Shares
from lupusim.trial import AtEvents, Trial
from tolerance import SEED, assert_within_mcse
from trials import analysis, exponential_arm, scenario, survival_trial
from trials_adaptive import adaptive_trial

N_REPLICATES = 4_000


def one_test_in_two_looks(probability: float) -> Trial:
    return survival_trial(
        n_patients=100,
        interims=(AtEvents(events=30),),
        cutoff=AtEvents(events=60),
        follow_up=np.inf,
        analysis=analysis(),
        stopping=PosteriorEfficacy(probability=probability, looks=(2,)),
    )


def test_a_flat_posterior_tested_once_is_calibrated_to_one_minus_alpha() -> None:
    found = calibrate_threshold(
        one_test_in_two_looks,
        (0.5, 0.999),
        type_one_error=0.05,
        n_replicates=N_REPLICATES,
        seed=SEED,
    )
    # the threshold's standard error is that of the error itself: a p-value is uniform
    assert_within_mcse(found.threshold, 0.95, mcse=np.sqrt(0.05 * 0.95 / N_REPLICATES))
    assert found.lower < found.threshold < found.upper
    assert found.type_one_error.value <= 0.05


def at_level(alpha: float) -> Trial:
    return survival_trial(n_patients=100, follow_up=2.0, analysis=analysis(alpha=alpha))


def test_a_level_is_found_where_more_of_it_rejects_more() -> None:
    asked = {"type_one_error": 0.05, "n_replicates": N_REPLICATES, "seed": SEED}
    found = calibrate_threshold(at_level, (0.001, 0.3), **asked)
    # a log-rank test of 100 patients is nearly exact, and a p-value is uniform
    assert_within_mcse(found.threshold, 0.05, mcse=np.sqrt(0.05 * 0.95 / N_REPLICATES))
    assert found.lower < found.threshold < found.upper
    assert found.type_one_error.value <= 0.05


def counts_at_level(alpha: float) -> Trial:
    return small_trials.at_level(small_trials.rates((0.3, 0.5), n_patients=60), alpha, 1)


def test_the_level_of_counts_is_exact_and_falls_in_steps() -> None:
    found = calibrate_threshold(
        counts_at_level, (0.001, 0.3), type_one_error=0.05, n_replicates=2, seed=SEED
    )
    assert found.type_one_error.mcse == found.type_one_error.n == 0
    new, control = np.mgrid[0:31, 0:31] / 30
    pooled = (new + control) / 2
    error = np.sqrt(pooled * (1 - pooled) * 2 / 30)
    z = np.divide(new - control, error, out=np.zeros(new.shape), where=error > 0)
    chance = stats.binom(30, 0.3).pmf(np.arange(31))

    def level(alpha: float) -> float:
        return float(chance @ (z >= stats.norm.isf(alpha)) @ chance)

    assert found.type_one_error.value == pytest.approx(level(found.threshold), abs=1e-6)
    assert level(found.threshold) <= 0.05 < level(found.threshold + 3e-5)


def test_patients_that_are_not_kept_are_generated_anew_and_give_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = {"type_one_error": 0.1, "n_replicates": 500, "seed": SEED}
    kept = calibrate_threshold(at_level, (0.01, 0.3), **asked)
    monkeypatch.setattr(thresholds, "_MOST_KEPT", 0)
    assert calibrate_threshold(at_level, (0.01, 0.3), **asked) == kept


def test_a_threshold_is_confirmed_by_patients_that_the_search_has_not_seen() -> None:
    answer = confirmed_threshold(
        at_level, (0.001, 0.3), alpha=0.05, n_replicates=N_REPLICATES, seed=SEED
    )
    searched, fresh = answer.found.type_one_error, answer.type_one_error
    assert searched.value != fresh.value
    assert_within_mcse(fresh.value, 0.05, mcse=np.sqrt(2) * fresh.mcse)
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(fresh.value, 0.1, mcse=np.sqrt(2) * fresh.mcse)
    assert answer.power.value > 0.5
    assert answer.row()["threshold"] == answer.found.threshold


def adaptive(success: float) -> Trial:
    shares = Shares(power=1.0, grows=True, least=0.15)
    rule = BayesianResponse(success=success, against=Against.CONTROL, shares=shares)
    return adaptive_trial(rule, 0.3, 0.5, n_looks=4, n_patients=120)


@pytest.mark.slow
def test_a_calibrated_adaptive_trial_keeps_its_error_on_fresh_patients() -> None:
    n_replicates = 1_500
    found = calibrate_threshold(
        adaptive, (0.9, 0.9999), type_one_error=0.05, n_replicates=n_replicates, seed=SEED
    )
    fresh = run(scenario(adaptive(found.threshold)), n_replicates, seed=SEED + 1).points[0]
    error = np.sqrt(2 * 0.05 * 0.95 / n_replicates)  # of both simulations
    assert_within_mcse(fresh.type_one_error.value, 0.05, mcse=error)
    naive = run(scenario(adaptive(0.9)), n_replicates, seed=SEED + 1).points[0]
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(naive.type_one_error.value, 0.05, mcse=error)


def test_what_cannot_be_calibrated_is_refused() -> None:
    asked = {"type_one_error": 0.2, "n_replicates": 100, "seed": SEED}
    with pytest.raises(ValueError, match="does not lie between"):
        calibrate_threshold(one_test_in_two_looks, (0.95, 0.999), **asked)

    def growing(threshold: float) -> Trial:
        return replace(one_test_in_two_looks(threshold), n_patients=100 + int(10 * threshold))

    with pytest.raises(ValueError, match="more than their rule"):
        calibrate_threshold(growing, (0.5, 0.999), **asked)
    with pytest.raises(ValueError, match="the lower one first"):
        calibrate_threshold(one_test_in_two_looks, (0.999, 0.5), **asked)

    def alone(threshold: float) -> Trial:
        del threshold
        return survival_trial(arms=(exponential_arm("cells", 0.5),), analysis=None)

    with pytest.raises(ValueError, match="no null twin"):
        calibrate_threshold(alone, (0.5, 0.999), **asked)
