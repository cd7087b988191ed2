"""Trials that are numbers of patients: all tables or drawn ones, beside sums written otherwise."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

from counted_trials import (
    ALIVE,
    CASES,
    EARLY,
    KEPT,
    LEAVE,
    RANKS,
    RESCUE,
    arms,
    family,
    look_at,
)
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.errors import NoExactSolutionError
from lupusim.planning.runs.replicates import Simulator
from lupusim.planning.theory.counts import claims as drawing
from lupusim.planning.theory.counts.claims import claims_of_all
from lupusim.planning.theory.counts.joint import outcomes_of
from lupusim.planning.theory.counts.power import count_power
from lupusim.planning.theory.drawn import tables as drawn_module
from lupusim.planning.theory.drawn.tables import drawn_tables
from lupusim.planning.theory.power import formula_columns, known_power, known_type_one_error
from lupusim.trial import (
    AfterPatients,
    Dropout,
    PermutedBlocks,
    SimpleRandomization,
)
from lupusim.trial.observation import Strategy, VisitConduct
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, REMISSION, analysis, counted

FEW = ("three arms in strata", "ranks", "three endpoints", "a time at the end of a sequence")


def claims_of(trial):
    """All tables, or where these are too many drawn ones."""
    try:
        return claims_of_all(trial)
    except NoExactSolutionError:
        return drawn_tables(trial).claims()


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


def test_tables_that_take_a_second_for_few_are_left_to_patients(monkeypatch):
    trial = counted(**CASES["logistic regression"])
    assert drawn_tables(trial).claims(1000).n_drawn == 1000
    monkeypatch.setattr(drawing, "_WORK", 150_000)
    with pytest.raises(NoExactSolutionError, match="tables take as long as patients"):
        drawn_tables(trial).claims(2000)


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
