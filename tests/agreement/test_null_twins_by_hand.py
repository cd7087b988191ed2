"""Type I errors of trials that share patients, beside programs from the documentation alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, norm

from lupusim.planning.runs.run import run
from lupusim.scenario.files.scenario import scenario_from_mapping
from tolerance import SEED, assert_same_means, assert_within_mcse

pytestmark = pytest.mark.slow
WEEK = 7 / 365.25  # years
CRITICAL = norm.isf(0.025)
TIMES: dict[str, Any] = {
    "outcomes": {"death": {"kind": "time_to_event"}},
    "arms": [
        {"name": "control", "control": True, "outcomes": {"death": "12 months"}},
        {"name": "treated", "outcomes": {"death": {"hazard_ratio": 0.6}}},
    ],
    "allocation": "1:2",
    "enrollment": {"kind": "uniform", "duration": "12 months"},
    "dropout": "20 % a year",
}
SHARES: dict[str, Any] = {
    "outcomes": {"response": {"kind": "response", "at": "24 weeks"}},
    "arms": [
        {"name": "control", "control": True, "outcomes": {"response": "30 %"}},
        {"name": "treated", "outcomes": {"response": "80 %"}},
    ],
    "allocation": "1:1",
    "enrollment": "10 per month",
}


def planned(n_replicates: int, seed: int = SEED, **content: Any) -> dict[str, Any]:
    """Return what lupusim finds of one design, by the names of its columns."""
    scenario = scenario_from_mapping({"schema": "lupusim/scenario/1", "title": "null", **content})
    found: dict[str, Any] = run(scenario, n_replicates, seed=seed).to_json()["points"][0]
    return found


def by_blocks(rng: np.random.Generator, shape: tuple[int, int], block: list[int]) -> np.ndarray:
    """Return arms by permuted blocks."""
    n_blocks = -(-shape[1] // len(block))
    drawn = rng.permuted(np.tile(block, (shape[0], n_blocks, 1)), axis=2)
    return drawn.reshape(shape[0], -1)[:, : shape[1]]


def logrank(time: np.ndarray, event: np.ndarray, arm: np.ndarray) -> np.ndarray:
    """Return z of each row's trial; times below 0 are of who has not come."""
    order = np.argsort(time, axis=1)
    event, arm = np.take_along_axis(event, order, 1), np.take_along_axis(arm, order, 1)
    at_risk = time.shape[1] - np.arange(time.shape[1])
    share = arm[:, ::-1].cumsum(1)[:, ::-1] / at_risk
    score, variance = event * (arm - share), event * share * (1 - share)
    return np.asarray(score.sum(1) / np.sqrt(variance.sum(1)))


def test_two_sides_three_looks_unequal_allocation_and_dropout() -> None:
    looks = [20, 40, 60]
    spends = {"efficacy": {"spending": "obrien_fleming"}}
    found = planned(
        20_000,
        **TIMES,
        analysis={"test": "logrank", "alpha": 0.05, "sided": 2},
        looks=[{"when": {"events": 20}, **spends}, {"when": {"events": 40}, **spends},
               {"when": {"events": 60}}],
        sample_size=102,
    )  # fmt: skip
    # Bounds of 0.025 a side, by Lan and DeMets at a third, two thirds and all of the events.
    bounds = [3.7103, 2.5114, 1.9930]
    rng = np.random.default_rng(SEED)
    claims = []
    for _ in range(8):
        shape = (5000, 102)
        entry = np.sort(rng.random(shape), axis=1)
        death = rng.exponential(1 / math.log(2), shape)
        leaves = rng.exponential(-1 / math.log(0.8), shape)
        arm = by_blocks(rng, shape, [0, 0, 1, 1, 1, 1])
        date = np.where(death <= leaves, entry + death, np.inf)
        claimed = np.zeros(len(date), dtype=bool)
        for events, bound in zip(looks, bounds, strict=True):
            cutoff = np.sort(date, axis=1)[:, events - 1 : events]
            seen = np.minimum(np.minimum(death, leaves), cutoff - entry)
            claimed |= np.abs(logrank(np.where(seen < 0, -1, seen), date <= cutoff, arm)) >= bound
        claims.append(claimed)
    assert_same_means(found, {"type_one_error": np.concatenate(claims)})


def test_blocks_in_strata_by_cochran_mantel_haenszel() -> None:
    def by_site(small: str, large: str) -> dict[str, Any]:
        return {"response": {"by": "site", "levels": {"small": small, "large": large}}}

    found = planned(
        20_000,
        **SHARES
        | {
            "arms": [
                {"name": "control", "control": True, "outcomes": by_site("20 %", "50 %")},
                {"name": "treated", "outcomes": by_site("50 %", "80 %")},
            ],
            "allocation": {
                "method": "permuted_block", "block_size": 4, "stratify_by": ["site"],
            },
        },
        population={"strata": {"site": {"small": 0.3, "large": 0.7}}},
        dropout="10 % a year",
        analysis={"test": "cochran_mantel_haenszel"},
        sample_size=30,
    )  # fmt: skip
    rng = np.random.default_rng(SEED)
    shape = (100_000, 30)
    large = rng.random(shape) < 0.7
    responds = rng.random(shape) < np.where(large, 0.5, 0.2) * 0.9 ** (24 * WEEK)
    excess, variance = np.zeros(shape[0]), np.zeros(shape[0])
    for site in (large, ~large):
        place = np.maximum(site.cumsum(1) - 1, 0)
        treated = site & np.take_along_axis(by_blocks(rng, shape, [0, 0, 1, 1]), place, 1).astype(
            bool
        )
        total, of_treated, of_responders = site.sum(1), treated.sum(1), (site & responds).sum(1)
        expected = of_treated * of_responders / np.maximum(total, 1)
        spread = expected * (total - of_treated) * (total - of_responders)
        excess += (treated & responds).sum(1) - expected
        variance += spread / np.maximum(total * (total - 1), 1)
    z = excess / np.sqrt(np.where(variance > 0, variance, np.inf))
    assert_same_means(found, {"type_one_error": z >= CRITICAL})


def pooled(treated: np.ndarray, control: np.ndarray, sizes: tuple[int, int]) -> np.ndarray:
    """Return z of the difference of two shares; 0 where nobody or everybody responds."""
    together = (treated + control) / sum(sizes)
    variance = together * (1 - together) * (1 / sizes[0] + 1 / sizes[1])
    difference = treated / sizes[0] - control / sizes[1]
    return np.asarray(difference / np.sqrt(np.where(variance > 0, variance, np.inf)))


def test_errors_and_limits_of_few_patients_are_honest_in_runs_of_every_length() -> None:
    """14 patients: the last block is half empty, and a set of patients says much of its trials."""
    exact = 0.0
    for sizes, chance in {(7, 7): 2 / 3, (8, 6): 1 / 6, (6, 8): 1 / 6}.items():
        treated, control = np.indices((sizes[0] + 1, sizes[1] + 1))
        chances = binom.pmf(treated, sizes[0], 0.3) * binom.pmf(control, sizes[1], 0.3)
        exact += chance * chances[pooled(treated, control, sizes) >= CRITICAL].sum()
    for n_replicates in (100, 1000):
        found = [
            planned(n_replicates, SEED + k, **SHARES, analysis={"test": "pooled_z"}, sample_size=14)
            for k in range(150)
        ]
        shares, errors, lower, upper = (
            np.array([one[f"type_one_error{what}"] for one in found])
            for what in ("", "_mcse", "_lower", "_upper")
        )
        spread = shares.std(ddof=1)
        assert_within_mcse(shares.mean(), exact, mcse=spread / math.sqrt(150))
        mean_square = math.sqrt((errors**2).mean())
        assert_within_mcse(math.log(spread / mean_square), 0.0, mcse=1 / math.sqrt(300))
        covered = np.mean((lower <= exact) & (exact <= upper))
        assert_within_mcse(covered, 0.95, mcse=math.sqrt(0.95 * 0.05 / 150))
