"""Tests of patients who go through five states, written in NumPy from the documentation alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from lupusim.planning.runs.run import run
from lupusim.scenario.files.scenario import scenario_from_mapping
from tolerance import SEED, assert_same_means

pytestmark = pytest.mark.slow
Array = NDArray[Any]
_BATCHES, _AT_ONCE, _RUN = 4, 1000, 4000
STATES = ["active", "partial", "complete", "relapse", "death"]
A, P, C, R, D = range(5)
RATES = {
    **{(A, P): 1.2, (A, C): 0.8, (A, D): 0.1, (P, C): 0.7, (P, R): 0.9, (P, D): 0.03},
    **{(C, R): 0.6, (C, D): 0.03, (R, P): 0.9, (R, C): 0.5, (R, D): 0.15},
}
RESPONDS, RELAPSES = ((A, P), (A, C)), ((P, R), (C, R))
WEEK, RATIO, LEAVES, UNLUCKY = 1 / 52.1775, 2.5, (0.4, 0.2), 0.5
Z = norm.isf(0.025)


def scenario(folder: Path, effect: dict[str, Any], **parts: Any) -> Any:
    ways = [
        {"from": STATES[a], "to": STATES[b], "hazard": {"family": "exponential", "rate": rate}}
        for (a, b), rate in RATES.items()
    ]
    model = {"schema": "lupusim/model/1", "name": "five", "description": "five states"}
    model |= {"states": STATES, "start": "active", "clock": "reset", "time_unit": "years"}
    model |= {"absorbing": ["death"], "transitions": ways}
    (folder / "five.yaml").write_text(yaml.safe_dump(model))
    content = {
        "schema": "lupusim/scenario/1",
        "title": "states",
        "model": "five.yaml",
        "arms": [{"name": "control", "control": True}, {"name": "new", **effect}],
        "enrollment": {"kind": "uniform", "duration": "12 months"},
        "dropout": {"per_year": LEAVES[1], "by_arm": {"control": LEAVES[0] / LEAVES[1]}},
        "allocation": {"method": "permuted_block", "block_size": 4},
        **parts,
    }
    return scenario_from_mapping(content, folder=folder)


def acts(ways: tuple[tuple[int, int], ...], ratio: float, **lots: Any) -> dict[str, Any]:
    named = [f"{STATES[a]} -> {STATES[b]}" for a, b in ways]
    infusions = {"cells_per_kg": 1.0e6, "at": ["0 weeks"], **lots}
    return {"infusions": infusions, "effects": [{"on": named, "hazard_ratio": ratio}]}


def walk(
    rng: np.random.Generator, ratio: Array, ways: tuple[tuple[int, int], ...], until: float
) -> tuple[Array, Array]:
    """Return when each patient enters which state, (n_patients, n_moves)."""
    hazards = np.zeros((len(ratio), 5, 5))
    for (a, b), rate in RATES.items():
        hazards[:, a, b] = rate * (ratio if (a, b) in ways else 1.0)
    row, state, time = np.arange(len(ratio)), np.full(len(ratio), A), np.zeros(len(ratio))
    times, states = [time], [state]
    while (time < until).any():
        rates = hazards[row, state]
        total = rates.sum(1)
        with np.errstate(divide="ignore"):
            time = time + rng.exponential(size=len(row)) / total
        below = rates.cumsum(1) <= (rng.random(len(row)) * total)[:, None]
        state = np.where(total > 0, np.minimum(below.sum(1), D), state)
        times.append(time)
        states.append(state)
    return np.array(times).T, np.array(states).T


def where(times: Array, states: Array, at: float) -> Array:
    return np.asarray(states[np.arange(len(states)), (times <= at).sum(1) - 1])


def arms_of(rng: np.random.Generator, n: int) -> Array:
    return np.asarray(rng.permuted(np.tile([0, 0, 1, 1], (_AT_ONCE * n // 4, 1)), axis=1)).ravel()


def leaving(rng: np.random.Generator, arm: Array) -> Array:
    return rng.exponential(size=arm.size) / np.where(arm == 1, LEAVES[1], LEAVES[0])


def relapses(rng: np.random.Generator, ratio: float) -> Array:
    """Return z of the log-rank test of 80 patients at a date, death a competing event."""
    arm = arms_of(rng, 80)
    times, states = walk(rng, np.where(arm == 1, ratio, 1.0), RELAPSES, 2.0)
    first = [np.where(states == s, times, np.inf).min(1) for s in (R, D)]
    entry = np.sort(
        rng.random((_AT_ONCE, 80)), axis=1
    ).ravel()  # blocks are filled as patients come
    cut = np.minimum(2 - entry, leaving(rng, arm))
    event = ((first[0] < first[1]) & (first[0] <= cut)).reshape(_AT_ONCE, -1)
    seen = np.minimum(cut, np.minimum(*first)).reshape(event.shape)
    order = seen.argsort(1)
    event, arm = (np.take_along_axis(v.reshape(seen.shape), order, 1) for v in (event, arm))
    at_risk = np.arange(event.shape[1], 0, -1)
    share = arm[:, ::-1].cumsum(1)[:, ::-1] / at_risk
    observed = (event * (arm - share)).sum(1)
    return np.asarray(-observed / np.sqrt((event * share * (1 - share)).sum(1)))


def years(rng: np.random.Generator, ratio: float) -> Array:
    """Return z of Wilcoxon's test of years in remission of 60 patients, seen until they leave."""
    arm, until = arms_of(rng, 60), 52 * WEEK
    times, states = walk(rng, np.where(arm == 1, ratio, 1.0), RESPONDS, until)
    end = np.minimum(leaving(rng, arm), until)[:, None]
    stays = np.diff(np.minimum(times, end), append=end, axis=1)
    spent = (stays * np.isin(states, [P, C])).sum(1).reshape(_AT_ONCE, -1)
    arm = arm.reshape(spent.shape)
    n, n_new = arm.shape[1], arm.sum(1)
    above = (rankdata(spent, axis=1) * arm).sum(1) - n_new * (n_new + 1) / 2
    counts = [np.unique(of, return_counts=True)[1].astype(float) for of in spent]
    ties = np.array([(of**3 - of).sum() for of in counts]) / (n * (n - 1))
    pairs = n_new * (n - n_new)
    return np.asarray((above - pairs / 2) / np.sqrt(pairs / 12 * (n + 1 - ties)))


def responses(rng: np.random.Generator, ratio: float, *, sd: float = UNLUCKY) -> Array:
    """Return z of two rates of 80 patients, six of the new arm after another of one lot."""
    arm, until = arms_of(rng, 80), 26 * WEEK
    new = arm.reshape(_AT_ONCE, -1)
    lot = np.maximum(new.cumsum(1) - 1, 0) // 6
    potency = np.take_along_axis(rng.normal(scale=sd, size=(_AT_ONCE, 7)), lot, 1).ravel()
    times, states = walk(rng, np.where(arm == 1, ratio * np.exp(potency), 1.0), RESPONDS, until)
    well = np.isin(where(times, states, until), [P, C]) & (leaving(rng, arm) > until)
    well = well.reshape(new.shape)
    n = [(1 - new).sum(1), new.sum(1)]
    shares = [(well * (1 - new)).sum(1) / n[0], (well * new).sum(1) / n[1]]
    pooled = well.mean(1)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n[0] + 1 / n[1]))
    return np.asarray((shares[1] - shares[0]) / error)


def claims(z_of: Any, ratio: float, batches: int = _BATCHES, **changes: float) -> Array:
    rng = np.random.default_rng(SEED)
    return np.concatenate([z_of(rng, ratio, **changes) >= Z for _ in range(batches)])


def of_lots(folder: Path) -> Any:
    at = {"visits": ["26 weeks"], "follow_up": "26 weeks"}
    well = {"kind": "responder", "states": ["partial", "complete"], "at": "26 weeks"}
    return scenario(
        folder,
        acts(RESPONDS, RATIO, lots={"doses": 6, "sd": UNLUCKY}),
        sample_size=80,
        endpoints={"primary": well},
        analysis={"test": "pooled_z"},
        **at,
    )


def test_log_rank_tests_of_relapses_claim_as_often(tmp_path: Path) -> None:
    relapse = {"kind": "time_to_event", "events": ["relapse"], "competing": ["death"]}
    trial = scenario(
        tmp_path,
        acts(RELAPSES, 1 / RATIO),
        sample_size=80,
        endpoints={"primary": relapse},
        analysis={"test": "peto"},
        looks=[{"when": {"calendar_time": "24 months"}}],
    )
    (point,) = run(trial, _RUN).to_json()["points"]
    assert_same_means(
        point,
        {"power": claims(relapses, 1 / RATIO), "type_one_error": claims(relapses, 1.0)},
    )


def test_ranks_of_years_in_remission_claim_as_often(tmp_path: Path) -> None:
    stay = {"kind": "time_in_states", "states": ["partial", "complete"], "until": "52 weeks"}
    trial = scenario(
        tmp_path,
        acts(RESPONDS, RATIO),
        sample_size=60,
        follow_up="52 weeks",
        visits=["52 weeks"],
        endpoints={"primary": {**stay, "missing": "elsewhere"}},
        analysis={"test": "wilcoxon"},
    )
    (point,) = run(trial, _RUN).to_json()["points"]
    assert_same_means(point, {"power": claims(years, RATIO), "type_one_error": claims(years, 1.0)})


def test_who_shares_a_lot_shares_its_luck_where_arms_are_alike_too(tmp_path: Path) -> None:
    (point,) = run(of_lots(tmp_path), _RUN).to_json()["points"]
    assert_same_means(
        point, {"power": claims(responses, RATIO), "type_one_error": claims(responses, 1.0)}
    )


def test_arms_alike_without_lots_are_noticed(tmp_path: Path) -> None:
    (point,) = run(of_lots(tmp_path), _RUN).to_json()["points"]
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_same_means(point, {"type_one_error": claims(responses, 1.0, 16, sd=0.0)})
