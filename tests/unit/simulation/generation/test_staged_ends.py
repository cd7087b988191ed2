"""When trials end whose further patients depend on an interim look, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.common.arrays import FloatArray
from lupusim.planning.runs.run import run
from lupusim.report.run.looks import look_rows
from lupusim.simulation.adaptation import SelectArms
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.trial import AfterPatients, AtEvents, Dropout, Trial
from lupusim.trial.looks import Limited
from trials import scenario
from trials_staged import events_selection

BLOCK = Block(seed=1, number=0, n_replicates=20)
RULE = SelectArms(keep=1, first_events=60)
EARLY = {"interims": (AfterPatients(patients=120),)}


def held(trial: Trial) -> dict[str, FloatArray]:
    return simulate({"": trial}, BLOCK)[""]


def test_a_trial_short_of_events_ends_when_nobody_is_left_at_risk() -> None:
    # stage 1: 120 patients who have the event at 0.8 a year or leave at 2.0 a year, so that 60
    # events never come; of each the time at risk is exponential with a mean of 1 / 2.8 years
    trial = events_selection(RULE, dropout=Dropout(per_year=2.0), **EARLY)
    found = held(trial)
    assert found["missed_cutoff"].all()
    assert (found["duration"] < 2.0 + 15 / 2.8).all()
    assert (found["duration"] > found["look_1_time"]).all()
    assert np.isnan(found["look_2_time"]).all()


def test_a_latest_date_ends_the_trial_whatever_events_there_are() -> None:
    cutoff = Limited(clock=AtEvents(events=120), latest=1.5)
    found = held(events_selection(RULE, cutoff=cutoff, **EARLY))
    assert not found["missed_cutoff"].any()
    assert found["duration"] == pytest.approx(1.5)
    assert found["look_2_short"].all()
    assert (found["n_enrolled"] < 200).all()  # of 240 in two years; nobody comes after the end


def test_a_look_never_reached_is_told_from_a_trial_that_stopped_before() -> None:
    rule = SelectArms(at_least=0.0, first_events=60)
    dropout = Dropout(per_year=2.0)
    (point,) = run(scenario(events_selection(rule, dropout=dropout, **EARLY)), 50, seed=1).points
    rows = dict(look_rows(point))
    (never,) = (words for name, words in rows.items() if "look 2, never reached" in name)
    stopped = point.tally.mean("look_1_futility").value
    assert 0 < stopped < 1
    assert never.startswith(f"{1 - stopped:.2f}")
    assert not any("look 1, never" in name for name in rows)
