"""Multi-state models: what they refuse, all at once, and what they answer."""

from __future__ import annotations

import math

import pytest

from lupusim.common.spelling import nearest
from lupusim.model import (
    LatentClass,
    MultiStateModel,
    PiecewiseRatio,
    Start,
    Transition,
    TreatmentEffect,
)
from lupusim.model.hazards import ExponentialHazard

STATES = ("well", "ill", "death")


def way(a, b, rate=1.0):
    return Transition(from_state=a, to_state=b, hazard=ExponentialHazard(rate=rate))


WAYS = (way("well", "ill"), way("ill", "death"))


def model(**changes):
    return MultiStateModel(**{"name": "m", "states": STATES, "transitions": WAYS, **changes})


def problems(**changes):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the tests look at the message
        model(**changes)
    return str(caught.value)


def test_a_sound_model_starts_in_its_first_state_and_never_leaves_death():
    sound = model()
    assert sound.starts == (Start(state="well"),)
    assert sound.absorbing == ("death",)
    assert sound.index("ill") == 1
    assert sound.outgoing("well") == (0,)
    assert sound.outgoing("death") == ()
    assert sound.latent_classes == (LatentClass(name="", probability=1.0),)


def test_no_state_is_absorbing_unless_its_name_says_so():
    assert (
        model(states=("well", "ill", "gone"), transitions=(WAYS[0], way("ill", "gone"))).absorbing
        == ()
    )
    assert model(
        absorbing=("ill", "death"), transitions=(WAYS[0], way("well", "death"))
    ).absorbing == ("ill", "death")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"states": (), "transitions": ()}, "states: there is no state"),
        ({"states": (*STATES, "ill")}, "'ill' stands 2 times"),
        ({"states": (*STATES, "ill -> x")}, "'ill -> x' holds '->'"),
        (
            {
                "states": tuple(map(str, range(129))),
                "transitions": tuple(way(str(k), str(k + 1)) for k in range(128)),
            },
            "there are 129 states",
        ),
        ({"absorbing": ("deth",)}, "absorbing: 'deth' is not a state.*Did you mean 'death'"),
        ({"starts": (Start(state="wel"),)}, "start.wel: 'wel' is not a state"),
        ({"starts": (Start(state="well", probability=0.9),)}, "sum to 0.9, not to 1"),
        ({"starts": (Start(state="well", probability=math.nan),)}, "nan is not a probability"),
        (
            {
                "starts": (
                    Start(state="well", probability=1.5),
                    Start(state="ill", probability=-0.5),
                )
            },
            "-0.5 is not a probability",
        ),
        ({"starts": (Start(state="well", time_in_state=-1.0),)}, "-1.0 is not a time"),
        ({"starts": (Start(state="well", time_in_state=math.inf),)}, "inf is not a time"),
        ({"transitions": (*WAYS, way("wel", "ill"))}, "transitions.2.from: 'wel' is not a state"),
        ({"transitions": (*WAYS, way("well", "il"))}, "transitions.2.to: 'il' is not a state"),
        ({"transitions": (*WAYS, way("ill", "ill"))}, "leads back to its own state"),
        ({"transitions": (*WAYS, way("well", "ill"))}, "well -> ill is given twice"),
        ({"transitions": (*WAYS, way("death", "ill"))}, "leaves 'death', which is absorbing"),
        ({"transitions": WAYS[:1]}, "nobody can ever reach 'death'"),
        ({"transitions": (way("well", "ill", 0.0), WAYS[1])}, "nobody can ever reach 'ill'"),
        ({"classes": (LatentClass(name="r", probability=0.5),)}, "classes: .* sum to 0.5"),
        (
            {
                "classes": (
                    LatentClass(name="r", probability=0.5),
                    LatentClass(name="r", probability=0.5),
                )
            },
            "repeat",
        ),
        (
            {"classes": (LatentClass(name="r", probability=1, hazard_ratios={("a", "b"): 1.0}),)},
            "classes.0.hazard_ratios.a -> b: the model has no such transition",
        ),
        (
            {
                "classes": (
                    LatentClass(name="r", probability=1, hazard_ratios={("well", "ill"): -1.0}),
                )
            },
            "-1.0 is not a hazard ratio",
        ),
        (
            {"covariates": {"age": {("well", "death"): 0.1}}},
            "covariates.age.well -> death: the model has no such transition",
        ),
        ({"covariates": {"age": {("well", "ill"): math.inf}}}, "inf is not a log hazard ratio"),
    ],
)
def test_every_kind_of_problem_is_named(changes, message):
    import re

    assert re.search(message, problems(**changes))


def test_all_problems_are_told_at_once():
    said = problems(
        states=(*STATES, "ill"),
        starts=(Start(state="wel", probability=0.5),),
        transitions=(*WAYS, way("ill", "ill"), way("death", "well")),
        classes=(LatentClass(name="r", probability=0.5),),
        covariates={"age": {("ill", "well"): 0.1}},
    )
    for part in (
        "stands 2 times",
        "'wel'",
        "sum to 0.5",
        "own state",
        "absorbing",
        "covariates.age",
    ):
        assert part in said


def test_what_cannot_be_reached_is_not_told_when_the_start_is_unknown():
    assert "reach" not in problems(starts=(Start(state="wel"),))


def test_a_start_of_probability_0_reaches_nothing():
    starts = (Start(state="well"), Start(state="ill", probability=0.0))
    said = problems(starts=starts, transitions=(way("ill", "death"),))
    assert "nobody can ever reach 'ill'" in said


def test_the_nearest_name_helps():
    assert nearest("rmission", ["remission", "death"]) == "Did you mean 'remission'?"
    assert nearest("zzz", ["a", "b"]) == "Valid: a, b."
    assert nearest("zzz", []) == "Valid: none."


def test_class_ratios_follow_the_order_of_the_transitions():
    kind = LatentClass(name="r", probability=1.0, hazard_ratios={("ill", "death"): 0.0})
    assert model(classes=(kind,)).class_ratios(kind) == (1.0, 0.0)


def test_covariates_add_up_on_the_log_scale():
    aging = model(
        covariates={
            "age": {("well", "ill"): 0.1, ("ill", "death"): 0.2},
            "dose": {("well", "ill"): -1.0},
        }
    )
    assert aging.log_covariate_ratios({"age": 2.0, "dose": 0.5}) == pytest.approx((-0.3, 0.4))
    assert aging.log_covariate_ratios({}) == (0, 0)
    with pytest.raises(ValueError, match=r"\['hight'\] are unknown; the model has age, dose"):
        aging.log_covariate_ratios({"hight": 1.0})
    with pytest.raises(ValueError, match="the model has none"):
        model().log_covariate_ratios({"age": 1.0})


def test_effects_multiply_on_the_transitions_they_name_alone():
    one = TreatmentEffect(on=(("well", "ill"),), hazard_ratio=0.5)
    other = TreatmentEffect(on=(("well", "ill"), ("ill", "death")), hazard_ratio=0.4, onset=1.0)
    treated = model().treated([one, other], [0.0])
    times_first, times_second = (t.ratio for t in treated.transitions)
    assert times_first == PiecewiseRatio(breaks=(1.0,), ratios=(0.5, 0.2))
    assert times_second == PiecewiseRatio(breaks=(1.0,), ratios=(1.0, 0.4))
    assert model().treated([]) == model()


def test_an_effect_on_a_transition_that_is_not_there_is_refused():
    effect = TreatmentEffect(on=(("ill", "well"),), hazard_ratio=0.5)
    with pytest.raises(ValueError, match="no transition ill -> well"):
        model().treated([effect])


def test_every_history_ends_unless_some_state_leads_nowhere_but_round_in_circles():
    assert model().every_history_ends
    circle = (way("well", "ill"), way("ill", "well"))
    assert not model(states=("well", "ill"), transitions=circle).every_history_ends
    assert model(transitions=(*circle, way("ill", "death"))).every_history_ends
