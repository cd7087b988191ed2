"""The result of a run as rows of a table: each estimate with its standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from lupusim.common.frozen import dataclass
from lupusim.report.numbers import grouped, rounded, share
from lupusim.report.words.paths import path_in_words, short_names_in_words, varied_in_words
from lupusim.scenario.document.content import is_number
from lupusim.simulation.tally import Mean, is_better_known
from lupusim.trial.durations import MONTHS_PER_YEAR

Point = Mapping[str, Any]
Write = Callable[[Point], str]
_KNOWN = {
    "Power without simulation": {
        "Exact power": "exact",
        "Power (drawn tables)": "drawn",
        "By formula": "formula",
    },
    "Type I error without simulation": {
        "Exact type I error": "exact",
        "Type I error (drawn tables)": "drawn",
    },
}
"""Columns of what is known without simulation, and in a word how, where they are told in one."""
_NONE = "none"
_MEASURED = {
    "response_": "Responders",
    "mean_": "Mean",
    "events_": "Events",
    "event_rate_": "Events per year at risk",
}
"""What the primary endpoint shows of an arm, by how the name of its column begins."""
_FORMULAS = ("power_theory", "power_schoenfeld", "power_lachin_foulkes")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPower:
    """The power of a design: by its counts where these are known, and the simulated one."""

    design: str  # what the design is called
    exact: float | None  # of all tables; None where it is not known
    drawn: Mean | None = None  # of tables that are drawn, where they are not all gone through
    simulated: Mean

    @property
    def value(self) -> float:
        """The best that is known, as a number."""
        return self._best.value

    @property
    def best(self) -> str:
        """The best that is known, with its error where it has one."""
        return share(self._best) if self.exact is None else f"{self.exact:.4f}"

    @property
    def check(self) -> str:
        """What is known less well, as a check of it; empty where there is no such thing."""
        if self.exact is not None or self._is_drawn_best:
            return f"simulated, as a check: {share(self.simulated)}"
        return "" if self.drawn is None else f"from drawn tables, as a check: {share(self.drawn)}"

    @property
    def of(self) -> str:
        """How the best is known: ``exact``, ``from drawn tables`` or nothing."""
        if self.exact is not None:
            return "exact"
        return "from drawn tables" if self._is_drawn_best else ""

    @property
    def _is_drawn_best(self) -> bool:
        return self.drawn is not None and not is_better_known(self.simulated, self.drawn)

    @property
    def _best(self) -> Mean:
        if self.exact is not None:
            return Mean(value=self.exact, mcse=0.0)
        return self.drawn if self.drawn and self._is_drawn_best else self.simulated

    @property
    def in_words(self) -> str:
        """The best that is known, in a few words."""
        return f"power {self.best}" if self.exact is None else f"exact power {self.exact:.2f}"


def point_name(point: Point, run: str = "") -> str:
    """Return what a design is called: what varies, or the run it is of."""
    values = point.get("design_point", {})
    words = varied_in_words(values) if values else ""
    return " · ".join(part for part in (run, words) if part) or "the design"


def names_in_words(points: Sequence[Point], content: Any) -> Iterator[str]:
    """Yield what stands behind the names of designs, where they do not say of whom it is."""
    values = points[0].get("design_point", {}) if points else {}
    for name, words in short_names_in_words(values, partial(path_in_words, content=content)):
        yield f"{name[:1].upper()}{name[1:]}: {words}."


def table_of(points: Sequence[tuple[str, Point]]) -> tuple[list[str], list[list[str]]]:
    """Return headings, and a row for each design; ``lupusim run`` has the same order.

    Where designs are known in different ways, one column has them all, each with its way.

    Parameters
    ----------
    points : sequence of (str, mapping)
        The name of the run, or nothing, and what it found of a design.
    """
    columns: dict[str, Write] = {
        "Patients": lambda point: grouped(int(point["n_patients"])),
        "Exact power": lambda point: _exact(point, "power"),
        "Power (drawn tables)": lambda point: _of_drawn_tables(point, "power"),
        "Power": lambda point: _share(point, "power"),
        "By formula": _by_formula,
        "Exact type I error": lambda point: _exact(point, "type_one_error"),
        "Type I error (drawn tables)": lambda point: _of_drawn_tables(point, "type_one_error"),
        "Type I error": lambda point: _share(point, "type_one_error"),
        "Months": _months,
        "Trials simulated": lambda point: grouped(int(point["n_replicates"])),
    }
    columns = _best_first(columns, [point for _, point in points])
    told = {name: [write(point) for _, point in points] for name, write in columns.items()}
    for one, columns_of in _KNOWN.items():
        told = _in_one_column(told, columns_of, one)
    told |= _measured([point for _, point in points])
    kept = {name: cells for name, cells in told.items() if {*cells} - {"", _NONE}}
    names = [point_name(point, run) for run, point in points]
    rows = zip(names, *kept.values(), strict=True)
    return ["Design", *kept], [list(row) for row in rows]


def _best_first(columns: dict[str, Write], points: Sequence[Point]) -> dict[str, Write]:
    """Return columns with a simulated share before that of drawn tables, where it is known better.

    Of several designs the first that has both decides.
    """
    names = list(columns)
    for key, simulated in (("power", "Power"), ("type_one_error", "Type I error")):
        shares = (
            (drawn_share(point, key), point) for point in points if point.get(key) is not None
        )
        both = [(drawn, _mean(point, key)) for drawn, point in shares if drawn is not None]
        if both and is_better_known(both[0][1], both[0][0]):
            names.remove(simulated)
            names.insert(names.index(f"{simulated} (drawn tables)"), simulated)
    return {name: columns[name] for name in names}


def _in_one_column(
    told: dict[str, list[str]], how: Mapping[str, str], one: str
) -> dict[str, list[str]]:
    """Return columns in which several ways to know a number stand in one."""
    ways = [name for name in how if any(told[name])]
    if len(ways) < 2:
        return told
    cells = [
        next((f"{told[way][row]} {how[way]}" for way in ways if told[way][row]), "")
        for row in range(len(told[ways[0]]))
    ]
    return {
        one if name == ways[0] else name: cells if name == ways[0] else column
        for name, column in told.items()
        if name == ways[0] or name not in how
    }


def powers(result: Mapping[str, Any]) -> list[KnownPower]:
    """Return the power of each design that has one."""
    return [
        KnownPower(
            design=point_name(point),
            exact=point.get("power_exact"),
            drawn=drawn_share(point, "power"),
            simulated=_mean(point, "power"),
        )
        for point in result["points"]
        if is_number(point.get("power"))
    ]


def powers_in_words(known: Sequence[KnownPower]) -> str:
    """Return the power of a run in a few words: of several designs the least and the most."""
    if len(known) < 2:
        return known[0].in_words if known else "no test"
    least, most = min(known, key=lambda one: one.value), max(known, key=lambda one: one.value)
    return f"{len(known)} designs, {least.in_words} to {most.in_words.rpartition('power ')[2]}"


def drawn_share(found: Mapping[str, Any], name: str) -> Mean | None:
    """Return a share that is from drawn tables, with its error; None where it is not."""
    value = found.get(f"{name}_drawn")
    if value is None:
        return None
    return Mean(value=value, mcse=found[f"{name}_drawn_mcse"], n=found.get("n_drawn_tables", 0))


def _exact(point: Point, name: str) -> str:
    value = point.get(f"{name}_exact")
    return "" if value is None else f"{value:.4f}"


def _of_drawn_tables(point: Point, name: str) -> str:
    known = drawn_share(point, name)
    return "" if known is None else share(known)


def _by_formula(point: Point) -> str:
    known = (point[name] for name in _FORMULAS if point.get(name) is not None)
    counted = _exact(point, "power") or _of_drawn_tables(point, "power")
    return "" if counted else next((f"{value:.4f}" for value in known), "")


def _mean(point: Point, name: str) -> Mean:
    return Mean(value=point[name], mcse=point[f"{name}_mcse"], n=int(point["n_replicates"]))


def _share(point: Point, name: str) -> str:
    return _NONE if point.get(name) is None else share(_mean(point, name))


def _measured(points: Sequence[Point]) -> dict[str, list[str]]:
    """Return what was seen of the primary endpoint in each arm, where no design has a test."""
    if any(is_number(point.get("power")) for point in points):
        return {}
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for point in points for name in point):
        start = next((start for start in _MEASURED if name.startswith(start)), "")
        if start and f"{name}_mcse" in points[0]:
            heading = f"{_MEASURED[start]}, {name.removeprefix(start)}"
            found[heading] = [
                rounded(_mean(point, name)) if is_number(point.get(name)) else ""
                for point in points
            ]
    return found


def _months(point: Point) -> str:
    value = point.get("duration")
    if value is None:
        return _NONE
    return rounded(
        Mean(value=MONTHS_PER_YEAR * value, mcse=MONTHS_PER_YEAR * point["duration_mcse"])
    )
