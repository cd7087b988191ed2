"""Rows of the table for arms that join a trial later or leave."""

from __future__ import annotations

from collections.abc import Iterator

from lupusim.planning.runs.results import PointResult
from lupusim.report.numbers import rounded
from lupusim.trial.enrollment.arm_periods import Controls, arms_change

_WORDS = {
    Controls.CONCURRENT: "concurrent",
    Controls.ALL: "all",
    Controls.ADJUSTED: "all, by period",
}


def platform_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield how many patients each arm has, and how many controls it is compared with."""
    trial, tally = point.trial, point.tally
    if trial.analysis is None or not arms_change(trial.arms):
        return
    yield "controls", _WORDS[trial.analysis.controls or Controls.CONCURRENT]
    for arm in trial.arms:
        if (name := f"patients_{arm.name}") in tally.sums:
            yield f"patients randomized, {arm.name}", rounded(tally.mean(name))
    for arm in trial.arms[1:]:
        if (name := f"controls_{arm.name}") in tally.sums:
            yield f"controls compared with {arm.name}", rounded(tally.mean(name))
