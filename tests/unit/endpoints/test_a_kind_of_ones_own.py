"""A kind of endpoint that a user adds: one class that registers itself, used from a file."""

from __future__ import annotations

import math

import pytest
from lupusim_example.ever_in import EverIn

from lupusim.endpoints import ENDPOINTS
from lupusim.engines.exact import ever
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from scenario_contents import problems, trial
from tolerance import SEED, assert_within_mcse

KEYS = {"kind": "ever_in", "states": "ill", "by": "6 months"}


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(ENDPOINTS, "_found", dict(ENDPOINTS.items()))
    ENDPOINTS.register("ever_in")(EverIn)


def test_a_file_names_it_and_its_share_is_that_of_the_exact_engine():
    made = trial(endpoints={"primary": KEYS}, analysis={"test": "unpooled_z"})
    tally = simulate_block(made, Block(seed=SEED, number=0, n_replicates=400))
    exact = float(ever(made.arms[0].law, ["ill"], [0.5])[0])
    error = math.sqrt(exact * (1 - exact) / (400 * 20))
    assert_within_mcse(tally.mean("response_placebo").value, exact, mcse=error)
    assert made.primary.name == "ever in ill"


def test_its_own_checks_are_asked_and_a_hierarchy_may_hold_it():
    found = problems(
        endpoints={"primary": {**KEYS, "states": "il", "by": "2 years"}},
        analysis={"test": "unpooled_z"},
    )
    assert "not a state" in found["endpoints.primary.states"]
    assert "beyond the follow-up" in found["endpoints.primary.by"]
    levels = [{"kind": "survival"}, KEYS]
    made = trial(
        endpoints={"primary": {"kind": "hierarchy", "levels": levels}},
        analysis={"test": "win_odds"},
    )
    tally = simulate_block(made, Block(seed=SEED, number=0, n_replicates=50))
    assert tally.mean("level_2_wins_cells").value > tally.mean("level_2_losses_cells").value
