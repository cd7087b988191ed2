"""Which trials have control variates, and what these are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.planning.controls.counts import sums_of_counts
from lupusim.planning.controls.kinds import (
    is_counted,
    is_paired,
    is_sum_of_numbers,
    is_sum_of_shares,
    is_sum_of_values,
    is_timed,
)
from lupusim.planning.controls.lots import n_frequencies
from lupusim.planning.controls.parts import Baseline, LookSum
from lupusim.planning.controls.sampled.numbers import NumberLaw, number_law, sums_of_numbers
from lupusim.planning.controls.sampled.pairs import PairLaw, pair_law, sums_of_pairs
from lupusim.planning.controls.sampled.samples import Drawn, LawsOf, covariance
from lupusim.planning.controls.shares import sums_of_shares
from lupusim.planning.controls.times import sums_of_times
from lupusim.planning.controls.together import is_together, together
from lupusim.planning.controls.values import sums_of_values
from lupusim.planning.theory.assumptions import without_failing
from lupusim.planning.theory.expected_bounds import expected_bounds, expected_levels
from lupusim.planning.theory.sums import SCALE, frequencies, step_means
from lupusim.simulation.controls import Control, Score, Together
from lupusim.simulation.looks.look_statistics import Comparison, comparisons
from lupusim.trial import Trial

_OFFSETS = (-0.3, 0.0, 0.3)  # steps besides the expected place, which theory knows nearly
_KEPT = 64  # trials remembered by a process
_of_seed: dict[tuple[int, int], Callable[[Trial], Control | None]] = {}
ControlKey = tuple[str, int, int]  # name of a trial, seed, growth
Results = Callable[[Sequence[Callable[[], Control | None]]], Sequence[Control | None]]
_known: dict[ControlKey, Control | None] = {}


def know_controls(wanted: Mapping[ControlKey, Trial], results: Results) -> None:
    """Work out control variates of several trials side by side, and remember them.

    The first that a process ever knows it works out alone: what is imported for it need not be
    imported by copies again.

    Parameters
    ----------
    wanted : mapping of (str, int, int) to Trial
        By what :func:`known_control` knows them by.
    results : callable
        Returns what several functions return.
    """
    if len(_known) + len(wanted) > _KEPT:
        _known.clear()
    new = [key for key in wanted if key not in _known][:_KEPT]
    alone = 0 if _known else 1
    for keys in (new[:alone], new[alone:]):
        calls = [partial(control_of, wanted[k], seed=k[1], growth=k[2]) for k in keys]
        _known.update(zip(keys, results(calls), strict=True))


def known_control(key: ControlKey, trial: Trial) -> Control | None:
    """Return the same as :func:`control_of`, remembered by name of the trial, seed and growth."""
    if key not in _known:
        if len(_known) >= _KEPT:
            _known.clear()
        _known[key] = control_of(trial, seed=key[1], growth=key[2])
    return _known[key]


def control_of(trial: Trial, *, seed: int = 0, growth: int = 1) -> Control | None:
    """Return what of a trial's replicates is known in law; None where nothing is.

    Parameters
    ----------
    trial : Trial
        One that has some, by :func:`~lupusim.planning.controls.kinds.is_controlled`.
    seed : int
        Of the run: where the exact engine knows no law, patients are drawn for it, who share
        nothing with those of the run.
    growth : int
        How many times as many as for a short run, by
        :func:`~lupusim.planning.controls.kinds.sample_growth`.
    """
    key = seed, growth
    if key not in _of_seed:
        _of_seed.clear()
        found = partial(_control_of, seed=seed, growth=growth)
        _of_seed[key] = without_failing(None)(found)
    return _of_seed[key](trial)


def _control_of(trial: Trial, *, seed: int, growth: int) -> Control | None:
    baseline, laws = Baseline.of(trial), _Laws(trial, seed, growth)
    parts = (part for one in comparisons(trial) for part in _parts(one))
    asked = ((one, _sums(trial, one, baseline, laws)) for one in parts)
    known = [(one, sums) for one, sums in asked if sums]
    last = [(one, sums[-1]) for one, sums in known]
    products = []
    if is_together(trial, last):
        product = together(last, [_unclaimed(trial, *one) for one in last])
        products = [] if product is None else [product]
    found: list[tuple[Score | Together, Drawn]] = []
    for one, sums in known:
        bounds = _bounds(trial, one, sums)
        # beside a product an arm's own steps say what is claimed of it at all of alpha
        found += _scores(trial, one, sums, list(map(_nearest, bounds)) if products else bounds)
    found += products
    sampled = covariance([means for _, means in found]) if found else None
    return Control(scores=[score for score, _ in found], sampled=sampled) if found else None


def _parts(asked: Comparison) -> Iterator[Comparison]:
    """Yield a comparison by each of the tests of which its own is the best."""
    for test in asked.analysis.test.best_of:
        yield replace(asked, analysis=replace(asked.analysis, test=test))


class _Laws:
    """The laws from samples of patients of a trial, by endpoint."""

    def __init__(self, trial: Trial, seed: int, growth: int) -> None:
        drawn = {"seed": seed, "growth": growth}
        self.pairs: LawsOf[PairLaw] = LawsOf(partial(pair_law, trial, **drawn))
        self.numbers: LawsOf[NumberLaw] = LawsOf(partial(number_law, trial, **drawn))


def _sums(trial: Trial, asked: Comparison, baseline: Baseline, laws: _Laws) -> list[LookSum]:
    """Return the sums of a test, look by look; none where no law of them is known."""
    if is_paired(trial, asked):
        return sums_of_pairs(trial, asked, baseline, laws.pairs.of(asked.endpoint))
    if is_sum_of_numbers(trial, asked):
        return sums_of_numbers(trial, asked, baseline, laws.numbers.of(asked.endpoint))
    if is_timed(trial, asked):
        return sums_of_times(trial, asked, baseline)
    if is_sum_of_shares(trial, asked):
        return sums_of_shares(trial, asked, baseline)
    if is_sum_of_values(trial, asked):
        return sums_of_values(trial, asked, baseline)
    return sums_of_counts(trial, asked, baseline) if is_counted(trial, asked) else []


def _bounds(trial: Trial, asked: Comparison, sums: list[LookSum]) -> list[FloatArray]:
    """Return where each look decides."""
    information = np.array([[one.information for one in sums]])
    shown = np.array([[one.estimate for one in sums]])
    return expected_bounds(trial, asked, information, shown)


def _nearest(bounds: FloatArray) -> FloatArray:
    """Return the bounds that are reached first."""
    return np.asarray(bounds[np.abs(bounds) == np.abs(bounds).min(initial=np.inf)])


def _scores(
    trial: Trial, asked: Comparison, sums: list[LookSum], bounds: list[FloatArray]
) -> Iterator[tuple[Score, Drawn]]:
    """Yield the sums of all looks, with the steps where their bounds are to be expected.

    And what the means of these steps owe to a sample.
    """
    for number, (one, at) in enumerate(zip(sums, bounds, strict=True)):
        middle = _middle(trial, asked, one, at)
        if middle.size == 0:  # nothing is decided at this look
            continue
        last = number == len(sums) - 1
        thresholds = (middle[:, None] + np.array(_OFFSETS if last else (0.0,))).ravel()
        nodes = frequencies(one.spread, n_frequencies(trial))
        steps = step_means(one.law(nodes).sum(axis=1), nodes, thresholds, SCALE)
        drawn = Drawn(n_steps=thresholds.size)
        if one.slopes is not None:
            slopes = one.slopes.slopes(nodes, thresholds, SCALE)
            drawn = replace(drawn, sample=one.slopes.sample, slopes=slopes)
        yield Score(sum=one.sum, thresholds=thresholds, scale=SCALE, means=steps), drawn


def _unclaimed(trial: Trial, asked: Comparison, one: LookSum) -> FloatArray:
    """Return between which sums nothing is claimed at the only look, (2, n_steps)."""
    levels, offsets = _middle(trial, asked, one, expected_levels(trial, asked)), np.array(_OFFSETS)
    if asked.analysis.sided == 1:
        at = (levels[:, None] + offsets).ravel()
        always = np.full_like(at, np.inf)
        return np.stack([-always, at] if _sign(trial, asked) > 0 else [at, always])
    rising = np.sort(levels)
    lowest, highest = rising[: rising.size // 2], rising[: rising.size // 2 - 1 : -1]
    return np.stack([(lowest[:, None] - offsets).ravel(), (highest[:, None] + offsets).ravel()])


def _middle(trial: Trial, asked: Comparison, one: LookSum, bounds: FloatArray) -> FloatArray:
    """Return where bounds are to be expected for a sum."""
    return np.asarray(_sign(trial, asked) * _in_units(bounds, one) + one.margin - one.mean)


def _sign(trial: Trial, asked: Comparison) -> int:
    return asked.analysis.test.benefit_sign(trial.endpoints[asked.endpoint].better)


def _in_units(bounds: FloatArray, one: LookSum) -> FloatArray:
    """Return bounds on the z scale as those of Student's law, where that is the test's."""
    from scipy.special import ndtr, stdtrit

    return bounds if np.isinf(one.degrees) else np.asarray(stdtrit(one.degrees, ndtr(bounds)))
