"""How run time and memory grow: one core against several, and replicates by the decade.

Run: ``python benchmarks/scaling.py [MOST_REPLICATES] [CORES]`` on a machine that does nothing
else. Every row is a fresh process, so that its peak memory is its own; workers are counted with
it. Cores: the pool is warm (a first run has started it), and both take turns. Start-up is from
the start of the command to its first finished block.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

SCENARIO = "survival_200_events"
REPEATS = 5
RUN = """
import json, resource, sys
import lupusim
result = lupusim.run(lupusim.load_scenario(sys.argv[1]), int(sys.argv[2]), n_jobs=int(sys.argv[3]))
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


def replicates(most: int) -> None:
    print("replicates   seconds   trials/s   peak MB (one core; the null twin's trials count)")
    n = 1_000
    while n <= most:
        command = [sys.executable, "-c", RUN, SCENARIO, str(n), "1"]
        seconds, peak = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        print(f"{n:10,d} {seconds:9.2f} {2 * n / seconds:10,.0f} {peak:9.0f}", flush=True)
        n *= 10


def cores(n_cores: int, n_replicates: int = 100_000) -> None:
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
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    n_cores = int(sys.argv[2]) if len(sys.argv) > 2 else (os.cpu_count() or 1)
    print(f"start-up to the first block: {min(start_up() for _ in range(REPEATS)):.2f} s")
    replicates(most)
    cores(n_cores)
