"""Priors, draws, and what assurance makes of them."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

import small_trials
from lupusim.calibration.estimation.parameters import (
    FreeModel,
    FreeParameter,
    NormalPrior,
    Transform,
)
from lupusim.calibration.posterior.draws import Draws, NotConvergedError
from lupusim.common.rng import stream
from lupusim.model import TreatmentEffect
from lupusim.planning.assurance.assurance import Nesting, Worthwhile, assurance
from lupusim.planning.assurance.beliefs import (
    Beliefs,
    EventsAvoided,
    FurtherRatio,
    ModelDraws,
    ResponseGain,
)
from lupusim.planning.assurance.effect_priors import (
    NormalEffect,
    OrNoEffect,
    StatedEffect,
    sceptical,
    stated_log_ratio,
    strength_law,
    with_strength,
)
from lupusim.planning.assurance.power_distribution import PowerDistribution
from lupusim.planning.assurance.value_of_information import Decision, information_value
from lupusim.planning.runs.replicates import Simulator, derived_seed
from lupusim.planning.sample_size.growth import Patients
from lupusim.planning.theory.power import formula_power
from lupusim.scenario.files.what_if import model_draws
from tolerance import SEED, assert_within_mcse

RATES = small_trials.rates((0.3, 0.5), n_patients=100)
SURVIVAL = small_trials.survival(0.6)


def test_a_strength_scales_the_log_hazard_ratio():
    half = with_strength(SURVIVAL, 0.5)
    assert stated_log_ratio(half) == pytest.approx(0.5 * math.log(0.6))
    assert with_strength(SURVIVAL, 1.0) is SURVIVAL


def test_strength_0_makes_the_experimental_arm_fare_as_the_control():
    for trial in (RATES, SURVIVAL):
        alike = with_strength(trial, 0.0)
        assert alike.arms[1].law == alike.arms[0].law
        assert alike.arms[1].name == "new"


def test_nothing_lies_between_two_models():
    with pytest.raises(ValueError, match="follows a model of its own"):
        with_strength(RATES, 0.5)


def test_a_normal_prior_needs_an_effect_to_start_from():
    prior = NormalEffect(mean=-0.5, sd=0.2)
    assert math.isnan(stated_log_ratio(RATES))
    for stated in (math.nan, 0.0, -math.inf):
        with pytest.raises(ValueError, match="needs an effect with a hazard ratio"):
            prior.strengths(stated, 10, rng=stream(SEED))


def test_a_normal_prior_has_its_mean_and_spread():
    draws = -0.5 * NormalEffect(mean=-0.3, sd=0.2).strengths(-0.5, 40_000, rng=stream(SEED))
    assert_within_mcse(draws.mean(), -0.3, mcse=0.2 / math.sqrt(draws.size))
    assert_within_mcse(draws.std(), 0.2, mcse=0.2 / math.sqrt(2 * draws.size))


def test_no_effect_gets_its_share_of_the_draws_evenly():
    strengths = OrNoEffect(probability=0.3).strengths(-0.5, 1000, rng=stream(SEED))
    assert (strengths == 0).sum() == pytest.approx(300, abs=1)
    assert set(strengths) == {0.0, 1.0}
    assert set(StatedEffect().strengths(math.nan, 3, rng=stream(SEED))) == {1.0}


def test_a_sceptic_who_ignores_the_study_stays_at_no_effect():
    ignoring = sceptical(-0.7, 0.2, weight=0.0, worthwhile=-0.3)
    assert ignoring.mean == 0
    # Of the sceptic's normal prior 5 % lie beyond the worthwhile effect: 0.3 / 1.644854.
    assert ignoring.sd == pytest.approx(0.3 / 1.6448536269514722)
    believing = [sceptical(-0.7, 0.2, weight=w, worthwhile=-0.3).mean for w in (0.1, 0.5, 1.0)]
    assert -0.7 < believing[2] < believing[1] < believing[0] < 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: NormalEffect(mean=math.nan, sd=1.0),
        lambda: NormalEffect(mean=0.0, sd=-1.0),
        lambda: OrNoEffect(probability=1.1),
        lambda: sceptical(-0.5, 0.0, weight=0.5, worthwhile=-0.3),
        lambda: sceptical(-0.5, 0.2, weight=1.5, worthwhile=-0.3),
        lambda: sceptical(-0.5, 0.2, weight=0.5, worthwhile=0.0),
        lambda: ModelDraws(name="two states", models=()),
        lambda: Nesting(per_draw=0),
        lambda: Nesting(n_jobs=0),
    ],
)
def test_a_number_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=r"must|no draw"):
        wrong()


def test_draws_of_a_model_go_to_the_arms_that_follow_it_and_start_again_after_the_last():
    models = tuple(small_trials.two_states(rate) for rate in (0.1, 0.2))
    draws = ModelDraws(name="two states", models=models)
    rates = [draws.trial(k, SURVIVAL).arms[0].model.transitions[0].hazard.rate for k in range(4)]
    assert rates == [0.1, 0.2, 0.1, 0.2]
    assert draws.trial(0, SURVIVAL).arms[1].effects == SURVIVAL.arms[1].effects
    with pytest.raises(ValueError, match="the draws are of 'other', but the arms follow"):
        ModelDraws(name="other", models=models).trial(0, SURVIVAL)


def test_draws_sent_to_a_worker_are_those_of_the_whole():
    models = tuple(small_trials.two_states(rate) for rate in (0.1, 0.2, 0.3))
    draws = ModelDraws(name="two states", models=models)
    beliefs = Beliefs(draws=(draws, FurtherRatio(on=(("active", "ended"),), sd=0.2, seed=SEED)))
    part = beliefs.only(range(2, 5))
    for number in range(2, 5):
        assert part.truth(SURVIVAL, number, 1.0) == beliefs.truth(SURVIVAL, number, 1.0)


def test_a_further_hazard_ratio_comes_on_top_of_what_an_arm_has():
    prior = FurtherRatio(on=(("active", "ended"),), mean=-0.1, sd=0.2, seed=SEED)
    logs = []
    for number in range(1000):
        control, new = prior.trial(number, RATES).arms
        assert control == RATES.arms[0]
        assert new.model == RATES.arms[1].model
        logs.append(math.log(new.effects[-1].hazard_ratio))
    assert_within_mcse(np.mean(logs), -0.1, mcse=0.2 / math.sqrt(1000))
    assert len(prior.trial(0, SURVIVAL).arms[1].effects) == 2
    assert with_strength(prior.trial(0, RATES), 0.5).arms[1].model == RATES.arms[1].model
    with pytest.raises(ValueError, match="has no transition 'a -> b'; it has active -> ended"):
        FurtherRatio(on=(("a", "b"),), sd=0.2, seed=SEED).trial(0, RATES)


def test_gains_are_the_exact_differences():
    assert ResponseGain()(RATES) == pytest.approx(0.2, abs=1e-6)
    # Survival to a year: 0.5 with a rate of log 2, 0.5 ** 0.6 with the hazard ratio.
    assert EventsAvoided(by=1.0)(SURVIVAL) == pytest.approx(0.5**0.6 - 0.5, abs=1e-6)
    with pytest.raises(ValueError, match="use EventsAvoided"):
        ResponseGain()(SURVIVAL)
    with pytest.raises(ValueError, match="no event counted from randomization"):
        EventsAvoided(by=1.0)(RATES)


def test_assurance_without_doubt_is_power():
    result = assurance(small_trials.scenario(SURVIVAL), seed=SEED, n_replicates=4000)
    point = result.points[0]
    mcse = math.hypot(point.power.mcse, point.assurance.mcse)
    assert_within_mcse(point.assurance.value, point.power.value, mcse=mcse)
    share = point.distribution.parameter_share
    assert_within_mcse(share.value, 0.0, mcse=share.mcse)
    assert "worthwhile" not in point.estimates()


def _counts():
    """Return the trial of rates whose new arm has the control's model and an effect."""
    control, new = RATES.arms
    effect = TreatmentEffect(on=(("active", "ended"),), hazard_ratio=2.0)
    return replace(RATES, arms=(control, replace(new, model=control.model, effects=(effect,))))


COUNTS = _counts()


class Drawn:
    """A prior that is known by its draws alone, as one of the user's own."""

    def __init__(self, prior):
        self.strengths = prior.strengths


def test_the_laws_of_priors():
    normal = NormalEffect(mean=-0.3, sd=0.2)
    law = strength_law(normal, -0.6)
    assert (law.points, law.mean, law.sd, law.rest) == ({}, 0.5, pytest.approx(1 / 3), 1.0)
    assert strength_law(replace(normal, sd=0.0), -0.6).points == {0.5: 1.0}
    either = strength_law(OrNoEffect(probability=0.3, otherwise=normal), -0.6)
    assert (either.points, either.rest) == ({0.0: 0.3}, pytest.approx(0.7))
    both = strength_law(OrNoEffect(probability=0.3), math.nan)
    assert (both.points, both.rest) == ({1.0: 0.7, 0.0: 0.3}, 0.0)
    assert strength_law(OrNoEffect(probability=0.0), math.nan).points == {1.0: 1.0}
    assert strength_law(OrNoEffect(probability=0.3, otherwise=Drawn(normal)), -0.6) is None


@pytest.mark.parametrize("sd", [0.3, 1.0])
def test_power_integrated_over_a_prior_is_that_of_many_strengths(sd):
    prior = NormalEffect(mean=0.6, sd=sd)
    point = assurance(small_trials.scenario(COUNTS), effect_prior=prior).points[0]
    middles = (np.arange(200) + 0.5) / 200
    logs = [NormalDist(0.6, sd).inv_cdf(u) for u in middles.tolist()]
    truths = [with_strength(COUNTS, log / math.log(2.0)) for log in logs]
    powers = np.array([formula_power(truth).value for truth in truths])
    found = point.distribution
    assert found.mean.value == pytest.approx(powers.mean(), abs=1e-3)
    assert found.at_least(powers[120]).value == pytest.approx(1 - middles[120], abs=1e-6)
    shares = found.shares(np.array([0.0, powers[50], powers[120], 1.0]))
    assert shares == pytest.approx(np.diff([0.0, middles[50], middles[120], 1.0]), abs=1e-6)
    wanted = middles[[10, 50, 120, 180]]
    told = [mean.value for mean in found.quantiles(wanted.tolist())]
    assert told == pytest.approx(powers[[10, 50, 120, 180]], abs=1e-6)


def test_two_points_are_summed_and_a_gain_that_jumps_is_asked_of_draws():
    both = OrNoEffect(probability=0.25)
    point = assurance(small_trials.scenario(COUNTS), effect_prior=both).points[0]
    none, stated = (formula_power(with_strength(COUNTS, s)).value for s in (0.0, 1.0))
    assert point.assurance.value == pytest.approx(0.25 * none + 0.75 * stated, abs=1e-12)
    told = [mean.value for mean in point.distribution.quantiles([0.25, 0.26])]
    assert told == pytest.approx([none, stated], abs=1e-9)
    jumps = Worthwhile(gain=lambda truth: stated_log_ratio(truth) > 0.6, at_least=1.0)
    asked = assurance(
        small_trials.scenario(COUNTS),
        effect_prior=NormalEffect(mean=0.6, sd=0.3),
        n_replicates=4000,
        nesting=Nesting(worthwhile=jumps),
    ).points[0]
    assert asked.distribution.n_draws == 400
    assert_within_mcse(asked.worthwhile.value, 0.5, mcse=asked.worthwhile.mcse)


def test_where_trials_are_counts_the_power_of_every_draw_is_a_sum_over_tables():
    prior = Drawn(NormalEffect(mean=0.6, sd=0.3))
    result = assurance(
        small_trials.scenario(COUNTS), effect_prior=prior, seed=SEED, n_replicates=2000
    )
    point = result.points[0]
    assert point.power.mcse == 0
    powers = point.distribution.powers
    strengths = Beliefs(effect=prior).strengths(COUNTS, powers.size, seed=SEED)
    for k in (0, 7, 100):
        truth = with_strength(COUNTS, float(strengths[k]))
        assert powers[k] == pytest.approx(formula_power(truth).value, abs=1e-9)
    assert point.assurance.value == pytest.approx(powers.mean())
    middle = point.distribution.quantiles([0.5])[0]
    assert middle.value == np.sort(powers)[(powers.size - 1) // 2]
    share = powers.var() / (powers.mean() * (1 - powers.mean()))
    assert point.distribution.parameter_share.value == pytest.approx(share)
    at_least = point.distribution.at_least(0.5).value
    assert at_least == pytest.approx((powers >= 0.5).mean())
    shares = point.distribution.shares(np.array([0.0, 0.5, 1.0]))
    assert shares == pytest.approx([1 - at_least, at_least])


def test_exact_assurance_is_that_of_simulated_draws():
    prior, n = Drawn(NormalEffect(mean=0.6, sd=0.3)), 200
    exact = assurance(
        small_trials.scenario(COUNTS), effect_prior=prior, seed=SEED, n_replicates=10 * n
    ).points[0]
    strengths = Beliefs(effect=prior).strengths(COUNTS, n, seed=SEED)
    rejected = [
        Simulator(seed=derived_seed(SEED, k))
        .tally(with_strength(COUNTS, float(strength)), 20)
        .mean("reject")
        .value
        for k, strength in enumerate(strengths)
    ]
    powers = exact.distribution.powers
    mcse = math.sqrt((powers * (1 - powers)).sum() / 20) / n
    assert_within_mcse(np.mean(rejected), exact.assurance.value, mcse=mcse)


def test_the_table_and_the_json_carry_every_estimate_with_its_standard_error():
    worthwhile = Worthwhile(gain=ResponseGain(), at_least=0.1)
    result = assurance(
        small_trials.scenario(RATES),
        effect_prior=OrNoEffect(probability=0.5),
        seed=SEED,
        n_replicates=1000,
        nesting=Nesting(per_draw=5, worthwhile=worthwhile),
    )
    row = result.table.iloc[0]
    names = [name for name in row.index if f"{name}_mcse" in row.index]
    assert {"power", "assurance", "power_q50", "worthwhile", "sampling_share"} <= set(names)
    assert row["worthwhile"] == pytest.approx(0.5, abs=0.01)
    assert row["parameter_share"] + row["sampling_share"] == pytest.approx(1)
    told = result.to_json()
    assert told["replicates_per_draw"] == 5
    assert told["points"][0]["assurance"] == row["assurance"]


def test_an_assurance_with_one_replicate_per_draw_cannot_split_the_uncertainty():
    nesting = Nesting(per_draw=1)
    doubtful = small_trials.scenario(SURVIVAL)
    result = assurance(doubtful, seed=SEED, n_replicates=200, nesting=nesting)
    assert result.to_json()["points"][0]["parameter_share"] is None


def test_too_few_replicates_are_refused():
    with pytest.raises(ValueError, match="n_replicates=10 must be at least 20"):
        assurance(small_trials.scenario(RATES), n_replicates=10)


def test_the_distribution_of_power_is_recovered_from_few_replicates():
    power = stream(SEED, "power").beta(6, 3, size=20_000)
    counts = stream(SEED, "counts").binomial(10, power)
    found = PowerDistribution(n_rejected=counts.astype(np.intp), per_draw=10)
    shares = found.shares(np.linspace(0.0, 1.0, 21))
    assert shares.sum() == pytest.approx(1)
    middle = np.linspace(0.025, 0.975, 20)
    assert found.mean.value == pytest.approx(2 / 3, abs=0.01)
    spread = math.sqrt(shares @ (middle - shares @ middle) ** 2)
    assert spread == pytest.approx(power.std(), rel=0.06)
    assert (counts / 10).std() > 1.3 * power.std()  # the raw shares are too wide
    assert found.at_least(0.5).value == pytest.approx((power >= 0.5).mean(), abs=0.05)
    low, high = (mean.value for mean in found.quantiles((0.25, 0.75)))
    assert [low, high] == pytest.approx(np.quantile(power, [0.25, 0.75]), abs=0.04)


def _normal_trials(strengths, *, sided, per_draw):
    """Power of a z test with drift 3 at full strength, and counts of significant trials."""
    normal = NormalDist()
    critical = normal.inv_cdf(1 - 0.025)
    power = np.array([normal.cdf(3 * s - critical) for s in strengths])
    if sided == 2:
        power += np.array([normal.cdf(-3 * s - critical) for s in strengths])
    return power, stream(SEED, "counts").binomial(per_draw, power).astype(np.intp)


@pytest.mark.parametrize("sided", [1, 2])
def test_no_effect_is_a_point_of_the_distribution_of_power(sided):
    # A point at no effect beside a normal prior; every quantile by integration of the prior.
    rng = stream(SEED, "strengths")
    n, p_none, mean, sd = 10_000, 0.3, 0.5, 0.5
    positions = (rng.permutation(n) + rng.random(n)) / n
    strengths = np.where(positions < p_none, 0.0, mean + sd * rng.standard_normal(n))
    _, counts = _normal_trials(strengths, sided=sided, per_draw=10)
    found = PowerDistribution(
        n_rejected=counts,
        per_draw=10,
        seed=SEED,
        strengths=strengths,
        models_are_certain=True,
    )
    grid = NormalDist(mean, sd)
    places = np.array([grid.inv_cdf((k + 0.5) / 20_000) for k in range(20_000)])
    powers, _ = _normal_trials(places, sided=sided, per_draw=1)
    at_none, _ = _normal_trials(np.zeros(1), sided=sided, per_draw=1)
    values = np.append(powers, at_none)
    masses = np.append(np.full(20_000, (1 - p_none) / 20_000), p_none)
    order = np.argsort(values)
    reached = np.cumsum(masses[order])
    wanted = (0.05, 0.25, 0.5, 0.75, 0.95)
    right = values[order][np.searchsorted(reached, wanted)]
    for one, value in zip(found.quantiles(wanted), right, strict=True):
        assert_within_mcse(one.value, value, mcse=one.mcse)
        assert one.mcse < 0.02
    assert found.quantiles([0.3])[0].value == pytest.approx(at_none[0], abs=0.004)
    above = found.at_least(0.5)
    assert_within_mcse(above.value, masses @ (values >= 0.5), mcse=above.mcse)


def test_without_an_effect_power_is_one_point_also_where_models_are_drawn():
    strengths = np.where(np.arange(2_000) % 2 == 0, 0.0, 1.0)
    power = np.where(strengths == 0, 0.03, stream(SEED, "power").beta(16, 4, 2_000))
    counts = stream(SEED, "counts").binomial(10, power).astype(np.intp)
    found = PowerDistribution(n_rejected=counts, per_draw=10, seed=SEED, strengths=strengths)
    first, second, *_ = found.quantiles((0.1, 0.4, 0.75))
    assert first.value == second.value
    assert_within_mcse(first.value, 0.03, mcse=first.mcse)
    assert found.shares(np.array([0.0, 0.05, 0.4, 1.0]))[1] < 0.01  # nothing in between


def test_between_two_truths_lies_no_quantile_of_the_power():
    strengths = np.where(np.arange(1_000) < 400, 0.0, 1.0)
    counts = stream(SEED, "counts").binomial(5, np.where(strengths == 0, 0.1, 0.9)).astype(np.intp)
    found = PowerDistribution(
        n_rejected=counts, per_draw=5, strengths=strengths, models_are_certain=True
    )
    points = {round(one.value, 12) for one in found.quantiles(np.linspace(0.01, 0.99, 99))}
    expected = {counts[:400].mean() / 5, counts[400:].mean() / 5}
    assert points == {round(value, 12) for value in expected}


def test_information_is_worth_more_in_a_larger_trial_and_never_more_than_all():
    decision = Decision(
        gain=lambda trial: 100 * (ResponseGain()(trial) - 0.1),
        cost=lambda trial: 0.01 * trial.n_patients,
    )
    beliefs = Beliefs(effect=OrNoEffect(probability=0.5))
    sizes = [20, 400]
    trials = [Patients(trial=RATES).at(size) for size in sizes]
    table = information_value(trials, beliefs=beliefs, decision=decision, n_draws=200, seed=SEED)
    assert table["n_patients"].tolist() == sizes
    small, large = table["evsi"]
    assert small < large <= table["perfect_information"].iloc[1] + 1e-9
    # Half the truths gain 10, the others lose 10: knowing which is worth 5.
    assert table["perfect_information"].iloc[0] == pytest.approx(5, abs=0.2)
    assert table["rule_value"].iloc[1] == pytest.approx(5, abs=0.5)
    assert (table["net_value"] == table["evsi"] - table["cost"]).all()
    with pytest.raises(ValueError, match="n_draws=10 must be at least 50"):
        information_value([RATES], beliefs=beliefs, decision=decision, n_draws=10, seed=1)


def test_posterior_draws_become_models_for_the_arms():
    rate = FreeParameter(
        name="rate",
        places={"active -> ended.rate": 1.0},
        transform=Transform.LOG,
        prior=NormalPrior(mean=0.0, sd=1.0),
    )
    free_model = FreeModel(model=small_trials.two_states(0.5), parameters=(rate,))
    values = math.log(0.5) + 0.1 * stream(SEED, "posterior").standard_normal((500, 1))
    draws = Draws(
        values=values,
        weights=np.ones(500),
        effective_sample_size=500.0,
        pareto_k=0.1,
        log_evidence=0.0,
        method="importance sampling",
        n_density_calls=500,
    )
    found = model_draws(free_model, draws, n_draws=500, seed=SEED)
    rates = [model.transitions[0].hazard.rate for model in found.models]
    assert sorted(rates) == pytest.approx(sorted(np.exp(values[:, 0])))
    result = assurance(
        small_trials.scenario(SURVIVAL), [found], seed=SEED, n_replicates=400
    ).points[0]
    assert 0 < result.assurance.value <= 1
    with pytest.raises(NotConvergedError, match="did not converge"):
        model_draws(free_model, replace(draws, pareto_k=0.9), seed=SEED)
