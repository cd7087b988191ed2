"""Models, ranks, pairs and competing causes at every size from 2 to 5000 patients."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lupusim import analysis
from lupusim.common.rng import stream

SIZES = st.one_of(st.integers(2, 40), st.sampled_from([151, 300, 999]))
SEEDS = st.integers(0, 10**6)
TICKS = st.sampled_from([0, 1, 3, 50])  # 0: no ties; else times are rounded up to 1/ticks


def trial(n, seed, ticks):
    rng = stream(seed, "models")
    time = rng.exponential(1.0, (3, n))
    if ticks:
        time = np.ceil(time * ticks) / ticks
    event = rng.random((3, n)) < rng.choice([0.05, 0.5, 1.0])
    arm = rng.random((3, n)) < 0.5
    included = rng.random((3, n)) < rng.choice([0.5, 1.0])
    return time, event, arm, included


def results(time, event, arm, included):
    """Return one result of every kind, for rows or for a single trial."""
    both = np.stack([np.asarray(arm, dtype=float), np.round(np.sin(9 * time), 2)], axis=-1)
    pairs = [analysis.later_is_better(time, event), analysis.larger_is_better(both[..., 1])]
    wins = analysis.win_statistics(pairs, arm, included=included)
    return {
        "cox": analysis.cox(time, event, arm, included=included),
        "cox_breslow": analysis.cox_breslow(time, event, arm, included=included),
        "cox_regression": analysis.cox_regression(time, event, both, included=included),
        "modest": analysis.weighted_logrank(
            time, event, arm, weight=analysis.MagirrBurman(until=0.7), included=included
        ),
        "max_combo": analysis.max_combo(time, event, arm, included=included),
        "rmst": analysis.rmst_difference(time, event, arm, 0.6, included=included),
        "incidence": analysis.cumulative_incidence_by_arm(
            time, event, time > 0.5, arm, 0.8, included=included
        ),
        "rates": analysis.rate_ratio(event, time, arm, included=included),
        "wilcoxon": analysis.wilcoxon(time, arm, included=included),
        "welch": analysis.welch_test(time, arm, included=included),
        "pooled": analysis.pooled_t_test(time, arm, included=included),
        "ancova": analysis.ancova(time, arm, both[..., 1:], included=included),
        "logistic": analysis.logistic_regression(event, both, included=included),
        "ordinal": analysis.proportional_odds(
            np.minimum(3 * time, 4).astype(int), arm, included=included
        ),
        "net_benefit": wins.net_benefit,
        "win_ratio": wins.log_win_ratio,
        "win_odds": wins.log_win_odds,
    }


@settings(max_examples=40, deadline=None)
@given(n=SIZES, seed=SEEDS, ticks=TICKS)
def test_nothing_is_ever_not_a_number(n, seed, ticks):
    for name, result in results(*trial(n, seed, ticks)).items():
        for field in ("z", "estimate", "standard_error", "lower", "upper", "p_less"):
            values = getattr(result, field, np.zeros(3))
            assert not np.isnan(values).any(), (name, field, result)
        assert (np.asarray(result.z)[np.asarray(result.undefined)] == 0).all(), name
        assert (result.p_less[result.undefined] == 1).all(), name


@settings(max_examples=25, deadline=None)
@given(n=SIZES, seed=SEEDS, ticks=TICKS)
def test_leaving_patients_out_equals_not_having_them(n, seed, ticks):
    time, event, arm, included = trial(n, seed, ticks)
    whole, chosen = results(time, event, arm, included), included[2]
    alone = results(time[2, chosen], event[2, chosen], arm[2, chosen], None)
    for name, result in whole.items():
        np.testing.assert_array_equal(result.undefined[2], alone[name].undefined, err_msg=name)
        np.testing.assert_allclose(result.z[2], alone[name].z, atol=1e-6, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(n=st.sampled_from([2, 3, 7, 60, 2500, 5000]), seed=SEEDS, ticks=TICKS)
def test_exchanging_the_arms_turns_the_sign(n, seed, ticks):
    time, event, arm, included = trial(n, seed, ticks)
    for test in (analysis.cox, analysis.cox_breslow):
        one, other = (test(time, event, side, included=included) for side in (arm, ~arm))
        np.testing.assert_array_equal(one.undefined, other.undefined)
        np.testing.assert_allclose(one.estimate, -other.estimate, atol=1e-7)
    for test in (analysis.wilcoxon, analysis.welch_test, analysis.pooled_t_test):
        one, other = (test(time, side, included=included) for side in (arm, ~arm))
        np.testing.assert_allclose(one.z, -other.z, atol=1e-9)
        np.testing.assert_allclose(one.lower, -other.upper, atol=1e-9)
