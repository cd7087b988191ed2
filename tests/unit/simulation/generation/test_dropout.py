"""Dropout at a hazard of study time, arm and state, against a search by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import brentq

from lupusim.common.rng import stream
from lupusim.model.hazards import PiecewiseExponentialHazard, WeibullHazard
from lupusim.simulation.generation.dropout import DropoutClock
from lupusim.trial import Dropout
from paths import SHAPE, STATES, make_path, tell
from tolerance import SEED

EARLY = PiecewiseExponentialHazard(breaks=(0.3,), rates=(2.0, 0.4))
ARMS = (SimpleNamespace(name="placebo"), SimpleNamespace(name="cells"))
ARM = stream(SEED, "arm").integers(2, size=SHAPE).astype(np.int8)
BY_STATE = {"remission": 0.2, "relapse": 3.0}
DROPOUTS = [
    Dropout(),
    Dropout(per_year=0.7),
    Dropout(hazard=EARLY),
    Dropout(hazard=WeibullHazard(shape=0.6, scale=2.0), by_arm={"cells": 2.5}),
    Dropout(per_year=0.7, by_state=BY_STATE),
    Dropout(hazard=EARLY, by_state=BY_STATE, by_arm={"placebo": 0.0, "cells": 1.5}),
]


def used_up(dropout, path, arm, time):
    """Cumulative hazard of leaving that a patient has gone through by a study time."""
    total = 0.0
    ends = [*(t for t, _ in path[1:]), math.inf]
    for (begin, state), end in zip(path, ends, strict=True):
        if begin < time:
            stay = np.array([begin, min(end, time)])
            share = dropout.by_state.get(STATES[state], 1.0)
            total += share * float(np.diff(dropout.cumulative(stay))[0])
    return total * dropout.by_arm.get(ARMS[arm].name, 1.0)


@pytest.mark.parametrize("dropout", DROPOUTS, ids=repr)
def test_patients_leave_when_their_hazard_is_used_up(dropout):
    trial = SimpleNamespace(dropout=dropout, arms=ARMS, states=STATES)
    clock = DropoutClock(trial, ARM, rng=stream(SEED, "dropout"))
    paths = [make_path(stream(SEED, "path", k)) for k in range(ARM.size)]
    tell(paths, clock.recorders)
    threshold = stream(SEED, "dropout").standard_exponential(ARM.size)
    assert clock.time.shape == SHAPE
    for path, arm, limit, time in zip(
        paths, ARM.ravel(), threshold, clock.time.ravel(), strict=True
    ):

        def left(at, path=path, arm=arm, limit=limit):
            return used_up(dropout, path, arm, at) - limit

        if left(1e6) < 0:
            assert time > 1e6
        else:
            assert time == pytest.approx(brentq(left, 0.0, 1e6), rel=1e-9)


def test_negative_control_an_arm_without_dropout_stays():
    trial = SimpleNamespace(dropout=DROPOUTS[-1], arms=ARMS, states=STATES)
    clock = DropoutClock(trial, ARM, rng=stream(SEED, "dropout"))
    tell([[(0.0, 0)] for _ in range(ARM.size)], clock.recorders)
    assert np.isinf(clock.time[ARM == 0]).all()
    assert np.isfinite(clock.time[ARM == 1]).all()
