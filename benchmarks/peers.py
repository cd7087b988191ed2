"""The same trials in lupusim and in its peers, one after the other in one session.

Run: ``python benchmarks/peers.py``. lupusim reads scenario files and simulates patients; the
peers are the packages that R has (rpact, lrstat, simtrial, simIDM, adaptr). Times are process
CPU seconds on one core; the trials of lupusim's null twin count.

A: 300 patients, log-rank at 200 events. B: the same with looks at 67, 134 and 200 events.
C: illness-death, two log-ranks at 180 events (simIDM counts 140 deaths for the second).
D: responses 0.32 against 0.15 in 120 patients, pooled z (rpact draws counts, not patients).
R: response-adaptive randomization, three arms, 18 looks, 300 to 2,000 patients.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from lupusim import load_scenario, run
from lupusim.trial.scenario import Scenario

N_TRIALS = 10_000
REPEATS = 5


HERE = Path(__file__).parent / "scenarios"
CASES = {
    "A": "survival_200_events",
    "B": "survival_three_looks",
    "C": HERE / "two_endpoints.yaml",
    "D": HERE / "two_rates.yaml",
    "R": HERE / "response_adaptive.yaml",
}


def ours(scenario: Scenario) -> tuple[float, float]:
    """Return trials a second (those of the null twin count) and the power."""
    best = math.inf
    for repeat in range(REPEATS):
        begin = time.process_time()
        result = run(replace(scenario, n_replicates=N_TRIALS), seed=repeat)
        best = min(best, time.process_time() - begin)
    power = result.points[0].power
    assert power is not None
    return 2 * N_TRIALS / best, power.value


def peers() -> dict[str, list[tuple[str, float, str]]]:
    """Return peer, trials a second and power by case; empty without R."""
    script = Path(__file__).with_suffix(".R")
    found: dict[str, list[tuple[str, float, str]]] = {}
    if shutil.which("Rscript"):
        done = subprocess.run(
            ["Rscript", str(script), str(N_TRIALS)], capture_output=True, text=True, check=False
        )
        for line in done.stdout.splitlines():
            case, peer, speed, power = line.split()
            found.setdefault(case, []).append((peer, float(speed), power))
    return found


if __name__ == "__main__":
    theirs = peers()
    print(f"{'case':6}{'lupusim, trials/s':>18}{'power':>8}   peer, trials/s, power, ratio")
    for name, scenario in CASES.items():
        speed, power = ours(load_scenario(scenario))
        print(f"{name:6}{speed:18,.0f}{power:8.3f}", end="   ")
        print(
            *(f"{peer} {s:,.0f} {p} {speed / s:.1f}x" for peer, s, p in theirs.get(name, [])),
            sep="; ",
        )
    if not theirs:
        print("R has none of the peers: no comparison")
