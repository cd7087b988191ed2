"""Whole trials from a scenario file beside a NumPy batch written by hand, in the same run.

Run: ``python benchmarks/cases.py``. Case A: 300 patients, log-rank at 200 events; lupusim
reads the packaged scenario ``survival_200_events`` and counts every simulated trial, those of
the null twin too. Case B: the same patients, looks at 67, 134 and 200 events, beside case A.
Times are process CPU seconds, the best of several repeats, taken in turns.
"""

from __future__ import annotations

import time

import by_hand

from lupusim import load_scenario, run
from lupusim.rng import stream

N_TRIALS = 10_000
REPEATS = 7


def case_a() -> None:
    scenario = load_scenario("survival_200_events")
    hand, ours = [], []
    for repeat in range(REPEATS):
        begin = time.process_time()
        by_hand_power = by_hand.fixed_design(N_TRIALS, stream(repeat, "by hand"))
        middle = time.process_time()
        result = run(scenario, N_TRIALS, seed=repeat)
        hand.append((middle - begin) / N_TRIALS)
        ours.append((time.process_time() - middle) / (2 * N_TRIALS))
    power = result.points[0].power
    print("case A: 300 patients, log-rank at 200 events")
    print(f"  by hand  {1 / min(hand):10,.0f} trials/s  power {by_hand_power:.3f}")
    print(f"  lupusim  {1 / min(ours):10,.0f} trials/s  power {power.value:.3f}", end="")
    print(f"  {min(hand) / min(ours):.2f} x")


def case_b() -> None:
    scenarios = [load_scenario(name) for name in ("survival_200_events", "survival_three_looks")]
    best = [float("inf")] * len(scenarios)
    for repeat in range(REPEATS):
        for number, scenario in enumerate(scenarios):
            begin = time.process_time()
            run(scenario, N_TRIALS, seed=repeat)
            spent = (time.process_time() - begin) / (2 * N_TRIALS)
            best[number] = min(best[number], spent)
    print("case B: the same, three looks")
    print(f"  one look    {1 / best[0]:10,.0f} trials/s")
    print(f"  three looks {1 / best[1]:10,.0f} trials/s  {best[0] / best[1]:.2f} x")


if __name__ == "__main__":
    case_a()
    case_b()
