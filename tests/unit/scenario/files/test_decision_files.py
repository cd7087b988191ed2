"""Decision files: what they say, and what is wrong with them, with lines."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import lupusim
from lupusim.common.rng import stream
from lupusim.economics import Cycles, evaluate
from lupusim.economics.distributions import DISTRIBUTIONS
from lupusim.scenario import packaged_names
from lupusim.scenario.files.decision import DecisionError, decision_from_mapping, load_decision
from tolerance import assert_within_mcse

TEXT = """\
schema: lupusim/decision/1
title: A drug for a while
model: illness-death
horizon: for ever
discount: {costs: 0.04}
willingness_to_pay: 50000
costs:
  - per_year: {ill: 100}
    per_entry: {death: 50}
utilities: {per_year: {healthy: 1, ill: 0.5}}
strategies:
  - name: nothing
  - name: drug
    costs: [{per_year: {ill: 1000}, lasts: 2 years}]
    utilities: {per_year: {ill: 0.7}}
    effects: [{on: ["ill -> death"], hazard_ratio: 0.5}]
uncertain:
  - name: ratio
    distribution: {family: lognormal, median: 0.5, sdlog: 0.2}
    places: [strategies.drug.effects.0.hazard_ratio]
  - name: falling ill
    distribution: {family: gamma, mean: 0.2, sd: 0.05}
    places: ["model.transitions.healthy -> ill.hazard.rate"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "decision.yaml"
    path.write_text(text)
    return path


def test_a_decision_is_read_with_everything_that_it_may_have(tmp_path: Path) -> None:
    decision = load_decision(write(tmp_path, TEXT))
    assert decision.horizon == math.inf
    assert (decision.discount.costs, decision.discount.effects) == (0.04, 0.03)
    nothing, drug = decision.strategies
    assert nothing.utilities[0].per_year == {"healthy": 1, "ill": 0.5}
    assert drug.utilities[0].per_year == {"healthy": 1, "ill": 0.7}
    assert [r.lasts for r in drug.costs] == [math.inf, 2.0]
    assert decision.willingness_to_pay == (50000,)


def test_values_of_uncertain_parameters_go_to_their_places(tmp_path: Path) -> None:
    decision = load_decision(write(tmp_path, TEXT))
    _, drug = decision.make({"ratio": 0.25, "falling ill": 0.4})
    assert drug.model is not None
    assert drug.model.transitions[0].hazard.rate == 0.4  # type: ignore[attr-defined]
    assert drug.model.transitions[3].ratio.ratios == (0.25,)
    with pytest.raises(ValueError, match="Did you mean 'ratio'"):
        decision.make({"ration": 1.0})
    draws = decision.draws(5, seed=1)
    assert list(draws.columns) == ["ratio", "falling ill"]
    assert draws.equals(decision.draws(5, seed=1))
    certain = load_decision("hiv")
    with pytest.raises(ValueError, match="no number of this file is uncertain"):
        certain.draws(5, seed=1)


@pytest.mark.parametrize("name", packaged_names("decisions"))
def test_packaged_decisions_can_be_taken(name: str) -> None:
    decision = load_decision(name)
    method = Cycles(correction=decision.correction, cycle=decision.cycle)
    table = evaluate(
        decision.strategies, decision.horizon, method=method, discount=decision.discount
    )
    assert (table["cost"] > 0).all()


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("model: illness-death", "model: illnes-death", 3, "Did you mean 'illness-death'"),
        ("model: illness-death", "model: 3", 3, "not text"),
        ("horizon: for ever", "horizon: 10", 4, "has no unit"),
        ("{costs: 0.04}", "{costs: 4}", 5, "out of range"),
        ("willingness_to_pay: 50000", "willingness_to_pay: [-1]", 6, "out of range"),
        (
            "costs:\n  - per_year: {ill: 100}\n    per_entry",
            "costs:\n    per_entry",
            7,
            "a mapping",
        ),
        ("healthy: 1, ill: 0.5", "healthy: 1, il: 0.5", None, "Did you mean 'ill'"),
        ('["ill -> death"]', '["ill -> dead"]', 16, "Did you mean 'ill -> death'"),
        ("name: drug", "name: nothing", 11, "repeat"),
        ("sdlog: 0.2", "sd: 0.2", 19, "no such key here"),
        ("median: 0.5", "median: -0.5", 19, "must be above 0"),
        ("strategies.drug.effects.0.hazard_ratio", "strategies.drug.effect.0", 20, "Did you mean"),
        ("family: gamma", "family: gama", 22, "Did you mean 'gamma'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, message: str
) -> None:
    assert old in TEXT
    with pytest.raises(DecisionError) as caught:
        load_decision(write(tmp_path, TEXT.replace(old, new)))
    problems = [p for p in caught.value.problems if message in str(p)]
    assert problems, str(caught.value)
    if line is not None:
        assert problems[0].line == line


def test_a_model_may_stand_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("Age,Total\n60,0.1\n")
    life = {"table": "table.csv", "column": "Total", "from_age": 60}
    content = {
        "schema": "lupusim/decision/1",
        "title": "inline",
        "horizon": "3 years",
        "model": {
            "schema": "lupusim/model/1",
            "name": "inline",
            "cycle": "1 year",
            "states": ["alive", "dead"],
            "transitions": [{"from": "alive", "to": "dead", "rate": life}],
        },
        "utilities": {"per_year": {"alive": 1}},
        "strategies": [
            {"name": "a"},
            {"name": "b", "effects": [{"on": ["alive -> dead"], "hazard_ratio": 0.5}]},
        ],
    }
    decision = decision_from_mapping(content, file=tmp_path / "decision.yaml")
    table = evaluate(decision.strategies, 3.0, method=Cycles(correction="end"))
    years = [sum(math.exp(-0.1 * h * t) / 1.03**t for t in (1, 2, 3)) for h in (1, 0.5)]
    assert table["effect"].tolist() == pytest.approx(years)
    content["model"]["transitions"][0]["rate"] = -1.0
    with pytest.raises(DecisionError, match=r"model\.transitions\.0\.rate"):
        decision_from_mapping(content)
    del content["model"]
    with pytest.raises(DecisionError, match="model: the key is missing"):
        decision_from_mapping(content)


PARAMETERS = {
    "gamma": {"mean": 3.0, "sd": 1.0},
    "beta": {"mean": 0.8, "sd": 0.1},
    "lognormal": {"median": 0.6, "sdlog": 0.3},
    "normal": {"mean": -1.0, "sd": 2.0},
    "uniform": {"low": 1.0, "high": 3.0},
}


@pytest.mark.parametrize("family", DISTRIBUTIONS)
def test_draws_have_the_mean_and_spread_that_are_stated(family: str) -> None:
    known = DISTRIBUTIONS[family](**PARAMETERS[family])
    draws = known.draw(20_000, rng=stream(20260101, family))
    assert_within_mcse(float(draws.mean()), known.mean, mcse=float(draws.std() / 20_000**0.5))
    if "sd" in PARAMETERS[family]:
        kurtosis = float(np.mean((draws - draws.mean()) ** 4) / draws.var() ** 2)
        error = PARAMETERS[family]["sd"] * math.sqrt((kurtosis - 1) / 80_000)
        assert_within_mcse(float(draws.std()), PARAMETERS[family]["sd"], mcse=error)


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("gamma", {"mean": 0.0, "sd": 1.0}),
        ("beta", {"mean": 0.5, "sd": 0.6}),
        ("uniform", {"low": 2.0, "high": 1.0}),
    ],
)
def test_a_distribution_that_is_none_is_refused(family: str, values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        DISTRIBUTIONS[family](**values)


def test_the_public_names_are_there() -> None:
    assert lupusim.load_decision("hiv").title.startswith("HIV")
