"""What each patient adds to a difference of mean years in states, and the law of it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from lupusim.analysis.outcomes import NumberOutcome
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass, remembered
from lupusim.engines.exact.accumulation import accumulate
from lupusim.engines.exact.restarts import laws_by_course
from lupusim.errors import NoExactSolutionError
from lupusim.planning.controls.parts import Baseline, LookSum, in_arms
from lupusim.planning.controls.sampled.cells import due_at_looks, of_arms
from lupusim.planning.controls.sampled.samples import (
    Sample,
    SampledLaw,
    outcome_of,
    sample_blocks,
)
from lupusim.planning.controls.values import ValueLaw, added, quadratic
from lupusim.planning.theory.counts.asked import ways_out
from lupusim.simulation.control_classes import CellSum, EvenCells
from lupusim.simulation.generation.generation import generate
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.simulation.relabeling import is_exchangeable
from lupusim.trial import Arm, Dropout, Trial
from lupusim.trial.endpoints import YearsInStates

_PARTS = 256  # of the years
_DRAWN = 120_000  # patients of the sample: as their mean years are known, little is not
_TOLERANCE = 1e-6  # of mean years, as a share of all
_ARMS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NumberLaw:
    """In which cell a patient's number is, and the mean of each cell."""

    cells: EvenCells
    value: FloatArray  # mean of each cell, 0 for one that nobody was in; (n_cells,)
    sample: SampledLaw  # the chances of cells


def is_mean_known(trial: Trial, endpoint: YearsInStates) -> bool:
    """Return whether the exact engine has the mean years of patients who are alike on an arm."""
    population = trial.population
    if population.effects or population.frailties or any(a.model.covariates for a in trial.arms):
        return False
    infused = [arm.infusions for arm in trial.arms if arm.infusions is not None]
    if any(one.missed or one.lots for one in infused):
        return False
    try:
        for arm in trial.arms:
            laws_by_course(arm.law)
    except NoExactSolutionError:
        return False
    return endpoint.lost_count is not None or trial.dropout.is_never


def number_law(trial: Trial, number: int, *, seed: int, growth: int = 1) -> NumberLaw:
    """Return the law of years in states, by a sample of patients whose mean is known.

    Parameters
    ----------
    trial : Trial
        Of which :func:`is_mean_known`.
    number : int
        Position of the endpoint.
    seed : int
        Of the run.
    growth : int
        How many times as many patients as for a short run are drawn.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance.
    """
    endpoint = trial.endpoints[number].years_in_states
    assert endpoint is not None  # only years come here
    cells = EvenCells(width=endpoint.until / _PARTS, number=_PARTS)
    alike, n_arms = is_exchangeable(trial), len(trial.arms)
    counts, totals = np.zeros((2, n_arms, cells.number + 1))
    squares = np.zeros(n_arms)
    sample = Sample(seed=seed, n_patients=growth * _DRAWN, times=np.empty(0))
    for block in sample_blocks(trial, sample):
        generated = generate(trial, block)
        outcome = cast(NumberOutcome, outcome_of(generated, number))
        values = outcome.values.ravel()
        arm = generated.arm.ravel().astype(np.intp) * (not alike)
        place = arm * (cells.number + 1) + cells.of(outcome).ravel()
        counts += np.bincount(place, minlength=counts.size).reshape(counts.shape)
        totals += np.bincount(place, values, counts.size).reshape(counts.shape)
        squares += np.bincount(arm, values**2, n_arms)
    if alike:
        counts, totals, squares = (np.stack([one[0]] * n_arms) for one in (counts, totals, squares))
    n = counts.sum(axis=1)
    chance, beside = counts / n[:, None], np.zeros((*counts.shape, 0))
    if not alike:
        # where all arms are alike, what is not known of patients is so in all of them
        known = np.array([mean_years(arm, trial.dropout, endpoint) for arm in trial.arms])
        chance, beside = _moved(counts, totals, squares, known)
    return NumberLaw(
        cells=cells,
        value=(totals.sum(axis=0) / np.maximum(counts.sum(axis=0), 1))[:-1],
        sample=SampledLaw(chance=chance, n_patients=n, alike=alike, beside=beside),
    )


def _moved(
    counts: FloatArray, totals: FloatArray, squares: FloatArray, known: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return chances of cells with which the mean is known, and what they have in common with it.

    Parameters
    ----------
    counts, totals : (n_arms, n_cells + 1) arrays
        Patients in each cell, and the sum of their numbers.
    squares : (n_arms,) array
        Sum of squares of all numbers.
    known : (n_arms,) array
        True mean of all.
    """
    n = counts.sum(axis=1, keepdims=True)
    mean, value = totals.sum(axis=1, keepdims=True) / n, totals / np.maximum(counts, 1)
    variance = squares[:, None] / n - mean**2
    chance = counts / n * (1 + (value - mean) * (known[:, None] - mean) / variance)
    # the sample's own variance would not fit the chances: nearly all of it is taken away
    inside = squares[:, None] / n - (counts / n * value**2).sum(axis=1, keepdims=True)
    off = value - known[:, None]
    spread = np.sqrt((chance * off**2).sum(axis=1, keepdims=True) + inside)
    return chance, (chance * off / spread)[..., None]


@remembered(64)  # the trials of a search have the same arms
def mean_years(arm: Arm, dropout: Dropout, endpoint: YearsInStates) -> float:
    """Return the mean years that count for patients of an arm, whose data nobody cuts.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance.
    """
    states, ways, found = arm.model.states, list(ways_out(arm, dropout)), 0.0
    n, inside = len(states), np.isin(states, endpoint.states)
    for share, law in laws_by_course(arm.law):
        exits = [
            replace(way, begin=first + way.begin, end=law.n_states)
            for first in range(0, law.n_states, n)
            for way in ways
        ]
        years = accumulate(law.beside(exits, 1), endpoint.until, tolerance=_TOLERANCE).time
        found += share * float(years[:-1].reshape(-1, n).sum(axis=0)[inside].sum())
        found += share * float(years[-1]) * bool(endpoint.lost_count)
    return found


def sums_of_numbers(
    trial: Trial, asked: Comparison, baseline: Baseline, law: NumberLaw
) -> list[LookSum]:
    """Return the sums of a test of mean years, look by look."""
    endpoint, test = trial.endpoints[asked.endpoint], asked.analysis.test
    pair, found = baseline.pair(asked.arm), []
    chance = law.sample.chance[[0, asked.arm]]
    values = ValueLaw(weight=chance[:, :-1], value=np.stack([law.value] * _ARMS))
    for first in due_at_looks(trial, endpoint):
        assert first is not None  # else nobody asks
        sizes = pair.sizes(first)
        expected = sizes.mean(axis=0)
        mean, parts = quadratic(values, expected, test.null_value(endpoint.better))
        adds = added(values, parts) - parts.mean[:, None]
        adds = np.column_stack([adds, np.zeros(_ARMS)])
        error = 1 / (parts.linear[1] * float(expected[1]))
        chances = of_arms(asked.arm, law.sample, adds, sizes)
        found.append(
            LookSum(
                mean=mean,
                estimate=mean * error,
                information=float(first) if test.information_unit == "patients" else error**-2,
                variances=chances.variances(),
                law=chances,
                sum=CellSum(
                    endpoint=asked.endpoint,
                    first=first,
                    cells=law.cells,
                    adds=in_arms(adds, asked.arm, len(trial.arms)),
                ),
                slopes=chances,
                degrees=float(expected.sum()) - _ARMS,
            )
        )
    return found
