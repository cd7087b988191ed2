"""What patients and treatments refuse, and how a course of infusions runs."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.model import MultiStateModel, TreatmentEffect
from lupusim.scenario import scenario_from_mapping
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.generation.treatment import Treating, _Course, course
from lupusim.trial import (
    Arm,
    CovariateEffect,
    GammaFrailty,
    Infusions,
    LognormalCovariate,
    LognormalFrailty,
    Lots,
    NormalCovariate,
    Population,
    Switch,
)
from tolerance import SEED
from trials import DISEASE, exponential_arm, survival_trial, way

EDGE = (("alive", "death"),)
ALL = np.ones(3, dtype=bool)


@pytest.mark.parametrize(
    "make",
    [
        lambda: NormalCovariate(mean=math.inf),
        lambda: NormalCovariate(mean=0, sd=-1),
        lambda: LognormalCovariate(mean=0),
        lambda: CovariateEffect(covariate="age", on=EDGE, hazard_ratio=0),
        lambda: CovariateEffect(covariate="age", on=EDGE, hazard_ratio=1, reference=math.nan),
        lambda: GammaFrailty(on=EDGE, variance=0),
        lambda: LognormalFrailty(on=EDGE, variance=math.inf),
        lambda: Lots(doses=0, sd=1, raises=EDGE),
        lambda: Lots(doses=1, sd=-1, raises=EDGE),
        lambda: Infusions(cells_per_kg=1, missed=-0.1),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="must"):
        make()


def test_an_effect_acts_where_an_arms_model_has_the_transition():
    shorter = MultiStateModel(
        name="short",
        states=("alive", "ill", "death"),
        transitions=(way("alive", "ill", 1.0), way("ill", "death", 1.0)),
    )
    effect = CovariateEffect(covariate="weight_kg", on=EDGE, hazard_ratio=2.0)
    patients = generate(
        survival_trial(population=Population(effects=(effect,))),
        Block(seed=SEED, number=0, n_replicates=1),
    ).patients
    ratio = patients.hazard_ratio(shorter, np.arange(4))
    assert ratio is None


def cells(**more):
    return Arm(name="cells", model=DISEASE, infusions=Infusions(cells_per_kg=2.0, **more))


def test_a_course_runs_as_planned_where_nothing_starts_it_again():
    arm = cells(at=(0.0, 0.5, 1.0))
    entries = [(0.3, "remission"), (0.7, "relapse")]
    assert course(arm, entries, ALL) == [(0.0, 2.0), (0.5, 2.0), (1.0, 2.0)]
    missed = np.array([True, False, True])
    assert course(arm, entries, missed) == [(0.0, 2.0), (1.0, 2.0)]


def test_a_course_given_again_replaces_what_was_left_of_the_old_one():
    arm = cells(at=(0.0, 0.5), again_on=("relapse",))
    entries = [(0.1, "remission"), (0.3, "relapse"), (0.9, "remission"), (1.0, "relapse")]
    times = [time for time, _ in course(arm, entries, ALL[:2])]
    assert times == pytest.approx([0.0, 0.3, 0.8, 1.0, 1.5])


def test_those_who_switch_have_the_other_arms_course_from_then_on():
    effect = TreatmentEffect(on=(("relapse", "remission"),), hazard_ratio=2.0)
    placebo = Arm(name="placebo", model=DISEASE, effects=(effect,))
    switch = Switch(on=("relapse",), arm=cells(at=(0.0, 0.5), again_on=("relapse",)))
    arm = Arm(name="placebo", model=DISEASE, effects=(effect,), switch=switch)
    entries = [(0.2, "remission"), (1.0, "relapse"), (2.0, "relapse")]
    assert course(arm, entries, ALL[:0]) == [(1.0, 2.0), (1.5, 2.0), (2.0, 2.0), (2.5, 2.0)]
    back = Arm(
        name="cells",
        model=DISEASE,
        infusions=cells(at=(0.0, 0.5)).infusions,
        switch=Switch(on=("relapse",), arm=placebo),
    )
    assert course(back, [(0.3, "relapse")], ALL[:2]) == [(0.0, 2.0)]


def test_three_arms_share_patients_by_any_ratio():
    content = {
        "schema": "lupusim/scenario/1",
        "title": "Three arms",
        "model": "illness-death",
        "arms": [
            {"name": "placebo", "control": True},
            {"name": "low"},
            {"name": "high", "allocation": 2},
        ],
        "enrollment": {"kind": "uniform", "duration": "6 months"},
        "allocation": {"method": "biased_coin", "probability": 1},
        "follow_up": "52 weeks",
        "endpoints": {"primary": {"kind": "time_to_event", "events": ["ill", "death"]}},
        "analysis": {"test": "logrank", "multiplicity": {"method": "bonferroni"}},
        "sample_size": 80,
    }
    trial = scenario_from_mapping(content).points[0].trial
    arm = generate(trial, Block(seed=SEED, number=0, n_replicates=50)).arm
    counts = np.stack([(arm == number).sum(axis=1) for number in range(3)])
    assert (counts.T == [20, 20, 40]).all()


def test_a_better_lot_raises_some_hazards_and_lowers_others_until_the_next_infusion():
    lots = Lots(doses=4, sd=1.0, raises=(("ill", "well"),), lowers=(("well", "ill"),))
    some = _Course(
        effects=(), lots=lots, times=np.array([[0.0], [0.5]]), potency=np.array([[0.3], [-0.2]])
    )
    for edge, sign in ((("ill", "well"), 1.0), (("well", "ill"), -1.0)):
        (ratio,) = some.on(edge)
        np.testing.assert_array_equal(ratio.breaks, [[0.0], [0.5]])
        np.testing.assert_allclose(ratio.ratios[:, 0], [1.0, *np.exp(sign * np.array([0.3, -0.2]))])
    assert some.on(("well", "dead")) == []


def test_every_patient_has_the_hazards_that_the_lot_s_potency_gives():
    lots = Lots(doses=1, sd=0.5, raises=EDGE)  # a lot for each patient
    arm = exponential_arm("cells", 1.0, infusions=Infusions(cells_per_kg=1e6, lots=lots))
    nobody_differs = SimpleNamespace(
        hazard_ratio=lambda *_, **__: None, own_thresholds=lambda *_: None
    )
    treating = Treating(
        arm,
        np.ones((2, 4), dtype=bool),
        patients=nobody_differs,
        supplied=None,
        streams=lambda purpose: stream(SEED, purpose),
    )
    ((law, cohort),) = treating.groups()
    potency = 0.5 * stream(SEED, "lots cells").standard_normal((2, 4))
    assert len(law.transitions) == 1
    np.testing.assert_allclose(cohort.hazard_ratio[0], np.exp(potency).ravel())
