"""Every pair of values of any two keys of the file format: refused in words, or run through."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest

from format_keys import asked_of, with_value
from lupusim.analysis.group_sequential.spending import SPENDINGS
from lupusim.analysis.multiplicity.procedures import PROCEDURES
from lupusim.endpoints.base import ENDPOINTS
from lupusim.model.hazards.base import FAMILIES
from lupusim.scenario import scenario_from_mapping
from lupusim.simulation.tally import Mean
from lupusim.trial.adaptation.base import ADAPTATIONS
from lupusim.trial.allocation.base import ALLOCATIONS
from lupusim.trial.enrollment.base import ENROLLMENTS
from lupusim.trial.looks.timing import TIMINGS
from lupusim.trial.test_method import TESTS
from scenario_values import (
    OF_ITS_OWN,
    RARE_VALUES,
    VALUES,
    asked,
    carriers,
    changes,
    document,
    given,
)
from tolerance import SEED
from whole_runs import flaw, is_refused, level_flaw

N_REPLICATES = 50
PAIRS = [(a, b) for a, b in combinations(VALUES, 2) if a[0] != b[0]]
RARE_PAIRS = [(a, b) for b in RARE_VALUES for a in VALUES]
REGISTRIES = (
    ADAPTATIONS,
    ALLOCATIONS,
    ENDPOINTS,
    ENROLLMENTS,
    FAMILIES,
    PROCEDURES,
    SPENDINGS,
    TESTS,
    TIMINGS,
)


def flaws(pairs: list[tuple[tuple[str, str], tuple[str, str]]]) -> dict[str, str]:
    """Return what is wrong with pairs of values, by their names."""
    found = {}
    for one, other in pairs:
        if words := flaw(document(one, other), n_replicates=N_REPLICATES):
            found[f"{' '.join(one)} + {' '.join(other)}"] = words
    return found


def changed(rng: random.Random) -> tuple[str, dict[str, Any]]:
    """Return a carrier with two keys changed, and how it came about."""
    name = rng.choice(sorted(carriers()))
    content, said = carriers()[name], [name]
    keys = rng.sample(sorted({path for path, _ in changes(name)}, key=str), 2)
    for path in keys:
        value = rng.choice([value for one, value in changes(name) if one == path])
        content = with_value(content, path, value)
        said.append(f"{'.'.join(map(str, path))}: {value}")
    return " | ".join(said), content


def flaws_of_changes(seed: str, n: int) -> dict[str, str]:
    """Return what is wrong with carriers of which two keys say something else."""
    rng = random.Random(seed)
    found = dict(changed(rng) for _ in range(n))
    each = {said: flaw(content, n_replicates=N_REPLICATES) for said, content in found.items()}
    return {said: words for said, words in each.items() if words}


def test_every_key_of_the_format_is_in_a_pair() -> None:
    known = {key for content in carriers().values() for key in given(content)}
    known |= {str(path[-1]) for name in carriers() for path, _ in changes(name)}
    looked_for = {name for carrier in carriers() for name in asked(carrier).names}
    assert looked_for - known - OF_ITS_OWN == set()


def test_a_key_that_nobody_tries_is_missed() -> None:
    content = document() | {"population": {"strata": {"nephritis": {"yes": 0.5, "no": 0.5}}}}
    names = asked_of(content).names - {str(path[-1]) for path in asked_of(content).kinds}
    assert {"cuts", "screening"} <= names - set(given(content))  # negative control


def texts(content: Any) -> Iterator[str]:
    """Yield all keys and values of a document as texts."""
    if isinstance(content, dict | list):
        for value in [*content, *content.values()] if isinstance(content, dict) else content:
            yield from texts(value)
    else:
        yield str(content)


def outside(names: set[str]) -> set[str]:
    """Return the names that no document has which the reader accepts, a key changed or none."""
    left = names.difference(*map(texts, carriers().values()))
    for carrier, content in carriers().items():
        for path, value in changes(carrier):
            tried = isinstance(value, str) and value in left
            if tried and not is_refused(with_value(content, path, value)):
                left.discard(value)
    return left


def test_every_name_of_every_registry_enters() -> None:
    names = {name for registry in REGISTRIES for name in registry}
    assert outside({*names, "a name of none"}) == {"a name of none"}


def test_two_changed_keys_run_through() -> None:
    assert flaws_of_changes("quick", 10) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_many_changed_keys_run_through(part: int) -> None:
    assert flaws_of_changes(f"long {part}", 100) == {}


@pytest.mark.parametrize("value", VALUES + RARE_VALUES, ids=" ".join)
def test_each_value_alone_is_accepted(value: tuple[str, str]) -> None:
    assert not is_refused(document(value))


def test_rare_values_run_through_beside_others() -> None:
    assert flaws(random.Random(SEED).sample(RARE_PAIRS, 8)) == {}


@pytest.mark.slow
def test_many_rare_values_run_through_beside_others() -> None:
    assert flaws(random.Random(SEED + 1).sample(RARE_PAIRS, 250)) == {}


def test_many_pairs_of_values_run_through() -> None:
    assert flaws(random.Random(SEED).sample(PAIRS, 15)) == {}


def test_a_level_that_is_not_held_is_seen() -> None:  # negative control
    class Liberal:
        """A point whose null twin claims in 15 of 50 trials."""

        trial = scenario_from_mapping(document()).points[0].trial
        type_one_error = Mean(value=0.3, mcse=0.065, n=N_REPLICATES)

    assert "type I error 0.3" in level_flaw(Liberal())  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_all_pairs_of_values_run_through(part: int) -> None:
    assert flaws(PAIRS[part::8]) == {}
