"""The supply as a scenario file writes it."""

import math

import pytest

from lupusim.trial.treatment.supply import Manufacture, Supply, WhileEmpty
from scenario_contents import EFFECT, problems, trial

LOTS = {"doses": 4, "every": "1 month", "lead_time": "2 months"}


def arms(infusions=None):
    cells = {"name": "cells", "effects": [EFFECT]}
    return [
        {"name": "placebo", "control": True},
        cells | {"infusions": {"cells_per_kg": 1e6, **(infusions or {})}},
    ]


def with_supply(*, lots=None, infusions=None, **supply):
    return {"arms": arms(infusions), "supply": {"lots": LOTS | (lots or {}), **supply}}


def test_a_supply_is_read_with_its_defaults():
    assert trial(**with_supply()).supply == Supply(
        lots=Manufacture(doses=4, every=1 / 12, lead_time=1 / 6, shelf_life=math.inf),
        draws={"cells": 1},
    )


def test_every_key_of_a_supply_is_read():
    lots = {"number": 9, "fails": 0.27, "shelf_life": "6 months"}
    keys = {"at_start": 2, "patience": "1 month", "while_empty": "wait", "arms": {"cells": 2}}
    read = trial(**with_supply(lots=lots, **keys)).supply
    assert read == Supply(
        lots=Manufacture(
            doses=4, every=1 / 12, lead_time=1 / 6, number=9, fails=0.27, shelf_life=0.5
        ),
        at_start=2,
        patience=1 / 12,
        draws={"cells": 2},
    )


def test_enrollment_pauses_where_the_file_says_so():
    read = trial(**with_supply(while_empty="pause_enrollment")).supply
    assert read.while_empty is WhileEmpty.PAUSE_ENROLLMENT


def test_lots_of_uneven_potency_have_the_doses_of_the_supply():
    lots = {"lots": {"sd": 0.3}}
    assert trial(**with_supply(infusions=lots)).arms[1].infusions.lots.doses == 4
    told = {"lots": {"sd": 0.3, "doses": 6}}
    found = problems(**with_supply(infusions=told))
    assert "give 4 doses, not 6" in found["arms.1.infusions.lots.doses"]
    assert "the key is missing" in problems(arms=arms(lots))["arms.1.infusions.lots.doses"]


@pytest.mark.parametrize(
    ("values", "key", "words"),
    [
        ({"lots": {"doses": 0}}, "supply.lots.doses", "Give a whole number, 1 or above"),
        ({"lots": {"every": "-1 month"}}, "supply.lots.every", "not a duration from 0"),
        ({"lots": {"every": "0 months"}}, "supply.lots.every", "Give more than 0"),
        ({"lots": {"every": "1e-9 days"}}, "supply.lots", "must be at least a day"),
        ({"lots": {"lead_time": 3}}, "supply.lots.lead_time", "has no unit"),
        ({"lots": {"fails": 1.2}}, "supply.lots.fails", "out of range"),
        ({"lots": {"shelf_life": "1 month"}}, "supply.lots", "would expire before its release"),
        ({"lots": {"shelflife": "1 year"}}, "supply.lots.shelflife", "Did you mean 'shelf_life'?"),
        ({"at_start": -1}, "supply.at_start", "out of range"),
        ({"patience": "2 years"}, "supply.patience", "longer than patients are followed"),
        ({"while_empty": "pause"}, "supply.while_empty", "Valid: wait, pause_enrollment"),
        ({"while_empty": "pause_enrollment", "lots": {"number": 3}}, "supply", "pause for good"),
        ({"arms": {"cels": 1}}, "supply.arms.cels", "Did you mean 'cells'?"),
        ({"arms": {"placebo": 1}}, "supply.arms.placebo", "has no infusions"),
        ({"arms": {"cells": 5}}, "supply", "takes 5 doses, and a lot gives 4"),
        ({"infusions": {"again_on": ["ill"]}}, "arms.1.infusions.again_on", "or the supply"),
    ],
)
def test_a_fault_is_told_where_it_stands(values, key, words):
    found = problems(**with_supply(**values))
    assert list(found) == [key]
    assert words in found[key]


def test_a_supply_that_never_has_a_lot_is_refused():
    found = problems(arms=arms(), supply={"lots": {"doses": 4}})
    assert "no lot is ever made" in found["supply"]
    stock = {"lots": {"doses": 4}, "at_start": 1}
    assert trial(arms=arms(), supply=stock).supply.lots.every is None
    found = problems(arms=arms(), supply=stock | {"lots": {"doses": 4, "number": 2}})
    assert "it needs 'every'" in found["supply.lots.number"]


def test_a_supply_needs_infusions_and_lots():
    assert "no arm has infusions" in problems(supply={"lots": LOTS})["supply"]
    assert "missing" in problems(arms=arms(), supply={})["supply.lots"]
    assert "is not a mapping" in problems(arms=arms(), supply=[4])["supply"]
