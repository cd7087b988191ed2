"""Rows of the table for what control variates bring to power and type I error."""

from __future__ import annotations

from collections.abc import Iterator

from lupusim.planning.runs.results import PointResult
from lupusim.planning.runs.taken_out import taken_out
from lupusim.report.run.quantiles import quantile_rows

_CALLED = {"type_one_error": "type I error", "claims_if_alike": "claims if alike"}


def detail_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what only those ask who want all rows."""
    yield from quantile_rows(point)
    yield from known_chance_rows(point)


def known_chance_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield for each share of claims how much smaller its variance is, or why it is counted."""
    for name, one in taken_out(point).items():
        called = f"known chance taken out of {_CALLED.get(name, name)}"
        if one.variance_ratio is not None:
            yield called, f"variance {one.variance_ratio:.3g} times smaller than counted"
        else:
            yield called, f"none: {one.counted_because}"
