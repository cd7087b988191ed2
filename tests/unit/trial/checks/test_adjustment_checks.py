"""What an analysis can be adjusted for."""

from __future__ import annotations

import pytest

from lupusim.errors import Problem
from lupusim.trial import LognormalCovariate, NormalCovariate, Population
from lupusim.trial.checks.population import adjustment_problems
from lupusim.trial.population.screening import Activity, Screening
from trials import analysis, survival_trial

PEOPLE = Population(
    factors={"organ": {"skin": 0.4, "kidney": 0.6}, "sex": {"f": 1.0, "m": 0.0}},
    codes={"organ": {"skin": 0.0, "kidney": 1.0}, "sex": {"f": 1.0, "m": 0.0}},
    covariates={
        "age": NormalCovariate(mean=35.0, sd=10.0),
        "dose": LognormalCovariate(mean=15.0, sd=5.0),
        "always": NormalCovariate(mean=2.0),
    },
    weight_sd=9.0,
)


def screened(**changes):
    values = {"sledai_mean": 11.0, "sledai_sd": 4.0, "systems": 8, "grade_a": 0.1, "grade_b": 0.2}
    return Population(screening=Screening(activity=Activity(**{**values, **changes})))


def problems(
    *names: str, population: Population = PEOPLE, **more: tuple[str, ...]
) -> list[Problem]:
    asked = analysis("cox", adjust_for=names, **more)
    return list(adjustment_problems(asked, population))


def test_numbers_that_vary_are_fine():
    assert not problems("age", "dose", "organ", "weight_kg")
    assert not problems("sledai", "bilag_a", "bilag_b", population=screened())
    assert not problems()


@pytest.mark.parametrize(
    ("name", "population"),
    [
        ("always", PEOPLE),
        ("sex", PEOPLE),  # nobody has the other level
        ("weight_kg", Population()),
        ("weight_kg", screened()),
        ("sledai", screened(sledai_sd=0.0)),
        ("bilag_a", screened(systems=0)),
        ("bilag_b", screened(grade_b=0.0)),
    ],
)
def test_what_is_the_same_for_everybody_is_refused_by_name(name, population):
    (found,) = problems(name, population=population)
    assert found.key == "analysis.adjust_for.0"
    assert f"'{name}' is the same for all patients" in found.fault


def test_a_name_that_is_no_number_is_told_with_what_to_do():
    (unknown,) = problems("aeg")
    assert "no covariate" in unknown.fault
    assert "'age'" in unknown.fix
    (factor,) = problems("organ", population=Population(factors=PEOPLE.factors))
    assert "factor, not a number" in factor.fault
    (twice,) = problems("age", "dose", "age")
    assert (twice.key, "twice" in twice.fault) == ("analysis.adjust_for.2", True)
    (stratum,) = problems("organ", stratify_by=("organ",))
    assert "stratum" in stratum.fault


def test_a_trial_collects_what_is_wrong_with_its_adjustment():
    with pytest.raises(ValueError, match="'aeg' is no covariate"):
        survival_trial(population=PEOPLE, analysis=analysis("cox", adjust_for=("aeg",)))


def test_a_test_without_covariates_is_never_given_any():
    with pytest.raises(ValueError, match="'logrank' takes no covariates"):
        analysis("logrank", adjust_for=("age",))
