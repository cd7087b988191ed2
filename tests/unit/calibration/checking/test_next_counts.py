from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from lupusim.calibration.checking.next_counts import candidates, further_numbers, next_counts
from lupusim.calibration.checking.outlook import PlannedTrial, predictions
from lupusim.calibration.estimation.identifiability import observed_information
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.search import climb
from lupusim.calibration.fit import Fit, fit_studies
from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.targets.counts import EverCount, Measure, OccupancyCounts
from lupusim.calibration.targets.questions import EverIn, InStates, Question
from lupusim.calibration.targets.times import EventRate
from lupusim.common.rng import stream
from lupusim.model.hazards import ExponentialHazard
from studies_for_tests import chain_model, free_rates, study
from tolerance import SEED, assert_within_mcse

FREE = free_rates(chain_model(ExponentialHazard(rate=0.3), ExponentialHazard(rate=0.2)), sd=0.3)
N_DRAWS = 20_000


@pytest.fixture(scope="module")
def fit() -> Fit:
    """A posterior that is known: both log rates normal, independent."""
    rate = EventRate(origin=("well",), to=("ill",), events=9, person_years=30, until=3.0)
    fit = fit_studies([study(rate)], FREE, seed=SEED, n_starts=2)
    values = np.log([0.3, 0.2]) + 0.3 * stream(SEED, "known").standard_normal((N_DRAWS, 2))
    draws = Draws(
        values=values,
        weights=np.full(N_DRAWS, 1 / N_DRAWS),
        effective_sample_size=N_DRAWS,
        pareto_k=0.0,
        log_evidence=0.0,
        method="by hand",
        n_density_calls=0,
    )
    return replace(fit, draws=draws)


def test_next_counts_have_the_spread_of_parameters_and_of_chance(fit: Fit) -> None:
    found = {one.what: one for one in next_counts(fit, 2.0, 50)}
    well = np.exp(-2 * np.exp(math.log(0.3) + 0.3 * stream(SEED, "other").standard_normal(N_DRAWS)))
    counts = stream(SEED, "counts").binomial(50, well)
    ours = found["well at 2 years"]
    assert_within_mcse(ours.share, well.mean(), mcse=well.std() / math.sqrt(4000))
    by_hand = np.quantile(counts, [0.025, 0.5, 0.975])
    assert np.abs(np.array([ours.lower, ours.median, ours.upper]) - by_hand).max() <= 1


def test_the_count_that_is_the_prediction_itself_helps_most_and_as_much_as_it_should(
    fit: Fit,
) -> None:
    """Prediction: ill at week 52. A count of it takes away Var(p) n / (Var(p) n + E p(1-p))."""
    found = further_numbers(fit, 200)
    assert found[0].reduction >= found[-1].reduction
    rates = np.exp(np.log([0.3, 0.2]) + 0.3 * stream(SEED, "third").standard_normal((N_DRAWS, 2)))
    a, b = rates.T
    year = 52 / 52.1775
    ill = a / (b - a) * (np.exp(-a * year) - np.exp(-b * year))
    by_hand = ill.var() / (ill.var() + (ill * (1 - ill)).mean() / 200)
    ours = {one.what: one for one in found}["in ill at 1 years"]
    assert ours.reduction == pytest.approx(by_hand, abs=0.05)
    assert ours.spread == pytest.approx(ill.std(), rel=0.05)


def test_numbers_help_in_the_order_and_as_much_as_when_each_is_added_and_refitted() -> None:
    """Each candidate at its expected count among the targets: by how much the curvature narrows."""
    rate = EventRate(origin=("well",), to=("ill",), events=9, person_years=30, until=3.0)
    given = fit_studies([study(rate)], FREE, seed=SEED, n_starts=2).sampled(8000)
    wanted = next(iter(predictions(given.model).values()))
    prior = np.diag(FREE.prior_sd**-2.0)

    def variance(*more: Measure) -> float:
        likelihood = Likelihood(FREE, [study(one) for one in (rate, *more)])
        top, _ = climb(likelihood, given.best.free, prior_weight=1.0)
        covariance = np.linalg.inv(observed_information(likelihood, top) + prior)
        moves = 1e-4 * np.eye(2)
        up, down = (Family(FREE, [wanted]).answers(top + d * moves)[:, 0] for d in (1, -1))
        slope = (up - down) / 2e-4
        return float(slope @ covariance @ slope)

    def refitted(question: Question, n: float) -> float:
        count = n * float(Family(FREE, [question]).answers(given.draws.mean()[None])[0, 0])
        match question:
            case InStates(states, time):
                added: Measure = OccupancyCounts(time=time, counts={states: count}, n=n)
            case EverIn(states, time):
                added = EverCount(time=time, states=states, count=count, n=n)
        return 1 - variance(added) / variance()

    ours = {one.what: one.reduction for one in further_numbers(given, 200)}
    by_hand = {what: refitted(q, 200.0) for what, q in candidates(given.model).items()}
    assert len(by_hand) == 12
    ranks = spearmanr([ours[what] for what in by_hand], list(by_hand.values())).statistic
    assert ranks > 0.95
    for what, reduction in by_hand.items():
        assert ours[what] == pytest.approx(reduction, abs=0.06), what


def test_what_narrows_a_power_is_told_of_the_power(fit: Fit) -> None:
    """A count of the share itself: the variance of the mean power given it, from other draws."""
    trial = PlannedTrial(n_per_arm=60, control=0.1)
    found = {one.what: one for one in further_numbers(fit, 200, trial=trial)}
    rng = stream(SEED, "powers")
    a, b = np.exp(np.log([0.3, 0.2]) + 0.3 * rng.standard_normal((N_DRAWS, 2))).T
    year = 52 / 52.1775
    ill = a / (b - a) * (np.exp(-a * year) - np.exp(-b * year))
    error = np.sqrt((ill * (1 - ill) + 0.1 * 0.9) / 60)
    power = norm.cdf((ill - 0.1) / error - 1.959964)
    counts = rng.binomial(200, ill)
    means = np.array([power[counts == k].mean() for k in np.unique(counts)])
    sizes = np.array([(counts == k).sum() for k in np.unique(counts)])
    by_hand = np.average((means - power.mean()) ** 2, weights=sizes) / power.var()
    ours = found["in ill at 1 years"]
    assert ours.prediction == "power with 60 per arm"
    assert ours.spread == pytest.approx(power.std(), rel=0.05)
    assert ours.reduction == pytest.approx(by_hand, abs=0.05)


def test_nothing_is_predicted_without_draws(fit: Fit) -> None:
    with pytest.raises(ValueError, match="no draws to predict from"):
        next_counts(replace(fit, draws=None), 1.0, 10)
