"""Supplies, their lots, and what does not go with the trial that draws on them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.trial import Infusions, Lots, Switch, Trial
from lupusim.trial.adaptation import Facts
from lupusim.trial.checks.supply import supply_problems
from lupusim.trial.enrollment.arm_periods import OnDate
from lupusim.trial.treatment.supply import Manufacture, Supply, WhileEmpty
from trials import disease_trial

PAUSE = WhileEmpty.PAUSE_ENROLLMENT
SUPPLY = Supply(lots=Manufacture(doses=4, every=0.25), draws={"cells": 1})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"doses": 0}, "doses=0 must be at least 1"),
        ({"lead_time": -1.0}, "lead_time=-1.0 must be 0 or above"),
        ({"every": 0.0}, "every=0.0 must be above 0"),
        ({"every": 0.001}, "every=0.001 must be at least a day"),
        ({"number": 0, "every": 1.0}, "number=0 must be at least 1"),
        ({"number": 3}, "with 'every'"),
        ({"fails": 1.1}, "fails=1.1 must lie from 0 to 1"),
        ({"lead_time": 0.5, "shelf_life": 0.5}, "would expire before its release"),
    ],
)
def test_a_manufacture_out_of_range_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Manufacture(**{"doses": 4, **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"at_start": -1}, "at_start=-1 must lie from 0 to 10000"),
        ({"patience": -0.1}, "patience=-0.1 must be 0 or above"),
        ({"lots": Manufacture(doses=4)}, "no lot is ever made"),
        ({"draws": {"cells": 5}}, "takes 5 doses, and a lot gives 4"),
        ({"draws": {"cells": 0}}, "takes 0 doses"),
        ({"lots": Manufacture(doses=4), "at_start": 1, "while_empty": PAUSE}, "pause for good"),
        ({"lots": Manufacture(doses=4, every=1.0, number=9), "while_empty": PAUSE}, "for good"),
        ({"lots": Manufacture(doses=4, every=1.0, fails=1.0), "while_empty": PAUSE}, "for good"),
    ],
)
def test_a_supply_out_of_range_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        replace(SUPPLY, **values)


def test_lots_are_started_at_fixed_times_up_to_their_number():
    lots = Manufacture(doses=4, every=0.25)
    assert lots.starts(0.8).tolist() == [0.0, 0.25, 0.5, 0.75]
    assert replace(lots, number=2).starts(0.8).tolist() == [0.0, 0.25]
    assert replace(lots, every=None).starts(0.8).size == 0


def test_the_stock_at_start_is_released_and_the_rest_is_tested():
    lots = Manufacture(doses=4, every=0.5, lead_time=0.1, fails=1.0, shelf_life=1.0)
    stock = Supply(lots=lots, at_start=2).stock(3, 0.6, rng=stream(1, "lots"))
    np.testing.assert_allclose(stock.released, [0.0, 0.0, 0.1, 0.6])
    np.testing.assert_allclose(stock.expires, [0.9, 0.9, 1.0, 1.5])
    assert stock.passed.tolist() == [[True] * 3] * 2 + [[False] * 3] * 2


def test_a_longer_trial_sees_the_same_lots_first():
    lots = replace(SUPPLY.lots, fails=0.4)
    short, long = (
        replace(SUPPLY, lots=lots).stock(5, until, rng=stream(1, "lots")) for until in (1.0, 9.0)
    )
    np.testing.assert_array_equal(short.passed, long.passed[:5])


def drawn(**changes) -> Trial:
    """A trial whose experimental arm draws on a supply, with changes to that arm."""
    trial = disease_trial()
    arm = replace(trial.arms[1], **changes)
    return disease_trial(arms=(trial.arms[0], arm))


def found(trial: Trial, supply: Supply = SUPPLY, **changes) -> dict[str, str]:
    parts = {name: getattr(trial, name) for name in ("arms", "follow_up", "rule")}
    draft = SimpleNamespace(**{**parts, "supply": supply, **changes})
    return {problem.key: problem.fault for problem in supply_problems(draft)}


def test_without_a_supply_and_with_a_right_one_nothing_is_wrong():
    assert found(drawn()) == {}
    assert found(drawn(), None) == {}
    lots = Lots(doses=4, sd=0.5, raises=(("active", "remission"),))
    assert found(drawn(infusions=Infusions(cells_per_kg=1e6, lots=lots))) == {}
    everybody = replace(drawn(), arms=(drawn().arms[1],), analysis=None)
    assert found(everybody) == {}  # a single arm may have effects: there is no control


def test_those_who_draw_must_have_infusions():
    assert found(drawn(infusions=None, effects=())) == {"supply": "no arm has infusions"}
    assert found(drawn(), replace(SUPPLY, draws={})) == {"supply": "no arm draws on it"}
    named = replace(SUPPLY, draws={"cels": 1, "placebo": 1})
    assert found(drawn(), named) == {
        "supply.arms.cels": "there is no arm 'cels'",
        "supply.arms.placebo": "arm 'placebo' has no infusions",
    }


def test_what_would_make_the_supply_depend_on_the_disease_is_refused():
    again = Infusions(cells_per_kg=1e6, again_on=("relapse",))
    assert list(found(drawn(infusions=again))) == ["arms.1.infusions.again_on"]
    trial = drawn()
    placebo = replace(trial.arms[0], switch=Switch(on=("relapse",), arm=trial.arms[1]))
    assert list(found(trial, arms=(placebo, trial.arms[1]))) == ["arms.0.switch"]
    assert list(found(trial, rule=Facts())) == ["supply"]


def test_arms_that_join_do_not_go_with_pauses():
    joining = replace(drawn().arms[1], joins=OnDate(time=0.2))
    arms = (drawn().arms[0], joining)
    assert list(found(drawn(), replace(SUPPLY, while_empty=PAUSE), arms=arms)) == [
        "supply.while_empty"
    ]
    assert found(drawn(), arms=arms) == {}


def test_numbers_that_do_not_fit_the_trial_are_refused():
    assert list(found(drawn(), replace(SUPPLY, patience=1.1))) == ["supply.patience"]
    many = Infusions(cells_per_kg=1e6, at=tuple(k / 20 for k in range(13)))
    assert list(found(drawn(infusions=many))) == ["arms.1.infusions.at"]
    lots = Lots(doses=6, sd=0.5, raises=(("active", "remission"),))
    uneven = found(drawn(infusions=Infusions(cells_per_kg=1e6, lots=lots)))
    assert uneven == {"arms.1.infusions.lots.doses": "the lots of the supply give 4 doses, not 6"}


def test_a_control_with_effects_cannot_draw():
    trial = drawn()
    control = replace(trial.arms[1], name="low")
    both = replace(SUPPLY, draws={"low": 1, "cells": 1})
    assert list(found(trial, both, arms=(control, trial.arms[1]))) == ["supply.arms"]


def test_a_course_may_be_of_several_lots_only_with_a_supply():
    lots = Lots(doses=1, sd=0.5, raises=(("active", "remission"),))
    infusions = Infusions(cells_per_kg=1e6, at=(0.0, 0.5), lots=lots)
    arms = (drawn().arms[0], replace(drawn().arms[1], infusions=infusions))
    with pytest.raises(ValueError, match="1 doses are no course of 2"):
        disease_trial(arms=arms)
    supply = replace(SUPPLY, lots=replace(SUPPLY.lots, doses=1))
    assert disease_trial(arms=arms, supply=supply).supply == supply
