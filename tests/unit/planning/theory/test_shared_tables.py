"""Thresholds of trials that are counts: by tables that are drawn once, beside sums over all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from lupusim.analysis.multiplicity.procedures import Graphical, sequential_graph
from lupusim.model import TreatmentEffect
from lupusim.planning.thresholds import calibrate_threshold, confirmed_threshold
from lupusim.report.questions.thresholds import threshold_table
from lupusim.simulation.tally import reduction
from lupusim.trial import Arm, Minimization
from lupusim.trial.multiplicity import Family
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, analysis, counted

pytestmark = pytest.mark.usefixtures("few")
N = 100  # patients on each arm


def at_level(alpha, **more):
    effect = TreatmentEffect(on=(("active", "remission"),), hazard_ratio=1.3)
    treated = (Arm(name=name, model=DISEASE, effects=(effect,)) for name in ("low", "high"))
    return counted(
        arms=(Arm(name="placebo", model=DISEASE), *treated),
        family=Family(procedure=Graphical.of(sequential_graph("bonferroni", 2, None))),
        n_patients=3 * N,
        analysis=analysis("pooled_z", alpha=alpha),
        **more,
    )


def error_at(alpha):
    """The chance that either of two arms that fare as the control is found better."""
    generator = np.zeros((4, 4))
    for t in DISEASE.transitions:
        generator[DISEASE.index(t.from_state), DISEASE.index(t.to_state)] = t.hazard.rate
    k = np.arange(N + 1)
    remission = expm(generator - np.diag(generator.sum(axis=1)))[0, 1]
    chances = stats.binom.pmf(k, N, remission)
    pooled = (k[:, None] + k) / (2 * N)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (k[:, None] - k) / N / np.sqrt(pooled * (1 - pooled) * 2 / N)
    accepted = chances @ (np.nan_to_num(z, nan=0.0) < stats.norm.isf(alpha / 2))
    return 1 - (chances * accepted**2).sum()


ASKED = {"n_replicates": 5_000, "seed": SEED}


def test_a_level_that_drawn_tables_find_has_the_error_of_all_tables():
    found = calibrate_threshold(at_level, (0.01, 0.2), type_one_error=0.05, **ASKED)
    assert found.n_tables == found.type_one_error.n == 5_000
    assert found.type_one_error.value <= 0.05
    mcse = found.type_one_error.mcse
    assert reduction(found.type_one_error) < 0.5
    assert_within_mcse(error_at(found.threshold), found.type_one_error.value, mcse=mcse)
    assert error_at(found.lower) < 0.05 < error_at(found.upper)


@pytest.mark.slow
def test_the_error_of_drawn_tables_is_honest_over_many_seeds():
    z = []
    for seed in range(SEED, SEED + 40):
        asked = {"n_replicates": 2_000, "seed": seed}
        error = calibrate_threshold(at_level, (0.02, 0.15), type_one_error=0.05, **asked)
        found = error.type_one_error
        z.append((found.value - error_at(error.threshold)) / found.mcse)
    assert abs(np.mean(z)) < 4 / np.sqrt(len(z))
    assert abs(np.std(z) - 1) < 4 / np.sqrt(2 * len(z))


def test_the_search_by_tables_is_confirmed_by_patients_and_told_from_theirs():
    found = confirmed_threshold(at_level, (0.01, 0.2), alpha=0.05, n_replicates=400, seed=SEED)
    assert not found.is_exact
    assert found.row()["n_tables"] == found.found.n_tables > 400
    title = threshold_table(found, ["analysis.alpha"]).title
    assert f"{found.found.n_tables:,} drawn tables of the search".replace(",", " ") in title
    assert_within_mcse(
        found.type_one_error.value, error_at(found.found.threshold), mcse=found.type_one_error.mcse
    )


def test_patients_are_simulated_where_tables_do_not_say_the_error():
    def minimized(alpha):
        return at_level(alpha, stratify_by=("nephritis",), allocation=Minimization(n_levels=(2,)))

    found = calibrate_threshold(
        minimized, (0.01, 0.4), type_one_error=0.1, n_replicates=200, seed=SEED
    )
    assert found.n_tables == 0
    assert found.type_one_error.n == 200
