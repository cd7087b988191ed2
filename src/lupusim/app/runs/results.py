"""The result of a run as rows of a table: each estimate with its standard error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lupusim.report.numbers import grouped, rounded, share
from lupusim.report.words.paths import path_in_words
from lupusim.scenario.document.content import is_number
from lupusim.simulation.tally import Mean
from lupusim.trial.durations import MONTHS_PER_YEAR
from lupusim.trial.scenario import label

HEADINGS = ("Design", "Patients", "Power", "Type I error", "Months", "Trials simulated")


def point_name(point: Mapping[str, Any], run: str = "") -> str:
    """Return what a design is called: what varies, or the run it is of."""
    values = point.get("design_point", {})
    words = label({path_in_words(path): value for path, value in values.items()}) if values else ""
    return " · ".join(part for part in (run, words) if part) or "the design"


def rows(result: Mapping[str, Any], run: str = "") -> list[list[str]]:
    """Return a row for each design of a result."""
    return [
        [
            point_name(point, run),
            grouped(int(point["n_patients"])),
            _share(point, "power"),
            _share(point, "type_one_error"),
            _months(point),
            grouped(int(point["n_replicates"])),
        ]
        for point in result["points"]
    ]


def powers(result: Mapping[str, Any], run: str = "") -> list[tuple[str, float, float, float]]:
    """Return name, power and its 95 % limits of each design that has one."""
    return [
        (point_name(point, run), point["power"], point["power_lower"], point["power_upper"])
        for point in result["points"]
        if is_number(point.get("power"))
    ]


def _share(point: Mapping[str, Any], name: str) -> str:
    value = point.get(name)
    if value is None:
        return "none"
    n = int(point["n_replicates"])
    return share(Mean(value=value, mcse=point[f"{name}_mcse"], n=n))


def _months(point: Mapping[str, Any]) -> str:
    value = point.get("duration")
    if value is None:
        return "none"
    return rounded(
        Mean(value=MONTHS_PER_YEAR * value, mcse=MONTHS_PER_YEAR * point["duration_mcse"])
    )
