"""Whether estimates could be compared with the true effect that a scenario asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from lupusim.planning.runs.results import PointResult
from lupusim.simulation.looks.look_statistics import comparisons
from lupusim.trial.scenario import label


def unknown_truth_notes(points: Sequence[PointResult]) -> list[str]:
    """Return a line for each comparison whose bias and coverage cannot be known, and why.

    Either no replicate has an estimate, or the large simulation that is to show the true effect
    has none: such as a ratio to an arm on which nothing ever happens.
    """
    notes = []
    for point in points:
        place = f"{label(point.values)}: " if len(points) > 1 else ""
        notes += [f"{place}{words}" for words in dict.fromkeys(_unknown(point))]
    return notes


def _unknown(point: PointResult) -> Iterator[str]:
    """Yield what is not known of each comparison that asks for a true effect."""
    trial, sums = point.trial, point.tally.sums
    for one in comparisons(trial) if trial.analysis is not None else ():
        own = one.quantity if trial.family is not None else str
        if sums.get(own("bias"), (1,))[0] > 0:
            continue
        whose = f" of {one.prefix}{one.arm_name}" if trial.family is not None else ""
        stops = "no replicate has an estimate"
        if math.isnan(point.tally.mean(own("true_effect")).value):
            stops = "the true effect does not exist in this trial (given as 'simulated')"
        yield f"bias, squared error and coverage{whose} are not known: {stops}"
