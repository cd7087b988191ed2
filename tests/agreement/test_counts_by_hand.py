"""Powers by all tables, or by drawn ones, beside patients that NumPy draws from the documentation.

Every trial here is simulated patient by patient: strata, blocks, dropout, looks and tests as
docs/scenario_files.md and docs/reference/methods_of_tests.md define them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.stats import binom, multivariate_normal, norm

from lupusim.planning.runs.run import run
from lupusim.planning.sample_size.search import sample_size
from lupusim.scenario.files.scenario import scenario_from_mapping
from tolerance import SEED, assert_within_mcse

pytestmark = pytest.mark.slow
Array = NDArray[Any]
Claims = Callable[[np.random.Generator, bool], Array]
_TRIALS, _AT_ONCE = 60_000, 10_000
CRITICAL = norm.isf(0.025)
STAYS = 0.85 ** (24 / 52.1775)  # of whom 15 % a year drop out, until week 24
RESPONSE = {"r": {"kind": "response", "at": "24 weeks"}}


def scenario(shares: list[Any], **content: Any) -> dict[str, Any]:
    """Return a trial of one response in so many arms, the first the control."""
    arms = [{"name": f"arm {k}", "outcomes": {"r": share}} for k, share in enumerate(shares)]
    arms[0]["control"] = True
    return {
        "schema": "lupusim/scenario/1",
        "title": "counts",
        "outcomes": RESPONSE,
        "arms": arms,
        "enrollment": "10 per month",
        "analysis": {"test": "pooled_z"},
        **content,
    }


def by_stratum(*shares: float) -> dict[str, Any]:
    """Return the chances of the levels of the only factor."""
    return {"by": "g", "levels": dict(zip("abcd", shares, strict=False))}


def strata(*shares: float) -> dict[str, Any]:
    """Return a population with one factor."""
    return {"strata": {"g": dict(zip("abcd", shares, strict=False))}}


def drawn_strata(rng: np.random.Generator, n: int, shares: list[float]) -> Array:
    """Return which stratum each patient of many trials is of."""
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random((_AT_ONCE, n)), side="right")


def in_blocks(
    rng: np.random.Generator, n: int, block: list[int], stratum: Array | None = None
) -> Array:
    """Return the arms of permuted blocks, within strata if there are any."""

    def cards() -> Array:
        rows = np.tile(block, (_AT_ONCE, -(-n // len(block)), 1))
        return rng.permuted(rows, axis=2).reshape(_AT_ONCE, -1)[:, :n]

    if stratum is None:
        return cards()
    arm = np.zeros(stratum.shape, dtype=int)
    for level in np.unique(stratum):
        of_level = stratum == level
        place = np.maximum(of_level.cumsum(axis=1) - 1, 0)
        arm = np.where(of_level, np.take_along_axis(cards(), place, 1), arm)
    return arm


def over_root(value: Array, variance: Array) -> Array:
    """Return z; 0 where there is no variance."""
    return np.asarray(value / np.sqrt(np.where(variance > 1e-14, variance, np.inf)))


def pooled(y: Array, arm: Array, new: int = 1, among: slice = slice(None)) -> Array:
    """Return z of an arm's share against the control's, of all patients or the first ones."""
    y, arm = y[:, among], arm[:, among]
    treated, control = arm == new, arm == 0
    n1, n0 = treated.sum(1), control.sum(1)
    x1, x0 = (y & treated).sum(1), (y & control).sum(1)
    p = (x1 + x0) / (n1 + n0)
    return over_root(x1 / n1 - x0 / n0, p * (1 - p) * (1 / n1 + 1 / n0))


def mantel_haenszel(y: Array, arm: Array, stratum: Array) -> Array:
    """Return z of Mantel and Haenszel's test, without continuity correction."""
    excess, variance = np.zeros(len(y)), np.zeros(len(y))
    for level in np.unique(stratum):
        here = stratum == level
        n, n1, m = here.sum(1), (here & (arm == 1)).sum(1), (here & y).sum(1)
        excess += (here & y & (arm == 1)).sum(1) - n1 * m / np.maximum(n, 1)
        spread = n1 * (n - n1) * m * (n - m)
        variance += spread / (np.maximum(n, 1) ** 2 * np.maximum(n - 1, 1))
    return over_root(excess, variance)


def obrien_fleming(alpha: float, fraction: float) -> tuple[float, float]:
    """Return the bounds of two looks that spend alpha as Lan and DeMets say."""
    spent = 2 * norm.sf(norm.isf(alpha / 2) / math.sqrt(fraction))
    first, root = norm.isf(spent), math.sqrt(fraction)

    def left(last: float) -> float:
        both = multivariate_normal.cdf([first, last], cov=[[1, root], [root, 1]])
        return float(norm.cdf(first) - both - (alpha - spent))

    return float(first), float(brentq(left, 0, 6))


SHARES = [0.1, 0.2, 0.3, 0.4]
BY_STRATUM = np.array([[0.1, 0.3, 0.5, 0.7], [0.4, 0.6, 0.6, 0.9]])


def four_strata(rng: np.random.Generator, effect: bool) -> Array:
    """Return the claims of Mantel and Haenszel's test, 1:2 within four strata."""
    stratum = drawn_strata(rng, 58, SHARES)
    arm = in_blocks(rng, 58, [0, 0, 1, 1, 1, 1], stratum)
    chance = STAYS * BY_STRATUM[arm * effect, stratum]
    return mantel_haenszel(rng.random(arm.shape) < chance, arm, stratum) >= CRITICAL


def three_arms(rng: np.random.Generator, effect: bool) -> Array:
    """Return the claims of Holm's procedure on two arms, strata in the blocks alone."""
    stratum = drawn_strata(rng, 88, [0.4, 0.6])
    arm = in_blocks(rng, 88, [0, 0, 1, 1, 2, 2], stratum)
    chance = np.array([[0.2, 0.5], [0.4, 0.6], [0.5, 0.9]])[arm * effect, stratum]
    y = rng.random(arm.shape) < chance
    return np.maximum(pooled(y, arm, 1), pooled(y, arm, 2)) >= norm.isf(0.0125)


def arms_and_looks(rng: np.random.Generator, effect: bool) -> Array:
    """Return the claims of two arms at two looks, each at half of alpha."""
    first, last = obrien_fleming(0.0125, 0.5)
    arm = in_blocks(rng, 90, [0, 1, 2])
    y = rng.random(arm.shape) < np.array([0.3, 0.5, 0.6])[arm * effect]
    early = np.maximum(*(pooled(y, arm, new, slice(45)) for new in (1, 2))) >= first
    return np.asarray(early | (np.maximum(pooled(y, arm, 1), pooled(y, arm, 2)) >= last))


def two_endpoints(rng: np.random.Generator, effect: bool) -> Array:
    """Return the claims of Hochberg's procedure on two visits, of which dropout takes by arm."""
    arm = in_blocks(rng, 76, [0, 0, 1, 1])
    leaves = rng.exponential(-1 / math.log(0.8), arm.shape) / np.where(arm == 1, 2, 1)
    p = []
    for weeks, shares in ((24, [0.3, 0.55]), (12, [0.4, 0.65])):
        responds = rng.random(arm.shape) < np.array(shares)[arm * effect]
        p.append(norm.sf(pooled(responds & (leaves > weeks / 52.1775), arm)))
    return (np.minimum(*p) <= 0.0125) | (np.maximum(*p) <= 0.025)


def some_of_them(rng: np.random.Generator, effect: bool) -> Array:
    """Return the claims of a last look at 61 of 80 patients, the last block not filled."""
    stratum = drawn_strata(rng, 61, [0.2, 0.3, 0.5])
    arm = in_blocks(rng, 61, [0, 0, 0, 1, 1, 1])
    chance = np.array([[0.2, 0.5, 0.8], [0.5, 0.6, 0.95]])[arm * effect, stratum]
    return pooled(rng.random(arm.shape) < chance, arm) >= CRITICAL


def misread(rng: np.random.Generator, effect: bool) -> Array:
    """Return the claims where a model's states are missed, misread, and left by state and arm."""
    arm = in_blocks(rng, 90, [0, 0, 1, 1])
    chances = []
    for ratio, leaves in ((1.0, 0.1), (0.2 if effect else 1.0, 0.2)):
        q = np.zeros((4, 4))
        q[0] = [0, 0.2 * ratio, 0.02 * ratio, leaves]  # healthy; ill, death, gone
        q[1] = [0.4, 0, 0.1, 3 * leaves]
        healthy, ill, *_ = expm(q - np.diag(q.sum(axis=1)))[0]
        chances.append(0.85 * (healthy + 0.25 * ill))
    return pooled(rng.random(arm.shape) < np.array(chances)[arm], arm) >= CRITICAL


def _looks(*patients: int, **first: Any) -> list[dict[str, Any]]:
    whens = [{"patients": number, "followed": "24 weeks"} for number in patients]
    return [{"when": when} | (first if k == 0 else {}) for k, when in enumerate(whens)]


def _stratified(size: int) -> dict[str, Any]:
    return {"method": "permuted_block", "block_size": size, "stratify_by": ["g"]}


FOUR = scenario(
    [by_stratum(*BY_STRATUM[0]), by_stratum(*BY_STRATUM[1])],
    population=strata(*SHARES),
    allocation=_stratified(6),
    dropout="15 % a year",
    analysis={"test": "cochran_mantel_haenszel"},
    sample_size=58,
)
FOUR["arms"][1]["allocation"] = 2
HOLM = scenario(
    [by_stratum(0.2, 0.5), by_stratum(0.4, 0.6), by_stratum(0.5, 0.9)],
    population=strata(0.4, 0.6),
    allocation=_stratified(6),
    analysis={"test": "pooled_z", "multiplicity": {"method": "holm"}},
    sample_size=88,
)
LOOKS = scenario(
    [0.3, 0.5, 0.6],
    allocation={"method": "permuted_block", "block_size": 3},
    looks=_looks(45, 90, efficacy={"spending": "obrien_fleming"}),
    analysis={"test": "pooled_z", "multiplicity": {"method": "bonferroni"}},
    sample_size=90,
)
HOCHBERG = scenario(
    [0.3, 0.55],
    allocation="1:1",
    dropout={"per_year": "20 % a year", "by_arm": {"arm 1": 2}},
    endpoints={
        "primary": {"outcome": "r", "name": "late"},
        "secondary": [{"outcome": "s", "name": "early"}],
    },
    analysis={
        "test": "pooled_z",
        "multiplicity": {
            "method": "hochberg",
            "endpoints": [{"endpoint": "early", "test": "pooled_z"}],
        },
    },
    sample_size=76,
)
HOCHBERG["outcomes"] = {**RESPONSE, "s": {"kind": "response", "at": "12 weeks"}}
for _arm, _share in zip(HOCHBERG["arms"], (0.4, 0.65), strict=True):
    _arm["outcomes"]["s"] = _share
SOME = scenario(
    [by_stratum(0.2, 0.5, 0.8), by_stratum(0.5, 0.6, 0.95)],
    population=strata(0.2, 0.3, 0.5),
    allocation={"method": "permuted_block", "block_size": 6},
    looks=_looks(61),
    sample_size=80,
)
MISREAD: dict[str, Any] = {
    "schema": "lupusim/scenario/1",
    "title": "a model seen badly",
    "model": "illness-death",
    "arms": [
        {"name": "control", "control": True},
        {
            "name": "new",
            "infusions": {"cells_per_kg": 1.0e6, "at": ["0 weeks"]},
            "effects": [{"on": ["healthy -> ill", "healthy -> death"], "hazard_ratio": 0.2}],
        },
    ],
    "allocation": {"method": "permuted_block", "block_size": 4},
    "enrollment": "10 per month",
    "follow_up": "1 year",
    "visits": ["6 months", "1 year"],
    "visit_conduct": {"missed": 0.15, "misread": {"ill": {"healthy": 0.25}}},
    "dropout": {"per_year": 0.1, "by_state": {"ill": 3}, "by_arm": {"new": 2}},
    "endpoints": {
        "primary": {"kind": "responder", "name": "well", "states": ["healthy"], "at": "1 year"}
    },
    "analysis": {"test": "pooled_z"},
    "sample_size": 90,
}


@pytest.mark.parametrize(
    ("content", "claims"),
    [
        (FOUR, four_strata),
        (HOLM, three_arms),
        (LOOKS, arms_and_looks),
        (HOCHBERG, two_endpoints),
        (SOME, some_of_them),
        (MISREAD, misread),
    ],
    ids=["strata", "Holm", "looks", "Hochberg", "some patients", "misread"],
)
def test_counts_claim_as_often_as_patients(content: dict[str, Any], claims: Claims) -> None:
    found = run(scenario_from_mapping(content), 10).to_json()["points"][0]
    for name, effect in (("power", True), ("type_one_error", False)):
        rng = np.random.default_rng(SEED)
        mine = np.concatenate([claims(rng, effect) for _ in range(_TRIALS // _AT_ONCE)])
        error = mine.std() / math.sqrt(mine.size)
        if (told := found.get(f"{name}_exact")) is None:
            told = found[f"{name}_drawn"]
            error = math.hypot(error, found[f"{name}_drawn_mcse"])
        assert_within_mcse(told, mine.mean(), mcse=error)


def arm_sizes(n: int, block: tuple[int, int]) -> dict[tuple[int, int], float]:
    """Return the arms that permuted blocks make of so many patients, with their chances."""
    full, rest = divmod(n, sum(block))
    chances = {
        k: math.comb(block[0], k) * math.comb(block[1], rest - k) / math.comb(sum(block), rest)
        for k in range(max(rest - block[1], 0), min(block[0], rest) + 1)
    }
    return {(full * block[0] + k, full * block[1] + rest - k): w for k, w in chances.items()}


def power_of(n: int, block: tuple[int, int], shares: tuple[float, float]) -> float:
    """Return the power of the pooled z test of two shares: the sum over all tables."""
    power = 0.0
    for (n0, n1), weight in arm_sizes(n, block).items():
        x0, x1 = np.ix_(np.arange(n0 + 1), np.arange(n1 + 1))
        p = (x0 + x1) / n
        z = over_root(x1 / n1 - x0 / n0, p * (1 - p) * (1 / n1 + 1 / n0))
        chances = binom.pmf(x0, n0, shares[0]) * binom.pmf(x1, n1, shares[1])
        power += weight * chances[z >= CRITICAL].sum()
    return float(power)


@pytest.mark.parametrize(
    ("content", "block", "shares"),
    [
        (scenario([0.3, 0.55], allocation="1:1", sample_size=60), (2, 2), (0.3, 0.55)),
        (
            scenario([0.3, 0.55], allocation="1:2", dropout="15 % a year", sample_size=60),
            (2, 4),
            (0.3 * STAYS, 0.55 * STAYS),
        ),
        (
            scenario(
                [by_stratum(0.1, 0.4), by_stratum(0.3, 0.7)],
                population=strata(0.4, 0.6),
                allocation="1:1",
                sample_size=60,
            ),
            (2, 2),
            (0.28, 0.54),
        ),
    ],
    ids=["two shares", "1:2 and dropout", "two kinds of patients"],
)
def test_a_size_is_the_smallest_by_all_tables_with_its_teeth(
    content: dict[str, Any], block: tuple[int, int], shares: tuple[float, float]
) -> None:
    found = sample_size(scenario_from_mapping(content), 0.8)
    turn = sum(block) // 2
    smaller = range(6 * turn, found.n_patients, turn)
    assert max(power_of(n, block, shares) for n in smaller) < 0.8
    assert power_of(found.n_patients, block, shares) >= 0.8
    for row in found.curve.itertuples():
        assert row.power == pytest.approx(power_of(row.n_patients, block, shares), abs=1e-9)
