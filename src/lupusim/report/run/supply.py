"""Rows of the table for a trial's supply: infusions, lots, doses."""

from __future__ import annotations

from collections.abc import Iterator

from lupusim.planning.runs.results import PointResult
from lupusim.report.numbers import rounded, share
from lupusim.simulation.tally import Mean
from lupusim.trial.durations import MONTHS_PER_YEAR

_WEEKS_PER_YEAR = 365.2425 / 7
_COUNTED = {
    "infusions_wanted": "infusions wanted from the supply",
    "infusions_on_time": "given on time",
    "infusions_delayed": "given late",
    "infusions_missed": "missed for want of a dose",
}
_LOTS = {
    "lots_made": "lots made",
    "lots_failed": "lots that failed release",
    "doses_given": "doses given",
    "doses_expired": "doses expired",
    "doses_left": "doses left at the end",
}


def supply_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what the supply did, a trial on average; nothing without one."""
    if point.trial.supply is None:
        return
    tally = point.tally
    for name, words in _COUNTED.items():
        yield words, rounded(tally.mean(name))
    for name in point.trial.supply.draws if len(point.trial.supply.draws) > 1 else ():
        yield f"missed, {name}", rounded(tally.mean(f"infusions_missed_{name}"))
    wait = tally.mean("infusion_wait")
    in_weeks = Mean(value=wait.value * _WEEKS_PER_YEAR, mcse=wait.mcse * _WEEKS_PER_YEAR)
    yield "wait of those given, weeks", rounded(in_weeks)
    yield "trials in which an infusion was missed", share(tally.mean("ran_out"))
    if point.trial.supply.pauses:
        paused = tally.mean("enrollment_paused")
        in_months = Mean(value=MONTHS_PER_YEAR * paused.value, mcse=MONTHS_PER_YEAR * paused.mcse)
        yield "enrollment paused for want of doses, months", rounded(in_months)
    for name, words in _LOTS.items():
        yield words, rounded(tally.mean(name))
