"""Sensitivity of trials that are counts: by drawn tables, beside sums over all of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from counted_trials import ONSET, SITES
from lupusim.analysis.multiplicity.procedures import Graphical, sequential_graph
from lupusim.model import TreatmentEffect
from lupusim.planning.runs.replicates import Simulator
from lupusim.planning.sensitivity.one_at_a_time import Measure, sensitivity
from lupusim.planning.sensitivity.sobol import sobol
from lupusim.planning.solving.goal import Goal
from lupusim.planning.solving.number import Number
from lupusim.planning.solving.search import Effort, find_value
from lupusim.planning.theory.by_tables import is_simulated
from lupusim.report.questions.answers import sobol_table, tornado_table
from lupusim.simulation.tally import reduction
from lupusim.trial import Arm, Dropout, Minimization, UniformEnrollment
from lupusim.trial.multiplicity import Family
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, counted

pytestmark = pytest.mark.usefixtures("few")
MEASURE = Measure(n_replicates=1000, seed=SEED)
N = 300


def arm(name, ratio):
    return Arm(name=name, model=DISEASE, effects=(TreatmentEffect(on=ONSET, hazard_ratio=ratio),))


def three_arms(values):
    """Three arms of 100, whose tables are too many."""
    ratio, dropout = values.get("ratio", 1.2), values.get("dropout", 0.0)
    return counted(
        arms=(Arm(name="placebo", model=DISEASE), arm("a0", ratio), arm("a1", 1.4)),
        family=Family(procedure=Graphical.of(sequential_graph("bonferroni", 2, None))),
        n_patients=N,
        dropout=Dropout(per_year=dropout),
        enrollment=UniformEnrollment(duration=values.get("months", 12) / 12),
        **values.get("more", {}),
    )


def any_of_two(ratio, *, dropout=0.0):
    """The power of the same with as many patients on each arm, by all tables."""
    chances = []
    for one in (1.0, ratio, 1.4):
        generator = np.zeros((4, 4))
        for t in DISEASE.transitions:
            rate = t.hazard.rate * (one if (t.from_state, t.to_state) in ONSET else 1.0)
            generator[DISEASE.index(t.from_state), DISEASE.index(t.to_state)] = rate
        remission = expm(generator - np.diag(generator.sum(axis=1)))[0, 1]
        chances.append(remission * math.exp(-dropout))
    n = N // 3
    k = np.arange(n + 1)
    control, *new = (stats.binom.pmf(k, n, p) for p in chances)
    pooled = (k[:, None] + k) / (2 * n)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (k[:, None] - k) / n / np.sqrt(pooled * (1 - pooled) * 2 / n)
    accepted = np.nan_to_num(z, nan=0.0) < stats.norm.isf(0.1)
    return 1 - (control * (new[0] @ accepted) * (new[1] @ accepted)).sum()


RANGES = {"ratio": (1.0, 1.5), "dropout": (0.0, 0.5), "months": (6, 24)}
EXACT = {
    "ratio": (any_of_two(1.0), any_of_two(1.5)),
    "dropout": (any_of_two(1.2), any_of_two(1.2, dropout=0.5)),
}


def test_drawn_swings_are_those_of_all_tables():
    found = sensitivity(three_arms, RANGES, measure=MEASURE)
    assert found.tables_per_trial >= 1000
    assert_within_mcse(found.base.value, any_of_two(1.2), mcse=found.base.mcse)
    swings = {swing.path: swing for swing in found.swings}
    for path, (low, high) in EXACT.items():
        swing = swings[path]
        assert_within_mcse(swing.at_low.value, low, mcse=swing.at_low.mcse)
        assert_within_mcse(swing.at_high.value, high, mcse=swing.at_high.mcse)
        assert_within_mcse(swing.width.value, high - low, mcse=swing.width.mcse)
    assert (swings["months"].width.value, swings["months"].width.mcse) == (0.0, 0.0)
    assert found.to_json()["tables_per_trial"] == found.tables_per_trial
    table = tornado_table(found)
    assert "drawn tables of each trial" in table.title
    assert table.caption.endswith("changes are paired, table by table")


@pytest.mark.slow
def test_the_error_of_a_drawn_swing_is_honest_over_many_seeds():
    z = []
    for seed in range(SEED, SEED + 100):
        measure = replace(MEASURE, seed=seed)
        found = sensitivity(three_arms, {"ratio": RANGES["ratio"]}, measure=measure)
        (swing,) = found.swings
        z.append((swing.width.value - (EXACT["ratio"][1] - EXACT["ratio"][0])) / swing.width.mcse)
    assert abs(np.mean(z)) < 4 / math.sqrt(len(z))
    assert abs(np.std(z) - 1) < 4 / math.sqrt(2 * len(z))
    wrong = np.array(z) - 0.01 / swing.width.mcse
    assert abs(wrong.mean()) > 4 / math.sqrt(len(z))  # another swing is told from it


def test_exact_and_drawn_powers_are_compared_with_the_error_of_the_drawn_ones():
    def build(values):
        strata = {"population": SITES, "stratify_by": ("site",)} if values.get("sites") else {}
        return counted(arms=(Arm(name="placebo", model=DISEASE), arm("new", 2.0)), **strata)

    found = sensitivity(build, {"sites": (0, 1)}, measure=MEASURE)
    (swing,) = found.swings
    assert found.base.mcse == swing.at_low.mcse == swing.low_change.mcse == 0
    assert swing.at_high.mcse > 0
    assert swing.width.mcse == pytest.approx(swing.at_high.mcse)
    n = 2000
    simulated = Simulator(seed=SEED).tally(build({"sites": 1}), n).mean("reject")
    mcse = math.hypot(simulated.mcse, swing.at_high.mcse)
    assert_within_mcse(simulated.value, swing.at_high.value, mcse=mcse)


def test_shares_of_the_variance_are_those_of_computed_powers():
    ranges = {"ratio": (1.0, 1.5), "dropout": (0.0, 0.5)}
    found = sobol(three_arms, ranges, measure=MEASURE, n_trials=24)
    assert found.tables_per_trial >= 1000
    assert "24 designs by drawn tables" in sobol_table(found).title
    points = np.random.default_rng(SEED).random((400, 2)) * [0.5, 0.5] + [1.0, 0.0]
    powers = [any_of_two(ratio, dropout=dropout) for ratio, dropout in points.tolist()]
    assert_within_mcse(found.mean, np.mean(powers), mcse=np.std(powers) / 20 + 0.005)
    assert found.standard_deviation == pytest.approx(np.std(powers), rel=0.2)


def test_patients_are_simulated_where_numbers_do_not_say_a_power():
    def minimized(values):
        leaving = Dropout(per_year=values.get("d", 0.0))
        return counted(
            population=SITES,
            stratify_by=("site",),
            allocation=Minimization(n_levels=(3,)),
            dropout=leaving,
        )

    assert is_simulated(minimized({}))
    assert not is_simulated(three_arms({}))
    assert not is_simulated(counted())
    found = sensitivity(minimized, {"d": (0.0, 0.5)}, measure=Measure(n_replicates=100, seed=SEED))
    assert found.tables_per_trial is None


def test_a_number_solved_by_tables_has_the_power_of_all_tables():
    number = Number(
        name="ratio",
        design=lambda ratio: three_arms({"ratio": ratio}),
        stated=1.3,
        between=(1.0, 2.0),
    )
    found = find_value(number, Goal(target=0.45), Effort(seed=SEED, n_replicates=400))
    assert found.exact is None
    assert found.drawn.n == 1000
    assert reduction(found.drawn) < 0.5
    assert_within_mcse(any_of_two(found.value), 0.45, mcse=found.drawn.mcse)
    ends = [any_of_two(x) for x in (found.value - 1e-3, found.value + 1e-3)]
    slope = (ends[1] - ends[0]) / 2e-3
    assert found.standard_error == pytest.approx(found.drawn.mcse / slope, rel=0.25)
    assert found.to_json()["power_drawn"] == found.drawn.value
    assert found.n_replicates == 400  # those of the confirmation alone
