"""Many truths and many arm sizes gone through together, beside each by itself."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from lupusim.endpoints import Responder
from lupusim.model import LatentClass
from lupusim.model.hazards import ExponentialHazard, PiecewiseExponentialHazard, WeibullHazard
from lupusim.planning.theory.counts import design as counts_design
from lupusim.planning.theory.counts.alike import alike_arms
from lupusim.planning.theory.counts.chances import chances_of_truths
from lupusim.planning.theory.counts.design import count_design
from lupusim.planning.theory.counts.even_strata import Rest, even_strata
from lupusim.planning.theory.counts.sizes import StrataSizes
from lupusim.planning.theory.counts.stratified import Rule
from lupusim.scenario import load_scenario
from lupusim.trial import Better, Dropout
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, analysis, disease_trial

ONSET = ("active", "remission")


def chance_of_rejecting(strata, counts, *, alpha, sides):
    """Sum over where the responders of both arms are; `sides` are +1 for many, -1 for few."""
    (c1, t1), (c2, t2) = strata
    new, control = counts
    total = 0.0
    for a in range(new + 1):
        for c in range(control + 1):
            chance = stats.hypergeom.pmf(a, t1 + t2, t1, new)
            chance *= stats.hypergeom.pmf(c, c1 + c2, c1, control)
            excess, variance = float(new), 0.0
            for n0, n1, s in ((c1, t1, a + c), (c2, t2, new + control - a - c)):
                n = n0 + n1
                if n:
                    excess -= n1 * s / n
                if n > 1:
                    variance += n0 * n1 * s * (n - s) / (n**2 * (n - 1))
            if variance > 1e-12:
                z = excess / math.sqrt(variance)
                total += chance * any(side * z >= stats.norm.isf(alpha) for side in sides)
    return total


def _laws(*weights):
    """Return sizes of strata with their chances, from those of each pair of arms, and the pair."""
    sizes = [strata for one in weights for strata in one]
    chances = [chance for one in weights for chance in one.values()]
    pair = np.repeat(np.arange(len(weights)), [len(one) for one in weights])
    return StrataSizes(np.array(chances), np.array(sizes)), pair


def _tables(rule, weights, spans, likely, **more):
    """Return what is said of the sizes of one pair of arms."""
    return even_strata(rule, *_laws(weights), spans, likely[None], **more)[0]


@pytest.mark.parametrize(
    ("sided", "better", "sides"),
    [(1, Better.MORE, (1,)), (1, Better.FEWER, (-1,)), (2, Better.MORE, (1, -1))],
)
@pytest.mark.parametrize(
    "strata",
    [((2, 5), (3, 2)), ((0, 4), (4, 3)), ((1, 0), (3, 6)), ((4, 1), (0, 5))],
    ids=["uneven", "no control", "no new", "apart"],
)
def test_even_strata_reject_as_often_as_all_tables_do(strata, sided, better, sides):
    control, new = (sum(stratum[arm] for stratum in strata) for arm in (0, 1))
    spans = ((0, control + 1), (1, new + 1))
    other = tuple(reversed(strata))
    rule = Rule(alpha=0.1 * sided, sided=sided, better=better)
    likely = np.ones((new, control + 1))
    found = _tables(rule, {strata: 0.75, other: 0.5}, spans, likely)
    for row, responders in enumerate(range(1, new + 1)):
        for control_responders in range(control + 1):
            counts = responders, control_responders
            chance = chance_of_rejecting(strata, counts, alpha=0.1, sides=sides)
            assert found[row, control_responders] == pytest.approx(1.25 * chance, abs=1e-9)


def test_in_large_strata_what_is_far_from_the_mean_is_left_out_and_nothing_is_lost():
    strata, rng = ((70, 80), (90, 70)), np.random.default_rng(SEED)
    rule = Rule(alpha=0.025, sided=1, better=Better.MORE)
    likely = np.ones((151, 161))
    found = _tables(rule, {strata: 1.0}, ((0, 161), (0, 151)), likely)
    n = np.array([stratum[1] for stratum in strata]), np.array([stratum[0] for stratum in strata])
    new, control = (
        rng.multivariate_hypergeometric(of_arm, 60 + 12 * arm, size=50_000)
        for arm, of_arm in ((1, n[0]), (0, n[1]))
    )
    totals, both = n[0] + n[1], new + control
    excess = 72 - (n[0] * both / totals).sum(axis=1)
    spread = n[0] * n[1] * both * (totals - both) / (totals**2 * (totals - 1))
    wins = excess >= stats.norm.isf(0.025) * np.sqrt(spread.sum(axis=1))
    assert 0.01 < wins.mean() < 0.99
    assert found[72, 60] == pytest.approx(wins.mean(), abs=4 * wins.std() / math.sqrt(wins.size))


def test_where_hardly_anybody_responds_no_chance_is_taken_for_certain():
    (c1, t1), (c2, t2) = strata = ((5, 72), (76, 1))
    rule = Rule(alpha=0.025, sided=1, better=Better.MORE)
    found = _tables(rule, {strata: 1.0}, ((0, 82), (0, 74)), np.ones((74, 82)))
    of_new = stats.hypergeom.pmf(range(t1 + 1), t1 + t2, t1, np.arange(74)[:, None])
    of_control = stats.hypergeom.pmf(range(c1 + 1), c1 + c2, c1, np.arange(82)[:, None])
    first = np.arange(c1 + t1 + 1)
    for new, control in itertools.product(range(1, 74, 4), range(12)):
        law = np.convolve(of_new[new], of_control[control])
        excess, variance = np.full(law.size, float(new)), 0.0
        for n0, n1, s in ((c1, t1, first), (c2, t2, new + control - first)):
            n = n0 + n1
            excess = excess - n1 * s / n
            variance = variance + n0 * n1 * s * (n - s) / (n**2 * (n - 1))
        some = (law > 0) & (variance > 1e-12)
        wins = excess[some] >= stats.norm.isf(0.025) * np.sqrt(variance[some])
        assert found[new, control] == pytest.approx(law[some] @ wins, abs=1e-12)


def test_what_is_next_to_never_is_left_out_and_no_power_moves():
    strata, spans = ((20, 31), (25, 30)), ((0, 46), (0, 62))
    rule = Rule(alpha=0.025, sided=1, better=Better.MORE)
    new, control = stats.binom.pmf(range(62), 61, 0.2), stats.binom.pmf(range(46), 45, 0.05)
    likely = np.multiply.outer(new, control)
    all_worked_out = _tables(rule, {strata: 1.0}, spans, np.ones((62, 46)))
    found = _tables(rule, {strata: 1.0}, spans, likely)
    assert np.any(found != all_worked_out)
    assert not np.any(_tables(rule, {strata: 0.0}, spans, likely))
    assert new @ found @ control == pytest.approx(new @ all_worked_out @ control, abs=1e-12)


@pytest.mark.parametrize("sided", [1, 2])
def test_pairs_of_arm_sizes_are_gone_through_together_as_each_alone(sided):
    laws = [{((5, 9), (6, 11)): 0.5, ((4, 12), (7, 8)): 0.25}, {((6, 9), (6, 10)): 0.25}]
    rule = Rule(alpha=0.025, sided=sided, better=Better.MORE)
    spans, rng = ((0, 12), (2, 20)), np.random.default_rng(SEED)
    likely = rng.random((2, 18, 12)) * (np.arange(18) < 17)[:, None]
    together = even_strata(rule, *_laws(*laws), spans, likely)
    for found, law, chance in zip(together, laws, likely, strict=True):
        np.testing.assert_allclose(found, _tables(rule, law, spans, chance), atol=1e-15)
    assert np.abs(together[0] - together[1]).max() > 0.01


@pytest.mark.parametrize("n_patients", [60, 96, 231])
def test_what_is_not_worked_out_is_taken_to_reject_where_a_power_is_bounded(n_patients):
    given = load_scenario("phase2_remission_52w").points[0].trial
    design = count_design(replace(given, n_patients=n_patients))
    chances = design.chances()
    power = float(design.powers(chances[None])[0])
    assert power <= design.at_most(chances) <= power + 0.005


def test_a_bound_that_takes_the_rest_not_to_reject_would_be_none(monkeypatch):
    monkeypatch.setattr(counts_design, "_AT_MOST", Rest(never=1e-6, rejects=0.0))
    monkeypatch.setattr(counts_design, "_RARELY", 0.0)
    design = count_design(load_scenario("phase2_remission_52w").points[0].trial)
    chances = design.chances()
    assert design.at_most(chances) < float(design.powers(chances[None])[0]) - 1e-6


def test_less_work_says_nothing_of_other_trials():
    trial = load_scenario("null_and_drift").points[0].trial  # no strata in the test
    design = count_design(trial)
    assert design.at_most(design.chances()) == 1.0
    one = load_scenario("phase2_remission_52w").points[0].trial
    apart = count_design(one).at_most(np.array([[0.2, 0.3], [0.4, 0.5]]))
    assert apart == 1.0  # strata that differ


def test_of_many_patients_in_two_strata_power_is_what_numpy_draws():
    n, rates, n_trials = 900, np.array([0.3, 0.39]), 100_000
    given = load_scenario("phase2_remission_52w").points[0].trial  # blocks of 2 and 4, halves
    design = count_design(replace(given, n_patients=n))
    exact = float(design.powers(np.repeat(rates, 2).reshape(1, 2, 2))[0])
    rng = np.random.default_rng(SEED)
    first = rng.binomial(n, 0.5, n_trials)
    excess, variance = np.zeros(n_trials), np.zeros(n_trials)
    for patients in (first, n - first):
        blocks, rest = np.divmod(patients, 6)
        new = 4 * blocks + rng.hypergeometric(4, 2, rest)
        a, c = rng.binomial(new, rates[1]), rng.binomial(patients - new, rates[0])
        share, s = new / patients, a + c
        excess += a - share * s
        variance += share * (1 - share) * s * (patients - s) / (patients - 1)
    wins = excess >= stats.norm.isf(0.025) * np.sqrt(variance)
    assert_within_mcse(wins.mean(), exact, mcse=float(wins.std() / math.sqrt(n_trials)))


def drawn(model, *, rate, later, share):
    """Return a model with other numbers: an onset, relapses by study time, a hidden class."""
    hazards = {
        ONSET: ExponentialHazard(rate=rate),
        ("remission", "relapse"): PiecewiseExponentialHazard(breaks=(1.0,), rates=(later, 0.1)),
    }
    transitions = tuple(
        replace(t, hazard=hazards.get((t.from_state, t.to_state), t.hazard))
        for t in model.transitions
    )
    classes = (
        LatentClass(name="responder", probability=share),
        LatentClass(name="other", probability=1 - share, hazard_ratios={ONSET: 0.0}),
    )
    return replace(model, transitions=transitions, classes=classes)


def counted(**changes):
    primary = Responder(name="remission", states=("remission",), at=1.0)
    values = {"primary": primary, "secondary": (), "stratify_by": ()}
    more = {"analysis": analysis("pooled_z", alpha=0.2), "dropout": Dropout(by_state={"active": 2})}
    return disease_trial(**{**values, **more, **changes})


def truths_of(trial, models):
    placebo, cells = trial.arms
    return [replace(trial, arms=(placebo, replace(cells, model=model))) for model in models]


def chances_of(trial, truths):
    design = count_design(trial)
    return chances_of_truths(truths, design.response, design.cells)


def test_draws_of_a_model_have_the_chances_of_each_by_itself():
    base = counted()
    numbers = [(1.5, 0.8, 0.5), (0.7, 1.9, 0.9), (3.0, 0.2, 1.0), (0.01, 0.4, 0.6)]
    models = [drawn(DISEASE, rate=r, later=w, share=s) for r, w, s in numbers]
    slow = replace(
        DISEASE.transitions[0], hazard=WeibullHazard(shape=1.5, scale=0.8)
    )  # of another form, which is solved on a grid
    models.append(replace(DISEASE, transitions=(slow, *DISEASE.transitions[1:])))
    truths = truths_of(base, models)
    together = chances_of(base, truths)
    alone = np.array([count_design(truth).chances() for truth in truths])
    assert together == pytest.approx(alone, abs=1e-13)
    assert together[2, 1, 0] - together[3, 1, 0] > 0.2
    forms = [(arms.number, arms.truths.size, len(arms.class_shares)) for arms in alike_arms(truths)]
    assert (0, 5, 1) in forms
    assert max(n for number, n, _ in forms if number == 1) == 3


def test_chance_of_each_draw_is_the_matrix_exponential():
    base = counted(dropout=Dropout())
    plain = replace(base, arms=(base.arms[0], replace(base.arms[1], effects=(), infusions=None)))
    numbers = [(1.5, 0.8, 0.5), (0.7, 1.9, 0.9), (3.0, 0.2, 0.3)]
    models = [drawn(DISEASE, rate=r, later=w, share=s) for r, w, s in numbers]
    found = chances_of(plain, truths_of(plain, models))[:, 1, 0]
    for (rate, later, share), chance in zip(numbers, found, strict=True):
        generator = np.zeros((4, 4))
        generator[0, [1, 3]], generator[1, 2], generator[2, [1, 3]] = (rate, 0.3), later, (0.5, 0.4)
        np.fill_diagonal(generator, -generator.sum(axis=1))
        assert chance == pytest.approx(share * expm(generator)[0, 1], abs=1e-9)
