"""Trials whose cells run out, and sequences of treatments, written from the documentation alone."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lupusim.planning.runs.run import run
from lupusim.scenario import load_scenario
from lupusim.scenario.files.scenario import scenario_from_mapping
from tolerance import SEED, assert_same_means

pytestmark = pytest.mark.slow
WEEK, MONTH = 7 / 365.25, 1 / 12  # years
UNTIL, TRIALS, BY_HAND = 24 * WEEK, 3000, 1200
MODEL = """schema: lupusim/model/1
name: two
description: two states
states: [active, remission]
start: active
transitions:
  - {from: active, to: remission, hazard: {family: exponential, rate: 0.8}}
  - {from: remission, to: active, hazard: {family: exponential, rate: 0.5}}
"""
COMMON: dict[str, Any] = {
    "schema": "lupusim/scenario/1",
    "title": "cells in lots",
    "model": "two.yaml",
    "follow_up": "24 weeks",
    "visits": ["24 weeks"],
    "endpoints": {"primary": {"kind": "responder", "states": ["remission"], "at": "24 weeks"}},
}


def planned(folder: Path, **content: Any) -> dict[str, Any]:
    """Return what lupusim finds, by the names of its columns."""
    (folder / "two.yaml").write_text(MODEL, encoding="utf-8")
    scenario = scenario_from_mapping(COMMON | content, folder=folder)
    return run(scenario, TRIALS, seed=SEED, n_jobs=1).to_json()["points"][0]


class Stock:
    """Lots, in the order in which they expire: when each is released and expires, and its doses."""

    def __init__(self, rng: np.random.Generator, lots: list[tuple[float, float]], **of: float):
        every, lead, life = of["every"], of["lead"], of["life"]
        starts = np.arange(0.0, 4.0, every)
        made = [(s + lead, s + life) for s in starts if rng.random() >= of["fails"]]
        self.lots = [[begin, end, of["doses"]] for begin, end in [*lots, *made]]
        self.releases = [begin for begin, _, _ in self.lots]

    def holding(self, time: float, doses: int) -> list[list[float]]:
        return [lot for lot in self.lots if lot[0] <= time < lot[1] and lot[2] >= doses]

    def take(self, time: float, doses: int = 1) -> bool:
        found = self.holding(time, doses)
        if found:
            found[0][2] -= doses
        return bool(found)


def dealt(stock: Stock, asked: list[tuple[float, int, int, float]]) -> list[tuple[int, int, float]]:
    """Return who is given an infusion, which and when; asked for at a time, it waits until one."""
    events = [(one[0], 1, one) for one in asked]
    events += [(time, 0, (time, 0, 0, 0.0)) for time in stock.releases]
    given, line = [], []
    for time, asks, one in sorted(events, key=lambda event: event[:2]):
        line += [one] if asks else []
        served = [w for w in line if time <= w[3] and (not asks or w is one) and stock.take(time)]
        given += [(patient, course, time) for _, patient, course, _ in served]
        line = [w for w in line if w not in served and time <= w[3]]
    return given


def respond(rng: np.random.Generator, start: np.ndarray, lasts: float, ratio: float) -> np.ndarray:
    """Return who is in remission at 24 weeks; `start` (n, 2): when an effect starts, if ever."""
    time, state = np.zeros(len(start)), np.zeros(len(start), dtype=bool)
    goes_on = ~state
    while goes_on.any():  # thinning: some steps from active are none
        time = time + rng.exponential(size=len(start)) / np.where(state, 0.5, 0.8 * ratio)
        goes_on &= time <= UNTIL
        since = time[:, None] - start
        acts = ((since >= 0) & (since < lasts)).any(axis=1)
        moves = state | acts | (rng.random(len(start)) < 1 / ratio)
        state = state ^ (goes_on & moves)
    return state


def test_infusions_wait_for_lots_and_start_late(tmp_path):
    """Two infusions each; patients leave the line, lots fail and expire; two sides, 1:2."""
    found = planned(
        tmp_path,
        arms=[
            {"name": "control", "control": True},
            {
                "name": "cells",
                "infusions": {"cells_per_kg": 1e6, "at": ["0 weeks", "12 weeks"], "missed": 0.1},
                "effects": [
                    {"on": "active -> remission", "hazard_ratio": 2.5, "lasts": "10 weeks"}
                ],
            },
        ],
        allocation="1:2",
        supply={
            "lots": {
                "doses": 5, "every": "3 weeks", "lead_time": "4 weeks", "fails": 0.2,
                "shelf_life": "10 weeks",
            },
            "at_start": 1,
            "patience": "2 weeks",
        },
        enrollment="8 per month",
        dropout={"per_year": 0.4, "by_arm": {"cells": 2}},
        analysis={"test": "pooled_z", "alpha": 0.05, "sided": 2},
        sample_size=120,
    )  # fmt: skip
    rng = np.random.default_rng(SEED)
    trials = [trial_with_a_supply(rng) for _ in range(BY_HAND)]
    assert_same_means(found, {name: [trial[name] for trial in trials] for name in trials[0]})


def trial_with_a_supply(rng: np.random.Generator) -> dict[str, float]:
    """Return what one trial of two infusions finds."""
    entry = np.cumsum(rng.exponential(MONTH / 8, 120))
    arm = rng.permuted(np.tile([0, 0, 1, 1, 1, 1], (20, 1)), axis=1).ravel()
    leaves = rng.exponential(size=120) / np.array([0.4, 0.8])[arm]
    due = [(k, course) for k in np.flatnonzero(arm) for course in (0, 1)]
    due = [one for one in due if rng.random() >= 0.1 and leaves[one[0]] > 12 * WEEK * one[1]]
    wanted = {(k, course): entry[k] + 12 * WEEK * course for k, course in due}
    patience = {one: min(time + 2 * WEEK, (entry + leaves)[one[0]]) for one, time in wanted.items()}
    asked = [(time, *one, patience[one]) for one, time in wanted.items()]
    lots = {"every": 3 * WEEK, "lead": 4 * WEEK, "life": 10 * WEEK, "fails": 0.2, "doses": 5}
    given = dealt(Stock(rng, [(0.0, 6 * WEEK)], **lots), asked)
    start = np.full((120, 2), np.inf)
    for k, course, time in given:
        start[k, course] = time - entry[k]
    late = [time - wanted[k, course] for k, course, time in given if time > wanted[k, course]]
    seen = respond(rng, start, 10 * WEEK, 2.5) & (leaves >= UNTIL)
    had, others = seen[arm == 1].sum(), seen[arm == 0].sum()
    share = (had + others) / 120
    z = (had / 80 - others / 40) / math.sqrt(share * (1 - share) * (1 / 80 + 1 / 40))
    return {
        "power": abs(z) >= 1.959964,
        "infusions_wanted": len(asked),
        "infusions_delayed": len(late),
        "infusions_missed": len(asked) - len(given),
        "infusion_wait": sum(late) / len(given),
        "response_cells": had / 80,
    }


def test_enrollment_pauses_until_a_lot_holds_an_infusion(tmp_path):
    """Three arms, of which one takes two doses: one dose left is none for whoever comes."""
    effects = [{"on": "active -> remission", "hazard_ratio": 2}]
    found = planned(
        tmp_path,
        arms=[
            {"name": "control", "control": True},
            {"name": "low", "infusions": {"cells_per_kg": 1e6}, "effects": effects},
            {"name": "high", "infusions": {"cells_per_kg": 2e6}, "effects": effects},
        ],
        allocation="1:1:2",
        supply={
            "lots": {
                "doses": 5, "every": "2 weeks", "lead_time": "3 weeks", "fails": 0.15,
                "shelf_life": "8 weeks",
            },
            "at_start": 2,
            "while_empty": "pause_enrollment",
            "arms": {"low": 1, "high": 2},
        },
        enrollment="20 per month",
        analysis={"test": "pooled_z", "multiplicity": {"method": "holm"}},
        sample_size=136,
    )  # fmt: skip
    rng = np.random.default_rng(SEED)
    by_hand = defaultdict(list)
    lots = {"every": 2 * WEEK, "lead": 3 * WEEK, "life": 8 * WEEK, "fails": 0.15, "doses": 5}
    for _ in range(BY_HAND):
        stock = Stock(rng, [(0.0, 5 * WEEK)] * 2, **lots)
        releases = np.sort(stock.releases)
        block = [0, 0, 1, 1, 2, 2, 2, 2]  # doses that each takes
        time, waited = 0.0, 0.0
        for doses in rng.permuted(np.tile(block, (17, 1)), axis=1).ravel():
            came = time + rng.exponential(MONTH / 20)
            time = came
            while not stock.holding(time, 2):
                time = releases[np.searchsorted(releases, time, side="right")]
            waited += time - came
            assert doses == 0 or stock.take(time, doses)
        by_hand["duration"].append(time + UNTIL)
        by_hand["enrollment_paused"].append(waited)
    assert_same_means(found, by_hand)


def first(rng: np.random.Generator, hazard: np.ndarray, until: float, later: float) -> np.ndarray:
    """Return times of an event whose hazard is another one from a time on."""
    drawn = rng.exponential(size=hazard.shape)
    quick = drawn <= hazard * until
    slow = until + (drawn - hazard * until) / max(later, 1e-12)
    return np.where(quick, drawn / np.maximum(hazard, 1e-12), slow)


def remission(rng: np.random.Generator, arm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return when remission begins and ends; never where it does not come."""
    begins = 1.386294 * np.array([1, 0.567, 0.567, 5.05])[arm]
    responds = np.where(
        arm == 3, first(rng, begins, 12 * WEEK, 0.0), rng.exponential(size=arm.shape) / begins
    )
    judged = first(rng, np.zeros(arm.shape), 0.5, 50.0)
    dies = rng.exponential(size=arm.shape) / 0.027
    second = (judged < responds) & (judged < dies)
    again = np.where(
        arm == 2,
        first(rng, np.full(arm.shape, 0.02 * 17.4), 0.5, 0.02),
        first(rng, np.where(arm == 3, 0.02, 0.02 * 350), 12 * WEEK, 0.02),
    )
    enters = np.where(second, judged + again, np.where(responds < dies, responds, np.inf))
    dies_later = judged + rng.exponential(size=arm.shape) / 0.027
    enters = np.where(second & (dies_later < enters), np.inf, enters)
    switched = (arm == 3) | (second & (arm < 2))  # CAR-T keeps in remission
    relapse = 0.08 * np.where(switched, 0.6, np.where(arm == 0, 1.0, 1.25))
    return enters, enters + rng.exponential(size=arm.shape) / (relapse + 0.0092)


def test_who_does_not_respond_goes_over_to_another_treatment():
    """Four sequences: cells or rituximab, then CAR-T, or cells again, or CAR-T at once."""
    scenario = load_scenario("smart_msc_then_cart")
    found = run(scenario, TRIALS, seed=SEED, n_jobs=1).to_json()["points"][0]
    rng = np.random.default_rng(SEED)
    block = np.repeat(np.arange(4), 2)
    arm = rng.permuted(np.tile(block, (TRIALS, 20, 1)), axis=2).reshape(TRIALS, -1)
    enters, ends = remission(rng, arm)
    seen = np.minimum(rng.exponential(size=arm.shape) / 0.1, 2.0)
    years = np.where(enters < seen, np.minimum(ends, seen) - enters, 0.0)
    names = [one.name for one in scenario.points[0].trial.arms]
    by_hand = {}
    for k, name in enumerate(names):
        by_hand[f"mean_{name}"] = np.where(arm == k, years, 0.0).sum(axis=1) / 40
        for month, time in ((6, 0.5), (24, 2.0)):
            there = (arm == k) & (enters <= time) & (ends > time) & (seen >= time)
            by_hand[f"remission at month {month}: response_{name}"] = there.sum(axis=1) / 40
    assert_same_means(found, by_hand)
