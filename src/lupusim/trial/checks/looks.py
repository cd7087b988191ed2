"""What can be wrong with the looks of a trial."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from lupusim.errors import Problem
from lupusim.trial.durations import MONTHS_PER_YEAR
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.looks import (
    Cutoff,
    counts_in,
)

if TYPE_CHECKING:
    from lupusim.trial.design import TrialParts

_TOLERANCE = 1e-9  # years


def look_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield what is wrong with a trial's looks."""
    looks = (*trial.interims, trial.cutoff)
    ratio = () if arms_change(trial.arms) else trial.ratio
    for k, look in enumerate(looks):
        yield from _clock_problems(trial, k, look)
        if (why := look.never(trial.n_patients, ratio)) is not None:
            yield Problem(
                key=f"looks.{k}.when",
                fault=f"this look can never happen: {why}",
                fix="Ask for less, or enroll more patients.",
            )
    yield from _limit_problems(looks)
    yield from _visit_problems(trial)
    yield from _order_problems(looks)
    yield from _level_problems(trial)
    decides = trial.stopping is not None and trial.analysis is not None
    if trial.interims and not (decides or trial.rule.changes):
        yield Problem(
            key="looks",
            fault="there are interim looks, but no analysis with bounds for them",
            fix="Give an analysis, and 'efficacy' or 'futility' at a look; or keep one look.",
        )


def _clock_problems(trial: TrialParts, k: int, look: Cutoff) -> Iterator[Problem]:
    """Yield the events that are waited for, of an endpoint that has none."""
    endpoints = (trial.primary, *trial.secondary)
    asked = {count.endpoint for count in counts_in(look)}
    for position in sorted(asked):
        if endpoints[position].time_of_event is None:
            which = "the primary endpoint" if position == 0 else repr(endpoints[position].name)
            yield Problem(
                key=f"looks.{k}.when.events",
                fault=f"{which} is no time to an event",
                fix="Cut the data after the last patient's visit or at a calendar time.",
            )


def _level_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield a level that leaves no bound above 0."""
    analysis = trial.analysis
    shared = trial.interims or trial.stopping or trial.family or trial.rule.changes
    if analysis is not None and shared and analysis.alpha >= analysis.sided / 2:
        yield Problem(
            key="analysis.alpha",
            fault=f"{analysis.alpha:g} leaves looks and hypotheses no bound above z = 0",
            fix=f"Give less than {analysis.sided / 2:g}; {0.025 * analysis.sided:g} is usual.",
        )


def _visit_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield tested outcomes that nobody can have by the date of the last look."""
    end, last = trial.cutoff.end, len(trial.interims)
    others = {one.endpoint for one in trial.family.hypotheses} if trial.family else set()
    for number, endpoint in enumerate((trial.primary, *trial.secondary)):
        due = endpoint.due_time
        is_tested = trial.analysis is not None and (number == 0 or endpoint.name in others)
        if is_tested and due is not None and end < due - _TOLERANCE:
            yield Problem(
                key=f"looks.{last}.when",
                fault=f"the last look is held by month {MONTHS_PER_YEAR * end:.4g}, and nobody has "
                f"{endpoint.name!r} by then: it is due at a patient's month "
                f"{MONTHS_PER_YEAR * due:.4g}",
                fix="Let the last look be later, or the visit sooner.",
            )


def _limit_problems(looks: tuple[Cutoff, ...]) -> Iterator[Problem]:
    """Yield limits that contradict the look's own clock, or the look before."""
    for k, look in enumerate(looks):
        dated = look.without_limits.date is not None
        if dated and math.isfinite(look.latest_dates[0]):
            yield Problem(
                key=f"looks.{k}.when.latest",
                fault="the look has a date already",
                fix="Give one of 'calendar_time' and 'latest'.",
            )
        before = looks[k - 1] if k else None
        sooner = before.date if before else None
        limited = look.without_limits is not look
        if limited and sooner is not None and sooner + look.gap > look.end:
            yield Problem(
                key=f"looks.{k}.when.gap",
                fault="its latest date comes before the gap after the look before is over",
                fix="Give a later date, or a smaller gap.",
            )


def _order_problems(looks: tuple[Cutoff, ...]) -> Iterator[Problem]:
    for k, (look, later) in enumerate(pairwise(looks)):
        if not _in_order(look, later):
            yield Problem(
                key=f"looks.{k + 1}.when",
                fault="this look does not come after the one before",
                fix="Put the looks in the order of time.",
            )


def _in_order(look: Cutoff, later: Cutoff) -> bool:
    """Return whether the second look may come after the first, by what is certain."""
    first, second = look.without_limits.counted, later.without_limits.counted
    if first and second:
        same_arm = first.arm == second.arm or second.arm is None
        if first.endpoint == second.endpoint and same_arm and second.events <= first.events:
            return False
    (n, follow_up), (later_n, later_follow_up) = (
        one.without_limits.after_patients or (math.nan, math.nan) for one in (look, later)
    )
    fewer = later_n <= n and later_follow_up <= follow_up
    if fewer and (later_n, later_follow_up) != (n, follow_up) and later.gap == 0:
        return False
    dated = math.isfinite(look.end) and math.isfinite(later.end)
    return not dated or look.end < later.end or later.gap > 0
