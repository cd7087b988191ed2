"""Power without simulation beside simulated power."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lupusim.planning.runs.replicates import Simulator
from lupusim.planning.runs.run import run
from lupusim.planning.theory.power import formula_power
from lupusim.report.run.table import operating_table
from lupusim.trial import (
    AfterLastPatient,
    AtEvents,
    Dropout,
    PermutedBlocks,
    Responder,
)
from lupusim.trial.observation import VisitConduct
from tolerance import SEED, assert_within_mcse
from trials import analysis, disease_trial, scenario, survival_trial

REMISSION = Responder(name="remission", states=("remission",), at=1.0)


def binary_trial(**changes):
    """Placebo and cells, 1 to 2, response at one year, dropout that looks at nobody's state."""
    values = {
        "primary": REMISSION,
        "secondary": (),
        "n_patients": 60,
        "analysis": analysis("pooled_z"),
        "stratify_by": (),
        "allocation": PermutedBlocks(block_size=6),
        "dropout": Dropout(per_year=0.2),
    }
    return disease_trial(**{**values, **changes})


@pytest.mark.parametrize("name", ["pooled_z", "fisher_exact", "miettinen_nurminen"])
def test_simulated_power_is_the_exact_one(name):
    trial = binary_trial(analysis=analysis(name, alpha=0.1))
    power = formula_power(trial)
    assert power.method == "exact, all tables"
    n = 4000
    found = Simulator(seed=SEED).tally(trial, n).mean("reject")
    mcse = math.sqrt(power.value * (1 - power.value) / n)
    assert_within_mcse(found.value, power.value, mcse=mcse)


def test_negative_control_without_dropout_the_exact_power_is_another_one():
    one, other = binary_trial(n_patients=180), binary_trial(n_patients=180, dropout=Dropout())
    assert abs(formula_power(one).value - formula_power(other).value) > 0.02


@pytest.mark.parametrize(
    "changes",
    [
        {"analysis": analysis("cochran_mantel_haenszel")},
        {"n_patients": 61},
        {"n_patients": 1200},
        {"dropout": Dropout(per_year=0.2, by_state={"active": 2.0})},
        {"stratify_by": ("nephritis",)},
        {"visit_conduct": VisitConduct(missed=0.1)},
        {"cutoff": AfterLastPatient(follow_up=0.5)},
        {"primary": disease_trial().primary, "analysis": analysis()},
    ],
)
def test_where_no_formula_holds_none_is_given(changes):
    assert formula_power(binary_trial(**changes)) is None


def test_schoenfeld_s_formula_is_given_at_a_number_of_events():
    trial = survival_trial(cutoff=AtEvents(events=88), n_patients=120)
    power = formula_power(trial)
    assert power.method == "Schoenfeld's formula"
    # 88 events have 90 % power for a hazard ratio of 0.5: Schoenfeld (1983), 4 (1.96 + 1.28)^2 /
    # log(0.5)^2 = 87.5
    assert power.value == pytest.approx(0.902, abs=0.002)
    two_sided = replace(trial, analysis=analysis(alpha=0.05, sided=2))
    assert formula_power(two_sided).value == pytest.approx(power.value)


@pytest.mark.parametrize("ratio", [1.0, 1.5])
def test_no_benefit_has_no_schoenfeld_power(ratio):
    assert formula_power(survival_trial(hazard_ratio=ratio, cutoff=AtEvents(events=50))) is None


def test_the_table_prints_it_beside_the_simulated_power():
    result = run(scenario(binary_trial()), 4, seed=SEED)
    (table,) = operating_table(result).renderables
    labels = [str(cell) for cell in table.columns[0].cells]
    power = next(k for k, label in enumerate(labels) if label.startswith("power (pooled_z"))
    assert labels[power + 1] == "power, exact, all tables"
