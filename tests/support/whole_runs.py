"""What may become of any scenario: refused with places, or run through without a flaw."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lupusim.errors import ScenarioError
from lupusim.planning.runs.results import PointResult
from lupusim.planning.runs.run import run
from lupusim.planning.theory.expected_times import warnings_of
from lupusim.scenario import scenario_from_mapping
from tolerance import SEED

_SHARES = ("power", "type_one_error", "claims_if_alike", "undefined", "missed_cutoff")
_MAY_BE_UNKNOWN = (
    "estimate",
    "true_effect",
    "truth_error",
    "bias",
    "duration",
    "look_",
    "event_rate",
    "mean_",
)
LEVEL_ERRORS = 5  # Monte Carlo standard errors: with few replicates only gross errors are seen


def flaw(content: Mapping[str, Any], *, n_replicates: int, folder: Path | None = None) -> str:
    """Return what is wrong with a scenario that `check` accepts; empty if nothing, or refused.

    A refusal must name a key for every problem and say what to do.
    """
    try:
        scenario = scenario_from_mapping(content, folder=folder)
    except ScenarioError as refused:
        vague = [p for p in refused.problems if not (p.fault and p.fix)]
        return f"a problem without words: {vague}" if vague else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings_of(scenario)
            result = run(scenario, n_replicates, seed=SEED)
            rows = [(point, point.row()) for point in result.points]
    except Exception as error:
        return f"accepted, and the run fails: {type(error).__name__}: {error}"
    return next(filter(None, (_flaw_of(point, row) for point, row in rows)), "")


def _flaw_of(point: PointResult, row: Mapping[str, Any]) -> str:
    for name, value in row.items():
        if not isinstance(value, float):
            continue
        if math.isnan(value) and not any(part in name for part in _MAY_BE_UNKNOWN):
            return f"{name} is NaN"
        is_share = name in _SHARES or name.startswith(("reject", "response_"))
        if is_share and not name.endswith(("_mcse", "_sd")) and not -1e-12 <= value <= 1 + 1e-12:
            return f"{name} is {value}"
    return level_flaw(point)


def level_flaw(point: PointResult) -> str:
    """Return by how far a null twin claims more often than the level; empty where it does not."""
    analysis, error = point.trial.analysis, point.type_one_error
    if analysis is None or error is None or error.n == 0:
        return ""
    mcse = math.sqrt(analysis.alpha * (1 - analysis.alpha) / error.n)
    if error.value <= analysis.alpha + LEVEL_ERRORS * mcse:
        return ""
    return f"type I error {error.value:g} at alpha {analysis.alpha:g}"


def is_refused(content: Mapping[str, Any]) -> bool:
    """Return whether the reader refuses a scenario."""
    try:
        scenario_from_mapping(content)
    except ScenarioError:
        return True
    return False
