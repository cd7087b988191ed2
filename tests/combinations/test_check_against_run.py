"""`check` refuses all that `run` would: packaged scenarios are changed at random, and run."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

import whole_runs
from lupusim.errors import ScenarioError
from lupusim.scenario.document.yaml_reader import read_document
from lupusim.scenario.files.packaged import find_packaged, packaged_descriptions
from tolerance import SEED
from whole_runs import flaw

N_REPLICATES = 20
MOST_PATIENTS = 120
EXTREMES: tuple[Any, ...] = (
    0, -1, 1, 2, 1e-9, 1e9, 0.5, True, None, "", "x", [], {}, "0 weeks", "3 months", "40 years",
    ["x"], {"x": 1}, float("inf"), float("nan"), "50 %", 1_000_000_000_000,
)  # fmt: skip


def packaged() -> dict[str, dict[str, Any]]:
    """Return the packaged scenarios, small enough to run many times."""
    found = {}
    for name in packaged_descriptions("scenarios"):
        path = find_packaged("scenarios", name, ScenarioError)
        content = copy.deepcopy(read_document(path, ScenarioError).content)
        assert isinstance(content, dict)
        content.pop("vary", None)
        content.pop("simulation", None)
        found[name] = content
    return found


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a document."""
    items = enumerate(content) if isinstance(content, list) else ()
    if isinstance(content, dict):
        items = content.items()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(content: dict[str, Any], others: list[dict[str, Any]], rng: random.Random) -> None:
    """Change a document in one place: another value, none, another scenario's part, one twice."""
    path = rng.choice(sorted(places(content), key=str))
    holder: Any = content
    for step in path[:-1]:
        holder = holder[step]
    kind = rng.random()
    if kind < 0.3:
        holder[path[-1]] = copy.deepcopy(rng.choice(EXTREMES))
    elif kind < 0.45:
        del holder[path[-1]]
    elif kind < 0.6 and isinstance(value := holder[path[-1]], int | float):
        holder[path[-1]] = type(value)(value * rng.choice([0.01, 0.5, 2, 10]))
    elif isinstance(holder, list) and kind < 0.7:
        holder.append(copy.deepcopy(holder[path[-1]]))
    else:
        other = rng.choice(others)
        key = rng.choice(sorted(set(other) - {"title", "question", "schema", "source", "estimand"}))
        content[key] = copy.deepcopy(other[key])


def mutant(documents: dict[str, dict[str, Any]], rng: random.Random) -> tuple[str, dict[str, Any]]:
    """Return a packaged scenario with one to three changes, small where it says a size."""
    name = rng.choice(sorted(documents))
    content = copy.deepcopy(documents[name])
    for _ in range(rng.choice([1, 1, 2, 3])):
        changed(content, list(documents.values()), rng)
    size = content.get("sample_size")
    if isinstance(size, int) and not isinstance(size, bool) and size > MOST_PATIENTS:
        content["sample_size"] = MOST_PATIENTS
    content.pop("simulation", None)
    return name, content


def found_flaws(seed: int, n_mutants: int) -> list[tuple[int, str, str]]:
    """Return the number, name and flaw of the mutants that are accepted and do not run."""
    documents, rng = packaged(), random.Random(seed)
    found = []
    for number in range(n_mutants):
        name, content = mutant(documents, rng)
        if words := flaw(content, n_replicates=N_REPLICATES):
            found.append((number, name, words))
    return found


def test_a_run_that_fails_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:  # negative control
    content = packaged()["survival_200_events"]
    assert flaw(content, n_replicates=2) == ""

    def fails(scenario: object, n_replicates: int, *, seed: int) -> None:
        raise ZeroDivisionError(f"{scenario} {n_replicates} {seed}")

    monkeypatch.setattr(whole_runs, "run", fails)
    assert flaw(content, n_replicates=2).startswith("accepted, and the run fails: ZeroDivision")


def test_what_check_accepts_runs_through() -> None:
    assert found_flaws(SEED, 30) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_what_check_accepts_runs_through_in_many_places(seed: int) -> None:
    assert found_flaws(1000 + seed, 400) == []
