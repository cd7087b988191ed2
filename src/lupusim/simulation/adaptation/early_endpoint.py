"""What can be wrong with an endpoint that an interim look judges."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.trial import Trial
from lupusim.trial.durations import format_duration
from lupusim.trial.looks import Cutoff
from lupusim.trial.multiplicity import Hypothesis

_TOLERANCE = 1e-9


def early_problems(key: str, trial: Trial, early: Hypothesis, *, look: int) -> Iterator[Problem]:
    """Yield where an endpoint is unknown, or observed later than the look that needs it."""
    by_name = {endpoint.name: endpoint for endpoint in (trial.primary, *trial.secondary)}
    if early.endpoint not in by_name:
        fault = f"there is no endpoint {early.endpoint!r}"
        yield Problem(key=key, fault=fault, fix=nearest(early.endpoint, by_name))
        return
    due = by_name[early.endpoint].due_time
    if due is None or look > len(trial.interims):
        return
    earliest = _earliest(trial.interims[look - 1])
    if due > earliest + _TOLERANCE:
        fault = f"{early.endpoint!r} is observed {format_duration(due)} after randomization, look "
        fault += f"{look} may be held after {format_duration(earliest)}"
        yield Problem(key=key, fault=fault, fix="Look later, or at an earlier endpoint.")


def _earliest(look: Cutoff) -> float:
    """Return how long the patients a look is about have been followed at most, years."""
    if look.after_patients is not None:
        return look.after_patients[1]
    return math.inf if look.date is None else look.date
