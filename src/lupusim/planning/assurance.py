"""Assurance: power averaged over what one does not know for certain."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lupusim.arrays import FloatArray, IntArray
from lupusim.planning.beliefs import Beliefs, Gain, TrialDraws
from lupusim.planning.effect_priors import EffectPrior, StatedEffect
from lupusim.planning.generation import Block
from lupusim.planning.parallel import map_on_cores
from lupusim.planning.power_distribution import PowerDistribution
from lupusim.planning.replicates import (
    Simulator,
    derived_seed,
    simulate_replicates,
    tested,
)
from lupusim.planning.scenario import Scenario
from lupusim.planning.tally import Mean
from lupusim.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_DRAWS_PER_TASK = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Worthwhile:
    """When the treatment's true effect is worth having.

    Parameters
    ----------
    gain : callable
        True gain of a trial's treatment, such as :class:`ResponseGain`.
    at_least : float
        The smallest gain that is worthwhile.
    """

    gain: Gain
    at_least: float

    def __call__(self, trial: Trial) -> bool:
        """Return whether the experimental arm's true gain is worthwhile."""
        return self.gain(trial) >= self.at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class Nesting:
    """How replicates are spread over draws, and what else is asked of every draw.

    Parameters
    ----------
    per_draw : int
        Replicates of each draw. One is the most precise for the assurance where every
        replicate costs the same; but a draw costs some milliseconds of its own, as much as a
        hundred replicates, and two at least are needed to tell parameters from sampling.
    worthwhile : Worthwhile or None
        Asks every draw whether its true effect is worth having.
    n_jobs : int
        Processes; -1 for one per core. The same bits for any number.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    per_draw: int = 10
    worthwhile: Worthwhile | None = None
    n_jobs: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.per_draw <= 1000:
            raise ValueError(f"per_draw={self.per_draw!r} must lie from 1 to 1000")
        if self.n_jobs == 0 or self.n_jobs < -1:
            raise ValueError(f"n_jobs={self.n_jobs!r} must be -1 (every core) or at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PointAssurance:
    """Assurance of one design.

    Parameters
    ----------
    values : mapping
        What distinguishes the design point.
    trial : Trial
        The design, with the truth that it states.
    power : Mean
        Power under the truth that it states.
    distribution : PowerDistribution
        Of the power over the draws.
    worthwhile : Mean or None
        Probability that the true effect is worthwhile.
    significant_if_worthwhile : Mean or None
        Power over the draws whose effect is worthwhile.
    """

    values: Mapping[str, object]
    trial: Trial
    power: Mean
    distribution: PowerDistribution = field(repr=False)
    worthwhile: Mean | None = None
    significant_if_worthwhile: Mean | None = None

    @property
    def assurance(self) -> Mean:
        """Power averaged over the draws."""
        return self.distribution.mean

    def estimates(self) -> dict[str, Mean]:
        """Return every estimate by its name."""
        share = self.distribution.parameter_share
        quantiles = self.distribution.quantiles(QUANTILES)
        found = {"power": self.power, "assurance": self.assurance}
        found |= {f"power_q{100 * q:02.0f}": m for q, m in zip(QUANTILES, quantiles, strict=True)}
        found["parameter_share"] = share
        found["sampling_share"] = Mean(value=1 - share.value, mcse=share.mcse)
        if self.worthwhile is not None:
            found["worthwhile"] = self.worthwhile
        if self.significant_if_worthwhile is not None:
            found["significant_if_worthwhile"] = self.significant_if_worthwhile
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Assurance:
    """Assurance of every design of a scenario, on the same draws.

    Parameters
    ----------
    scenario : Scenario
        What was asked.
    points : tuple of PointAssurance
        A result for each design point.
    n_replicates, per_draw, seed : int
        Replicates of a design, replicates of a draw, and the seed.
    """

    scenario: Scenario = field(repr=False)
    points: tuple[PointAssurance, ...]
    n_replicates: int
    per_draw: int
    seed: int

    @property
    def table(self) -> pd.DataFrame:
        """A row per design point; every estimate beside its ``_mcse``."""
        import pandas as pd

        return pd.DataFrame([self._row(point) for point in self.points])

    @staticmethod
    def _row(point: PointAssurance) -> dict[str, object]:
        row: dict[str, object] = {**point.values, "n_patients": point.trial.n_patients}
        for name, mean in point.estimates().items():
            row |= {name: mean.value, f"{name}_mcse": mean.mcse}
        return row

    def to_json(self) -> dict[str, object]:
        """Return the result as plain data; what does not exist is null."""
        points = []
        for point in self.points:
            row = {k: v for k, v in self._row(point).items() if k not in point.values}
            points.append({"design_point": dict(point.values), **{k: _plain(row[k]) for k in row}})
        return {
            "scenario": self.scenario.name,
            "seed": self.seed,
            "n_replicates": self.n_replicates,
            "replicates_per_draw": self.per_draw,
            "points": points,
        }


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value


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
    `effect_prior`. Its trials are simulated on streams of its own; the designs of the scenario
    share the draws and the streams.

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
    points = tuple(_point(point.values, point.trial, plan) for point in scenario.points)
    return Assurance(
        scenario=scenario,
        points=points,
        n_replicates=plan.n_draws * nesting.per_draw,
        per_draw=nesting.per_draw,
        seed=seed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is done for every design point."""

    beliefs: Beliefs
    nesting: Nesting
    n_draws: int
    seed: int


def _point(values: Mapping[str, object], trial: Trial, plan: _Plan) -> PointAssurance:
    tested(trial)
    rejected, worth = _over_draws(trial, plan)
    stated = Simulator(seed=derived_seed(plan.seed, "stated truth"), n_jobs=plan.nesting.n_jobs)
    power = stated.tally(trial, plan.n_draws * plan.nesting.per_draw).mean("reject")
    distribution = PowerDistribution(
        n_rejected=rejected.astype(np.intp), per_draw=plan.nesting.per_draw, seed=plan.seed
    )
    if plan.nesting.worthwhile is None:
        return PointAssurance(values=values, trial=trial, power=power, distribution=distribution)
    successes = rejected[worth == 1] / plan.nesting.per_draw
    return PointAssurance(
        values=values,
        trial=trial,
        power=power,
        distribution=distribution,
        worthwhile=_mean(worth),
        significant_if_worthwhile=_mean(successes) if successes.size else None,
    )


def _mean(values: FloatArray) -> Mean:
    return Mean(value=float(values.mean()), mcse=float(values.std() / np.sqrt(values.size)))


def _over_draws(trial: Trial, plan: _Plan) -> tuple[FloatArray, FloatArray]:
    """Return the significant trials of every draw, and whether its effect is worthwhile."""
    strengths = plan.beliefs.strengths(trial, plan.n_draws, seed=plan.seed)
    numbers = [
        range(begin, min(begin + _DRAWS_PER_TASK, plan.n_draws))
        for begin in range(0, plan.n_draws, _DRAWS_PER_TASK)
    ]
    tasks = [(trial, plan, chosen, strengths[chosen.start : chosen.stop]) for chosen in numbers]
    begin = time.perf_counter()
    first = _some_draws(tasks[0])
    left = (time.perf_counter() - begin) * (len(tasks) - 1)
    rest = map_on_cores(_some_draws, tasks[1:], n_jobs=plan.nesting.n_jobs, seconds=left)
    done = [first, *rest]
    rejected, worth = np.concatenate(done, axis=1)
    return rejected, worth


def _some_draws(task: tuple[Trial, _Plan, range, FloatArray]) -> FloatArray:
    """Return significant trials and worth of consecutive draws, shape (2, n_draws)."""
    trial, plan, numbers, strengths = task
    found = np.zeros((2, len(numbers)))
    for alike in _alike(plan.beliefs, strengths):
        number = numbers[int(alike[0])]
        truth = plan.beliefs.truth(trial, number, float(strengths[alike[0]]))
        n_replicates = alike.size * plan.nesting.per_draw
        block = Block(seed=plan.seed, number=number, n_replicates=n_replicates)
        rejected = simulate_replicates(truth, block)["reject"]
        found[0, alike] = rejected.reshape(alike.size, -1).sum(axis=1)
        if plan.nesting.worthwhile is not None:
            found[1, alike] = plan.nesting.worthwhile(truth)
    return found


def _alike(beliefs: Beliefs, strengths: FloatArray) -> Iterator[IntArray]:
    """Yield positions of draws with the same truth, whose trials can be simulated together."""
    # SPEED: a block costs as much as a hundred replicates (benchmarks/planning.py).
    kind = np.arange(strengths.size)
    if not beliefs.draws:
        kind = np.unique(strengths, return_inverse=True)[1]
    for k in range(int(kind.max()) + 1):
        yield np.flatnonzero(kind == k)
