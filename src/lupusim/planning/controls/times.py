"""Sums of a test of times: what becomes of each patient until a date that enrollment decides."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import product

import numpy as np

from lupusim.analysis.survival.exit_sums import Table
from lupusim.common.arrays import FloatArray
from lupusim.planning.controls.first_events import first_entries_in
from lupusim.planning.controls.influence import Influence, Watched, influence
from lupusim.planning.controls.parts import Baseline, LookSum, in_arms, summed
from lupusim.planning.controls.patients import (
    CELLS,
    STRIDE,
    PatientLaw,
    centered,
    log_characteristic,
    variances,
)
from lupusim.planning.theory.counts.cells import acting_factors
from lupusim.planning.theory.sums import ComplexArray
from lupusim.simulation.control_classes import Classes
from lupusim.simulation.controls import CutDate, TimesToCut
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.trial import Cutoff, Trial
from lupusim.trial.durations import LONGEST_FOLLOW_UP
from lupusim.trial.endpoints import EventTime
from lupusim.trial.looks import Entries, EventCount

_HALVINGS = 40
_COARSE = 400  # cells by which a date is to be expected
_SLACK = 2.0  # how much more a date may move than among the enrollments drawn


def sums_of_times(trial: Trial, asked: Comparison, baseline: Baseline) -> list[LookSum]:
    """Return the sums of a test of times, look by look; none where they can't be defined.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance.
    """
    endpoint = trial.endpoints[asked.endpoint].time_of_event
    assert endpoint is not None  # only times come here
    cuts = cut_dates(trial, baseline)
    if not cuts:
        return []
    longest = min(trial.follow_up, LONGEST_FOLLOW_UP, max(cut.bounds[1] for cut in cuts))
    test, better = asked.analysis.test, trial.endpoints[asked.endpoint].better
    edges = np.linspace(0.0, longest, CELLS + 1)
    kinds = kinds_of_patients(trial, asked)
    law = _of_pair(
        _law(trial, endpoint, edges, kinds.factors, keeps_competing=test.keeps_competing), kinds
    )
    pair = replace(baseline, arm=kinds.of(baseline, baseline.arm))
    stratified = set(kinds.factors) <= set(asked.analysis.stratify_by)
    null = test.null_value(better)
    # the statistic of ranks is that of no effect, whatever margin it is moved by
    margin = null if test.nearly == "ranks" else 0.0
    found = []
    for look, cut in zip(trial.looks, cuts, strict=True):
        there = pair.there(cut, STRIDE * law.width, CELLS // STRIDE + 1, kinds.number)
        watched = Watched(patients=_watched(there.mean(axis=0)), stratified=stratified)
        one = influence(test, law, watched, at_events=look.counted is not None, null=null)
        if one is None:
            return []
        parts = TimesToCut(
            endpoint=asked.endpoint,
            cut=cut,
            table=_in_trial(centered(law, one.adds), kinds, len(trial.arms)),
            keeps_competing=test.keeps_competing,
            kinds=kinds if kinds.factors else None,
        )
        found.append(_look_sum(one, law, there, parts, margin))
    return found


def _look_sum(
    one: Influence, law: PatientLaw, there: FloatArray, parts: TimesToCut, margin: float
) -> LookSum:
    def of_arms(nodes: FloatArray) -> ComplexArray:
        return summed(there, log_characteristic(law, one.adds, nodes))

    return LookSum(
        mean=one.mean,
        estimate=one.mean / math.sqrt(one.information),
        information=one.information,
        variances=_by_arm(there.mean(axis=0) * variances(law, one.adds)[:, ::STRIDE]),
        law=of_arms,
        sum=parts,
        margin=margin * math.sqrt(one.information),
    )


def _by_arm(of_kinds: FloatArray) -> FloatArray:
    return np.asarray(of_kinds.sum(axis=1).reshape(2, -1).sum(axis=1))


def kinds_of_patients(trial: Trial, asked: Comparison) -> Classes:
    """Return which kinds of patients a comparison takes: levels that act and steer, and arms."""
    names = [name for name in dict.fromkeys(acting_factors(trial)) if name in trial.stratify_by]
    factors = {name: len(trial.population.factors[name]) for name in names}
    return Classes(arm=asked.arm, concurrent=False, factors=factors)


def _of_pair(law: PatientLaw, kinds: Classes) -> PatientLaw:
    """Return the law of the kinds of a pair's patients, from that of all arms."""
    own = np.arange(kinds.n_cells)
    return law.of_arms([*own, *(kinds.arm * kinds.n_cells + own)])


def _in_trial(of_pair: Table, kinds: Classes, n_arms: int) -> Table:
    """Return what patients add by arm, or where kinds are told apart by kind and last by nobody."""
    both = of_pair.adds, of_pair.mean
    if kinds.factors:
        adds, mean = (np.concatenate([one, np.zeros_like(one[:1])]) for one in both)
    else:
        adds, mean = (in_arms(one, kinds.arm, n_arms) for one in both)
    return replace(of_pair, adds=adds, mean=mean)


def cut_dates(trial: Trial, baseline: Baseline) -> list[CutDate]:
    """Return when each look is to be expected, given the enrollment; none if one never comes."""
    dates = [_date(trial, look, baseline) for look in trial.looks]
    if not all(map(math.isfinite, dates)):
        return []
    return [_cut(look, d, baseline) for look, d in zip(trial.looks, dates, strict=True)]


class _Expected:
    """When looks are to be expected, from draws of the enrollment."""

    def __init__(self, trial: Trial, baseline: Baseline) -> None:
        self.trial, self.enrolled = trial, baseline.enrolled

    def time_of(self, timing: Cutoff) -> float:
        """Return the mean time of a clock that knows enrollment alone."""
        return float(timing.calendar_time(Entries(enrolled=self.enrolled)).mean())

    def time_of_events(self, count: EventCount) -> float:
        """Return when as many events are to be expected; ``inf`` for never."""
        trial, endpoint = self.trial, self.trial.endpoints[count.endpoint].time_of_event
        if endpoint is None or not count.of_primary:
            return math.nan
        longest = min(trial.follow_up, LONGEST_FOLLOW_UP)
        came: FloatArray = self.enrolled.mean(axis=0)  # who comes first, second ...
        shares = np.array(trial.ratio) / sum(trial.ratio) * trial.n_patients
        # cells that grow: hazards change early, and a follow-up may have no end
        times = longest * np.linspace(0.0, 1.0, _COARSE + 1) ** 2
        # a date to be expected may be off: a sum taken there is as exact
        seen = _law(trial, endpoint, times, (), roughly=True).event.cumsum(axis=1)
        had = np.append(0.0, shares @ seen)

        def expected(date: float) -> float:
            return float(np.interp(date - came, times, had).mean())

        low, high = 0.0, float(came[-1]) + longest
        if expected(high) < count.events:
            return math.inf
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if expected(middle) < count.events else (low, middle)
        return high


def _date(trial: Trial, look: Cutoff, baseline: Baseline) -> float:
    """Return when a look is to be expected, calendar time (years)."""
    return look.expected_time(_Expected(trial, baseline))


def _cut(look: Cutoff, date: float, baseline: Baseline) -> CutDate:
    """Return the date at which the sum of a look is taken, given the enrollment."""
    first = int(np.clip(np.ceil((baseline.enrolled <= date).sum(axis=1).mean()), 1, None))
    means = baseline.enrolled[:, :first].mean(axis=1)
    mean = float(means.mean())
    reach = 0.0 if look.date is not None else _SLACK * float(np.abs(means - mean).max())
    bounds = max(date - reach, date / 2), date + reach
    return CutDate(date=date, first=first, mean=mean, bounds=bounds)


def _law(
    trial: Trial,
    endpoint: EventTime,
    edges: FloatArray,
    factors: Iterable[str],
    *,
    keeps_competing: bool = False,
    roughly: bool = False,
) -> PatientLaw:
    """Return when a patient of each kind has the event, or leaves without one, in cells of time.

    Kinds are arms and within them levels of the factors, the last running fastest. Where it
    `keeps_competing`, nobody leaves by a competing event; `roughly` asks for no second quadrature
    over patients.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance.
    """
    multipliers = trial.dropout.in_arms([arm.name for arm in trial.arms])
    names = tuple(factors)
    levels = list(product(*(trial.population.factors[name] for name in names)))
    event, left = [], []
    for number, those in product(range(len(trial.arms)), levels):
        stays = np.exp(-multipliers[number] * trial.dropout.cumulative(edges))
        of = dict(zip(names, those, strict=True))
        had, other = first_entries_in(trial, number, endpoint, edges, of, roughly=roughly)
        if keeps_competing:
            other = np.zeros_like(other)
        present, free = _middle(stays), _middle(1.0 - had - other)
        event.append(np.diff(had) * present)
        left.append(np.diff(other) * present - free * np.diff(stays))
    width = float(edges[-1]) / (edges.size - 1)
    return PatientLaw(width=width, event=np.stack(event), exit=np.stack(left))


def _middle(at_edges: FloatArray) -> FloatArray:
    return np.asarray((at_edges[1:] + at_edges[:-1]) / 2)


def _watched(there: FloatArray) -> FloatArray:
    """Return how many patients are not cut before a study time, (2, n_cells + 1)."""
    from_here = np.cumsum(there[:, ::-1], axis=1)[:, ::-1]
    coarse = np.arange(there.shape[1]) * STRIDE
    fine = np.arange(CELLS + 1)
    # who is cut at a time of the grid stands for those around it
    half = from_here - there / 2
    half[:, 0] = there.sum(axis=1) - there[:, 0]
    return np.array([np.interp(fine, coarse, row) for row in half])
