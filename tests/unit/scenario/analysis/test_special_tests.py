"""Scenario files of single arms and Bayesian success criteria."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lupusim.analysis.proportions.beta_binomial import BetaPrior, power_prior, robust_prior
from lupusim.analysis.single_arm.designs import simon
from lupusim.analysis.single_arm.tests import SimonTest
from lupusim.engines.exact import ever
from lupusim.errors import ScenarioError
from lupusim.scenario import scenario_from_mapping
from lupusim.scenario.document.yaml_writer import block
from lupusim.trial import AfterPatients, Trial
from scenario_contents import ONE_ARM

RESPONDER = {"kind": "responder", "states": ["death"], "at": "6 months", "better": "more"}
SURVIVAL = {"endpoints": {"primary": {"kind": "survival"}}, "follow_up": "24 months", "visits": []}
ORDINAL = {
    "endpoints": {
        "primary": {"kind": "ordinal_state", "ranking": ["death", "alive"], "at": "6 months"}
    }
}
TWO_ARMS = {"arms": [{"name": "placebo", "control": True}, {"name": "cells"}]}
SIMON = {"test": "simon", "null_rate": 0.1, "alternative_rate": 0.3}
DESIGN = {"first_patients": 15, "first_responders": 1, "patients": 25, "responders": 5}
LOGRANK = {"test": "one_sample_logrank", "against": {"hazard_per_year": 0.5}}
PROBABLY = {"test": "posterior_probability", "null_rate": 0.2, "threshold": 0.9}
BORROWED = {"responders": 10, "patients": 40, "weight": 0.5}


def trial(analysis: dict[str, Any], folder: Any = None, **changes: Any) -> Trial:
    content = {**ONE_ARM, "analysis": analysis, **changes}
    given = {key: value for key, value in content.items() if value is not None}
    return scenario_from_mapping(given, folder=folder).points[0].trial


def problems(analysis: dict[str, Any], folder: Any = None, **changes: Any) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        trial(analysis, folder, **changes)
    return {p.key: f"{p.fault}. {p.fix}" for p in caught.value.problems}


def of(analysis: dict[str, Any], **changes: Any) -> Any:
    found = trial(analysis, **changes).analysis
    assert found is not None
    return found


def test_an_exact_test_has_its_null_rate_and_level() -> None:
    found = of({"test": "exact_binomial", "null_rate": 0.2, "alpha": 0.05, "sided": 2})
    assert (found.test.null_rate, found.alpha, found.sided) == (0.2, 0.05, 2)


def test_two_stages_set_the_size_the_looks_and_the_bounds() -> None:
    found = trial(SIMON, sample_size=None)
    assert found.n_patients == 29  # Simon (1989), table 1
    assert found.interims == (AfterPatients(patients=10, follow_up=0.5),)
    assert isinstance(found.analysis and found.analysis.test, SimonTest)
    assert found.stopping == SimonTest().two_stages
    assert trial({**SIMON, "criterion": "minimax"}, sample_size=25).n_patients == 25
    assert of({**SIMON, "power": 0.9}, sample_size=None).test.patients > 29


def test_two_stages_may_be_given() -> None:
    found = of({**SIMON, "design": DESIGN}, sample_size=None)
    assert (found.test.first_patients, found.test.patients) == (15, 25)
    minimax = simon(0.1, 0.3).minimax  # the same design, in Simon (1989), table 1
    assert found.alpha == pytest.approx(minimax.type_one_error, rel=1e-12)


@pytest.mark.parametrize(
    ("borrowing", "prior"),
    [
        (None, BetaPrior(alphas=(2.0,), betas=(3.0,))),
        (BORROWED, power_prior(10, 40, discount=0.5, initial=(2.0, 3.0))),
        (
            {**BORROWED, "method": "robust_mixture", "vague": [1, 4]},
            robust_prior(
                power_prior(10, 40, discount=1.0, initial=(2.0, 3.0)),
                weight=0.5,
                vague=BetaPrior(alphas=(1.0,), betas=(4.0,)),
            ),
        ),
    ],
)
def test_priors_hold_what_is_borrowed(borrowing: Any, prior: BetaPrior) -> None:
    given = {} if borrowing is None else {"borrowing": borrowing}
    found = of({**PROBABLY, "prior": [2, 3], **given})
    assert found.test.prior == prior
    assert found.alpha == pytest.approx(0.1)
    two = {"test": "posterior_difference", "threshold": 0.8, "margin": -0.1, "prior": [2, 3]}
    compared = of({**two, **given}, **TWO_ARMS).test
    assert (compared.prior.alphas, compared.control_prior) == ((2.0,), prior)
    assert compared.margin == -0.1


def test_ranks_are_counted_in_the_endpoint() -> None:
    found = of({"test": "posterior_rank", "threshold": 0.9, "prior": 0.5}, **ORDINAL, **TWO_ARMS)
    assert (found.test.n_ranks, found.test.prior) == (2, 0.5)


@pytest.mark.parametrize(
    ("against", "hazard"),
    [
        ({"hazard_per_year": 0.5}, 0.5),
        ({"survival": 0.25, "at": "2 years"}, np.log(2)),
        ({"model": "survival"}, np.log(2)),
    ],
)
def test_a_reference_is_a_hazard_and_the_law_of_the_null_twin(against: Any, hazard: float) -> None:
    found = trial({**LOGRANK, "against": against}, **SURVIVAL)
    assert found.analysis is not None
    test: Any = found.analysis.test
    times = np.array([0.1, 0.77, 2.0])
    np.testing.assert_allclose(test.against(times), hazard * times, rtol=1e-5)
    law = found.null_twin().arms[0].model
    assert law.transitions[0].hazard.cumulative(np.array(1.0)) == pytest.approx(hazard)


@pytest.mark.parametrize(
    ("analysis", "changes", "key", "words"),
    [
        ({"test": "pooled_z"}, {}, "analysis", "compares two arms"),
        ({**SIMON, "alternative_rate": 0.1}, {"sample_size": None}, "analysis.alternative_rate",
         "not above"),
        ({**SIMON, "null_rate": 1}, {"sample_size": None}, "analysis.null_rate", "out of range"),
        (SIMON, {}, "sample_size", "not the 29 of the design"),
        ({**SIMON, "sided": 2}, {"sample_size": None}, "analysis.sided", "one side"),
        ({**SIMON, "alternative_rate": 0.105}, {"sample_size": None}, "analysis", "no two-stage"),
        ({**SIMON, "design": DESIGN, "power": 0.8}, {"sample_size": None}, "analysis.power",
         "has its own"),
        ({**SIMON, "design": {**DESIGN, "patients": 10}}, {"sample_size": None},
         "analysis.design", "below"),
        ({**SIMON, "design": {"first_patients": 9}}, {"sample_size": None},
         "analysis.design.patients", "missing"),
        (SIMON, {"sample_size": None, "looks": [{"when": {"last_patient": "6 months"}}]},
         "looks", "two stages"),
        (SIMON, {"endpoints": {"primary": {**RESPONDER, "better": "fewer"}}}, "analysis.test",
         "asks for more"),
        ({**PROBABLY, "threshold": 1}, {}, "analysis.threshold", "out of range"),
        ({**PROBABLY, "alpha": 0.1}, {}, "analysis.alpha", "takes its place"),
        ({**PROBABLY, "sided": 2}, {}, "analysis.sided", "one side"),
        ({**PROBABLY, "prior": [1]}, {}, "analysis.prior", "Give two"),
        ({**PROBABLY, "prior": [1, 0]}, {}, "analysis.prior.1", "out of range"),
        ({**PROBABLY, "borrowing": {**BORROWED, "responders": 50}}, {},
         "analysis.borrowing.responders", "more than the 40"),
        ({**PROBABLY, "borrowing": {**BORROWED, "vague": [1, 1]}}, {},
         "analysis.borrowing.vague", "no other part"),
        ({**PROBABLY, "borrowing": {**BORROWED, "method": "robust_mixture", "weight": 1}}, {},
         "analysis.borrowing.weight", "out of range"),
        ({**PROBABLY, "stratify_by": ["a"]}, {}, "analysis.stratify_by", "no strata"),
        ({**PROBABLY, "adjust_for": ["a"]}, {}, "analysis.adjust_for", "no covariates"),
        (PROBABLY, TWO_ARMS, "analysis.test", "tests one arm"),
        ({"test": "posterior_difference", "threshold": 0.9}, {}, "analysis", "two arms"),
        ({"test": "posterior_rank", "threshold": 0.9}, {**TWO_ARMS, **SURVIVAL},
         "analysis.test", "does not test"),
        ({"test": "posterior_rank", "threshold": 0.9},
         {**TWO_ARMS, "endpoints": {"primary": {"kind": "time_in_states", "states": ["alive"],
                                                "until": "6 months"}}},
         "analysis.test", "compares ranks"),
        ({"test": "exact_binomial", "null_rate": 0.2, "alternative_rate": 0.3}, {},
         "analysis.alternative_rate", "no such key"),
        ({"test": "exact_binomial", "null_rate": 0.2, "alpha": 2}, {}, "analysis.alpha",
         "out of range"),
        (LOGRANK, {}, "analysis.test", "does not test"),
        ({"test": "one_sample_logrank"}, SURVIVAL, "analysis.against", "missing"),
        ({**LOGRANK, "against": {}}, SURVIVAL, "analysis.against", "0 references"),
        ({**LOGRANK, "against": {"model": "survival", "survival": 0.5}}, SURVIVAL,
         "analysis.against", "2 references"),
        ({**LOGRANK, "against": {"hazard_per_year": 0}}, SURVIVAL,
         "analysis.against.hazard_per_year", "out of range"),
        ({**LOGRANK, "against": {"hazard_per_year": 1, "at": "1 year"}}, SURVIVAL,
         "analysis.against.at", "no time"),
        ({**LOGRANK, "against": {"survival": 1.5, "at": "1 year"}}, SURVIVAL,
         "analysis.against.survival", "out of range"),
        ({**LOGRANK, "against": {"model": "nobody"}}, SURVIVAL, "analysis.against.model",
         "nothing packaged"),
        ({**LOGRANK, "against": {"model": "standard-care"}}, SURVIVAL, "analysis.against.model",
         "not those of the arm"),
        ({**LOGRANK, "against": {"model": "survival"}},
         {**SURVIVAL, "follow_up": None, "looks": [{"when": {"calendar_time": "3 years"}}]},
         "analysis.against.model", "which has no end"),
    ],
)  # fmt: skip
def test_what_such_a_test_cannot_use_is_told(
    analysis: dict[str, Any], changes: dict[str, Any], key: str, words: str
) -> None:
    assert words in problems(analysis, **changes)[key]


def test_a_design_that_only_a_search_shows_to_be_too_large_is_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr("lupusim.scenario.analysis.special_tests._MOST_PATIENTS", 20)
    asked = {**SIMON, "null_rate": 0.31, "alternative_rate": 0.51}
    assert "of up to 20 patients" in problems(asked, sample_size=None)["analysis"]


STATES = ["active", "remission", "death"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = tmp_path_factory.mktemp("models")
    constant = {"family": "exponential", "rate": 0.5}
    ways = [
        {"from": "active", "to": "remission", "hazard": constant},
        {"from": "active", "to": "death", "hazard": constant},
    ]
    usual = {"schema": "lupusim/model/1", "name": "usual", "states": STATES, "start": "active"}
    one = {**usual, "transitions": ways}
    (place / "usual.yaml").write_text(block(one), encoding="utf-8")
    older = {**one, "name": "older", "covariates": {"age": {"active -> death": 0.1}}}
    (place / "older.yaml").write_text(block(older), encoding="utf-8")
    other = {**usual, "name": "other", "states": ["alive", "dead"], "start": "alive"}
    away = {**other, "transitions": [{"from": "alive", "to": "dead", "hazard": constant}]}
    (place / "other.yaml").write_text(block(away), encoding="utf-8")
    begun = {**one, "name": "begun", "start": "remission"}
    begun["transitions"] = [
        {"from": "remission", "to": "active", "hazard": constant},
        {"from": "active", "to": "death", "hazard": constant},
    ]
    (place / "begun.yaml").write_text(block(begun), encoding="utf-8")
    return place


def about(events: list[str], **more: Any) -> dict[str, Any]:
    primary = {"kind": "time_to_event", "events": events, **more}
    return {**SURVIVAL, "model": "usual.yaml", "endpoints": {"primary": primary}}


@pytest.mark.parametrize(
    ("against", "changes", "key", "words"),
    [
        ({"model": "older.yaml"}, about(["death", "remission"]), "against.model", "covariates"),
        ({"model": "other.yaml"}, about(["death", "remission"]), "against.model", "no state"),
        ({"model": "begun.yaml"}, about(["death", "remission"]), "against.model", "from the start"),
        ({"hazard_per_year": 1}, about(["remission"], competing=["death"]), "test", "competing"),
        ({"hazard_per_year": 1}, about(["death"], origin=["remission"]), "test", "randomization"),
        ({"hazard_per_year": 1}, about(["active", "death"]), "against", "where patients start"),
    ],
)
def test_a_reference_that_does_not_fit_is_told(
    folder: Any, against: dict[str, Any], changes: dict[str, Any], key: str, words: str
) -> None:
    found = problems({**LOGRANK, "against": against}, folder, **changes)
    assert words in found[f"analysis.{key}"]


def test_the_twin_of_a_constant_hazard_has_it_in_every_state(folder: Any) -> None:
    found = trial({**LOGRANK, "against": {"hazard_per_year": 0.7}}, folder, **about(["death"]))
    law = found.null_twin().arms[0].model
    assert ever(law, "death", [1.5])[0] == pytest.approx(1 - np.exp(-0.7 * 1.5), abs=1e-6)
    assert ever(law, "remission", [1.5])[0] > 0.2


def test_a_reference_without_an_exact_solution_is_told(folder: Any, monkeypatch: Any) -> None:
    from lupusim.engines import exact
    from lupusim.errors import NoExactSolutionError

    def fail(*_: object, **__: object) -> None:
        raise NoExactSolutionError("too hard")

    monkeypatch.setattr(exact, "ever", fail)
    found = problems({**LOGRANK, "against": {"model": "usual.yaml"}}, folder, **about(["death"]))
    assert "too hard" in found["analysis.against.model"]


def test_an_unknown_model_of_the_arms_is_told_once(folder: Any) -> None:
    found = problems(LOGRANK, folder, **{**SURVIVAL, "model": "nobody"})
    assert [key for key in found if key.startswith("analysis")] == []
