"""The mixed model for repeated measures."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from lupusim import analysis
from lupusim.analysis.continuous.mmrm import mmrm
from lupusim.common.rng import stream
from tolerance import SEED


def repeated(n_replicates, n_patients, n_visits, *, missed=0.06, dropout=0.06):
    """Return values, arm and baseline; a quarter of them missing, once and for good."""
    rng = stream(SEED, "repeated measures", n_patients, n_visits)
    shape = (n_replicates, n_patients, n_visits)
    baseline = rng.normal(size=shape[:2])
    own = rng.normal(size=(*shape[:2], 1))
    values = 10 + 3 * (0.6 * own + 0.5 * baseline[:, :, None] + 0.7 * rng.normal(size=shape))
    values *= 1 + np.arange(n_visits) / 4
    gone = np.cumsum(rng.random(shape) < dropout, axis=2) > 0
    values[gone | (rng.random(shape) < missed)] = np.nan
    arm = np.broadcast_to(np.arange(n_patients) % 2, shape[:2])
    return values, arm, baseline[:, :, None]


def test_complete_values_give_the_analysis_of_covariance_at_the_last_visit():
    values, arm, baseline = repeated(20, 40, 4, missed=0, dropout=0)
    model, alone = mmrm(values, arm, baseline), analysis.ancova(values[..., -1], arm, baseline)
    for name in ("estimate", "standard_error", "z", "lower", "upper"):
        np.testing.assert_allclose(getattr(model, name), getattr(alone, name), rtol=1e-9)
    np.testing.assert_allclose(model.degrees, 40 - 3)


def test_one_visit_gives_the_analysis_of_covariance_of_whom_it_saw():
    values, arm, baseline = repeated(20, 40, 1, missed=0.2)
    seen = np.isfinite(values[..., 0])
    model = mmrm(values, arm, baseline)
    alone = analysis.ancova(np.nan_to_num(values[..., 0]), arm, baseline, included=seen)
    np.testing.assert_allclose(model.estimate, alone.estimate, rtol=1e-9)
    np.testing.assert_allclose(model.z, alone.z, rtol=1e-8)


def dense(values, arm, baseline, sigma):
    """Return the restricted log-likelihood, P, the derivatives and the coefficients' covariance."""
    n_visits = values.shape[1]
    rows, outcome, owner = [], [], []
    for patient, visit in np.argwhere(np.isfinite(values)):
        row = np.zeros((n_visits, 3))
        row[visit] = 1, arm[patient], baseline[patient]
        rows.append(row.ravel())
        outcome.append(values[patient, visit])
        owner.append((patient, visit))
    design, outcome = np.array(rows), np.array(outcome)
    patient, visit = np.array(owner).T
    same = patient[:, None] == patient

    def spread(form):
        return form[visit[:, None], visit] * same

    inverse = np.linalg.inv(spread(sigma))
    information = design.T @ inverse @ design
    covariance = np.linalg.inv(information)
    projection = inverse - inverse @ design @ covariance @ design.T @ inverse
    determinants = np.linalg.slogdet(spread(sigma))[1] + np.linalg.slogdet(information)[1]
    value = -(determinants + outcome @ projection @ outcome) / 2
    return value, projection, spread, covariance


def by_definition(values, arm, baseline):
    """Return the fit by a general optimizer and Satterthwaite's degrees by their definition."""
    from scipy.optimize import minimize

    n_visits = values.shape[1]
    first, second = np.tril_indices(n_visits)

    def sigma_of(factor):
        lower = np.zeros((n_visits, n_visits))
        lower[first, second] = factor
        return lower @ lower.T

    start = (5.0 * np.eye(n_visits))[first, second]
    found = minimize(lambda f: -dense(values, arm, baseline, sigma_of(f))[0], start, tol=1e-10)
    sigma = sigma_of(found.x)
    _, projection, spread, _ = dense(values, arm, baseline, sigma)
    forms = []
    for j, k in zip(first, second, strict=True):
        form = np.zeros((n_visits, n_visits))
        form[j, k] = form[k, j] = 1.0
        forms.append(form)
    moved = [projection @ spread(form) for form in forms]
    information = np.array([[np.trace(a @ b) / 2 for b in moved] for a in moved])
    place, step = -2, 1e-4

    def variance(form, sign):
        return dense(values, arm, baseline, sigma + sign * step * form)[3][place, place]

    slope = np.array([(variance(form, 1) - variance(form, -1)) / (2 * step) for form in forms])
    at = dense(values, arm, baseline, sigma)[3][place, place]
    return np.sqrt(at), 2 * at**2 / (slope @ np.linalg.solve(information, slope))


def test_degrees_of_freedom_are_those_of_their_definition_and_the_error_is_enlarged():
    values, arm, baseline = repeated(1, 24, 3, missed=0.1, dropout=0.1)
    error, degrees = by_definition(values[0], arm[0], baseline[0, :, 0])
    result = mmrm(values, arm, baseline)
    assert 1.001 * error < result.standard_error < 1.1 * error
    np.testing.assert_allclose(result.degrees, degrees, rtol=1e-3)
    assert result.degrees[0] < 21  # fewer than of complete values


def test_each_trial_is_analyzed_as_if_alone_in_any_order_of_patients_and_units():
    values, arm, baseline = repeated(12, 30, 4)
    together = mmrm(values, arm, baseline)
    order = stream(SEED, "order").permutation(30)
    for row in (0, 5, 11):
        alone = mmrm(7 * values[row, order] - 3, arm[row, order], 2 * baseline[row, order] + 1)
        assert alone.estimate.shape == ()
        np.testing.assert_allclose(alone.estimate, 7 * together.estimate[row], rtol=1e-7)
        np.testing.assert_allclose(alone.z, together.z[row], rtol=1e-6)


def test_who_is_not_included_plays_no_role():
    values, arm, baseline = repeated(6, 40, 3)
    included = stream(SEED, "included").random((6, 40)) < 0.8
    result = mmrm(values, arm, baseline, included=included)
    for row in range(6):
        chosen = included[row]
        alone = mmrm(values[row, chosen], arm[row, chosen], baseline[row, chosen])
        np.testing.assert_allclose(result.estimate[row], alone.estimate, rtol=1e-7)
        np.testing.assert_allclose(result.degrees[row], alone.degrees, rtol=1e-6)


def test_a_patient_seen_at_other_visits_only_still_informs():
    values, arm, baseline = repeated(1, 60, 3, missed=0, dropout=0)
    values[0, :20, 2] = np.nan
    known = values.copy()
    known[0, :20] = np.nan
    result, fewer = mmrm(values, arm, baseline), mmrm(known, arm, baseline)
    assert result.standard_error < fewer.standard_error


def test_exchanging_the_arms_turns_the_sign():
    values, arm, baseline = repeated(10, 30, 3)
    one, other = mmrm(values, arm, baseline), mmrm(values, 1 - arm, baseline)
    np.testing.assert_allclose(one.estimate, -other.estimate, rtol=1e-7)
    np.testing.assert_allclose(one.z, -other.z, rtol=1e-6)


def spoiled(how):
    values, arm, baseline = repeated(3, 24, 3)
    if how == "a visit never seen":
        values[1, :, 1] = np.nan
    elif how == "a pair of visits never seen together":
        values[1, :12, 0], values[1, 12:, 1] = np.nan, np.nan
    elif how == "an arm never seen at the end":
        values[1, 1::2, 2] = np.nan
    elif how == "no variation":
        values[1] = 4.0
    elif how == "a visit that repeats another":
        values[1, :, 1] = values[1, :, 0]
    elif how == "a baseline that is the arm":
        baseline[1, :, 0] = arm[1]
    else:
        values[1] = np.nan
    return values, arm, baseline


@pytest.mark.parametrize(
    "how",
    [
        "a visit never seen",
        "a pair of visits never seen together",
        "an arm never seen at the end",
        "no variation",
        "a visit that repeats another",
        "a baseline that is the arm",
        "nobody",
    ],
)
def test_what_cannot_be_estimated_is_undefined_and_hurts_no_other_trial(how):
    values, arm, baseline = spoiled(how)
    result, sound = mmrm(values, arm, baseline), mmrm(*repeated(3, 24, 3))
    assert result.undefined.tolist() == [False, True, False]
    assert result.p_less[1] == 1
    assert result.degrees[1] == 0
    np.testing.assert_allclose(result.z[[0, 2]], sound.z[[0, 2]], rtol=1e-6)


def test_a_visit_that_one_arm_missed_tells_nothing_of_the_difference():
    values, arm, _ = repeated(5, 40, 2, missed=0, dropout=0)
    alone = analysis.pooled_t_test(values[..., -1], arm)
    values[:, ::2, 0] = np.nan
    result = mmrm(values, arm)
    np.testing.assert_allclose(result.estimate, alone.estimate, rtol=1e-6)
    np.testing.assert_allclose(result.z, alone.z, rtol=0.1)


def test_strata_are_columns_and_those_that_a_trial_lacks_change_nothing():
    values, arm, baseline = repeated(6, 60, 3)
    stratum = np.tile(np.arange(60) // 2 % 3, (6, 1))
    stratum[3:][stratum[3:] == 1] = 2
    found = mmrm(values, arm, baseline, stratum=stratum)
    assert not found.undefined.any()
    for row in range(6):
        columns = [stratum[row] == level for level in np.unique(stratum[row])[1:]]
        adjust = np.column_stack([baseline[row], *columns])
        alone = mmrm(values[row], arm[row], adjust)
        np.testing.assert_allclose(found.estimate[row], alone.estimate, rtol=1e-9)
        np.testing.assert_allclose(found.degrees[row], alone.degrees, rtol=1e-6)
        np.testing.assert_allclose(found.z[row], alone.z, rtol=1e-6)


def test_covariates_are_not_needed():
    values, arm, _ = repeated(5, 30, 2, missed=0, dropout=0)
    alone = analysis.pooled_t_test(values[..., -1], arm)
    np.testing.assert_allclose(mmrm(values, arm).z, alone.z, rtol=1e-9)


@pytest.mark.parametrize(
    ("values", "words"),
    [(np.zeros(4), "n_visits"), (np.full((4, 2), np.inf), "infinite"), (np.zeros((4, 0)), "shape")],
)
def test_values_that_make_no_sense_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        mmrm(values, [0, 1, 0, 1])


def test_many_replicates_are_fitted_in_parts(monkeypatch):
    columns = repeated(9, 30, 3)
    whole = mmrm(*columns)
    monkeypatch.setattr(sys.modules["lupusim.analysis.continuous.mmrm"], "_BLOCK_SIZE", 60)
    np.testing.assert_allclose(mmrm(*columns).z, whole.z, rtol=1e-9)


def test_what_has_not_converged_is_undefined(monkeypatch):
    columns = repeated(4, 30, 3)
    monkeypatch.setattr(sys.modules["lupusim.analysis.continuous.mmrm_fit"], "_MOST_STEPS", 1)
    result = mmrm(*columns)
    assert result.undefined.all()
    assert np.isinf(result.standard_error).all()


def test_as_many_patients_as_coefficients_tell_nothing_though_one_is_told_twice():
    values = np.array([[0.3, 0.1], [1.2, 2.0], [-0.4, 0.7], [0.9, 1.1], [0.2, 0.8]])
    once = np.array([[0.2], [1.0], [0.7], [-0.5], [0.1]])
    thrice = np.hstack([once, once, once])
    assert mmrm(values, [0, 1, 0, 1, 0], thrice).undefined
    assert mmrm(values, [0, 1, 0, 1, 0], np.hstack([once, once])).degrees > 0


def test_values_that_arms_explain_wholly_are_undefined_in_any_order_of_patients():
    values = np.array([[1, -1, 1], [0, 1, 0], [-1, 2, 1], [0, 1, 1], [1, -1, 1], [1, 1, np.nan]])
    arm, baseline = np.array([0, 1, 0, 0, 0, 0]), np.array([[1.0], [2], [3], [2], [1], [2]])
    for order in (np.random.default_rng(seed).permutation(6) for seed in range(20)):
        assert mmrm(values[order], arm[order], baseline[order]).undefined
