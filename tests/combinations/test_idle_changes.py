"""What changes nothing of a trial changes no number of it, whatever scenario it is."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from format_keys import asked_of, can_hold, with_value
from lupusim.errors import ScenarioError
from lupusim.planning.runs.run import run
from lupusim.scenario import format_duration, parse_duration, scenario_from_mapping
from lupusim.scenario.document.kinds import Duration
from scenario_values import carriers
from tolerance import SEED

N_REPLICATES = 20
DAYS = 1 / parse_duration("1 day")  # in a year
Content = Mapping[str, Any]


def numbers(content: Content) -> list[dict[str, Any]]:
    """Return every number of a run, design by design."""
    return [p.row() for p in run(scenario_from_mapping(content), N_REPLICATES, seed=SEED).points]


def in_days(content: Content) -> Content:
    """Return the scenario with each single duration in days."""
    found = content
    for path, kind in asked_of(content).kinds.items():
        value: Any = content
        for step in path if can_hold(content, path) else ():
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                value = None
                break
        if isinstance(kind, Duration) and isinstance(value, str):
            found = with_value(found, path, f"{round(parse_duration(value) * DAYS, 9)} days")
    return found


def with_idle_endpoint(content: Content) -> Content:
    """Return the scenario with one more endpoint, which nobody tests."""
    found = copy.deepcopy(dict(content))
    primary = found.get("endpoints", {}).get("primary")
    if not isinstance(primary, dict):
        return content
    idle = {key: value for key, value in primary.items() if key != "name"} | {"name": "idle"}
    secondary = found["endpoints"].setdefault("secondary", [])
    found["endpoints"]["secondary"] = [*secondary, idle]
    return found


def with_idle_factor(content: Content) -> Content:
    """Return the scenario with one more stratification factor, which does nothing."""
    population = dict(content.get("population", {}))
    strata = {**population.get("strata", {}), "idle": {"yes": 0.5, "no": 0.5}}
    return {**content, "population": {**population, "strata": strata}}


def with_idle_covariate(content: Content) -> Content:
    """Return the scenario with one more number known at randomization, which does nothing."""
    population = dict(content.get("population", {}))
    covariates = {**population.get("covariates", {}), "idle": {"mean": 0, "sd": 1}}
    return {**content, "population": {**population, "covariates": covariates}}


def with_words(content: Content) -> Content:
    """Return the scenario with another title."""
    return {**content, "title": "Another title", "question": "Does a title matter?"}


def with_one_value_varied(content: Content) -> Content:
    """Return the scenario whose size stands under `vary`, alone."""
    size = content.get("sample_size")
    if content.get("vary") or not isinstance(size, int):
        return content
    return {**content, "vary": {"sample_size": [size]}}


IDLE: tuple[Callable[[Content], Content], ...] = (
    in_days,
    with_idle_endpoint,
    with_idle_factor,
    with_idle_covariate,
    with_words,
    with_one_value_varied,
)


def differences(content: Content, other: Content) -> dict[str, tuple[Any, Any]]:
    """Return the numbers of a run that another lacks, or has another value of."""
    found: dict[str, tuple[Any, Any]] = {}
    for one, changed in zip(numbers(content), numbers(other), strict=True):
        for name, value in one.items():
            is_number = isinstance(value, float) and isinstance(changed.get(name), float)
            close = is_number and math.isclose(value, changed[name], rel_tol=1e-7, abs_tol=1e-9)
            both_unknown = is_number and math.isnan(value) and math.isnan(changed[name])
            if not (close or both_unknown or value == changed.get(name)):
                found[name] = value, changed.get(name)
    return found


def flaws(names: list[str], rng: random.Random) -> dict[str, Any]:
    """Return where one idle change of each scenario moves a number."""
    found = {}
    for name in names:
        change = rng.choice(IDLE)
        content = carriers()[name]
        changed = change(content)
        if changed is content:
            continue
        try:
            scenario_from_mapping(changed)
        except ScenarioError as refused:
            found[f"{name}, {change.__name__}"] = str(refused)
            continue
        if moved := differences(content, changed):
            found[f"{name}, {change.__name__}"] = moved
    return found


def test_idle_changes_move_nothing() -> None:
    rng = random.Random(SEED)
    assert flaws(rng.sample(sorted(carriers()), 12), rng) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(2))
def test_idle_changes_of_all_scenarios_move_nothing(part: int) -> None:
    rng = random.Random(f"idle {part}")
    assert flaws(sorted(carriers()), rng) == {}


def test_a_change_that_is_not_idle_is_seen() -> None:  # negative control
    content = carriers()["secondary tested"]
    other = with_value(content, ("arms", 1, "effects", 0, "hazard_ratio"), 0.4)
    assert differences(content, other)
    assert format_duration(parse_duration("52 weeks")) == "52 weeks"
