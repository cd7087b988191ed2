"""A small scenario as a file would say it, for tests that change one thing in it."""

from __future__ import annotations

from typing import Any

import pytest

from lupusim.errors import ScenarioError
from lupusim.scenario import scenario_from_mapping
from lupusim.trial import Trial

EFFECT = {"on": ["healthy -> ill"], "hazard_ratio": 0.5}

ONE_ARM: dict[str, Any] = {
    "schema": "lupusim/scenario/1",
    "title": "One arm",
    "model": "survival",
    "arms": [{"name": "cells"}],
    "enrollment": {"kind": "uniform", "duration": "12 months"},
    "follow_up": "6 months",
    "visits": ["6 months"],
    "endpoints": {
        "primary": {"kind": "responder", "states": ["death"], "at": "6 months", "better": "more"}
    },
    "sample_size": 40,
}


def content(**changes: Any) -> dict[str, Any]:
    """Return a small scenario; a change of None removes a key."""
    whole = {
        "schema": "lupusim/scenario/1",
        "title": "Ill within a year",
        "model": "illness-death",
        "arms": [
            {"name": "placebo", "control": True},
            {"name": "cells", "effects": [EFFECT]},
        ],
        "enrollment": {"kind": "uniform", "duration": "6 months"},
        "follow_up": "52 weeks",
        "endpoints": {"primary": {"kind": "time_to_event", "events": ["ill", "death"]}},
        "analysis": {"test": "logrank"},
        "sample_size": 40,
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def trial(**changes: Any) -> Trial:
    return scenario_from_mapping(content(**changes)).points[0].trial


def problems(**changes: Any) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        scenario_from_mapping(content(**changes))
    return {p.key: f"{p.fault}. {p.fix}" for p in caught.value.problems}
