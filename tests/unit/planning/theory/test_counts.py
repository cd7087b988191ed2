"""Trials that are counts: exact power beside simulations and sums written otherwise."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.registry import TESTS
from lupusim.endpoints import Responder
from lupusim.endpoints.responder import SustainedResponder
from lupusim.model import LatentClass, MultiStateModel, Transition, TreatmentEffect
from lupusim.model.clocks import Clock
from lupusim.model.hazards import WeibullHazard
from lupusim.planning.controls.kinds import why_counted
from lupusim.planning.controls.sampled.facts import shares_of_facts
from lupusim.planning.runs.how_known import how_known
from lupusim.planning.runs.replicates import Simulator
from lupusim.planning.theory.counts.design import count_design
from lupusim.planning.theory.counts.power import count_power
from lupusim.planning.theory.counts.sizes import sizes_in_all
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    Arm,
    Better,
    Dropout,
    Infusions,
    Lots,
    Population,
    SimpleRandomization,
)
from lupusim.trial.allocation.adaptive import Urn
from lupusim.trial.observation import IntercurrentEvent, Strategy, VisitConduct
from lupusim.trial.population.covariates import (
    CovariateEffect,
    GammaFrailty,
    LognormalCovariate,
    LognormalFrailty,
    NormalCovariate,
)
from lupusim.trial.population.drift import Drift
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, analysis, counted

ONSET = (("active", "remission"),)
BY_STATE = Dropout(per_year=0.3, by_state={"relapse": 3.0, "death": 0.0}, by_arm={"cells": 2.0})
STRONG = Population(
    factors={"nephritis": {"yes": 0.4, "no": 0.6}},
    effects=(
        CovariateEffect(covariate="nephritis", level="yes", on=ONSET, hazard_ratio=0.2),
        CovariateEffect(covariate="nephritis", level="no", arm="cells", on=ONSET, hazard_ratio=2.0),
    ),
)


def infused(**more):
    effect = TreatmentEffect(on=ONSET, hazard_ratio=4.0, lasts=0.4)
    cells = Infusions(cells_per_kg=1e6, at=(0.0, 0.5), **more)
    arms = {"model": DISEASE}
    return (
        Arm(name="placebo", **arms),
        Arm(name="cells", allocation=2, infusions=cells, effects=(effect,), **arms),
    )


def semi_markov():
    """Remissions whose hazard of a relapse rises with their age, in two hidden classes."""
    late = Transition(
        from_state="remission",
        to_state="relapse",
        hazard=WeibullHazard(shape=2.0, scale=0.6),
        clock=Clock.RESET,
    )
    others = tuple(t for t in DISEASE.transitions if t.from_state != "remission")
    classes = (
        LatentClass(name="one", probability=0.6),
        LatentClass(name="other", probability=0.4, hazard_ratios={ONSET[0]: 0.3}),
    )
    model = MultiStateModel(
        name="semi", states=DISEASE.states, transitions=(*others, late), classes=classes
    )
    effect = TreatmentEffect(on=ONSET, hazard_ratio=3.0)
    return Arm(name="placebo", model=model), Arm(
        name="cells", model=model, allocation=2, effects=(effect,)
    )


RESCUE = {"hazard_per_year": {"active": 1.0, "relapse": 0.5}, "name": "rescue"}
SEVERAL = SustainedResponder(name="kept", states=("remission",), visits=(0.25, 0.5, 1.0))
CMH = analysis("cochran_mantel_haenszel", alpha=0.2)
BY_NEPHRITIS = analysis("cochran_mantel_haenszel", alpha=0.2, stratify_by=("nephritis",))
MISREAD = {"remission": {"relapse": 0.2}, "active": {"remission": 0.1}}
CASES = {
    "dropout by state and arm": {"dropout": BY_STATE},
    "dropout of any hazard": {"dropout": Dropout(hazard=WeibullHazard(shape=2.0, scale=1.5))},
    "the same by state": {
        "dropout": Dropout(hazard=WeibullHazard(shape=2.0, scale=1.0), by_state={"active": 2.0})
    },
    "death is what counts": {
        "primary": Responder(name="dead", states=("death",), at=1.0, better=Better.FEWER),
        "dropout": Dropout(per_year=0.5, by_state={"active": 2.0}),
    },
    "missed and misread": {"visit_conduct": VisitConduct(missed=0.2, misread=MISREAD)},
    "early and late": {
        "visit_conduct": VisitConduct(window=0.12, missed=0.1),
        "dropout": BY_STATE,
    },
    "several visits": {"primary": SEVERAL, "dropout": BY_STATE, "arms": infused()},
    "several, missed": {"primary": SEVERAL, "visit_conduct": VisitConduct(missed=0.1)},
    "rescue is failure": {
        "intercurrent_events": (IntercurrentEvent(strategy=Strategy.COMPOSITE, **RESCUE),),
        "dropout": BY_STATE,
    },
    "fewer, rescue is failure": {
        "primary": Responder(name="ill", states=("relapse",), at=1.0, better=Better.FEWER),
        "intercurrent_events": (IntercurrentEvent(strategy=Strategy.COMPOSITE, **RESCUE),),
        "dropout": Dropout(per_year=0.5),
        "visit_conduct": VisitConduct(missed=0.2),
    },
    "infusions missed": {"arms": infused(missed=0.4)},
    "time in state": {"arms": semi_markov(), "dropout": BY_STATE},
    "strata of the allocation": {"stratify_by": ("nephritis",)},
    "strata that matter": {"stratify_by": ("nephritis",), "population": STRONG},
    "factor that matters": {"population": STRONG},
    "simple randomization": {"allocation": SimpleRandomization()},
    "cmh of one stratum": {"analysis": CMH},
    "cmh": {"analysis": BY_NEPHRITIS, "stratify_by": ("nephritis",)},
    "cmh, strata that matter": {
        "analysis": BY_NEPHRITIS,
        "stratify_by": ("nephritis",),
        "population": STRONG,
        "n_patients": 25,
    },
    "cmh, allocation without strata": {"analysis": BY_NEPHRITIS, "n_patients": 22},
    "cmh, two-sided": {
        "analysis": analysis(
            "cochran_mantel_haenszel", alpha=0.3, sided=2, stratify_by=("nephritis",)
        ),
        "stratify_by": ("nephritis",),
    },
    "cmh, fewer": {
        "primary": Responder(name="ill", states=("active",), at=1.0, better=Better.FEWER),
        "analysis": BY_NEPHRITIS,
        "stratify_by": ("nephritis",),
    },
    "covariate": {
        "population": Population(
            covariates={"age": NormalCovariate(mean=1.0, sd=0.8)},
            effects=(CovariateEffect(covariate="age", on=ONSET, hazard_ratio=0.5),),
        )
    },
    "covariate above 0 and frailty": {
        "population": Population(
            covariates={"dose": LognormalCovariate(mean=1.0, sd=0.5)},
            effects=(CovariateEffect(covariate="dose", on=ONSET, hazard_ratio=0.5, reference=1.0),),
            frailties=(GammaFrailty(on=ONSET, variance=0.5),),
        )
    },
    "weight": {
        "population": Population(
            weight_mean=60.0,
            weight_sd=20.0,
            effects=(
                CovariateEffect(covariate="weight_kg", on=ONSET, hazard_ratio=0.95, reference=60.0),
            ),
        )
    },
    "lognormal frailty": {
        "population": Population(frailties=(LognormalFrailty(on=ONSET, variance=1.0),))
    },
    "coded factor": {
        "population": Population(
            factors={"nephritis": {"yes": 0.4, "no": 0.6}},
            codes={"nephritis": {"yes": 1.0, "no": 0.0}},
            effects=(CovariateEffect(covariate="nephritis", on=ONSET, hazard_ratio=0.2),),
        )
    },
    "two looks": {
        "interims": (AfterPatients(patients=20, follow_up=1.0),),
        "stopping": GroupSequential(alpha=0.2),
    },
    "last look by the number of patients": {
        "interims": (AfterPatients(patients=20, follow_up=1.0),),
        "cutoff": AfterPatients(patients=40, follow_up=1.0),
        "stopping": GroupSequential(alpha=0.2),
    },
}


FEW = ("missed and misread", "fewer, rescue is failure", "strata that matter", "cmh", "two looks")


@pytest.mark.parametrize("name", FEW)
def test_simulated_power_is_the_exact_one(name):
    agrees(counted(**CASES[name]), n=1000)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_simulated_power_is_the_exact_one_in_many_trials(name):
    agrees(counted(**CASES[name]), n=20_000)


def agrees(trial, *, n):
    """Compare exact power, and that of arms that are alike, with simulations."""
    known = count_power(trial).found
    simulated = Simulator(seed=SEED).tally(trial, n).mean("reject").value
    alike = Simulator(seed=SEED).tally(trial.null_twin(), n).mean("reject").value
    for found, exact in ((simulated, known.power), (alike, known.power_if_alike)):
        assert_within_mcse(found, exact, mcse=math.sqrt(exact * (1 - exact) / n))


NOT_KNOWN = {
    "drift": {"population": Population(drift=(Drift(on=ONSET, hazard_ratio_per_year=2.0),))},
    "lots": {"arms": infused(lots=Lots(doses=4, sd=0.5, raises=ONSET))},
    "rescue left out": {
        "intercurrent_events": (IntercurrentEvent(strategy=Strategy.HYPOTHETICAL, **RESCUE),)
    },
    "an earlier look": {"cutoff": AfterLastPatient(follow_up=0.5)},
    "a look at most of them": {"cutoff": AfterPatients(patients=39, follow_up=0.9)},
    "time in state, several visits": {"arms": semi_markov(), "primary": SEVERAL},
    "visits move, several": {"primary": SEVERAL, "visit_conduct": VisitConduct(window=0.05)},
    "again on relapse": {"arms": infused(again_on=("relapse",))},
}


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_where_patients_are_not_counts_nothing_is_said(name):
    known = count_power(counted(**NOT_KNOWN[name]))
    assert known.found is None


def test_laws_that_take_minutes_are_neither_promised_nor_worked_out():
    """Weibull stays and a fading effect, of frail patients: a second for each of 48 laws."""
    control, cells = semi_markov()
    fading = TreatmentEffect(on=ONSET, hazard_ratio=3.0, lasts=0.2, half_life=0.3)
    arms = control, replace(cells, effects=(fading,))
    frail = Population(frailties=(GammaFrailty(on=ONSET, variance=0.5),))
    few, many = counted(arms=arms), counted(arms=arms, population=frail)
    assert count_power(many).why_not == "the laws of 48 kinds of patients take minutes"
    assert "takes minutes" in why_counted(many)
    assert [how_known([trial])[:12] for trial in (few, many)] == ["Power: exact", "Power: simul"]
    assert shares_of_facts(few, np.array([1.0])) is None


def test_why_counts_are_not_known_is_said():
    trial = counted(analysis=BY_NEPHRITIS, allocation=Urn(), stratify_by=("nephritis",))
    assert count_power(trial).why_not == "the arms' sizes depend on who came before"


def test_very_many_strata_are_not_gone_through():
    names = tuple(f"factor {number}" for number in range(41))
    factors = {name: {"a": 0.5, "b": 0.5} for name in names}
    trial = counted(population=Population(factors=factors), stratify_by=names)
    assert "2,199,023,255,552 combinations of levels" in count_power(trial).why_not


def test_chance_of_a_response_is_the_matrix_exponential_of_disease_and_dropout():
    conduct = VisitConduct(missed=0.1, misread={"active": {"remission": 0.2}})
    trial = counted(dropout=BY_STATE, visit_conduct=conduct)
    found = count_design(trial).chances()[:, 0]
    leaves = 0.3 * np.array([1.0, 1.0, 3.0, 0.0])
    for arm, times in ((0, 1.0), (1, 2.0)):
        generator = np.zeros((5, 5))
        for t in DISEASE.transitions:
            generator[DISEASE.index(t.from_state), DISEASE.index(t.to_state)] = t.hazard.rate
        generator[:4, 4] = leaves * times
        # the effect doubles the onset from 0.1 on; the second infusion's takes over at 0.6
        pieces = [(0.1, 1.0), (0.9, 2.0)] if arm else [(1.0, 1.0)]
        shares = np.eye(5)[0]
        for length, ratio in pieces:
            q = generator.copy()
            q[0, 1] *= ratio
            q -= np.diag(q.sum(axis=1))
            shares = shares @ expm(length * q)
        expected = 0.9 * (shares[1] + 0.2 * shares[0])
        assert found[arm] == pytest.approx(expected, abs=1e-6)


def by_hand(tables, chances, alpha):
    """Sum over all tables of two strata that Cochran's statistic rejects, one by one."""
    total = 0.0
    critical = stats.norm.isf(alpha)
    numbers = [range(n + 1) for pair in tables for n in pair]
    for c1, t1, c2, t2 in product(*numbers):
        excess = variance = 0.0
        for (n0, n1), c, t in zip(tables, (c1, c2), (t1, t2), strict=True):
            n, s = n0 + n1, c + t
            if n > 1:
                excess += t - n1 * s / n
                variance += n0 * n1 * s * (n - s) / (n**2 * (n - 1))
        if variance > 0 and excess >= critical * math.sqrt(variance):
            chance = 1.0
            for (n0, n1), c, t, (p0, p1) in zip(tables, (c1, c2), (t1, t2), chances, strict=True):
                chance *= stats.binom.pmf(c, n0, p0) * stats.binom.pmf(t, n1, p1)
            total += chance
    return total


@pytest.mark.parametrize("population", [None, STRONG], ids=["alike", "apart"])
def test_stratified_power_is_the_sum_over_all_tables(population):
    changes = {} if population is None else {"population": population}
    trial = counted(analysis=BY_NEPHRITIS, stratify_by=("nephritis",), n_patients=7, **changes)
    design = count_design(trial)
    chances = design.chances()
    by_stratum = [(chances[0, k], chances[1, k]) for k in (0, 1)]
    expected = 0.0
    for m in range(8):
        share = stats.binom.pmf(m, 7, 0.4)
        for one, first in _dealt(m):
            for other, second in _dealt(7 - m):
                expected += share * one * other * by_hand((first, second), by_stratum, 0.2)
    assert design.powers(chances[None])[0] == pytest.approx(expected, abs=1e-7)


def _dealt(n):
    """Return the chances and sizes of placebo and cells of n patients in blocks of 2 + 4."""
    whole, rest = divmod(n, 6)
    return [
        (stats.hypergeom.pmf(k, 6, 2, rest), (2 * whole + k, 4 * whole + rest - k))
        for k in range(rest + 1)
        if stats.hypergeom.pmf(k, 6, 2, rest) > 0
    ]


@pytest.mark.parametrize(("n_patients", "exactly"), [(30, 1e-8), (300, 1e-8)])
def test_power_with_strata_in_the_allocation_alone_is_the_sum_over_their_sizes(n_patients, exactly):
    trial = counted(population=STRONG, stratify_by=("nephritis",), n_patients=n_patients)
    design = count_design(trial)
    chances = design.chances()
    expected = 0.0
    for m in range(n_patients + 1):
        share = stats.binom.pmf(m, n_patients, 0.4)
        for one, first in _dealt(m) if share > 1e-14 else ():
            for other, second in _dealt(n_patients - m):
                expected += share * one * other * _pooled((first, second), chances, trial.analysis)
    assert design.powers(chances[None])[0] == pytest.approx(expected, abs=exactly)


def _pooled(sizes, chances, analysis):
    """Return the power of a pooled z, given the arms' sizes by stratum: no number is left out."""
    placebo, cells = (
        np.convolve(*(stats.binom.pmf(range(n + 1), n, p) for n, p in zip(of, by, strict=True)))
        for of, by in zip(zip(*sizes, strict=True), chances, strict=True)
    )
    n0, n1 = placebo.size - 1, cells.size - 1
    x0, x1 = np.arange(n0 + 1), np.arange(n1 + 1)[:, None]
    rate = (x0 + x1) / (n0 + n1)
    error = np.sqrt(np.maximum(rate * (1 - rate), 1e-30) * (1 / n0 + 1 / n1))
    z = (x1 / n1 - x0 / n0) / error
    critical = stats.norm.isf(analysis.alpha / analysis.sided)
    return cells @ (z >= critical) @ placebo


def test_sizes_of_arms_over_several_strata_are_those_of_blocks_in_each():
    trial = counted(
        n_patients=8,
        stratify_by=("site",),
        population=Population(factors={"site": {"a": 0.5, "b": 0.3, "c": 0.2}}),
    )
    expected: dict[tuple[int, int], float] = {}
    for m in product(range(9), repeat=3):
        if sum(m) != 8:
            continue
        share = stats.multinomial.pmf(m, 8, [0.5, 0.3, 0.2])
        for parts in product(*map(_dealt, m)):
            sizes = tuple(int(sum(s[arm] for _, s in parts)) for arm in (0, 1))
            chance = share * math.prod(one for one, _ in parts)
            expected[sizes] = expected.get(sizes, 0.0) + chance
    found = sizes_in_all(trial, [0.5, 0.3, 0.2])
    for sizes, chance in expected.items():
        assert found.get(sizes, 0.0) == pytest.approx(chance, abs=1e-8)


def test_looks_end_as_often_as_plain_binomial_trials_do():
    interim = AfterPatients(patients=20, follow_up=1.0)
    trial = counted(interims=(interim,), stopping=GroupSequential(alpha=0.2))
    design = count_design(trial)
    looks = design.looks(design.chances())
    efficacy, _ = trial.stopping.bounds(np.array([[0.5, 1.0]]))
    rng, n = np.random.default_rng(SEED), 200_000
    p = design.chances()[:, 0]
    early = rng.hypergeometric(2, 4, 2, n)  # 20 patients: three blocks and two places of one
    n0 = np.stack([6 + early, 12 + rng.hypergeometric(2, 4, 4, n)])
    n1 = np.array([[20], [40]]) - n0
    counts = []
    for arm, sizes in enumerate((n0, n1)):
        first = rng.binomial(sizes[0], p[arm])
        counts.append(np.stack([first, first + rng.binomial(sizes[1] - sizes[0], p[arm])]))
    pooled = (counts[0] + counts[1]) / (n0 + n1)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    z = (counts[1] / n1 - counts[0] / n0) / np.where(error > 0, error, np.inf)
    stops = z[0] >= efficacy[0, 0]
    wins = ~stops & (z[1] >= efficacy[0, 1])
    for share, exact in zip((stops.mean(), wins.mean()), looks.success, strict=True):
        assert_within_mcse(share, exact, mcse=math.sqrt(exact * (1 - exact) / n))
    assert looks.expected_patients == pytest.approx(40 - 20 * looks.success[0])


def test_every_test_of_two_shares_has_an_exact_power():
    for name in ("unpooled_z", "miettinen_nurminen", "risk_ratio", "odds_ratio", "fisher_exact"):
        assert TESTS[name].formula == "tables"
        assert count_power(counted(analysis=analysis(name, alpha=0.2))).found is not None


def test_negative_control_dropout_that_looks_at_the_state_has_another_power():
    one, other = counted(n_patients=150, dropout=BY_STATE), counted(n_patients=150)
    assert abs(count_power(one).found.power - count_power(other).found.power) > 0.05
