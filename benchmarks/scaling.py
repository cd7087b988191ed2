"""How run time and memory grow with replicates, patients and cores.

Run: ``python benchmarks/scaling.py [--most 1000000] [--cores 2] [--plot FILE]`` on a machine that
does nothing else. Every row is a fresh process, so that its peak memory is its own; workers are
counted with it. Start-up is from the start of the command to its first finished block.

``python benchmarks/scaling.py --part cores`` prints in two to three minutes how many times as fast
several cores are as one: a run in a process that has simulated before, as many processes that run
it independently at the same time (what the machine can do), the share of this that is reached, and
a whole command with its start-up; with ``--times 5`` of runs that are five times as long.
``LUPUSIM_BACKEND`` is that of the caller.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lupusim.common.threads import ONE_THREAD

SCENARIO = "survival_200_events"
REPEATS = 5
PATIENTS = (30, 300, 3_000, 30_000, 300_000)
PER_ROW = 30_000_000  # patients simulated for each number of patients per trial
HERE = Path(__file__).parent / "scenarios"
CASES: dict[str, tuple[Path | str, int]] = {
    "A": ("survival_200_events", 50_000),
    "B": ("survival_three_looks", 25_000),
    "C": (HERE / "two_endpoints.yaml", 25_000),
    "D": (HERE / "two_rates.yaml", 400_000),
    "phase3_bicla_52w": ("phase3_bicla_52w", 1_500),
    "event_rate": ("event_rate", 8_000),
}
SERVE = """
import sys, time
import lupusim
scenario = lupusim.load_scenario(sys.argv[1])
for line in sys.stdin:
    n, seed, n_jobs = map(int, line.split())
    begin = time.perf_counter()
    lupusim.run(scenario, n, seed=seed, n_jobs=n_jobs)
    print(time.perf_counter() - begin, flush=True)
"""
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


class Process:
    """A process that has simulated before, and times runs of one scenario."""

    def __init__(self, scenario: Path | str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(scenario)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD,
        )  # fmt: skip

    def ask(self, n_replicates: int, seed: int, n_jobs: int) -> None:
        """Begin a run."""
        assert self._process.stdin is not None
        print(n_replicates, seed, n_jobs, file=self._process.stdin, flush=True)

    def seconds(self) -> float:
        """Return how long the run took, once it is done."""
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())

    def run(self, n_replicates: int, seed: int, n_jobs: int) -> float:
        """Return how long a run takes."""
        self.ask(n_replicates, seed, n_jobs)
        return self.seconds()

    def end(self) -> None:
        """Let it go."""
        self._process.kill()
        self._process.communicate()


def command(scenario: Path | str, n_replicates: int, seed: int, n_jobs: int) -> float:
    """Return the seconds of a whole command, from its start to its end."""
    asked = ("--replicates", n_replicates, "--seed", seed, "--jobs", n_jobs)
    words = [sys.executable, "-m", "lupusim", "run", scenario, *asked]
    begin = time.perf_counter()
    subprocess.run([str(word) for word in words], capture_output=True, check=True)
    return time.perf_counter() - begin


def cores(n_cores: int, turns: int, times: int) -> None:
    """Print how many times as fast several cores are, and could be.

    The machine: as many processes as cores, each of which runs the whole by itself, at once.
    Every run has a seed of its own, so that none finds what another has worked out.
    """
    print(f"{n_cores} cores beside one: medians of {turns} turns, and their range")
    print("case              replicates  one core    several      the machine  share  command")
    for name, (scenario, few) in CASES.items():
        n = times * few
        team = [Process(scenario) for _ in range(n_cores)]
        for process in team:
            process.run(few // 10, 0, 1)
        one, speed, most, whole = [], [], [], []
        for turn in range(turns):
            seed = 10 * turn
            one.append(team[0].run(n, seed + 1, 1))
            speed.append(one[-1] / team[0].run(n, seed + 2, n_cores))
            for k, process in enumerate(team):
                process.ask(n, seed + 3 + k, 1)
            most.append(sum(one[-1] / process.seconds() for process in team))
            alone, together = (command(scenario, n, seed + 9, k) for k in (1, n_cores))
            whole.append(alone / together)
        for process in team:
            process.end()
        share = [a / b for a, b in zip(speed, most, strict=True)]
        print(
            f"{name:18}{n:10,d} {statistics.median(one):7.2f} s  {_told(speed)} {_told(most)} "
            f"{statistics.median(share):6.2f} {statistics.median(whole):7.2f}",
            flush=True,
        )


def _told(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def draw(lines: Mapping[str, Sequence[tuple[float, float]]], path: Path) -> None:
    """Save a picture of seconds against work, both on logarithmic scales."""
    from lupusim.report.figures.style import axes_of_figure, finished, plain_numbers, save

    with axes_of_figure() as axes:
        for marker, (name, points) in zip("os", lines.items(), strict=True):
            work, took = zip(*sorted(points), strict=True)
            axes.plot(work, took, marker=marker, label=name)
        axes.set(xscale="log", yscale="log", xlabel="trials, or patients of a trial")
        axes.set(ylabel="seconds", title=SCENARIO)
        for axis in (axes.xaxis, axes.yaxis):
            plain_numbers(axis)
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False)
        save(finished(axes), path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=1_000_000, help="most replicates of a run")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--plot", type=Path, help="an SVG or PNG of run time against work")
    parser.add_argument("--part", choices=("all", "cores"), default="all")
    parser.add_argument("--times", type=int, default=1, help="as many replicates on several cores")
    asked = parser.parse_args()
    if asked.part == "cores":
        cores(asked.cores, 3, asked.times)
        sys.exit()
    print(f"start-up to the first block: {min(start_up() for _ in range(REPEATS)):.2f} s")
    by_replicates, by_patients = replicates(asked.most), patients()
    cores(asked.cores, 3, asked.times)
    if asked.plot:
        draw({"trials of 300 patients": by_replicates, "one trial": by_patients}, asked.plot)
