"""Simulate every design of a scenario, on one core or many, with the same bits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import field, replace
from pathlib import Path

from lupusim.common.compiled.choice import work_in_all
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.building import Results
from lupusim.planning.execution.ledger import Existing, Ledger
from lupusim.planning.execution.progress import Listener, Progress
from lupusim.planning.execution.shards import Everything, Share
from lupusim.planning.execution.tasks import Done, begun, in_goes, whole_blocks
from lupusim.planning.execution.workers import Cores, Spread, Workers
from lupusim.planning.runs.direction_check import wrong_way_notes
from lupusim.planning.runs.grouping import Versus, jobs_of, versus_first
from lupusim.planning.runs.precision import Precision
from lupusim.planning.runs.results import (
    Compared,
    InterruptedRunError,
    PointResult,
    RunResult,
)
from lupusim.planning.runs.series import Estimates, Series, more_precise, series_of
from lupusim.planning.runs.truth_check import unknown_truth_notes
from lupusim.simulation.fingerprint import versions
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.simulation.tally import Tally
from lupusim.trial.scenario import MOST_REPLICATES, Scenario, label

__all__ = [
    "Compared",
    "InterruptedRunError",
    "Listener",
    "PointResult",
    "Progress",
    "RunOptions",
    "RunResult",
    "run",
]

PLAIN = "--plain"
"""What asks for estimates without control variates on the command line."""
_NOTHING_YET = Tally({"reject": (0, 0.0, 0.0)})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run can be told beside what to simulate."""

    folder: Path | None = None  # where the ledger is kept; None keeps nothing
    existing: Existing = Existing.REFUSE  # what to do where the folder holds a run already
    precision: Precision | None = None  # a rule that decides how many replicates each design gets
    workers: Workers | None = None
    """Who does the work, such as a :class:`~lupusim.planning.execution.dask_cluster.DaskCluster`;
    None for `n_jobs` processes of this machine."""
    share: Share = field(default_factory=Everything)  # which part of the blocks is simulated here
    estimates: Estimates = Estimates.CONTROLLED
    """With control variates where a trial has some, or plain."""

    def __post_init__(self) -> None:
        if self.precision is not None and not self.share.is_whole:
            raise ValueError("a part of a run cannot look at the precision of the whole")


def run(
    scenario: Scenario,
    n_replicates: int | None = None,
    *,
    seed: int | None = None,
    n_jobs: int = 1,
    listener: Listener | None = None,
    options: RunOptions | None = None,
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
    options : RunOptions or None
        Where to keep finished work, how precise to be, who works.

    Returns
    -------
    RunResult
        Among others its ``operating_characteristics``.

    Raises
    ------
    ValueError
        If `n_replicates`, `seed` or `n_jobs` is out of range.
    LedgerError
        If the folder of the options cannot be used as asked.
    InterruptedRunError
        On KeyboardInterrupt; it is one, and carries what was finished as ``partial``.

    Examples
    --------
    >>> import lupusim
    >>> result = lupusim.run("two_rates", n_replicates=100, seed=1)
    >>> result.operating_characteristics["sample_size"].tolist()
    [100, 120, 160]
    """
    options = RunOptions() if options is None else options
    n_replicates = _asked(scenario, n_replicates, options.precision)
    workers: Workers = Cores(n_jobs=n_jobs) if options.workers is None else options.workers
    seed = scenario.seed if seed is None else seed
    with workers.ready() as spread, _ledger(options) as ledger:
        if ledger is not None:
            ledger.begin(
                scenario,
                seed=seed,
                n_replicates=n_replicates,
                estimates=options.estimates.value,
            )
        simulation = _Simulation(
            scenario=scenario,
            seed=seed,
            spread=spread,
            results_of=workers.results,
            ledger=ledger,
            share=options.share,
            listener=listener,
            estimates=options.estimates,
            planned=n_replicates if options.precision is None else options.precision.first,
        )
        return _results(simulation, n_replicates, options.precision)


def _asked(scenario: Scenario, n_replicates: int | None, precision: Precision | None) -> int:
    """Return the replicates asked for; with a rule its maximum."""
    if precision is not None:
        if n_replicates is not None:
            raise ValueError("give a number of replicates or a precision, not both")
        n_replicates = precision.most_replicates
    n_replicates = scenario.n_replicates if n_replicates is None else n_replicates
    if not 1 <= n_replicates <= MOST_REPLICATES:
        limits = f"at least 1 and at most {MOST_REPLICATES:,}"
        raise ValueError(f"n_replicates={n_replicates!r} must be {limits}")
    return n_replicates


def _ledger(options: RunOptions) -> Ledger | nullcontext[None]:
    if options.folder is None:
        return nullcontext()
    return Ledger(options.folder, existing=options.existing)


def _results(simulation: _Simulation, n_replicates: int, precision: Precision | None) -> RunResult:
    begin = time.perf_counter()
    amount = f"--replicates {n_replicates}" if precision is None else precision.option

    def result(notes: tuple[str, ...]) -> RunResult:
        complete = simulation.is_complete
        points = simulation.results()
        return RunResult(
            scenario=simulation.scenario,
            n_replicates=simulation.most_planned,
            seed=simulation.seed,
            points=points if complete else tuple(p for p in points if p.n_replicates),
            seconds=time.perf_counter() - begin,
            versions=versions(),
            notes=(*notes, *wrong_way_notes(points), *unknown_truth_notes(points))
            if complete
            else tuple(simulation.missing()),
            complete=complete,
            asked=f"{amount} {PLAIN}" if simulation.is_plain else amount,
        )

    try:
        if precision is None:
            simulation.extend(dict.fromkeys(range(len(simulation.scenario.points)), n_replicates))
            return result(())
        return result(tuple(_until_precise(simulation, precision)))
    except KeyboardInterrupt as interrupt:
        raise InterruptedRunError(result(())) from interrupt


def _until_precise(simulation: _Simulation, precision: Precision) -> Iterator[str]:
    """Simulate stage by stage; yield what the rule found for each design, in their order."""
    wanted = dict.fromkeys(range(len(simulation.scenario.points)), precision.first)
    words: dict[int, str] = {}
    stage = 0
    while wanted:
        stage += 1
        simulation.extend(wanted, at_most=precision.most_replicates)
        for number in list(wanted):
            point = simulation.result(number)
            assessment = precision.assess(point, stage)
            wanted[number] = assessment.wanted
            if assessment.words:
                words[number] = assessment.words
            elif point.n_replicates >= precision.most_replicates:
                words[number] = precision.shortfall(point)
        wanted = {number: n for number, n in wanted.items() if number not in words}
    for number, said in sorted(words.items()):
        yield f"{label(simulation.scenario.points[number].values)}: {said}"


@dataclass(slots=True, kw_only=True)
class _Simulation:
    """The replicates of all designs and their null twins, extended stage by stage."""

    scenario: Scenario
    seed: int
    spread: Spread
    results_of: Results
    ledger: Ledger | None
    share: Share
    listener: Listener | None
    estimates: Estimates
    planned: int  # replicates of each design, or of its first stage
    _points: list[tuple[Series, ...]] = field(default_factory=list)
    _versus: list[Versus | None] = field(default_factory=list)
    _by_key: dict[str, list[Series]] = field(default_factory=dict)
    _total: int = 0
    _seconds_per_block: float | None = None

    def __post_init__(self) -> None:
        self._points = [series_of(point) for point in self.scenario.points]
        if not self.is_plain:
            self._points = [more_precise(point, self.planned) for point in self._points]
        self._versus = versus_first(self._points)
        for number in range(len(self._points)):
            for series in self._series(number):
                self._by_key.setdefault(series.fingerprint, []).append(series)

    def _series(self, number: int) -> tuple[Series, ...]:
        """Return all that a design point counts: its trials, and its differences."""
        versus = self._versus[number]
        return self._points[number] + (versus.series if versus else ())

    def extend(self, wanted: Mapping[int, int], *, at_most: int | None = None) -> None:
        """Simulate design points until they have so many replicates each.

        With `at_most` the numbers are rounded up to whole blocks, but never beyond it, so that
        a later stage can go on.
        """
        missing: dict[str, dict[int, Block]] = {}
        for number, n_replicates in wanted.items():
            for series in self._series(number):
                n = n_replicates
                if at_most is not None:
                    n = min(whole_blocks(series.trial, n), at_most)
                for block in series.extend(n, seed=self.seed):
                    missing.setdefault(series.fingerprint, {})[block.number] = block
                    if not series.pairs and self.share.takes(block):
                        self._total += block.n_replicates
        self._take_from_ledger(missing)
        self._simulate(missing)

    def _take_from_ledger(self, missing: Mapping[str, dict[int, Block]]) -> None:
        if self.ledger is None:
            return
        for key, blocks in missing.items():
            for block, tally in self.ledger.finished(key, seed=self.seed):
                if blocks.get(block.number) == block:
                    del blocks[block.number]
                    self._enter(key, block, tally)

    def _simulate(self, missing: Mapping[str, dict[int, Block]]) -> None:
        mine = {
            key: [block for block in blocks.values() if self.share.takes(block)]
            for key, blocks in missing.items()
        }
        apart = self.ledger is not None
        jobs = [replace(job, apart=apart) for job in jobs_of(mine, self._by_key, self.results_of)]
        if not jobs:
            return
        if self._seconds_per_block is None:
            n_blocks = sum(len(job.blocks) for job in jobs)
            work_in_all(sum(job.n_patients for job in jobs))
            finished, jobs[0], self._seconds_per_block = begun(jobs[0], n_blocks)
            for done in finished:
                self._store(done)
        seconds = self._seconds_per_block
        left = seconds * sum(len(job.blocks) for job in jobs)
        tasks = in_goes([(job, seconds) for job in jobs])
        with closing(self.spread(tasks, left)) as landed:
            for done in landed:
                self._store(done)

    def _store(self, done: Done) -> None:
        """Commit finished blocks, then count them, then tell the listener."""
        if self.ledger is not None:
            self.ledger.store(done)
        for key, tallies in done.by_key.items():
            for block, tally in zip(done.blocks, tallies, strict=True):
                self._enter(key, block, tally)
        if self.listener is not None:
            point = next(
                p for p in self._points if any(s.fingerprint == done.fingerprint for s in p)
            )
            finished = sum(s.finished for p in self._points for s in p)
            power = point[0].running_power
            self.listener(Progress(done=finished, total=self._total, power=power))

    def _enter(self, key: str, block: Block, tally: Tally) -> None:
        for series in self._by_key[key]:
            series.enter(block, tally)

    @property
    def is_plain(self) -> bool:
        """Whether control variates were refused."""
        return self.estimates is Estimates.PLAIN

    @property
    def is_complete(self) -> bool:
        """Whether everything planned is in."""
        every = (s for number in range(len(self._points)) for s in self._series(number))
        return all(series.planned and series.is_complete for series in every)

    @property
    def most_planned(self) -> int:
        """Replicates of the design point that was given most."""
        return max(series.planned for point in self._points for series in point)

    def missing(self) -> Iterator[str]:
        """Yield how much of each design point is in."""
        for point, (truth, *null) in zip(self.scenario.points, self._points, strict=True):
            twin = "".join(f", with arms alike {s.finished} of {s.planned}" for s in null)
            yield f"{label(point.values)}: {truth.finished} of {truth.planned} replicates{twin}"

    def result(self, number: int) -> PointResult:
        """Return the result of a design point."""
        point, (truth, *null) = self.scenario.points[number], self._points[number]
        return PointResult(
            values=point.values,
            trial=point.trial,
            tally=truth.tally,
            null_tally=(null[0].tally if null[0].finished else _NOTHING_YET) if null else None,
            compared=self._compared(number),
        )

    def _compared(self, number: int) -> Compared | None:
        """Return how a design point differs from the first of its group; None for the first."""
        versus = self._versus[number]
        if versus is None:
            return None
        truth, *null = versus.series
        first, later = (self.scenario.points[k].trial for k in (versus.first, number))
        errors = null and error_quantity(first) == error_quantity(later) == "reject"
        return Compared(
            values=self.scenario.points[versus.first].values,
            tally=truth.tally,
            null_tally=null[0].tally if errors else Tally(),
        )

    def results(self) -> tuple[PointResult, ...]:
        """Return the results of all design points."""
        return tuple(self.result(number) for number in range(len(self._points)))
