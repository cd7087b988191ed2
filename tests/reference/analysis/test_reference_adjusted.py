"""Tests adjusted for covariates and strata, and Gray's test, against R; `adjusted.R` made
the numbers of coxph, glm, lm, survdiff, cuminc and crr."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lupusim.analysis.competing_risks.fine_gray import fine_gray_weighted
from lupusim.analysis.competing_risks.gray import gray
from lupusim.analysis.outcomes import BinaryOutcome, NumberOutcome, SurvivalOutcome
from lupusim.analysis.registry import TESTS
from lupusim.analysis.survival.cox import cox_breslow
from lupusim.analysis.survival.rank_weights import FlemingHarrington, MagirrBurman
from lupusim.analysis.survival.weighted_logrank import max_combo, weighted_logrank
from lupusim.trial import Better

HERE = Path(__file__).parent
DATA = {
    name: {key: np.array(values) for key, values in columns.items()}
    for name, columns in json.loads((HERE / "data.json").read_text()).items()
}
EXPECTED = json.loads((HERE / "adjusted.json").read_text())
MGUS = {
    k: np.array(v)
    for k, v in json.loads((HERE / "competing_risks" / "competing.json").read_text()).items()
}
MGUS |= {"time": MGUS["time"].astype(float), "stratum": np.array(EXPECTED["stratum"])}


ALIASED = {
    "same": np.full(DATA["veteran"]["age"].shape, 3.0),
    "twin": 10.0 - 2.0 * DATA["veteran"]["age"],
    "fourth": 100.0 * (DATA["veteran"]["stratum"] == 4),
}


def verdict_of(name, outcome, covariates=("age", "karno")):
    d = DATA["veteran"] | ALIASED
    return TESTS[name](
        outcome,
        better=Better.FEWER,
        sided=2,
        stratum=d["stratum"][np.newaxis] - 1,
        covariates=np.stack([d[one] for one in covariates], axis=1)[np.newaxis],
    )


def row(column):
    return np.asarray(column)[np.newaxis]


@pytest.mark.parametrize("name", ["cox", "fine_gray"])
def test_an_adjusted_hazard_ratio_equals_coxph(name):
    d = DATA["veteran"]
    outcome = SurvivalOutcome(
        time=row(d["time"].astype(float)), event=row(d["event"] == 1), arm=row(d["arm"])
    )
    found = verdict_of(name, outcome)
    got = [found.estimate[0], found.standard_error[0]]
    np.testing.assert_allclose(got, EXPECTED["cox"], rtol=1e-8)
    one_left_out = verdict_of(name, outcome, ("age",))  # negative control
    assert abs(one_left_out.estimate[0] - EXPECTED["cox"][0]) > 0.01


def test_an_adjusted_odds_ratio_equals_glm():
    d = DATA["veteran"]
    outcome = BinaryOutcome(
        response=row(d["time"] > 90), included=row(d["time"] > 0), arm=row(d["arm"])
    )
    found = verdict_of("logistic_regression", outcome)
    got = [found.estimate[0], found.standard_error[0]]
    np.testing.assert_allclose(got, EXPECTED["logistic"], rtol=1e-8)


def test_a_stratum_without_responders_takes_nothing_away_from_the_odds_ratio():
    d = DATA["veteran"]
    outcome = BinaryOutcome(
        response=row((d["time"] > 90) & (d["stratum"] != 4)),
        included=row(d["time"] > 0),
        arm=row(d["arm"]),
    )
    found = verdict_of("logistic_regression", outcome)
    got = [found.estimate[0], found.standard_error[0]]
    np.testing.assert_allclose(got, EXPECTED["lonely"], rtol=1e-6)


def test_an_adjusted_difference_of_means_equals_lm():
    d = DATA["veteran"]
    outcome = NumberOutcome(
        values=row(d["time"].astype(float)), included=row(d["time"] > 0), arm=row(d["arm"])
    )
    found = verdict_of("ancova", outcome)
    got = [found.estimate[0], found.standard_error[0], found.p_value[0]]
    np.testing.assert_allclose(got, EXPECTED["ancova"], rtol=1e-8)


@pytest.mark.parametrize("name", ["ancova", "cox", "fine_gray", "logistic_regression"])
def test_columns_that_others_tell_are_left_out_as_by_r(name):
    d = DATA["veteran"]
    time, everybody = row(d["time"].astype(float)), row(d["time"] > 0)
    outcome = {
        "ancova": NumberOutcome(values=time, included=everybody, arm=row(d["arm"])),
        "logistic_regression": BinaryOutcome(
            response=time > 90, included=everybody, arm=row(d["arm"])
        ),
    }.get(name, SurvivalOutcome(time=time, event=row(d["event"] == 1), arm=row(d["arm"])))
    found = verdict_of(name, outcome, ("age", *ALIASED, "karno"))
    expected = EXPECTED["aliased"][name.replace("fine_gray", "cox").removesuffix("_regression")]
    got = [found.estimate[0], found.standard_error[0]]
    np.testing.assert_allclose(got, expected, rtol=1e-8)


@pytest.mark.parametrize("lacking", [1, 2, 4])
def test_a_stratum_that_nobody_is_in_takes_nothing_away_from_a_difference_of_means(lacking):
    d = DATA["veteran"]
    outcome = NumberOutcome(
        values=row(d["time"].astype(float)),
        included=row(d["stratum"] != lacking),
        arm=row(d["arm"]),
    )
    found = verdict_of("ancova", outcome)
    assert not found.undefined[0]
    if lacking == 2:
        got = [found.estimate[0], found.standard_error[0], found.p_value[0]]
        np.testing.assert_allclose(got, EXPECTED["lacking"], rtol=1e-8)


def by_hand(d, weigh):
    """Return z of a weighted log-rank test, stratum by stratum, event time by event time."""
    excess = variance = 0.0
    for level in np.unique(d["stratum"]):
        time, event, arm = (d[name][d["stratum"] == level] for name in ("time", "event", "arm"))
        moments = np.unique(time[event == 1])
        at_risk = np.array([(time >= t).sum() for t in moments])
        events = np.array([((time == t) & (event == 1)).sum() for t in moments])
        after = np.cumprod(1 - events / at_risk)
        before = np.append(1.0, after[:-1])
        for t, n, k, w in zip(moments, at_risk, events, weigh(before, after, moments), strict=True):
            share = (arm[time >= t] == 1).mean()
            treated = ((time == t) & (event == 1) & (arm == 1)).sum()
            excess += w * (treated - k * share)
            spread = (n - k) / (n - 1) if n > 1 else 0.0
            variance += w**2 * k * share * (1 - share) * spread
    return excess / np.sqrt(variance)


@pytest.mark.parametrize("name", sorted(DATA))
def test_weighted_tests_with_strata_equal_survdiff_and_their_definition(name):
    d = DATA[name]
    columns, star = (d["time"], d["event"], d["arm"]), float(np.median(d["time"]))
    several = max_combo(*columns, stratum=d["stratum"])
    np.testing.assert_allclose(several.z[2] ** 2, EXPECTED["rho1"][name], rtol=1e-9)
    late = by_hand(d, lambda before, *_: 1 - before)
    np.testing.assert_allclose(several.z[1], late, rtol=1e-9)
    single = weighted_logrank(*columns, weight=FlemingHarrington(gamma=1.0), stratum=d["stratum"])
    np.testing.assert_allclose(single.z, late, rtol=1e-9)

    def modest(before, after, moments):
        floor = min([1.0, *after[moments <= star]])
        return 1 / np.maximum(before, floor)

    found = weighted_logrank(*columns, weight=MagirrBurman(until=star), stratum=d["stratum"])
    np.testing.assert_allclose(found.z, by_hand(d, modest), rtol=1e-9)
    without = weighted_logrank(*columns, weight=MagirrBurman(until=star))  # negative control
    assert abs(float(without.z - found.z)) > 1e-3


@pytest.mark.parametrize("cause", [1, 2])
def test_the_weighted_subdistribution_hazard_ratio_equals_crr(cause):
    columns = (MGUS["time"], MGUS["cause"] > 0, MGUS["cause"] == cause, MGUS["arm"])
    result = fine_gray_weighted(*columns)
    got = [result.estimate, result.standard_error]
    np.testing.assert_allclose(got, EXPECTED["fine_gray"][cause - 1], rtol=1e-8)
    as_censored = cox_breslow(MGUS["time"], columns[2], MGUS["arm"])  # negative control
    assert abs(float(as_censored.estimate - result.estimate)) > 1e-3


@pytest.mark.parametrize("cause", [1, 2])
def test_grays_test_equals_cuminc(cause):
    columns = (MGUS["time"], MGUS["cause"] > 0, MGUS["cause"] == cause, MGUS["arm"])
    plain, stratified = gray(*columns), gray(*columns, stratum=MGUS["stratum"])
    np.testing.assert_allclose(plain.z**2, EXPECTED["gray"][cause - 1], rtol=1e-9)
    np.testing.assert_allclose(stratified.z**2, EXPECTED["gray_stratified"][cause - 1], rtol=1e-9)
    assert abs(float(plain.z**2 - stratified.z**2)) > 1e-3  # negative control
