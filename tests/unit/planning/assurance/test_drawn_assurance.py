"""Assurance by tables that are drawn of each draw of the truth, beside sums and patients."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from counted_trials import EARLY, ONSET, RANKS, SITES, arms
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Graphical, sequential_graph
from lupusim.analysis.registry import TESTS
from lupusim.planning.assurance.assurance import Nesting, assurance, is_simulated
from lupusim.planning.assurance.beliefs import (
    Beliefs,
    FurtherRatio,
    ResponseGain,
    draws_by_block,
)
from lupusim.planning.assurance.benefit import benefits
from lupusim.planning.assurance.drawn import has_one_table, one_table_each
from lupusim.planning.assurance.effect_priors import NormalEffect, OrNoEffect
from lupusim.planning.assurance.value_of_information import OneTrialEach
from lupusim.planning.runs.replicates import Simulator, simulate_replicates
from lupusim.planning.theory.power import known_power
from lupusim.simulation.generation.generation import Block
from lupusim.trial import (
    AfterPatients,
    Dropout,
    Minimization,
)
from lupusim.trial.multiplicity import Family, Hypothesis
from lupusim.trial.observation import VisitConduct
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, analysis, counted, scenario

pytestmark = pytest.mark.usefixtures("few")
PRIOR = NormalEffect(mean=0.6, sd=0.4)
LEAVE = Dropout(per_year=0.3, by_state={"relapse": 3.0}, by_arm={"a0": 2.0})


def family(method, *others, n=None, sided=1):
    graph = sequential_graph(method, n or 1 + len(others), None)
    hypotheses = tuple(
        Hypothesis(endpoint=name, name=test, test=TESTS[test], effect=TESTS[test].effect)
        for name, test in others
    )
    return Family(procedure=Graphical.of(graph, sided=sided), hypotheses=hypotheses)


def average(trial, *, n_draws=200, prior=PRIOR, draws=(), seed=SEED, **nesting):
    found = assurance(
        scenario(trial),
        draws,
        prior,
        seed=seed,
        n_replicates=10 * n_draws,
        nesting=Nesting(**nesting),
    )
    return found.points[0]


THREE = counted(arms=arms(2.0, 3.0), family=family("bonferroni", n=2), n_patients=90)
BY_SITE = {
    "arms": arms(2.0),
    "population": SITES,
    "stratify_by": ("site",),
    "analysis": analysis("cochran_mantel_haenszel", alpha=0.2, stratify_by=("site",)),
}


def remission(ratio):
    """The chance of remission at one year, by a matrix exponential."""
    generator = np.zeros((4, 4))
    for t in DISEASE.transitions:
        rate = t.hazard.rate * (ratio if (t.from_state, t.to_state) in ONSET else 1.0)
        generator[DISEASE.index(t.from_state), DISEASE.index(t.to_state)] = rate
    return expm(generator - np.diag(generator.sum(axis=1)))[0, 1]


def any_of_two(chances, n, alpha):
    """The chance that either of two arms is better by a pooled z test, by all tables."""
    k = np.arange(n + 1)
    control, *new = (stats.binom.pmf(k, n, p) for p in chances)
    pooled = (k[:, None] + k) / (2 * n)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (k[:, None] - k) / n / np.sqrt(pooled * (1 - pooled) * 2 / n)
    not_better = np.nan_to_num(z, nan=0.0) < stats.norm.isf(alpha / 2)  # rows: the new arm
    return 1 - (control * (new[0] @ not_better) * (new[1] @ not_better)).sum()


def powers_of_three(trial, n_draws, seed):
    """The exact power of THREE under each draw."""
    strengths = Beliefs(effect=PRIOR).strengths(trial, n_draws, seed=seed)
    return np.array(
        [
            any_of_two([remission(1.0), remission(2.0**s), remission(3.0**s)], 30, 0.2)
            for s in strengths.tolist()
        ]
    )


def test_drawn_assurance_is_the_mean_of_exact_powers():
    point = average(THREE)
    powers = powers_of_three(THREE, 200, SEED)
    m = point.tables_per_draw
    assert m > 10  # as many as take as long as a draw's chances
    within = math.sqrt((powers * (1 - powers)).sum() / m) / powers.size
    assert_within_mcse(point.assurance.value, powers.mean(), mcse=within)
    both = math.sqrt(powers.var() / powers.size + within**2)
    assert point.assurance.mcse == pytest.approx(both, rel=0.15)
    exact = any_of_two([remission(1.0), remission(2.0), remission(3.0)], 30, 0.2)
    assert point.power.value == pytest.approx(exact, abs=1e-6)
    share = powers.var() / (powers.mean() * (1 - powers.mean()))
    found = point.distribution.parameter_share
    assert_within_mcse(found.value, share, mcse=max(found.mcse, 0.01))


@pytest.mark.slow
def test_the_error_of_drawn_assurance_is_honest_over_many_seeds():
    k = np.linspace(-5, 5, 201)
    weights = stats.norm.pdf(k) / stats.norm.pdf(k).sum()
    strengths = (0.6 + 0.4 * k) / math.log(2.0)
    chances = [[remission(1.0), remission(2.0**s), remission(3.0**s)] for s in strengths]
    truth = weights @ [any_of_two(c, 30, 0.2) for c in chances]
    found = [average(THREE, n_draws=100, seed=seed).assurance for seed in range(SEED, SEED + 100)]
    z = np.array([(one.value - truth) / one.mcse for one in found])
    assert abs(z.mean()) < 4 / math.sqrt(z.size)
    assert abs(z.std() - 1) < 4 / math.sqrt(2 * z.size)
    wrong = np.array([(one.value - truth - 0.05) / one.mcse for one in found])
    assert abs(wrong.mean()) > 4 / math.sqrt(wrong.size)  # another truth is told from it


CASES = {
    "three strata": BY_SITE,
    "three arms in strata, dropout": {
        **BY_SITE,
        "arms": arms(2.0, 3.0),
        "family": family("holm", n=2),
        "dropout": LEAVE,
    },
    "looks in strata": {
        **BY_SITE,
        "interims": (AfterPatients(patients=20, follow_up=1.0),),
        "stopping": GroupSequential(alpha=0.2),
    },
    "two endpoints": {
        "arms": arms(2.0),
        "secondary": (EARLY,),
        "family": family("holm", ("early", "pooled_z")),
        "visit_conduct": VisitConduct(missed=0.15),
    },
    "margin, sites": {
        **BY_SITE,
        "analysis": replace(
            analysis("miettinen_nurminen", alpha=0.2),
            test=TESTS["miettinen_nurminen"].with_parameters({"margin": 0.1}),
        ),
    },
    "logistic regression": {
        **BY_SITE,
        "analysis": analysis("logistic_regression", alpha=0.2, stratify_by=("site",)),
    },
    "proportional odds": {
        **BY_SITE,
        "primary": RANKS,
        "analysis": analysis("proportional_odds", alpha=0.2),
    },
    "ranks": {
        "primary": RANKS,
        "arms": arms(2.0),
        "analysis": analysis("wilcoxon", alpha=0.2),
        "population": SITES,
        "dropout": LEAVE,
    },
}


def agrees(trial, *, n_draws, n):
    """Patients simulated of every eighth draw succeed as often as tables of that draw."""
    point = average(trial, n_draws=n_draws)
    assert point.tables_per_draw
    strengths = Beliefs(effect=PRIOR).strengths(trial, n_draws, seed=SEED)
    beliefs = Beliefs(effect=PRIOR)
    some = range(0, n_draws, n_draws // 5)
    tables = point.distribution.successes[some]
    simulated = [
        Simulator(seed=SEED + k)
        .tally(beliefs.truth(trial, k, float(strengths[k])), n)
        .mean("reject")
        .value
        for k in some
    ]
    p = np.clip(simulated, 0.5 / n, 1 - 0.5 / n)
    spread = (p * (1 - p) * (1 / n + 1 / point.tables_per_draw)).sum()
    assert_within_mcse(float(np.sum(tables)), float(np.sum(simulated)), mcse=math.sqrt(spread))


@pytest.mark.parametrize("name", ["three strata", "ranks"])
def test_patients_of_a_draw_succeed_as_often_as_its_tables(name):
    agrees(counted(**CASES[name]), n_draws=25, n=100)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_many_patients_of_a_draw_succeed_as_often_as_its_tables(name):
    agrees(counted(**CASES[name]), n_draws=100, n=2000)


def test_draws_of_models_have_tables_of_their_own():
    further = FurtherRatio(on=ONSET, mean=0.0, sd=0.3, seed=SEED)
    trial = counted(**BY_SITE)
    point = average(trial, n_draws=120, prior=None, draws=(further,))
    simulated = 0.0
    for k in range(0, 120, 4):
        shown = Simulator(seed=SEED + k).tally(further.trial(k, trial), 20).mean("reject").value
        simulated += shown / 30
    tables = point.distribution.successes[::4].mean()
    mcse = math.sqrt(0.25 / 600 + 0.25 / (30 * point.tables_per_draw))
    assert_within_mcse(simulated, tables, mcse=mcse)
    assert point.power == known_power(trial, 120)  # as a run of as many replicates has it
    assert point.power.mcse > 0


def test_designs_of_several_sizes_share_their_draws():
    sizes = [counted(**{**BY_SITE, "n_patients": n}) for n in (40, 80)]
    together = assurance(
        scenario(*sizes), effect_prior=OrNoEffect(probability=0.3), seed=SEED, n_replicates=1000
    )
    alone = average(sizes[1], n_draws=100, prior=OrNoEffect(probability=0.3))
    assert together.points[1].assurance == alone.assurance
    assert together.points[0].assurance.value < alone.assurance.value
    assert together.n_replicates == 1000
    told = together.to_json()["points"]
    assert [point["tables_per_draw"] for point in told] == [100, 100]


TWO_SIDED = {
    "one comparison": {},
    "two looks": {
        "interims": (AfterPatients(patients=20, follow_up=1.0),),
        "stopping": GroupSequential(alpha=0.4, sided=2),
    },
    "three arms": {"arms": arms(1.0, 0.7), "family": family("holm", n=2, sided=2)},
}


@pytest.mark.parametrize("name", TWO_SIDED)
def test_of_a_test_with_two_sides_tables_that_show_harm_do_not_succeed(name):
    two = analysis("cochran_mantel_haenszel", alpha=0.4, sided=2, stratify_by=("site",))
    trial = counted(**{**BY_SITE, "arms": arms(1.0), "analysis": two, **TWO_SIDED[name]})
    further = FurtherRatio(on=ONSET, mean=-0.4, sd=0.3, seed=SEED)
    n_draws, shown = 60, []
    point = average(trial, n_draws=n_draws, prior=None, draws=(further,))
    assert point.tables_per_draw
    for k in range(n_draws):
        block = Block(seed=SEED, number=k, n_replicates=30)
        truth = further.trial(k, trial)
        shown.append(benefits(truth, simulate_replicates(truth, block)).mean())
    mcse = math.hypot(np.std(shown), point.distribution.successes.std()) / math.sqrt(n_draws)
    assert_within_mcse(float(np.mean(shown)), point.assurance.value, mcse=mcse)
    assert point.power.value > 0.1 + point.assurance.value  # most claims are of harm


NOT_DRAWN = {
    "two sides, hypotheses end at looks of their own": {
        "arms": arms(1.5, 2.0),
        "analysis": analysis("cochran_mantel_haenszel", alpha=0.2, sided=2, stratify_by=("site",)),
        "family": family("holm", n=2, sided=2),
        "interims": (AfterPatients(patients=20, follow_up=1.0),),
        "stopping": GroupSequential(alpha=0.2, sided=2),
    },
    "arms hang on who came before": {"allocation": Minimization(n_levels=(3,))},
}


@pytest.mark.parametrize("why", NOT_DRAWN)
def test_patients_are_simulated_where_tables_are_not_drawn(why):
    trial = counted(**{**BY_SITE, **NOT_DRAWN[why]})
    point = average(trial, n_draws=20)
    assert point.tables_per_draw is None
    assert point.distribution.per_draw == 10
    assert is_simulated(trial)
    assert not is_simulated(counted(**BY_SITE))


def by_patients(trial, beliefs, gain, n_draws, seed):
    """Whether a benefit is claimed, the estimate and the gain of draws, by patients alone."""
    score = OneTrialEach(beliefs=beliefs, gain=gain, n_draws=n_draws)
    blocks = (
        Block(seed=seed, number=k, n_replicates=len(numbers))
        for k, numbers in enumerate(draws_by_block(n_draws))
    )
    return np.array([sums for block in blocks for sums in score(trial, block).sums.values()]).T


@pytest.mark.parametrize(
    "trial",
    [
        counted(arms=arms(2.0), dropout=LEAVE, n_patients=60),
        counted(arms=arms(2.0), analysis=analysis("miettinen_nurminen", sided=2), n_patients=60),
        counted(**BY_SITE, n_patients=90),
    ],
    ids=["rates", "two sides", "strata"],
)
def test_a_table_of_each_draw_shows_what_patients_do(trial):
    beliefs, n = Beliefs(effect=OrNoEffect(probability=0.3, otherwise=PRIOR)), 400
    (tables,) = one_table_each([trial], beliefs, 10 * n, ResponseGain(), seed=SEED)
    patients = by_patients(trial, beliefs, ResponseGain(), n, SEED + 1)
    told, seen = (
        np.array([claims, estimate, estimate**2, claims * gain, estimate * gain])
        for claims, estimate, gain in (tables, patients)
    )
    errors = np.hypot(told.std(axis=1) / math.sqrt(10 * n), seen.std(axis=1) / math.sqrt(n))
    assert_within_mcse(told.mean(axis=1), seen.mean(axis=1), mcse=errors)
    strengths = beliefs.strengths(trial, 10 * n, seed=SEED)
    for k in (np.argmin(np.abs(strengths)), np.argmin(strengths), np.argmax(strengths)):
        exact = ResponseGain()(beliefs.truth(trial, 0, float(strengths[k])))
        assert tables[2][k] == pytest.approx(exact, abs=1e-9)
    with pytest.raises(AssertionError):  # as if the arms were exchanged
        assert_within_mcse(-tables[1].mean(), seen[1].mean(), mcse=errors[1])


def test_the_value_of_data_needs_one_estimate_of_two_arms():
    assert has_one_table(counted(arms=arms(2.0)))
    assert not has_one_table(THREE)
