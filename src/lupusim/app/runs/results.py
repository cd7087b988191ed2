"""The result of a run as rows of a table: each estimate with its standard error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lupusim.common.frozen import dataclass
from lupusim.report.numbers import grouped, rounded, share
from lupusim.report.words.paths import path_in_words
from lupusim.scenario.document.content import is_number
from lupusim.simulation.tally import Mean
from lupusim.trial.durations import MONTHS_PER_YEAR
from lupusim.trial.scenario import label

Point = Mapping[str, Any]
_FORMULAS = ("power_theory", "power_schoenfeld", "power_lachin_foulkes")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPower:
    """The power of a design: by its counts where these are known, and the simulated one."""

    design: str  # what the design is called
    exact: float | None  # of all tables; None where it is not known
    drawn: Mean | None = None  # of tables that are drawn, where they are not all gone through
    simulated: Mean

    @property
    def best(self) -> float:
        """The best that is known."""
        if self.exact is not None:
            return self.exact
        return (self.drawn or self.simulated).value

    @property
    def is_checked(self) -> bool:
        """Whether it is known by counts, so that simulation checks it."""
        return self.exact is not None or self.drawn is not None

    @property
    def of(self) -> str:
        """How the best is known: ``exact``, ``from drawn tables`` or nothing."""
        if self.exact is not None:
            return "exact"
        return "" if self.drawn is None else "from drawn tables"

    @property
    def in_words(self) -> str:
        """The best that is known, in a few words."""
        exactly = "exact " if self.exact is not None else ""
        return f"{exactly}power {self.best:.2f}"


def point_name(point: Point, run: str = "") -> str:
    """Return what a design is called: what varies, or the run it is of."""
    values = point.get("design_point", {})
    words = label({path_in_words(path): value for path, value in values.items()}) if values else ""
    return " · ".join(part for part in (run, words) if part) or "the design"


def table_of(points: Sequence[tuple[str, Point]]) -> tuple[list[str], list[list[str]]]:
    """Return headings, and a row for each design; ``lupusim run`` has the same order.

    Parameters
    ----------
    points : sequence of (str, mapping)
        The name of the run, or nothing, and what it found of a design.
    """
    columns: dict[str, Callable[[Point], str]] = {
        "Patients": lambda point: grouped(int(point["n_patients"])),
        "Exact power": _exact,
        "Drawn tables": _of_drawn_tables,
        "Power": lambda point: _share(point, "power"),
        "By formula": _by_formula,
        "Type I error": lambda point: _share(point, "type_one_error"),
        "Months": _months,
        "Trials simulated": lambda point: grouped(int(point["n_replicates"])),
    }
    told = {name: [write(point) for _, point in points] for name, write in columns.items()}
    kept = {name: cells for name, cells in told.items() if any(cells)}
    names = [point_name(point, run) for run, point in points]
    rows = zip(names, *kept.values(), strict=True)
    return ["Design", *kept], [list(row) for row in rows]


def powers(result: Mapping[str, Any]) -> list[KnownPower]:
    """Return the power of each design that has one."""
    return [
        KnownPower(
            design=point_name(point),
            exact=point.get("power_exact"),
            drawn=_drawn(point),
            simulated=_mean(point, "power"),
        )
        for point in result["points"]
        if is_number(point.get("power"))
    ]


def _exact(point: Point) -> str:
    value = point.get("power_exact")
    return "" if value is None else f"{value:.4f}"


def _drawn(point: Point) -> Mean | None:
    value = point.get("power_drawn")
    return None if value is None else Mean(value=value, mcse=point["power_drawn_mcse"])


def _of_drawn_tables(point: Point) -> str:
    known = _drawn(point)
    return "" if known is None else share(known)


def _by_formula(point: Point) -> str:
    known = (point[name] for name in _FORMULAS if point.get(name) is not None)
    return "" if _exact(point) or _drawn(point) else next((f"{value:.4f}" for value in known), "")


def _mean(point: Point, name: str) -> Mean:
    return Mean(value=point[name], mcse=point[f"{name}_mcse"], n=int(point["n_replicates"]))


def _share(point: Point, name: str) -> str:
    return "none" if point.get(name) is None else share(_mean(point, name))


def _months(point: Point) -> str:
    value = point.get("duration")
    if value is None:
        return "none"
    return rounded(
        Mean(value=MONTHS_PER_YEAR * value, mcse=MONTHS_PER_YEAR * point["duration_mcse"])
    )
