"""How long a run would take, told before it begins: from a few of its trials, and what they do."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module

from lupusim.analysis.numerics.rehearsal import Once, rehearsing
from lupusim.common.frozen import dataclass
from lupusim.planning.execution.tasks import Task, work
from lupusim.planning.execution.workers import Cores
from lupusim.planning.runs.grouping import jobs_of, versus_first
from lupusim.planning.runs.series import Series, more_precise, series_of
from lupusim.simulation.block import replicates_per_block
from lupusim.simulation.generation.generation import Block
from lupusim.trial import Trial
from lupusim.trial.scenario import Scenario

LONG = 60.0  # seconds: what takes longer is told before
LARGE = 1e9  # bytes of one process
_PATIENCE = 0.5  # seconds of some trials that are enough to judge by
_MOST_DESIGNS = 6  # that are timed; the others are taken to be like them
_HEAVY = 0.25  # seconds of one block of trials; a gigabyte cannot be written in less
_REHEARSED = 16  # trials, to see whether they need the same
_NOTHING = Once(seconds=0.0, bytes=0.0)
_STEP = 8  # times as many trials, while the estimate is long because of what is done once
_SECONDS_BETWEEN_GLANCES = 0.02
_OFTEN = 0.25  # share of the time at which a part is named
_PARTS: Mapping[str, str] = {
    "lupusim.analysis": "the test",
    "lupusim.endpoints": "comparing and measuring the endpoints",
    "lupusim.engines": "the patients' histories",
    "lupusim.trial.allocation": "randomization",
    "lupusim.trial.enrollment": "enrollment",
    "lupusim.simulation.adaptation": "the adaptation",
    "lupusim.simulation.looks": "the looks",
    "lupusim.simulation.generation": "making the patients",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How long a run would take, and how much memory."""

    seconds: float  # wall time of the whole run on `cores` processes
    bytes: float  # memory of one process at work
    cores: int  # processes
    n_timed: int  # trials of each timed design from which this is known
    parts: tuple[str, ...] = ()  # what most of the time is for

    def words(self, what: str = "this") -> str:
        """Return what is to be told before such a run; empty where it is short and small."""
        found = []
        if self.seconds > LONG:
            found.append(f"about {time_in_words(self.seconds)}")
        if self.bytes > LARGE:
            found.append(f"about {self.bytes / 1e9:.1f} GB in each of them")
        if not found:
            return ""
        where = "1 process" if self.cores == 1 else f"{self.cores} processes"
        trials = "1 trial" if self.n_timed == 1 else f"{self.n_timed} trials"
        why = f", most of it for {' and '.join(self.parts)}" if self.parts else ""
        return f"{what} takes {' and '.join(found)} with {where} (judged by {trials} a design){why}"


def time_in_words(seconds: float) -> str:
    """Return a time to wait in a unit that people use.

    Examples
    --------
    >>> time_in_words(80), time_in_words(7200), time_in_words(1e6)
    ('80 seconds', '2 hours', '12 days')
    """
    for unit, size in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 1.95 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} seconds"


def forecast(scenario: Scenario, n_replicates: int | None = None, *, n_jobs: int = 1) -> Forecast:
    """Estimate how long a run takes, from a few trials of some of its designs.

    A fraction of a second where the run itself is short. What is estimated beyond a minute has
    been looked at for about a second more than one trial of each design takes.

    Parameters
    ----------
    scenario : Scenario
        From :func:`lupusim.load_scenario`.
    n_replicates : int or None
        Simulated trials per point; default is the scenario's own number.
    n_jobs : int
        Processes; -1 for one per core.

    Raises
    ------
    ValueError
        If `n_jobs` is 0 or below -1.
    """
    asked = scenario.n_replicates if n_replicates is None else n_replicates
    cores = Cores(n_jobs=n_jobs).number
    tasks, each_stands_for = _some_tasks(scenario)
    import_module("scipy.special")  # or the first trial takes as long as 200
    most = min(asked, *(replicates_per_block(task.trial.n_patients) for task in tasks))
    n, was_slow = 1, False
    while True:
        with _glances(threading.get_ident()) as seen, rehearsing() as rehearsed:
            timed = sum(work(_of(task, n)).seconds for task in tasks)
        seconds = timed / n * asked * each_stands_for / cores
        if seconds <= LONG or n == most or (was_slow and timed > _PATIENCE):
            break
        # what is worked out once and kept (exact bounds) is not paid for again
        was_slow = timed > _PATIENCE
        n = n if was_slow else min(_STEP * n, most)
    once = _once(tasks, asked=asked, cores=cores) if rehearsed.noted else _NOTHING
    total = seconds + each_stands_for * once.seconds
    parts = _named(Counter(seen), tasks) if seconds > once.seconds else [_test_of(tasks)]
    return Forecast(
        seconds=total,
        bytes=once.bytes + (_memory(tasks, n, most) if timed / n * most > _HEAVY else 0.0),
        cores=cores,
        n_timed=n,
        parts=tuple(parts) if total > LONG else (),
    )


def _once(tasks: Sequence[Task], *, asked: int, cores: int) -> Once:
    """Return what is worked out once for all trials that need the same, such as equal arms.

    Where hardly two trials need the same, each works out its own; else each process does all.
    """
    n = min(_REHEARSED, asked)
    with rehearsing() as first:
        for task in tasks:
            work(_of(task, 1))
    with rehearsing() as rehearsed:
        for task in tasks:
            work(_of(task, n))
    needed = rehearsed.noted.values()
    seconds = sum(one.seconds for one in needed)
    if 2 * len(needed) > n * len(first.noted) > len(first.noted):
        seconds *= asked / n / cores
    return Once(seconds=seconds, bytes=max(one.bytes for one in first.noted.values()))


def _some_tasks(scenario: Scenario) -> tuple[list[Task], float]:
    """Return the work on one trial of some of the designs, and how many each stands for."""
    step = -(-len(scenario.points) // _MOST_DESIGNS)
    # null twins as a run has them; to know control variates takes longer than they cost
    points = [more_precise(series_of(p), 0, controlled=False) for p in scenario.points[::step]]
    known: dict[str, list[Series]] = {}
    missing: dict[str, list[Block]] = {}
    for point, versus in zip(points, versus_first(points), strict=True):
        for series in (*point, *(versus.series if versus else ())):
            known.setdefault(series.fingerprint, []).append(series)
            missing[series.fingerprint] = list(series.extend(1, seed=scenario.seed))
    return jobs_of(missing, known), len(scenario.points) / len(points)


def _of(task: Task, n_replicates: int) -> Task:
    """Return the same work on so many trials at once."""
    (block,) = task.blocks
    return replace(task, blocks=(replace(block, n_replicates=n_replicates),))


def _memory(tasks: Sequence[Task], n_timed: int, n_replicates: int) -> float:
    """Return the bytes that a process needs for a block, by what some of its trials need."""
    largest = max(tasks, key=lambda task: task.trial.n_patients)
    one = _peak(_of(largest, 1))
    if n_timed == 1:
        return one
    return one + (_peak(_of(largest, n_timed)) - one) * (n_replicates - 1) / (n_timed - 1)


def _peak(task: Task) -> float:
    if tracemalloc.is_tracing():
        return 0.0
    tracemalloc.start()
    try:
        with rehearsing():
            work(task)
        return float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@contextmanager
def _glances(thread: int) -> Iterator[list[str]]:
    """Collect what a thread is at, glance by glance, while the context lasts."""
    seen: list[str] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(_SECONDS_BETWEEN_GLANCES):
            seen.append(at_work(thread))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def at_work(thread: int) -> str:
    """Return the part of the simulation that a thread is in; empty for none that has a name.

    Parameters
    ----------
    thread : int
        Its number, from :func:`threading.get_ident`.
    """
    frame = sys._current_frames().get(thread)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        for prefix, part in _PARTS.items():
            if module.startswith(prefix):
                return part
        frame = frame.f_back
    return ""


def _named(glances: Counter[str], tasks: Sequence[Task]) -> Iterator[str]:
    """Yield the parts in which most of the time goes, with what makes them long."""
    largest = _largest(tasks)
    total = sum(glances.values())
    for part, n in glances.most_common(2):
        if part and n > _OFTEN * total:
            yield f"{part}{_what(part, largest)}"


def _test_of(tasks: Sequence[Task]) -> str:
    """Return the test, where what is worked out for it takes most of the time."""
    return f"the test{_what('the test', _largest(tasks))}"


def _largest(tasks: Sequence[Task]) -> Trial:
    return max((task.trial for task in tasks), key=lambda trial: trial.n_patients)


def _what(part: str, trial: Trial) -> str:
    """Return in brackets what a part does in a trial."""
    said = {
        "the test": trial.analysis.name if trial.analysis else "",
        "randomization": f"{len(trial.stratify_by)} factors" if trial.stratify_by else "",
    }.get(part, "")
    patients = f"{trial.n_patients:,} patients a trial"
    return f" ({said}, {patients})" if said else f" ({patients})"
