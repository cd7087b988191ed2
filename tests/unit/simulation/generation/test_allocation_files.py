"""Allocation as a scenario file writes it."""

import pytest

from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.trial import BiasedCoin, Minimization, SimpleRandomization, Urn
from scenario_contents import problems, trial

STRATA = {"strata": {"nephritis": {"yes": 0.5, "no": 0.5}, "dose": {"a": 0.2, "b": 0.3, "c": 0.5}}}

CASES = [
    (
        {"method": "minimization", "probability": 0.8, "stratify_by": ["dose", "nephritis"]},
        Minimization(n_levels=(3, 2), probability=0.8),
    ),
    ({"method": "biased_coin"}, BiasedCoin(probability=2 / 3)),
    ({"method": "biased_coin", "stratify_by": ["dose"]}, BiasedCoin(probability=2 / 3)),
    ({"method": "urn"}, Urn(start=0, added=1)),
    ({"method": "urn", "start": 1, "added": 2, "stratify_by": ["dose"]}, Urn(start=1, added=2)),
    ({"method": "simple"}, SimpleRandomization()),
]


@pytest.mark.parametrize(("allocation", "expected"), CASES)
def test_every_method_is_read_and_runs(allocation, expected):
    found = trial(allocation=allocation, population=STRATA)
    assert found.allocation == expected
    assert found.stratify_by == tuple(allocation.get("stratify_by", ()))
    tally = simulate_block(found, Block(seed=1, number=0, n_replicates=3))
    assert tally.mean("duration").value > 0


@pytest.mark.parametrize(
    ("allocation", "key", "words"),
    [
        ({"method": "minimization"}, "probability", "missing"),
        ({"method": "minimization", "probability": 1}, "stratify_by", "none is named"),
        (
            {"method": "minimization", "probability": 1, "stratify_by": []},
            "stratify_by",
            "'method: biased_coin'",
        ),
        ({"method": "minimization", "probability": 1.2}, "probability", "out of range"),
        ({"method": "biased_coin", "block_size": 4}, "block_size", "no such key"),
        ({"method": "biased_coin", "probability": 0.2}, "probability", "less than chance"),
        ({"method": "urn", "added": 0}, "added", "out of range"),
        ({"method": "simple", "block_size": 4}, "block_size", "has none"),
        (
            {"method": "minimization", "probability": 1, "stratify_by": ["nephrits"]},
            "stratify_by",
            "Did you mean 'nephritis'?",
        ),
        ({"method": "minimisation"}, "method", "Did you mean 'minimization'?"),
    ],
)
def test_what_is_wrong_with_an_allocation_is_told_with_its_key(allocation, key, words):
    assert words in problems(allocation=allocation, population=STRATA)[f"allocation.{key}"]
