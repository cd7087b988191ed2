"""Looks at counts of responders: all that can happen, look by look, with its probability."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np

from lupusim.analysis.group_sequential import z_from_p_value
from lupusim.analysis.group_sequential.stopping import is_futile, reaches
from lupusim.analysis.numerics.binomial import binomial_row
from lupusim.analysis.single_arm.enumeration import LookChances
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.sizes import Sizes, sizes_in
from lupusim.planning.theory.counts.tables import check_sizes, tables_of, verdict_on
from lupusim.trial import Analysis, StoppingRule, Trial, Verdict
from lupusim.trial.endpoints import ResponseAtVisits

_MOST_PER_ARM = 600
_MOST_PATHS = 200


def look_chances(
    trial: Trial, analysis: Analysis, endpoint: ResponseAtVisits, chances: tuple[float, float]
) -> LookChances:
    """Return what becomes of a trial with looks at fixed numbers of patients.

    Parameters
    ----------
    trial : Trial
        Two arms; its allocation knows no strata.
    analysis : Analysis
        A test of fourfold tables.
    endpoint : ResponseAtVisits
        What it tests.
    chances : (float, float)
        Of a response, on control and on the experimental arm.

    Raises
    ------
    NoExactSolutionError
        If it is not known how many patients are in the analysis of each look.
    """
    patients = _patients(trial, endpoint)
    success, failure = np.zeros(len(patients)), np.zeros(len(patients))
    for weight, sizes in _paths(trial, patients):
        for both in sizes:
            check_sizes(analysis, both)
        if max(sizes[-1]) > _MOST_PER_ARM:
            raise NoExactSolutionError(f"looks at more than {_MOST_PER_ARM} patients on an arm")
        won, lost = _of_sizes(trial, analysis, endpoint, sizes, chances)
        success, failure = success + weight * won, failure + weight * lost
    return LookChances(success=success, failure=failure, patients=np.array(patients, dtype=float))


def _patients(trial: Trial, endpoint: ResponseAtVisits) -> list[int]:
    """Return the patients in the analysis of each look."""
    due = endpoint.visits[-1]
    found = [look.patients_known(due, trial.n_patients) for look in trial.looks]
    known = [n for n in found if n is not None]
    rising = all(a < b for a, b in pairwise(known))
    if len(known) < len(found) or not rising or trial.visit_conduct.window:
        raise NoExactSolutionError("how many patients are in the analysis is left to chance")
    return known


def _paths(trial: Trial, patients: Sequence[int]) -> Iterator[tuple[float, list[Sizes]]]:
    """Yield the arm sizes at all looks, and their chance.

    What a look sees of an unfilled block says nothing of the blocks after it.
    """
    block = trial.allocation.block_size if trial.allocation else None
    whole = [n for n in patients if block is None or n % block]
    opened = [n // block for n in whole] if block else whole
    if block is None or len(set(opened)) < len(opened):
        raise NoExactSolutionError("the arms' sizes at one look depend on those at another")
    options = [list(sizes_in(trial, n).items()) for n in patients]
    if np.prod([len(one) for one in options]) > _MOST_PATHS:
        raise NoExactSolutionError("the arms have too many sizes")
    for path in product(*options):
        yield float(np.prod([chance for _, chance in path])), [sizes for sizes, _ in path]


def _of_sizes(
    trial: Trial,
    analysis: Analysis,
    endpoint: ResponseAtVisits,
    sizes: Sequence[Sizes],
    chances: tuple[float, float],
) -> tuple[FloatArray, FloatArray]:
    """Return the probability of success, and of stopping without, at each look."""
    assert trial.stopping is not None  # the trial's own checks see to it
    reached = np.ones((1, 1))
    won, lost = np.zeros(len(sizes)), np.zeros(len(sizes))
    fraction = np.array([sum(both) for both in sizes]) / trial.n_patients
    before = (0, 0)
    for k, both in enumerate(sizes):
        control, new = (
            _further(reached.shape[1 - arm] - 1, both[arm] - before[arm], chances[arm])
            for arm in (0, 1)
        )
        reached = new.T @ reached @ control
        everything = ((0, both[0] + 1), (0, both[1] + 1))
        tables = tables_of(both, everything)
        verdict = verdict_on(analysis.test, tables, better=endpoint.better, sided=analysis.sided)
        wins, stops = _judged(trial.stopping, verdict, fraction, k, analysis.sided)
        wins, stops = wins.reshape(reached.shape), stops.reshape(reached.shape)
        if k == len(sizes) - 1:
            stops[:] = True
        won[k], lost[k] = reached[wins].sum(), reached[stops & ~wins].sum()
        reached = np.where(wins | stops, 0.0, reached)
        before = both
    return won, lost


def _further(responders: int, more: int, chance: float) -> FloatArray:
    """Return the chance to come from so many responders (rows) to others, of further patients."""
    row = binomial_row(more, chance)
    found = np.zeros((responders + 1, responders + more + 1))
    for k in range(responders + 1):
        found[k, k : k + more + 1] = row
    return found


def _judged(
    rule: StoppingRule, verdict: Verdict, fraction: FloatArray, look: int, sided: int
) -> tuple[BoolArray, BoolArray]:
    """Return which tables succeed at a look, and which stop there for futility."""
    n_tables = verdict.p_value.size
    estimate = np.full((n_tables, fraction.size), np.nan)
    estimate[:, look] = verdict.known_estimate
    efficacy, futility = rule.bounds_at(np.tile(fraction, (n_tables, 1)), estimate)
    z = _statistic(verdict, sided)
    wins = reaches(z, efficacy[:, look], sided=sided)
    return wins, np.asarray(is_futile(z, futility[:, look]))


def _statistic(verdict: Verdict, sided: int) -> FloatArray:
    """Return the statistic as looks take it: NaN where it is not defined."""
    if sided == 1:
        z = z_from_p_value(verdict.p_better)
    else:
        side = np.where(verdict.p_better > verdict.p_worse, -1, 1)
        z = z_from_p_value(verdict.p_two_sided / 2) * side
    return np.where(verdict.undefined, np.nan, z)
