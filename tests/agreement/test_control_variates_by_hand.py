"""Power by control variates beside trials that a few lines of NumPy simulate and judge."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, norm, rankdata

from lupusim.planning.runs.run import run
from lupusim.scenario.files.scenario import scenario_from_mapping
from lupusim.trial.scenario import Scenario
from tolerance import SEED, assert_within_mcse

pytestmark = pytest.mark.slow
N, ON_NEW, ALPHA, MEDIAN, RATIO = 120, 80, 0.05, 12.0, 0.6  # patients, months
WEEKS_24 = 24 * 12 / 52.1775
_BY_HAND, _RUNS, _PER_RUN = 20_000, 24, 1000
SCENARIO: dict[str, Any] = {
    "schema": "lupusim/scenario/1",
    "title": "a time and a response",
    "outcomes": {
        "death": {"kind": "time_to_event", "terminal": True},
        "r": {"kind": "response", "at": "24 weeks"},
    },
    "arms": [
        {"name": "control", "control": True, "outcomes": {"death": "12 months", "r": "30 %"}},
        {"name": "new", "outcomes": {"death": {"hazard_ratio": RATIO}, "r": "50 %"}},
    ],
    "allocation": "1:2",
    "enrollment": {"kind": "uniform", "duration": "12 months"},
    "dropout": "10 % a year",
    "endpoints": {
        "primary": {"outcome": "death", "name": "death"},
        "secondary": [{"outcome": "r", "name": "response"}],
    },
    "looks": [{"when": {"calendar_time": "24 months"}}],
    "sample_size": N,
}


def p_values(n: int, *, effect: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the p-values of the log-rank and the pooled z test of `n` trials."""
    rng = np.random.default_rng(SEED)
    cards = rng.permuted(np.tile([0, 0, 1, 1, 1, 1], (n * N // 6, 1)), axis=1)
    new = cards.reshape(n, N).astype(bool)
    acts = new & effect
    death = rng.exponential(MEDIAN / math.log(2), (n, N)) / np.where(acts, RATIO, 1.0)
    left = np.minimum(rng.exponential(-12 / math.log(0.9), (n, N)), 24 - rng.uniform(0, 12, (n, N)))
    response = rng.random((n, N)) < np.where(acts, 0.5, 0.3)
    seen = response & (np.minimum(death, left) > WEEKS_24)
    order = np.argsort(np.minimum(death, left), axis=1)
    event, arm = (np.take_along_axis(x, order, 1) for x in (death <= left, new))
    share = arm[:, ::-1].cumsum(axis=1)[:, ::-1] / np.arange(N, 0, -1)
    score = (event * (share - arm)).sum(axis=1)
    z = score / np.sqrt((event * share * (1 - share)).sum(axis=1))
    had, others = (seen & new).sum(axis=1), (seen & ~new).sum(axis=1)
    pooled = (had + others) / N
    spread = np.sqrt(pooled * (1 - pooled) * (1 / ON_NEW + 1 / (N - ON_NEW)))
    return norm.sf(z), norm.sf((had / ON_NEW - others / (N - ON_NEW)) / spread)


def claims(method: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return which trials claim anything."""
    if method == "fixed_sequence":
        return first <= ALPHA
    both = np.maximum(first, second) <= ALPHA if method == "hochberg" else False
    return (np.minimum(first, second) <= ALPHA / 2) | both


def assert_agree(scenario: Scenario, by_hand_of: Callable[[bool], np.ndarray]) -> None:
    """Compare shares of claims, with and without an effect, and errors with their spread."""
    runs = [
        run(scenario, _PER_RUN, seed=SEED + number).operating_characteristics.iloc[0]
        for number in range(_RUNS)
    ]
    for name, effect in (("power", True), ("type_one_error", False)):
        found = np.array([row[name] for row in runs])
        errors = np.array([row[f"{name}_mcse"] for row in runs])
        by_hand = by_hand_of(effect)
        own = by_hand.std() / math.sqrt(_BY_HAND)
        mcse = math.hypot(own, math.sqrt((errors**2).mean() / _RUNS))
        assert_within_mcse(found.mean(), by_hand.mean(), mcse=mcse)
        ratio = found.var(ddof=1) / (errors**2).mean() * (_RUNS - 1)
        assert 1e-3 < chi2.sf(ratio, _RUNS - 1) < 1 - 1e-3
        counted = math.sqrt(found.mean() * (1 - found.mean()) / _PER_RUN)
        assert errors.max() < counted  # taking chance out never adds to it


@pytest.mark.parametrize(
    ("test", "method"),
    [
        ("logrank", "fixed_sequence"),
        ("peto", "fixed_sequence"),
        ("logrank", "holm"),
        ("logrank", "hochberg"),
    ],
)
def test_a_family_claims_as_often_and_its_error_is_its_spread(test: str, method: str) -> None:
    family = {"method": method, "endpoints": [{"endpoint": "response", "test": "pooled_z"}]}
    analysis = {"test": test, "alpha": ALPHA, "multiplicity": family}
    scenario = scenario_from_mapping({**SCENARIO, "analysis": analysis})
    assert_agree(scenario, lambda effect: claims(method, *p_values(_BY_HAND, effect=effect)))


SCORES: dict[str, Any] = {
    "schema": "lupusim/scenario/1",
    "title": "ranks of a score",
    "outcomes": {
        "score": {
            "kind": "score",
            "at": "24 weeks",
            "baseline": 20,
            "sd": 8,
            "correlation": 0.6,
            "lowest": 14,
        }
    },
    "arms": [
        {"name": "control", "control": True, "outcomes": {"score": {"24 weeks": -3}}},
        {"name": "new", "outcomes": {"score": {"24 weeks": -6.5}}},
    ],
    "allocation": "1:2",
    "enrollment": {"kind": "uniform", "duration": "12 months"},
    "dropout": "10 % a year",
    "analysis": {"test": "wilcoxon", "alpha": ALPHA},
    "sample_size": N,
}


def claims_of_ranks(*, effect: bool) -> np.ndarray:
    """Return which trials claim lower scores, by ranks with ties and the normal law."""
    rng, shape = np.random.default_rng(SEED + 1), (_BY_HAND, N)
    new = np.tile(np.arange(N) < ON_NEW, (_BY_HAND, 1))
    first, other = rng.standard_normal((2, *shape))
    later = 20 - np.where(new & effect, 6.5, 3.0) + 8 * (0.6 * first + 0.8 * other)
    change = np.maximum(later, 14) - np.maximum(20 + 8 * first, 14)
    there = rng.random(shape) < 0.9 ** (WEEKS_24 / 12)
    ranks = rankdata(np.where(there, change, np.inf), axis=1)
    n, on_new = there.sum(axis=1), (there & new).sum(axis=1)
    z = (ranks * (there & new)).sum(axis=1) - on_new * (n + 1) / 2
    same = ((change == 0) & there).sum(axis=1)  # who is at the lowest both times
    tied = (same**3 - same) / (n * (n - 1))
    spread = np.sqrt(on_new * (n - on_new) * (n + 1 - tied) / 12)
    return norm.cdf(z / spread) <= ALPHA


def test_ranks_of_a_score_claim_as_often_and_their_error_is_its_spread() -> None:
    assert_agree(scenario_from_mapping(SCORES), lambda effect: claims_of_ranks(effect=effect))
