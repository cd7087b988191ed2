"""A trial refuses what does not fit together, all at once."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from lupusim.analysis.user_defined import FromP
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.model import MultiStateModel, Transition, TreatmentEffect
from lupusim.model.hazards import ExponentialHazard
from lupusim.trial import (
    AfterLastPatient,
    Analysis,
    Arm,
    AtCalendarTime,
    AtEvents,
    Better,
    Dropout,
    Infusions,
    PermutedBlocks,
    Population,
    SimpleRandomization,
    Trial,
    UniformEnrollment,
)


def way(a, b, rate=1.0):
    return Transition(from_state=a, to_state=b, hazard=ExponentialHazard(rate=rate))


def disease(name="d", states=("active", "remission", "death")):
    return MultiStateModel(
        name=name, states=states, transitions=(way(*states[:2]), way(*states[1:], 0.1))
    )


CONTROL = Arm(name="placebo", model=disease())
CELLS = Arm(
    name="cells",
    model=disease(),
    infusions=Infusions(cells_per_kg=1e6, at=(0.25,)),
    effects=(TreatmentEffect(on=(("active", "remission"),), hazard_ratio=2.0),),
)
SURVIVAL = TimeToEvent(name="survival", events=("death",))
RESPONSE = Responder(name="response", states=("remission",), at=1.0)


def never(*_args) -> float:
    raise NotImplementedError


TEST = Analysis(name="logrank", test=FromP(function=never), effect="log hazard ratio")


def trial(**changes):
    values = {
        "arms": (CONTROL, CELLS),
        "n_patients": 20,
        "enrollment": UniformEnrollment(duration=1.0),
        "cutoff": AfterLastPatient(follow_up=2.0),
        "primary": SURVIVAL,
        "analysis": TEST,
        "follow_up": 2.0,
        "visits": (0.5, 1.0, 2.0),
        "population": Population(factors={"nephritis": {"yes": 0.5, "no": 0.5}}),
    }
    return Trial(**{**values, **changes})


def problems(**changes):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the tests look at the message
        trial(**changes)
    return str(caught.value)


def test_a_sound_trial_knows_its_parts():
    sound = trial(secondary=(RESPONSE,))
    assert sound.states == ("active", "remission", "death")
    assert sound.ratio == (1, 1)
    assert sound.looks == (AfterLastPatient(follow_up=2.0),)
    assert sound.endpoints == (SURVIVAL, RESPONSE)
    assert sound.allocation == PermutedBlocks(block_size=4)
    assert trial(arms=(CONTROL, replace(CELLS, allocation=2))).allocation.block_size == 6


def test_a_single_arm_needs_no_test():
    assert trial(arms=(CELLS,), analysis=None).ratio == (1,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ()}, "arms: there are no arms"),
        (
            {"arms": (CONTROL, CELLS, replace(CELLS, name="more"))},
            "analysis.multiplicity: 2 arms are tested",
        ),
        ({"arms": (CONTROL, replace(CELLS, name="placebo"))}, "repeat"),
        (
            {
                "arms": (
                    CONTROL,
                    replace(CELLS, model=disease("e", ("a", "b", "death")), effects=()),
                )
            },
            "arms.1.model: the states of 'e' are not those",
        ),
        ({"n_patients": 3}, "sample_size: 3 patients are fewer than two per arm"),
        (
            {"allocation": PermutedBlocks(block_size=3)},
            "block_size: 3 is no multiple of 2",
        ),
        ({"allocation": PermutedBlocks(block_size=0)}, "allocation.block_size: 0 is no multiple"),
        ({"stratify_by": ("nephrits",)}, "allocation.stratify_by: .* Did you mean 'nephritis'"),
        (
            {"stratify_by": ("nephritis", "nephritis")},
            "allocation.stratify_by: 'nephritis' is named twice",
        ),
        (
            {"analysis": replace(TEST, stratify_by=("sex",))},
            "analysis.stratify_by: the population has no factor 'sex'",
        ),
        ({"follow_up": 0.0, "visits": ()}, "follow_up: 0.0 is not above 0"),
        ({"follow_up": math.nan, "visits": ()}, "follow_up: nan is not above 0"),
        ({"follow_up": math.inf}, "follow_up: it is missing, and the cutoff needs it"),
        ({"visits": (0.5, 2.5)}, "visits: a visit at 30 months lies outside"),
        ({"visits": (-0.5,)}, "visits: a visit at -0.5 years lies outside"),
        (
            {"primary": TimeToEvent(name="d", events=("deth", "death"))},
            "events: 'deth' is not",
        ),
        (
            {"primary": replace(SURVIVAL, origin=("remision",))},
            "primary.origin: 'remision' is not a state.*Did you mean 'remission'",
        ),
        (
            {"primary": TimeToEvent(name="r", events=("remission",))},
            "primary.competing: nothing is said of 'death'",
        ),
        (
            {"secondary": (TimeToEvent(name="r", events=("death",), competing=("x",)),)},
            "secondary.0.competing: 'x' is not a state",
        ),
        ({"secondary": (replace(RESPONSE, states=("rem",)),)}, "secondary.0.states: 'rem' is not"),
        ({"secondary": (replace(RESPONSE, at=3.0),)}, "secondary.0.at: 3 years lies beyond"),
        (
            {"secondary": (replace(RESPONSE, at=0.75),)},
            r"there is no visit at 9 months\. Add it to visits \(6, 12, 24 months\)",
        ),
        ({"secondary": (replace(RESPONSE, at=0.75),), "visits": ()}, r"visits \(none yet\)"),
        ({"secondary": (RESPONSE, replace(RESPONSE, at=2.0))}, "endpoints: names .* repeat"),
        ({"secondary": (SURVIVAL,)}, "endpoints: names .* repeat"),
        ({"dropout": Dropout(per_year=0.1, by_state={"activ": 2.0})}, "dropout.by_state.activ"),
        ({"dropout": Dropout(per_year=0.1, by_arm={"cell": 2.0})}, "dropout.by_arm.cell"),
        ({"arms": (CONTROL,)}, "analysis: a test compares two arms, and there is one"),
        ({"analysis": None}, "analysis: it is missing"),
        (
            {"interims": (AtCalendarTime(time=1.0),)},
            "looks: there are interim looks, but no analysis with bounds",
        ),
        (
            {"primary": RESPONSE, "cutoff": AtEvents(events=5)},
            "looks.0.when.events: the primary endpoint is no time to an event",
        ),
    ],
)
def test_every_kind_of_problem_is_named(changes, message):
    assert re.search(message, problems(**changes))


def test_all_problems_are_told_at_once():
    said = problems(
        n_patients=1,
        visits=(9.0,),
        primary=replace(RESPONSE, at=0.75, states=("x",)),
        dropout=Dropout(by_state={"y": 1.0}),
        stratify_by=("z",),
        analysis=None,
    )
    for part in ("sample_size", "visits", "9 months", "'x'", "'y'", "'z'", "analysis: it is"):
        assert part in said


@pytest.mark.parametrize("cutoff", [AtCalendarTime(time=3.0), AtEvents(events=5)])
def test_follow_up_may_last_until_the_cutoff(cutoff):
    assert math.isinf(trial(cutoff=cutoff, follow_up=math.inf).follow_up)


def test_a_visit_at_the_end_of_follow_up_may_be_rounded():
    week = 1 / 52.1775
    trial(follow_up=52 * week, visits=(52 * week * (1 + 1e-12),), secondary=())


def test_without_effects_an_arm_follows_its_model():
    assert CONTROL.law is CONTROL.model


def test_the_law_of_an_arm_is_made_once_and_forgotten_among_many():
    law = CELLS.law
    assert CELLS.law is law
    others = [replace(CELLS, name=f"cells {number}") for number in range(300)]
    assert all(other.law == law for other in others)
    assert CELLS.law == law
    assert CELLS.law is not law


def test_effects_count_from_the_infusions_or_else_from_randomization():
    assert CELLS.law.transitions[0].ratio.breaks == (0.25,)
    bare = replace(CELLS, infusions=None)
    assert bare.law.transitions[0].ratio.ratios == (2.0,)
    assert CELLS.law.transitions[1] == CELLS.model.transitions[1]


def test_in_the_null_twin_every_arm_follows_the_control_s_law():
    treated_control = replace(CELLS, name="old cells")
    own_model = Arm(name="new", model=disease("better"), effects=CELLS.effects)
    design = trial(arms=(treated_control, own_model))
    twin = design.null_twin()
    assert [arm.law for arm in twin.arms] == [treated_control.law] * 2
    assert [arm.name for arm in twin.arms] == ["old cells", "new"]
    assert twin.null_twin() == twin
    assert replace(twin, arms=(treated_control, own_model)) == trial(
        arms=(treated_control, own_model)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Arm(name="a", model=disease(), allocation=0), "allocation=0"),
        (lambda: Infusions(cells_per_kg=0.0), "cells_per_kg=0.0"),
        (lambda: Infusions(cells_per_kg=math.inf), "cells_per_kg=inf"),
        (lambda: Infusions(cells_per_kg=1e6, at=()), "at least one study time"),
        (lambda: Infusions(cells_per_kg=1e6, at=(0.0, -0.1)), "0 or above"),
        (lambda: replace(TEST, alpha=0.0), "alpha=0.0"),
        (lambda: replace(TEST, alpha=1.0), "alpha=1.0"),
        (lambda: replace(TEST, sided=3), "sided=3"),
        (lambda: Responder(name="r", states=(), at=1.0), "states is empty"),
        (lambda: Responder(name="r", states=("a",), at=0.0), "at=0.0"),
        (lambda: Responder(name="r", states=("a",), at=math.inf), "at=inf"),
        (lambda: TimeToEvent(name="t", events=()), "events is empty"),
        (
            lambda: TimeToEvent(name="t", events=("a", "b"), competing=("b",)),
            r"\['b'\] cannot be both an event and competing",
        ),
    ],
)
def test_a_part_that_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_known_factor_may_stratify_allocation_and_analysis():
    factors = ("nephritis",)
    stratified = trial(stratify_by=factors, analysis=replace(TEST, stratify_by=factors))
    assert stratified.stratify_by == factors


def test_dropout_may_depend_on_a_known_state():
    dropout = Dropout(per_year=0.1, by_state={"active": 2.0})
    assert trial(dropout=dropout).dropout == dropout


def test_simple_randomization_needs_no_block():
    assert trial(allocation=SimpleRandomization(), n_patients=5).n_patients == 5


def test_more_is_better_for_responders_and_fewer_for_events_unless_said():
    assert RESPONSE.better is Better.MORE
    assert SURVIVAL.better is Better.FEWER


def test_a_plain_function_is_no_test_but_can_be_made_one():
    with pytest.raises(ValueError, match=r"is no test.*FromP"):
        Analysis(name="mine", test=never, effect="none")
