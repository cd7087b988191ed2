"""Covariates, their effects and frailty as a scenario file writes them."""

import pytest

from lupusim.trial import (
    CovariateEffect,
    GammaFrailty,
    LognormalCovariate,
    LognormalFrailty,
    NormalCovariate,
)
from scenario_contents import problems, trial

ILL = (("healthy", "ill"),)

POPULATION = {
    "weight_kg": {"mean": 56, "sd": 9},
    "strata": {"nephritis": {"yes": 0.5, "no": 0.5}},
    "covariates": {
        "age": {"mean": 35, "sd": 10},
        "steroid_dose": {"mean": 12, "sd": 8, "distribution": "lognormal"},
    },
    "codes": {"nephritis": {"yes": 1, "no": 0}},
    "effects": [
        {"covariate": "nephritis", "level": "yes", "on": "healthy -> ill", "hazard_ratio": 1.5},
        {"covariate": "age", "on": ["healthy -> ill"], "hazard_ratio": 1.02},
        {"covariate": "weight_kg", "on": "healthy -> ill", "hazard_ratio": 1.1, "reference": 50},
    ],
    "frailty": [
        {"on": "healthy -> ill", "variance": 0.5},
        {"on": "healthy -> ill", "variance": 0.7, "distribution": "lognormal"},
    ],
}


def test_a_population_is_read_as_it_is_written():
    population = trial(population=POPULATION).population
    assert population.covariates == {
        "age": NormalCovariate(mean=35, sd=10),
        "steroid_dose": LognormalCovariate(mean=12, sd=8),
    }
    assert population.codes == {"nephritis": {"yes": 1, "no": 0}}
    assert population.effects == (
        CovariateEffect(covariate="nephritis", level="yes", on=ILL, hazard_ratio=1.5),
        CovariateEffect(covariate="age", on=ILL, hazard_ratio=1.02, reference=35),
        CovariateEffect(covariate="weight_kg", on=ILL, hazard_ratio=1.1, reference=50),
    )
    assert population.frailties == (
        GammaFrailty(on=ILL, variance=0.5),
        LognormalFrailty(on=ILL, variance=0.7),
    )


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"codes": {"nephrits": {"yes": 1}}}, "codes.nephrits", "Did you mean 'nephritis'?"),
        ({"codes": {"nephritis": {"yes": 1}}}, "codes.nephritis", "have no number"),
        (
            {"codes": {"nephritis": {"yes": 1, "no": 0, "so": 2}}},
            "codes.nephritis.so",
            "no level 'so'",
        ),
        ({"covariates": {"age": {"sd": 1}}}, "covariates.age.mean", "the key is missing"),
        (
            {"covariates": {"age": {"mean": -1, "distribution": "lognormal"}}},
            "covariates.age",
            "must be above 0",
        ),
        ({"covariates": {"nephritis": {"mean": 1}}}, "", "bear a name that has"),
        ({"frailty": [{"on": "healthy -> ill", "variance": 0}]}, "frailty.0.variance", "range"),
        ({"frailty": [{"on": "ill -> well", "variance": 1}]}, "frailty.0.on.0", "no arm's model"),
    ],
)
def test_what_is_wrong_with_a_population_is_told_with_its_key(changes, key, words):
    found = problems(population={**POPULATION, **changes})
    assert words in found["population" + (f".{key}" if key else "")]


@pytest.mark.parametrize(
    ("effect", "key", "words"),
    [
        ({"covariate": "agee"}, "covariate", "Did you mean 'age'?"),
        ({"covariate": "agee", "level": "yes"}, "covariate", "no factor of the population"),
        ({"covariate": "sex"}, "covariate", "is a factor, and no level is named"),
        ({"covariate": "nephritis", "level": "ye"}, "level", "Did you mean 'yes'?"),
        ({"covariate": "nephritis", "level": "yes", "reference": 1}, "reference", "has none"),
        ({"covariate": "age", "on": "ill -> healthier"}, "on.0", "no arm's model has"),
        ({"covariate": "age", "hazard_ratio": 0}, "hazard_ratio", "out of range"),
    ],
)
def test_what_is_wrong_with_an_effect_is_told_with_its_key(effect, key, words):
    strata = {**POPULATION["strata"], "sex": {"f": 0.9, "m": 0.1}}
    effects = [{"on": "healthy -> ill", "hazard_ratio": 2, **effect}]
    found = problems(population={**POPULATION, "strata": strata, "effects": effects})
    assert words in found[f"population.effects.0.{key}"]


def test_a_covariate_that_the_model_does_not_know_is_allowed():
    assert trial(population={"covariates": {"age": {"mean": 3}}}).population.numbers == (
        "age",
        "weight_kg",
    )


OLD = {"covariates": {"age": {"mean": 40}}}
OLD["cuts"] = {"old": {"covariate": "age", "at": [50], "levels": ["no", "yes"]}}


@pytest.mark.parametrize(
    ("population", "name", "key"),
    [
        ({"strata": {"nephritis": {"yes": 1}}}, "nephritis", "population.strata.nephritis"),
        (
            {"strata": {"nephritis": {"yes": 1, "no": 0}}},
            "nephritis",
            "allocation.stratify_by",
        ),
        (OLD, "old", "allocation.stratify_by"),
    ],
)
def test_a_factor_that_does_not_vary_is_refused_once(population, name, key):
    found = problems(
        population=population,
        allocation={"stratify_by": [name]},
        analysis={"test": "logrank", "stratify_by": [name]},
    )
    assert list(found) == [key]


def test_a_factor_may_be_the_same_for_all_where_nothing_is_stratified_by_it():
    strata = {"nephritis": {"yes": 1, "no": 0}}
    assert trial(population={"strata": strata}).population.factors == strata
