"""Rates and counts that so few patients can't have."""

from __future__ import annotations

from typing import Any

import pytest

from lupusim.errors import EvidenceError
from lupusim.scenario.files.evidence import study_from_mapping

EVER = {
    "name": "ever",
    "kind": "ever",
    "by": "24 months",
    "states": ["remission"],
    "count": 3,
    "n": 8,
}
ALIVE = {"name": "alive", "kind": "survival", "at": ["24 months"], "alive": [8], "n": 8}
WAYS = {
    "relapses": {"from": ["remission"], "to": ["relapse"]},
    "deaths": {"from": ["remission", "active"], "to": ["death"]},
}


def rate(name: str, *, events: int, person_years: float = 5.0, **rest: Any) -> dict[str, Any]:
    numbers = {"events": events, "person_years": person_years, "until": "24 months"}
    return {"name": name, "kind": "rate", **WAYS[name], **numbers, **rest}


def load(*targets: dict[str, Any], **rest: Any) -> object:
    known = {"how_known": "read", "quote": "in the text"}
    study = {"schema": "lupusim/evidence/1", "name": "mine", "citation": "nobody 2026"}
    return study_from_mapping(
        {**study, "n_patients": 8, "targets": [{**t, **known} for t in targets], **rest}
    )


REFUSED = {
    "time": ([rate("relapses", events=1, person_years=18.5)], "18.5 person-years are more than 8"),
    "more than all": ([rate("relapses", events=9, moves="first")], "9 patients .* at most 8 can"),
    "more than ever": ([EVER, rate("relapses", events=5, moves="first")], "5 .* at most 4 can"),
    "dead": ([ALIVE, rate("deaths", events=2)], "2 patients made the move.* at most 1 can"),
}


@pytest.mark.parametrize(("targets", "words"), REFUSED.values(), ids=REFUSED)
def test_rates_that_so_few_patients_cant_have_are_refused(
    targets: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(EvidenceError, match=words):
        load(*targets)


def test_rates_that_they_can_have_are_taken() -> None:
    load(EVER, rate("relapses", events=5))  # each may relapse more than once
    load(EVER, rate("relapses", events=4, moves="first"))  # one patient is rounding
    load(rate("relapses", events=8, person_years=16.0, moves="first"))
    load(ALIVE, rate("deaths", events=2), cohort="separate patients")
    load({**EVER, "sets": ["one"]}, rate("relapses", events=5, moves="first", sets=["other"]))
