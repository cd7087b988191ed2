"""The information of two looks at one trial tells how their statistics hang together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from lupusim.analysis.numerics.win_levels import larger_is_better, later_is_better
from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    SurvivalOutcome,
)
from lupusim.analysis.registry import TESTS
from lupusim.common.rng import stream
from lupusim.trial import Better
from tolerance import assert_within_mcse

N_PATIENTS = 120
MANY_PATIENTS = 1200  # what holds of large numbers is asked of them: 120 show 36 a full follow-up
BLOCK = 250
PARAMETERS = {"until": 0.6, "at": 0.6}
FIRST, LAST = 0.9, 2.0  # calendar time of the looks, years; patients come in the first year
RANKED = {"proportional_odds", "wilcoxon"}
EXACT = {"fisher_exact", "boschloo", "barnard"}  # p-values of steps have no normal statistic
NAMES = sorted(
    name
    for name, kind in TESTS.items()
    if kind.n_arms == 2
    and (kind.independent_increments or kind.outcome is HierarchicalOutcome)
    and not kind.one_look_only
    and name not in EXACT
)


def trials(n_replicates, n_patients=N_PATIENTS, block=0):
    """Draw patients of two identical arms and when they come."""
    rng = stream(23, "information", n_replicates, block)
    shape = (n_replicates, n_patients)
    frailty = rng.gamma(1 / 1.5, 1.5, shape)
    person = rng.normal(size=(*shape, 1))
    return {
        "arm": (np.arange(n_patients) % 2 + np.zeros(shape)).astype(np.int8),
        "entry": np.sort(rng.uniform(0, 1, shape), axis=1),
        "first": rng.exponential(1.0, shape),
        "rival": rng.exponential(2.0, shape),
        "response": rng.random(shape) < 0.4,
        "visits": person + 0.7 * rng.normal(size=(*shape, 3)),
        "moments": np.cumsum(rng.exponential(0.5, (*shape, 30)), axis=2) / frailty[:, :, None],
    }


def responses(drawn, seen):
    return BinaryOutcome(response=drawn["response"], included=seen >= 0.3, arm=drawn["arm"])


def times(drawn, seen):
    end = np.maximum(seen, 0.0)
    time = np.minimum(np.minimum(drawn["first"], drawn["rival"]), end)
    return SurvivalOutcome(
        time=time,
        event=(drawn["first"] == time) & (seen > 0),
        competing=(drawn["rival"] == time) & (seen > 0),
        possible=end,
        arm=drawn["arm"],
    )


def numbers(drawn, seen):
    visits = np.where(seen[:, :, None] >= np.array([0.1, 0.2, 0.4]), drawn["visits"], np.nan)
    last = visits[:, :, -1]
    known = {"included": ~np.isnan(last), "arm": drawn["arm"], "trajectory": visits}
    return NumberOutcome(values=np.nan_to_num(last), **known)


def counts(drawn, seen):
    years = np.clip(seen, 0.0, 1.0)
    count = (drawn["moments"] <= years[:, :, None]).sum(axis=2).astype(float)
    return CountOutcome(count=count, years=years, arm=drawn["arm"], times=drawn["moments"])


def hierarchies(drawn, seen):
    end = np.clip(seen, 0.0, 1.0)
    time = np.minimum(drawn["first"], end)
    score = larger_is_better(drawn["visits"][:, :, -1]).known_of(seen >= 0.4)
    levels = [later_is_better(time, drawn["first"] <= end), score]
    return HierarchicalOutcome(levels=levels, included=seen > 0, arm=drawn["arm"])


MAKERS = {
    BinaryOutcome: responses,
    SurvivalOutcome: times,
    NumberOutcome: numbers,
    CountOutcome: counts,
    HierarchicalOutcome: hierarchies,
}


def look(name, drawn, calendar_time):
    """Return z, large where the experimental arm has more, and the information of a look."""
    kind = TESTS[name]
    outcome = MAKERS[kind.outcome](drawn, calendar_time - drawn["entry"])
    if name in RANKED:
        ranked = np.digitize(outcome.values, [-1.0, 0.0, 1.0]) + 0.0
        outcome = type(outcome)(values=ranked, included=outcome.included, arm=outcome.arm)
    test = kind.with_parameters({key: PARAMETERS[key] for key in kind.required})
    stratum = np.zeros(drawn["arm"].shape, dtype=np.intp)
    verdict = test(outcome, better=Better.MORE, sided=1, stratum=stratum)
    z = np.where(verdict.undefined, 0.0, -ndtri(np.clip(verdict.p_better, 1e-15, 1 - 1e-15)))
    return z, test.information(outcome, verdict)


def check_two_looks(name, n_replicates, n_patients=N_PATIENTS):
    size = min(n_replicates, BLOCK)
    parts = []
    for block in range(n_replicates // size):
        drawn = trials(size, n_patients, block)
        parts.append(np.stack([look(name, drawn, time) for time in (FIRST, LAST)]))
    (z, first), (final_z, last) = np.concatenate(parts, axis=2)
    assert (first >= 0).all()
    assert (last > 0).all()
    correlation = np.corrcoef(z, final_z)[0, 1]
    error = 2 * abs(correlation) * (1 - correlation**2) / np.sqrt(n_replicates)
    fraction = first.mean() / last.mean()
    if TESTS[name].independent_increments:
        assert_within_mcse(correlation**2, fraction, mcse=error)
    assert correlation**2 > fraction - 4 * error  # else bounds would be too low
    assert 0.02 < fraction < 0.98  # looks that differ: else nothing is shown


@pytest.mark.parametrize("name", NAMES)
def test_the_share_of_information_is_the_squared_correlation(name):
    check_two_looks(name, 300)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_share_of_information_is_the_squared_correlation_in_many_trials(name):
    if "win" in name:  # compares all pairs of patients
        check_two_looks(name, 5_000)
    else:
        check_two_looks(name, 3_000, MANY_PATIENTS)


def test_negative_control_events_are_not_the_information_of_late_differences(monkeypatch):
    kind = type(TESTS["fleming_harrington"])
    monkeypatch.setattr(kind, "information_unit", "events")
    with pytest.raises(AssertionError, match="standard errors apart"):
        check_two_looks("fleming_harrington", 2000)


def test_the_information_of_gamma_poisson_counts_is_that_of_the_literature():
    """Sum over both arms harmonic of mu / (1 + k mu): Zhu and Lakkis (2014), equation 9."""
    rng, n = stream(24, "counts"), 20_000
    arm = (np.arange(n) % 2).astype(np.int8)[None]
    frailty = rng.gamma(1 / 1.5, 1.5, (1, n))
    share = []
    for years in (0.5, 1.0):
        count = rng.poisson(2.0 * years * frailty).astype(float)
        outcome = CountOutcome(count=count, years=np.full((1, n), years), arm=arm)
        test = TESTS["negative_binomial"]
        verdict = test(outcome, better=Better.FEWER, sided=1, stratum=np.zeros((1, n), dtype=int))
        share.append(test.information(outcome, verdict)[0])
        mean = 2.0 * years
        assert share[-1] == pytest.approx(n / 4 * mean / (1 + 1.5 * mean), rel=0.05)
    assert share[0] / share[1] == pytest.approx(1.0 / 2.5 / (2.0 / 4.0), rel=0.05)
