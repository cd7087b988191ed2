"""What can be wrong with selections of arms, enrichments and gates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lupusim.analysis.registry import TESTS
from lupusim.endpoints import Responder
from lupusim.simulation.adaptation import (
    ByDifference,
    ByThresholds,
    Enrichment,
    Gate,
    GateMeasure,
    Intersection,
    Judged,
    Measure,
    SelectArms,
)
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    AtCalendarTime,
    AtEvents,
    CovariateEffect,
    Infusions,
    Minimums,
    NormalCovariate,
    Population,
    SimpleRandomization,
    Trial,
    Urn,
    WhenAll,
)
from lupusim.trial.design import KnownEffect
from lupusim.trial.looks import Limited
from lupusim.trial.multiplicity import Hypothesis
from lupusim.trial.population.covariates import Cut
from lupusim.trial.population.screening import Activity, Screening
from trials import analysis, survival_trial
from trials_staged import (
    AT,
    MARKER,
    enrichment_trial,
    events_selection,
    gate_trial,
    selection_trial,
)

BEST = SelectArms(keep=1)
EARLY = Hypothesis(endpoint="early", name="pooled_z", test=TESTS["pooled_z"], effect="d")
THRESHOLDS = ByThresholds(everybody=1.0, subgroup=0.5)
MARKED = Enrichment(factor="marker", level="high", choice=THRESHOLDS)
GATE = Gate(early=EARLY, measure=GateMeasure.Z, at_least=0.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SelectArms(keep=1, epsilon=0.1), "contradict each other"),
        (SelectArms, "nothing says which arms go on"),
        (lambda: SelectArms(keep=0), "keep=0 must be at least 1"),
        (lambda: SelectArms(epsilon=-1.0), "0 or above"),
        (lambda: SelectArms(at_least=np.nan), "finite number"),
        (lambda: SelectArms(keep=1, weights=(0.5, 0.6)), "sum to 1"),
        (lambda: SelectArms(keep=1, first_events=0), "at least 1"),
        (
            lambda: SelectArms(keep=1, early_alpha=1.0),
            "early_alpha=1.0 must be 0 or above, below 1",
        ),
        (lambda: replace(MARKED, early_alpha=-0.1), "early_alpha=-0.1 must be 0 or above, below 1"),
        (lambda: replace(BEST, intersections=Intersection.SPIESSENS_DEBOIS), "a subgroup"),
        (lambda: replace(MARKED, intersections=Intersection.DUNNETT), "compares arms"),
        (lambda: ByThresholds(everybody=np.inf, subgroup=0.0), "finite number"),
        (lambda: replace(THRESHOLDS, everybody=2.0, measure=Measure.CONDITIONAL_POWER), "from 0"),
        (lambda: ByDifference(difference=np.nan), "finite number"),
        (lambda: ByDifference(difference=0.0, at_least=np.inf), "finite number"),
        (lambda: replace(GATE, at_least=np.inf), "finite number"),
        (lambda: replace(GATE, measure=GateMeasure.POSTERIOR, at_least=1.0), "between 0 and 1"),
        (lambda: replace(GATE, look=0), "at least 1"),
    ],
)
def test_rules_that_cannot_be_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


LATE = AfterPatients(patients=10, follow_up=AT)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"analysis": None}, "analysis: it is missing"),
        ({"analysis": analysis("pooled_z", sided=2)}, "one-sided only"),
        ({"analysis": analysis("pooled_z", truth=KnownEffect(value=0.0))}, "are not computed"),
        ({"interims": ()}, "there are 0"),
        ({"interims": (LATE, LATE)}, "there are 2"),
        ({"interims": (AfterLastPatient(follow_up=AT),)}, "cannot decide who"),
        ({"interims": (AfterPatients(patients=100, follow_up=AT),)}, "from its look alone"),
        ({"interims": (AtCalendarTime(time=1.0),)}, "from its look alone"),
        ({"interims": (AfterPatients(patients=400),)}, "all 400 patients are in"),
        ({"cutoff": AfterPatients(patients=400, follow_up=AT)}, "last patient's follow-up"),
        ({"allocation": Urn(start=1)}, "remembers patients"),
        ({"arms": selection_trial(BEST, 0.3, 0.3).arms[:2]}, "are no choice"),
        ({"adaptation": replace(BEST, early_alpha=0.025)}, "leaves nothing of alpha 0.025"),
        ({"adaptation": SelectArms(keep=4)}, "more than the 3"),
        ({"adaptation": replace(BEST, first_events=5)}, "does not wait for events"),
        ({"adaptation": replace(BEST, early=EARLY)}, "there is no endpoint 'early'"),
    ],
)
def test_trials_that_cannot_select_arms_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        selection_trial(BEST, 0.3, 0.4, 0.5, **changes)


def test_a_family_or_bounds_beside_a_selection_are_refused() -> None:
    from lupusim.analysis.group_sequential.stopping import GroupSequential
    from lupusim.analysis.multiplicity.procedures import Adjusted
    from lupusim.trial.multiplicity import Family

    with pytest.raises(ValueError, match="holds the error of its hypotheses by itself"):
        selection_trial(BEST, 0.3, 0.4, family=Family(procedure=Adjusted(method="holm")))
    with pytest.raises(ValueError, match="bounds at the looks would not act"):
        selection_trial(BEST, 0.3, 0.4, stopping=GroupSequential(alpha=0.025))


def test_a_selection_on_an_endpoint_that_is_not_there_yet_is_refused() -> None:
    early = Responder(name="early", states=("well",), at=AT / 2)
    rule = replace(BEST, early=EARLY, weights=(0.5, 0.5))
    shared: Any = {"secondary": (early,), "visits": (AT / 2, AT)}
    known = AfterPatients(patients=50, follow_up=AT)
    assert selection_trial(rule, 0.3, 0.4, **shared, interims=(known,))
    with pytest.raises(ValueError, match=r"'early' is observed 1\.5 months after randomization"):
        selection_trial(rule, 0.3, 0.4, **shared, interims=(AfterPatients(patients=50),))
    with pytest.raises(ValueError, match=r"may be held after 0\.1"):
        selection_trial(rule, 0.3, 0.4, **shared, interims=(AtCalendarTime(time=0.1),))


def test_an_estimate_with_a_margin_is_no_measure_of_the_best() -> None:
    test = replace(TESTS["unpooled_z"], margin=0.1)
    changed = replace(analysis("unpooled_z"), test=test)
    with pytest.raises(ValueError, match="the test has a margin"):
        selection_trial(replace(BEST, by=Judged.ESTIMATE), 0.3, 0.4, analysis=changed)


def test_the_stages_of_a_trial_of_events_end_at_their_own_events() -> None:
    rule = SelectArms(keep=1, first_events=60)
    assert events_selection(rule)
    with pytest.raises(ValueError, match="must not depend on the decision"):
        events_selection(SelectArms(keep=1, weights=(0.5, 0.5)))
    with pytest.raises(ValueError, match="120 events leave none of the 120"):
        events_selection(SelectArms(keep=1, first_events=120))
    with pytest.raises(ValueError, match="would depend on the decision"):
        events_selection(
            SelectArms(keep=1, weights=(0.5, 0.5)),
            cutoff=AfterLastPatient(follow_up=1.0),
            follow_up=2.0,
        )
    assert events_selection(
        SelectArms(keep=1, weights=(0.5, 0.5)),
        cutoff=AfterLastPatient(follow_up=1.0),
        follow_up=1.0,
    )


def test_a_stage_that_can_never_have_its_events_is_refused() -> None:
    rule = SelectArms(keep=1, first_events=60)
    with pytest.raises(ValueError, match="the 50 patients of stage 1 never have 60 events"):
        events_selection(rule, interims=(AfterPatients(patients=50),))
    with pytest.raises(ValueError, match="the 50 patients of stage 2, at most, never have the oth"):
        events_selection(rule, interims=(AfterPatients(patients=190),))
    assert events_selection(rule, interims=(AfterPatients(patients=50, follow_up=0.5),))


def test_a_last_look_after_a_gap_is_refused_and_one_with_a_latest_date_is_not() -> None:
    rule = SelectArms(keep=1, first_events=60)
    late = Limited(clock=AtEvents(events=120), latest=3.0)
    assert events_selection(rule, cutoff=late)
    with pytest.raises(ValueError, match="must not depend on when the decision was made"):
        events_selection(rule, cutoff=replace(late, gap=0.5))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"adaptation": replace(MARKED, factor="marked")}, "no factor 'marked'"),
        ({"adaptation": replace(MARKED, level="hi")}, "no level 'hi'"),
        ({"population": Population(factors={"marker": {"high": 0.0, "low": 1.0}})}, "nobody"),
        ({"population": Population(factors={"marker": {"high": 1.0}})}, "everybody"),
        ({"stratify_by": ()}, "not balanced within the subgroup"),
        ({"arms": selection_trial(BEST, 0.3, 0.3).arms}, "a trial of two arms"),
    ],
)
def test_trials_that_cannot_be_enriched_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        enrichment_trial(MARKED, **changes)


def test_a_subgroup_may_be_cut_from_a_covariate_and_randomized_simply() -> None:
    population = Population(
        covariates={"age": NormalCovariate(mean=40.0, sd=10.0)},
        cuts={"marker": Cut(covariate="age", at=(40.0,), levels=("low", "high"))},
    )
    assert enrichment_trial(
        MARKED, population=population, stratify_by=(), allocation=SimpleRandomization()
    )


def test_screening_and_supply_are_refused_beside_a_decision_on_who_is_enrolled() -> None:
    from types import SimpleNamespace

    from lupusim.simulation.adaptation.two_stage import staged_problems

    screening = Screening(
        activity=Activity(sledai_mean=10.0, sledai_sd=3.0), eligible=(Minimums(sledai=6),)
    )
    with pytest.raises(ValueError, match="a screening by scores do not go together"):
        enrichment_trial(MARKED, population=replace(MARKER, screening=screening))
    trial = enrichment_trial(MARKED)
    names = Trial.__dataclass_fields__
    supplied: Any = SimpleNamespace(**{name: getattr(trial, name) for name in names})
    supplied.supply = SimpleNamespace()
    assert [problem.key for problem in staged_problems(supplied, MARKED)] == ["supply"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"analysis": None}, "two arms and one test"),
        ({"analysis": analysis("pooled_z", truth=KnownEffect(value=0.0))}, "are not computed"),
        ({"adaptation": replace(GATE, look=2)}, "no interim look 2"),
        ({"secondary": ()}, "no endpoint 'early'"),
        (
            {
                "adaptation": replace(
                    GATE, early=replace(EARLY, test=replace(TESTS["unpooled_z"], margin=0.2))
                )
            },
            "its test has a margin",
        ),
        ({"interims": (AfterPatients(patients=50, follow_up=0.01),)}, "is observed 1.5 months"),
    ],
)
def test_gates_that_cannot_be_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gate_trial(GATE, **changes)


def test_looks_of_several_conditions_and_times_to_events_may_open_a_gate() -> None:
    both = WhenAll(conditions=(AfterPatients(patients=50), AtCalendarTime(time=1.0)))
    assert gate_trial(GATE, interims=(both,))
    own = Hypothesis(endpoint="survival", name="logrank", test=TESTS["logrank"], effect="h")
    assert survival_trial(interims=(AtEvents(events=10),), adaptation=replace(GATE, early=own))


def test_an_effect_of_one_arm_alone_names_an_experimental_arm() -> None:
    cells = CovariateEffect(
        covariate="marker", level="high", on=(("ill", "well"),), hazard_ratio=2.0, arm="dose 1"
    )
    trial = enrichment_trial(MARKED, population=replace(MARKER, effects=(cells,)))
    assert trial.null_twin().population.effects == ()
    other = replace(MARKER, effects=(replace(cells, arm="control"),))
    with pytest.raises(ValueError, match="no experimental arm 'control'"):
        enrichment_trial(MARKED, population=other)


def test_an_effect_of_one_arm_and_a_supply_of_its_cells_are_refused() -> None:
    from types import SimpleNamespace

    from lupusim.trial.checks.population import population_problems

    cells = CovariateEffect(
        covariate="marker", level="high", on=(("ill", "well"),), hazard_ratio=2.0, arm="dose 1"
    )
    trial = enrichment_trial(MARKED, population=replace(MARKER, effects=(cells,)))
    names = Trial.__dataclass_fields__
    supplied: Any = SimpleNamespace(**{name: getattr(trial, name) for name in names})
    supplied.supply = SimpleNamespace(draws=("control",))
    assert not list(population_problems(supplied))
    supplied.supply = SimpleNamespace(draws=("dose 1",))
    (problem,) = population_problems(supplied)
    assert problem.key == "population.effects.0.arm"


def test_an_effect_of_one_arm_acts_on_its_treated_patients_alone() -> None:
    from lupusim.simulation.generation.generation import Block, generate
    from lupusim.simulation.looks.cutoffs import cut

    cells = CovariateEffect(
        covariate="marker", level="high", on=(("ill", "well"),), hazard_ratio=1e-9, arm="dose 1"
    )
    trial = enrichment_trial(MARKED, 0.3, population=replace(MARKER, effects=(cells,)))
    treated = replace(trial.arms[1], infusions=Infusions(cells_per_kg=1e6, at=(0.0,)))
    trial = replace(trial, arms=(trial.arms[0], treated))
    generated = generate(trial, Block(seed=1, number=0, n_replicates=20))
    response = generated.measurements[0].outcome(cut(generated, trial.cutoff)).response
    none_here = (generated.arm == 1) & (generated.levels["marker"] == 0)
    assert not response[none_here].any()
    assert response[~none_here].any()


def test_a_trial_grows_with_the_events_of_its_first_stage() -> None:
    from lupusim.planning.sample_size.growth import _grown

    grown = _grown(events_selection(SelectArms(keep=1, first_events=60)), 480, 2.0)
    assert isinstance(grown.adaptation, SelectArms)
    assert grown.adaptation.first_events == 120
    assert grown.cutoff == AtEvents(events=240)
