"""Rows for the smallest observed effect with which each look would succeed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lupusim.planning.runs.results import PointResult
from lupusim.report.figures.samples import LookPaths, look_paths
from lupusim.trial import Trial

_LOG = "log "
_ARMS = 2


def smallest_rows(point: PointResult, *, seed: int) -> Iterator[tuple[str, str]]:
    """Yield the estimate at which each look just succeeds, and what theory says of it.

    It is the bound times the standard error of the estimate, the median over a few hundred
    simulated trials; so it is about right for a trial of the usual spread. Nothing where no bound
    is known before (rules that choose arms, stages or sizes), or nothing is estimated.
    """
    trial = point.trial
    for paths in look_paths(trial, seed=seed):
        found = paths.effect_at(paths.efficacy)
        for number, effect in enumerate(found):
            if not math.isfinite(effect):
                continue
            look = f"look {number + 1}, " if len(found) > 1 else ""
            whose = f", {paths.hypothesis}" if trial.family is not None else ""
            name = paths.effect.removeprefix(_LOG)
            label = f"{look}smallest {name} seen that succeeds{whose}"
            yield label, f"about {_shown(paths, effect):.3g}{_by_theory(trial, paths, number)}"


def _shown(paths: LookPaths, effect: float) -> float:
    return math.exp(effect) if paths.effect.startswith(_LOG) else effect


def _by_theory(trial: Trial, paths: LookPaths, number: int) -> str:
    """Return what the events of a look say of a hazard ratio; empty where they do not.

    The information of d events is d p (1 - p) with a share p of the patients on one arm
    (Schoenfeld 1981, Biometrika 68:316).
    """
    events = trial.looks[number].primary_events
    analysis = trial.analysis
    if analysis is None or events is None or trial.family or len(trial.arms) != _ARMS:
        return ""
    if analysis.test.formula != "survival":
        return ""
    shares = np.array(trial.ratio) / sum(trial.ratio)
    error = 1 / math.sqrt(events * shares.prod())
    effect = paths.null_value + paths.sign * paths.efficacy[number] * error
    return f" ({_shown(paths, effect):.3g} by theory)"
