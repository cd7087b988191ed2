"""Where planning questions get their simulations: workers, ledger and listener of a command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import field, replace
from itertools import chain
from pathlib import Path

from lupusim.common.frozen import dataclass
from lupusim.common.memory import keep_freed_memory
from lupusim.planning.execution.ledger import Existing, Ledger
from lupusim.planning.execution.progress import Listener, Progress
from lupusim.planning.execution.tasks import Done, Score, Task, begun, in_goes
from lupusim.planning.execution.workers import Cores, Spread, Workers
from lupusim.simulation.block import simulate_block
from lupusim.simulation.fingerprint import content_hash, trial_fingerprint
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.tally import Tally
from lupusim.trial import Trial
from lupusim.trial.scenario import Scenario

_MOST_PARTS = 20  # of a job that goes side by side with others


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Some blocks of one trial, and what to make of each."""

    trial: Trial  # what to simulate
    blocks: tuple[Block, ...]  # which replicates; every number once
    score: Score = simulate_block  # makes the sums of a block; default those of a run

    def content(self, seed: int) -> str:
        """Return the name of the blocks in the ledger of a seed: that of the trial in a run."""
        own = self.blocks[0].seed
        name = trial_fingerprint(self.trial)
        if self.score is simulate_block and own == seed:
            return name
        return content_hash(name, self.score, str(own))

    def parts(self) -> list[Job]:
        """Return the same in at most twenty jobs of consecutive blocks."""
        size = -(-len(self.blocks) // _MOST_PARTS)
        begins = range(0, len(self.blocks), size)
        return [replace(self, blocks=self.blocks[begin : begin + size]) for begin in begins]


class InterruptedJobsError(KeyboardInterrupt):
    """Work was interrupted; carries the finished tallies of each job, in the order of blocks."""

    def __init__(self, finished: list[list[Tally]]) -> None:
        self.finished = finished
        super().__init__("interrupted")


@dataclass(slots=True, kw_only=True)
class Bench:
    """Simulates jobs; the same bits for any workers, in any order, also after a resume."""

    spread: Spread  # of workers that are ready
    seed: int = 0  # of the ledger
    ledger: Ledger | None = None  # keeps finished blocks, and gives them back
    listener: Listener | None = None  # told of the progress
    _done: int = field(init=False, default=0)
    _total: int = field(init=False, default=0)
    _seconds_per_patient: float | None = field(init=False, default=None)

    def tallies(self, jobs: Sequence[Job]) -> list[list[Tally]]:
        """Return for each job the tallies of its blocks, in their order.

        Raises
        ------
        InterruptedJobsError
            On KeyboardInterrupt; it is one.
        """
        names = [job.content(self.seed) if self.ledger else "" for job in jobs]
        round_ = _Round(jobs=jobs, names=names, found=[{} for _ in jobs])
        self._total += sum(block.n_replicates for job in jobs for block in job.blocks)
        try:
            self._take_from_ledger(round_)
            self._simulate(round_)
        except KeyboardInterrupt as interrupt:
            raise InterruptedJobsError(round_.in_order()) from interrupt
        return round_.in_order()

    def side_by_side(self, lines: Sequence[Sequence[Job]]) -> list[list[Tally]]:
        """Return for each line of jobs the tallies of all its blocks, in their order.

        All lines begin and go on together: whoever interrupts has something of each.

        Raises
        ------
        InterruptedJobsError
            On KeyboardInterrupt; with the finished tallies of each line.
        """
        places = sorted(
            (k / len(line), number, k)
            for number, line in enumerate(lines)
            for k in range(len(line))
        )

        def in_lines(finished: list[list[Tally]]) -> list[list[Tally]]:
            by_line: list[list[tuple[int, list[Tally]]]] = [[] for _ in lines]
            for (_, number, k), tallies in zip(places, finished, strict=True):
                by_line[number].append((k, tallies))
            return [list(chain(*(tallies for _, tallies in line))) for line in by_line]

        try:
            return in_lines(self.tallies([lines[number][k] for _, number, k in places]))
        except InterruptedJobsError as interrupt:
            raise InterruptedJobsError(in_lines(interrupt.finished)) from interrupt

    def _take_from_ledger(self, round_: _Round) -> None:
        if self.ledger is None:
            return
        stored: dict[tuple[str, int], dict[Block, Tally]] = {}
        for job, name, found in zip(round_.jobs, round_.names, round_.found, strict=True):
            key = (name, job.blocks[0].seed)
            if key not in stored:
                stored[key] = dict(self.ledger.finished(name, seed=key[1]))
            for block in job.blocks:
                if block in stored[key]:
                    found[block] = stored[key][block]
                    self._done += block.n_replicates

    def _simulate(self, round_: _Round) -> None:
        missing = round_.missing()
        first = next((k for k, blocks in enumerate(missing) if blocks), None)
        if first is None:
            return
        if self._seconds_per_patient is None:  # later rounds are begun by all workers together
            job, block = round_.jobs[first], missing[first][0]
            task = _task(first, job, missing[first])
            finished, rest, seconds = begun(task, sum(map(len, missing)))
            for done in finished:
                self._store(done, round_)
            missing[first] = list(rest.blocks)
            self._seconds_per_patient = seconds / (block.n_replicates * job.trial.n_patients)
        per_patient = self._seconds_per_patient
        waiting, left = [], 0.0
        for number, (job, blocks) in enumerate(zip(round_.jobs, missing, strict=True)):
            patients = job.trial.n_patients * sum(block.n_replicates for block in blocks)
            left += per_patient * patients
            if blocks:
                waiting.append((_task(number, job, blocks), per_patient * patients / len(blocks)))
        with closing(self.spread(in_goes(waiting), left)) as landed:
            for done in landed:
                self._store(done, round_)

    def _store(self, done: Done, round_: _Round) -> None:
        """Commit finished blocks, then count them, then tell the listener."""
        number = int(done.fingerprint)
        if self.ledger is not None:
            self.ledger.store(replace(done, fingerprint=round_.names[number]))
        round_.found[number].update(zip(done.blocks, done.tallies, strict=True))
        self._done += sum(block.n_replicates for block in done.blocks)
        if self.listener is not None:
            self.listener(Progress(done=self._done, total=self._total, power=None))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Jobs under way, their names in the ledger, and what is finished of each."""

    jobs: Sequence[Job]
    names: Sequence[str]
    found: Sequence[dict[Block, Tally]]

    def missing(self) -> list[list[Block]]:
        """Return the blocks of each job that are not finished."""
        return [
            [block for block in job.blocks if block not in found]
            for job, found in zip(self.jobs, self.found, strict=True)
        ]

    def in_order(self) -> list[list[Tally]]:
        """Return what is finished of each job, in the order of its blocks."""
        return [
            [found[block] for block in job.blocks if block in found]
            for job, found in zip(self.jobs, self.found, strict=True)
        ]


def _task(number: int, job: Job, blocks: Sequence[Block]) -> Task:
    return Task(fingerprint=str(number), trial=job.trial, blocks=tuple(blocks), score=job.score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """Where a command keeps finished work, and what was asked."""

    folder: Path  # made if need be
    existing: Existing  # what to do where it holds a run already
    scenario: Scenario  # whose designs the folder is for


@contextmanager
def bench(
    workers: Workers,
    *,
    seed: int = 0,
    notebook: Notebook | None = None,
    listener: Listener | None = None,
) -> Iterator[Bench]:
    """Make a bench ready, and leave nothing behind afterwards.

    Parameters
    ----------
    workers : Workers
        Who does the work.
    seed : int
        Of the question; a ledger holds blocks of one only.
    notebook : Notebook or None
        Where finished work is kept; None keeps nothing.
    listener : callable or None
        Told of the progress.

    Raises
    ------
    LedgerError
        If the folder cannot be used as asked.
    """
    keep_freed_memory()  # before work is handed out, as sums over tables are no work of workers
    with workers.ready() as spread, _ledger(notebook) as ledger:
        if ledger is not None and notebook is not None:
            scenario = notebook.scenario
            ledger.begin(scenario, seed=seed, n_replicates=scenario.n_replicates)
        yield Bench(spread=spread, seed=seed, ledger=ledger, listener=listener)


def _ledger(notebook: Notebook | None) -> AbstractContextManager[Ledger | None]:
    if notebook is None:
        return nullcontext()
    return Ledger(notebook.folder, existing=notebook.existing)


def on_bench(given: Bench | None, n_jobs: int) -> AbstractContextManager[Bench]:
    """Return the bench that was given, else one on so many processes of this machine."""
    return bench(Cores(n_jobs=n_jobs)) if given is None else nullcontext(given)
