"""A supply in a whole trial: who asks, what tables and results say."""

from dataclasses import replace

import numpy as np
import pytest

from lupusim.engines import named_engine
from lupusim.planning.runs.run import run
from lupusim.planning.theory.power import formula_power
from lupusim.records import StateAt
from lupusim.report.run.supply import supply_rows
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.patient_level.tables import simulate_trial
from lupusim.trial import Covariate, CovariateEffect, Dropout, Infusions, Lots, NormalCovariate
from lupusim.trial.enrollment.arm_periods import OnDate
from lupusim.trial.treatment.supply import Manufacture, Supply, WhileEmpty
from tolerance import SEED, assert_within_mcse
from trials import disease_trial, scenario
from trials_platform import platform_trial

SCARCE = Supply(
    lots=Manufacture(doses=4, every=1 / 8, lead_time=0.1, fails=0.3, shelf_life=0.6),
    at_start=1,
    patience=0.1,
    draws={"cells": 1},
)
ON = (("active", "remission"),)


def block(n_replicates=1):
    return Block(seed=SEED, number=0, n_replicates=n_replicates)


def treated(**changes):
    """A trial with a scarce supply, and changes to the infusions of its experimental arm."""
    trial = disease_trial(dropout=Dropout())
    cells = Infusions(**{"cells_per_kg": 1e6, "at": (0.0, 0.5), **changes})
    arm = replace(trial.arms[1], infusions=cells)
    return replace(trial, arms=(trial.arms[0], arm), supply=SCARCE)


def wanted(trial, n_replicates=100):
    generated = generate(trial, block(n_replicates))
    return generated, np.isfinite(generated.supplied.demands.wanted)


def test_only_the_arms_that_draw_ask_and_each_for_its_course():
    generated, asked = wanted(treated())
    np.testing.assert_array_equal(asked, np.stack([generated.arm == 1] * 2, axis=2))


def test_infusions_that_are_missed_anyhow_ask_for_nothing():
    generated, asked = wanted(treated(missed=0.25))
    n = 2 * (generated.arm == 1).sum()
    assert_within_mcse(asked.sum() / n, 0.75, mcse=np.sqrt(0.75 * 0.25 / n))


def test_who_has_dropped_out_asks_for_nothing_and_leaves_the_line():
    trial = replace(treated(), dropout=Dropout(per_year=2.0))
    generated, asked = wanted(trial)
    there = (generated.arm == 1) & (generated.watched_until > 0.5)
    np.testing.assert_array_equal(asked[..., 1], there)
    demands = generated.supplied.demands
    leaves = (generated.enrollment_time + generated.watched_until)[..., None]
    assert (demands.until <= np.where(asked, leaves, np.inf)).all()
    by_state = replace(trial, dropout=Dropout(per_year=2.0, by_state={"active": 2.0}))
    generated, asked = wanted(by_state)  # not known before the disease is
    np.testing.assert_array_equal(asked[..., 1], generated.arm == 1)


def test_late_infusions_shift_the_course_and_missed_ones_are_left_out():
    trial = treated()
    generated = generate(trial, block(20))
    times = generated.supplied.study_times(trial.arms[1])
    late = times - np.array([[0.0], [0.5]])
    assert ((late >= 0) & ((late <= SCARCE.patience + 1e-12) | np.isinf(late))).all()
    assert {(late == 0).any(), (late > 0).any(), np.isinf(late).any()} == {True}


def test_a_single_trial_lists_every_infusion_and_every_lot():
    one = simulate_trial(scenario(treated()), engine="vector", seed=5)
    table = one.supply.set_index("patient")
    weight = one.patients.set_index("patient")["weight_kg"]
    given = table["outcome"].isin(["on time", "delayed"])
    np.testing.assert_allclose(
        table.loc[given, "cells"], 1e6 * weight.loc[table.index[given]], atol=0.06e6
    )
    assert (table.loc[~given, "cells"] == 0).all()
    assert table.loc[table["outcome"] == "missed", "lot"].isna().all()
    delayed = table.loc[given, "outcome"] == "delayed"
    np.testing.assert_array_equal(delayed, table.loc[given, "wait"] > 0)
    used = one.lots.set_index("lot")["used"]
    by_lot = table["lot"].dropna().astype(int).value_counts()
    assert (by_lot <= used.loc[by_lot.index]).all()  # the data cutoff hides some infusions
    assert (one.lots["used"] <= one.lots["doses"]).all()
    assert set(one.lots.loc[~one.lots["passed"], "doses"]) == {0}


def test_a_dose_set_aside_for_a_patient_who_has_died_is_lost():
    trial = treated(at=(0.0, 0.9))
    enough = replace(SCARCE, lots=Manufacture(doses=4), at_start=40)
    one = simulate_trial(scenario(replace(trial, supply=enough)), engine="vector", seed=5)
    deaths = one.events[one.events["to_state"] == "death"].set_index("patient")["study_time"]
    lost = one.supply[one.supply["outcome"] == "lost"]
    assert len(lost) > 0
    assert (deaths.loc[lost["patient"]].to_numpy() <= lost["study_time"]).all()
    assert set(lost["cells"]) == {0.0}


def test_lots_are_written_only_where_there_are_some(tmp_path):
    trial = treated()
    for supply, expected in ((SCARCE, True), (None, False)):
        folder = tmp_path / str(expected)
        one = simulate_trial(scenario(replace(trial, supply=supply)), engine="vector")
        assert ("lots.csv" in {path.name for path in one.to_csv(folder)}) == expected


def test_the_results_say_what_the_supply_did():
    result = run(scenario(treated(), replace(treated(), supply=None)), 20)
    supplied, plain = result.points
    rows = dict(supply_rows(supplied))
    assert {"missed for want of a dose", "lots that failed release", "doses expired"} <= set(rows)
    assert dict(supply_rows(plain)) == {}
    row = supplied.row()
    assert row["infusions_wanted"] >= row["infusions_missed"] > 0
    assert row["infusion_wait_mcse"] > 0
    assert "infusions_wanted" not in plain.row()


def test_a_null_twin_keeps_its_supply_and_the_potency_of_lots():
    lots = Lots(doses=4, sd=0.5, raises=ON)
    null = treated(lots=lots).null_twin()
    assert null.supply == SCARCE
    assert not null.arms[1].effects
    assert generate(null, block(2)).supplied is not None


def test_no_formula_gives_the_power_of_a_trial_with_a_supply():
    trial = treated()
    primary = trial.secondary[0]
    plain = replace(trial, primary=primary, secondary=(), supply=None)
    assert formula_power(replace(plain, supply=SCARCE)) is None


@pytest.mark.parametrize("n_replicates", [60])
def test_engines_agree_where_covariates_lots_and_own_times_meet(n_replicates):
    trial = treated(lots=Lots(doses=4, sd=0.4, raises=ON, lowers=(("remission", "relapse"),)))
    severity: dict[str, Covariate] = {"severity": NormalCovariate(mean=0.0, sd=1.0)}
    effect = CovariateEffect(covariate="severity", on=ON, hazard_ratio=1.5)
    population = replace(trial.population, covariates=severity, effects=(effect,))
    trial = replace(trial, population=population)
    shares, n = [], 61 * n_replicates
    for name in ("vector", "events"):
        seen = StateAt([0.6], n)
        generated = generate(
            trial, block(n_replicates), engine=named_engine(name), listeners=[seen]
        )
        cells = generated.arm.ravel() == 1
        shares.append(np.bincount(seen.states[0][cells], minlength=4) / cells.sum())
    mcse = np.sqrt(2 * shares[0] * (1 - shares[0]) / cells.sum())
    assert_within_mcse(shares[1], shares[0], mcse=mcse)


def test_pauses_put_off_the_dates_of_all_and_are_reported():
    pausing = replace(SCARCE, while_empty=WhileEmpty.PAUSE_ENROLLMENT)
    trial = treated(at=(0.0, 0.5))
    generated = {
        supply.while_empty: generate(replace(trial, supply=supply), block(20))
        for supply in (SCARCE, pausing)
    }
    waiting, paused = generated[WhileEmpty.WAIT], generated[WhileEmpty.PAUSE_ENROLLMENT]
    late = paused.enrollment_time - waiting.enrollment_time
    assert (np.diff(late, axis=1) >= -1e-12).all()  # whoever comes behind comes later by as much
    np.testing.assert_allclose(late, paused.supplied.late)
    np.testing.assert_array_equal(paused.arm, waiting.arm)
    np.testing.assert_array_equal(paused.patients.enrollment_time, paused.enrollment_time)
    asked = paused.supplied.demands.wanted[..., 0]
    np.testing.assert_array_equal(asked[paused.arm == 1], paused.enrollment_time[paused.arm == 1])
    assert (paused.supplied.wait[paused.arm == 1, 0] == 0).all()
    found = paused.supplied.quantities(np.full(20, 1e3))["enrollment_paused"]
    np.testing.assert_allclose(found, late[:, -1])
    assert waiting.supplied.late is None
    (point,) = run(scenario(replace(trial, supply=pausing)), 10).points
    assert "enrollment paused for want of doses, months" in dict(supply_rows(point))


def test_an_arm_that_joins_asks_from_then_on():
    trial = platform_trial(joins=(None, OnDate(time=0.5)))
    cells = Infusions(cells_per_kg=1e6, at=(0.0,))
    drawing = tuple(replace(one, infusions=cells) for one in trial.arms[1:])
    supply = replace(SCARCE, draws={one.name: 1 for one in drawing})
    trial = replace(trial, arms=(trial.arms[0], *drawing), supply=supply)
    generated = generate(trial, block(20))
    wanted = generated.supplied.demands.wanted[..., 0]
    late = generated.arm == 2
    assert late.any()
    assert wanted[late].min() >= 0.5
    np.testing.assert_array_equal(np.isfinite(wanted), generated.arm > 0)


def test_of_several_arms_it_is_said_whose_infusions_are_missed():
    trial = treated()
    high = replace(trial.arms[0], infusions=trial.arms[1].infusions)  # a control without effects
    both = replace(SCARCE, draws={"cells": 1, "placebo": 4})
    trial = replace(trial, arms=(high, trial.arms[1]), supply=both)
    found = generate(trial, block(50)).supplied.quantities(np.full(50, 10.0))
    total = found["infusions_missed_cells"] + found["infusions_missed_placebo"]
    np.testing.assert_array_equal(total, found["infusions_missed"])
    share = {name: found[f"infusions_missed_{name}"].sum() for name in ("placebo", "cells")}
    assert 2 * share["placebo"] > share["cells"]  # who are twice as many, and need a dose each
    (point,) = run(scenario(trial), 10).points
    assert {"missed, cells", "missed, placebo"} <= dict(supply_rows(point)).keys()
