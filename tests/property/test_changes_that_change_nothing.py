"""What must stay as it is where a model, a trial or the unit of time is only told otherwise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis import logrank
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.common.rng import stream
from lupusim.engines.exact import occupancy
from lupusim.model import MultiStateModel, PiecewiseRatio, Start, Transition
from lupusim.model.hazards import Hazard, WeibullHazard
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.trial import AtEvents
from tolerance import SEED
from trials import analysis, survival_trial
from trials_adaptive import AT
from trials_staged import selection_trial

TIMES = [0.4, 1.0, 3.0]


def way(begin: str, end: str, hazard: Hazard, share: float = 1.0) -> Transition:
    ratio = PiecewiseRatio(ratios=(share,))
    return Transition(from_state=begin, to_state=end, hazard=hazard, ratio=ratio)


def flares(unit: float = 1.0) -> MultiStateModel:
    """Return a model whose clocks run in this unit of a year."""
    flare, heal, die = (
        WeibullHazard(shape=shape, scale=scale * unit)
        for shape, scale in ((1.4, 1.0), (0.8, 0.7), (1.2, 6.0))
    )
    return MultiStateModel(
        name="flares",
        states=("well", "ill", "dead"),
        transitions=(way("well", "ill", flare), way("ill", "well", heal), way("ill", "dead", die)),
    )


def test_a_state_split_into_two_with_the_same_hazards_is_occupied_as_before() -> None:
    whole = flares()
    flare, heal, die = (one.hazard for one in whole.transitions)
    split = MultiStateModel(
        name="split",
        states=("well", "ill", "ill too", "dead"),
        transitions=(
            way("well", "ill", flare, 0.3),
            way("well", "ill too", flare, 0.7),
            *(way(state, "well", heal) for state in ("ill", "ill too")),
            *(way(state, "dead", die) for state in ("ill", "ill too")),
        ),
        starts=(Start(state="well"),),
    )
    found, expected = occupancy(split, TIMES), occupancy(whole, TIMES)
    together = np.asarray(found) @ [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(together, expected, atol=2e-6)
    np.testing.assert_allclose(np.asarray(expected).sum(axis=1), 1.0, atol=1e-9)


@pytest.mark.parametrize("unit", [0.1, 12.0])
def test_another_unit_of_time_changes_no_probability(unit: float) -> None:
    found = occupancy(flares(unit), [unit * time for time in TIMES])
    np.testing.assert_allclose(found, occupancy(flares(), TIMES), atol=2e-6)


def test_another_unit_of_time_changes_no_test() -> None:
    rng = stream(SEED, "unit")
    time, event = rng.exponential(size=(5, 60)), rng.random((5, 60)) < 0.7
    arm = np.arange(60) % 2
    one, other = (logrank(unit * time, event, arm) for unit in (1.0, 365.25))
    np.testing.assert_allclose(one.z, other.z, rtol=1e-12)


@pytest.mark.parametrize("test", ["logrank", "cox", "max_combo", "peto"])
def test_more_patients_and_events_never_bring_less_information(test: str) -> None:
    looks = tuple(AtEvents(events=events) for events in (30, 60))
    trial = survival_trial(
        n_patients=160,
        follow_up=math.inf,
        interims=looks,
        cutoff=AtEvents(events=100),
        stopping=GroupSequential(alpha=1e-9),
        analysis=analysis(test),
    )
    found = simulate({"": trial}, Block(seed=SEED, number=0, n_replicates=20))[""]
    known = np.stack([found[f"look_{look}_information"] for look in (1, 2, 3)])
    assert np.all(np.diff(known, axis=0) > 0)


def test_a_visit_that_nothing_is_measured_at_changes_no_number() -> None:
    trial = selection_trial(None, 0.5, n_patients=100, interims=())
    block = Block(seed=SEED, number=0, n_replicates=50)
    more = replace(trial, visits=(AT / 3, AT))
    found = [simulate({"": one}, block)[""] for one in (trial, more)]
    assert found[0].keys() == found[1].keys()
    for name, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][name])
