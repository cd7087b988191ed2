"""A design's numbers in rows: what each is about stands in columns, not in its name."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from lupusim.simulation.quantities import quantity_of
from lupusim.trial import Trial

COLUMNS = ("quantity", "endpoint", "arm", "look", "value", "mcse")
_MCSE = "_mcse"


def long_rows(
    row: Mapping[str, object], trial: Trial, *, of: Container[str]
) -> Iterator[dict[str, object]]:
    """Yield a row for each number of a flat row of results.

    Parameters
    ----------
    row : mapping
        Numbers by the names of a table's columns.
    trial : Trial
        Its endpoints, arms and looks are what the names may hold.
    of : container of str
        Names that tell the design, which are no results.
    """
    for name, value in row.items():
        is_error = name.endswith(_MCSE) and name.removesuffix(_MCSE) in row
        if is_error or name in of or not isinstance(value, int | float):
            continue
        of_what = quantity_of(name, trial)
        yield {
            "quantity": of_what.name,
            "endpoint": of_what.endpoint,
            "arm": of_what.arm,
            "look": of_what.look,
            "value": value,
            "mcse": row.get(f"{name}{_MCSE}"),
        }
