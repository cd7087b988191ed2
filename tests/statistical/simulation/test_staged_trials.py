"""Arms selected, populations enriched, gates: error, power and size, against rpact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.registry import TESTS
from lupusim.endpoints import Responder
from lupusim.planning.runs.run import PointResult, run
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
from lupusim.simulation.adaptation import arm_selection as adaptation_selection
from lupusim.trial import (
    AfterPatients,
    AtCalendarTime,
    CovariateEffect,
    PermutedBlocks,
    Population,
    Trial,
    UniformEnrollment,
)
from lupusim.trial.multiplicity import Hypothesis
from tolerance import SEED, assert_within_mcse
from trials import scenario
from trials_adaptive import AT
from trials_staged import (
    MARKER,
    enrichment_trial,
    events_selection,
    gate_trial,
    marked,
    selection_trial,
)

ALPHA = 0.025
N = 3_000
EARLY = Hypothesis(endpoint="early", name="pooled_z", test=TESTS["pooled_z"], effect="d")
EARLY_RESPONSE = Responder(name="early", states=("well",), at=AT / 2)
BEST = SelectArms(keep=1)
# so slowly that everybody before the look is known at it, as in rpact
SLOWLY = {"enrollment": UniformEnrollment(duration=1e5)}
KNOWN = {**SLOWLY, "interims": (AfterPatients(patients=200, follow_up=AT),)}


def simulated(trial: Trial, n: int = N) -> PointResult:
    return run(scenario(trial), n, seed=SEED).points[0]


def error_of(share: float, n: int = N) -> float:
    return float(np.sqrt(share * (1 - share) / n))


def first_fast(cases: Iterable[object]) -> list[object]:
    """The first case always runs, the others in the long suite."""
    first, *others = cases
    return [first, *(pytest.param(other, marks=pytest.mark.slow) for other in others)]


def assert_no_more_than(share: float, limit: float, n: int = N) -> None:
    assert_within_mcse(max(share, limit), limit, mcse=error_of(limit, n))


def assert_as_in_rpact(share: float, expected: float, n: int = N) -> None:
    rpact = error_of(expected, 20_000)  # its number of iterations
    assert_within_mcse(share, expected, mcse=np.hypot(error_of(expected, n), rpact))


# rpact 3.3.4 (R 4.2): design = getDesignInverseNormal(kMax=2, alpha=0.025, informationRates=
# c(0.5,1), typeOfDesign="noEarlyEfficacy"); getSimulationMultiArmRates(design, activeArms=3,
# effectMatrix=matrix(c(0.3,0.4,0.5),nrow=1), piControl=0.3, typeOfSelection="best",
# effectMeasure="testStatistic", successCriterion="atLeastOne", plannedSubjects=c(50,100),
# maxNumberOfIterations=20000, seed=20260101), for each intersectionTest:
# rejectAtLeastOne, rejectedArmsPerStage of arm 3; selectedArms 0.01155, 0.15615, 0.83230
RPACT = {
    Intersection.DUNNETT: (0.7112, 0.64765),
    Intersection.SIMES: (0.6817, 0.62045),
    Intersection.BONFERRONI: (0.6693, 0.61190),
}


@pytest.mark.parametrize("method", first_fast(RPACT))
def test_the_best_of_three_arms_is_proven_as_often_as_in_rpact(method: Intersection) -> None:
    rule = replace(BEST, intersections=method, weights=(0.5, 0.5))
    point = simulated(selection_trial(rule, 0.3, 0.4, 0.5, **KNOWN))
    any_arm, third = RPACT[method]
    assert_as_in_rpact(point.power.value, any_arm)
    assert_as_in_rpact(point.tally.mean("reject_dose 3").value, third)
    for dose, share in enumerate((0.01155, 0.15615, 0.83230), 1):
        assert_as_in_rpact(point.tally.mean(f"kept_dose {dose}").value, share)
    # as in rpact: 4 * 50 + 2 * 50
    assert point.tally.mean("n_enrolled").value == pytest.approx(300, abs=0.01)


@pytest.mark.slow
def test_arms_within_epsilon_go_on_as_often_as_in_rpact() -> None:
    # as above with typeOfSelection="epsilon", epsilonValue=0.05, effectMeasure="effectEstimate",
    # intersectionTest="Dunnett": 0.7198, selected 0.0424, 0.2993, 0.9344, 313.805 patients
    rule = SelectArms(epsilon=0.05, by=Judged.ESTIMATE, weights=(0.5, 0.5))
    point = simulated(selection_trial(rule, 0.3, 0.4, 0.5, **KNOWN))
    assert_as_in_rpact(point.power.value, 0.7198)
    for dose, share in enumerate((0.0424, 0.2993, 0.9344), 1):
        assert_as_in_rpact(point.tally.mean(f"kept_dose {dose}").value, share)
    size = point.tally.mean("n_enrolled")
    assert_within_mcse(size.value, 313.805, mcse=1.1 * size.mcse)


@pytest.mark.parametrize(
    "rule",
    first_fast(
        [
            BEST,
            replace(BEST, intersections=Intersection.SIMES, reallocate=True),
            replace(BEST, intersections=Intersection.BONFERRONI, at_least=0.5, weights=(0.3, 0.7)),
            SelectArms(keep=2),
            SelectArms(at_least=0.0, reallocate=True),
        ]
    ),
)
def test_selections_keep_the_error_of_all_arms_and_of_those_without_effect(
    rule: SelectArms,
) -> None:
    point = simulated(selection_trial(rule, 0.3, 0.3, 0.5))
    assert_no_more_than(point.type_one_error.value, ALPHA)
    assert_no_more_than(point.tally.mean("false_rejection").value, ALPHA)
    assert point.power.value > 0.4


def test_patients_pooled_over_both_stages_are_caught(monkeypatch) -> None:
    """As if nothing had been selected: the pooled test of the best arm at the full level."""

    def pooled(trial, _, stages, kept):
        seen = stages.everybody(trial)
        p = np.stack([seen.verdict(k).p_value for k in range(1, len(trial.arms))], axis=1)
        return kept & (p <= ALPHA)

    monkeypatch.setattr(adaptation_selection, "_rejections", pooled)
    point = simulated(selection_trial(BEST, 0.3, 0.3, 0.5))
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_no_more_than(point.type_one_error.value, ALPHA)


def test_places_of_dropped_arms_go_to_the_others_or_to_nobody() -> None:
    fewer = simulated(selection_trial(BEST, 0.3, 0.3, 0.6), 300).tally
    as_many = simulated(selection_trial(replace(BEST, reallocate=True), 0.3, 0.3, 0.6), 300).tally
    assert fewer.mean("n_enrolled").value == 300
    assert as_many.mean("n_enrolled").value == 400
    assert as_many.mean("patients_control").value == pytest.approx(150, abs=1)
    # all come at 200 a year until the last: 300 after 1.5 years, 400 after 2
    assert fewer.mean("duration").value == pytest.approx(1.5 + AT, abs=0.02)
    assert as_many.mean("duration").value == pytest.approx(2 + AT, abs=0.02)


def test_no_arm_above_the_threshold_ends_the_trial_at_its_look() -> None:
    rule = replace(BEST, at_least=8.0)
    tally = simulated(selection_trial(rule, 0.3, 0.3), 100).tally
    assert tally.mean("look_1_futility").value == 1
    assert tally.mean("n_enrolled").value == 200
    assert tally.mean("duration").value == pytest.approx(1.0, abs=0.05)


def test_a_decision_after_the_last_patient_leaves_nothing_to_claim() -> None:
    late = {"interims": (AtCalendarTime(time=2.1),)}
    rule = replace(BEST, weights=(0.5, 0.5))
    tally = simulated(selection_trial(rule, 0.6, 0.6, **late), 50).tally
    assert tally.mean("nobody_in_stage_2").value == 1
    assert tally.mean("look_1_futility").value == 0
    assert tally.mean("reject").value == 0
    assert tally.mean("duration").value == pytest.approx(2 + AT, abs=0.02)


def test_arms_are_selected_on_an_early_endpoint() -> None:
    rule = replace(BEST, early=EARLY, weights=(0.5, 0.5), by=Judged.ESTIMATE)
    early = {
        "secondary": (EARLY_RESPONSE,),
        "visits": (AT / 2, AT),
        "interims": (AfterPatients(patients=200, follow_up=AT / 2),),
    }
    point = simulated(selection_trial(rule, 0.3, 0.3, 0.5, **early))
    assert point.tally.mean("kept_dose 3").value > 0.85
    assert_no_more_than(point.type_one_error.value, ALPHA)
    assert_no_more_than(point.tally.mean("false_rejection").value, ALPHA)


@pytest.mark.parametrize("reallocate", first_fast([False, True]))
def test_selection_keeps_the_error_of_times_to_events(reallocate) -> None:
    rule = SelectArms(keep=1, first_events=70, reallocate=reallocate)
    point = simulated(events_selection(rule, 1.0, 0.5), 2_000)
    assert_no_more_than(point.type_one_error.value, ALPHA, 2_000)
    assert_no_more_than(point.tally.mean("false_rejection").value, ALPHA, 2_000)
    assert point.tally.mean("reject_dose 2").value > 0.5


# rpact 3.3.4: getSimulationEnrichmentRates(design as above, effectList=list(subGroups=c("S","R"),
# prevalences=c(0.4,0.6), piControls=c(0.3,0.3), piTreatments=matrix(c(0.55,0.35),nrow=1)),
# stratifiedAnalysis=FALSE, typeOfSelection="userDefined", selectPopulationsFunction=
# function(z) if (z[2] >= 1) c(TRUE,TRUE) else if (z[1] >= 0.5) c(TRUE,FALSE) else c(FALSE,FALSE),
# effectMeasure="testStatistic", successCriterion="atLeastOne", plannedSubjects=c(150,300),
# maxNumberOfIterations=20000, seed=20260101): rejectAtLeastOne, of S, of F
RPACT_ENRICHED = {
    Intersection.SIMES: (0.82995, 0.80085, 0.56985),
    Intersection.SPIESSENS_DEBOIS: (0.83645, 0.80495, 0.56905),
}
THRESHOLDS = ByThresholds(everybody=1.0, subgroup=0.5)
MARKED = Enrichment(factor="marker", level="high", choice=THRESHOLDS)


@pytest.mark.parametrize("method", first_fast(RPACT_ENRICHED))
def test_a_population_is_enriched_as_often_as_in_rpact(method, monkeypatch) -> None:
    def dealt(_, shape, *, rng):
        """Two pairs in five are high, exactly, as rpact has it; blocks of two treat one of each."""
        assert rng is not None
        fives = np.arange(shape[1]) // 2 % 5
        return {"marker": np.where(np.broadcast_to(fives, shape) < 2, 0, 1)}

    monkeypatch.setattr(Population, "draw_levels", dealt)
    rule = replace(MARKED, intersections=method, weights=(0.5, 0.5))
    trial = enrichment_trial(
        rule,
        population=marked(0.55, 0.35),
        allocation=PermutedBlocks(block_size=2),
        interims=(AfterPatients(patients=150, follow_up=AT),),
        **SLOWLY,
    )
    point = simulated(trial)
    tally = point.tally
    any_claim, subgroup, full = RPACT_ENRICHED[method]
    assert_as_in_rpact(point.power.value, any_claim)
    assert_as_in_rpact(tally.mean("reject_subgroup").value, subgroup)
    assert_as_in_rpact(tally.mean("reject_full").value, full)
    assert_as_in_rpact(tally.mean("goes_on_full").value, 0.75935)
    assert_as_in_rpact(tally.mean("look_1_futility").value, 0.0427)


@pytest.mark.parametrize(
    "rule",
    first_fast(
        [
            MARKED,
            replace(MARKED, intersections=Intersection.SPIESSENS_DEBOIS, weights=(0.3, 0.7)),
            replace(MARKED, choice=ByDifference(difference=0.0)),
            replace(MARKED, choice=ByDifference(difference=0.5, at_least=0.0)),
            replace(
                MARKED,
                choice=ByThresholds(everybody=0.2, subgroup=0.1, measure=Measure.CONDITIONAL_POWER),
            ),
        ]
    ),
)
def test_enrichment_keeps_the_error_of_both_claims_and_of_the_subgroup_alone(
    rule: Enrichment,
) -> None:
    point = simulated(enrichment_trial(rule, population=marked(0.3, 0.55)))
    assert_no_more_than(point.type_one_error.value, ALPHA)
    # the subgroup has no effect, all others have: a claim for it is the false one
    assert_no_more_than(point.tally.mean("reject_subgroup").value, ALPHA)


@pytest.mark.slow
def test_enrichment_keeps_the_error_of_times_to_events() -> None:
    ill = CovariateEffect(
        covariate="marker", level="low", arm="dose 1", on=(("alive", "death"),), hazard_ratio=0.4
    )
    rule = replace(
        MARKED,
        choice=ByDifference(difference=0.0),
        intersections=Intersection.SPIESSENS_DEBOIS,
        first_events=60,
    )
    trial = events_selection(
        rule, 1.0, population=replace(MARKER, effects=(ill,)), stratify_by=("marker",)
    )
    point = simulated(trial, 2_000)
    assert_no_more_than(point.type_one_error.value, ALPHA, 2_000)
    assert_no_more_than(point.tally.mean("reject_subgroup").value, ALPHA, 2_000)
    assert point.tally.mean("reject_full").value > 0.4


def test_only_those_of_the_subgroup_come_after_the_decision_and_more_slowly() -> None:
    rule = replace(MARKED, choice=ByDifference(difference=-20.0))
    tally = simulated(enrichment_trial(rule, population=marked(0.5, 0.3)), 400).tally
    assert tally.mean("goes_on_subgroup").value == 1
    assert tally.mean("n_enrolled").value == 300
    inside, away = tally.mean("patients_subgroup"), tally.mean("turned_away")
    assert_within_mcse(inside.value, 150 * 0.4 + 150, mcse=inside.mcse)
    assert_within_mcse(away.value, 150 * 0.6 / 0.4, mcse=away.mcse)
    # 150 patients a year: one year, then 2.5 years for 150 of those 60 a year who are high
    duration = tally.mean("duration")
    assert_within_mcse(duration.value, 1 + 2.5 + AT, mcse=duration.mcse + 0.005)


def test_everybody_comes_after_the_decision_where_that_is_chosen() -> None:
    rule = replace(MARKED, choice=ByDifference(difference=20.0))
    tally = simulated(enrichment_trial(rule, population=marked(0.5, 0.3)), 200).tally
    assert tally.mean("goes_on_full").value == 1
    assert tally.mean("turned_away").value == 0
    assert tally.mean("duration").value == pytest.approx(2 + AT, abs=0.02)


@pytest.mark.slow
def test_both_populations_claimed_without_a_closed_test_are_caught(monkeypatch) -> None:
    from lupusim.simulation.adaptation import enrichment as adaptation_enrichment

    def each(first, second, kept, **_):
        from scipy.special import ndtri

        z = -(ndtri(first) + ndtri(np.clip(second, 1e-9, 1 - 1e-9))) / np.sqrt(2)
        return kept & (z >= -ndtri(ALPHA))

    monkeypatch.setattr(adaptation_enrichment, "closed_rejections", each)
    rule = replace(MARKED, choice=ByDifference(difference=0.0))
    point = simulated(enrichment_trial(rule), 6_000)
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_no_more_than(point.type_one_error.value, ALPHA, 6_000)


def test_a_gate_stops_as_often_as_its_normal_approximation_and_truly_ends_the_trial() -> None:
    gate = Gate(early=EARLY, measure=GateMeasure.Z, at_least=0.5)
    point, plain = simulated(gate_trial(gate)), simulated(gate_trial(replace(gate, at_least=-9)))
    tally = point.tally
    stopped = tally.mean("gate_stopped").value
    # half the time: rates 1 - sqrt(0.7) = 0.163 and 1 - sqrt(0.55) = 0.258, 50 patients each
    p, q = 1 - np.sqrt(0.7), 1 - np.sqrt(0.55)
    from scipy.stats import binom, norm

    x, y = np.arange(51)[:, None], np.arange(51)
    pooled = (x + y) / 100
    spread = np.sqrt(pooled * (1 - pooled) / 25)
    z = np.divide(x - y, 50 * spread, out=np.zeros(spread.shape), where=spread > 0)
    chance = binom.pmf(x, 50, q) * binom.pmf(y, 50, p) * (z < 0.5)
    assert_within_mcse(stopped, chance.sum(), mcse=error_of(stopped))
    assert norm.cdf(0.5) == pytest.approx(point.null_tally.mean("gate_stopped").value, abs=0.06)
    assert_no_more_than(point.type_one_error.value, ALPHA)
    false = tally.mean("false_stop").value
    assert plain.power.value == pytest.approx(point.power.value + false)
    n_left = tally.mean("n_enrolled").value
    assert n_left < plain.tally.mean("n_enrolled").value - 0.8 * stopped * 150
    assert tally.mean("duration").value < plain.tally.mean("duration").value - 0.5 * stopped


@pytest.mark.parametrize(
    ("measure", "at_least"), [(GateMeasure.ESTIMATE, 0.0), (GateMeasure.POSTERIOR, 0.5)]
)
def test_no_benefit_is_the_same_on_every_scale_of_a_gate(measure, at_least) -> None:
    by_z = simulated(gate_trial(Gate(early=EARLY, measure=GateMeasure.Z, at_least=0.0)), 500)
    gate = Gate(early=EARLY, measure=measure, at_least=at_least)
    other = simulated(gate_trial(gate), 500)
    assert other.tally.mean("gate_stopped").value == by_z.tally.mean("gate_stopped").value


def test_enrollment_goes_on_at_its_pace_beyond_what_was_planned() -> None:
    from lupusim.common.rng import stream
    from lupusim.trial import PoissonEnrollment

    planned = UniformEnrollment(duration=1.0, screened_per_patient=1.5)
    longer = planned.continued(100)
    times = longer.times(50, 250, rng=stream(SEED, "enrollment"))
    assert times.shape == (50, 250)
    assert (np.diff(times, axis=1) >= 0).all()
    assert times[:, 199].max() <= 2.0 < times[:, 200].min()
    assert longer.screened_per_patient == 1.5
    poisson = PoissonEnrollment(sites=10, per_site_per_year=10.0)
    longer = poisson.continued(100)
    assert longer.times(400, 200, rng=stream(SEED, "e"))[:, -1].mean() == pytest.approx(2, abs=0.05)


EARLY_RULES = {
    "arms": lambda a: selection_trial(SelectArms(keep=1, early_alpha=a), 0.3, 0.3, 0.5),
    "arms known": lambda a: selection_trial(
        SelectArms(keep=1, early_alpha=a, weights=(0.5, 0.5)), 0.3, 0.3, 0.5, **KNOWN
    ),
    "events": lambda a: events_selection(
        SelectArms(keep=1, first_events=70, early_alpha=a), 1.0, 0.5
    ),
    "population": lambda a: enrichment_trial(
        replace(MARKED, early_alpha=a), population=marked(0.3, 0.55)
    ),
    "correlated": lambda a: enrichment_trial(
        replace(MARKED, early_alpha=a, intersections=Intersection.SPIESSENS_DEBOIS),
        population=marked(0.3, 0.55),
    ),
}


def false_claims(point: PointResult) -> float:
    """Claims for the arms, or the population, that have no effect while others have one."""
    wrong = "false_rejection" if "false_rejection" in point.tally.sums else "reject_subgroup"
    return point.tally.mean(wrong).value


@pytest.mark.slow
@pytest.mark.parametrize("name", EARLY_RULES)
def test_claims_at_the_interim_look_keep_the_error_where_all_or_some_have_no_effect(name) -> None:
    point = simulated(EARLY_RULES[name](ALPHA / 2), 10_000)
    assert_no_more_than(point.type_one_error.value, ALPHA, 10_000)
    assert_no_more_than(false_claims(point), ALPHA, 10_000)
    assert point.tally.mean("look_1_efficacy").value > 0.05
    assert point.null_tally.mean("look_1_efficacy").value < 0.02


@pytest.mark.slow
def test_a_last_look_that_forgets_what_the_interim_look_spent_is_caught() -> None:
    spent = EARLY_RULES["arms known"](ALPHA / 2)
    forgetful = replace(spent, analysis=replace(spent.analysis, alpha=1.5 * ALPHA))
    point = simulated(forgetful, 10_000)
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_no_more_than(point.type_one_error.value, ALPHA, 10_000)


def test_a_claim_at_the_interim_look_ends_the_trial_there() -> None:
    rule = SelectArms(keep=1, early_alpha=ALPHA / 5)
    point = simulated(selection_trial(rule, 0.3, 0.75), 200)
    tally = point.tally
    early = tally.mean("look_1_efficacy").value
    assert early > 0.9
    total = [
        tally.mean(f"look_{k}_{end}").value for k in (1, 2) for end in ("efficacy", "futility")
    ]
    assert sum(total) == pytest.approx(1.0)
    assert tally.mean("n_enrolled").value == pytest.approx(200 * early + 400 * (1 - early), rel=0.2)
    assert tally.mean("reject_dose 2").value >= early
    assert tally.mean("estimate_dose 2").value > 0.2
    enriched = simulated(
        enrichment_trial(replace(MARKED, early_alpha=ALPHA / 5), population=marked(0.8, 0.6)), 200
    )
    assert enriched.tally.mean("look_1_efficacy").value > 0.5
    assert enriched.power.value > 0.95
