"""How run time and memory grow with replicates, patients and cores.

Run: ``python benchmarks/scaling.py [--most 1000000] [--cores 2] [--plot FILE]`` on a machine that
does nothing else. Every row is a fresh process, so that its peak memory is its own; workers are
counted with it. Cores: the pool is warm (a first run has started it), and both take turns.
Start-up is from the start of the command to its first finished block.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

SCENARIO = "survival_200_events"
REPEATS = 5
PATIENTS = (30, 300, 3_000, 30_000, 300_000)
PER_ROW = 30_000_000  # patients simulated for each number of patients per trial
RUN = """
import json, resource, sys
from dataclasses import replace
import lupusim
from lupusim.trial import AtEvents
scenario = lupusim.load_scenario(sys.argv[1])
(point,), n = scenario.points, int(sys.argv[3])
trial = replace(point.trial, n_patients=n, cutoff=AtEvents(events=2 * n // 3))
scenario = replace(scenario, points=(replace(point, trial=trial),))
result = lupusim.run(scenario, int(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([result.seconds, peak]))
"""


def start_up() -> float:
    command = [sys.executable, "-m", "lupusim", "run", SCENARIO, "--replicates", "100000"]
    begin = time.perf_counter()
    with subprocess.Popen(
        [*command, "--jobs", "1", "--events", "jsonl"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if '"progress"' in line)
        seconds = time.perf_counter() - begin
        process.kill()
    return seconds


def measured(n_replicates: int, n_patients: int) -> tuple[float, float]:
    """Return seconds and peak memory (MB) of a run of one design and its null twin."""
    command = [sys.executable, "-c", RUN, SCENARIO, str(n_replicates), str(n_patients)]
    done = subprocess.run(command, capture_output=True, check=True)
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def replicates(most: int) -> list[tuple[float, float]]:
    print("replicates   seconds   trials/s   peak MB (300 patients; the null twin's trials count)")
    points = []
    n = 1_000
    while n <= most:
        seconds, peak = measured(n, 300)
        print(f"{n:10,d} {seconds:9.2f} {2 * n / seconds:10,.0f} {peak:9.0f}", flush=True)
        points.append((2.0 * n, seconds))
        n *= 10
    return points


def patients() -> list[tuple[float, float]]:
    print("  patients   seconds  patients/s   peak MB (per trial; of a run of 60 million)")
    points = []
    for n in PATIENTS:
        seconds, peak = measured(PER_ROW // n, n)
        print(f"{n:10,d} {seconds:9.2f} {2 * PER_ROW / seconds:11,.0f} {peak:9.0f}", flush=True)
        points.append((float(n), seconds * n / (2 * PER_ROW)))
    return points


def cores(n_cores: int, n_replicates: int = 300_000) -> None:
    from lupusim import load_scenario, run

    scenario = load_scenario(SCENARIO)
    run(scenario, n_replicates, n_jobs=n_cores)
    one, several = [], []
    for _ in range(REPEATS):
        one.append(run(scenario, n_replicates, n_jobs=1).seconds)
        several.append(run(scenario, n_replicates, n_jobs=n_cores).seconds)
    print(f"{n_replicates:,} replicates, best of {REPEATS}: one core {min(one):.2f} s,", end=" ")
    print(f"{n_cores} cores {min(several):.2f} s, {min(one) / min(several):.2f} x")
    print("  in turns:", ", ".join(f"{a / b:.2f}" for a, b in zip(one, several, strict=True)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=1_000_000, help="most replicates of a run")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--plot", type=Path, help="an SVG or PNG of run time against work")
    asked = parser.parse_args()
    print(f"start-up to the first block: {min(start_up() for _ in range(REPEATS)):.2f} s")
    by_replicates, by_patients = replicates(asked.most), patients()
    cores(asked.cores)
    if asked.plot:
        from lupusim.report.figures.style import save
        from lupusim.report.questions.figures import scaling

        lines = {"trials of 300 patients": by_replicates, "one trial, by patients": by_patients}
        save(scaling(lines, unit="trials, or patients of a trial", title=SCENARIO), asked.plot)
