"""Power without simulation beside simulated power."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lupusim.endpoints import Responder
from lupusim.planning.runs.replicates import Simulator
from lupusim.planning.runs.run import run
from lupusim.planning.theory import power as power_module
from lupusim.planning.theory.assumptions import response_chance
from lupusim.planning.theory.counts import claims as drawing
from lupusim.planning.theory.power import formula_power, formula_powers, why_no_exact_power
from lupusim.report.run.table import operating_table
from lupusim.trial import AfterLastPatient, AtEvents, Dropout, PermutedBlocks
from lupusim.trial.allocation.adaptive import Urn
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
        {"n_patients": 600, "analysis": analysis("boschloo")},
        {"cutoff": AfterLastPatient(follow_up=0.5)},
        {"primary": disease_trial().primary, "analysis": analysis()},
    ],
)
def test_where_no_formula_holds_none_is_given(changes):
    assert formula_power(binary_trial(**changes)) is None


@pytest.mark.parametrize(
    "changes", [{"n_patients": 60_006}, {"stratify_by": ("nephritis",), "n_patients": 6_006}]
)
def test_where_tables_are_too_many_some_are_drawn(changes, monkeypatch):
    monkeypatch.setattr(drawing, "_WORK", 1_000_000)
    power = formula_power(binary_trial(**changes))
    assert power.is_drawn
    assert power.method == f"from {power.n_drawn:,} drawn tables".replace(",", " ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_patients": 60_006}, ""),
        ({"n_patients": 600, "analysis": analysis("boschloo")}, "up to 40000 tables for boschloo"),
        ({"n_patients": 600}, ""),
        ({"allocation": Urn()}, "the arms' sizes depend on who came before"),
        ({"primary": disease_trial().primary, "analysis": analysis()}, ""),
        ({"analysis": None, "arms": disease_trial().arms[:1]}, ""),
    ],
)
def test_it_is_told_where_exact_tables_stop(changes, words):
    trial = binary_trial(**changes)
    assert why_no_exact_power(trial) == words
    (table,) = operating_table(run(scenario(trial), 2, seed=SEED)).renderables
    (shown,) = table.columns
    told = shown.get("power, exact, all tables", "").startswith("not worked out: ")
    assert told == bool(words)


@pytest.mark.parametrize("n_patients", [62, 65, 1_001])
def test_a_last_block_that_is_not_filled_has_exact_power_too(n_patients):
    # Blocks of 6 dealt by hand, every table by SciPy's binomials
    trial = binary_trial(n_patients=n_patients, analysis=analysis("pooled_z", alpha=0.1))
    chances = [response_chance(trial, arm.law, trial.primary) for arm in trial.arms]
    whole, rest = divmod(n_patients, 6)
    power = 0.0
    for more in range(rest + 1):
        share = stats.hypergeom(6, 4, rest).pmf(more)
        n, m = 4 * whole + more, 2 * whole + rest - more
        x, y = np.mgrid[0 : n + 1, 0 : m + 1]
        pooled = (x + y) / (n + m)
        error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        z = np.divide(x / n - y / m, error, out=np.zeros(x.shape), where=error > 0)
        rejects = z >= stats.norm.ppf(0.9) - 1e-12
        new, control = stats.binom(n, chances[1]).pmf(x), stats.binom(m, chances[0]).pmf(y)
        power += share * (new * control * rejects).sum()
    assert formula_power(trial).value == pytest.approx(power, abs=1e-8)


@pytest.mark.slow
def test_two_thousand_on_each_arm_are_still_gone_through():
    # R 4.2.2: exact enumeration is the sum of dbinom over phyper(...) <= 0.1
    trial = binary_trial(n_patients=3_000, analysis=analysis("fisher_exact", alpha=0.1))
    chances = [response_chance(trial, arm.law, trial.primary) for arm in trial.arms]
    n, m = 2_000, 1_000
    y = np.arange(m + 1)
    likely = stats.binom(m, chances[0]).pmf(y)
    power = 0.0
    for x in range(n + 1):
        chance = stats.binom(n, chances[1]).pmf(x)
        if chance > 1e-14:
            p_value = stats.hypergeom(n + m, x + y, n).sf(x - 1)
            power += chance * (likely * (p_value <= 0.1)).sum()
    assert formula_power(trial).value == pytest.approx(power, abs=1e-6)


def test_a_theory_that_fails_takes_no_result_away(monkeypatch):
    def fails(trial, analysis):
        raise OverflowError(f"math range error: {trial} {analysis}")

    monkeypatch.setattr(power_module, "survival_powers", fails)
    trial = survival_trial(cutoff=AtEvents(events=88), n_patients=120)
    assert formula_powers(trial) == ()
    row = run(scenario(trial), 4, seed=SEED).points[0].row()
    assert "power" in row
    assert "power_theory" not in row


def test_a_hazard_ratio_of_0_is_answered_without_a_formula():
    trial = survival_trial(hazard_ratio=0.0, cutoff=AtEvents(events=20), n_patients=120)
    row = run(scenario(trial), 20, seed=SEED).points[0].row()
    assert row["power"] == 1.0
    assert "power_schoenfeld" not in row


def test_schoenfeld_s_formula_is_given_at_a_number_of_events():
    trial = survival_trial(cutoff=AtEvents(events=88), n_patients=120)
    power = next(one for one in formula_powers(trial) if one.key == "schoenfeld")
    assert power.method.startswith("Schoenfeld's formula")
    # 88 events have 90 % power for a hazard ratio of 0.5: Schoenfeld (1983), 4 (1.96 + 1.28)^2 /
    # log(0.5)^2 = 87.5
    assert power.value == pytest.approx(0.902, abs=0.002)
    two_sided = replace(trial, analysis=analysis(alpha=0.05, sided=2))
    again = next(one for one in formula_powers(two_sided) if one.key == "schoenfeld")
    assert again.value == pytest.approx(power.value)


@pytest.mark.parametrize("ratio", [1.0, 1.5])
def test_no_benefit_has_no_schoenfeld_power(ratio):
    found = formula_powers(survival_trial(hazard_ratio=ratio, cutoff=AtEvents(events=50)))
    assert all(one.key == "theory" and one.value < 0.025 for one in found)
    assert bool(found) == (ratio > 1)


def test_the_table_prints_it_before_the_simulated_power():
    result = run(scenario(binary_trial()), 4, seed=SEED)
    (table,) = operating_table(result).renderables
    labels = list(table.columns[0])
    power = next(k for k, label in enumerate(labels) if label.startswith("power (pooled_z"))
    assert labels[power - 1] == "power, exact, all tables"
    error = next(k for k, label in enumerate(labels) if label.startswith("type I error (both"))
    assert labels[error - 1] == "type I error, exact, all tables"
