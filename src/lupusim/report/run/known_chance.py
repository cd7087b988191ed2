"""Rows of the table for what control variates bring to power and type I error."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

from lupusim.planning.runs.results import PointResult
from lupusim.planning.runs.taken_out import taken_out
from lupusim.report.numbers import grouped
from lupusim.report.run.quantiles import quantile_rows

_WIDTH = 24  # characters, so that designs still stand beside each other
_CALLED = {"type_one_error": "type I error", "claims_if_alike": "claims if alike"}


def detail_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what only those ask who want all rows."""
    yield from quantile_rows(point)
    yield from known_chance_rows(point)


def known_chance_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield for each share of claims how much smaller its variance is, or why it is counted."""
    for name, one in taken_out(point).items():
        called = f"variance of {_CALLED.get(name, name)} with known chance taken out"
        if one.variance_ratio is not None:
            yield called, f"{one.variance_ratio:.3g} times smaller"
        else:
            yield called, fill(f"counted: {one.counted_because}", _WIDTH)
        if one.patient_sets and point.null_tally is not None:
            sets, trials = grouped(one.patient_sets), grouped(point.null_tally.sums["reject"][0])
            yield f"sets of patients behind the {_CALLED[name]}", f"{sets} for {trials} trials"
