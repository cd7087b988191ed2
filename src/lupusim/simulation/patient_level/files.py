"""The files of one trial: a CSV per table, each endpoint under a name of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lupusim.common.output import Folder, csv_text, file_stems
from lupusim.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

_TABLES = ("patients", "visits", "events", "supply", "lots", "decisions", "looks")
_ADAM = ("adsl", "adtte")


def file_names(trial: Trial) -> list[str]:
    """Return the names of all files that the tables of a trial may need, ADaM's below ``adam``."""
    endpoints = endpoint_tables(endpoint.name for endpoint in trial.endpoints)
    names = [*_TABLES, *endpoints.values(), *(f"adam/{name}" for name in _ADAM)]
    return [f"{name}.csv" for name in names]


def endpoint_tables(names: Iterable[str]) -> dict[str, str]:
    """Return the name of each endpoint's table, no two the same.

    Examples
    --------
    >>> endpoint_tables(["CR/PR at week 52"])
    {'CR/PR at week 52': 'endpoint_CR_PR_at_week_52'}
    """
    return {name: f"endpoint_{stem}" for name, stem in file_stems(names).items()}


def write_tables(tables: Mapping[str, pd.DataFrame], folder: str | Path | Folder) -> list[Path]:
    """Write tables as CSV into a folder, made if need be; return their paths.

    Raises
    ------
    OutputError
        If the folder holds files of these names that lupusim did not write.
    """
    place = folder if isinstance(folder, Folder) else Folder(folder)
    names = [f"{name}.csv" for name in tables]
    place.reserve(names)
    return [
        place.write(name, csv_text(table))
        for name, table in zip(names, tables.values(), strict=True)
    ]
