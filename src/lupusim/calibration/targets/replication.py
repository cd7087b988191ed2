"""Counts that studies would have published, were the model and its parameters true."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.targets.counts import Measure
from lupusim.common.arrays import FloatArray, IntArray


def cell_groups(measure: Measure) -> list[IntArray]:
    """Return the cells that share their patients: their counts have a fixed sum.

    A curve is a row of binomials of two cells each, a rate has single cells, every other
    measure is one multinomial.
    """
    n = measure.observed.size
    if measure.is_poisson:
        return [np.array([k]) for k in range(n)]
    is_curve = sum(label.startswith("not") for label in measure.labels) > 1
    return list(np.arange(n).reshape(-1, 2)) if is_curve else [np.arange(n)]


def replicate_measure(
    measure: Measure, expected: FloatArray, *, rng: np.random.Generator
) -> FloatArray:
    """Return counts as the same study would have published them, once more.

    Parameters
    ----------
    measure : Measure
        What it counts.
    expected : (n_draws, n_cells) array
        Counts that a model expects.
    rng : numpy.random.Generator

    Returns
    -------
    (n_draws, n_cells) array
        Whole counts; a denominator that is not whole is rounded.
    """
    if measure.is_poisson:
        return rng.poisson(expected).astype(float)
    counts = np.empty(expected.shape)
    for cells in cell_groups(measure):
        n = round(float(measure.denominators[cells[0]]))
        shares = np.maximum(expected[:, cells], 0.0)
        shares = shares / shares.sum(axis=1, keepdims=True)
        counts[:, cells] = rng.multinomial(n, shares)
    return counts


def replicate(likelihood: Likelihood, free: FloatArray, *, rng: np.random.Generator) -> Likelihood:
    """Return the likelihood of counts that it would itself produce.

    A soft target counts as the part of its patients that its weight leaves, rounded to
    whole patients: then the likelihood of the counts is exactly the one that drew them.
    Counts of one cohort are those of the paths of patients drawn anew.

    Parameters
    ----------
    likelihood : Likelihood
        The targets.
    free : (n_parameters,) array
        The truth, on the log and logit scales.
    rng : numpy.random.Generator
    """
    expected = likelihood.expected(free[None])[0]
    drawn = copy.copy(likelihood)
    drawn.observed, drawn.weights = likelihood.observed.copy(), likelihood.weights.copy()
    begin = 0
    for _, target in likelihood.targets:
        for cells in cell_groups(target.measure):
            _redraw(drawn, begin + cells, expected, rng)
        begin += target.measure.observed.size
    drawn.cohorts = tuple(cohort.redrawn(free, rng=rng) for cohort in likelihood.cohorts)
    return drawn


def _redraw(
    drawn: Likelihood, cells: IntArray, expected: FloatArray, rng: np.random.Generator
) -> None:
    """Put new counts, as many as the weight leaves, scaled back to the whole study."""
    weight = float(drawn.weights[cells[0]])
    if drawn.is_poisson[cells[0]]:
        drawn.observed[cells] = rng.poisson(weight * expected[cells]) / weight
        return
    n = float(drawn.denominators[cells[0]])
    kept = max(round(weight * n), 1)
    shares = expected[cells] / expected[cells].sum()
    drawn.observed[cells] = rng.multinomial(kept, shares) * (n / kept)
    drawn.weights[cells] = kept / n


def whole_rows(labels: Sequence[str]) -> list[int]:
    """Return the positions of cells worth a row of a table: all but the complements."""
    return [k for k, label in enumerate(labels) if not label.startswith("not")]
