"""What a worker does in one go: consecutive blocks of trials that share their patients."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from lupusim.common.frozen import dataclass
from lupusim.common.memory import keep_freed_memory
from lupusim.simulation.block import replicates_per_block, simulate_block
from lupusim.simulation.controls import Control
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.relabeling import PER_SET, score_relabeled
from lupusim.simulation.scoring import Pair, score_block
from lupusim.simulation.tally import Tally, counts_together
from lupusim.trial import Trial

_LONG = 0.02  # seconds of a block
_MANY, _LARGE = 4, 100_000  # blocks, and patients of one: a part of it tells the time of all
_PARTS = 16  # of such a block
_SECONDS_PER_TASK = 0.2  # what a task costs beside its work is below 1 %
_AT_THE_END = 8  # tasks that the rest is in, or more: one worker has little left after the others

Score = Callable[[Trial, Block], Tally]
"""Simulates a block and returns its sums; a function of a module, or an object with a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Consecutive blocks of one trial."""

    fingerprint: str  # content hash of the trial
    trial: Trial  # what to simulate
    blocks: tuple[Block, ...]  # which of its replicates
    score: Score = simulate_block  # makes the sums of a block
    others: Mapping[str, Trial] = field(default_factory=dict)
    """Trials that share the patients, by content hash: judged in the same go, by the sums of a run.
    """
    pairs: tuple[Pair, ...] = ()  # which of all these trials to compare, replicate by replicate
    controls: Mapping[str, Control] = field(default_factory=dict)
    """Control variates of those of the trials that have some, by content hash."""
    relabeled: bool = False  # whether replicates share their patients, some at a time
    apart: bool = True
    """Whether somebody keeps the sums of each block by themselves; else what they count is sent
    together (:func:`~lupusim.simulation.tally.counts_together`)."""

    @property
    def n_patients(self) -> int:
        """How many patients are simulated."""
        n_replicates = sum(block.n_replicates for block in self.blocks)
        return self.trial.n_patients * n_replicates // (PER_SET if self.relabeled else 1)

    def split(self, n_blocks: int) -> tuple[Task, Task]:
        """Return the same with so many blocks, and with the others, which may be none."""
        first, rest = self.blocks[:n_blocks], self.blocks[n_blocks:]
        return replace(self, blocks=first), replace(self, blocks=rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished task."""

    fingerprint: str  # content hash of the trial
    blocks: tuple[Block, ...]  # which of its replicates
    tallies: tuple[Tally, ...]  # their sums, block by block
    seconds: float = 0.0  # wall time in the worker
    others: Mapping[str, tuple[Tally, ...]] = field(default_factory=dict)
    """Sums of the other trials by content hash, and of the pairs by their key."""

    @property
    def by_key(self) -> dict[str, tuple[Tally, ...]]:
        """All sums."""
        return {self.fingerprint: self.tallies, **self.others}


def blocks_of(trial: Trial, n_replicates: int, *, seed: int, begin: int = 0) -> Iterator[Block]:
    """Yield the blocks that hold the replicates `begin` to `n_replicates` of a trial.

    `begin` is a whole number of blocks; the last block holds what is left.
    """
    size = replicates_per_block(trial.n_patients)
    for first in range(begin, n_replicates, size):
        yield Block(seed=seed, number=first // size, n_replicates=min(size, n_replicates - first))


def is_block_of(trial: Trial, n_replicates: int, block: Block) -> bool:
    """Return whether a block is one of those that hold `n_replicates` replicates of a trial."""
    size = replicates_per_block(trial.n_patients)
    return 0 < block.n_replicates == min(size, n_replicates - block.number * size)


def whole_blocks(trial: Trial, n_replicates: int) -> int:
    """Return `n_replicates`, rounded up to whole blocks of a trial."""
    size = replicates_per_block(trial.n_patients)
    return -(-n_replicates // size) * size


def work(task: Task) -> Done:
    """Simulate the blocks of a task."""
    keep_freed_memory()
    begin = time.perf_counter()
    found = [_sums(task, block) for block in task.blocks]
    tallies = {key: tuple(sums[key] for sums in found) for key in found[0]}
    if not task.apart:
        tallies = {key: counts_together(sums) for key, sums in tallies.items()}
    return Done(
        fingerprint=task.fingerprint,
        blocks=task.blocks,
        tallies=tallies.pop(task.fingerprint),
        others=tallies,
        seconds=time.perf_counter() - begin,
    )


def begun(task: Task, n_blocks: int) -> tuple[list[Done], Task, float]:
    """Return what is done of a task so that its time is known, the rest, and seconds of a block.

    Nobody else works before the time is known. So of `n_blocks` that are several and large a part
    of one is simulated, for the time alone; else the first block is done.
    """
    first, rest = task.split(1)
    (block,) = first.blocks
    part = block.n_replicates // _PARTS
    if not part or n_blocks < _MANY or block.n_replicates * task.trial.n_patients < _LARGE:
        done, seconds = timed_work(first)
        return [done], rest, seconds
    _, seconds = timed_work(replace(first, blocks=(replace(block, n_replicates=part),)))
    return [], task, seconds * block.n_replicates / part


def timed_work(task: Task) -> tuple[Done, float]:
    """Simulate the blocks of a task, and say how many seconds of a processor they take.

    They are without those of imports: what is first needed in it is imported in it, and takes
    longer than a small block. Then it is done again, for the time alone. Others on a busy machine
    don't count, either: tasks would be too small.
    """
    known = len(sys.modules)
    done, seconds = _timed(task)
    if len(sys.modules) > known and seconds > _LONG:
        _, seconds = _timed(task)
    return done, seconds


def _timed(task: Task) -> tuple[Done, float]:
    begin = time.thread_time()
    done = work(task)
    # On some systems this clock ticks 64 times a second, and a small block takes no tick.
    return done, (time.thread_time() - begin) or done.seconds


def in_goes(tasks: Sequence[tuple[Task, float]]) -> Iterator[Task]:
    """Yield tasks in goes of a fifth of a second, and in shorter ones towards the end.

    The first is one block: somebody who interrupts soon has something.

    Parameters
    ----------
    tasks : sequence of (Task, float)
        With the seconds that each block of it takes.
    """
    left = sum(seconds * len(task.blocks) for task, seconds in tasks)
    at_once = 0.0
    for task, seconds in tasks:
        begin = 0
        while begin < len(task.blocks):
            n = max(1, int(at_once / max(seconds, 1e-6)))
            yield replace(task, blocks=task.blocks[begin : begin + n])
            begin, left = begin + n, left - n * seconds
            at_once = min(_SECONDS_PER_TASK, left / _AT_THE_END)


def _sums(task: Task, block: Block) -> dict[str, Tally]:
    trials = {task.fingerprint: task.trial, **task.others}
    if task.relabeled:
        return score_relabeled(trials, task.pairs, block, task.controls)
    if not (task.others or task.controls):
        return {task.fingerprint: task.score(task.trial, block)}
    return score_block(trials, task.pairs, block, task.controls)
