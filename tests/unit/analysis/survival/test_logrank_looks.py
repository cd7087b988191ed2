"""Several looks at the same patients say the same as each look alone, to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim import load_scenario
from lupusim.analysis.survival.logrank import logrank
from lupusim.analysis.survival.logrank_looks import Exits, logrank_looks
from lupusim.common.rng import stream
from lupusim.endpoints import TimeToEvent
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.group_sequential import hold_looks
from lupusim.simulation.looks.look_statistics import Held, LookStatistics, at_cutoff, gather
from lupusim.trial import AtCalendarTime, AtEvents, Dropout, Trial
from lupusim.trial.observation import IntercurrentEvent, Strategy
from tolerance import SEED
from trials import disease_trial

BLOCK = Block(seed=SEED, number=0, n_replicates=200)
SURVIVAL = load_scenario("survival_three_looks").points[0].trial
STRUCK = IntercurrentEvent(
    name="rescue", hazard_per_year={"alive": 0.3}, strategy=Strategy.HYPOTHETICAL
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cutoff": AtEvents(events=300)},
        {"interims": (AtCalendarTime(time=1e-6), AtEvents(events=5))},
        {"dropout": Dropout()},
        {"intercurrent_events": (STRUCK,)},
        {"intercurrent_events": (replace(STRUCK, strategy=Strategy.COMPOSITE),)},
    ],
)
def test_all_looks_at_once_show_what_each_shows_alone(changes: dict[str, object]) -> None:
    trial = replace(SURVIVAL, **changes)
    generated = generate(trial, BLOCK)
    (together,) = gather(trial, generated)
    for look in range(len(trial.looks)):
        alone = at_cutoff(trial, generated, together.cutoff[:, look])
        for name in LookStatistics.__slots__:
            np.testing.assert_array_equal(
                getattr(together, name)[:, [look]], getattr(alone, name), err_msg=name
            )


def test_decisions_are_those_of_looks_held_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    generated = generate(SURVIVAL, BLOCK)
    together = hold_looks(SURVIVAL, generated)
    monkeypatch.setattr("lupusim.simulation.looks.look_statistics._at_once", lambda *_: None)
    alone = hold_looks(SURVIVAL, generated, Held(SURVIVAL, generated))
    assert together.keys() == alone.keys()
    for name, values in alone.items():
        np.testing.assert_array_equal(together[name], values, err_msg=name)


def test_patients_who_are_not_enrolled_count_for_nothing() -> None:
    rng = stream(SEED, "logrank looks")
    shape = (30, 40)
    came = np.sort(rng.random(shape) * 2, axis=1)
    time, event = rng.random(shape), rng.random(shape) < 0.7
    arm = (rng.random(shape) < 0.5).astype(np.int8)
    cutoffs = np.stack([np.full(30, 1.0), np.full(30, 1.7), np.full(30, np.inf)])
    exits = Exits(time=time, event=event, arm=arm, enrollment_time=came)
    tests = logrank_looks(exits, cutoffs, seen_by=cutoffs)
    for cutoff, found, events, enrolled in zip(
        cutoffs[:, :1], tests.results, tests.events, tests.enrolled, strict=True
    ):
        seen = np.maximum(np.minimum(time, cutoff - came), 0.0)
        happened = event & (time <= cutoff - came)
        expected = logrank(seen, happened, arm, included=came <= cutoff)
        np.testing.assert_allclose(found.z, expected.z, rtol=1e-12)
        np.testing.assert_array_equal(events, happened.sum(axis=1))
        np.testing.assert_array_equal(enrolled, (came <= cutoff).sum(axis=1))


def other_trials() -> list[Trial]:
    """Trials whose cutoffs change more than who is censored."""
    plain = disease_trial(stratify_by=(), cutoff=AtEvents(events=20))
    assert plain.analysis is not None
    plain = replace(
        plain, analysis=replace(plain.analysis, stratify_by=()), interims=(), stopping=None
    )
    late = TimeToEvent(name="late", events=("relapse", "death"), origin=("remission",))
    rival = TimeToEvent(name="rival", events=("relapse",), competing=("death",))
    return [replace(plain, primary=one) for one in (late, rival)]


@pytest.mark.parametrize("trial", other_trials(), ids=lambda trial: trial.primary.name)
def test_times_that_a_cutoff_changes_otherwise_are_held_look_by_look(trial: Trial) -> None:
    generated = generate(trial, replace(BLOCK, n_replicates=20))
    (together,) = gather(trial, generated)
    alone = at_cutoff(trial, generated, together.cutoff[:, 0])
    np.testing.assert_array_equal(together.p_value, alone.p_value)
