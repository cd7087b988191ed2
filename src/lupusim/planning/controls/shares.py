"""Sums of shares whose chances differ by factor or date, or whose patients come in stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.lots import LotPatients, lot_patients, luck
from lupusim.planning.controls.parts import Baseline, LookSum
from lupusim.planning.controls.values import ValueLaw, quadratic
from lupusim.planning.theory.counts.asked import AllRespond
from lupusim.planning.theory.counts.cells import acting_factors, cells_of
from lupusim.planning.theory.counts.chances import chances_of_truths
from lupusim.planning.theory.sums import ComplexArray
from lupusim.simulation.control_classes import ClassedShares, Classes, Stages
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.trial import Trial
from lupusim.trial.endpoints import ResponseAtVisits
from lupusim.trial.enrollment.arm_periods import Controls, arms_change
from lupusim.trial.population.covariates import CovariateEffect, NormalCovariate

_DATES = 9  # at which chances are worked out where prognosis drifts; straight between them
_LATER = 1.25  # how much later than in the enrollments drawn patients may come
_DATE = "date of randomization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """The chance of a response by arm, combination of levels and date of randomization."""

    dates: FloatArray  # calendar times (years); (n_dates,)
    luck: FloatArray  # chance of each potency of a lot; (n_luck,)
    given: FloatArray  # that of a response, given the potency; (n_arms, n_cells, n_dates, n_luck)

    @property
    def chance(self) -> FloatArray:
        """That of a response, (n_arms, n_cells, n_dates)."""
        return np.asarray(self.given @ self.luck)


def is_of_classes(trial: Trial) -> bool:
    """Return whether chances differ by a factor of the allocation or the date, or stages are two.

    Parameters
    ----------
    trial : Trial
        What is asked about.
    """
    steered = set(trial.stratify_by) & set(acting_factors(trial))
    return (
        bool(steered or trial.population.drift)
        or arms_change(trial.arms)
        or staged(trial)
        or any(arm.unequal_lots for arm in trial.arms)
    )


def staged(trial: Trial) -> bool:
    """Return whether a trial has two stages whose patients enrollment alone tells apart."""
    return trial.rule.known_stages(trial) is not None


def sums_of_shares(trial: Trial, asked: Comparison, baseline: Baseline) -> list[LookSum]:
    """Return the sum of a test of shares at the last look.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know the chance of a response.
    """
    endpoint = trial.endpoints[asked.endpoint]
    responses = endpoint.response_at_visits
    assert responses is not None  # only shares come here
    known = _known_chances(trial, responses, float(baseline.enrolled.max()))
    classes = _classes(trial, asked)
    there = _there(classes, known.dates, baseline)
    null = asked.analysis.test.null_value(endpoint.better)
    stages = trial.rule.known_stages(trial)
    squared = (1.0,) if stages is None else stages.weights
    pair = known.chance[[0, asked.arm]]
    patients = there.mean(axis=0).reshape(len(squared), 2, classes.n_cells, -1)
    parts = [_of_stage(stage, pair, null) for stage in patients]
    roots = np.sqrt(squared)
    adds = np.concatenate([root * one.adds for root, one in zip(roots, parts, strict=True)])
    adds = np.repeat(adds, classes.n_cells, axis=0)
    given = known.given[[0, asked.arm]].reshape(-1, known.dates.size, known.luck.size)
    of_arm = np.arange(classes.number) // classes.n_cells % 2
    which = classes.of(baseline, baseline.arm)
    lots = [
        lot_patients(
            trial.arms[position],
            np.where((which >= 0) & (of_arm[which] == arm), which, -1),
            classes.number,
            known.luck,
        )
        for arm, position in enumerate((0, asked.arm))
    ]
    law = _Law(adds, np.tile(given, (len(squared), 1, 1)), there, of_arm, lots)
    variance = sum(weight * one.variance for weight, one in zip(squared, parts, strict=True))
    return [
        LookSum(
            mean=float(sum(root * one.mean for root, one in zip(roots, parts, strict=True))),
            estimate=float(sum(w * one.estimate for w, one in zip(squared, parts, strict=True))),
            information=1 / variance,
            variances=law.variances(),
            law=law,
            sum=ClassedShares(endpoint=asked.endpoint, classes=classes, adds=adds),
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """A difference of shares by its standard error, and what each patient adds to it."""

    mean: float
    estimate: float
    variance: float  # of the estimate
    adds: FloatArray  # without and with a response, less its mean; (2, 2) by arm


def _of_stage(patients: FloatArray, chance: FloatArray, null: float) -> _Stage:
    """Return the statistic of one stage.

    Parameters
    ----------
    patients : (2, n_cells, n_dates) array
        Expected, by arm, levels and date.
    chance : (2, n_cells, n_dates) array
        Of a response.
    null : float
        The difference that is compared with.
    """
    sizes = patients.sum(axis=(1, 2))
    share = (patients * chance).sum(axis=(1, 2)) / sizes
    value = np.tile([0.0, 1.0], (2, 1))
    law = ValueLaw(weight=np.stack([1 - share, share], axis=1), value=value)
    mean, parts = quadratic(law, sizes, null)
    y = value - parts.center[:, None]
    adds = parts.constant[:, None] + (parts.linear[:, None] + parts.square[:, None] * y) * y
    return _Stage(
        mean=mean,
        estimate=float(share[1] - share[0]),
        variance=float((share * (1 - share) / sizes).sum()),
        adds=adds - parts.mean[:, None],
    )


class _Law:
    """The law of a sum over classes of patients, in each of some enrollments."""

    def __init__(
        self,
        adds: FloatArray,
        given: FloatArray,
        there: FloatArray,
        of_arm: IntArray,
        lots: Sequence[LotPatients | None],
    ) -> None:
        self.adds, self.given, self.there, self.of_arm, self.lots = adds, given, there, of_arm, lots

    def __call__(self, nodes: FloatArray) -> ComplexArray:
        without, with_one = np.exp(1j * nodes * self.adds[:, :, None]).swapaxes(0, 1)[:, :, None]
        return np.stack([self._of_arm(*one, without, with_one) for one in enumerate(self.lots)], 1)

    def _of_arm(
        self, arm: int, lots: LotPatients | None, without: ComplexArray, with_one: ComplexArray
    ) -> ComplexArray:
        if lots is not None:
            each = np.log(without + self.given[:, 0, :, None] * (with_one - without))
            return lots.log_law(each)
        chosen = self.of_arm == arm
        chance = self.given[chosen, :, :1]
        each = np.log(without[chosen] + chance * (with_one - without)[chosen])
        return np.tensordot(self.there[:, chosen], each, axes=([1, 2], [0, 1]))

    def variances(self) -> FloatArray:
        """Return the variance of what each arm's patients add, (2,)."""
        return np.array([self._variance(*one) for one in enumerate(self.lots)])

    def _variance(self, arm: int, lots: LotPatients | None) -> float:
        jump = (self.adds[:, 1] - self.adds[:, 0])[:, None, None]
        own = jump**2 * self.given * (1 - self.given)
        if lots is not None:
            return lots.variance((jump * self.given)[:, 0], own[:, 0])
        chosen = self.of_arm == arm
        return float((self.there.mean(axis=0)[chosen] * own[chosen, :, 0]).sum())


def _classes(trial: Trial, asked: Comparison) -> Classes:
    """Return which patients a comparison takes, and what tells their chances apart."""
    arms, known = trial.arms, trial.rule.known_stages(trial)
    names = dict.fromkeys(acting_factors(trial))
    joined = arms_change(arms) and asked.analysis.controls is not Controls.ALL
    stages = None
    if known is not None and (look := trial.interims[0].after_patients) is not None:
        patients, follow_up = look
        stages = Stages(
            patients=patients,
            follow_up=follow_up,
            planned=trial.n_patients,
            shares=known.shares,
        )
    factors = {name: len(trial.population.factors[name]) for name in names}
    return Classes(arm=asked.arm, concurrent=joined, factors=factors, stages=stages)


def _there(classes: Classes, dates: FloatArray, baseline: Baseline) -> FloatArray:
    """Return how many patients of each class come at each date, (n_draws, n_classes, n_dates).

    Each patient counts in part for both dates beside.
    """
    which, n_draws, n_dates = classes.of(baseline, baseline.arm), len(baseline.enrolled), dates.size
    below, part = np.zeros(which.shape, dtype=np.intp), np.zeros(which.shape)
    if n_dates > 1:
        place = np.clip(baseline.enrolled / dates[1], 0.0, n_dates - 1)
        below = np.minimum(place.astype(np.intp), n_dates - 2)
        part = place - below
    row = (np.arange(n_draws)[:, None] * classes.number + which) * n_dates + below
    size = n_draws * classes.number * n_dates
    taken = which >= 0
    counts = np.bincount(row[taken], 1 - part[taken], size)
    later = np.minimum(row[taken] + 1, size - 1)
    counts += np.bincount(later, part[taken], size)
    return np.asarray(counts.reshape(n_draws, classes.number, n_dates))


def chances(trial: Trial, endpoint: ResponseAtVisits, latest: float) -> Chances:
    """Return the chances of a response.

    Parameters
    ----------
    trial : Trial
        Its patients must be independent, given when they were randomized.
    endpoint : ResponseAtVisits
        What is asked of them.
    latest : float
        The latest calendar time (years) of a randomization among some trials.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know them.
    """
    drifts = bool(trial.population.drift)
    dates = np.linspace(0.0, _LATER * latest, _DATES) if drifts else np.zeros(1)
    factors = trial.population.factors
    names = list(dict.fromkeys(acting_factors(trial)))
    cells = cells_of(trial, ())
    shape = [len(factors[name]) for name in names]
    at_dates = [_randomized_at(trial, date) for date in dates.tolist()] if drifts else [trial]
    lucky, weight = luck(trial)
    found = np.zeros((len(trial.arms), math.prod(shape), dates.size, weight.size))
    places = [
        int(np.ravel_multi_index([list(factors[n]).index(c.levels[n]) for n in names], shape))
        if names
        else 0
        for c in cells
    ]
    asked = AllRespond(endpoints=(endpoint,))
    # lots that differ come without dates
    truths = lucky if len(lucky) > 1 else at_dates
    of_truths = np.moveaxis(chances_of_truths(truths, asked, cells), 0, -1)
    found[:, places] = of_truths.reshape(len(trial.arms), -1, dates.size, weight.size)
    return Chances(dates=dates, luck=weight, given=found)


class _AskedLast:
    """Remembers the chances of the trial asked last: all its comparisons ask for the same."""

    def __init__(self) -> None:
        self._trial: Trial | None = None
        self._known: dict[tuple[ResponseAtVisits, float], Chances] = {}

    def __call__(self, trial: Trial, endpoint: ResponseAtVisits, latest: float) -> Chances:
        if self._trial is not trial:
            self._trial, self._known = trial, {}
        asked = endpoint, latest
        if asked not in self._known:
            self._known[asked] = chances(trial, endpoint, latest)
        return self._known[asked]


_known_chances = _AskedLast()


def _randomized_at(trial: Trial, date: float) -> Trial:
    """Return a trial all of whose patients fare as those who are randomized at a date."""
    population = trial.population
    effects = tuple(
        CovariateEffect(covariate=_DATE, on=one.on, hazard_ratio=one.hazard_ratio_per_year)
        for one in population.drift
    )
    at_date = {**population.covariates, _DATE: NormalCovariate(mean=date)}
    alike = replace(
        population, drift=(), covariates=at_date, effects=(*population.effects, *effects)
    )
    return replace(trial, population=alike)
