"""Assurance: power averaged over what one does not know for certain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.assurance.beliefs import Beliefs, Gain, TrialDraws, draws_by_block
from lupusim.planning.assurance.benefit import benefits
from lupusim.planning.assurance.drawn import TableDraws, is_drawn, table_draws
from lupusim.planning.assurance.effect_priors import EffectPrior, StatedEffect
from lupusim.planning.assurance.exact import ExactDraws, exact_draws, is_exact
from lupusim.planning.assurance.integrated import Integrated, integrated
from lupusim.planning.assurance.known_powers import judged
from lupusim.planning.assurance.power_distribution import PowerDistribution
from lupusim.planning.assurance.results import (
    Assurance,
    InterruptedAssuranceError,
    PointAssurance,
)
from lupusim.planning.execution.bench import Bench, InterruptedJobsError, Job, on_bench
from lupusim.planning.runs.replicates import (
    Simulator,
    added_up,
    derived_seed,
    simulate_replicates,
    tested,
)
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.tally import Mean, Tally
from lupusim.trial import Trial
from lupusim.trial.scenario import DesignPoint, Scenario

Settled = Integrated | ExactDraws | TableDraws
"""What numbers of patients say of a design and all that may be true of it, without patients."""
_DRAW = "draw "


@dataclass(frozen=True, slots=True, kw_only=True)
class Worthwhile:
    """When the treatment's true effect is worth having."""

    gain: Gain  # true gain of a trial's treatment, such as :class:`ResponseGain`
    at_least: float  # the smallest gain that is worthwhile

    def __call__(self, trial: Trial) -> bool:
        """Return whether the experimental arm's true gain is worthwhile."""
        return self.gain(trial) >= self.at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class Nesting:
    """How replicates are spread over draws, and what else is asked of every draw.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    per_draw: int = 10
    """Replicates of each draw. One is the most precise for the assurance where every replicate
    costs the same; but a draw costs some milliseconds of its own, as much as a hundred replicates,
    and two at least are needed to tell parameters from sampling."""
    worthwhile: Worthwhile | None = None  # asks every draw whether its true effect is worth having
    n_jobs: int = 1
    """Processes; -1 for one per core. The same bits for any number."""
    bench: Bench | None = None  # who works, instead of `n_jobs` processes

    def __post_init__(self) -> None:
        if not 1 <= self.per_draw <= 1000:
            raise ValueError(f"per_draw={self.per_draw!r} must lie from 1 to 1000")
        if self.n_jobs == 0 or self.n_jobs < -1:
            raise ValueError(f"n_jobs={self.n_jobs!r} must be -1 (every core) or at least 1")


def assurance(
    scenario: Scenario,
    draws: Sequence[TrialDraws] = (),
    effect_prior: EffectPrior | None = None,
    *,
    seed: int | None = None,
    n_replicates: int = 20_000,
    nesting: Nesting | None = None,
) -> Assurance:
    """Return the power of a scenario's designs, averaged over what one does not know.

    Every draw is one truth: a model for each arm out of `draws`, and an effect out of
    `effect_prior`. Where trials are counts the power of each is exact, and nothing is simulated; if
    the strength of the effect is all that is unsure, that power is integrated over the prior and
    nothing is drawn at all. Where tables are too many, some are drawn of each draw. Elsewhere its
    trials are simulated on streams of its own; the designs of the scenario share the draws and the
    streams.

    Parameters
    ----------
    scenario : Scenario
        Whose trials to simulate.
    draws : sequence of TrialDraws
        Such as one :class:`ModelDraws` for each model; none: the models are certain.
    effect_prior : EffectPrior or None
        Default: the stated effect is certain.
    seed : int or None
        Default is the scenario's own.
    n_replicates : int
        Simulated trials of each design over all draws; as many again under the stated truth.
    nesting : Nesting or None
        Replicates for each draw, and what makes an effect worthwhile.

    Returns
    -------
    Assurance
        With a table: assurance beside power, quantiles of the power over the draws, the
        share of uncertainty that is due to parameters.

    Raises
    ------
    ValueError
        If a trial has no test, a prior does not fit the trial, or a number is out of range.
    InterruptedAssuranceError
        On KeyboardInterrupt; it is one.

    References
    ----------
    O'Hagan, Stevens and Campbell (2005), *Pharmaceutical Statistics* 4:187: assurance.
    """
    nesting = nesting or Nesting()
    seed = scenario.seed if seed is None else seed
    if n_replicates < 2 * nesting.per_draw:
        raise ValueError(f"n_replicates={n_replicates!r} must be at least {2 * nesting.per_draw}")
    beliefs = Beliefs(draws=tuple(draws), effect=effect_prior or StatedEffect())
    plan = _Plan(
        beliefs=beliefs,
        nesting=nesting,
        n_draws=n_replicates // nesting.per_draw,
        seed=seed,
    )
    for point in scenario.points:
        plan.check(point.trial)
    trials = [point.trial for point in scenario.points]
    settled = _settled(trials, plan)
    lines = [
        line
        for trial, known in zip(trials, settled, strict=True)
        for line in (([], []) if known else plan.lines(trial))
    ]
    with on_bench(nesting.bench, nesting.n_jobs) as bench:
        try:
            return _result(scenario, plan, bench.side_by_side(lines), settled)
        except InterruptedJobsError as interrupt:
            partial = replace(_result(scenario, plan, interrupt.finished, settled), complete=False)
            raise InterruptedAssuranceError(partial) from interrupt


def is_simulated(trial: Trial) -> bool:
    """Return whether the draws of a trial are simulated, patient by patient."""
    return not (is_exact(trial) or is_drawn(trial))


def _settled(trials: Sequence[Trial], plan: _Plan) -> list[Settled | None]:
    """Return for each design what is known without patients; None where nothing is."""
    beliefs, nesting, n, seed = plan.beliefs, plan.nesting, plan.n_draws, plan.seed
    ways: tuple[Callable[[list[Trial]], Sequence[Settled | None]], ...] = (
        lambda some: integrated(some, beliefs, nesting.worthwhile),
        lambda some: exact_draws(some, beliefs, n, seed=seed),
        lambda some: table_draws(some, beliefs, n, at_least=nesting.per_draw, seed=seed),
    )
    found: list[Settled | None] = [None] * len(trials)
    for way in ways:
        others = [trial for trial, known in zip(trials, found, strict=True) if known is None]
        more = iter(way(others))
        found = [next(more) if known is None else known for known in found]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is done for every design point."""

    beliefs: Beliefs
    nesting: Nesting
    n_draws: int
    seed: int

    @property
    def n_replicates(self) -> int:
        """Simulated trials of each design over all draws."""
        return self.n_draws * self.nesting.per_draw

    def check(self, trial: Trial) -> None:
        """Raise ValueError where the beliefs do not fit a trial, before anything is simulated."""
        tested(trial)
        strengths = self.beliefs.strengths(trial, self.n_draws, seed=self.seed)
        self.beliefs.truth(trial, 0, float(strengths[np.argmax(strengths != 0)]))

    def lines(self, trial: Trial) -> tuple[list[Job], list[Job]]:
        """Return the work on one design: under the stated truth; and 50 draws at a time."""
        simulator = Simulator(seed=derived_seed(self.seed, "stated truth"))
        found = []
        for number, numbers in enumerate(draws_by_block(self.n_draws)):
            score = OverDraws(
                beliefs=self.beliefs.only(numbers),
                per_draw=self.nesting.per_draw,
                worthwhile=self.nesting.worthwhile,
                n_draws=self.n_draws,
            )
            n_replicates = len(numbers) * self.nesting.per_draw
            block = Block(seed=self.seed, number=number, n_replicates=n_replicates)
            found.append(Job(trial=trial, blocks=(block,), score=score))
        return simulator.job(trial, self.n_replicates).parts(), found


def _result(
    scenario: Scenario,
    plan: _Plan,
    finished: Sequence[Sequence[Tally]],
    settled: Sequence[Settled | None],
) -> Assurance:
    """Return the assurance of the designs of which draws are finished."""
    points: list[PointAssurance] = []
    pairs = zip(finished[::2], finished[1::2], strict=True)
    for point, (stated, drawn), known in zip(scenario.points, pairs, settled, strict=True):
        if known is not None:
            points.append(_of_tables(point, plan, known))
        elif drawn and stated:
            power = added_up(stated).mean("reject")
            rejected, worth = _of_draws(drawn)
            strengths = plan.beliefs.strengths(point.trial, plan.n_draws, seed=plan.seed)
            distribution = PowerDistribution(
                n_rejected=rejected.astype(np.intp),
                per_draw=plan.nesting.per_draw,
                seed=plan.seed,
                strengths=strengths[_numbers(drawn)],
                models_are_certain=not plan.beliefs.draws,
            )
            made = PointAssurance(
                values=point.values, trial=point.trial, power=power, distribution=distribution
            )
            asked = plan.nesting.worthwhile is not None
            points.append(_worth(made, judged(distribution.successes, worth)) if asked else made)
    n_draws = (point.distribution.n_draws for point in points)
    return Assurance(
        scenario=scenario,
        points=tuple(points),
        n_replicates=plan.nesting.per_draw * min(filter(None, n_draws), default=0),
        per_draw=plan.nesting.per_draw,
        seed=plan.seed,
        certain=plan.beliefs.are_certain,
    )


def _of_tables(point: DesignPoint, plan: _Plan, known: Settled) -> PointAssurance:
    """Return the assurance of a design of which numbers of patients say all."""
    nesting = plan.nesting
    made = PointAssurance(
        values=point.values,
        trial=point.trial,
        power=known.power,
        distribution=known.distribution(nesting.per_draw, plan.seed),
        tables_per_draw=known.tables_per_draw,
    )
    return made if nesting.worthwhile is None else _worth(made, known.judged(nesting.worthwhile))


def _worth(point: PointAssurance, judged: tuple[Mean, Mean | None]) -> PointAssurance:
    """Return the same with the probability of a worthwhile effect, and the power if it is one."""
    return replace(point, worthwhile=judged[0], significant_if_worthwhile=judged[1])


def _of_draws(tallies: Sequence[Tally]) -> FloatArray:
    """Return significant trials and worth of the draws, shape (2, n_draws)."""
    found = [three[1:] for tally in tallies for three in tally.sums.values()]
    return np.array(found).T


def _numbers(tallies: Sequence[Tally]) -> IntArray:
    """Return the numbers of the draws, in the order of `_of_draws`."""
    names = (name for tally in tallies for name in tally.sums)
    return np.array([int(name.removeprefix(_DRAW)) for name in names], dtype=np.intp)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverDraws:
    """Simulates some draws of the truth as a block, and keeps each by itself."""

    beliefs: Beliefs  # what is drawn
    per_draw: int  # replicates of each draw
    worthwhile: Worthwhile | None  # asks every draw whether its true effect is worth having
    n_draws: int  # draws of all blocks together

    def __call__(self, trial: Trial, block: Block) -> Tally:
        """Return for each draw its replicates, those that show a benefit, and its worth."""
        numbers = draws_by_block(self.n_draws)[block.number]
        strengths = self.beliefs.strengths(trial, self.n_draws, seed=block.seed)
        strengths = strengths[numbers.start : numbers.stop]
        found = np.zeros((2, len(numbers)))
        for alike in _alike(self.beliefs, strengths):
            number = numbers[int(alike[0])]
            truth = self.beliefs.truth(trial, number, float(strengths[alike[0]]))
            n_replicates = alike.size * self.per_draw
            together = Block(seed=block.seed, number=number, n_replicates=n_replicates)
            succeeds = benefits(truth, simulate_replicates(truth, together))
            found[0, alike] = succeeds.reshape(alike.size, -1).sum(axis=1)
            if self.worthwhile is not None:
                found[1, alike] = self.worthwhile(truth)
        return Tally(
            {
                f"{_DRAW}{number}": (self.per_draw, float(rejected), float(worth))
                for number, (rejected, worth) in zip(numbers, found.T, strict=True)
            }
        )


def _alike(beliefs: Beliefs, strengths: FloatArray) -> Iterator[IntArray]:
    """Yield positions of draws with the same truth, whose trials can be simulated together."""
    # SPEED: a block costs as much as a hundred replicates (benchmarks/planning.py).
    kind = np.arange(strengths.size)
    if not beliefs.draws:
        kind = np.unique(strengths, return_inverse=True)[1]
    for k in range(int(kind.max()) + 1):
        yield np.flatnonzero(kind == k)
