"""Life tables: mortality by age from a CSV file beside the model."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.scenario.document.section import Number, Place, Section, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeTable:
    """Rates per year by age."""

    ages: FloatArray  # years, increasing; each row holds from its age to the next; (n_ages,)
    rates: FloatArray  # per year; (n_ages,)

    def at(self, age: FloatArray) -> FloatArray:
        """Return the rate at each age: of the row that it falls in, of the last one beyond."""
        return np.asarray(self.rates[np.searchsorted(self.ages, age + 1e-9, side="right") - 1])

    def from_age(self, age: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the years from an age on at which the rate changes, and the rates between."""
        later = self.ages > age
        rates = (float(self.at(np.array(age))), *self.rates[later].tolist())
        return tuple((self.ages[later] - age).tolist()), rates


def read_life_table(section: Section) -> tuple[LifeTable, float] | None:
    """Return a table, its rates already times what they are to be, and the age at the start.

    Keys: ``table`` * (a CSV file beside the model), ``column`` *, ``age_column`` (Age),
    ``from_age`` *, ``times`` (1: what multiplies the rates).
    """
    name = section.read("table", Text())
    column = section.read("column", Text())
    age_column = section.read("age_column", Text(), "Age")
    age = section.read("from_age", Number(at_least=0))
    times = section.read("times", Number(at_least=0), 1.0)
    section.finish()
    if not section.place.is_sound:
        return None
    path = Path(section.place.document.file).parent / name
    place = section.place.child("table")
    rows = _rows(place, path)
    if rows is None:
        return None
    for key, wanted in (("column", column), ("age_column", age_column)):
        if wanted not in rows[0]:
            section.place.child(key).report(
                f"{name} has no column {wanted!r}", nearest(wanted, rows[0])
            )
            return None
    table = _table(place, rows, age_column, column)
    if table is None:
        return None
    if age < table.ages[0]:
        fault = f"{name} begins at age {table.ages[0]:g}"
        section.place.child("from_age").report(fault, "Start no earlier, or add rows.")
        return None
    return LifeTable(ages=table.ages, rates=times * table.rates), age


def _rows(place: Place, path: Path) -> list[dict[str, str]] | None:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        said = getattr(error, "strerror", None) or "it is no text"
        place.report(f"{path} cannot be read: {said}", "Name a CSV file beside the model.")
        return None
    if not rows:
        place.report(f"{path} has no rows", "Give a line of names and a line for each age.")
        return None
    return rows


def _table(
    place: Place, rows: list[dict[str, str]], age_column: str, column: str
) -> LifeTable | None:
    try:
        ages = np.array([float(row[age_column]) for row in rows])
        rates = np.array([float(row[column]) for row in rows])
    except (TypeError, ValueError) as error:
        place.report(f"it holds what is no number: {error}", "Give numbers in both columns.")
        return None
    if np.any(np.diff(ages) <= 0) or not (np.isfinite(rates).all() and (rates >= 0).all()):
        fault = f"ages must increase, and {column!r} be 0 or above"
        place.report(fault, "Keep one sex, one year and one row for each age.")
        return None
    return LifeTable(ages=ages, rates=rates)
