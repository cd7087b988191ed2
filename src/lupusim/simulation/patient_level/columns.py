"""Columns of the table of patients: a name of the trial's own gets a column of its own."""

from __future__ import annotations

from collections.abc import Iterable

from lupusim.common.output import apart

_FIXED = (
    "patient",
    "arm",
    "weight_kg",
    "first_test_time",
    "enrollment_time",
    "end_time",
    "seen_until",
    "left",
)


def described_columns(names: Iterable[str]) -> dict[str, str]:
    """Return the column of each covariate and stratification factor.

    Examples
    --------
    >>> described_columns(["arm", "nephritis"])
    {'arm': 'arm (2)', 'nephritis': 'nephritis'}
    """
    names = list(names)
    return dict(zip(names, apart(names, _FIXED), strict=True))


def event_columns(events: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Return of each intercurrent event what its columns begin with (`_seen`, `_time`).

    Examples
    --------
    >>> event_columns(["rescue", "enrollment"], ["enrollment_time"])
    {'rescue': 'rescue', 'enrollment': 'enrollment (2)'}
    """
    used = {*_FIXED, *taken}
    found = {}
    for event in events:
        own, number = event, 1
        while used & {f"{own}_seen", f"{own}_time"}:
            number += 1
            own = f"{event} ({number})"
        used |= {f"{own}_seen", f"{own}_time"}
        found[event] = own
    return found
