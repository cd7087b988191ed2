"""Whatever a mapping holds, reading it gives an object or an InputError, never another error."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, example, given, settings

from lupusim.errors import InputError, ModelError, ScenarioError
from lupusim.model import MultiStateModel
from lupusim.model.effects import UNIT_RATIO
from lupusim.scenario import (
    format_duration,
    load_model,
    model_from_mapping,
    model_to_mapping,
    parse_duration,
    scenario_from_mapping,
)
from lupusim.scenario.document.yaml_reader import Document, parse_document
from lupusim.scenario.document.yaml_writer import block
from lupusim.trial.scenario import Scenario
from strategies import models

MODEL = model_to_mapping(load_model("illness-death")) | {
    "start": [{"state": "healthy", "probability": 1.0, "time_in_state": "6 months"}],
    "classes": [{"name": "a", "probability": 1, "hazard_ratios": {"healthy -> ill": 0.5}}],
    "covariates": {"age": {"ill -> death": 0.1}},
}

SCENARIO: dict[str, Any] = {
    "schema": "lupusim/scenario/1",
    "title": "Every key of the format",
    "question": "Does it read?",
    "model": "illness-death",
    "source": "none",
    "population": {
        "weight_kg": {"mean": 56, "sd": 9},
        "strata": {"nephritis": {"yes": 0.5, "no": 0.5}},
        "covariates": {
            "age": {"mean": 35, "sd": 10},
            "steroid_dose": {"mean": 12, "sd": 8, "distribution": "lognormal"},
        },
        "codes": {"nephritis": {"yes": 1, "no": 0}},
        "effects": [
            {"covariate": "nephritis", "level": "yes", "on": "ill -> death", "hazard_ratio": 1.5},
            {"covariate": "age", "on": ["healthy -> ill"], "hazard_ratio": 1.02, "reference": 30},
        ],
        "frailty": [{"on": "healthy -> ill", "variance": 0.5, "distribution": "gamma"}],
        "cuts": {"old": {"covariate": "age", "at": [50], "levels": ["no", "yes"]}},
        "screening": {
            "sledai": {"mean": 9, "sd": 3},
            "bilag": {"systems": 5, "grade_a": 0.1, "grade_b": 0.2},
            "eligible": [{"sledai": 6, "bilag_a": 1}, {"bilag_b": 2}],
            "tests": 3,
            "every": "4 weeks",
            "correlation": 0.5,
        },
    },
    "arms": [
        {
            "name": "placebo",
            "allocation": 1,
            "control": True,
            "switch": {"to": "cells", "on": ["ill"]},
        },
        {
            "name": "cells",
            "allocation": 2,
            "model": "illness-death",
            "infusions": {
                "cells_per_kg": 1e6,
                "at": ["0 weeks", "4 weeks"],
                "every": "6 months",
                "number": 4,
                "missed": 0.1,
                "lots": {"doses": 8, "sd": 0.3, "raises": ["healthy -> ill"]},
            },
            "effects": [
                {"on": ["healthy -> ill"], "hazard_ratio": 0.5, "onset": "4 weeks", "source": "x"},
                {
                    "on": "ill -> death",
                    "hazard_ratio": 0.6,
                    "lasts": "18 months",
                    "half_life": "6 months",
                },
                {
                    "on": "healthy -> death",
                    "pieces": [{"until": "3 months", "hazard_ratio": 1}, {"hazard_ratio": 0.6}],
                },
                {
                    "on": "healthy -> ill",
                    "emax": {"log_hazard_ratio": -0.5, "ed50": 1e6, "hill": 2},
                },
            ],
        },
    ],
    "enrollment": {
        "sites": 9,
        "per_site_per_month": 0.12,
        "ramp_up": "6 months",
    },
    "allocation": {
        "method": "minimization",
        "probability": 0.8,
        "stratify_by": ["nephritis", "old"],
    },
    "follow_up": "52 weeks",
    "visits": ["4 weeks", "52 weeks"],
    "dropout": {"per_year": 0.18, "by_state": {"ill": 1.5}},
    "endpoints": {
        "primary": {"kind": "time_to_event", "events": ["ill", "death"]},
        "secondary": [
            {"kind": "responder", "states": ["healthy"], "at": "52 weeks", "better": "more"},
            {"kind": "survival"},
        ],
    },
    "analysis": {"test": "logrank", "alpha": 0.025, "sided": 1, "stratify_by": ["nephritis"]},
    "looks": [{"when": {"events": 60}}],
    "sample_size": 120,
    "vary": {"sample_size": [80, 120], "arms.cells.effects.0.hazard_ratio": [0.5, 1]},
    "simulation": {"replicates": 100, "seed": 1},
    "estimand": {"population": "all", "intercurrent events": {"rescue": "composite"}},
}

WORDS = st.sampled_from(
    ("", "0", "healthy", "ill -> death", "->", "6 months", "5", "illness-death", "uniform", "name")
) | st.sampled_from(
    (
        "piecewise",
        "simple",
        "randomization",
        "first_remission",
        "responder",
        "\0",
        "source",
        "events",
    )
)
NUMBERS = st.sampled_from([0, 1, -1, 2, 0.5, 1e308, 10**14, -(10**14), 1e-300, 120, 10**400])
ODD = st.sampled_from(
    [float("nan"), float("inf"), None, True, False, object(), b"x", 1j, (), {1: 2}]
)
VALUES = st.recursive(
    WORDS | NUMBERS | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def paths(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to everything in a nested content but the content itself."""
    items: Any = ()
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    return [way for key, v in items for way in [(*path, key), *paths(v, (*path, key))]]


@st.composite
def mutations(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    """Change, remove, rename or repeat a few parts of a mapping that is right."""
    content = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(paths(content)))
        holder = content
        for key in way[:-1]:
            holder = holder[key]
        action = draw(st.sampled_from(["change", "remove", "rename", "repeat"]))
        if action == "remove":
            del holder[way[-1]]
        elif action == "rename" and isinstance(holder, dict):
            holder[draw(WORDS)] = holder.pop(way[-1])
        elif action == "repeat" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[way[-1]]))
        else:
            holder[way[-1]] = copy.deepcopy(
                draw(VALUES)
            )  # a later change must not reach the next draw
        if not content:
            break
    return content


def read_or_refuse(read: Callable[[], object]) -> object:
    """Return what was read, or the InputError, every problem of which says what to do."""
    try:
        return read()
    except InputError as refusal:
        told = [bool(problem.fault and problem.fix) for problem in refusal.problems]
        return refusal if told and all(told) else told


def test_the_mappings_are_right_before_they_are_mutated() -> None:
    scenario = scenario_from_mapping(SCENARIO)
    assert len(scenario.points) == 4
    assert model_from_mapping(MODEL).name == "illness-death"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutations(SCENARIO))
@example({})
@example({"vary": {"": [1], "a.b": [2], "..": [3], "arms.9.name": [4]}})
def test_a_mutated_scenario_is_read_or_refused_with_reasons(content: dict[str, Any]) -> None:
    answer = read_or_refuse(lambda: scenario_from_mapping(content))
    assert isinstance(answer, Scenario | ScenarioError)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutations(MODEL))
def test_a_mutated_model_is_read_or_refused_with_reasons(content: dict[str, Any]) -> None:
    answer = read_or_refuse(lambda: model_from_mapping(content))
    assert isinstance(answer, MultiStateModel | ModelError)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_file_with_stray_characters_is_read_or_refused(data: st.DataObject) -> None:
    text = block(SCENARIO)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text)))
        stray = data.draw(
            st.text("[]{}:,&*!|>'\"%@`#-? \n\t0a\0\x85\u2028", min_size=0, max_size=4)
        )
        text = text[:place] + stray + text[place + data.draw(st.integers(0, 3)) :]
    answer = read_or_refuse(lambda: parse_document(text, "fuzzed", ScenarioError))
    assert isinstance(answer, Document | ScenarioError)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda b: b.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    answer = read_or_refuse(lambda: parse_document(text, "fuzzed", ModelError))
    assert isinstance(answer, Document | ModelError)


@settings(max_examples=60, deadline=None)
@given(models())
def test_any_model_is_the_same_after_writing_and_reading(model: Any) -> None:
    untreated = tuple(replace(t, ratio=UNIT_RATIO) for t in model.transitions)
    model = replace(model, transitions=untreated)
    written = block(model_to_mapping(model))
    content = parse_document(written, "written", ModelError).content
    assert model_to_mapping(model_from_mapping(content)) == model_to_mapping(model)


@given(st.floats(0, 1e4))
def test_a_duration_survives_being_written(years: float) -> None:
    again = parse_duration(format_duration(years))
    assert abs(again - years) <= 1e-11 * years
