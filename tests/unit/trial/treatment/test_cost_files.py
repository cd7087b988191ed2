"""The prices of a scenario file."""

from __future__ import annotations

import pytest

from lupusim.errors import ScenarioError
from lupusim.scenario import scenario_from_mapping
from lupusim.trial.treatment.costs import Costs
from scenario_contents import content


def test_prices_are_read_and_the_rest_is_zero() -> None:
    cost = {"per_patient": 12, "per_month": 0.5, "currency": "thousands"}
    (point,) = scenario_from_mapping(content(cost=cost)).points
    assert point.trial.costs == Costs(per_patient=12, per_month=0.5, currency="thousands")
    assert scenario_from_mapping(content()).points[0].trial.costs is None


def test_prices_can_vary_and_are_judged_on_the_same_patients() -> None:
    varied = content(cost={"per_patient": 1}, vary={"cost.per_patient": [1, 2]})
    one, two = scenario_from_mapping(varied).points
    assert two.trial.costs == Costs(per_patient=2)
    assert one.trial.n_patients == two.trial.n_patients


@pytest.mark.parametrize(
    ("cost", "key", "message"),
    [
        ({"per_patent": 1}, "cost.per_patent", "Did you mean 'per_patient'?"),
        ({"fixed": -1}, "cost.fixed", "out of range"),
        ({"currency": "x"}, "cost", "nothing costs anything"),
        ({"per_infusion": 1}, "cost.per_infusion", "no arm has infusions"),
        ({"per_visit": 1}, "cost.per_visit", "the trial has no visits"),
        (7, "cost", "7 is not a mapping"),
    ],
)
def test_a_price_that_would_not_act_is_refused(cost: object, key: str, message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        scenario_from_mapping(content(cost=cost))
    found = {problem.key: str(problem) for problem in error.value.problems}
    assert list(found) == [key]
    assert message in found[key]
