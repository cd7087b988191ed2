"""How the cost of a run grows with replicates, patients, looks, arms and cores.

Processor seconds of one core (of cores: seconds of the clock), medians of three turns; every run
has control variates where it can, and a null twin.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from turns import seconds_of

from lupusim import load_scenario, run
from lupusim.planning.controls import building
from lupusim.trial.scenario import Scenario

TURNS = 3
TRIAL = """schema: lupusim/scenario/1
title: "a trial of a benchmark: {arms} arms of {per_arm} patients, {looks} looks"
model: survival
arms:
  - {{name: control, control: true}}
{others}
enrollment: {{kind: uniform, duration: 24 months}}
dropout: {{per_year: 0.0512933}}
endpoints:
  primary: {{kind: survival}}
analysis: {{test: logrank{family}}}
looks:
{dates}
sample_size: {n}
"""


def trial(*, n: int = 300, looks: int = 1, arms: int = 2) -> Scenario:
    """Return case A with other numbers; the last look at two thirds of the patients' events."""
    others = "\n".join(
        f'  - {{name: dose {k}, effects: [{{on: ["alive -> death"], hazard_ratio: 0.7}}]}}'
        for k in range(1, arms)
    )
    events = [round(2 * n / 3 * k / looks) for k in range(1, looks + 1)]
    spending = ", efficacy: {spending: obrien_fleming}"
    dates = [f"  - {{when: {{events: {e}}}{spending * (e < events[-1])}}}" for e in events]
    family = ", multiplicity: {method: holm}" if arms > 2 else ""
    text = TRIAL.format(
        arms=arms, per_arm=n // arms, looks=looks, n=n, others=others, family=family,
        dates="\n".join(dates),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial.yaml"
        path.write_text(text)
        return load_scenario(path)


def seconds(scenario: Scenario, n_replicates: int) -> float:
    """Return the median processor seconds of a run."""

    def once(seed: int) -> None:
        building._known.clear()
        run(scenario, n_replicates, seed=seed, n_jobs=1)

    once(0)
    return statistics.median(seconds_of(lambda: once(seed)) for seed in range(1, TURNS + 1))  # noqa: B023


def cores(scenario: Scenario, n_replicates: int, n_jobs: int) -> float:
    """Return the median seconds of the clock, with workers that are there already."""
    taken = []
    for seed in range(TURNS + 1):
        begin = time.perf_counter()
        run(scenario, n_replicates, seed=seed, n_jobs=n_jobs)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[1:])


def table(name: str, heads: Sequence[object], values: Sequence[float]) -> Iterator[str]:
    """Yield the lines of one small table."""
    yield f"| {name} | {' | '.join(f'{head:,}' for head in heads)} |"
    yield "|---|" + "---|" * len(heads)
    yield f"| seconds | {' | '.join(f'{value:.2f}' for value in values)} |"
    yield ""


def lines(n: int = 10_000) -> Iterator[str]:
    """Yield the tables."""
    many = (n // 10, n, 5 * n)
    yield from table("replicates of case A", many, [seconds(trial(), k) for k in many])
    sizes = (30, 300, 3_000, 30_000)
    taken = [seconds(trial(n=size), max(300 * n // size, 1) // 2) for size in sizes]
    yield from table(f"patients a trial, {150 * n:,} in all", sizes, taken)
    looks = (1, 2, 3, 5, 10)
    taken = [seconds(trial(looks=k), n // 2) for k in looks]
    yield from table(f"looks, {n // 2:,} replicates", looks, taken)
    arms = (2, 3, 4, 6)
    taken = [seconds(trial(n=150 * k, arms=k), n // 4) for k in arms]
    yield from table(f"arms of 150 patients, {n // 4:,} replicates", arms, taken)
    taken = [cores(trial(), 100 * n, k) for k in (1, 2)]
    yield from table(f"cores, {100 * n:,} replicates, by the clock", (1, 2), taken)
