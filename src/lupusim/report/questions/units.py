"""The unit of each number that a planning question answers with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lupusim.planning.runs.columns import AS_STATED, COUNT, NOT_STATED, PROBABILITY, YEARS, unit_of
from lupusim.scenario.document.content import is_list, is_mapping, is_number
from lupusim.trial import Trial

_NONE: Mapping[str, str] = {}
_GAIN = "responders or events avoided"
_UNITS = {
    "alpha": PROBABILITY,
    "assurance": PROBABILITY,
    "evsi": _GAIN,
    "explained": "fraction",
    "final_look": YEARS,
    "first_order": "fraction",
    "future_patients": COUNT,
    "interval_so_far": COUNT,
    "n_draws": COUNT,
    "n_events": COUNT,
    "n_patients_high": COUNT,
    "n_patients_low": COUNT,
    "n_patients_so_far": COUNT,
    "n_tables": COUNT,
    "n_trials": COUNT,
    "net_value": _GAIN,
    "never_reached": PROBABILITY,
    "parameter_share": "fraction",
    "perfect_information": _GAIN,
    "power_if_alike": PROBABILITY,
    "precision": "fraction",
    "replicates_per_draw": COUNT,
    "rule_value": _GAIN,
    "sampling_share": "fraction",
    "significant_if_worthwhile": PROBABILITY,
    "tables_per_draw": COUNT,
    "tables_per_trial": COUNT,
    "threshold": AS_STATED,
    "threshold_lower": AS_STATED,
    "threshold_upper": AS_STATED,
    "total": "fraction",
    "type_one_error_in_search": PROBABILITY,
    **{f"power_q{share}": PROBABILITY for share in ("05", "25", "50", "75", "95")},
}
"""Of numbers that only a planning question has."""


def units_of(content: Any, trial: Trial, own: Mapping[str, str] = _NONE) -> dict[str, str]:
    """Return the unit of every number in an answer's plain data, by its name.

    Parameters
    ----------
    content : mapping
        The plain data.
    trial : Trial
        Its endpoints and arms are what names may hold.
    own : mapping of str to str
        Units of the names that mean something else in this answer.
    """
    known = {**_UNITS, **own}
    names = dict.fromkeys(_numbers(content))
    found = {name: known.get(name.removesuffix("_mcse")) or unit_of(name, trial) for name in names}
    return {name: unit for name, unit in found.items() if unit != NOT_STATED}


def _numbers(content: Any) -> Iterator[str]:
    """Yield the names of numbers, of lists of numbers, and of those inside."""
    for name, value in content.items():
        values = value if is_list(value) else [value]
        if values and all(map(is_number, values)):
            yield name
        for one in values:
            if is_mapping(one) and name != "design_point":
                yield from _numbers(one)
