"""The core analyses at every size from 2 to 5000 patients, against slow plain versions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lupusim.analysis import (
    cochran_mantel_haenszel,
    fisher_exact,
    kaplan_meier,
    logrank,
    odds_ratio,
    proportion,
    risk_difference,
    risk_difference_score,
    risk_difference_wald,
    risk_ratio,
    risk_ratio_score,
    survival_difference,
)
from lupusim.common.rng import stream

SIZES = st.one_of(st.integers(2, 40), st.sampled_from([150, 299, 300, 1000, 4999, 5000]))
SEEDS = st.integers(0, 10**6)
TICKS = st.sampled_from([0, 1, 3, 50])  # 0: no ties; else times are rounded up to 1/ticks


def trial(n, seed, ticks, *, n_replicates=3):
    rng = stream(seed, "property")
    time = rng.exponential(1.0, (n_replicates, n))
    if ticks:
        time = np.ceil(time * ticks) / ticks
    event = rng.random((n_replicates, n)) < rng.choice([0.05, 0.5, 1.0])
    arm = rng.random((n_replicates, n)) < 0.5
    stratum = rng.integers(0, rng.choice([1, 2, 5]), (n_replicates, n))
    included = rng.random((n_replicates, n)) < rng.choice([0.5, 1.0])
    return time, event, arm, stratum, included


def logrank_by_definition(time, event, arm, stratum):
    observed = expected = variance = 0.0
    for label in np.unique(stratum):
        here = stratum == label
        for moment in np.unique(time[here & event]):
            at_risk = here & (time >= moment)
            dying = here & event & (time == moment)
            y, y1, d = at_risk.sum(), (at_risk & arm).sum(), dying.sum()
            observed += (dying & arm).sum()
            expected += d * y1 / y
            if y > 1:
                variance += d * y1 / y * (1 - y1 / y) * (y - d) / (y - 1)
    return observed, expected, variance


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 60), seed=SEEDS, ticks=TICKS)
def test_logrank_follows_its_definition(n, seed, ticks):
    time, event, arm, stratum, included = trial(n, seed, ticks)
    for label in (np.zeros_like(stratum), stratum):
        result = logrank(time, event, arm, stratum=label, included=included)
        for row in range(3):
            chosen = included[row]
            columns = (time[row], event[row], arm[row], label[row])
            expected = logrank_by_definition(*(column[chosen] for column in columns))
            got = (result.observed[row], result.expected[row], result.variance[row])
            np.testing.assert_allclose(got, expected, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(n=SIZES, seed=SEEDS, ticks=TICKS)
def test_leaving_patients_out_equals_not_having_them(n, seed, ticks):
    time, event, arm, stratum, included = trial(n, seed, ticks)
    whole = logrank(time, event, arm, stratum=stratum, included=included)
    chosen = included[1]
    alone = logrank(time[1, chosen], event[1, chosen], arm[1, chosen], stratum=stratum[1, chosen])
    np.testing.assert_allclose(whole.z[1], alone.z, atol=1e-10)
    curves = kaplan_meier(time, event, [0.3, 1.0], included=included)
    curve = kaplan_meier(time[1, chosen], event[1, chosen], [0.3, 1.0])
    for field in ("survival", "standard_error", "lower", "upper", "at_risk", "undefined"):
        np.testing.assert_allclose(getattr(curves, field)[1], getattr(curve, field), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(n=SIZES, seed=SEEDS, ticks=TICKS)
def test_exchanging_the_arms_turns_the_sign(n, seed, ticks):
    time, event, arm, _, included = trial(n, seed, ticks)
    response = event
    for test in (logrank, risk_difference, risk_ratio_score, odds_ratio, cochran_mantel_haenszel):
        columns = (time, event) if test is logrank else (response,)
        one, other = (test(*columns, side, included=included) for side in (arm, ~arm))
        np.testing.assert_allclose(one.z, -other.z, atol=1e-8)
        np.testing.assert_array_equal(one.undefined, other.undefined)


@settings(max_examples=60, deadline=None)
@given(n=SIZES, seed=SEEDS, ticks=TICKS)
def test_nothing_is_ever_not_a_number(n, seed, ticks):
    time, event, arm, stratum, included = trial(n, seed, ticks)
    results = [
        logrank(time, event, arm, stratum=stratum, included=included),
        survival_difference(time, event, arm, 0.8, included=included),
        cochran_mantel_haenszel(event, arm, stratum, included=included),
        *(
            test(event, arm, included=included)
            for test in (
                fisher_exact,
                odds_ratio,
                risk_difference,
                risk_difference_score,
                risk_difference_wald,
                risk_ratio,
                risk_ratio_score,
            )
        ),
    ]
    for result in results:
        for name in ("z", "estimate", "standard_error", "lower", "upper"):
            assert not np.isnan(getattr(result, name, np.zeros(3))).any(), (name, result)
        for name in ("p_less", "p_greater", "p_two_sided"):
            p_value = getattr(result, name)
            assert ((p_value >= 0) & (p_value <= 1)).all()
            assert (p_value[result.undefined] == 1).all()
    share = proportion(event, included=included)
    assert ((share.lower <= share.estimate) & (share.estimate <= share.upper)).all()


@settings(max_examples=40, deadline=None)
@given(n=SIZES, seed=SEEDS, ticks=TICKS)
def test_intervals_hold_their_estimate(n, seed, ticks):
    time, event, arm, _, included = trial(n, seed, ticks)
    for test in (risk_difference, risk_difference_score, risk_difference_wald, risk_ratio_score):
        result = test(event, arm, included=included)
        if test is not risk_ratio_score:  # its estimate is shifted where an arm has no responder
            assert (result.lower <= result.estimate + 1e-12).all()
            assert (result.upper >= result.estimate - 1e-12).all()
        assert (result.lower <= result.upper).all()
    difference = survival_difference(time, event, arm, 0.8, included=included)
    assert (difference.lower <= difference.estimate + 1e-12).all()
    assert (difference.upper >= difference.estimate - 1e-12).all()
