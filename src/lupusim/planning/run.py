"""Simulate every design of a scenario, on one core or many, with the same bits."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lupusim.planning.blocks import replicates_per_block, simulate_block
from lupusim.planning.generation import Block
from lupusim.planning.scenario import Scenario
from lupusim.planning.tally import Mean, Tally
from lupusim.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

_SECONDS_PER_TASK = 0.5
_POOL_PAYS_AFTER = 4.0  # seconds of work left; a cold start of the pool costs about three


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come.

    Parameters
    ----------
    done, total : int
        Replicates simulated and asked for, over all points and their null twins.
    power : Mean or None
        Running power of the point in work; None where there is no test.
    """

    done: int
    total: int
    power: Mean | None


Listener = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointResult:
    """Operating characteristics of one design.

    Parameters
    ----------
    values : mapping
        What distinguishes the design point.
    trial : Trial
        The design.
    tally : Tally
        Sums over its replicates under the truth the scenario states.
    null_tally : Tally or None
        The same where every arm follows the control's law; None where nothing is tested.
    """

    values: Mapping[str, object]
    trial: Trial
    tally: Tally
    null_tally: Tally | None

    @property
    def power(self) -> Mean | None:
        """Share of replicates in which the test rejects; None where nothing is tested."""
        return self.tally.mean("reject") if self.null_tally is not None else None

    @property
    def type_one_error(self) -> Mean | None:
        """Share of rejections among the replicates of the null twin."""
        return self.null_tally.mean("reject") if self.null_tally is not None else None

    def row(self) -> dict[str, object]:
        """Return all of it, flat: each estimate beside its ``_mcse``; ``_sd`` is between trials."""
        row: dict[str, object] = {**self.values, "n_patients": self.trial.n_patients}
        row["n_replicates"] = self.tally.sums["duration"][0]
        means = {"power": self.power, "type_one_error": self.type_one_error}
        described = (name for name in self.tally.sums if name != "reject")
        means |= {name: self.tally.mean(name) for name in described}
        for name, mean in means.items():
            if mean is not None:
                row |= {name: mean.value, f"{name}_mcse": mean.mcse}
            if "response_" in name:
                row[f"{name}_sd"] = self.tally.standard_deviation(name)
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run found.

    Parameters
    ----------
    scenario : Scenario
        What was asked.
    n_replicates, seed : int
        Replicates per design point, and the seed.
    points : tuple of PointResult
        A result per design point, in the scenario's order.
    seconds : float
        Wall time.
    versions : mapping of str to str
        Versions of lupusim, Python and NumPy.
    """

    scenario: Scenario
    n_replicates: int
    seed: int
    points: tuple[PointResult, ...]
    seconds: float
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def operating_characteristics(self) -> pd.DataFrame:
        """A row per design point; every estimate beside its ``_mcse``."""
        import pandas as pd

        return pd.DataFrame([point.row() for point in self.points])

    def to_json(self) -> dict[str, object]:
        """Return the result as plain data, as ``lupusim run --format json`` prints it."""
        points = []
        for point in self.points:
            row = {k: _plain(v) for k, v in point.row().items() if k not in point.values}
            points.append({"design_point": dict(point.values), **row})
        return {
            "scenario": self.scenario.name,
            "seed": self.seed,
            "n_replicates": self.n_replicates,
            "versions": dict(self.versions),
            "seconds": self.seconds,
            "points": points,
        }


def _plain(value: object) -> object:
    """Return a value as JSON knows it: what no replicate has is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """Consecutive blocks of one trial: what a worker does in one go."""

    key: tuple[int, int]
    """Number of the design point; 0 for the stated truth, 1 for its null twin."""
    trial: Trial
    blocks: tuple[Block, ...]

    @property
    def n_replicates(self) -> int:
        return sum(block.n_replicates for block in self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """A task's tallies, block by block."""

    key: tuple[int, int]
    numbers: tuple[int, ...]
    tallies: tuple[Tally, ...]
    n_replicates: int


@cache
def _keep_freed_memory() -> None:
    """Make the C library keep the memory of freed arrays in the process.

    SPEED: it hands arrays above a limit back to the system and has to fetch them again,
    page by page; freeing one large array lifts that limit to its size, at most 32 MB
    (benchmarks/cases.py: a third more trials a second).
    """
    np.empty(31 * 2**20, dtype=np.uint8)


def _work(task: _Task) -> _Done:
    """Simulate the blocks of a task."""
    _keep_freed_memory()
    return _Done(
        key=task.key,
        numbers=tuple(block.number for block in task.blocks),
        tallies=tuple(simulate_block(task.trial, block) for block in task.blocks),
        n_replicates=task.n_replicates,
    )


def run(
    scenario: Scenario,
    n_replicates: int | None = None,
    *,
    seed: int | None = None,
    n_jobs: int = 1,
    listener: Listener | None = None,
) -> RunResult:
    """Simulate every design point of a scenario, and its null twin.

    Parameters
    ----------
    scenario : Scenario
        From :func:`lupusim.load_scenario`.
    n_replicates : int or None
        Simulated trials per point; default is the scenario's own number.
    seed : int or None
        Default is the scenario's own. The same seed gives the same bits for any `n_jobs`.
    n_jobs : int
        Processes; -1 for one per core. A short run stays in one process.
    listener : callable or None
        Told of the progress now and then.

    Returns
    -------
    RunResult
        Among others its ``operating_characteristics``.

    Raises
    ------
    ValueError
        If `n_replicates`, `seed` or `n_jobs` is out of range.
    """
    n_replicates = scenario.n_replicates if n_replicates is None else n_replicates
    seed = scenario.seed if seed is None else seed
    if n_replicates < 1:
        raise ValueError(f"n_replicates={n_replicates!r} must be at least 1")
    if n_jobs == 0 or n_jobs < -1:
        raise ValueError(f"n_jobs={n_jobs!r} must be -1 (every core) or at least 1")
    begin = time.perf_counter()
    ledger = _Ledger(scenario, n_replicates, listener)
    first, seconds = _first_block(scenario, n_replicates, seed)
    ledger.enter(first)
    tasks = _tasks(scenario, n_replicates, seed, seconds)
    left = seconds * sum(
        -(-n_replicates // replicates_per_block(t.n_patients)) for t in ledger.trials
    )
    cores = (os.cpu_count() or 1) if n_jobs == -1 else n_jobs
    for done in _spread(tasks, cores if left > _POOL_PAYS_AFTER else 1):
        ledger.enter(done)
    return RunResult(
        scenario=scenario,
        n_replicates=n_replicates,
        seed=seed,
        points=ledger.results(),
        seconds=time.perf_counter() - begin,
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    import platform
    from importlib.metadata import version

    names = ("lupusim", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _twins(trial: Trial) -> tuple[Trial, ...]:
    """Return the trial and, where something is tested, its null twin."""
    return (trial,) if trial.analysis is None else (trial, trial.null_twin())


def _blocks(trial: Trial, n_replicates: int, seed: int) -> list[Block]:
    size = replicates_per_block(trial.n_patients)
    begins = range(0, n_replicates, size)
    return [
        Block(seed=seed, number=number, n_replicates=min(size, n_replicates - begin))
        for number, begin in enumerate(begins)
    ]


def _first_block(scenario: Scenario, n_replicates: int, seed: int) -> tuple[_Done, float]:
    """Simulate the very first block here, and see how long one takes."""
    trial = scenario.points[0].trial
    block = _blocks(trial, n_replicates, seed)[0]
    begin = time.perf_counter()
    done = _work(_Task(key=(0, 0), trial=trial, blocks=(block,)))
    return done, time.perf_counter() - begin


def _tasks(
    scenario: Scenario, n_replicates: int, seed: int, seconds_per_block: float
) -> Iterator[_Task]:
    """Yield all tasks but the very first block."""
    per_task = max(1, int(_SECONDS_PER_TASK / max(seconds_per_block, 1e-6)))
    for number, point in enumerate(scenario.points):
        for twin, trial in enumerate(_twins(point.trial)):
            blocks = _blocks(trial, n_replicates, seed)[1 if (number, twin) == (0, 0) else 0 :]
            for begin in range(0, len(blocks), per_task):
                chosen = tuple(blocks[begin : begin + per_task])
                yield _Task(key=(number, twin), trial=trial, blocks=chosen)


def _spread(tasks: Iterator[_Task], cores: int) -> Iterator[_Done]:
    """Yield finished tasks, in whatever order they finish."""
    if cores == 1:
        yield from map(_work, tasks)
        return
    from joblib import Parallel, delayed

    pool = Parallel(n_jobs=cores, return_as="generator_unordered", batch_size=1)
    yield from pool(delayed(_work)(task) for task in tasks)


class _Ledger:
    """Keeps the tallies of finished blocks until they are added up in order."""

    def __init__(self, scenario: Scenario, n_replicates: int, listener: Listener | None) -> None:
        self.scenario = scenario
        self.trials = [trial for point in scenario.points for trial in _twins(point.trial)]
        self.total = n_replicates * len(self.trials)
        self.done = 0
        self.listener = listener
        self._tallies: dict[tuple[int, int], dict[int, Tally]] = {}

    def enter(self, done: _Done) -> None:
        """Take note of a finished task, and tell the listener."""
        tallies = self._tallies.setdefault(done.key, {})
        tallies.update(zip(done.numbers, done.tallies, strict=True))
        self.done += done.n_replicates
        if self.listener is not None:
            running = self._sum((done.key[0], 0))
            power = running.mean("reject") if "reject" in running.sums else None
            self.listener(Progress(done=self.done, total=self.total, power=power))

    def _sum(self, key: tuple[int, int]) -> Tally:
        total = Tally()
        for _, tally in sorted(self._tallies.get(key, {}).items()):
            total.add(tally)
        return total

    def results(self) -> tuple[PointResult, ...]:
        """Return the results of all design points."""
        return tuple(
            PointResult(
                values=point.values,
                trial=point.trial,
                tally=self._sum((number, 0)),
                null_tally=self._sum((number, 1)) if point.trial.analysis else None,
            )
            for number, point in enumerate(self.scenario.points)
        )
