"""Infusions given again, missed or from lots, and switches, as a scenario file writes them."""

import pytest

from lupusim.scenario import scenario_from_mapping
from lupusim.trial import Infusions, Lots, Switch
from scenario_contents import content, problems, trial

ILL = ("healthy", "ill")
EFFECTS = [
    {"on": ["healthy -> ill"], "hazard_ratio": 0.5},
    {"on": "healthy -> death", "hazard_ratio": 1.5},
]


def arms(infusions=None, control=None, **more):
    cells = {"name": "cells", "effects": EFFECTS, **more}
    if infusions is not None:
        cells["infusions"] = {"cells_per_kg": 1e6, **infusions}
    return [{"name": "placebo", "control": True, **(control or {})}, cells]


def test_a_course_can_be_given_again_and_be_missed():
    arm = trial(arms=arms({"again_on": ["ill"]})).arms[1]
    assert arm.infusions == Infusions(cells_per_kg=1e6, again_on=("ill",))
    assert arm.law.restarts == ("ill",)
    arm = trial(arms=arms({"missed": 0.1})).arms[1]
    assert arm.infusions == Infusions(cells_per_kg=1e6, missed=0.1)


def test_lots_act_as_the_effects_do_unless_they_say_otherwise():
    lots = trial(arms=arms({"lots": {"doses": 4, "sd": 0.3}})).arms[1].infusions.lots
    assert lots == Lots(doses=4, sd=0.3, raises=(("healthy", "death"),), lowers=(ILL,))
    own = {"doses": 4, "sd": 0.3, "raises": ["healthy -> ill"]}
    lots = trial(arms=arms({"lots": own})).arms[1].infusions.lots
    assert lots == Lots(doses=4, sd=0.3, raises=(ILL,))


def test_an_arm_can_switch_to_another():
    control = {"switch": {"to": "cells", "on": ["ill"]}}
    placebo, cells = trial(arms=arms({}, control)).arms
    assert placebo.switch == Switch(on=("ill",), arm=cells)
    assert placebo.law.afterwards == cells.law


def test_designs_that_switch_can_be_varied():
    control = {"switch": {"to": "cells", "on": ["ill"]}}
    vary = {"arms.cells.infusions.lots.sd": [0.0, 0.5]}
    lots = {"lots": {"doses": 4, "sd": 0.3}}
    points = scenario_from_mapping(content(arms=arms(lots, control), vary=vary)).points
    assert [p.trial.arms[1].infusions.lots.sd for p in points] == [0.0, 0.5]


@pytest.mark.parametrize(
    ("infusions", "key", "words"),
    [
        ({"again_on": ["il"]}, "again_on", "Did you mean 'ill'?"),
        ({"again_on": ["ill"], "missed": 0.1}, "missed", "cannot be given again"),
        ({"missed": 0.1, "every": "1 month", "number": 9}, "missed", "any of 9 infusions"),
        ({"missed": 1.1}, "missed", "out of range"),
        ({"lots": {"sd": 0.1}}, "lots.doses", "missing"),
        ({"lots": {"doses": 1, "sd": -0.1}}, "lots.sd", "out of range"),
        ({"lots": {"doses": 1, "sd": 1}, "at": ["0 weeks", "1 week"]}, "lots.doses", "no course"),
        ({"lots": {"doses": 1, "sd": 1, "raises": ["a -> b"]}}, "lots.raises.0", "no transition"),
        (
            {"lots": {"doses": 1, "sd": 1, "raises": ["ill -> death"], "lowers": ["ill -> death"]}},
            "lots",
            "both raise and lower",
        ),
        ({"lots": {"doses": 1, "sd": 1, "often": 2}}, "lots.often", "no such key"),
    ],
)
def test_what_is_wrong_with_infusions_is_told_with_its_key(infusions, key, words):
    assert words in problems(arms=arms(infusions))[f"arms.1.infusions.{key}"]


def test_lots_without_effects_must_say_what_they_act_on():
    found = problems(arms=arms({"lots": {"doses": 1, "sd": 1}}, effects=[]))
    assert "act on no transition" in found["arms.1.infusions.lots"]


@pytest.mark.parametrize(
    ("control", "key", "words"),
    [
        ({"switch": {"to": "cell", "on": ["ill"]}}, "0.switch.to", "Did you mean 'cells'?"),
        ({"switch": {"to": "placebo", "on": ["ill"]}}, "0.switch.to", "not one of the choices"),
        ({"switch": {"to": "cells", "on": ["il"]}}, "0.switch.on", "Did you mean 'ill'?"),
        ({"switch": {"to": "cells"}}, "0.switch.on", "missing"),
        (
            {
                "switch": {"to": "cells", "on": ["ill"]},
                "infusions": {"cells_per_kg": 1, "again_on": ["ill"]},
            },
            "0.switch",
            "given again",
        ),
    ],
)
def test_what_is_wrong_with_a_switch_is_told_with_its_key(control, key, words):
    assert words in problems(arms=arms({}, control))[f"arms.{key}"]


def test_two_arms_can_cross_over_once():
    control = {"switch": {"to": "cells", "on": ["ill"]}}
    back = {"switch": {"to": "placebo", "on": ["ill"]}}
    placebo, cells = trial(arms=arms({}, control, **back)).arms
    assert len(placebo.law.successive_laws) == len(cells.law.successive_laws) == 2


def test_a_single_arm_cannot_switch():
    switching = {"name": "cells", "switch": {"to": "cells", "on": ["ill"]}}
    assert "no other arm" in problems(arms=[switching], analysis=None)["arms.0.switch"]


def test_a_switch_needs_models_alike():
    control = {"switch": {"to": "cells", "on": ["death"]}, "model": "survival"}
    found = problems(arms=arms({}, control), endpoints={"primary": {"kind": "survival"}})
    assert any("other states" in words or "not those" in words for words in found.values())
