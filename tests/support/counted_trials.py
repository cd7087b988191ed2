"""Trials of every kind whose outcome is numbers of patients, of which not all can be listed."""

from __future__ import annotations

from dataclasses import replace

from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Adjusted, Graphical, sequential_graph
from lupusim.analysis.registry import TESTS
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.endpoints.ordinal_state import OrdinalState
from lupusim.endpoints.responder import SustainedResponder
from lupusim.model import TreatmentEffect
from lupusim.trial import (
    AfterPatients,
    Arm,
    Better,
    Dropout,
    PermutedBlocks,
    Population,
    SimpleRandomization,
)
from lupusim.trial.multiplicity import Ends, Family, Hypothesis
from lupusim.trial.observation import IntercurrentEvent, Strategy, VisitConduct
from lupusim.trial.population.covariates import CovariateEffect
from trials import DISEASE, REMISSION, analysis

ONSET = (("active", "remission"),)
EARLY = Responder(name="early", states=("remission",), at=0.5)
ALIVE = Responder(name="alive", states=("active", "remission", "relapse"), at=1.0)
KEPT = SustainedResponder(name="kept", states=("remission",), visits=(0.25, 0.5, 1.0))
RANKS = OrdinalState(
    name="rank",
    ranking=(("death",), ("active", "relapse"), ("remission",)),
    at=1.0,
    missing="active",
)
LEAVE = Dropout(per_year=0.3, by_state={"relapse": 3.0}, by_arm={"cells": 2.0})
MISREAD = VisitConduct(
    missed=0.15, misread={"remission": {"relapse": 0.2}, "active": {"remission": 0.1}}
)
SITES = Population(
    factors={"site": {"a": 0.5, "b": 0.3, "c": 0.2}},
    effects=(CovariateEffect(covariate="site", level="a", on=ONSET, hazard_ratio=0.3),),
)
STRATA = Population(
    factors={"nephritis": {"yes": 0.4, "no": 0.6}, "site": {"a": 0.5, "b": 0.3, "c": 0.2}},
    effects=(CovariateEffect(covariate="site", level="a", on=ONSET, hazard_ratio=0.3),),
)
BY_SITE = analysis("cochran_mantel_haenszel", alpha=0.2, stratify_by=("site",))
RESCUE = IntercurrentEvent(
    name="rescue", hazard_per_year={"active": 1.0}, strategy=Strategy.COMPOSITE
)


def arms(*ratios):
    effects = [(TreatmentEffect(on=ONSET, hazard_ratio=r),) for r in ratios]
    treated = (Arm(name=f"a{k}", model=DISEASE, effects=e) for k, e in enumerate(effects))
    return (Arm(name="placebo", model=DISEASE), *treated)


def family(method, *others, n=None, **more):
    graph = sequential_graph(method, n or 1 + len(others), None)
    hypotheses = tuple(
        Hypothesis(endpoint=name, name=test, test=TESTS[test], effect=TESTS[test].effect)
        for name, test in others
    )
    return Family(procedure=Graphical.of(graph), hypotheses=hypotheses, **more)


def look_at(*patients):
    return {
        "interims": tuple(AfterPatients(patients=n, follow_up=1.0) for n in patients),
        "stopping": GroupSequential(alpha=0.2),
    }


CASES = {
    "three arms": {"arms": arms(2.0, 3.0), "family": family("holm", n=2)},
    "three arms in strata": {
        "arms": arms(2.0, 3.0),
        "analysis": BY_SITE,
        "population": STRATA,
        "stratify_by": ("site",),
        "family": Family(procedure=Adjusted(method="hochberg")),
        "dropout": replace(LEAVE, by_arm={"a1": 2.0}),
    },
    "strata of test and allocation differ": {
        "analysis": BY_SITE,
        "population": STRATA,
        "stratify_by": ("nephritis",),
    },
    "six strata that matter": {"population": STRATA, "stratify_by": ("site", "nephritis")},
    "ranks": {
        "primary": RANKS,
        "analysis": analysis("wilcoxon", alpha=0.2),
        "dropout": LEAVE,
        "visit_conduct": MISREAD,
        "n_patients": 24,
    },
    "ranks of strata, looks": {
        "primary": RANKS,
        "analysis": analysis("wilcoxon", alpha=0.2, sided=2),
        "population": STRATA,
        "stratify_by": ("site",),
        "interims": (AfterPatients(patients=20, follow_up=1.0),),
        "stopping": GroupSequential(alpha=0.2, sided=2),
    },
    "looks in strata": {
        "analysis": BY_SITE,
        "population": STRATA,
        "stratify_by": ("site",),
        **look_at(13, 27),
    },
    "looks within a block": {"allocation": PermutedBlocks(block_size=12), **look_at(14, 20)},
    "three endpoints": {
        "secondary": (EARLY, ALIVE),
        "family": family("holm", ("early", "pooled_z"), ("alive", "cochran_mantel_haenszel")),
        "dropout": LEAVE,
        "visit_conduct": MISREAD,
    },
    "a time at the end of a sequence": {
        "secondary": (ALIVE, TimeToEvent(name="death", events=("death",))),
        "family": family("fixed_sequence", ("alive", "pooled_z"), ("death", "logrank")),
        **look_at(20),
    },
    "arms and endpoints, the first ends it": {
        "arms": arms(2.0, 3.0),
        "secondary": (ALIVE,),
        "family": family("holm", ("alive", "pooled_z"), n=4, ends=Ends.FIRST),
        **look_at(20),
    },
    "simple randomization": {
        "arms": arms(2.0, 3.0),
        "allocation": SimpleRandomization(),
        "family": family("bonferroni", n=2),
    },
    "fewer are better, rescue": {
        "primary": Responder(name="ill", states=("relapse",), at=1.0, better=Better.FEWER),
        "secondary": (
            Responder(name="worse", states=("relapse", "death"), at=1.0, better=Better.FEWER),
        ),
        "intercurrent_events": (RESCUE,),
        "family": family("holm", ("worse", "pooled_z")),
        "dropout": Dropout(per_year=0.5),
    },
    "kept and last": {
        "primary": KEPT,
        "secondary": (REMISSION,),
        "family": family("fixed_sequence", ("remission", "miettinen_nurminen")),
        "visit_conduct": MISREAD,
        "dropout": LEAVE,
    },
    "visits move": {
        "secondary": (ALIVE,),
        "family": family("holm", ("alive", "pooled_z")),
        "visit_conduct": VisitConduct(window=0.1),
        "dropout": LEAVE,
    },
    "a last look at most of them": {"cutoff": AfterPatients(patients=39, follow_up=1.0)},
    "logistic regression": {"analysis": analysis("logistic_regression", alpha=0.2)},
}
