"""Every clinical number of a packaged scenario has a source, or is marked as an assumption."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from lupusim.errors import ScenarioError
from lupusim.scenario.document.yaml_reader import read_document
from lupusim.scenario.files.packaged import find_packaged, packaged_names

CLINICAL = (
    "arms",
    "correlation",
    "cost",
    "dropout",
    "endpoints",
    "enrollment",
    "intercurrent_events",
    "marker",
    "outcomes",
    "population",
    "supply",
    "visit_conduct",
)
WORDS = ("source", "name", "kind", "model")
DESIGN = ("allocation",)  # what planners choose, and no study says


def numbers(content: Any, path: str, sourced: bool) -> Iterator[tuple[str, bool]]:
    """Yield the path of every number, and whether a source stands at it or above."""
    if isinstance(content, dict):
        sourced = sourced or "source" in content
        for key, value in content.items():
            if key not in (*WORDS, *DESIGN):
                yield from numbers(value, f"{path}.{key}", sourced)
    elif isinstance(content, list):
        for k, item in enumerate(content):
            yield from numbers(item, f"{path}.{k}", sourced)
    elif not isinstance(content, bool) and re.search(r"\d", str(content)):
        yield path, sourced


def clinical_numbers(content: dict[str, Any]) -> list[tuple[str, bool]]:
    top = "source" in content
    return [one for key in CLINICAL for one in numbers(content.get(key), key, top)]


@pytest.mark.parametrize("name", packaged_names("scenarios"))
def test_no_number_is_without_a_source(name: str) -> None:
    path = find_packaged("scenarios", name, ScenarioError)
    found = clinical_numbers(read_document(path, ScenarioError).content)
    assert len(found) >= 3
    assert [key for key, sourced in found if not sourced] == []


def test_a_number_without_a_source_is_counted() -> None:
    dropout = {"per_year": 0.1, "by_state": {"ill": 2, "source": "a study"}}
    found = clinical_numbers({"dropout": dropout, "sample_size": 100})
    assert found == [("dropout.per_year", False), ("dropout.by_state.ill", True)]
