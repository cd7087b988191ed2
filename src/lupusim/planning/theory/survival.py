"""The power of log-rank designs by asymptotic formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from lupusim.analysis.power import EventTimes, lachin_foulkes_power, schoenfeld_power
from lupusim.common.arrays import FloatArray
from lupusim.planning.theory.assumptions import constant_hazard, constant_hazard_ratio
from lupusim.planning.theory.formula_power import FormulaPower
from lupusim.planning.theory.logrank_law import Comparison, LogrankLaw, logrank_law
from lupusim.trial import Analysis, Trial
from lupusim.trial.enrollment.base import Accrual
from lupusim.trial.enrollment.randomization import accrual_of
from lupusim.trial.looks import Cutoff

_HALVINGS = 60
_EARLIER = 0.999  # of a date, where the growth of a mean is looked at
_FEWEST_EVENTS = 1e-12
_LONGEST = 1000.0  # years


def survival_powers(trial: Trial, analysis: Analysis) -> Iterator[FormulaPower]:
    """Yield the power of a log-rank or Cox test of proportional hazards, formula by formula.

    First by the law of the statistic under the alternative, where enrollment, dropout and
    cutoff give it: it is the one that holds. Schoenfeld's needs a number of events: the one
    waited for, or the one to be expected by the cutoff, and takes the hazard ratio as near 1.
    That of Lachin and Foulkes is of another statistic, the difference of two constant hazards
    that are estimated at a fixed date, and knows the calendar of an average trial.
    """
    ratio = constant_hazard_ratio(trial)
    if ratio is None or ratio == 1 or analysis.test.has_margin:
        return
    is_benefit = (ratio < 1) == (trial.primary.better.value < 0)
    law = law_at_cutoff(trial)
    if law is not None:
        mean = -trial.primary.better.value * law.mean
        value = replace(law, mean=mean).power(alpha=analysis.alpha, sided=analysis.sided)
        yield FormulaPower(value=value, method="law of the log-rank statistic", key="theory")
    if not (is_benefit or analysis.sided == 2):
        return
    yield from _textbook_powers(trial, analysis, ratio)


def _textbook_powers(trial: Trial, analysis: Analysis, ratio: float) -> Iterator[FormulaPower]:
    alpha, allocation = analysis.alpha / analysis.sided, trial.ratio[1] / trial.ratio[0]
    arms = _both(trial, ratio)
    events: float | None = None
    if (count := trial.cutoff.counted) is not None and count.of_primary:
        events = count.events
    elif arms is not None:
        events = trial.n_patients * _event_chance(*arms, allocation)
    if events is not None:
        value = schoenfeld_power(ratio, events, alpha=alpha, allocation=allocation)
        method = "Schoenfeld's formula (for a hazard ratio near 1)"
        yield FormulaPower(value=value, method=method, key="schoenfeld")
    if arms is not None:
        value = lachin_foulkes_power(trial.n_patients, *arms, alpha=alpha, allocation=allocation)
        method = "Lachin and Foulkes (for estimates of two constant hazards at a date)"
        yield FormulaPower(value=value, method=method, key="lachin_foulkes")


def drift_at_events(trial: Trial, events: float) -> tuple[float, float] | None:
    """Return mean and spread of a log-rank z, above 0 for benefit; None where none is known.

    By the law of the statistic where the calendar is known, else as near a hazard ratio of 1:
    Schoenfeld (1981), *Biometrika* 68, 316-319.
    """
    ratio = constant_hazard_ratio(trial)
    if ratio is None:
        return None
    better = trial.primary.better.value
    if (law := law_at_events(trial, events)) is not None:
        return better * law.mean, law.spread
    share = trial.ratio[1] / sum(trial.ratio)
    return better * math.log(ratio) * math.sqrt(events * share * (1 - share)), 1.0


def law_at_events(trial: Trial, events: float) -> LogrankLaw | None:
    """Return the law of the log-rank statistic at a number of events; None where none is known.

    The data are cut when so many are to be expected.
    """
    found = _comparisons(trial)
    if found is None:
        return None
    comparison, last = found

    def expected(time: float) -> float:
        return trial.n_patients * logrank_law(comparison(time)).events

    time = _first_time(expected, events, last + min(trial.follow_up, _LONGEST))
    if not math.isfinite(time):
        return None
    earlier, there = (logrank_law(comparison(share * time)) for share in (_EARLIER, 1.0))
    growth = (there.mean - earlier.mean) / max(there.events - earlier.events, _FEWEST_EVENTS)
    law = logrank_law(comparison(time), mean_per_event=growth)
    return replace(law, mean=law.mean * math.sqrt(trial.n_patients), events=events)


def law_at_cutoff(trial: Trial) -> LogrankLaw | None:
    """Return the law of the log-rank statistic at the last look; None where none is known."""
    found, cutoff = _comparisons(trial), trial.cutoff
    if found is None:
        return None
    comparison, last = found
    if (count := cutoff.counted) is not None and count.of_primary:
        return law_at_events(trial, count.events)
    date = _date(cutoff, last)
    if date is None:
        return None
    law = logrank_law(comparison(date))
    n = trial.n_patients
    return replace(law, mean=law.mean * math.sqrt(n), events=n * law.events) if law.events else None


def _comparisons(trial: Trial) -> tuple[Callable[[float], Comparison], float] | None:
    """Return what is compared by calendar time, and when enrollment ends.

    None where the hazards are not proportional, or dropout depends on more than study time.
    """
    ratio, accrual = constant_hazard_ratio(trial), accrual_of(trial)
    if ratio is None or accrual is None or not trial.dropout.is_alike:
        return None

    def at(time: float) -> Comparison:
        def watched(study_time: FloatArray) -> FloatArray:
            came = _enrolled(accrual, time - study_time) / trial.n_patients
            return np.asarray(came * np.exp(-trial.dropout.cumulative(study_time)))

        return Comparison(
            cumulative_hazard=trial.arms[0].model.transitions[0].hazard.cumulative,
            hazard_ratio=ratio,
            share=trial.ratio[1] / sum(trial.ratio),
            watched=watched,
            longest=min(time, trial.follow_up),
        )

    return at, accrual[0][-1]


def expected_calendar(
    trial: Trial, events: Sequence[int], *, hazard_ratio: float | None = None
) -> tuple[FloatArray, FloatArray] | None:
    """Return when an average trial has these numbers of events, and who is enrolled by then.

    Parameters
    ----------
    trial : Trial
        Of two arms with a constant hazard ratio.
    events : sequence of int
        Rising.
    hazard_ratio : float or None
        Of the arms, instead of the trial's own.

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
    ratio = ratio if hazard_ratio is None else hazard_ratio
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
    return float(_enrolled(accrual, np.array(time)))


def _enrolled(accrual: Accrual, time: FloatArray) -> FloatArray:
    """Return how many patients are to be expected by calendar times, 0 before the first."""
    edges, rates = np.array(accrual[0]), np.array(accrual[1])
    came = np.append(0.0, np.cumsum(np.diff(edges) * rates))
    return np.asarray(np.interp(time, edges, came))


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
        accrual_of(trial),
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
    if (date := _date(cutoff, last)) is not None:
        return date
    count = cutoff.counted
    at_events = count is not None and count.of_primary
    calendar = expected_calendar(trial, [count.events]) if count and at_events else None
    if calendar is None or not last < calendar[0][0] < math.inf:
        return None
    return float(calendar[0][0])


def _date(cutoff: Cutoff, last: float) -> float | None:
    """Return when the data are cut, by the date or after the last patient; None for else."""
    if cutoff.after_last_patient is not None:
        return last + cutoff.after_last_patient
    return cutoff.date


def _event_chance(control: EventTimes, experimental: EventTimes, allocation: float) -> float:
    share = allocation / (1 + allocation)
    return share * experimental.event_probability() + (1 - share) * control.event_probability()
