"""The table of differences between design points that share their patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lupusim.planning.runs.results import Compared, RunResult
from lupusim.report.numbers import rounded, share
from lupusim.report.run.looks import months
from lupusim.report.tables import AnswerTable
from lupusim.simulation.tally import Mean
from lupusim.trial.scenario import label

_COLUMNS: dict[str, tuple[str, Callable[[Mean], str]]] = {
    "power": ("power", share),
    "type_one_error": ("type I error", share),
    "n_enrolled": ("patients", rounded),
    "duration": ("months", months),
    "cost": ("cost", rounded),
}


def compared_table(result: RunResult, names: Sequence[str]) -> Iterator[AnswerTable]:
    """Yield a table with a row per design point that is compared with another; or nothing."""
    rows = list(_rows(result, names))
    if not rows:
        return
    table = AnswerTable(
        title="Differences between designs that judge the same patients",
        caption="difference (Monte Carlo standard error, counted trial by trial)",
    )
    table.add_column("design")
    table.add_column("compared with")
    known = dict.fromkeys(name for *_, one in rows for name in one.differences())
    for name in known:
        table.add_column(_COLUMNS[name][0], justify="right")
    for this, that, one in rows:
        table.add_row(this, that, *_cells(one, list(known)))
    yield table


def _rows(result: RunResult, names: Sequence[str]) -> Iterator[tuple[str, str, Compared]]:
    """Yield each comparison with what both designs are called: what is alike is left out."""
    called = {label(p.values): name for name, p in zip(names, result.points, strict=True)}
    for point, name in zip(result.points, names, strict=True):
        if (one := point.compared) is None:
            continue
        if name != label(point.values):
            yield name, called.get(label(one.values), label(one.values)), one
            continue
        apart = [key for key, value in point.values.items() if value != one.values.get(key)]
        this, that = ({key: v[key] for key in apart} for v in (point.values, one.values))
        yield label(this, between="\n"), label(that, between="\n"), one


def _cells(one: Compared, known: list[str]) -> Iterator[str]:
    differences = one.differences()
    for name in known:
        yield _COLUMNS[name][1](differences[name]) if name in differences else ""
