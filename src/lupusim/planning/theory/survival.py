"""The power of log-rank designs by asymptotic formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from lupusim.analysis.power import EventTimes, lachin_foulkes_power, schoenfeld_power
from lupusim.arrays import FloatArray
from lupusim.planning.theory.assumptions import constant_hazard, constant_hazard_ratio
from lupusim.planning.theory.formula_power import FormulaPower
from lupusim.trial import (
    AfterLastPatient,
    Analysis,
    AtCalendarTime,
    AtEvents,
    Trial,
)
from lupusim.trial.enrollment.base import Accrual

_HALVINGS = 60
_LONGEST = 1000.0  # years


def survival_powers(trial: Trial, analysis: Analysis) -> Iterator[FormulaPower]:
    """Yield the power of a log-rank or Cox test of proportional hazards, formula by formula.

    Schoenfeld's needs a number of events: the one waited for, or the one to be expected by the
    cutoff. That of Lachin and Foulkes knows enrollment (the calendar of an average trial),
    dropout and cutoff, and needs a constant hazard.
    """
    ratio = constant_hazard_ratio(trial)
    if ratio is None or ratio == 1 or getattr(analysis.test, "margin", 1.0) != 1:
        return
    is_benefit = (ratio < 1) == (trial.primary.better.value < 0)
    if not (is_benefit or analysis.sided == 2):
        return
    alpha, allocation = analysis.alpha / analysis.sided, trial.ratio[1] / trial.ratio[0]
    arms = _both(trial, ratio)
    events: float | None = None
    if isinstance(trial.cutoff, AtEvents):
        events = trial.cutoff.events
    elif arms is not None:
        events = trial.n_patients * _event_chance(*arms, allocation)
    if events is not None:
        value = schoenfeld_power(ratio, events, alpha=alpha, allocation=allocation)
        yield FormulaPower(value=value, method="Schoenfeld's formula", key="schoenfeld")
    if arms is not None:
        value = lachin_foulkes_power(trial.n_patients, *arms, alpha=alpha, allocation=allocation)
        yield FormulaPower(value=value, method="Lachin and Foulkes", key="lachin_foulkes")


def drift_at_events(trial: Trial, events: float) -> float | None:
    """Return the expected z of a log-rank test, above 0 for benefit; None where none is known.

    Schoenfeld (1981), *Biometrika* 68, 316-319.
    """
    ratio = constant_hazard_ratio(trial)
    if ratio is None:
        return None
    share = trial.ratio[1] / sum(trial.ratio)
    benefit = trial.primary.better.value * math.log(ratio)
    return benefit * math.sqrt(events * share * (1 - share))


def expected_calendar(trial: Trial, events: Sequence[int]) -> tuple[FloatArray, FloatArray] | None:
    """Return when an average trial has these numbers of events, and who is enrolled by then.

    Parameters
    ----------
    trial : Trial
        Of two arms with a constant hazard ratio.
    events : sequence of int
        Rising.

    Returns
    -------
    times, patients : (len(events),) arrays or None
        Calendar times (years; ``inf`` for never) and expected numbers of patients; None where
        hazard, enrollment or dropout have no formula.
    """
    ratio, known = constant_hazard_ratio(trial), _constant(trial)
    if ratio is None or known is None:
        return None
    hazard, accrual = known
    arms = zip((hazard, ratio * hazard), np.array(trial.ratio) / sum(trial.ratio), strict=True)
    laws = [(share, partial(_law_at, trial, rate, accrual)) for rate, share in arms]

    def expected(time: float) -> float:
        seen = sum(float(share) * law(time).event_probability() for share, law in laws)
        return seen * _enrolled_by(accrual, time)

    times = np.array(
        [_first_time(expected, number, _LONGEST + accrual[0][-1]) for number in events]
    )
    return times, np.array([_enrolled_by(accrual, time) for time in times])


def _law_at(trial: Trial, rate: float, accrual: Accrual, time: float) -> EventTimes:
    """Return the event times of those who have come by a calendar time above 0."""
    breaks, rates = accrual
    before = [edge for edge in breaks[:-1] if edge < time]
    return EventTimes(
        hazard=rate,
        dropout=trial.dropout.per_year,
        accrual_breaks=(*before, min(time, breaks[-1])),
        accrual_rates=rates[: len(before)],
        cutoff=time,
        follow_up=trial.follow_up,
    )


def _enrolled_by(accrual: Accrual, time: float) -> float:
    edges, rates = np.minimum(accrual[0], time), np.array(accrual[1])
    return float((np.diff(edges) * rates).sum())


def _first_time(expected: Callable[[float], float], number: float, longest: float) -> float:
    """Return when a rising number reaches another; ``inf`` where it does not in so many years."""
    low, high = 0.0, longest
    if expected(high) < number:
        return math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) < number else (low, middle)
    return high


def _both(trial: Trial, ratio: float) -> tuple[EventTimes, EventTimes] | None:
    """Return the arms' event times through the calendar; None where a formula has none."""
    known = _constant(trial)
    if known is None:
        return None
    hazard, accrual = known
    last = accrual[0][-1]
    cutoff = _cutoff(trial, last)
    if cutoff is None or cutoff < last:
        return None
    return (
        _law_at(trial, hazard, accrual, cutoff),
        _law_at(trial, ratio * hazard, accrual, cutoff),
    )


def _constant(trial: Trial) -> tuple[float, Accrual] | None:
    """Return the control's hazard and the enrollment; None where either has no formula."""
    hazard, accrual, dropout = (
        constant_hazard(trial),
        trial.enrollment.accrual(trial.n_patients),
        trial.dropout,
    )
    if hazard is None or accrual is None or not dropout.is_alike or dropout.hazard is not None:
        return None
    return hazard, accrual


def _cutoff(trial: Trial, last: float) -> float | None:
    """Return when the data are cut, on average; None where that is not known.

    For a number of events only after the last enrollment, which formulas ask for.
    """
    cutoff = trial.cutoff
    if isinstance(cutoff, AtCalendarTime):
        return cutoff.time
    if isinstance(cutoff, AfterLastPatient):
        return last + cutoff.follow_up
    calendar = expected_calendar(trial, [cutoff.events]) if isinstance(cutoff, AtEvents) else None
    if calendar is None or not last < calendar[0][0] < math.inf:
        return None
    return float(calendar[0][0])


def _event_chance(control: EventTimes, experimental: EventTimes, allocation: float) -> float:
    share = allocation / (1 + allocation)
    return share * experimental.event_probability() + (1 - share) * control.event_probability()
