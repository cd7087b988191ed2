"""Formulas of times to events where candidates are screened: those let in are what they count."""

from __future__ import annotations

import pytest

from lupusim.planning.theory.power import formula_powers
from lupusim.scenario import scenario_from_mapping

SCREENED = {"screening": {"sledai": {"mean": 8, "sd": 3.7}, "eligible": [{"sledai": 12}]}}


def trial(per_month: float, population: dict[str, object] | None):
    content = {
        "schema": "lupusim/scenario/1",
        "title": "cut at a date",
        "outcomes": {"event": {"kind": "time_to_event"}},
        "arms": [
            {"name": "control", "control": True, "outcomes": {"event": "24 months"}},
            {"name": "treated", "outcomes": {"event": {"hazard_ratio": 0.6}}},
        ],
        "allocation": "1:1",
        "enrollment": f"{per_month:.12g} per month",
        "looks": [{"when": {"calendar_time": "36 months"}}],
        "analysis": {"test": "logrank", "alpha": 0.025, "sided": 1},
        "sample_size": 200,
    }
    if population is not None:
        content["population"] = population
    return scenario_from_mapping(content).points[0].trial


def test_power_at_a_date_counts_those_who_are_let_in_not_those_who_are_screened():
    screened = trial(40, SCREENED)
    share = screened.population.screening.share_let_in
    assert 0.1 < share < 0.25
    found, thinned, fast = (
        {one.method: one.value for one in formula_powers(made)}
        for made in (screened, trial(40 * share, None), trial(40, None))
    )
    assert len(found) == 3
    # their number is a whole one: of 1,100 and more, one more or less
    assert found == pytest.approx(thinned, rel=1e-3)
    assert min(fast[method] - found[method] for method in found) > 0.1
