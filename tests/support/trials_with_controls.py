"""Trials of every kind that has control variates, and laws that are wrong of some of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lupusim.analysis.group_sequential.efficacy import BySpending
from lupusim.analysis.group_sequential.spending import LanDeMetsOBrienFleming
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Dunnett, Graphical
from lupusim.endpoints import EventCount, Hierarchy, TimeInStates, TimeToEvent
from lupusim.model import LatentClass, MultiStateModel, Transition, TreatmentEffect
from lupusim.model.hazards import WeibullHazard
from lupusim.scenario import load_scenario
from lupusim.trial import (
    AfterLastPatient,
    Arm,
    AtCalendarTime,
    AtEvents,
    Better,
    Dropout,
    Infusions,
    PoissonEnrollment,
    Population,
    Switch,
    Trial,
)
from lupusim.trial.allocation.adaptive import BiasedCoin, Minimization
from lupusim.trial.enrollment.arm_periods import Controls
from lupusim.trial.looks import AfterPatients, Limited, WhenAny
from lupusim.trial.multiplicity import Family
from lupusim.trial.observation import VisitConduct
from lupusim.trial.population.covariates import CovariateEffect, GammaFrailty, NormalCovariate
from lupusim.trial.treatment.arms import Lots
from trials import DISEASE, analysis, counted, exponential_arm, survival_trial, way
from trials_of_values import value_trial
from trials_of_wins import DEATH, EFFECT, RANKS, RELAPSES, win_trial
from trials_platform import ANY, drifting, platform_trial

SITES = PoissonEnrollment(sites=6, per_site_per_year=8.0, ramp_up=0.5)
LOOKS = (AtEvents(events=15), AtEvents(events=25))


def two_arms(model: MultiStateModel, *effects: TreatmentEffect) -> tuple[Arm, Arm]:
    return Arm(name="control", model=model), Arm(name="new", model=model, effects=effects)


def better_on(*edges: tuple[str, str], **more: float) -> TreatmentEffect:
    return TreatmentEffect(on=edges, hazard_ratio=0.5, **more)


WEIBULL = MultiStateModel(
    name="fading",
    states=("alive", "death"),
    transitions=(
        Transition(
            from_state="alive", to_state="death", hazard=WeibullHazard(shape=0.6, scale=1.5)
        ),
    ),
)
RELAPSING = MultiStateModel(
    name="relapsing",
    states=("well", "ill", "death"),
    transitions=(
        way("well", "ill", 3.0),
        way("well", "death", 0.2),
        Transition(from_state="ill", to_state="death", hazard=WeibullHazard(shape=0.6, scale=0.8)),
    ),
)
MIXED = MultiStateModel(
    name="mixed",
    states=("alive", "death"),
    transitions=(way("alive", "death", 1.0),),
    classes=(
        LatentClass(name="frail", probability=0.4),
        LatentClass(name="others", probability=0.6, hazard_ratios={("alive", "death"): 0.2}),
    ),
)
COX = analysis("cox").test
UNCHANGED = value_trial("wilcoxon", missing="no_change")
FACTORS = Population(factors={"nephritis": {"yes": 0.3, "no": 0.7}})
FRAILTY = GammaFrailty(on=(("remission", "relapse"),), variance=0.5)
REMISSION = TimeToEvent(
    name="first remission", events=("remission",), competing=("death",), better=Better.MORE
)
YEARS = TimeInStates(name="years", states=("remission",), until=1.0)
ILLNESSES = EventCount(name="illnesses", events=("ill",))
RELAPSE = TimeToEvent(name="relapse", events=("relapse",), competing=("death",))


def competing(test: str, *, at: float = 1.0, margin: float = 0.0, **changes: object) -> Trial:
    """Return a trial of relapses, with deaths that make them impossible, and dropout."""
    words = {"at": at, "margin": margin} if test == "incidence_difference" else {}
    judged = analysis(test)
    arms = two_arms(DISEASE, better_on(("remission", "relapse")))
    values = {
        "arms": arms,
        "primary": RELAPSE,
        "dropout": Dropout(per_year=0.2),
        "analysis": replace(judged, test=judged.test.with_parameters(words)) if words else judged,
    }
    return survival_trial(**{**values, **changes})


EARLY = {"efficacy": {"spending": "obrien_fleming"}}
RATES = [
    EARLY | {"when": {"calendar_time": "10 months"}},
    {"when": {"last_patient": "1 year"}},
]
RESPONSES = [
    EARLY | {"when": {"patients": 60, "followed": "24 weeks"}},
    {"when": {"last_patient": "24 weeks"}},
]
STRATA: dict[str, object] = {
    "population": {"strata": {name: {"a": 0.5, "b": 0.5} for name in ("one", "two")}},
    "allocation": {"block_size": 4, "stratify_by": ["one", "two"]},
}
BY_FACTOR = CovariateEffect(
    covariate="nephritis", level="yes", on=(("ill", "well"),), hazard_ratio=2.0
)
BY_KIDNEY = Population(
    factors=FACTORS.factors,
    effects=(replace(BY_FACTOR, on=(("alive", "death"),), hazard_ratio=2.5),),
)
AGE = NormalCovariate(mean=0.0, sd=1.0)
AGES = CovariateEffect(covariate="age", on=(("alive", "death"),), hazard_ratio=1.8)
OLDER = Population(covariates={"age": AGE}, effects=(AGES,))
DYING = ("active", "death"), ("relapse", "death")
OLDER_DIE = replace(OLDER, effects=(replace(AGES, on=DYING),))
RIVALS = MultiStateModel(
    name="rivals",
    states=("alive", "stroke", "death"),
    transitions=(way("alive", "stroke", 0.8), way("alive", "death", 0.4)),
    absorbing=("stroke", "death"),
)


def adjusted(trial: Trial, edge: tuple[str, str] | None) -> Trial:
    """Return a trial whose test is adjusted for a number, which may act on a hazard."""
    effects = () if edge is None else (replace(OLDER.effects[0], on=(edge,)),)
    population = replace(trial.population, covariates={"age": AGE}, effects=effects)
    return replace(
        trial, population=population, analysis=replace(trial.analysis, adjust_for=("age",))
    )


SPENDING = BySpending(spending=LanDeMetsOBrienFleming())
HOLM = Graphical(
    weights=(0.5, 0.5), transitions=((0.0, 1.0), (1.0, 0.0)), efficacy=SPENDING, sided=1
)
DOSES = (
    exponential_arm("control", 0.8),
    exponential_arm("high", 0.8, effects=(better_on(("alive", "death")),)),
    exponential_arm("low", 0.8, effects=(better_on(("alive", "death")),)),
)
SLEDAI = load_scenario("phase2_sledai_24w").points[1].trial
DATED = win_trial(
    cutoff=AtCalendarTime(time=1.4),
    dropout=Dropout(per_year=0.3, by_state={"relapse": 2.0}),
)
LOTS = counted(
    arms=(
        Arm(name="placebo", model=DISEASE),
        Arm(
            name="cells",
            model=DISEASE,
            infusions=Infusions(
                cells_per_kg=1e6,
                lots=Lots(
                    doses=6,
                    sd=0.6,
                    raises=(("active", "remission"),),
                    lowers=(("remission", "relapse"),),
                ),
            ),
            effects=(better_on(("remission", "relapse")),),
        ),
    ),
    n_patients=100,
    allocation=None,
    dropout=Dropout(per_year=0.2, by_state={"relapse": 2.0}),
)
LUCKIER = replace(
    LOTS.arms[1],
    infusions=replace(LOTS.arms[1].infusions, lots=replace(LOTS.arms[1].infusions.lots, sd=0.9)),
)
SMART = replace(load_scenario("smart_msc_then_cart").points[0].trial, n_patients=480)
RESCUED = better_on(("relapse", "remission"), lasts=0.5)
GOING_OVER = (
    Arm(
        name="control",
        model=DISEASE,
        switch=Switch(
            on=("relapse",), arm=Arm(name="rescue", model=DISEASE, effects=(RESCUED, EFFECT))
        ),
    ),
    win_trial().arms[1],
)
INFUSED_AGAIN = replace(
    win_trial().arms[1],
    effects=(replace(EFFECT, lasts=0.4),),
    infusions=Infusions(cells_per_kg=1e6, again_on=("relapse",)),
)
KINDS: dict[str, Trial] = {
    "years in remission": win_trial("welch", primary=YEARS),
    "years of sequences of treatments": SMART,
    "after the last patient": survival_trial(),
    "at a date": survival_trial(cutoff=AtCalendarTime(time=1.5), follow_up=np.inf),
    "at events": survival_trial(cutoff=AtEvents(events=35), follow_up=np.inf),
    "at events of sites": survival_trial(
        cutoff=AtEvents(events=35), follow_up=np.inf, enrollment=SITES
    ),
    "at events or a date": survival_trial(
        cutoff=WhenAny(conditions=(AtEvents(events=40), AtCalendarTime(time=2.0)))
    ),
    "at the latest date": survival_trial(
        cutoff=Limited(clock=AtEvents(events=40), latest=1.8, extension=0.3)
    ),
    "dropout": survival_trial(dropout=Dropout(per_year=0.4)),
    "dropout by arm": survival_trial(dropout=Dropout(per_year=0.4, by_arm={"cells": 2.0})),
    "dropout that fades": survival_trial(
        dropout=Dropout(hazard=WeibullHazard(shape=0.7, scale=3.0))
    ),
    "two to one": survival_trial(
        arms=tuple(
            replace(arm, allocation=1 + number) for number, arm in enumerate(survival_trial().arms)
        )
    ),
    "strata": survival_trial(
        population=FACTORS,
        stratify_by=("nephritis",),
        analysis=analysis(stratify_by=("nephritis",)),
    ),
    "minimization": survival_trial(
        population=FACTORS, stratify_by=("nephritis",), allocation=Minimization(n_levels=(2,))
    ),
    "biased coin": survival_trial(allocation=BiasedCoin()),
    "two sides": survival_trial(analysis=analysis(sided=2, alpha=0.1)),
    "Cox with a margin": survival_trial(
        analysis=replace(
            analysis("cox"), test=analysis("cox").test.with_parameters({"margin": 1.4})
        )
    ),
    "looks": survival_trial(
        follow_up=np.inf,
        interims=LOOKS,
        cutoff=AtEvents(events=40),
        stopping=GroupSequential(alpha=0.025),
    ),
    "a hazard that falls": survival_trial(
        arms=two_arms(WEIBULL, better_on(("alive", "death"), onset=0.3, lasts=1.0))
    ),
    "latent classes": survival_trial(arms=two_arms(MIXED, better_on(("alive", "death")))),
    "late differences": survival_trial(analysis=analysis("fleming_harrington")),
    "late differences at events": survival_trial(
        cutoff=AtEvents(events=35), follow_up=np.inf, analysis=analysis("fleming_harrington")
    ),
    "modest weights": survival_trial(analysis=analysis("magirr_burman")),
    "the best of four weights": survival_trial(analysis=analysis("max_combo"), n_patients=80),
    "one step of the hazard ratio": survival_trial(analysis=analysis("peto")),
    "one step of the hazard ratio, strata, looks": survival_trial(
        population=BY_KIDNEY,
        stratify_by=("nephritis",),
        analysis=analysis("peto", stratify_by=("nephritis",)),
        follow_up=np.inf,
        interims=LOOKS,
        cutoff=AtEvents(events=40),
        stopping=GroupSequential(alpha=0.025),
    ),
    "restricted means": survival_trial(analysis=analysis("restricted_mean")),
    "survival at a time": survival_trial(analysis=analysis("survival_difference")),
    "survival with a margin": survival_trial(
        analysis=replace(
            analysis("survival_difference"),
            test=analysis("survival_difference").test.with_parameters({"at": 0.8, "margin": 0.1}),
        )
    ),
    "curves with dropout": survival_trial(
        dropout=Dropout(per_year=0.4),
        n_patients=200,
        hazard_ratio=0.7,
        analysis=analysis("restricted_mean"),
    ),
    "several states": survival_trial(arms=two_arms(DISEASE, better_on(*DYING))),
    "a covariate that acts on several states": survival_trial(
        arms=two_arms(DISEASE, better_on(*DYING, onset=0.3, lasts=1.0)),
        population=OLDER_DIE,
        dropout=Dropout(per_year=0.2, by_arm={"new": 2.0}),
    ),
    "a frailty in several states, competing events": competing(
        "gray", population=Population(frailties=(FRAILTY,))
    ),
    "a factor steers and acts on several states": survival_trial(
        arms=two_arms(DISEASE, better_on(*DYING)),
        population=replace(BY_KIDNEY, effects=(replace(BY_FACTOR, on=DYING),)),
        stratify_by=("nephritis",),
        analysis=analysis("cox", stratify_by=("nephritis",)),
    ),
    "a factor acts on hazards of the time in a state": survival_trial(
        arms=two_arms(RELAPSING, better_on(("ill", "death"))),
        population=replace(BY_KIDNEY, effects=(replace(BY_FACTOR, on=(("ill", "death"),)),)),
    ),
    "hazards of the time in a state": survival_trial(
        arms=two_arms(RELAPSING, better_on(("ill", "death")))
    ),
    "a competing event": survival_trial(
        arms=two_arms(DISEASE, better_on(("remission", "relapse"))), primary=RELAPSE
    ),
    "Gray's test": competing("gray"),
    "Gray's test at events": competing(
        "gray", cutoff=AtEvents(events=30), follow_up=np.inf, n_patients=120
    ),
    "log-rank of the subdistribution": competing("subdistribution_logrank"),
    "Fine and Gray's model": competing("fine_gray"),
    "Fine and Gray's weights": competing("fine_gray_weighted"),
    "incidence at a time": competing("incidence_difference"),
    "incidence with a margin": competing("incidence_difference", at=0.8, margin=0.1),
    "a hoped-for event": survival_trial(
        arms=(exponential_arm("control", 0.8), exponential_arm("cells", 1.4)),
        primary=TimeToEvent(name="good", events=("death",), better=Better.MORE),
    ),
    "a score, adjusted": value_trial("ancova"),
    "a score, unadjusted": value_trial("t_test"),
    "a score, two to one": value_trial("welch", allocation="1:2"),
    "a score, unchanged where missing": value_trial("ancova", missing="no_change"),
    "a score of few patients": value_trial("t_test", sample_size=36),
    "a score with a lowest one": value_trial("ancova", lowest=16),
    "a score of who is let in": SLEDAI,
    "two doses, a response": value_trial("pooled_z", "response", doses="dunnett", sample_size=150),
    "two doses, a score": value_trial("ancova", doses="holm"),
    "two doses, rates": value_trial("rate_ratio", "flares", doses="dunnett", sample_size=150),
    "two doses, survival": survival_trial(
        arms=DOSES, n_patients=90, family=Family(procedure=Dunnett(ratio=(1, 1, 1)))
    ),
    "two doses, survival on two sides": survival_trial(
        arms=(DOSES[0], *(exponential_arm(name, 0.6) for name in ("high", "low"))),
        n_patients=90,
        family=Family(procedure=Dunnett(ratio=(1, 1, 1), sided=2)),
        analysis=analysis(sided=2, alpha=0.2),  # such that both sides are claimed
    ),
    "two doses, survival at looks": survival_trial(
        arms=DOSES,
        n_patients=90,
        family=Family(procedure=HOLM),
        follow_up=np.inf,
        interims=(AtEvents(events=25),),
        cutoff=AtEvents(events=50),
        stopping=GroupSequential(alpha=0.025, efficacy=SPENDING),
    ),
    "an arm that joins later": platform_trial(0.5, 0.5, population=drifting(1.5)),
    "all controls while prognosis drifts": platform_trial(
        0.5,
        0.5,
        population=drifting(1.5),
        analysis=replace(ANY["analysis"], controls=Controls.ALL),
    ),
    "strata that differ": platform_trial(
        0.5,
        0.5,
        joins=(None, None),
        population=Population(factors=FACTORS.factors, effects=(BY_FACTOR,)),
        stratify_by=("nephritis",),
    ),
    "lots of unequal potency": LOTS,
    "lots on both arms, strata": replace(
        LOTS,
        arms=tuple(replace(arm, infusions=LOTS.arms[1].infusions) for arm in LOTS.arms),
        analysis=analysis("cochran_mantel_haenszel", stratify_by=("nephritis",), alpha=0.2),
        stratify_by=("nephritis",),
        population=Population(
            factors=FACTORS.factors, effects=(replace(BY_FACTOR, on=(("active", "remission"),)),)
        ),
    ),
    "two doses, lots": replace(
        LOTS,
        arms=(*LOTS.arms, replace(LOTS.arms[1], name="low", effects=())),
        family=Family(procedure=Dunnett(ratio=(1, 1, 1))),
        n_patients=120,
        allocation=None,
    ),
    "stages": load_scenario("regimen_selection").points[0].trial,
    "a mixed model": value_trial("mmrm"),
    "odds of a response": value_trial("logistic_regression", "response"),
    "counts of patients who differ": value_trial("negative_binomial", "flares"),
    "counts of patients who are alike": value_trial("negative_binomial", "flares", dispersion=0),
    "rates before all are known": value_trial(
        "rate_ratio", "flares", looks=[{"when": {"calendar_time": "15 months"}}]
    ),
    "rates at two looks": value_trial("rate_ratio", "flares", looks=RATES),
    "hazards of recurrent events": value_trial("andersen_gill", "flares"),
    "shares at two looks": value_trial("pooled_z", "response", looks=RESPONSES, **STRATA),
    "shares within strata": value_trial(
        "cochran_mantel_haenszel", "response", visit_conduct={"missed": 0.1}, **STRATA
    ),
    "a response and a score": value_trial("pooled_z", "response", second="ancova"),
    "frailties": survival_trial(
        population=Population(frailties=(GammaFrailty(on=(("alive", "death"),), variance=0.7),))
    ),
    "a covariate that acts": survival_trial(
        population=OLDER, cutoff=AtEvents(events=35), follow_up=np.inf
    ),
    "a factor that acts, competing events": survival_trial(
        arms=two_arms(RIVALS, better_on(("alive", "stroke"))),
        primary=TimeToEvent(name="stroke", events=("stroke",), competing=("death",)),
        analysis=analysis("gray"),
        population=Population(
            factors=FACTORS.factors,
            effects=(replace(BY_FACTOR, on=(("alive", "stroke"), ("alive", "death"))),),
        ),
    ),
    "a factor that acts and steers": survival_trial(
        population=BY_KIDNEY, stratify_by=("nephritis",), analysis=analysis("fleming_harrington")
    ),
    "strata that act, at events": survival_trial(
        population=BY_KIDNEY,
        stratify_by=("nephritis",),
        analysis=analysis("cox", stratify_by=("nephritis",)),
        cutoff=AtEvents(events=35),
        follow_up=np.inf,
    ),
    "two doses, a factor that acts and steers": survival_trial(
        arms=DOSES,
        n_patients=90,
        family=Family(procedure=Dunnett(ratio=(1, 1, 1))),
        population=BY_KIDNEY,
        stratify_by=("nephritis",),
        allocation=Minimization(n_levels=(2,)),
    ),
    "curves where a factor acts and steers": survival_trial(
        population=BY_KIDNEY,
        stratify_by=("nephritis",),
        analysis=analysis("restricted_mean"),
        dropout=Dropout(per_year=0.3, by_arm={"cells": 2.0}),
    ),
    "Cox, adjusted": survival_trial(
        population=replace(OLDER, effects=(replace(OLDER.effects[0], hazard_ratio=1.4),)),
        analysis=replace(analysis("cox"), adjust_for=("age",)),
    ),
    "odds of a response, adjusted": adjusted(
        value_trial("logistic_regression", "response"), ("no response", "response")
    ),
    "a score, adjusted for a covariate": adjusted(value_trial("ancova"), None),
    "wins": win_trial(),
    "wins by their ratio, dropout by state": win_trial(
        "win_ratio", dropout=Dropout(per_year=0.3, by_state={"relapse": 2.0})
    ),
    "wins, two to one, missed infusions": win_trial(
        "net_benefit",
        arms=(
            win_trial().arms[0],
            replace(
                win_trial().arms[1],
                allocation=2,
                infusions=Infusions(cells_per_kg=1e6, at=(0.0, 0.5), missed=0.3),
            ),
        ),
    ),
    "wins of dates and years": win_trial(
        "win_ratio",
        primary=Hierarchy(name="both", levels=(DEATH, REMISSION, YEARS)),
        population=Population(frailties=(FRAILTY,)),
    ),
    "wins at two looks": win_trial(
        interims=(AfterPatients(patients=40, follow_up=1.0),),
        stopping=GroupSequential(alpha=0.025),
    ),
    "wins by a date, dropout by state": DATED,
    "wins to a year after the last": win_trial(
        "win_ratio",
        primary=Hierarchy(name="both", levels=(DEATH, RELAPSES, YEARS)),
        cutoff=AfterLastPatient(follow_up=1.0),
        follow_up=4.0,
        enrollment=SITES,
    ),
    "wins where patients go over to other treatment": win_trial(arms=GOING_OVER),
    "wins by a date where patients are infused again": win_trial(
        "win_ratio",
        arms=(win_trial().arms[0], INFUSED_AGAIN),
        cutoff=AtCalendarTime(time=1.4),
    ),
    "ranks of states where patients go over to other treatment": win_trial(
        "wilcoxon", primary=RANKS, arms=GOING_OVER
    ),
    "two doses, wins by a date": replace(
        DATED,
        arms=(*DATED.arms, replace(DATED.arms[1], name="low")),
        n_patients=120,
        allocation=None,
        family=Family(procedure=HOLM),
    ),
    "wins of a hazard of the time in a state": win_trial(
        arms=two_arms(RELAPSING, better_on(("well", "ill"), ("ill", "death"))),
        primary=Hierarchy(name="both", levels=(DEATH, ILLNESSES)),
    ),
    "two doses, wins": win_trial(
        arms=(*win_trial().arms, replace(win_trial().arms[1], name="low")),
        n_patients=120,
        family=Family(procedure=HOLM),
    ),
    "ranks of states": win_trial("wilcoxon", primary=RANKS),
    "ranks of states, missed visits": win_trial(
        "wilcoxon", primary=RANKS, visit_conduct=VisitConduct(missed=0.1)
    ),
    "ranks of a score": value_trial("wilcoxon"),
    "ranks of a score with a lowest one": value_trial("wilcoxon", lowest=16),
    "ranks of a score at two looks, unchanged where missing": value_trial(
        "wilcoxon", missing="no_change", looks=RESPONSES
    ),
    "ranks of a score of who is let in": replace(SLEDAI, analysis=analysis("wilcoxon")),
    "two doses, ranks of a score": value_trial("wilcoxon", doses="holm"),
    "ranks of years": win_trial("wilcoxon", primary=YEARS),
    "odds of a higher rank": win_trial("proportional_odds", primary=RANKS),
}


def _weaker(test: str) -> tuple[Trial, Trial]:
    """Return trials of hazard ratios 0.52 and 0.5."""
    wrong, right = (survival_trial(hazard_ratio=r, analysis=analysis(test)) for r in (0.52, 0.5))
    return wrong, right


def _stronger_factor(kind: str) -> tuple[Trial, Trial]:
    """Return a trial whose factor acts more than that of a kind, and the kind."""
    stronger = (replace(BY_KIDNEY.effects[0], hazard_ratio=3.5),)
    right = KINDS[kind]
    return replace(right, population=replace(BY_KIDNEY, effects=stronger)), right


WRONG_LAWS: dict[str, tuple[Trial, Trial]] = {
    "log-rank: a weaker effect": _weaker("logrank"),
    "one step of the hazard ratio: a weaker effect": _weaker("peto"),
    "the best of four weights: a weaker effect": _weaker("max_combo"),
    "late differences: a weaker effect": _weaker("fleming_harrington"),
    "restricted means: a weaker effect": _weaker("restricted_mean"),
    "a factor that acts and steers: it acts more": _stronger_factor(
        "a factor that acts and steers"
    ),
    "curves where a factor acts and steers: it acts more": _stronger_factor(
        "curves where a factor acts and steers"
    ),
    "Gray's test: less dropout": (
        competing("gray"),
        competing("gray", dropout=Dropout(per_year=0.25)),
    ),
    "incidence at a time: less dropout": (
        competing("incidence_difference"),
        competing("incidence_difference", dropout=Dropout(per_year=0.4)),
    ),
    "a score, adjusted: more dropout": (
        value_trial("ancova", dropout="40 % a year"),
        value_trial("ancova"),
    ),
    "ranks of a score: more dropout": (
        value_trial("wilcoxon", missing="no_change", dropout="40 % a year"),
        UNCHANGED,
    ),
    "ranks of a score: another correlation": (
        replace(UNCHANGED, marker=replace(UNCHANGED.marker, baseline_correlation=0.4)),
        UNCHANGED,
    ),
    "years in remission: less dropout": (
        win_trial("welch", primary=YEARS, dropout=Dropout(per_year=0.25)),
        win_trial("welch", primary=YEARS),
    ),
    "a score of who is let in: another correlation": (
        replace(SLEDAI, marker=replace(SLEDAI.marker, correlation=0.1)),
        SLEDAI,
    ),
    "a frailty in several states: a larger variance": (
        competing("gray", population=Population(frailties=(replace(FRAILTY, variance=1.0),))),
        KINDS["a frailty in several states, competing events"],
    ),
    "rates at two looks: another dispersion": (
        value_trial("rate_ratio", "flares", looks=RATES, dispersion=0.6),
        KINDS["rates at two looks"],
    ),
    "shares at two looks: more dropout": (
        value_trial("pooled_z", "response", looks=RESPONSES, dropout="30 % a year", **STRATA),
        KINDS["shares at two looks"],
    ),
    "an arm that joins later: less drift": (
        platform_trial(0.5, 0.5, population=drifting(1.2)),
        KINDS["an arm that joins later"],
    ),
    "lots of unequal potency: they differ more": (
        replace(LOTS, arms=(LOTS.arms[0], LUCKIER)),
        KINDS["lots of unequal potency"],
    ),
}
"""Trials whose laws are taken for those of others, and these."""


def n_blocks(trial: Trial) -> int:
    """Return how many blocks are worth their time."""
    test = trial.analysis.test
    if test.costly or trial.analysis.name == "andersen_gill":
        return 1
    if test.nearly == "pairs":
        return 1
    slow = (
        test.nearly in ("rates", "counts")
        or test.keeps_competing
        or trial.population.screening is not None
    )
    return 3 if slow or trial.rule.changes else 12
