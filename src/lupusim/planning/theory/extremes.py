"""Numbers that a planner rarely means: what they say is told before anything is simulated."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lupusim.trial import Trial

_HIGHEST_ALPHA = 0.2
_MOST_DROPOUT = 2.0  # a year
_LARGEST_RATIO = 20.0
_HALF = 0.5
_PERCENT = 100


def extremes(trial: Trial) -> Iterator[str]:
    """Yield a line for every number of a trial that is far from what trials have.

    They are possible, and simulated as they stand: a level above 0.2, dropout above 2 a year,
    hazard ratios beyond 20 or below 1/20.
    """
    yield from high_level(trial)
    yield from _dropout(trial)
    yield from _ratios(trial)


def high_level(trial: Trial) -> Iterator[str]:
    """Yield a line where the level is above 0.2; no date or number of events follows from it."""
    analysis = trial.analysis
    if analysis is not None and analysis.alpha > _HIGHEST_ALPHA:
        share = f"{100 * analysis.alpha:.0f} of 100 trials"
        words = f"alpha is {analysis.alpha:g}: where nothing works, {share} may claim something"
        meant = analysis.alpha / (10 if analysis.alpha <= _HALF else 100)
        yield f"{words}; write {meant:g} if {100 * meant:g} % is meant"


def _dropout(trial: Trial) -> Iterator[str]:
    dropout = trial.dropout
    places = {"": 1.0}
    places |= {f" in {state}": ratio for state, ratio in dropout.by_state.items()}
    places |= {f" on {arm}": ratio for arm, ratio in dropout.by_arm.items()}
    for place, ratio in places.items():
        rate = dropout.per_year * ratio
        if rate > _MOST_DROPOUT:
            stay = 100 * math.exp(-rate)
            few = f"{stay:.1f} of 100" if stay >= 0.1 else "hardly any"
            yield (
                f"dropout{place} is {rate:g} a year, so {few} patients stay for a year"
                + _percent_meant(rate)
            )
            if not place:
                return  # the others follow from the same number


def _percent_meant(number: float) -> str:
    """Return what to write where a percentage was meant."""
    return f"; write {number / 100:g} if {number:g} % is meant" if number < _PERCENT else ""


def _ratios(trial: Trial) -> Iterator[str]:
    for arm in trial.arms:
        for effect in arm.effects:
            ratio = effect.hazard_ratio
            if 1 / _LARGEST_RATIO <= ratio <= _LARGEST_RATIO:
                continue
            moves = ", ".join(" -> ".join(edge) for edge in effect.on)
            means = f"happens {ratio:g} times as fast"
            if ratio == 0:
                means = "never happens"
            elif ratio < 1:
                means = f"happens {1 / ratio:g} times as slowly"
            says = f"a hazard ratio of {ratio:g} means that {moves} {means}"
            meant = _percent_meant(ratio) if ratio > 1 else ""
            yield f"arm {arm.name!r}: {says}{meant}"
