"""Trials that are numbers of patients: all tables or drawn ones, beside sums written otherwise."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Adjusted, Graphical, sequential_graph
from lupusim.analysis.registry import TESTS
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.endpoints.ordinal_state import OrdinalState
from lupusim.endpoints.responder import SustainedResponder
from lupusim.errors import NoExactSolutionError
from lupusim.model import TreatmentEffect
from lupusim.planning.runs.replicates import Simulator
from lupusim.planning.theory import drawn_tables as drawn_module
from lupusim.planning.theory.counts import claims as drawing
from lupusim.planning.theory.counts.claims import claims_of_all
from lupusim.planning.theory.counts.joint import outcomes_of
from lupusim.planning.theory.counts.power import count_power
from lupusim.planning.theory.drawn_tables import drawn_tables
from lupusim.planning.theory.power import formula_columns, known_power, known_type_one_error
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
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, REMISSION, analysis, counted

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
STRATA = Population(
    factors={"nephritis": {"yes": 0.4, "no": 0.6}, "site": {"a": 0.5, "b": 0.3, "c": 0.2}},
    effects=(CovariateEffect(covariate="site", level="a", on=ONSET, hazard_ratio=0.3),),
)
BY_SITE = analysis("cochran_mantel_haenszel", alpha=0.2, stratify_by=("site",))
RESCUE = IntercurrentEvent(
    name="rescue", hazard_per_year={"active": 1.0}, strategy=Strategy.COMPOSITE
)


def claims_of(trial):
    """All tables, or where these are too many drawn ones."""
    try:
        return claims_of_all(trial)
    except NoExactSolutionError:
        return drawn_tables(trial).claims()


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
FEW = ("three arms in strata", "ranks", "three endpoints", "a time at the end of a sequence")


@pytest.fixture
def few(monkeypatch):
    """Let few tables be drawn."""
    monkeypatch.setattr(drawing, "_WORK", 500_000)
    monkeypatch.setattr(drawing, "_FEWEST", 1000)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("name", FEW)
def test_simulated_patients_claim_what_numbers_claim(name):
    agrees(counted(**CASES[name]), n=500)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_many_simulated_patients_claim_what_numbers_claim(name):
    agrees(counted(**CASES[name]), n=5000)


def agrees(trial, *, n):
    for one in (trial, trial.null_twin()):
        tally = Simulator(seed=SEED).tally(one, n)
        for name, known in claims_of(one).shares.items():
            if "reject" in name and name in tally.sums:
                p = known.value
                mcse = math.hypot(known.mcse, math.sqrt(p * (1 - p) / n))
                assert_within_mcse(tally.mean(name).value, p, mcse=mcse + 1e-12)


@pytest.mark.usefixtures("few")
def test_drawn_tables_reject_as_often_as_all_tables():
    trial = counted(**look_at(20))
    exact, drawn = count_power(trial).found, claims_of(trial)
    assert drawn.n_drawn > 0
    reject = drawn.shares["reject"]
    assert_within_mcse(reject.value, exact.power, mcse=reject.mcse)


def test_tables_go_on_where_others_ended_and_who_asked_before_is_no_matter():
    trial = counted(**look_at(20))
    first = drawn_tables(trial).claims(2_500)
    assert first.n_drawn == 3_000
    assert drawn_tables(trial).claims(9_001).n_drawn == 10_000
    assert drawn_tables(replace(trial)).claims(2_500) == first  # of the same content
    assert drawn_tables(counted(n_patients=42, **look_at(20))).claims(2_500) != first


def test_no_more_tables_are_drawn_beside_a_simulation_than_are_worth_it(monkeypatch):
    monkeypatch.setattr(drawing, "_WORK", 1_500_000)
    monkeypatch.setattr(drawing, "_FEWEST", 1000)
    trial = counted(**CASES["looks in strata"])
    # 45 numbers a table; 2 for each of 40 + 60 patients of 6,000 replicates are 26,667 tables
    # those of a tenth of a second are 22,222
    for n_replicates, n_tables in ((0, 24_000), (100, 24_000), (6_000, 27_000)):
        found = drawn_tables(trial).claims(beside=n_replicates)
        assert found.n_drawn == n_tables
    # a hundred patients of a fitted test cost what few of its tables do
    costly = counted(**CASES["logistic regression"])
    assert drawn_tables(costly).claims(beside=100).n_drawn < 3_000
    monkeypatch.setattr(drawn_module, "_FREE", 0)
    assert drawn_tables(trial).claims(beside=100).n_drawn == 1_000  # 444, a fifth of the time
    monkeypatch.setattr(drawn_module, "_OF_PATIENT", 100)
    assert drawn_tables(trial).claims(beside=100).n_drawn == 3_000  # 25 for each replicate
    power = known_power(trial, 200)
    assert power.n == 5_000
    assert power == drawn_tables(trial).claims(5_000).shares["reject"]


def test_all_tables_of_three_arms_are_those_written_down_one_by_one():
    trial = counted(arms=arms(2.0, 4.0), n_patients=18, family=family("bonferroni", n=2))
    chances = [one[0, 1] for one in outcomes_of(trial, [REMISSION], _cells(trial)).chances]
    critical, n, total = stats.norm.isf(0.1), 6, 0.0
    for numbers in product(range(n + 1), repeat=3):
        z = []
        for new in numbers[1:]:
            pooled = (numbers[0] + new) / (2 * n)
            spread = math.sqrt(pooled * (1 - pooled) * 2 / n)
            z.append((new - numbers[0]) / n / spread if spread else 0.0)
        if max(z) >= critical:
            total += math.prod(stats.binom.pmf(numbers, n, chances))
    found = claims_of(trial)
    assert found.n_drawn == 0
    assert found.shares["reject"].value == pytest.approx(total, abs=1e-8)


def test_all_tables_of_three_arms_and_a_block_that_is_not_filled_are_as_tables_drawn(monkeypatch):
    trial = counted(arms=arms(2.0, 4.0), n_patients=20, family=family("bonferroni", n=2))
    exact = claims_of(trial)
    assert exact.n_drawn == 0
    monkeypatch.setattr(drawing, "_WORK", 2_000_000)
    drawn = drawn_tables(trial).claims()
    for name in ("reject", "reject_a0", "reject_all"):
        known = drawn.shares[name]
        assert_within_mcse(known.value, exact.shares[name].value, mcse=known.mcse)


def test_all_tables_of_ranks_are_those_written_down_one_by_one():
    test = analysis("wilcoxon", alpha=0.2)
    more = {"allocation": PermutedBlocks(block_size=3), "dropout": LEAVE}
    trial = counted(primary=RANKS, analysis=test, n_patients=12, **more)
    outcomes = outcomes_of(trial, [RANKS], _cells(trial))
    law = outcomes.chances[:, 0]
    sizes, total = (4, 8), 0.0
    tables = [[(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a)] for n in sizes]
    for control, new in product(*tables):
        x, y = np.repeat(range(3), new), np.repeat(range(3), control)
        if np.ptp([*x, *y]) > 0:
            p = stats.mannwhitneyu(
                x, y, alternative="greater", method="asymptotic", use_continuity=False
            ).pvalue
            if p <= 0.2:
                weights = (
                    stats.multinomial.pmf(t, sum(t), q)
                    for t, q in zip((control, new), law, strict=True)
                )
                total += math.prod(weights)
    assert claims_of(trial).shares["reject"].value == pytest.approx(total, abs=1e-8)


def _cells(trial):
    from lupusim.planning.theory.counts.cells import cells_of

    return cells_of(trial, ())


def test_responses_at_two_visits_have_the_law_of_the_matrix_exponential():
    from scipy.linalg import expm

    conduct = VisitConduct(missed=0.1)
    trial = counted(secondary=(EARLY,), dropout=Dropout(per_year=0.3), visit_conduct=conduct)
    found = outcomes_of(trial, [REMISSION, EARLY], _cells(trial))
    generator = np.zeros((4, 4))
    for t in DISEASE.transitions:
        generator[DISEASE.index(t.from_state), DISEASE.index(t.to_state)] = t.hazard.rate
    generator -= np.diag(generator.sum(axis=1))
    half = expm(generator / 2) * math.exp(-0.15)
    both = half[0, 1] * half[1, 1] * 0.9**2
    late, early = (half @ half)[0, 1] * 0.9, half[0, 1] * 0.9
    expected = {(1, 1): both, (1, 0): late - both, (0, 1): early - both}
    for value, chance in zip(found.values.T.tolist(), found.chances[0, 0], strict=True):
        if any(value):
            assert chance == pytest.approx(expected[tuple(value)], abs=1e-6)


LOTS = {
    f"e{k}": Responder(name=f"e{k}", states=(state,), at=0.5)
    for k, state in enumerate(DISEASE.states)
}
NOT_KNOWN = {
    "what is claimed hangs on more than counts": {
        "secondary": (TimeToEvent(name="death", events=("death",)),),
        "family": family("holm", ("death", "logrank")),
    },
    "ranks are tested beside other endpoints": {
        "primary": RANKS,
        "analysis": analysis("wilcoxon", alpha=0.2),
        "secondary": (REMISSION,),
        "family": family("holm", ("remission", "pooled_z")),
    },
    "5 endpoints count together": {
        "secondary": tuple(LOTS.values()),
        "family": family("holm", *((name, "pooled_z") for name in LOTS)),
    },
    "ranks at other times than planned": {
        "primary": RANKS,
        "analysis": analysis("wilcoxon"),
        "visit_conduct": VisitConduct(window=0.1),
    },
    "rescue is treated as composite": {
        "primary": KEPT,
        "intercurrent_events": (replace(RESCUE, strategy=Strategy.WHILE_ON_TREATMENT),),
    },
    "tables take as long as patients": {
        "analysis": analysis("logistic_regression", stratify_by=("nephritis",)),
    },
    "how many patients are in the analysis is left to chance": {
        "cutoff": AfterPatients(patients=39, follow_up=0.9)
    },
    "barnard takes all tables of many arm sizes": {
        "allocation": SimpleRandomization(),
        "analysis": analysis("barnard"),
    },
    "endpoints treat rescue differently": {
        "secondary": (ALIVE,),
        "family": family("holm", ("alive", "pooled_z")),
        "intercurrent_events": (replace(RESCUE, by_endpoint={"alive": Strategy.TREATMENT_POLICY}),),
    },
    "welch sees more than counts": {"primary": RANKS, "analysis": analysis("welch")},
}


@pytest.mark.parametrize("why", NOT_KNOWN)
def test_why_numbers_are_not_enough_is_said(why):
    words = why.replace("composite", "while_on_treatment")
    with pytest.raises(NoExactSolutionError, match=words):
        claims_of(counted(**NOT_KNOWN[why]))


def test_where_visits_may_come_early_a_look_at_some_patients_may_have_others_too():
    early = VisitConduct(window=0.1)
    last = counted(visit_conduct=early, cutoff=AfterPatients(patients=37, follow_up=1.0))
    for trial in (last, counted(visit_conduct=early, **look_at(20))):
        with pytest.raises(NoExactSolutionError, match="is left to chance"):
            claims_of(trial)


@pytest.mark.usefixtures("few")
def test_drawn_power_is_told_from_exact_power():
    trial = counted(**CASES["six strata that matter"])
    columns, power, error = formula_columns(trial), known_power(trial), known_type_one_error(trial)
    assert columns["power_drawn"] == power.value
    assert columns["power_drawn_mcse"] == power.mcse > 0
    assert columns["type_one_error_drawn"] == error.value
    assert not {"power_exact", "type_one_error_exact"} & set(columns)


@pytest.mark.usefixtures("few")
def test_the_same_tables_are_drawn_again():
    trial = counted(**CASES["simple randomization"])
    assert claims_of(trial).shares == claims_of(replace(trial)).shares
