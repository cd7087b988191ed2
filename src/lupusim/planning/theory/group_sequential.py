"""What a group-sequential trial does by theory: its bounds as planned, power, expected size."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lupusim.analysis.group_sequential import Bounds, exit_probabilities
from lupusim.common.arrays import FloatArray, read_only
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.assumptions import is_plain, response_chance, without_failing
from lupusim.planning.theory.survival import drift_at_events, expected_calendar
from lupusim.simulation.looks.multiplicity import bounds_by_what_is_shown
from lupusim.simulation.quantities import at_look
from lupusim.trial import Analysis, Trial
from lupusim.trial.durations import MONTHS_PER_YEAR
from lupusim.trial.enrollment.arm_periods import arms_change


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialTheory:
    """What becomes of a trial with looks where statistics are normal with the planned information.

    Parameters
    ----------
    efficacy, futility : (n_looks,) arrays
        Probability of stopping at each look for that; at the last one of succeeding, failing.
    stops_if_alike : (n_looks,) array
        Probability of stopping at each look where the arms fare alike.
    seen : (n_looks,) array
        Events or patients analyzed by each look.
    unit : str
        Which: ``events`` or ``patients_analyzed``.
    time, n_enrolled : (n_looks,) arrays or None
        Calendar time (years) and patients of an average trial at each look.
    time_if_alike, n_enrolled_if_alike : (n_looks,) arrays or None
        The same where the arms fare alike.
    """

    efficacy: FloatArray
    futility: FloatArray
    stops_if_alike: FloatArray
    seen: FloatArray
    unit: str
    time: FloatArray | None
    n_enrolled: FloatArray | None
    time_if_alike: FloatArray | None
    n_enrolled_if_alike: FloatArray | None

    def __post_init__(self) -> None:
        for name in ("efficacy", "futility", "stops_if_alike", "seen"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def power(self) -> float:
        """Probability of a success at any look."""
        return float(self.efficacy.sum())

    def expected(self) -> dict[str, float]:
        """Return what is to be expected when the trial stops: `unit`, patients, months."""
        return self._expected(self.efficacy + self.futility, self.n_enrolled, self.time)

    def expected_if_alike(self) -> dict[str, float]:
        """Return the same of a trial whose arms fare alike."""
        return self._expected(self.stops_if_alike, self.n_enrolled_if_alike, self.time_if_alike)

    def _expected(
        self, stops: FloatArray, n_enrolled: FloatArray | None, time: FloatArray | None
    ) -> dict[str, float]:
        found = {self.unit: float(stops @ self.seen)}
        if n_enrolled is not None:
            found["patients"] = float(stops @ n_enrolled)
        if time is not None:
            found["months"] = float(stops @ time) * MONTHS_PER_YEAR
        return found


@without_failing(None)
def planned_bounds(trial: Trial) -> Bounds | None:
    """Return the bounds of a trial whose looks have the information that was planned.

    None where the information of a look is not known before the trial: of a test whose
    information is a variance, and of looks that wait for another clock than its events or
    patients.
    """
    rule = trial.stopping.group_sequential if trial.stopping else None
    seen = _seen(trial)
    if rule is None or seen is None or trial.family is not None:
        return None
    if trial.rule.changes or not trial.interims:
        return None
    return rule.plan(seen / seen[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundsOfMany:
    """Bounds of several hypotheses of one endpoint on z, at the information that was planned.

    Parameters
    ----------
    first, later : (n_hypotheses, n_looks) arrays
        Efficacy bounds at the share of the level that each has before anything is shown, and once
        all the others are; infinite for none.
    futility : (n_looks,) array
        -inf for none.
    """

    first: FloatArray
    later: FloatArray
    futility: FloatArray

    def __post_init__(self) -> None:
        for name in ("first", "later", "futility"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


@without_failing(None)
def planned_bounds_of_many(trial: Trial) -> BoundsOfMany | None:
    """Return the bounds of several hypotheses where their information is known before the trial.

    None for hypotheses of several endpoints, and where arms join or leave, too.
    """
    family, seen = trial.family, _seen(trial)
    rule = trial.stopping.group_sequential if trial.stopping else None
    if rule is None or seen is None or family is None or family.hypotheses:
        return None
    if trial.rule.changes or not trial.interims or arms_change(trial.arms):
        return None
    times = seen / seen[-1]
    each = np.broadcast_to(times, (1, len(trial.arms) - 1, times.size))
    first, later = (bounds[0] for bounds in bounds_by_what_is_shown(trial, each))
    if np.isnan(first).any():
        return None
    return BoundsOfMany(first=first, later=later, futility=rule.bounds(times[None, :])[1][0])


@without_failing(None)
def sequential_theory(trial: Trial) -> SequentialTheory | None:
    """Return what becomes of a trial with looks by the usual theory; None where there is none.

    The statistics are jointly normal with independent increments (Jennison and Turnbull 2000,
    chapter 3). A log-rank or Cox statistic drifts as Schoenfeld says, where the only event has
    proportional hazards. A z test of two proportions drifts with their difference, and its
    spread is that of the true proportions.
    """
    analysis, plan, seen = trial.analysis, planned_bounds(trial), _seen(trial)
    if analysis is None or plan is None or seen is None or len(trial.arms) != 2:
        return None
    if not is_plain(trial, analysis):
        return None
    law = _of_responses(trial, analysis) if _is_response(trial) else _of_events(trial, analysis)
    if law is None:
        return None
    drift, spread = law
    scaled = replace(plan, efficacy=plan.efficacy / spread, futility=plan.futility / spread)
    exits, alike = exit_probabilities(scaled, drift / spread), exit_probabilities(plan, 0.0)
    efficacy, futility = np.array(exits.efficacy), np.array(exits.futility)
    stops_if_alike = np.array(alike.efficacy) + np.array(alike.futility)
    stops_if_alike[-1] = 1 - stops_if_alike[:-1].sum()
    if plan.sided == 2:
        efficacy, futility = efficacy + futility, np.zeros_like(futility)
    futility[-1] = 1 - efficacy.sum() - futility[:-1].sum()
    ratios = () if _is_response(trial) else (None, 1.0)
    at = [int(n) for n in seen]
    calendars = [expected_calendar(trial, at, hazard_ratio=ratio) for ratio in ratios]
    (time, n_enrolled), (time_if_alike, n_enrolled_if_alike) = [
        one or (None, None) for one in calendars
    ] or [(None, None)] * 2
    return SequentialTheory(
        efficacy=efficacy,
        futility=futility,
        stops_if_alike=stops_if_alike,
        seen=seen,
        unit="patients_analyzed" if _is_response(trial) else "events",
        time=time,
        n_enrolled=n_enrolled,
        time_if_alike=time_if_alike,
        n_enrolled_if_alike=n_enrolled_if_alike,
    )


def theory_columns(trial: Trial) -> dict[str, object]:
    """Return planned bounds and theory by the names of a table's columns."""
    found: dict[str, object] = {}
    plan, theory = planned_bounds(trial), sequential_theory(trial)
    if plan is not None:
        for number, (upper, lower) in enumerate(zip(plan.efficacy, plan.futility, strict=True), 1):
            found[at_look("efficacy_bound", number)] = _finite(upper)
            found[at_look("futility_bound", number)] = _finite(lower)
    if theory is None:
        return found
    for ending, of in (
        ("theory", theory.expected()),
        ("if_alike", theory.expected_if_alike()),
    ):
        found |= {f"{name}_{ending}": _finite(value) for name, value in of.items()}
    for number, (success, failure) in enumerate(
        zip(theory.efficacy, theory.futility, strict=True), 1
    ):
        found[at_look("efficacy_theory", number)] = float(success)
        found[at_look("futility_theory", number)] = float(failure)
    return found


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _is_response(trial: Trial) -> bool:
    return trial.primary.response_at_visit is not None


def _seen(trial: Trial) -> FloatArray | None:
    """Return the events or patients in the analysis at each look; None where that is random.

    None too where these are not what the test's information counts.
    """
    primary = trial.primary.response_at_visit
    unit = "events" if primary is None else "patients"
    if trial.analysis is None or trial.analysis.test.information_unit != unit:
        return None
    counts = [
        look.primary_events
        if primary is None
        else look.patients_known(primary.at, trial.n_patients)
        for look in trial.looks
    ]
    known = [float(count) for count in counts if count is not None]
    rising = len(known) == len(counts) and (np.diff(known) > 0).all()
    return np.array(known) if rising else None


def _of_events(trial: Trial, analysis: Analysis) -> tuple[float, float] | None:
    """Return expected value and standard deviation of the last look's log-rank statistic."""
    events = trial.cutoff.primary_events
    if events is None or analysis.test.formula != "survival":
        return None
    if analysis.test.has_margin:
        return None
    return drift_at_events(trial, events)


def _of_responses(trial: Trial, analysis: Analysis) -> tuple[float, float] | None:
    """Return expected value and standard deviation of the last look's z of two proportions."""
    primary = trial.primary.response_at_visit
    if primary is None or not trial.dropout.is_alike:
        return None
    if analysis.name not in ("pooled_z", "unpooled_z") or analysis.test.has_margin:
        return None
    try:
        control, new = (response_chance(trial, arm.law, primary) for arm in trial.arms)
    except NoExactSolutionError:
        return None
    shares = np.array(trial.ratio) / sum(trial.ratio)
    each = np.array([control * (1 - control), new * (1 - new)]) / shares
    overall = float(shares @ (control, new))
    true = math.sqrt(each.sum() / trial.n_patients)
    used = true
    if analysis.name == "pooled_z":
        used = math.sqrt(overall * (1 - overall) * (1 / shares).sum() / trial.n_patients)
    if true == 0:
        return None
    return primary.better.value * (new - control) / used, true / used
