"""Win statistics by control variates beside the same trials by matrix exponentials and NumPy.

Hierarchies of states at visits are ranks: what visits show of a patient has an exact law, and
all pairs are compared by counting who has which rank.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.stats import norm

from lupusim.planning.runs.run import run
from lupusim.scenario.files.scenario import scenario_from_mapping
from tolerance import SEED, assert_same_means

pytestmark = pytest.mark.slow
Array = NDArray[Any]
_TRIALS, _AT_ONCE, _RUN = 80_000, 10_000, 10_000
LEAVES, RATIO, HALF = 0.15, 0.2, 26 / 52.1775
HEALTHY, ILL = 0, 1  # then death, and who has left


def scenario(test: str, n: int, block: list[int], by_arm: float, sided: int) -> dict[str, Any]:
    """Return a trial in which being alive counts before being well at two visits."""
    well = {"kind": "responder", "states": ["healthy"]}
    alive = {"kind": "responder", "states": ["healthy", "ill"], "at": "1 year", "name": "alive"}
    acts = ["healthy -> ill", "healthy -> death", "ill -> death"]
    return {
        "schema": "lupusim/scenario/1",
        "title": "wins",
        "model": "illness-death",
        "arms": [
            {"name": "control", "control": True, "allocation": block.count(0)},
            {
                "name": "new",
                "allocation": block.count(1),
                "infusions": {"cells_per_kg": 1.0e6, "at": ["0 weeks"]},
                "effects": [{"on": acts, "hazard_ratio": RATIO}],
            },
        ],
        "allocation": {"method": "permuted_block", "block_size": len(block)},
        "enrollment": {"kind": "uniform", "duration": "12 months"},
        "follow_up": "1 year",
        "visits": ["26 weeks", "1 year"],
        "dropout": {"per_year": LEAVES, "by_arm": {"control": by_arm}},
        "endpoints": {
            "primary": {
                "kind": "hierarchy",
                "name": "wins",
                "levels": [
                    alive,
                    {**well, "at": "26 weeks", "name": "early"},
                    {**well, "at": "1 year", "name": "late"},
                ],
            }
        },
        "analysis": {"test": test, "sided": sided},
        "sample_size": n,
    }


def ranks(effect: bool, leaves: float) -> Array:
    """Return the chances of (alive, well early, well late), worst first."""
    ratio = RATIO if effect else 1.0
    q = np.zeros((4, 4))
    q[HEALTHY] = [0, 0.2 * ratio, 0.02 * ratio, leaves]
    q[ILL] = [0.4, 0, 0.1 * ratio, leaves]
    q -= np.diag(q.sum(axis=1))
    early, rest = expm(q * HALF)[HEALTHY], expm(q * (1 - HALF))
    chances = np.zeros(8)
    for state, chance in enumerate(early):
        for last, then in enumerate(rest[state]):
            rank = 4 * (last in (HEALTHY, ILL)) + 2 * (state == HEALTHY) + (last == HEALTHY)
            chances[rank] += chance * then
    return chances


def z_of(test: str, new: Array, old: Array) -> Array:
    """Return z of trials from how many patients of each arm have each rank."""
    shares = []
    for mine, others, sign in ((new, old, 1), (old, new, -1)):
        below = (others.cumsum(1) - others) / others.sum(1, keepdims=True)
        above = 1 - below - others / others.sum(1, keepdims=True)
        shares.append((mine, *((below, above) if sign > 0 else (above, below))))
    wins, losses = ((new * shares[0][k]).sum(1) / new.sum(1) for k in (1, 2))
    if test == "win_ratio":
        wins, losses = (np.where(wins * losses > 0, of, np.nan) for of in (wins, losses))
        estimate, slopes = np.log(wins / losses), (1 / wins, -1 / losses)
    elif test == "win_odds":
        steep = 2 / (1 - (wins - losses) ** 2)
        estimate, slopes = np.log((1 + wins - losses) / (1 - wins + losses)), (steep, -steep)
    else:
        estimate, slopes = wins - losses, (np.ones_like(wins), -np.ones_like(wins))
    variance = np.zeros_like(estimate)
    for number, won, lost in shares:
        n = number.sum(1)
        value = slopes[0][:, None] * won + slopes[1][:, None] * lost
        mean = (number * value).sum(1) / n
        variance += (number * (value - mean[:, None]) ** 2).sum(1) / (n - 1) / n
    return np.asarray(estimate / np.sqrt(variance))


@pytest.mark.parametrize(
    ("test", "n", "block", "by_arm", "sided"),
    [
        ("win_odds", 88, [0, 0, 1, 1], 1.0, 1),
        ("win_ratio", 75, [0, 1, 1, 1, 1], 1.0, 2),
        ("net_benefit", 60, [0, 0, 1, 1], 3.0, 1),
    ],
)
def test_pairs_claim_as_often(
    test: str, n: int, block: list[int], by_arm: float, sided: int
) -> None:
    content = scenario(test, n, block, by_arm, sided)
    found = run(scenario_from_mapping(content), _RUN).to_json()
    assert found["known_chance"][0]["power"]["variance_ratio"] > 3
    rng = np.random.default_rng(SEED)
    n1 = n * sum(block) // len(block)
    for name, effect in (("power", True), ("type_one_error", False)):
        law = [ranks(effect, LEAVES), ranks(False, LEAVES * by_arm)]
        claims = []
        for _ in range(_TRIALS // _AT_ONCE):
            new = rng.multinomial(n1, law[0], _AT_ONCE)
            z = z_of(test, new, rng.multinomial(n - n1, law[1], _AT_ONCE))
            claims.append((np.abs(z) if sided == 2 else z) >= norm.isf(0.025 / sided))
        assert_same_means(found["points"][0], {name: np.concatenate(claims)})
