"""Counts typed into the page, as an evidence file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lupusim.common.frozen import dataclass

_SCHEMA = "lupusim/evidence/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many of a number of patients were seen in a state."""

    kind: str  # ``in``: at a time; ``ever``: at any time up to it
    state: str  # of the model
    years: float  # study time
    count: int
    n: int
    """`count` and `n`: how many, of how many."""

    @classmethod
    def typed(cls, row: Mapping[str, Any]) -> Count:
        """Return a row of the page as a count; raises ValueError with what to type."""
        try:
            count, n, years = float(row["count"]), float(row["n"]), float(row["years"])
        except (TypeError, ValueError):
            raise ValueError(
                "A row has an empty field: type a number, or remove the row."
            ) from None
        if not (count.is_integer() and n.is_integer() and 0 <= count <= n and n >= 1):
            raise ValueError(
                f"{count:g} of {n:g} patients: type whole numbers, the first not above the second."
            )
        if years <= 0:
            raise ValueError(f"{years:g} years: type a time above 0.")
        return cls(
            kind=str(row["kind"]), state=str(row["state"]), years=years, count=int(count), n=int(n)
        )


def evidence_content(counts: Sequence[Count]) -> dict[str, Any]:
    """Return counts as an evidence file, after checking it.

    States at the same time of as many patients are one table, in which every patient stands once.

    Raises
    ------
    ValueError
        If there are none, or they contradict one another.
    """
    from lupusim.scenario.files.evidence import study_from_mapping

    if not counts:
        raise ValueError("There is no row: add one, and type what was counted.")
    content = {
        "schema": _SCHEMA,
        "name": "counts",
        "citation": "typed into the page",
        "n_patients": max(count.n for count in counts),
        "targets": [*_tables(counts), *_ever(counts)],
    }
    study_from_mapping(content)
    return content


def counts_of(content: Mapping[str, Any]) -> list[Count]:
    """Return the counts of an evidence file that :func:`evidence_content` has made."""
    found = []
    for target in content["targets"]:
        ever = target["kind"] == "ever"
        years = float(str(target["by" if ever else "at"]).removesuffix(" years"))
        cells = {target["states"][0]: target["count"]} if ever else target["counts"]
        kind = "ever" if ever else "in"
        found += [
            Count(kind=kind, state=state, years=years, count=count, n=target["n"])
            for state, count in cells.items()
        ]
    return found


def _tables(counts: Sequence[Count]) -> list[dict[str, Any]]:
    tables: dict[tuple[float, int], dict[str, int]] = {}
    for count in counts:
        if count.kind == "in":
            cells = tables.setdefault((count.years, count.n), {})
            if count.state in cells:
                raise ValueError(f"{count.state} stands twice at {count.years:g} years.")
            cells[count.state] = count.count
    return [
        _target(f"state at {years:g} years", "occupancy")
        | {"at": f"{years:g} years", "n": n, "counts": cells}
        for (years, n), cells in tables.items()
    ]


def _ever(counts: Sequence[Count]) -> list[dict[str, Any]]:
    return [
        _target(f"ever {count.state.replace('_', ' ')} by {count.years:g} years", "ever")
        | {
            "by": f"{count.years:g} years",
            "states": [count.state],
            "count": count.count,
            "n": count.n,
        }
        for count in counts
        if count.kind == "ever"
    ]


def _target(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "kind": kind, "how_known": "read", "quote": "typed", "source": "the page"}
