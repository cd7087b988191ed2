"""Replicates of any trial on demand: as sums, or one by one for paired comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lupusim.arrays import FloatArray
from lupusim.planning.blocks import measured, replicates_per_block
from lupusim.planning.generation import Block, generate
from lupusim.planning.parallel import Cores
from lupusim.planning.tally import Tally
from lupusim.planning.tasks import Task, tasks_of, work
from lupusim.rng import stream
from lupusim.trial import Analysis, Trial

_SECONDS_PER_TASK = 0.5


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
        Cores(n_jobs=self.n_jobs)  # checks the number

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
        first = work(Task(fingerprint="", trial=trial, blocks=tuple(blocks[:1])))
        rest = blocks[1:]
        per_task = max(1, int(_SECONDS_PER_TASK / max(first.seconds, 1e-6)))
        tallies = {blocks[0].number: first.tallies[0]}
        with Cores(n_jobs=self.n_jobs).ready() as spread:
            for done in spread(
                tasks_of("", trial, rest, per_task=per_task), first.seconds * len(rest)
            ):
                numbers = (block.number for block in done.blocks)
                tallies |= zip(numbers, done.tallies, strict=True)
        return [tallies[block.number] for block in blocks]


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
