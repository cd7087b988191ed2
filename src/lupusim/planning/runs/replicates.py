"""Replicates of any trial on demand: as sums, or one by one for paired comparisons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.planning.execution.bench import Bench, Job, on_bench
from lupusim.planning.execution.tasks import Score
from lupusim.planning.execution.workers import Cores
from lupusim.simulation.block import replicates_per_block, simulate, simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.scoring import Controlled
from lupusim.simulation.tally import Mean, Tally
from lupusim.trial import Analysis, Trial

_CLAIMS = "reject"
_WORTH_IT = 50_000  # patients: fewer are simulated sooner than their law is known,
FEWEST_KNOWN = 250  # and of fewer trials nobody can tell how far what is known goes


@dataclass(slots=True, kw_only=True)
class Simulator:
    """Hands out fresh replicates, block after block; the same bits for any workers.

    Raises
    ------
    ValueError
        If `n_jobs` is 0 or below -1.
    """

    seed: int  # every block takes its streams from it
    n_jobs: int = 1
    """Processes; -1 for one per core. Short work stays in one process."""
    bench: Bench | None = None  # who works, instead of `n_jobs` processes
    n_blocks: int = field(init=False, default=0)
    n_replicates: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        Cores(n_jobs=self.n_jobs)  # checks the number

    def job(self, trial: Trial, n_replicates: int, *, score: Score = simulate_block) -> Job:
        """Return work on replicates that nobody has seen before."""
        size = replicates_per_block(trial.n_patients)
        blocks = tuple(
            Block(
                seed=self.seed,
                number=self.n_blocks + k,
                n_replicates=min(size, n_replicates - begin),
            )
            for k, begin in enumerate(range(0, n_replicates, size))
        )
        self.n_blocks += len(blocks)
        self.n_replicates += n_replicates
        return Job(trial=trial, blocks=blocks, score=score)

    def job_on(self, quantity: str, trial: Trial, n_replicates: int) -> Job:
        """Return the same for the mean of one quantity, with control variates where it has some."""
        return self.job(
            trial, n_replicates, score=score_of(trial, quantity, n_replicates, seed=self.seed)
        )

    def tally(self, trial: Trial, n_replicates: int, *, score: Score = simulate_block) -> Tally:
        """Return the sums over replicates that nobody has seen before."""
        job = self.job(trial, n_replicates, score=score)
        with on_bench(self.bench, self.n_jobs) as bench:
            return added_up(bench.tallies([job])[0])


def added_up(tallies: Iterable[Tally]) -> Tally:
    """Return the sums over several blocks, added in their order."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def score_of(trial: Trial, quantity: str, n_replicates: int, *, seed: int = 0) -> Score:
    """Return what makes the sums of a trial's blocks, for the mean of one quantity.

    `seed` is that of the run.

    That is with control variates, where the quantity is whether an effect is claimed, the trial
    has some, and the replicates are many enough to be worth their preparation.
    """
    many = n_replicates >= FEWEST_KNOWN and n_replicates * trial.n_patients >= _WORTH_IT
    if quantity != _CLAIMS or not many:
        return simulate_block
    from lupusim.planning.controls.kinds import is_controlled, sample_growth

    if not is_controlled(trial):
        return simulate_block
    from lupusim.planning.controls.building import control_of

    control = control_of(trial, seed=seed, growth=sample_growth(trial, n_replicates))
    return simulate_block if control is None else Controlled(control=control)


def mean_of(tally: Tally, quantity: str) -> Mean:
    """Return the mean of a quantity, without the chance that is known in law."""
    return tally.claims() if quantity == _CLAIMS else tally.mean(quantity)


def derived_seed(seed: int, *purpose: int | str) -> int:
    """Return another seed, whose streams share nothing with those of `seed`."""
    return int(stream(seed, "derived seed", *purpose).integers(2**62))


def tested(trial: Trial) -> Analysis:
    """Return the trial's test; raise ValueError if it has none."""
    if trial.rule.decides:
        raise ValueError(
            "posterior probabilities decide this trial, and a test is needed here. Run it with "
            "several sizes in 'vary', such as 'sample_size: [300, 400, 500]'"
        )
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
    return simulate({"": trial}, block)[""]
