"""Whole trials from a scenario file beside a NumPy batch written by hand, in the same run.

Run: ``python benchmarks/cases.py``. Case A: 300 patients, log-rank at 200 events. Case B: the
same patients, looks at 67, 134 and 200 events. lupusim reads the packaged scenarios and counts
every simulated trial, those of the null twin too. Times are process CPU seconds, the best of
several repeats, taken in turns.
"""

from __future__ import annotations

import time

import by_hand

from lupusim import load_scenario, run
from lupusim.common.rng import stream

N_TRIALS = 10_000
REPEATS = 7
CASES = {
    "A: 300 patients, log-rank at 200 events": ("survival_200_events", by_hand.fixed_design),
    "B: the same, three looks": ("survival_three_looks", by_hand.three_looks),
}


def main() -> None:
    """Print trials a second of each case, by hand and from its scenario."""
    scenarios = {case: load_scenario(name) for case, (name, _) in CASES.items()}
    hand: dict[str, list[float]] = {case: [] for case in CASES}
    ours: dict[str, list[float]] = {case: [] for case in CASES}
    power: dict[str, tuple[float, float]] = {}
    for repeat in range(REPEATS):
        for case, (_, written) in CASES.items():
            begin = time.process_time()
            by_hand_power = written(N_TRIALS, stream(repeat, "by hand"))
            middle = time.process_time()
            result = run(scenarios[case], N_TRIALS, seed=repeat)
            hand[case].append((middle - begin) / N_TRIALS)
            ours[case].append((time.process_time() - middle) / (2 * N_TRIALS))
            found = result.points[0].power
            power[case] = by_hand_power, found.value if found else float("nan")
    first = min(next(iter(hand.values())))
    for case in CASES:
        written, simulated = min(hand[case]), min(ours[case])
        print(case)
        print(f"  by hand  {1 / written:10,.0f} trials/s  power {power[case][0]:.3f}")
        print(f"  lupusim  {1 / simulated:10,.0f} trials/s  power {power[case][1]:.3f}", end="")
        print(f"  {written / simulated:.2f} x, {first / simulated:.2f} x case A by hand")


if __name__ == "__main__":
    main()
