"""A kind of endpoint that a user adds: one class that registers itself, used from a file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lupusim.analysis.numerics.win_levels import Level, larger_is_better
from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.endpoints import ENDPOINTS, Around, Fields, Measurement
from lupusim.endpoints.base import Make, NoEvents, Simple
from lupusim.endpoints.setting import Setting
from lupusim.engines.exact import ever
from lupusim.errors import Problem
from lupusim.records import FirstEntry, Observation
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.trial import Better
from lupusim.trial.checks.endpoints import beyond_problems, state_problems
from scenario_contents import problems, trial
from tolerance import SEED, assert_within_mcse

KEYS = {"kind": "ever_in", "states": "ill", "by": "6 months"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EverIn(Simple):
    """Having been in one of a set of states by a study time (years), as far as was seen."""

    name: str
    states: tuple[str, ...]
    by: float
    better: Better = Better.FEWER
    outcome = BinaryOutcome

    @property
    def due_time(self) -> float:
        return self.by

    def problems(self, key: str, trial: Any) -> Iterator[Problem]:
        yield from beyond_problems(f"{key}.by", self.by, trial)
        yield from state_problems(f"{key}.states", self.states, trial)

    def measurement(self, setting: Setting) -> Measurement:
        return EverInMeasurement(self, setting)

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        del around
        states, by = fields.states("states"), fields.duration("by")
        name = fields.text("name", f"ever in {' or '.join(states)}")
        return lambda: EverIn(name=name, states=states, by=by)


class EverInMeasurement(NoEvents):
    def __init__(self, endpoint: EverIn, setting: Setting) -> None:
        self.by, self.shape = endpoint.by, setting.shape
        self.entry = FirstEntry(setting.positions(endpoint.states), setting.n_patients)
        self.recorders = (self.entry,)

    def outcome(self, observation: Observation) -> BinaryOutcome:
        time = self.entry.time.reshape(self.shape)
        response = (time <= self.by) & (time <= observation.watched_until)
        included = observation.enrollment_time + self.by <= observation.seen_by[:, None]
        return BinaryOutcome(response=response, included=included, arm=observation.arm)

    def level(self, observation: Observation) -> Level:
        found = self.outcome(observation)
        return larger_is_better(~found.response).known_of(found.included)


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
