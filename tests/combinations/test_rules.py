"""Every rule of an adaptive trial beside every endpoint kind, every test of it and every strategy.

Arms that join and leave are tried as rules are.

What is refused is refused when the file is read; what is read runs through: no column without a
value, and no more claims among arms that are alike than the level allows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from lupusim.analysis.proportions.exact_tests import ExactTest
from lupusim.analysis.registry import TESTS, plain_tests
from lupusim.errors import ScenarioError
from lupusim.planning.runs.run import PointResult, run
from lupusim.scenario import scenario_from_mapping
from lupusim.simulation.adaptation import ADAPTATIONS, PromisingZone
from lupusim.simulation.looks import look_statistics
from lupusim.trial.observation import Strategy
from lupusim.trial.scenario import Scenario
from tolerance import SEED

REPLICATES, FEW = 200, 40
_AT, _END = "6 months", "12 months"
_SICK = [
    {"on": ["healthy -> ill"], "hazard_ratio": 4},
    {"on": ["healthy -> death", "ill -> death"], "hazard_ratio": 15},
]

ENDPOINTS: dict[str, dict[str, Any]] = {
    "responder": {"states": ["healthy"], "at": _AT},
    "time_to_event": {"events": ["ill"], "competing": ["death"]},
    "survival": {},
    "event_count": {"events": ["ill"], "until": _AT},
    "time_in_states": {"states": ["healthy"], "until": _AT},
    "ordinal_state": {"ranking": ["death", "ill", "healthy"], "at": _AT},
    "marker_change": {"at": _AT, "missing": "left_out"},
    "marker_responder": {"at": _AT, "fall": 1},
    "hierarchy": {
        "levels": [
            {"kind": "survival"},
            {"kind": "time_in_states", "states": ["healthy"], "until": _AT},
        ]
    },
}
"""The least that a file must say of each kind."""

RULES: dict[str, dict[str, Any]] = {
    "bayesian_response": {"drop": 0.05},
    "promising_zone": {"planned": 60},
    "blinded_size": {"planned": 60, "difference": 0.2},
    "select_arms": {"keep": 1, "weights": [0.5, 0.5]},
    "enrichment": {
        "factor": "severe",
        "level": "yes",
        "everybody": 0,
        "subgroup": 0,
        "weights": [0.5, 0.5],
    },
    "gate": {"endpoint": "early", "test": "pooled_z", "z": -1},
}
"""The least that a file must say of each rule."""

BY_EFFORT = sorted(plain_tests(), key=lambda name: isinstance(TESTS[name], ExactTest))
"""All tests; exact ones last: they work out all tables of each pair of arm sizes."""

_PARAMETERS = {"until": _AT, "at": _AT}
_FIRST = {"patients": 50, "followed": _AT}


def content(rule: str, kind: str, test: str, *, by_events: bool, **changes: Any) -> dict[str, Any]:
    """Return a scenario in which nothing works, with this rule, endpoint and test."""
    n_arms = 3 if rule in ("select_arms", "bayesian_response") else 2
    arms: list[Any] = [{"name": f"arm {k}", "effects": _SICK} for k in range(n_arms)]
    arms[0]["control"] = True
    adaptation = {"kind": rule, **RULES[rule]}
    looks: list[Any] = [{"when": _FIRST}, {"when": {"last_patient": _END}}]
    if by_events:
        looks = [{"when": {"events": 12}}, {"when": {"events": 30}}]
        adaptation |= {"first_events": 15} if rule in ("select_arms", "enrichment") else {}
        adaptation |= {"planned": 20} if "planned" in adaptation else {}
    required = TESTS[test].required if test in plain_tests() else ()
    analysis = {"test": test} | {n: v for n, v in _PARAMETERS.items() if n in required}
    early = {"kind": "responder", "name": "early", "states": ["healthy"], "at": "3 months"}
    whole: dict[str, Any] = {
        "schema": "lupusim/scenario/1",
        "title": f"{rule}, {kind}, {test}",
        "model": "illness-death",
        "population": {"strata": {"severe": {"yes": 0.5, "no": 0.5}}},
        "arms": arms,
        "enrollment": {"kind": "uniform", "duration": "12 months"},
        "allocation": {"method": "permuted_block", "stratify_by": ["severe"]},
        "follow_up": _END,
        "visits": ["3 months", _AT],
        "marker": {
            "name": "SLEDAI",
            "by_state": {"healthy": {"mean": 4, "sd": 3}, "ill": {"mean": 10, "sd": 4}},
            "correlation": 0.5,
        },
        "dropout": {"per_year": 0.1},
        "endpoints": {
            "primary": {"kind": kind, "name": "first", **ENDPOINTS[kind]},
            "secondary": [early],
        },
        "analysis": analysis,
        "looks": looks,
        "adaptation": adaptation,
        "sample_size": 60 * n_arms,
        "simulation": {"replicates": REPLICATES, "seed": SEED},
    }
    if rule == "bayesian_response":
        del whole["analysis"]
    return whole | changes


def read(rule: str, kind: str, test: str, *, by_events: bool, **changes: Any) -> Scenario | None:
    """Return what a file says; None where it is refused."""
    try:
        return scenario_from_mapping(content(rule, kind, test, by_events=by_events, **changes))
    except ScenarioError:
        return None


def accepted(rule: str, kind: str, **changes: Any) -> Iterator[Scenario]:
    """Yield every scenario that is read, of all tests, by patients and by events."""
    tests = ["none"] if rule == "bayesian_response" else BY_EFFORT
    found = (read(rule, kind, t, by_events=e, **changes) for t in tests for e in (False, True))
    return (one for one in found if one is not None)


def rescued(strategy: Strategy) -> dict[str, Any]:
    """Return an event that strikes most patients, with this strategy."""
    hazards = {"healthy": 0.6, "ill": 1.0}
    return {
        "intercurrent_events": {"rescue": {"hazard_per_year": hazards, "strategy": strategy.value}}
    }


def platforms(kind: str, strategy: Strategy, n_looks: int) -> Iterator[Scenario]:
    """Yield three arms, of which one leaves and one joins, of all tests that are read."""
    arms = [{"name": name, "effects": _SICK} for name in ("placebo", "first", "late")]
    arms[0]["control"], arms[1]["closes"], arms[2]["joins"] = True, "8 months", "4 months"
    rule = {"multiplicity": {"method": "holm"}, "controls": "concurrent"}
    bound = {"efficacy": {"spending": "obrien_fleming"}}
    looks = [{"when": {"patients": 90, "followed": _AT}, **bound}, {"when": {"last_patient": _END}}]
    for test in BY_EFFORT:
        whole = content("gate", kind, test, by_events=False, arms=arms, **rescued(strategy))
        whole |= {"looks": looks[-n_looks:], "sample_size": 180, "allocation": "1:1:1"}
        whole["analysis"] |= rule
        del whole["adaptation"]
        try:
            yield scenario_from_mapping(whole)
        except ScenarioError:
            continue


def assert_sound(point: PointResult, n_replicates: int) -> None:
    """Fail where a column has no value, or arms that are alike are told apart too often."""
    assert point.null_tally is not None
    for tally in (point.tally, point.null_tally):
        # of trials that stop at a look there is no estimate where none does
        names = [name for name in tally.sums if "_estimate_stops" not in name]
        means = {name: tally.mean(name) for name in names}
        assert not [n for n, mean in means.items() if mean.n == 0 or not math.isfinite(mean.value)]
    for mean in (point.power, point.type_one_error):
        assert mean is None or 0 <= mean.value <= 1
    analysis = point.trial.analysis
    if analysis is not None and point.type_one_error is not None:
        mcse = math.sqrt(analysis.alpha * (1 - analysis.alpha) / n_replicates)
        assert point.type_one_error.value <= analysis.alpha + 5 * mcse


def test_every_rule_and_every_kind_of_endpoint_is_tried() -> None:
    assert set(RULES) == set(ADAPTATIONS)
    unknown = {"primary": {"kind": "?"}}
    whole = content("gate", "responder", "pooled_z", by_events=False, endpoints=unknown)
    with pytest.raises(ScenarioError) as caught:
        scenario_from_mapping(whole)
    told = next(p.fix for p in caught.value.problems if p.key == "endpoints.primary.kind")
    assert set(ENDPOINTS) == set(told.removeprefix("Valid: ").removesuffix(".").split(", "))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_takes_some_kinds_of_endpoints(rule: str) -> None:
    assert any(next(accepted(rule, kind), None) for kind in ("responder", "time_to_event"))


PAIRS = [(rule, kind) for rule in RULES for kind in ENDPOINTS]


@pytest.mark.parametrize(("rule", "kind"), PAIRS)
def test_what_is_read_runs_through(rule: str, kind: str) -> None:
    for scenario in islice(accepted(rule, kind), 1):
        n_replicates = FEW if kind == "hierarchy" else REPLICATES  # every pair of patients
        (point,) = run(scenario, n_replicates).points
        assert_sound(point, n_replicates)


STRATEGIES = list(Strategy)
STRUCK = [(rule, kind, strategy) for rule, kind in PAIRS for strategy in STRATEGIES]
TURNS = [one for number, one in enumerate(STRUCK) if number % 13 == 0]  # each strategy in turn


@pytest.mark.parametrize(("rule", "kind", "strategy"), TURNS)
def test_rules_run_through_where_events_intervene(rule: str, kind: str, strategy: Strategy) -> None:
    for scenario in islice(accepted(rule, kind, **rescued(strategy)), 1):
        (point,) = run(scenario, FEW).points
        assert_sound(point, FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "kind", "strategy"), STRUCK)
def test_every_rule_keeps_to_its_level_where_events_intervene(
    rule: str, kind: str, strategy: Strategy
) -> None:
    for scenario in islice(accepted(rule, kind, **rescued(strategy)), 2):
        (point,) = run(scenario, REPLICATES).points
        assert_sound(point, REPLICATES)


JOINING = [(k, s, n) for k in ENDPOINTS for s in STRATEGIES for n in (1, 2)]


@pytest.mark.parametrize(("kind", "strategy", "n_looks"), JOINING[::7])
def test_arms_that_join_and_leave_run_through(kind: str, strategy: Strategy, n_looks: int) -> None:
    scenario = next(platforms(kind, strategy, n_looks))
    (point,) = run(scenario, FEW).points
    assert_sound(point, FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "strategy", "n_looks"), JOINING)
def test_every_test_keeps_to_its_level_where_arms_join_and_leave(
    kind: str, strategy: Strategy, n_looks: int
) -> None:
    for scenario in platforms(kind, strategy, n_looks):
        (point,) = run(scenario, FEW).points
        assert_sound(point, FEW)


def test_negative_control_p_values_of_a_twentieth_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = next(platforms("responder", Strategy.TREATMENT_POLICY, 1))

    whole = look_statistics.gather

    def unlike(trial: Any, generated: Any) -> Any:
        return [
            replace(one, p_value=one.p_value / 20, decisive=one.decisive / 20)
            for one in whole(trial, generated)
        ]

    monkeypatch.setattr(look_statistics, "gather", unlike)
    (point,) = run(scenario, REPLICATES).points
    with pytest.raises(AssertionError):
        assert_sound(point, REPLICATES)


TWO_SIDED = {"analysis": {"test": "pooled_z", "alpha": 0.05, "sided": 2}}


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "bayesian_response"])
def test_two_sided_trials_are_sound_or_refused(rule: str) -> None:
    rare = [{"on": ["healthy -> ill", "healthy -> death"], "hazard_ratio": 0.05}]
    for arms in (_SICK, rare):  # with hardly a failure the statistic is often undefined
        whole = content(rule, "responder", "pooled_z", by_events=False)
        changed = [arm | {"effects": arms} for arm in whole["arms"]]
        scenario = read(rule, "responder", "pooled_z", by_events=False, arms=changed, **TWO_SIDED)
        if scenario is not None:
            (point,) = run(scenario, REPLICATES).points
            assert_sound(point, REPLICATES)


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "kind"), PAIRS)
def test_every_test_under_every_rule_keeps_to_its_level(rule: str, kind: str) -> None:
    for scenario in accepted(rule, kind):
        (point,) = run(scenario, REPLICATES).points
        assert_sound(point, REPLICATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class TooGood(PromisingZone):
    """A zone whose last statistic is more than it should be."""

    def last_z(self, seen: Any, final: Any, fraction: Any) -> Any:
        return PromisingZone.last_z(self, seen, final, fraction) + 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent(PromisingZone):
    """A zone that does not say what size it chose."""

    def conduct(self, trial: Any, block: Any, patients: Any) -> Any:
        conducted = PromisingZone.conduct(self, trial, block, patients)
        conducted.found["size"] = np.full(block.n_replicates, np.nan)
        return conducted


@pytest.mark.parametrize("broken", [TooGood, Silent])
def test_a_rule_that_is_broken_is_caught(broken: type[PromisingZone]) -> None:
    scenario = read("promising_zone", "responder", "pooled_z", by_events=False)
    assert scenario is not None
    (design,) = scenario.points
    changed = replace(design, trial=replace(design.trial, adaptation=broken(planned=60)))
    (point,) = run(replace(scenario, points=(changed,)), REPLICATES).points
    with pytest.raises(AssertionError):
        assert_sound(point, REPLICATES)
