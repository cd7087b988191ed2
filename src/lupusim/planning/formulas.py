"""Power without simulation, for designs that have it: exact or by a formula."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lupusim.analysis.closed_form import exact_power, schoenfeld_power
from lupusim.analysis.proportions_compared import (
    DifferenceTest,
    ExactTest,
    ProportionTest,
    RatioTest,
)
from lupusim.analysis.times_compared import CoxTest, LogrankTest
from lupusim.analysis.two_by_two import TwoByTwo, all_tables
from lupusim.arrays import FloatArray
from lupusim.engines.exact import occupancy
from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel, TreatmentEffect
from lupusim.trial import (
    AfterLastPatient,
    Analysis,
    Arm,
    AtEvents,
    PermutedBlocks,
    Responder,
    TimeToEvent,
    Trial,
)

_OF_TABLES = (ProportionTest, DifferenceTest, RatioTest, ExactTest)
_MOST_TABLES = 40_000  # all tables of two arms of 199: a second, with the slowest test
_TOLERANCE = 1e-6
_TIME_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaPower:
    """The power of a design without simulation.

    Parameters
    ----------
    value : float
        The power.
    method : str
        How it is known, such as ``exact, all tables``.
    """

    value: float
    method: str


def formula_power(trial: Trial) -> FormulaPower | None:
    """Return the power of a trial without simulation; None where there is no formula.

    *Exact* is the power of a test of two proportions in a trial with one look, in which the
    arms have fixed sizes, visits are perfect, nobody is struck by an intercurrent event, and
    dropout does not depend on the state: the responses' probabilities come from the exact
    engine, and all tables are enumerated. *Schoenfeld* is that of a log-rank or Cox test at
    a number of events where the only event has proportional hazards; it is asymptotic.
    """
    analysis = trial.analysis
    if analysis is None or not _is_plain(trial, analysis):
        return None
    if isinstance(trial.primary, Responder) and isinstance(analysis.test, _OF_TABLES):
        return _of_proportions(trial, analysis, trial.primary)
    if isinstance(trial.primary, TimeToEvent) and isinstance(analysis.test, LogrankTest | CoxTest):
        return _of_events(trial, analysis)
    return None


def _is_plain(trial: Trial, analysis: Analysis) -> bool:
    """Return whether nothing makes patients or looks differ that no formula knows."""
    population = trial.population
    alike = not (population.effects or population.frailties or population.screening)
    straight = all(_is_straight(arm) for arm in trial.arms)
    two = len(trial.arms) == 2 and not trial.interims and trial.supply is None
    watched = trial.visit_conduct.is_perfect and not trial.intercurrent_events
    adjusted = analysis.stratify_by or analysis.adjust_for
    return bool(alike and straight and two and watched and not adjusted)


def _is_straight(arm: Arm) -> bool:
    """Return whether all patients of an arm follow one law from the start."""
    given = arm.infusions
    varied = given is not None and any(
        getattr(given, name, None) for name in ("again_on", "lots", "missed")
    )
    return arm.switch is None and not varied and not arm.model.covariates


def _of_proportions(trial: Trial, analysis: Analysis, primary: Responder) -> FormulaPower | None:
    cutoff = trial.cutoff
    everybody = (
        isinstance(cutoff, AfterLastPatient) and cutoff.follow_up >= primary.at - _TIME_TOLERANCE
    )
    sizes = _sizes(trial)
    if not everybody or sizes is None or not trial.dropout.is_alike:
        return None
    control_n, n = sizes
    if (n + 1) * (control_n + 1) > _MOST_TABLES:
        return None
    try:
        control, experimental = (_response(trial, arm.law, primary) for arm in trial.arms)
    except NoExactSolutionError:
        return None
    verdict = analysis.test(
        _AllTables(table=all_tables(n, control_n)),
        better=primary.better,
        sided=analysis.sided,
        stratum=np.zeros((1, 1), dtype=np.intp),
    )
    rejects = (verdict.p_value <= analysis.alpha).reshape(n + 1, control_n + 1)
    return FormulaPower(
        value=exact_power(rejects, experimental, control), method="exact, all tables"
    )


def _sizes(trial: Trial) -> tuple[int, int] | None:
    """Return the sizes of control and experimental arm; None where they are random."""
    blocks = trial.allocation
    if not isinstance(blocks, PermutedBlocks) or trial.stratify_by:
        return None
    if trial.n_patients % blocks.block_size:
        return None
    share = trial.n_patients // sum(trial.ratio)
    return trial.ratio[0] * share, trial.ratio[1] * share


def _response(trial: Trial, law: MultiStateModel, primary: Responder) -> float:
    """Return the probability that a patient is a responder, and still there to be seen."""
    row = occupancy(law, [primary.at], tolerance=_TOLERANCE).iloc[0]
    present = math.exp(-trial.dropout.cumulative(np.array(primary.at)))
    return min(1.0, max(0.0, float(row[list(primary.states)].sum()) * present))


@dataclass(frozen=True, slots=True, kw_only=True)
class _AllTables:
    """Stands for an outcome that has every table once."""

    table: TwoByTwo

    def counts(self, arm: int) -> tuple[FloatArray, FloatArray]:
        """Return responders and patients of an arm."""
        if arm:
            return self.table.responders, self.table.n
        return self.table.control_responders, self.table.control_n


def _of_events(trial: Trial, analysis: Analysis) -> FormulaPower | None:
    ratio = _hazard_ratio(trial)
    margin = getattr(analysis.test, "margin", 1.0)
    if not isinstance(trial.cutoff, AtEvents) or ratio is None or margin != 1:
        return None
    is_benefit = (ratio < 1) == (trial.primary.better.value < 0)
    if ratio == 1 or not (is_benefit or analysis.sided == 2):
        return None
    allocation = trial.ratio[1] / trial.ratio[0]
    alpha = analysis.alpha / analysis.sided
    power = schoenfeld_power(ratio, trial.cutoff.events, alpha=alpha, allocation=allocation)
    return FormulaPower(value=power, method="Schoenfeld's formula")


def _hazard_ratio(trial: Trial) -> float | None:
    """Return the constant hazard ratio of the only transition; None where there is none."""
    control, experimental = trial.arms
    if control.effects or control.model != experimental.model or len(experimental.effects) != 1:
        return None
    effect = experimental.effects[0]
    if len(control.model.transitions) > 1 or not isinstance(effect, TreatmentEffect):
        return None
    given = experimental.infusions
    from_start = effect.onset == 0 and (given is None or given.at[0] == 0)
    for_good = math.isinf(effect.lasts) and not control.model.classes
    return effect.hazard_ratio if from_start and for_good else None
