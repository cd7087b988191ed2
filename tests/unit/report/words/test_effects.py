"""Effects, tests and arms in the words of a protocol, each told once."""

import re
from dataclasses import replace

import pytest

import lupusim
from lupusim.analysis.proportions.beta_binomial import BetaPrior
from lupusim.analysis.registry import TESTS
from lupusim.model.effects import PiecewiseEffect, TreatmentEffect
from lupusim.report.run.table import condition
from lupusim.report.words.effects import analysis_in_words, effect_in_words
from paragraphs import paragraph_of
from tolerance import SEED
from trials import analysis


def told(name, **parameters):
    asked = analysis(name)
    return replace(asked, test=asked.test.with_parameters(parameters))


ILL_WELL = (("ill", "well"),)


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (TreatmentEffect(on=ILL_WELL, hazard_ratio=2.0), "2 on ill to well"),
        (
            TreatmentEffect(on=ILL_WELL, hazard_ratio=2.0, onset=0.25, lasts=1.0),
            "2 on ill to well, from 3 months on, for 1 year",
        ),
        (
            TreatmentEffect(on=ILL_WELL, hazard_ratio=2.0, lasts=0.5, half_life=0.25),
            "2 on ill to well, for 6 months, fading with a half-life of 3 months",
        ),
        (
            TreatmentEffect(on=ILL_WELL, hazard_ratio=2.0, lasts=0.0, half_life=0.25),
            "2 on ill to well, fading with a half-life of 3 months",
        ),
        (
            PiecewiseEffect(on=ILL_WELL, breaks=(0.5,), ratios=(17.4, 1.0)),
            "17.4 on ill to well, for 6 months",
        ),
        (
            PiecewiseEffect(on=ILL_WELL, breaks=(0.5, 1.0), ratios=(1.0, 0.5, 0.0)),
            "1 on ill to well, 0.5 after 6 months, 0 after 1 year",
        ),
    ],
)
def test_an_effect_is_told_with_its_course(effect, words):
    assert effect_in_words(effect) == f"hazard ratio {words}"


def test_what_a_test_is_told_stands_beside_its_name():
    said = analysis_in_words(told("survival_difference", at=2.0, margin=0.1))
    assert said == "the difference of survival (one-sided alpha 0.025, at 2 years, margin 0.1)"
    said = analysis_in_words(told("restricted_mean", until=2.0, margin=0.25))
    assert said.endswith("restricted means (one-sided alpha 0.025, until 2 years, margin 3 months)")
    assert analysis_in_words(analysis()) == "the log-rank test (one-sided alpha 0.025)"


def test_what_a_bayesian_test_borrows_is_told():
    asked = told("posterior_difference", threshold=0.97, margin=0.0)
    borrowed = BetaPrior(weights=(0.6, 0.4), alphas=(25.0, 1.0), betas=(57.0, 1.0))
    said = analysis_in_words(replace(asked, test=replace(asked.test, control_prior=borrowed)))
    assert said.endswith(", control prior 0.6 Beta(25, 57) + 0.4 Beta(1, 1))")
    assert "prior" not in analysis_in_words(asked)


@pytest.fixture(scope="module")
def selection():
    return lupusim.run(lupusim.load_scenario("regimen_selection"), 4, seed=SEED)


def test_arms_that_are_alike_are_told_once(selection):
    said = paragraph_of(selection.points[0])
    assert said.count("hazard ratio 2.3") == 1
    assert "Assumed for once, twice and monthly: as in bicla-control; hazard ratio 2.3" in said
    assert "1 million at randomization and 1 week (twice)" in said
    told = condition(selection)
    assert "once, twice and monthly patients fare as in bicla-control with the stated" in told


def test_of_stated_outcomes_no_hidden_model_is_told():
    (point,) = lupusim.run(lupusim.load_scenario("time_to_event"), 4, seed=SEED).points
    said = paragraph_of(point)
    assert "Assumed for treated: hazard ratio of relapse 0.65 against the control." in said
    assert "no relapse to relapse" not in said
    assert "Efficacy bounds follow Lan and DeMets' O'Brien-Fleming-type spending: z 2.509" in said


@pytest.mark.parametrize("name", TESTS)
def test_every_test_of_the_registry_has_a_name_in_english(name):
    known = {"at": 1.0, "until": 1.0, "threshold": 0.9, "margin": 0.0}
    rates = {"null_rate": 0.1, "alternative_rate": 0.3}
    more = {key: (known | rates)[key] for key in TESTS[name].required}
    said = analysis_in_words(told(name, **more)).partition(" (")[0]
    assert re.fullmatch(r"(the |a )?[A-Za-z' -]+", said)
