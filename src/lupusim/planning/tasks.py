"""What a worker does in one go: consecutive blocks of one trial."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from lupusim.planning.blocks import replicates_per_block, simulate_block
from lupusim.planning.generation import Block
from lupusim.planning.tally import Tally
from lupusim.trial import Trial

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt in <malloc.h>
_LARGEST_KEPT = 31 * 2**20  # bytes; glibc takes no more than 32 MB
_MOST_KEPT = 128 * 2**20

Score = Callable[[Trial, Block], Tally]
"""Simulates a block and returns its sums; a function of a module, or an object with a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Consecutive blocks of one trial.

    Parameters
    ----------
    fingerprint : str
        Content hash of the trial.
    trial : Trial
        What to simulate.
    blocks : tuple of Block
        Which of its replicates.
    score : callable
        Makes the sums of a block.
    """

    fingerprint: str
    trial: Trial
    blocks: tuple[Block, ...]
    score: Score = simulate_block


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished task.

    Parameters
    ----------
    fingerprint : str
        Content hash of the trial.
    blocks : tuple of Block
        Which of its replicates.
    tallies : tuple of Tally
        Their sums, block by block.
    seconds : float
        Wall time in the worker.
    """

    fingerprint: str
    blocks: tuple[Block, ...]
    tallies: tuple[Tally, ...]
    seconds: float = 0.0


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


def tasks_of(
    fingerprint: str, trial: Trial, blocks: Sequence[Block], *, per_task: int
) -> Iterator[Task]:
    """Yield the blocks of a trial, `per_task` at a time."""
    for begin in range(0, len(blocks), per_task):
        chosen = tuple(blocks[begin : begin + per_task])
        yield Task(fingerprint=fingerprint, trial=trial, blocks=chosen)


@cache
def _keep_freed_memory() -> None:
    """Make the C library keep the memory of freed arrays in the process.

    SPEED: it hands arrays above a limit back to the system and has to fetch them again,
    page by page (benchmarks/cases.py: a third more trials a second). The limits are those
    of mallopt(3); Dask sets the second one so low that its workers take twice as long. Where
    there is no such function, freeing one large array lifts the first limit as well.
    """
    import ctypes

    np.empty(_LARGEST_KEPT, dtype=np.uint8)
    if os.name == "posix" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)


def work(task: Task) -> Done:
    """Simulate the blocks of a task."""
    _keep_freed_memory()
    begin = time.perf_counter()
    tallies = tuple(task.score(task.trial, block) for block in task.blocks)
    return Done(
        fingerprint=task.fingerprint,
        blocks=task.blocks,
        tallies=tallies,
        seconds=time.perf_counter() - begin,
    )
