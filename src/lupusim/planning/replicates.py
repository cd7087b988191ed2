"""Replicates of any trial on demand: as sums, or one by one for paired comparisons."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from lupusim.arrays import FloatArray
from lupusim.planning.blocks import measured, replicates_per_block, simulate_block
from lupusim.planning.generation import Block, generate
from lupusim.planning.tally import Tally
from lupusim.rng import stream
from lupusim.trial import Analysis, Trial

_POOL_PAYS_AFTER = 4.0  # seconds of work left; a cold start of the pool costs about three


@dataclass(slots=True, kw_only=True)
class Simulator:
    """Hands out fresh replicates, block after block; the same bits for any `n_jobs`.

    Parameters
    ----------
    seed : int
        Every block takes its streams from it.
    n_jobs : int
        Processes; -1 for one per core. Short work stays in one process.

    Raises
    ------
    ValueError
        If `n_jobs` is 0 or below -1.
    """

    seed: int
    n_jobs: int = 1
    n_blocks: int = field(init=False, default=0)
    n_replicates: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.n_jobs == 0 or self.n_jobs < -1:
            raise ValueError(f"n_jobs={self.n_jobs!r} must be -1 (every core) or at least 1")

    def tally(self, trial: Trial, n_replicates: int) -> Tally:
        """Return the sums over replicates that nobody has seen before."""
        size = replicates_per_block(trial.n_patients)
        blocks = [
            Block(
                seed=self.seed,
                number=self.n_blocks + k,
                n_replicates=min(size, n_replicates - begin),
            )
            for k, begin in enumerate(range(0, n_replicates, size))
        ]
        self.n_blocks += len(blocks)
        self.n_replicates += n_replicates
        total = Tally()
        for tally in self._simulate(trial, blocks):
            total.add(tally)
        return total

    def _simulate(self, trial: Trial, blocks: Sequence[Block]) -> list[Tally]:
        """Return the tallies in the order of the blocks."""
        begin = time.perf_counter()
        first = simulate_block(trial, blocks[0])
        left = (time.perf_counter() - begin) * (len(blocks) - 1)
        cores = (os.cpu_count() or 1) if self.n_jobs == -1 else self.n_jobs
        if cores == 1 or left < _POOL_PAYS_AFTER:
            return [first, *(simulate_block(trial, block) for block in blocks[1:])]
        from joblib import Parallel, delayed

        pool = Parallel(n_jobs=cores)
        return [first, *pool(delayed(simulate_block)(trial, block) for block in blocks[1:])]


def derived_seed(seed: int, *purpose: int | str) -> int:
    """Return another seed, whose streams share nothing with those of `seed`."""
    return int(stream(seed, "derived seed", *purpose).integers(2**62))


def tested(trial: Trial) -> Analysis:
    """Return the trial's test; raise ValueError if it has none."""
    if trial.analysis is None:
        raise ValueError(
            "the trial has no test, so it has no power. Add a control arm and 'analysis:'"
        )
    return trial.analysis


def simulate_replicates(trial: Trial, block: Block) -> dict[str, FloatArray]:
    """Return each quantity of every replicate of a block, shape (n_replicates,) each.

    The names are those of a run's operating characteristics: ``reject``, ``estimate`` (NaN
    where undefined), ``duration``, ``response_placebo`` ...
    """
    return measured(trial, generate(trial, block))
