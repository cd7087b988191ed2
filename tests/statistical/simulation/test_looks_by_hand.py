"""Looks that decide, against second simulations in plain NumPy that share no line with lupusim."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.planning.runs.run import PointResult, run
from lupusim.scenario import load_scenario
from tolerance import SEED, assert_within_mcse

N = 6_000
BY_HAND = 200_000
RATES = (0.3, 0.5, 0.45)
HAZARD = -np.log(0.7)
MODEL = {
    "schema": "lupusim/model/1",
    "name": "well",
    "description": "A share of 0.3 is well after a year",
    "states": ["ill", "well"],
    "start": "ill",
    "clock": "forward",
    "transitions": [
        {"from": "ill", "to": "well", "hazard": {"family": "exponential", "rate": float(HAZARD)}}
    ],
}
FIRST, LAST = {"patients": 150, "followed": "12 months"}, {"last_patient": "12 months"}
# Lan and DeMets, O'Brien-Fleming type, one-sided 0.025, half of the information at look 1: rpact
# 3.3.4, getDesignGroupSequential(kMax = 2, alpha = 0.025, typeOfDesign = "asOF")
BOUNDS = (2.962588, 1.968596)


def arm(name: str, rate: float) -> dict[str, object]:
    ratio = float(np.log1p(-rate) / -HAZARD)
    return {"name": name, "effects": [{"on": "ill -> well", "hazard_ratio": ratio}]}


def simulated(folder: Path, **changes: object) -> PointResult:
    (folder / "well.yaml").write_text(json.dumps(MODEL))
    content = {
        "schema": "lupusim/scenario/1",
        "title": "Looks",
        "model": "well.yaml",
        "arms": [{"name": "c", "control": True}, arm("a", RATES[1]), arm("b", RATES[2])],
        "enrollment": {"kind": "uniform", "duration": "24 months"},
        "follow_up": "12 months",
        "visits": ["12 months"],
        "endpoints": {"primary": {"kind": "responder", "states": ["well"], "at": "12 months"}},
        "sample_size": 300,
        **changes,
    }
    file = folder / "trial.yaml"
    file.write_text(json.dumps(content))
    return run(load_scenario(str(file)), N, seed=SEED).points[0]


def pooled_z(
    better: np.ndarray, n: np.ndarray | int, control: np.ndarray, m: np.ndarray | int
) -> np.ndarray:
    share = (better + control) / (n + m)
    error = np.sqrt(np.maximum(share * (1 - share), 1e-12) * (1 / n + 1 / m))
    return np.asarray((better / n - control / m) / error)


def sequence_by_hand(*, futility: float) -> dict[str, np.ndarray]:
    """Arm a, then arm b, each with bounds of its own; one that is given up stays given up."""
    rng = stream(SEED, "sequence by hand")
    one, two = rng.binomial(50, np.array(RATES)[:, None], (2, 3, BY_HAND))
    half = [pooled_z(one[k], 50, one[0], 50) for k in (1, 2)]
    full = [pooled_z(one[k] + two[k], 100, one[0] + two[0], 100) for k in (1, 2)]
    a = half[0] >= BOUNDS[0]
    b = a & (half[1] >= BOUNDS[0])
    no_a, no_b = ~a & (half[0] < futility), ~b & (half[1] < futility)
    over = b | no_a | (a & no_b)
    late = ~over & (a | (full[0] >= BOUNDS[1]))
    both = b | (late & ~no_b & (full[1] >= BOUNDS[1]))
    return {"any": a | late, "all": both, "early": over & a, "futile": over & ~a}


def test_a_sequence_of_arms_with_futility_is_as_by_hand(tmp_path: Path) -> None:
    bounds = {"efficacy": {"spending": "obrien_fleming"}, "futility": {"z": 0.5}}
    point = simulated(
        tmp_path,
        analysis={"test": "pooled_z", "multiplicity": {"method": "fixed_sequence"}},
        looks=[{"when": FIRST, **bounds}, {"when": LAST}],
    )
    names = {"any": "reject", "all": "reject_all"}
    names |= {"early": "look_1_efficacy", "futile": "look_1_futility"}
    expected = sequence_by_hand(futility=0.5)
    for what, name in names.items():
        seen = point.tally.mean(name)
        assert_within_mcse(seen.value, float(expected[what].mean()), mcse=seen.mcse)
    futile = point.tally.mean("look_1_futility")
    wrong = float(sequence_by_hand(futility=1.0)["futile"].mean())
    with pytest.raises(AssertionError, match="standard errors"):
        assert_within_mcse(futile.value, wrong, mcse=futile.mcse)


def dunnett(z: np.ndarray) -> np.ndarray:
    """P-value of the larger of two z with a control in common (correlation one half)."""
    from scipy.special import ndtr

    grid, (point, weight) = np.linspace(-5, 7, 3_001), np.polynomial.hermite_e.hermegauss(80)
    below = weight @ ndtr(np.sqrt(2) * grid + point[:, None]) ** 2 / weight.sum()
    return np.asarray(np.interp(z, grid, 1 - below))


def selection_by_hand(*, weight: float) -> dict[str, np.ndarray]:
    """The better arm at month 12 of 90 patients goes on; nobody comes in place of the other."""
    from scipy.special import ndtri

    n, rng = 10_000, stream(SEED, "selection by hand")
    enrolled = np.sort(rng.uniform(0, 3, (n, 300)), axis=1)
    arm_of = (rng.random((n, 50, 6)).argsort(axis=2) % 3).reshape(n, 300)
    well = rng.random((n, 300)) < np.array(RATES)[arm_of]
    look = enrolled[:, [89]] + 1
    first = enrolled <= look

    def z(who: np.ndarray, k: int) -> np.ndarray:
        there = [who & (arm_of == j) for j in (k, 0)]
        (x, n_x), (c, n_c) = (((w & well).sum(axis=1), w.sum(axis=1)) for w in there)
        return pooled_z(x, n_x, c, n_c)

    seen = np.arange(300) < 90
    best = 1 + (z(seen, 2) + 1e-9 * (rng.random(n) - 0.5) > z(seen, 1))
    stage_1 = np.column_stack([z(first, 1), z(first, 2)])
    stage_2 = np.where(best == 1, z(~first, 1), z(~first, 2))
    parts = [stage_1[np.arange(n), best - 1], -ndtri(dunnett(stage_1.max(axis=1)).clip(1e-12))]
    least = np.minimum(*parts)
    claim = np.sqrt(weight) * least + np.sqrt(1 - weight) * stage_2 >= 1.959964
    kept = first | (arm_of == 0) | (arm_of == best[:, None])
    return {"claim": claim, "a": best == 1, "a proven": claim & (best == 1), "n": kept.sum(axis=1)}


@pytest.mark.slow
def test_a_selected_arm_is_proven_as_by_hand(tmp_path: Path) -> None:
    point = simulated(
        tmp_path,
        analysis={"test": "pooled_z"},
        enrollment={"kind": "uniform", "duration": "36 months"},
        looks=[{"when": {**FIRST, "patients": 90}}, {"when": LAST}],
        adaptation={"kind": "select_arms", "keep": 1, "weights": [0.7, 0.3]},
    )
    names = {"claim": "reject", "a": "kept_a", "a proven": "reject_a", "n": "n_enrolled"}
    expected = selection_by_hand(weight=0.7)
    for what, name in names.items():
        seen, own = point.tally.mean(name), expected[what]
        mcse = float(np.hypot(seen.mcse, own.std() / np.sqrt(len(own))))
        assert_within_mcse(seen.value, float(own.mean()), mcse=mcse)


@pytest.mark.slow
def test_a_look_is_put_off_as_by_hand(tmp_path: Path) -> None:
    latest, later = 15 / 12, 16 / 12
    clock = {"events": 60, "latest": "15 months", "extension": "1 month"}
    point = simulated(
        tmp_path,
        model="survival",
        arms=[
            {"name": "c", "control": True},
            {"name": "a", "effects": [{"on": "alive -> death", "hazard_ratio": 0.6}]},
        ],
        endpoints={"primary": {"kind": "survival"}},
        follow_up="60 months",
        analysis={"test": "logrank"},
        looks=[
            {"when": clock, "efficacy": {"haybittle_peto": 2.5}},
            {"when": {"events": 200}},
        ],
    )
    rng = stream(SEED, "look by hand")
    n = 30_000
    hazard = np.log(2) * np.tile([1.0, 0.6], 150)
    death = np.sort(rng.uniform(0, 2, (n, 300)) + rng.exponential(1 / hazard, (n, 300)), axis=1)
    sixtieth = death[:, 59]
    date = np.where(sixtieth <= latest, sixtieth, np.minimum(sixtieth, later))
    by_hand = {"look_1_time": date, "look_1_extended": sixtieth > latest}
    by_hand |= {"look_1_short": sixtieth > later}
    for name, own in by_hand.items():
        seen = point.tally.mean(name)
        mcse = float(np.hypot(seen.mcse, own.std() / np.sqrt(n)))
        assert_within_mcse(seen.value, float(own.mean()), mcse=mcse)
