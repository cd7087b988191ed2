"""Means, ranks, pairs, regressions, single arms, closed forms: shapes and undefined cases."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from lupusim.analysis import (
    ancova,
    exact_binomial,
    larger_is_better,
    later_is_better,
    logistic_regression,
    one_sample_logrank,
    pooled_t_test,
    simon,
    smaller_is_better,
    sooner_is_better,
    welch_test,
    wilcoxon,
    win_statistics,
)
from lupusim.analysis.numerics.binomial import binomial, binomial_row
from lupusim.analysis.power import EventTimes, lachin_foulkes_power, schoenfeld_power
from lupusim.common.rng import stream
from tolerance import SEED

ARM = np.array([0, 1] * 10)


def columns(n_replicates=6):
    rng = stream(SEED, "other outcomes")
    values = rng.normal(size=(n_replicates, 20)).round(1)
    return values, rng.random((n_replicates, 20)) < 0.8, rng.normal(size=(n_replicates, 20, 1))


@pytest.mark.parametrize("test", [welch_test, pooled_t_test, wilcoxon, "ancova"])
def test_rows_of_trials_equal_single_trials(test):
    values, included, covariates = columns()

    def apply(row):
        if test == "ancova":
            return ancova(values[row], ARM, covariates[row], included=included[row])
        return test(values[row], ARM, included=included[row])

    rows = apply(slice(None))
    for row in range(6):
        alone = apply(row)
        for name in ("z", "estimate", "standard_error", "lower", "upper", "undefined"):
            np.testing.assert_allclose(getattr(rows, name)[row], getattr(alone, name))
        assert alone.z.shape == ()


@pytest.mark.parametrize("test", [welch_test, pooled_t_test, wilcoxon])
def test_without_variation_or_patients_nothing_is_significant(test):
    for values, arm in ((np.ones(20), ARM), (np.arange(20.0), np.ones(20))):
        result = test(values, arm)
        assert result.undefined
        assert result.p_two_sided == 1
        assert not np.isnan([result.lower, result.upper, result.estimate]).any()
    excluded = np.full(20, np.nan)
    assert test(excluded, ARM, included=np.zeros(20)).undefined
    with pytest.raises(ValueError, match="number"):
        test(excluded, ARM)


def test_larger_values_on_the_experimental_arm_are_positive():
    values = np.arange(20.0) + 3 * ARM
    for test in (welch_test, pooled_t_test, wilcoxon):
        assert test(values, ARM).z > 0
    assert ancova(values, ARM, np.arange(20.0)[::-1, np.newaxis] ** 2).z > 0


def test_covariates_that_repeat_the_arm_are_undefined():
    values, _, _ = columns()
    result = ancova(values, ARM, ARM[:, np.newaxis])
    assert result.undefined.all()
    with pytest.raises(ValueError, match="finite"):
        ancova(values * np.nan, ARM, ARM[:, np.newaxis])


def test_values_that_the_covariate_explains_fully_leave_nothing_to_test():
    result = ancova(np.arange(20.0), ARM, np.arange(20.0)[:, np.newaxis])
    assert result.undefined


def test_separated_responders_are_undefined_in_logistic_regression():
    result = logistic_regression(ARM, ARM[:, np.newaxis])
    assert result.undefined.all()
    values, included, covariates = columns()
    both = logistic_regression(values > 0, covariates, included=included)
    alone = logistic_regression(values[2] > 0, covariates[2], included=included[2])
    np.testing.assert_allclose(both.z[2], alone.z, atol=1e-9)


def pairs_by_brute_force(time, event, score, arm):
    """Compare every pair, first by death, then by score; return n wins and n losses."""
    wins = losses = 0
    for i in np.flatnonzero(arm):
        for j in np.flatnonzero(1 - arm):
            if event[j] and (time[i] > time[j] or (time[i] == time[j] and not event[i])):
                wins += 1
            elif event[i] and (time[j] > time[i] or (time[i] == time[j] and not event[j])):
                losses += 1
            else:
                wins += score[i] > score[j]
                losses += score[i] < score[j]
    return wins, losses


@pytest.mark.parametrize("included", [None, np.arange(40) % 5 > 0])
def test_wins_equal_brute_force(included):
    rng = stream(SEED, "pairs")
    time = np.ceil(rng.exponential(3.0, (5, 40)))
    event = rng.random((5, 40)) < 0.5
    score = rng.integers(0, 4, (5, 40))
    arm = (rng.random((5, 40)) < 0.5).astype(int)
    result = win_statistics(
        [later_is_better(time, event), larger_is_better(score)], arm, included=included
    )
    chosen = slice(None) if included is None else included
    for row in range(5):
        here = arm[row, chosen]
        n_pairs = here.sum() * (1 - here).sum()
        wins, losses = pairs_by_brute_force(
            time[row, chosen], event[row, chosen], score[row, chosen], here
        )
        np.testing.assert_allclose(result.wins[row] * n_pairs, wins)
        np.testing.assert_allclose(result.losses[row] * n_pairs, losses)
        np.testing.assert_allclose(result.log_win_ratio.estimate[row], log(wins / losses))
        np.testing.assert_allclose(result.ties[row] * n_pairs, n_pairs - wins - losses)
        never = np.zeros(score.shape[1])[chosen]  # the score no longer decides
        wins, losses = pairs_by_brute_force(time[row, chosen], event[row, chosen], never, here)
        np.testing.assert_allclose(result.level_wins[0, row] * n_pairs, wins)
        np.testing.assert_allclose(result.level_losses[0, row] * n_pairs, losses)
        np.testing.assert_allclose(result.level_ties[0, row] * n_pairs, n_pairs - wins - losses)
    np.testing.assert_allclose(result.level_wins.sum(axis=0), result.wins)
    np.testing.assert_allclose(result.level_losses.sum(axis=0), result.losses)
    np.testing.assert_array_equal(result.level_ties[-1], result.ties)


def test_net_benefit_of_one_number_is_the_mann_whitney_estimate():
    values, included, _ = columns()
    wins = win_statistics([larger_is_better(values)], ARM, included=included)
    ranks = wilcoxon(values, ARM, included=included)
    np.testing.assert_allclose(wins.net_benefit.estimate, 2 * ranks.estimate, atol=1e-12)
    np.testing.assert_allclose(wins.net_benefit.standard_error, 2 * ranks.standard_error)


def test_worse_is_the_mirror_of_better():
    values, _, _ = columns()
    time, event = np.abs(values), values > 0
    for good, bad in (
        (larger_is_better(values), smaller_is_better(values)),
        (later_is_better(time, event), sooner_is_better(time, event)),
    ):
        one, other = win_statistics([good], ARM), win_statistics([bad], ARM)
        np.testing.assert_array_equal(one.wins, other.losses)


def test_pairs_without_a_winner_or_a_partner_are_undefined():
    level = larger_is_better(np.ones(20))
    tied, alone = win_statistics([level], ARM), win_statistics([level], np.ones(20))
    for result in (tied, alone):
        for one in (result.net_benefit, result.log_win_ratio, result.log_win_odds):
            assert one.undefined
            assert one.z == 0
    assert (tied.ties, alone.ties) == (1, 0)
    all_won = win_statistics([larger_is_better(ARM)], ARM)
    assert all_won.log_win_ratio.undefined
    assert all_won.log_win_odds.undefined
    with pytest.raises(ValueError, match="levels is empty"):
        win_statistics([], ARM)
    with pytest.raises(ValueError, match="not a number"):
        win_statistics([larger_is_better([1.0, np.nan])], [0, 1])
    with pytest.raises(ValueError, match="16383"):
        win_statistics([larger_is_better(np.ones(20_000))], np.ones(20_000))


def test_exact_binomial_of_nobody_is_undefined():
    result = exact_binomial([[1, 0], [1, 1]], 0.3, included=[[0, 0], [1, 1]])
    assert result.undefined.tolist() == [True, False]
    np.testing.assert_allclose(result.p_greater, [1.0, 0.09])
    with pytest.raises(ValueError, match="null_proportion"):
        exact_binomial([1, 0], 1.0)


def test_many_patients_do_not_overflow():
    chance = binomial(3000, 0.3)
    np.testing.assert_allclose(chance.sum(), 1.0)
    np.testing.assert_allclose(chance @ np.arange(3001), 900.0)


def test_two_stage_designs_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="must be above"):
        simon(0.3, 0.3)
    with pytest.raises(ValueError, match="most_patients=10"):
        simon(0.3, 0.4, most_patients=10)


def test_one_sample_logrank_compares_with_the_reference_hazard():
    time, event = np.array([[1.0, 2.0, 3.0]] * 2), np.array([[1, 0, 1]] * 2)
    result = one_sample_logrank(time, event, lambda t: 0.5 * t)
    np.testing.assert_allclose(result.z, (2 - 3) / np.sqrt(3))
    part = one_sample_logrank(time[0], event[0], lambda t: 0.5 * t, included=[1, 1, 0])
    np.testing.assert_allclose(part.z, (1 - 1.5) / np.sqrt(1.5))
    assert one_sample_logrank([0.0], [0], lambda t: t).undefined


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hazard": 0.0}, "hazard"),
        ({"hazard": 1.0, "dropout": -1.0}, "dropout"),
        ({"hazard": 1.0, "accrual_breaks": (0.0, 1.0, 0.5), "accrual_rates": (1.0, 1.0)}, "rise"),
        ({"hazard": 1.0, "accrual_rates": (1.0, 1.0)}, "rise"),
        ({"hazard": 1.0, "accrual_rates": (0.0,)}, "not all 0"),
        ({"hazard": 1.0, "accrual_breaks": (0.0, 5.0)}, "cutoff"),
    ],
)
def test_event_times_check_themselves(values, message):
    with pytest.raises(ValueError, match=message):
        EventTimes(cutoff=2.0, **values)


def test_closed_forms_refuse_what_has_no_effect():
    same = EventTimes(hazard=1.0, cutoff=2.0)
    with pytest.raises(ValueError, match="must differ"):
        lachin_foulkes_power(100, same, same)
    for ratio in (1.0, -0.5):
        with pytest.raises(ValueError, match="hazard_ratio"):
            schoenfeld_power(ratio, 100)


def test_a_certain_response_is_certain():
    assert binomial_row(3, 0.0).tolist() == [1, 0, 0, 0]
    assert binomial_row(3, 1.0).tolist() == [0, 0, 0, 1]
