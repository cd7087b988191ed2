"""Rows of the table for how patients, events, duration and cost are spread between trials."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lupusim.planning.runs.results import PointResult
from lupusim.report.numbers import rounded
from lupusim.report.run.looks import months
from lupusim.simulation.quantiles import QUANTILES
from lupusim.simulation.tally import Mean

_SHOWN: dict[str, tuple[str, Callable[[Mean], str]]] = {
    "n_enrolled": ("patients randomized", rounded),
    "events": ("events", rounded),
    "duration": ("duration, months", months),
    "cost": ("cost", rounded),
}


def quantile_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield quantiles between trials, three to a row; nothing of what is always the same."""
    found = point.quantiles()
    for name, (words, show) in _SHOWN.items():
        known = [(p, f"{name}_q{round(100 * p)}") for p in QUANTILES]
        if len({found[key].value for _, key in known if key in found}) > 1:
            parts = ", ".join(f"{100 * p:.0f} %" for p, _ in known)
            yield f"{words}: quantiles {parts}", "\n".join(show(found[key]) for _, key in known)
