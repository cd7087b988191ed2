"""Laws of patients' outcomes from samples, and what the exact engine makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis import wilcoxon
from lupusim.endpoints import TimeInStates
from lupusim.planning.controls.building import control_of, known_control
from lupusim.planning.controls.kinds import why_counted
from lupusim.planning.controls.parts import Baseline
from lupusim.planning.controls.sampled import pairs, samples
from lupusim.planning.controls.sampled.cells import due_at_looks
from lupusim.planning.controls.sampled.facts import Facts, shares_of_facts, times_until
from lupusim.planning.controls.sampled.pairs import pair_law, sums_of_pairs
from lupusim.planning.controls.sampled.samples import Drawn, SampledLaw, covariance
from lupusim.scenario import load_scenario
from lupusim.simulation.block import followed
from lupusim.simulation.controls import Whole
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.look_statistics import comparisons
from lupusim.simulation.moments import Moments
from lupusim.trial import AtCalendarTime, Dropout, Population
from lupusim.trial.population.covariates import GammaFrailty
from lupusim.trial.treatment.arms import Switch
from tolerance import SEED, assert_within_mcse
from trials import analysis, disease_trial
from trials_of_values import value_trial
from trials_of_wins import RANKS, win_trial

TRIAL = win_trial(n_patients=60)
YEARS = TimeInStates(name="years", states=("remission",), until=1.0)
CONTROL, NEW = win_trial().arms
SWITCHING = CONTROL, replace(NEW, switch=Switch(on=("relapse",), arm=CONTROL))
LEAVING = replace(TRIAL, dropout=Dropout(per_year=0.3, by_state={"relapse": 2.0}))


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(pairs, "_DRAWN", 12_000)
    monkeypatch.setattr(pairs, "_DRAWN_OF_RANKS", 12_000)
    monkeypatch.setattr(pairs, "_PATIENTS", 600)


@pytest.mark.parametrize("trial", [TRIAL, LEAVING], ids=["dropout", "dropout by state"])
def test_facts_hold_of_as_many_patients_as_the_exact_engine_says(trial):
    times, n = np.array([0.5, 1.0]), 60 * 200
    facts = Facts(trial, times, n)
    block = Block(seed=SEED, number=0, n_replicates=200)
    generated = generate(trial, block, listeners=facts.recorders)
    kind, holds = facts.of(generated)
    known = shares_of_facts(trial, times)
    for arm in (0, 1):
        mine = holds[:, kind[generated.arm.ravel() == arm]]
        share = mine.mean(axis=1)
        np.testing.assert_array_equal(mine.any(axis=1) & ~mine.all(axis=1), share % 1 > 0)
        error = np.sqrt(known[arm] * (1 - known[arm]) / mine.shape[1])
        sure = error < 1e-6
        np.testing.assert_allclose(share[sure], known[arm][sure], atol=1e-6)
        assert_within_mcse(share[~sure], known[arm][~sure], mcse=error[~sure])


def test_facts_are_those_that_the_histories_show():
    facts = Facts(TRIAL, np.array([1.0]), 600)
    generated = generate(
        TRIAL, Block(seed=SEED, number=1, n_replicates=10), listeners=facts.recorders
    )
    kind, holds = facts.of(generated)
    inside, never = holds[:4, kind], holds[4:8, kind]
    np.testing.assert_array_equal(inside, facts.now.states[0] == np.arange(4)[:, None])
    np.testing.assert_array_equal(never, [one.time > 1.0 for one in facts.first])
    there = generated.watched_until.ravel() >= 1.0
    np.testing.assert_array_equal(holds[8:, kind], holds[:8, kind] & there)


def test_no_facts_are_asked_where_too_many_states_or_no_law_are(monkeypatch):
    assert times_until(TRIAL, 1.0, 4).tolist() == [0.25, 0.5, 0.75, 1.0]
    monkeypatch.setattr("lupusim.planning.controls.sampled.facts._BITS", 8)
    assert times_until(TRIAL, 1.0, 4).size == 0
    assert shares_of_facts(TRIAL, times_until(TRIAL, 1.0, 4)) is None
    frailties = tuple(
        GammaFrailty(on=((a, b),), variance=0.5)
        for a, b in (("active", "remission"), ("remission", "relapse"), ("active", "death"))
    )
    many = replace(TRIAL, population=Population(frailties=frailties))
    assert shares_of_facts(many, np.array([1.0])) is None


def test_two_quadratures_that_differ_know_nothing(monkeypatch):
    frail = Population(frailties=(GammaFrailty(on=(("remission", "relapse"),), variance=0.5),))
    trial = replace(TRIAL, population=frail)
    assert shares_of_facts(trial, np.array([1.0])) is not None
    monkeypatch.setattr("lupusim.planning.controls.sampled.facts._QUADRATURE", 0.0)
    assert shares_of_facts(trial, np.array([1.0])) is None


def test_errors_of_chances_are_those_of_a_multinomial():
    chance = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    n = np.array([100.0, 50.0])
    slopes = np.array([[[1.0], [-2.0], [0.5]], [[0.3], [3.0], [0.0]]])
    law = SampledLaw(chance=chance, n_patients=n, alike=False, beside=np.zeros((2, 3, 0)))
    expected = 0.0
    for p, slope, size in zip(chance, slopes[..., 0], n, strict=True):
        expected += slope @ (np.diag(p) - np.outer(p, p)) @ slope / size
    np.testing.assert_allclose(law.covariance(slopes), [[expected]])
    alike = replace(law, chance=chance[[0, 0]], alike=True)
    opposed = np.stack([slopes[0], -slopes[0]])
    np.testing.assert_allclose(alike.covariance(opposed), [[0.0]], atol=1e-15)
    both = covariance([Drawn(n_steps=1, sample=law, slopes=slopes), Drawn(n_steps=2)])
    np.testing.assert_allclose(both, np.diag([expected, 0.0, 0.0]))
    assert covariance([Drawn(n_steps=2)]) is None


def test_what_the_exact_engine_knows_takes_most_of_the_error(monkeypatch):
    known = control_of(TRIAL, seed=1)
    monkeypatch.setattr(samples, "shares_of_facts", lambda *_: None)
    alone = control_of(TRIAL, seed=2)
    assert (np.diag(known.sampled) < 0.1 * np.diag(alone.sampled)).all()


def test_what_is_written_down_of_errors_is_all_there_is():
    control = control_of(TRIAL, seed=3)
    np.testing.assert_array_equal(control.known_to, control.known_to.T)
    claims = np.arange(40) % 2.0
    values = np.random.default_rng(SEED).normal(size=(40, 3))
    moments = Moments.of(claims, values, control.known_to)
    assert Moments.of_plain(moments.plain()).known_to.tolist() == control.known_to.tolist()


def test_a_sample_hangs_on_the_seed_and_a_null_twin_errs_hardly():
    first, again, other = (known_control(("a", seed, 1), TRIAL) for seed in (1, 1, 2))
    assert first is again
    assert (first.scores[0].means != other.scores[0].means).any()
    twin = control_of(TRIAL.null_twin(), seed=1)
    assert np.diag(twin.sampled).max() < 0.1 * np.diag(first.sampled).max()


@pytest.mark.parametrize(
    "test", ["win_odds", "win_ratio", "net_benefit", "wilcoxon", "proportional_odds"]
)
def test_sums_follow_the_statistic(test):
    ranks = {} if test.startswith(("win_", "net_")) else {"primary": RANKS}
    trial = win_trial(test, n_patients=100, **ranks)
    law = pair_law(trial, 0, seed=1)
    (asked,) = comparisons(trial)
    (look,) = sums_of_pairs(trial, asked, Baseline.of(trial), law)
    found, patients = followed({"": trial}, Block(seed=SEED, number=0, n_replicates=200))
    control = control_of(trial, seed=1)
    values = control.values(patients.generated)
    assert values.shape == (200, 3)
    sums = look.sum.sums(Whole(patients.generated))
    nearly, estimate = look.mean + sums, found[""]["estimate"]
    assert np.corrcoef(nearly, estimate)[0, 1] > 0.98
    slope = np.polyfit(nearly, estimate, 1)[0]
    if test != "proportional_odds":  # odds are not shares of pairs, but follow them
        assert slope == pytest.approx(look.estimate / look.mean, rel=0.1)
    share = Moments.of(found[""]["reject"], values, control.known_to).share()
    assert share is not None


@pytest.mark.parametrize(
    "trial",
    [
        value_trial("wilcoxon"),
        win_trial("wilcoxon", primary=YEARS),
        win_trial("wilcoxon", primary=RANKS),
    ],
    ids=["a score", "years", "states"],
)
def test_sums_follow_ranks_at_the_spread_of_arms_alike(trial):
    (asked,) = comparisons(trial)
    (look,) = sums_of_pairs(trial, asked, Baseline.of(trial), pair_law(trial, 0, seed=1))
    _, patients = followed({"": trial}, Block(seed=SEED, number=0, n_replicates=400))
    whole = Whole(patients.generated)
    nearly = look.mean + look.sum.sums(whole)
    z = wilcoxon(*whole.outcome(0).columns(), included=whole.outcome(0).included).z
    assert np.corrcoef(nearly, z)[0, 1] > 0.985
    assert np.abs(nearly - z).mean() < 0.1


def test_pairs_that_are_hardly_ever_won_have_no_sum():
    trial = win_trial("wilcoxon", primary=replace(RANKS, at=1e-6), visits=(1e-6,))
    assert why_counted(trial) == ""
    assert control_of(trial) is None


def test_what_has_no_control_says_why():
    costs = "to draw patients for the law of its values would cost more than it brings"
    assert why_counted(win_trial("wilcoxon", primary=YEARS)) == ""
    assert why_counted(win_trial("wilcoxon", primary=YEARS, arms=SWITCHING)) == ""
    frail = Population(frailties=(GammaFrailty(on=(("remission", "relapse"),), variance=0.5),))
    frail_years = win_trial("wilcoxon", primary=YEARS, population=frail)
    assert why_counted(frail_years) == "no exact mean is known of its years"
    score = value_trial("wilcoxon")
    stuck = replace(score.marker, correlation=1.0, baseline_correlation=1.0)
    assert why_counted(replace(score, marker=stuck)) == costs
    dated = win_trial("wilcoxon", primary=RANKS, cutoff=AtCalendarTime(time=1.5))
    assert due_at_looks(dated, dated.primary) == [None]
    assert why_counted(dated) == "how many patients a look sees is left to chance"
    assert why_counted(disease_trial(primary=win_trial().primary)) != ""


@pytest.mark.parametrize("primary", [TRIAL.primary, RANKS], ids=["wins", "ranks"])
def test_patients_who_go_over_are_drawn_though_the_exact_engine_knows_nothing_of_them(primary):
    test = "wilcoxon" if primary is RANKS else "win_odds"
    trial = win_trial(test, n_patients=60, primary=primary, arms=SWITCHING)
    assert why_counted(trial) == ""
    law = pairs.pair_law(trial, 0, seed=1)
    assert law.sample.n_patients.sum() >= 12_000
    assert not law.sample.beside.any()


def test_scores_of_patients_who_go_over_are_counted():
    trial = load_scenario("phase2_sledai_24w").points[0].trial
    control, new = trial.arms
    switch = Switch(on=(new.model.transitions[0].to_state,), arm=control)
    over = replace(trial, arms=(control, replace(new, switch=switch)))
    over = replace(over, analysis=analysis("wilcoxon"))
    assert why_counted(replace(over, arms=trial.arms)) == ""
    assert why_counted(over) == "patients go over to another arm's treatment"
