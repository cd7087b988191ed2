"""Tests adjusted for covariates and strata, Gray's test: shapes, undefined cases."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis import (
    ancova,
    cox_regression,
    fine_gray_weighted,
    gray,
    logistic_regression,
    logrank,
    max_combo,
    weighted_logrank,
)
from lupusim.analysis.outcomes import BinaryOutcome, NumberOutcome, SurvivalOutcome
from lupusim.analysis.registry import TESTS, plain_tests
from lupusim.analysis.survival.rank_weights import MagirrBurman
from lupusim.common.rng import stream
from lupusim.trial import Better
from tolerance import SEED

SHAPE = (6, 50)
ADJUSTABLE = ["ancova", "cox", "fine_gray", "logistic_regression"]


def columns():
    rng = stream(SEED, "adjustment")
    return {
        "time": np.ceil(rng.exponential(5.0, SHAPE)),
        "event": rng.random(SHAPE) < 0.7,
        "arm": np.broadcast_to(np.arange(SHAPE[1]) % 2, SHAPE).astype(np.int8),
        "stratum": rng.integers(0, 3, SHAPE),
        "included": rng.random(SHAPE) < 0.9,
        "covariates": rng.normal(size=(*SHAPE, 2)),
        "is_cause": rng.random(SHAPE) < 0.6,
    }


def outcome_of(name):
    c = columns()
    if TESTS[name].outcome is BinaryOutcome:
        return BinaryOutcome(response=c["event"], included=c["included"], arm=c["arm"])
    if TESTS[name].outcome is NumberOutcome:
        return NumberOutcome(values=c["time"], included=c["included"], arm=c["arm"])
    return SurvivalOutcome(time=c["time"], event=c["event"], arm=c["arm"])


def verdict_of(name, covariates):
    return TESTS[name](
        outcome_of(name),
        better=Better.FEWER,
        sided=2,
        stratum=columns()["stratum"],
        covariates=covariates,
    )


def test_the_tests_that_take_covariates_are_the_regressions():
    assert set(ADJUSTABLE) <= {name for name, kind in plain_tests().items() if kind.covariates}
    assert not TESTS["logrank"].covariates


@pytest.mark.parametrize("name", ADJUSTABLE)
def test_covariates_change_the_estimate_and_none_do_not(name):
    covariates = columns()["covariates"]
    without, adjusted = verdict_of(name, None), verdict_of(name, covariates)
    assert not adjusted.undefined.any()
    assert (np.abs(without.estimate - adjusted.estimate) > 1e-6).all()
    in_other_units = verdict_of(name, 1000 * covariates[:, :, ::-1] - 7)
    np.testing.assert_allclose(in_other_units.estimate, adjusted.estimate, atol=1e-7)
    np.testing.assert_allclose(in_other_units.p_value, adjusted.p_value, atol=1e-7)


def told_already(how):
    """Return covariates of which the first tells nothing new in trial 2, in one of these ways."""
    covariates = columns()["covariates"]
    others = {
        "constant": 5.0,
        "twin": 3 - 2 * covariates[2, :, 1],
        "strata": 100.0 * (columns()["stratum"][2] == 1),
    }
    covariates[2, :, 0] = others[how]
    return covariates


@pytest.mark.parametrize("name", ADJUSTABLE)
@pytest.mark.parametrize("how", ["constant", "twin", "strata"])
def test_a_covariate_that_others_tell_changes_nothing_as_in_r(name, how):
    """R's lm, glm and coxph leave such a column out."""
    verdict, alone = (
        verdict_of(name, covariates)
        for covariates in (told_already(how), columns()["covariates"][:, :, 1:])
    )
    assert not verdict.undefined.any()
    for values in ("estimate", "standard_error", "p_value"):
        found, right = getattr(verdict, values), getattr(alone, values)
        assert found[2] == pytest.approx(right[2], rel=1e-7)
        assert (np.abs(found - right) > 1e-7).tolist() == [True, True, False, True, True, True]


@pytest.mark.parametrize("name", ADJUSTABLE)
def test_where_covariates_tell_the_arm_nothing_is_compared(name):
    covariates = columns()["covariates"]
    covariates[2, :, 0] = columns()["arm"][2] + covariates[2, :, 1]
    verdict = verdict_of(name, covariates)
    assert verdict.undefined.tolist() == [False, False, True, False, False, False]
    assert verdict.p_value[2] == 1
    assert not np.isnan(verdict.estimate).any()


def test_a_regression_in_rows_equals_single_trials_with_ties_and_strata():
    c = columns()
    names = ("time", "event", "covariates", "stratum", "included")
    rows = cox_regression(*(c[n] for n in names[:3]), stratum=c["stratum"], included=c["included"])
    for row in range(SHAPE[0]):
        *three, stratum, included = (c[name][row] for name in names)
        alone = cox_regression(*three, stratum=stratum, included=included)
        np.testing.assert_allclose(rows.estimate[row], alone.estimate, atol=1e-9)
        np.testing.assert_allclose(rows.standard_error[row], alone.standard_error, rtol=1e-9)


def test_a_covariate_with_a_long_tail_does_not_make_the_search_run_away():
    rng = stream(SEED, "long tail")
    dose = np.exp(1.5 * rng.normal(size=(100, 100)))
    arm = np.broadcast_to(np.arange(100) % 2, dose.shape)
    time = rng.exponential(size=dose.shape) * np.exp(np.maximum(0.5 * arm - 0.5 * dose, -50))
    event = time < np.median(time)
    columns = (np.minimum(time, np.median(time)), event)
    found = cox_regression(*columns, np.stack([arm, dose], axis=2))
    assert not found.undefined.any()
    rescaled = cox_regression(*columns, np.stack([arm, dose / 1000 - 3], axis=2))
    np.testing.assert_allclose(rescaled.estimate[:, 0], found.estimate[:, 0], atol=1e-7)


def test_strata_that_a_trial_lacks_or_in_which_all_respond_do_not_make_it_undefined():
    c = columns()
    response = c["event"] | (c["stratum"] == 2)
    together = [logistic_regression, ancova]
    arguments = [
        (response, np.concatenate([c["arm"][:, :, None], c["covariates"]], axis=2)),
        (c["time"], c["arm"], c["covariates"]),
    ]
    stratum = np.where(np.arange(SHAPE[0])[:, None] % 2, c["stratum"], 2 * c["stratum"])
    for regression, given in zip(together, arguments, strict=True):
        rows = regression(*given, stratum=stratum, included=c["included"])
        assert not rows.undefined.any()
        for row in range(SHAPE[0]):
            alone = [column[row] for column in given]
            single = regression(*alone, stratum=stratum[row], included=c["included"][row])
            np.testing.assert_allclose(rows.z[row], single.z, atol=1e-7)


def test_where_all_respond_in_every_stratum_nothing_is_left_to_compare():
    c = columns()
    arm = c["arm"][:, :, None].astype(float)
    result = logistic_regression(c["stratum"] == 1, arm, stratum=c["stratum"])
    assert result.undefined.all()
    assert (result.p_two_sided == 1).all()


def test_with_hardly_any_events_most_regressions_are_undefined_without_a_warning():
    c = columns()
    event = np.zeros(SHAPE, dtype=bool)
    event[1:, :2] = True
    wild = np.concatenate([c["covariates"] * 30, c["covariates"] ** 3], axis=2)
    result = cox_regression(c["time"], event, wild, stratum=c["stratum"])
    assert result.undefined.mean() > 0.8
    assert (result.p_two_sided[result.undefined] == 1).all()
    assert not np.isnan(result.estimate).any()


def test_strata_of_a_single_kind_change_no_weighted_test():
    c = columns()
    three = (c["time"], c["event"], c["arm"])
    for stratum in (None, np.ones(SHAPE[1])):
        found = max_combo(*three, stratum=stratum, included=c["included"])
        np.testing.assert_allclose(found.z, max_combo(*three, included=c["included"]).z)
    rows = max_combo(*three, stratum=c["stratum"], included=c["included"])
    plain = logrank(*three, stratum=c["stratum"], included=c["included"])
    np.testing.assert_allclose(rows.z[:, 0], plain.z, atol=1e-10)


def test_the_time_at_which_modest_weights_stop_is_read_through_the_strata():
    c = columns()
    three = (c["time"], c["event"], c["arm"])
    late, end = MagirrBurman(until=1e3), MagirrBurman(until=float(c["time"].max()))
    by = [weighted_logrank(*three, weight=w, stratum=c["stratum"]).z for w in (late, end)]
    np.testing.assert_array_equal(*by)
    early = weighted_logrank(*three, weight=MagirrBurman(until=2.0), stratum=c["stratum"]).z
    assert (np.abs(early - by[0]) > 1e-6).all()


def test_grays_test_in_rows_equals_single_trials():
    c = columns()
    names = ("time", "event", "is_cause", "arm", "stratum", "included")
    rows = gray(*(c[n] for n in names[:4]), stratum=c["stratum"], included=c["included"])
    for row in range(SHAPE[0]):
        *four, stratum, included = (c[name][row] for name in names)
        alone = gray(*four, stratum=stratum, included=included)
        np.testing.assert_allclose(rows.z[row], alone.z, atol=1e-12)
        assert alone.z.shape == ()


def test_the_weighted_ratio_in_rows_equals_single_trials_and_strata_of_one_kind_are_none():
    c = columns()
    names = ("time", "event", "is_cause", "arm", "stratum", "included")
    four = [c[n] for n in names[:4]]
    rows = fine_gray_weighted(*four, stratum=c["stratum"], included=c["included"])
    for row in range(SHAPE[0]):
        *alone, stratum, included = (c[name][row] for name in names)
        single = fine_gray_weighted(*alone, stratum=stratum, included=included)
        np.testing.assert_allclose(rows.estimate[row], single.estimate, atol=1e-9)
        np.testing.assert_allclose(rows.standard_error[row], single.standard_error, rtol=1e-9)
    same = fine_gray_weighted(*four, stratum=np.ones(SHAPE[1]))
    np.testing.assert_array_equal(same.z, fine_gray_weighted(*four).z)
    assert (rows.estimate != same.estimate).all()


def test_two_copies_of_a_trial_as_strata_have_its_ratio_and_half_its_variance():
    four = [columns()[name][0] for name in ("time", "event", "is_cause", "arm")]
    one = fine_gray_weighted(*four)
    twice = [np.concatenate([column, column]) for column in four]
    both = fine_gray_weighted(*twice, stratum=np.repeat([0, 1], SHAPE[1]))
    np.testing.assert_allclose(both.estimate, one.estimate, atol=1e-9)
    np.testing.assert_allclose(both.standard_error, one.standard_error / np.sqrt(2), rtol=1e-9)


def test_without_events_on_an_arm_the_weighted_ratio_is_undefined():
    result = fine_gray_weighted([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1])
    assert result.undefined
    assert result.p_two_sided == 1
    assert fine_gray_weighted([1.0, 2.0], [0, 0], [0, 0], [0, 1]).undefined


def test_who_is_not_included_is_as_if_absent_in_grays_test():
    c = columns()
    four = [c[name][0] for name in ("time", "event", "is_cause", "arm")]
    member = c["included"][0]
    few = gray(*(column[member] for column in four))
    np.testing.assert_allclose(gray(*four, included=member).z, few.z)


def test_without_other_causes_grays_test_is_nearly_the_logrank_test():
    c = columns()
    three = (c["time"], c["event"])
    everything = np.ones(SHAPE, dtype=bool)
    found, plain = gray(*three, everything, c["arm"]).z, logrank(*three, c["arm"]).z
    np.testing.assert_allclose(found, plain, atol=0.15)
    np.testing.assert_array_equal(np.sign(found), np.sign(plain))


@pytest.mark.parametrize(
    ("event", "is_cause", "arm"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 1]),
        ([1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1]),
        ([1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]),
    ],
)
def test_without_events_or_an_arm_grays_test_is_undefined(event, is_cause, arm):
    result = gray([1.0, 2.0, 3.0, 4.0], event, is_cause, arm)
    assert result.undefined
    assert result.p_two_sided == 1


def test_grays_test_names_what_it_cannot_use():
    with pytest.raises(ValueError, match="is_cause"):
        gray([1.0, 2.0], [1, 1], [2, 1], [0, 1])


@pytest.mark.parametrize("strata", [1, 3])
def test_cells_of_factors_give_the_odds_ratios_of_their_patients(strata):
    rng = stream(SEED, "cells")
    values = (rng.random((40, 120, 2)) < 0.4).astype(float)
    values[:5, :, 1] = values[:5, :, 0]  # a covariate that the arm tells
    stratum = rng.integers(strata, size=(40, 120))
    response = rng.random((40, 120)) < 1 / (1 + np.exp(0.5 - values[..., 0]))
    response[5] = False
    response[6:9] &= stratum[6:9] > 0
    included = rng.random((40, 120)) < 0.9
    more = {"stratum": stratum, "included": included}
    cells = logistic_regression(response, values, **more)
    patients = logistic_regression(response, values + 1, **more)  # no flags: not put into cells
    np.testing.assert_allclose(cells.estimate, patients.estimate, atol=1e-12)
    np.testing.assert_allclose(cells.z, patients.z, atol=1e-12)
    assert (cells.undefined == patients.undefined).all()
    assert cells.undefined[5].all()
    assert not cells.undefined[9:].any()
