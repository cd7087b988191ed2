"""A trial in a few rows, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lupusim.trial.durations import format_duration

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


def summary(trial: Trial) -> dict[str, str]:
    """Return what a planner asks first of a trial, in words, by what it is called."""
    ratio = " : ".join(f"{arm.allocation:g}" for arm in trial.arms)
    analysis = trial.analysis
    test = "none" if analysis is None else f"{analysis.name}, {_level(analysis.sided)}"
    return {
        "patients": str(trial.n_patients),
        "arms": ", ".join(arm.name for arm in trial.arms),
        "allocation": ratio,
        "primary endpoint": trial.primary.name,
        "test": test if analysis is None else f"{test} {analysis.alpha:g}",
        "looks": str(len(trial.looks)),
        "follow-up": format_duration(trial.follow_up),
    }


def _level(sided: int) -> str:
    return "two-sided at" if sided == 2 else "one-sided at"
