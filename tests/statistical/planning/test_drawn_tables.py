"""Known chance taken out of drawn tables: unbiased, with honest errors, of every kind of trial."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from counted_trials import BY_SITE, CASES, RANKS, STRATA
from lupusim.common.rng import stream
from lupusim.planning.theory.counts.claims import decided, law_of, ways_of
from lupusim.planning.theory.drawn import controls as drawn_controls
from lupusim.planning.theory.drawn.controls import (
    TableControls,
    TableSums,
    in_folds,
    without_known_chance,
)
from lupusim.scenario import load_scenario
from lupusim.simulation.tally import reduction
from tolerance import SEED, assert_within_mcse
from trials import analysis, counted

N_RUNS, N_TABLES, N_TRUE = 60, 2_000, 200_000
KINDS = {
    **{name: lambda case=case: counted(**case) for name, case in CASES.items()},
    "three strata of Cochran's test": lambda: counted(
        analysis=BY_SITE, population=STRATA, stratify_by=("site",), n_patients=120
    ),
    "proportional odds": lambda: counted(
        primary=RANKS, analysis=analysis("proportional_odds", alpha=0.2), n_patients=60
    ),
    "bicla": lambda: load_scenario("phase3_bicla_52w").points[0].trial,
}
FITTED = {"proportional odds", "logistic regression"}


@cache
def known(kind, null):
    """Return a law, what sees it, and the share of many tables that claim an effect, counted."""
    trial = KINDS[kind]()
    trial = trial.null_twin() if null else trial
    asked = ways_of(trial)[-1 if kind != "bicla" and "time" not in kind else 0]
    law, n_true = law_of(trial, asked), N_TRUE // (10 if kind in FITTED else 1)
    reject = [
        decided(law, asked, law.drawn(n_true // 10, rng=stream(SEED, "truth", part)))["reject"]
        for part in range(10)
    ]
    p = float(np.mean(reject))
    return law, asked, p, math.sqrt(p * (1 - p) / n_true)


def runs(kind, null, law_used, monkeypatch):
    """Return what many runs show, each with a pilot and tables of its own."""
    law, asked, *_ = known(kind, null)
    found = []
    for run in range(N_RUNS):
        monkeypatch.setattr(drawn_controls, "SEED", run)
        controls = replace(TableControls.of(law_used(law), asked), counted=law)
        numbers = in_folds(law.drawn(N_TABLES, rng=stream(SEED, "tables", run))).distinct()
        found.append(controls.sums(numbers).shares()["reject"])
    return found


def check_is_unbiased(kind, null, found):
    *_, p, error = known(kind, null)
    values = np.array([one.value for one in found])
    assert_within_mcse(values.mean(), p, mcse=math.hypot(values.std() / math.sqrt(N_RUNS), error))


def check(kind, null, monkeypatch):
    found = runs(kind, null, lambda law: law, monkeypatch)
    check_is_unbiased(kind, null, found)
    values, stated = (np.array([getattr(one, of) for one in found]) for of in ("value", "mcse"))
    ratio = values.var(ddof=1) / np.mean(stated**2)
    assert_within_mcse(ratio, 1.0, mcse=math.sqrt(2 / (N_RUNS - 1)))
    assert np.median([reduction(one) for one in found]) < 0.7  # something is gained


def test_shares_of_some_tables_are_unbiased_and_their_errors_honest(monkeypatch):
    check("three strata of Cochran's test", False, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("null", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_shares_of_drawn_tables_are_unbiased_and_their_errors_honest(kind, null, monkeypatch):
    check(kind, null, monkeypatch)


@pytest.mark.parametrize("kind", ["three arms", "proportional odds", "kept and last"])
def test_of_single_tables_as_much_chance_is_taken_out_as_of_their_share(kind):
    law, asked, *_ = known(kind, False)
    controls = TableControls.of(law, asked)
    numbers = law.drawn(N_TABLES, rng=stream(SEED, "single tables"))
    share = controls.sums(in_folds(numbers).distinct()).shares()["reject"]
    claims = decided(law, asked, numbers)["reject"]
    left = without_known_chance(claims, controls.values(numbers))
    assert left.mean() == pytest.approx(share.value, abs=1e-12)
    one_more = drawn_controls._UNSEEN / N_TABLES
    error = math.hypot(left.std() / math.sqrt(N_TABLES), one_more)
    assert error == pytest.approx(share.mcse, rel=0.01)


@pytest.mark.slow
def test_errors_of_rare_claims_are_honest():
    trial = counted(
        analysis=replace(BY_SITE, alpha=0.025),
        population=STRATA,
        stratify_by=("site",),
        n_patients=330,
    ).null_twin()
    asked = ways_of(trial)[-1]
    law, n_runs = law_of(trial, asked), 1_000
    controls, shares = TableControls.of(law, asked), []
    for run in range(n_runs):
        numbers = in_folds(law.drawn(1_000, rng=stream(SEED, "few claims", run))).distinct()
        shares.append(controls.sums(numbers).shares()["reject"])
    values, errors = (np.array([getattr(one, of) for one in shares]) for of in ("value", "mcse"))
    far = np.abs(values - values.mean()) / 1.96
    mcse = math.sqrt(0.05 * 0.95 / n_runs)
    assert_within_mcse(np.mean(far > errors), 0.05, mcse=mcse)
    unaided = np.sqrt(np.maximum(errors**2 - (drawn_controls._UNSEEN / 1_000) ** 2, 0.0))
    assert np.mean(far > unaided) > 0.05 + 4 * mcse  # without the one table more


def test_a_table_that_controls_tell_wholly_leaves_the_error_of_one_more():
    claims = np.arange(400) % 4 < 2
    rows = np.column_stack([np.ones(400), claims, claims - 0.5])
    of_folds = np.repeat((rows.T @ rows)[None] / 4, 4, axis=0)
    share = TableSums(names=("reject",), products=of_folds).shares()["reject"]
    assert share.value == pytest.approx(0.5)
    assert share.mcse == pytest.approx(0.5 / 400)


def test_a_wrong_law_is_caught(monkeypatch):
    def wrong(law):
        chances = law.outcomes.chances.copy()
        chances[1] = 0.97 * chances[1] + 0.03 * chances[0]  # an effect 3 % smaller
        return replace(law, outcomes=replace(law.outcomes, chances=chances))

    kind = "three strata of Cochran's test"
    found = runs(kind, False, wrong, monkeypatch)
    with pytest.raises(AssertionError, match="standard errors apart"):
        check_is_unbiased(kind, False, found)


def test_as_many_tables_of_one_test_tell_ten_times_as_much():
    law, asked, *_ = known("three strata of Cochran's test", False)
    numbers = in_folds(law.drawn(20_000, rng=stream(SEED, "worth"))).distinct()
    share = TableControls.of(law, asked).sums(numbers).shares()["reject"]
    assert reduction(share) < 0.1
