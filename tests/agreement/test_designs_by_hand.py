"""Whole trials beside programs that were written from the words of the documentation alone.

Screening, drift and gates, each in a design that is not the plainest: more than two arms, two
sides, unequal dropout, strata, looks. The model has two states; patients begin
active, and go to remission and back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from lupusim.planning.runs.run import run
from lupusim.scenario.files.scenario import scenario_from_mapping
from tolerance import SEED, assert_same_means

pytestmark = pytest.mark.slow
WEEK, MONTH = 7 / 365.25, 1 / 12  # years
UNTIL = 24 * WEEK
TRIALS = 3000
BETTER, BACK = 0.8, 0.5  # hazards a year: active to remission, and back
MODEL = f"""schema: lupusim/model/1
name: two
description: two states
states: [active, remission]
start: active
transitions:
  - {{from: active, to: remission, hazard: {{family: exponential, rate: {BETTER}}}}}
  - {{from: remission, to: active, hazard: {{family: exponential, rate: {BACK}}}}}
"""
TO_REMISSION = "active -> remission"


def planned(folder: Path, name: str, **content: Any) -> Mapping[str, Any]:
    """Return what lupusim finds of one design, by the names of its columns."""
    (folder / "two.yaml").write_text(MODEL, encoding="utf-8")
    document = {"schema": "lupusim/scenario/1", "title": name, **content}
    scenario = scenario_from_mapping(document, folder=folder)
    return run(scenario, TRIALS, seed=SEED, n_jobs=1).to_json()["points"][0]


def cards(rng: np.random.Generator, shape: tuple[int, int], ratio: Sequence[int]) -> np.ndarray:
    """Return arms by permuted blocks of twice the ratio's sum."""
    block = np.repeat(np.arange(len(ratio)), 2 * np.array(ratio))
    n_blocks = -(-shape[1] // block.size)
    drawn = rng.permuted(np.tile(block, (shape[0], n_blocks, 1)), axis=2)
    return drawn.reshape(shape[0], -1)[:, : shape[1]]


def each_by_blocks(
    rng: np.random.Generator, group: np.ndarray, ratios: Mapping[int, Mapping[int, int]]
) -> np.ndarray:
    """Return arms; blocks of their own in each group, {arm: share} by group."""
    arm = np.zeros(group.shape, dtype=int)
    for number, ratio in ratios.items():
        drawn = np.array(list(ratio))[cards(rng, (len(arm), group.shape[1]), list(ratio.values()))]
        place = np.maximum(np.cumsum(group == number, axis=1) - 1, 0)
        arm = np.where(group == number, np.take_along_axis(drawn, place, 1), arm)
    return arm


def in_remission(
    rng: np.random.Generator, hazard: np.ndarray, until: float, later: np.ndarray
) -> np.ndarray:
    """Return who is in remission at 24 weeks; the hazard to get there is `later` after `until`."""
    time, state = np.zeros(hazard.shape), np.zeros(hazard.shape, dtype=bool)
    goes_on = ~state
    while goes_on.any():
        drawn = rng.exponential(size=hazard.shape)
        before = np.maximum(until - time, 0) * hazard
        quick, slow = time + drawn / hazard, np.maximum(time, until) + (drawn - before) / later
        leaves = np.where(state, time + drawn / BACK, np.where(drawn <= before, quick, slow))
        goes_on &= leaves <= UNTIL
        state, time = state ^ goes_on, np.where(goes_on, leaves, time)
    return state


def stays(rng: np.random.Generator, per_year: np.ndarray) -> np.ndarray:
    """Return who has not left by 24 weeks."""
    return rng.exponential(size=per_year.shape) / per_year >= UNTIL


def two_rates(
    seen: np.ndarray, new: np.ndarray, old: np.ndarray, *, pooled: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return z and the difference of the shares of those who are new, and old."""
    n, m = new.sum(axis=1), old.sum(axis=1)
    had, others = (seen & new).sum(axis=1), (seen & old).sum(axis=1)
    p, q, both = had / n, others / m, (had + others) / (n + m)
    alike = both * (1 - both) * (1 / n + 1 / m)
    spread = alike if pooled else p * (1 - p) / n + q * (1 - q) / m
    return (p - q) / np.sqrt(spread), p - q


def test_candidates_are_tested_until_they_are_eligible(tmp_path):
    """Three arms, two sides, strata by the score at the test that let a patient in."""
    first_weeks = {"on": TO_REMISSION, "hazard_ratio": 2, "lasts": "12 weeks"}
    score = {"covariate": "sledai", "on": TO_REMISSION, "hazard_ratio": 0.9, "reference": 10}
    found = planned(
        tmp_path,
        "screening",
        model="two.yaml",
        population={
            "screening": {
                "sledai": {"mean": 8, "sd": 4},
                "bilag": {"systems": 3, "grade_a": 0.05, "grade_b": 0.2},
                "tests": 3, "every": "6 weeks", "correlation": 0.6,
                "eligible": [{"sledai": 10}, {"bilag_a": 1}, {"sledai": 6, "bilag_b": 2}],
            },
            "cuts": {"high": {"covariate": "sledai", "at": [12], "levels": ["no", "yes"]}},
            "effects": [score],
        },
        arms=[
            {"name": "control", "control": True},
            {"name": "a", "effects": [first_weeks]},
            {"name": "b", "allocation": 2, "effects": [{"on": TO_REMISSION, "hazard_ratio": 2.5}]},
        ],
        enrollment={"kind": "piecewise", "breaks": ["3 months"], "per_month": [20, 40]},
        allocation={"method": "permuted_block", "stratify_by": ["high"]},
        follow_up="24 weeks",
        visits=["24 weeks"],
        dropout={"per_year": 0.3, "by_arm": {"b": 2}},
        endpoints={"primary": {"kind": "responder", "states": ["remission"], "at": "24 weeks"}},
        analysis={
            "test": "cochran_mantel_haenszel", "alpha": 0.05, "sided": 2, "stratify_by": ["high"],
            "multiplicity": {"method": "bonferroni"},
        },
        sample_size=160,
    )  # fmt: skip
    rng = np.random.default_rng(SEED)
    first_test, entry, waited, shown = let_in(rng, 160)
    high = (shown >= 12).astype(int)
    arm = each_by_blocks(rng, high, {level: {0: 1, 1: 1, 2: 2} for level in (0, 1)})
    alike = BETTER * 0.9 ** (shown - 10)
    early, later = alike * np.array([1, 2, 2.5])[arm], alike * np.array([1, 1, 2.5])[arm]
    seen = in_remission(rng, early, 12 * WEEK, later) & stays(rng, np.array([0.3, 0.3, 0.6])[arm])
    wins = [mantel_haenszel(seen, arm, high, new) >= norm.isf(0.0125) for new in (1, 2)]
    by_hand = {
        "power": wins[0] | wins[1],
        "reject_b": wins[1],
        "screened": (first_test <= entry[:, -1:]).sum(axis=1),
        "screening_time": waited.mean(axis=1),
        "duration": entry[:, -1] + UNTIL,
        "response_a": (seen & (arm == 1)).sum(axis=1) / (arm == 1).sum(axis=1),
    }
    assert_same_means(found, {name: values.astype(float) for name, values in by_hand.items()})


def let_in(rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """Return the first tests of candidates; of those let in, entry, wait and SLEDAI by then."""
    shape = (TRIALS, 420)
    come = np.cumsum(rng.exponential(size=shape), axis=1)  # in candidates expected
    first_test = np.where(come <= 60, come / 20, 3 + (come - 60) / 40) * MONTH

    def tests() -> np.ndarray:
        own = rng.normal(size=(*shape, 1))
        return math.sqrt(0.6) * own + math.sqrt(0.4) * rng.normal(size=(*shape, 3))

    sledai = np.maximum(np.rint(8 + 4 * tests()), 0)
    grades = [norm.sf(tests()) for _ in range(3)]
    a = sum((u < 0.05).astype(int) for u in grades)
    b = sum(((u >= 0.05) & (u < 0.25)).astype(int) for u in grades)
    eligible = (sledai >= 10) | (a >= 1) | ((sledai >= 6) & (b >= 2))
    which = eligible.argmax(axis=2)
    entry = np.where(eligible.any(axis=2), first_test + 6 * WEEK * which, np.inf)
    order = np.argsort(entry, axis=1)[:, :n]
    shown = np.take_along_axis(sledai, which[:, :, None], 2)[:, :, 0]
    return first_test, *(np.take_along_axis(x, order, 1) for x in (entry, 6 * WEEK * which, shown))


def mantel_haenszel(seen: np.ndarray, arm: np.ndarray, stratum: np.ndarray, new: int) -> np.ndarray:
    """Return the size of z of an arm against arm 0, over two strata."""
    above, variance = np.zeros(len(seen)), np.zeros(len(seen))
    for level in (0, 1):
        here, old = (stratum == level) & (arm == new), (stratum == level) & (arm == 0)
        n, m = here.sum(axis=1), old.sum(axis=1)
        total, had = n + m, (seen & (here | old)).sum(axis=1)
        above += (seen & here).sum(axis=1) - n * had / total
        variance += n * m * had * (total - had) / (total**2 * (total - 1.0))
    return np.abs(above) / np.sqrt(variance)


@pytest.mark.parametrize("controls", ["concurrent", "all"])
def test_prognosis_drifts_while_arms_join_and_close(tmp_path, controls):
    """Later controls fare better: as if all had come together, the arm that closes looks worse."""
    better = {"on": TO_REMISSION, "hazard_ratio": 1.5}
    found = planned(
        tmp_path,
        "drift",
        model="two.yaml",
        population={"drift": {"on": TO_REMISSION, "hazard_ratio_per_year": 2.5}},
        arms=[
            {"name": "control", "control": True},
            {"name": "a", "closes": "10 months", "effects": [better]},
            {"name": "b", "allocation": 2, "joins": "6 months", "effects": [better]},
        ],
        enrollment="20 per month",
        follow_up="24 weeks",
        visits=["24 weeks"],
        endpoints={"primary": {"kind": "responder", "states": ["remission"], "at": "24 weeks"}},
        analysis={
            "test": "pooled_z", "alpha": 0.05, "sided": 2, "controls": controls,
            "multiplicity": {"method": "holm"},
        },
        dropout={"per_year": 0.2, "by_arm": {"b": 2}},
        sample_size=320,
    )  # fmt: skip
    rng = np.random.default_rng(SEED)
    entry = np.cumsum(rng.exponential(MONTH / 20, (TRIALS, 320)), axis=1)
    period = (entry >= 6 * MONTH).astype(int) + (entry >= 10 * MONTH)
    arm = each_by_blocks(rng, period, {0: {0: 1, 1: 1}, 1: {0: 1, 1: 1, 2: 2}, 2: {0: 1, 2: 2}})
    leave = np.array([0.2, 0.2, 0.4])[arm]
    wins = {}
    for effect in (1.5, 1.0):
        hazard = BETTER * 2.5**entry * np.where(arm > 0, effect, 1.0)
        seen = in_remission(rng, hazard, 1.0, hazard) & stays(rng, leave)
        p = []
        for new, was_open in ((1, period < 2), (2, period > 0)):
            old = (arm == 0) & (was_open | (controls == "all"))
            p.append(2 * norm.sf(np.abs(two_rates(seen, arm == new, old)[0])))
        least, most = np.minimum(*p), np.maximum(*p)
        wins[effect] = [(least <= 0.025) & ((p_k == least) | (most <= 0.05)) for p_k in p]
    by_hand = {
        "power": wins[1.5][0] | wins[1.5][1],
        "reject_a": wins[1.5][0],
        "reject_b": wins[1.5][1],
        "type_one_error": wins[1.0][0] | wins[1.0][1],
    }
    assert_same_means(found, {name: values.astype(float) for name, values in by_hand.items()})


def test_an_early_estimate_is_a_gate(tmp_path):
    """Two sides, three looks by Pocock's spending, early and late responses of correlation 0.6."""
    found = planned(
        tmp_path,
        "gate",
        outcomes={
            "late": {"kind": "response", "at": "24 weeks"},
            "early": {"kind": "response", "at": "8 weeks"},
        },
        correlation=0.6,
        arms=[
            {"name": "control", "control": True, "outcomes": {"late": "35 %", "early": "20 %"}},
            {"name": "cells", "outcomes": {"late": "52 %", "early": "35 %"}},
        ],
        allocation="1:2",
        enrollment="10 per month",
        dropout={"per_year": 0.3, "by_arm": {"cells": 2}},
        analysis={"test": "unpooled_z", "alpha": 0.05, "sided": 2},
        adaptation={
            "kind": "gate", "look": 2, "endpoint": "early at 8 weeks", "test": "unpooled_z",
            "estimate": 0.08,
        },
        looks=[
            {"when": {"patients": 60, "followed": "24 weeks"}, "efficacy": {"spending": "pocock"}},
            {"when": {"patients": 100, "followed": "24 weeks"}, "efficacy": {"spending": "pocock"}},
            {"when": {"last_patient": "24 weeks"}},
        ],
        sample_size=150,
    )  # fmt: skip
    rng = np.random.default_rng(SEED)
    shape = (TRIALS, 150)
    entry, arm = np.cumsum(rng.exponential(MONTH / 10, shape), axis=1), cards(rng, shape, [1, 2])
    by_hand = {}
    for effect in (True, False):
        acts = (arm == 1) & effect
        deviate = rng.normal(size=shape)
        other = 0.6 * deviate + 0.8 * rng.normal(size=shape)
        leaves = rng.exponential(size=shape) / np.array([0.3, 0.6])[arm]
        late = (deviate > norm.isf(np.where(acts, 0.52, 0.35))) & (leaves >= UNTIL)
        early = (other > norm.isf(np.where(acts, 0.35, 0.2))) & (leaves >= 8 * WEEK)
        reached = [
            np.abs(difference(late, arm, np.arange(150) < n)[0]) >= bound
            for n, bound in zip((60, 100, 150), POCOCK, strict=True)
        ]
        due = entry + 8 * WEEK <= entry[:, 99:100] + UNTIL
        open_ = difference(early, arm, due)[1] >= 0.08
        first, second = reached[0], ~reached[0] & reached[1]
        closed = ~first & ~second & ~open_
        wins = first | second | (~closed & reached[2])
        if effect:
            by_hand |= {"power": wins, "look_2_efficacy": second, "look_2_futility": closed}
            by_hand["false_stop"] = closed & reached[2]
        else:
            by_hand["type_one_error"] = wins
    assert_same_means(found, {name: values.astype(float) for name, values in by_hand.items()})


def difference(
    seen: np.ndarray, arm: np.ndarray, among: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return two_rates(seen, among & (arm == 1), among & (arm == 0), pooled=False)


POCOCK = (2.223875, 2.324884, 2.296253)
"""Bounds at 60, 100 and 150 of 150 that spend 0.05 log(1 + (e - 1) t), by nested trapezoids."""
