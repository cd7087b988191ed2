"""Power of whole simulated trials against finite sums, and of normal values against integrals.

The log-rank test's formulas are asymptotic: what they are worth is seen in
``test_trial_power.py`` and ``test_single_arm_trials.py``.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from lupusim.analysis.outcomes import NumberOutcome, SurvivalOutcome
from lupusim.analysis.registry import TESTS
from lupusim.common.rng import stream
from lupusim.planning.runs.replicates import Simulator
from lupusim.scenario import scenario_from_mapping
from lupusim.trial import Analysis, AtEvents, Better, PermutedBlocks
from scenario_contents import ONE_ARM
from small_trials import rates
from tolerance import SEED, assert_within_mcse
from trials import analysis, exponential_arm, survival_trial

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))
import levels_of_tests as levels

ALPHA, N = 0.025, 100_000


def share_of_successes(trial, n=N):
    return Simulator(seed=SEED).tally(trial, n).mean("reject").value


def assert_power(found, exact, n=N):
    assert 0 < exact < 0.98
    assert_within_mcse(found, exact, mcse=math.sqrt(exact * (1 - exact) / n))


# Test, patients and true rate of the control and of the other arm.
RESPONSES = [
    ("pooled_z", (30, 0.3), (30, 0.6)),
    ("unpooled_z", (30, 0.3), (30, 0.6)),
    ("miettinen_nurminen", (20, 0.2), (40, 0.5)),
    ("risk_ratio", (40, 0.25), (20, 0.6)),
    ("risk_ratio_score", (20, 0.3), (40, 0.6)),
    ("odds_ratio", (30, 0.4), (30, 0.7)),
    ("fisher_exact", (20, 0.2), (20, 0.6)),
    ("boschloo", (15, 0.2), (15, 0.6)),
    ("barnard", (15, 0.2), (15, 0.6)),
    ("logistic_regression", (25, 0.3), (25, 0.6)),
    ("posterior_difference", (20, 0.3), (20, 0.65)),
]


def response_trial(name, control, other):
    (n, rate), (other_n, other_rate) = control, other
    common = math.gcd(n, other_n)
    trial = rates(
        (rate, other_rate), n_patients=n + other_n, ratio=(n // common, other_n // common)
    )
    kind = TESTS[name]
    decision = Analysis(name=name, test=levels.test_of(name), effect=kind.effect, alpha=ALPHA)
    block = PermutedBlocks(block_size=n + other_n)  # so that the arms have exactly their sizes
    return replace(trial, analysis=decision, allocation=block)


def exact_response_power(name, control, other):
    (n, rate), (other_n, other_rate) = control, other
    rejected = levels.rejected_tables(name, levels.Design(control=n, experimental=other_n))
    return levels.chance_of(rejected, rate, other_rate)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "control", "other"), RESPONSES, ids=[r[0] for r in RESPONSES])
def test_power_of_a_test_of_responses_is_the_sum_over_its_tables(name, control, other):
    found = share_of_successes(response_trial(name, control, other))
    assert_power(found, exact_response_power(name, control, other))


@pytest.mark.slow
@pytest.mark.parametrize("name", [row[0] for row in RESPONSES])
def test_level_of_a_test_of_responses_is_the_sum_over_its_tables(name):
    arms = (20, 0.3), (40, 0.3)  # the level depends on the rate, and on which arm is larger
    assert_power(share_of_successes(response_trial(name, *arms)), exact_response_power(name, *arms))


@pytest.mark.slow
def test_the_tables_that_reject_are_those_of_other_programs():
    """Fisher and Boschloo by scipy, the z tests by hand."""
    n = 10
    design = levels.Design(control=n, experimental=n)
    y0, y1 = np.indices((n + 1, n + 1)) / n
    pooled = (y0 + y1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled_z = (y1 - y0) / np.sqrt(pooled * (1 - pooled) * 2 / n)
    expected = {"pooled_z": stats.norm.sf(pooled_z) <= ALPHA}
    for name, test in (("fisher_exact", stats.fisher_exact), ("boschloo", stats.boschloo_exact)):
        expected[name] = np.array(
            [
                [
                    test([[b, n - b], [a, n - a]], alternative="greater").pvalue <= ALPHA
                    for b in range(n + 1)
                ]
                for a in range(n + 1)
            ]
        )
    for name, rejected in expected.items():
        np.testing.assert_array_equal(levels.rejected_tables(name, design), rejected, name)


YEAR = {
    **{key: value for key, value in ONE_ARM.items() if key != "sample_size"},  # tests give theirs
    "follow_up": "12 months",
    "visits": ["12 months"],
    "endpoints": {"primary": {**ONE_ARM["endpoints"]["primary"], "at": "12 months"}},
}
RATE = 0.5  # of deaths within a year in the packaged model, whose hazard is log(2) a year


def one_arm_trial(decision, **more):
    return scenario_from_mapping({**YEAR, "analysis": decision, **more}).points[0].trial


@pytest.mark.slow
def test_power_of_an_exact_binomial_test_is_a_binomial_tail():
    trial = one_arm_trial({"test": "exact_binomial", "null_rate": 0.3}, sample_size=36)
    needed = next(x for x in range(37) if stats.binom.sf(x - 1, 36, 0.3) <= ALPHA)
    assert_power(share_of_successes(trial), stats.binom.sf(needed - 1, 36, RATE))


@pytest.mark.slow
def test_power_of_a_posterior_probability_is_a_binomial_tail():
    decision = {"test": "posterior_probability", "null_rate": 0.35, "threshold": 0.95}
    needed = next(x for x in range(31) if stats.beta.sf(0.35, 1 + x, 31 - x) >= 0.95)
    trial = one_arm_trial(decision, sample_size=30)
    assert_power(share_of_successes(trial), stats.binom.sf(needed - 1, 30, RATE))


@pytest.mark.slow
def test_power_of_simon_s_design_is_a_sum_over_both_stages():
    """10 patients, stop with 1 or fewer responders; 29 in all, fail with 13 or fewer."""
    design = {"first_responders": 1, "first_patients": 10, "responders": 13, "patients": 29}
    decision = {"test": "simon", "null_rate": 0.3, "alternative_rate": 0.5, "design": design}
    expected = sum(
        stats.binom.pmf(x, 10, RATE) * stats.binom.sf(13 - x, 19, RATE) for x in range(2, 11)
    )
    assert_power(share_of_successes(one_arm_trial(decision)), expected)


HAZARD_RATIO, EACH = 0.3, 7
RANK_TESTS = [
    "logrank",
    "cox",
    "fleming_harrington",
    "gray",
    "fine_gray",
    "fine_gray_weighted",
    "subdistribution_logrank",
]


def savage_power(name):
    r"""Sum the probabilities of the orders of events that a test of ranks rejects.

    With proportional hazards and nobody censored the order :math:`z_1, z_2, \dots` of the arms'
    events has the probability :math:`\prod_i \theta^{z_i} / (a_i + \theta b_i)`, where
    :math:`a_i` and :math:`b_i` of control and other arm are still at risk; Savage (1956), *Annals
    of Mathematical Statistics* 27, 590-615. Patients of an arm are alike: times n! m!.
    """
    n = 2 * EACH
    chosen = np.array(list(combinations(range(n), EACH)))
    arm = np.zeros((len(chosen), n), dtype=np.int8)
    np.put_along_axis(arm, chosen, 1, axis=1)
    at_risk = np.cumsum(arm[:, ::-1], axis=1)[:, ::-1]
    control_at_risk = np.cumsum(1 - arm[:, ::-1], axis=1)[:, ::-1]
    hazards = control_at_risk + HAZARD_RATIO * at_risk
    chance = math.factorial(EACH) ** 2 * HAZARD_RATIO**EACH / hazards.prod(axis=1)
    assert chance.sum() == pytest.approx(1)
    outcome = SurvivalOutcome(
        time=np.broadcast_to(np.arange(1.0, n + 1), arm.shape),
        event=np.ones(arm.shape, dtype=bool),
        arm=arm,
    )
    stratum = np.zeros(arm.shape, dtype=np.int64)
    verdict = TESTS[name](outcome, better=Better.FEWER, sided=1, stratum=stratum)
    return float(chance[verdict.p_value <= ALPHA].sum())


@pytest.mark.slow
@pytest.mark.parametrize("name", RANK_TESTS)
def test_power_of_a_test_of_ranks_is_the_sum_over_the_orders_of_events(name):
    n = 2 * EACH
    trial = survival_trial(
        n_patients=n,
        hazard_ratio=HAZARD_RATIO,
        allocation=PermutedBlocks(block_size=n),
        follow_up=math.inf,
        cutoff=AtEvents(events=n),
        analysis=analysis(name),
    )
    assert_power(share_of_successes(trial), savage_power(name))


@pytest.mark.slow
def test_power_of_a_one_sample_log_rank_test_is_a_gamma_probability():
    """With nobody censored E events are expected for n, E is gamma and z = (n - E) / sqrt(E)."""
    n, reference, hazard = 40, 0.8, 0.5
    decision = {"test": "one_sample_logrank", "against": {"hazard_per_year": reference}}
    trial = one_arm_trial(
        decision, sample_size=n, endpoints={"primary": {"kind": "survival"}}, visits=[]
    )
    trial = replace(
        trial,
        arms=(exponential_arm("cells", hazard),),
        follow_up=math.inf,
        cutoff=AtEvents(events=n),
    )
    # z <= -1.96 where E >= the square of the positive root of x^2 - 1.96 x - n
    root = (1.959964 + math.sqrt(1.959964**2 + 4 * n)) / 2
    expected = stats.gamma.sf(root**2 * hazard / reference, n)
    assert_power(share_of_successes(trial), expected)


def normal_outcomes(shift, n, *, arms=(20, 30)):
    """Return normal values whose baseline explains half of their variance."""
    rng = stream(SEED, "normal values", n, str(shift))
    arm = np.broadcast_to(np.repeat(np.array([0, 1], dtype=np.int8), arms), (n, sum(arms)))
    baseline = rng.normal(size=arm.shape)
    values = shift * arm + (baseline + rng.normal(size=arm.shape)) / math.sqrt(2)
    included = np.ones(arm.shape, dtype=bool)
    return NumberOutcome(values=values, included=included, arm=arm, baseline=baseline)


def share_of_rejections(name, shift, n=N, part=5000):
    outcome = normal_outcomes(shift, part * (n // part))
    rejected = 0
    for begin in range(0, n, part):
        rows = slice(begin, begin + part)
        one = NumberOutcome(
            values=outcome.values[rows],
            included=outcome.included[rows],
            arm=outcome.arm[rows],
            baseline=outcome.baseline[rows],
        )
        stratum = np.zeros(one.arm.shape, dtype=np.int64)
        verdict = TESTS[name](one, better=Better.MORE, sided=1, stratum=stratum)
        rejected += int((verdict.p_value <= ALPHA).sum())
    return rejected / n


def noncentral_t_power(drift, df):
    return stats.nct.sf(stats.t.isf(ALPHA, df), df, drift)


@pytest.mark.slow
def test_power_of_the_t_test_is_that_of_the_noncentral_t_distribution():
    drift = 0.8 * math.sqrt(20 * 30 / 50)
    assert_power(share_of_rejections("t_test", 0.8), noncentral_t_power(drift, 48))


@pytest.mark.slow
def test_power_of_ancova_is_the_noncentral_t_s_over_chance_imbalance_of_the_baseline():
    """The baseline takes a share of the arm's information that is beta(1/2, (N - 2) / 2)."""
    drift = 0.6 * math.sqrt(2) * math.sqrt(20 * 30 / 50)

    def weighted(share):
        return noncentral_t_power(drift * math.sqrt(1 - share), 47) * stats.beta.pdf(share, 0.5, 24)

    exact = sum(integrate.quad(weighted, a, b)[0] for a, b in ((0, 0.01), (0.01, 0.2), (0.2, 1)))
    assert_power(share_of_rejections("ancova", 0.6), exact)


def test_negative_control_two_patients_more_are_noticed():
    trial = response_trial("pooled_z", (30, 0.3), (30, 0.6))
    found = share_of_successes(trial, 20_000)
    assert_power(found, exact_response_power("pooled_z", (30, 0.3), (30, 0.6)), n=20_000)
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_power(found, exact_response_power("pooled_z", (32, 0.3), (32, 0.6)), n=20_000)
