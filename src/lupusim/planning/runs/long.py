"""A design's numbers in rows: what each is about stands in columns, not in its name."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping

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
        yield {**parts_of(name, trial), "value": value, "mcse": row.get(f"{name}{_MCSE}")}


def parts_of(name: str, trial: Trial) -> dict[str, object]:
    """Return the quantity, and which endpoint, arm and look it is of; None for none."""
    endpoint = next((e.name for e in trial.endpoints if name.startswith(f"{e.name}: ")), None)
    rest = name if endpoint is None else name.removeprefix(f"{endpoint}: ")
    held = re.match(r"look_(\d+)_", rest)
    rest = rest[held.end() :] if held else rest
    arms = [arm.name for arm in trial.arms if re.search(rf"_{re.escape(arm.name)}(_|$)", rest)]
    arm = max(arms, key=len, default=None)
    rest = rest if arm is None else re.sub(rf"_{re.escape(arm)}(?=_|$)", "", rest, count=1)
    look = int(held[1]) if held else None
    return {"quantity": rest, "endpoint": endpoint, "arm": arm, "look": look}
