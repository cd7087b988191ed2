"""The value of a number that gives a power, against calculations of another kind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats

from lupusim import solve
from lupusim.planning.solving.goal import Goal
from lupusim.planning.solving.results import NotReachedError
from lupusim.planning.solving.search import Effort, find_value
from lupusim.report.questions.solved import solved_sentence
from lupusim.scenario.files.number_at import number_at
from tolerance import assert_within_mcse


def _power_of_tables(n: int, control: float, treated: float, m: int | None = None) -> float:
    """Return the power of the pooled z test, one-sided 2.5 %, over all tables."""
    m = m or n
    x, y = np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij")
    pooled = (x + y) / (n + m)
    with np.errstate(invalid="ignore"):
        z = (y / m - x / n) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    chance = stats.binom.pmf(x, n, control) * stats.binom.pmf(y, m, treated)
    return float(chance[np.nan_to_num(z) >= stats.norm.isf(0.025)].sum())


def test_a_share_is_found_by_exact_power_whatever_the_seed() -> None:
    path = "arms.treated.outcomes.response"
    found = [solve("two_rates", path, 0.8, seed=seed, n_replicates=400) for seed in (1, 2)]
    by_hand = optimize.brentq(lambda p: _power_of_tables(60, 0.3, p) - 0.8, 0.4, 0.7)
    assert [one.value for one in found] == pytest.approx([100 * by_hand] * 2, rel=1e-6)
    assert found[0].standard_error == 0
    assert found[0].exact == pytest.approx(0.8, abs=1e-6)
    assert_within_mcse(found[0].confirmed.value, 0.8, mcse=found[0].confirmed.mcse)


SCORE = {
    "schema": "lupusim/scenario/1",
    "title": "A score",
    "outcomes": {"score": {"kind": "score", "at": "24 weeks", "sd": 8, "correlation": 0.5}},
    "arms": [
        {"name": "control", "control": True, "outcomes": {"score": {"24 weeks": -3}}},
        {"name": "treated", "outcomes": {"score": {"24 weeks": -6}}},
    ],
    "allocation": "1:1",
    "enrollment": "20 per month",
    "analysis": {"test": "t_test", "alpha": 0.025, "sided": 1},
    "sample_size": 128,
}
TREATED = "arms.treated.outcomes.score.24 weeks"


@pytest.fixture
def score(tmp_path: Path) -> Path:
    """A file of a trial of a score whose change has SD 8."""
    file = tmp_path / "score.yaml"
    file.write_text(json.dumps(SCORE))
    return file


def _t_power(difference: float) -> float:
    drift = difference / (8 * (2 / 64) ** 0.5)
    return float(stats.nct.sf(stats.t.isf(0.025, 126), 126, drift))


def test_a_simulated_answer_lies_within_its_standard_errors_of_the_noncentral_t(
    score: Path,
) -> None:
    found = solve(score, TREATED, 0.8, n_replicates=2000)
    detectable = optimize.brentq(lambda d: _t_power(d) - 0.8, 1, 9)
    assert_within_mcse(found.value, -3 - detectable, mcse=found.standard_error)
    assert 0.005 < found.standard_error < 0.04  # control variates stand for most of the chance
    assert_within_mcse(found.confirmed.value, 0.8, mcse=found.confirmed.mcse * 2**0.5)
    low, high = found.interval
    assert low < found.value < high
    assert TREATED not in repr(found)
    assert f"{found.value:.4g}" in repr(found)


def test_the_same_bits_for_any_number_of_processes(score: Path) -> None:
    one, two = (solve(score, TREATED, 0.9, n_replicates=400, n_jobs=n) for n in (1, 2))
    assert one.to_json() == two.to_json()


def test_what_is_not_reached_is_told_with_what_was_seen() -> None:
    words = r"power 0.8 is not reached for any dropout.per_year from 1 to 5: it is 0.\d+ at 1, "
    with pytest.raises(NotReachedError, match=words):
        solve("time_to_event", "dropout.per_year", 0.8, between=(1, 5), n_replicates=200)


def test_a_trial_that_waits_for_events_is_told_to_ask_for_those() -> None:
    words = (
        r"from 250 to 400: .*waits for 180 events, whoever has them: --for looks\.1\.when\.events"
    )
    with pytest.raises(NotReachedError, match=words):
        solve("time_to_event", "sample_size", 0.99, between=(250, 400), n_replicates=200)


def test_a_trial_that_ends_at_a_date_is_told_that_patients_would_come_too_late(
    tmp_path: Path,
) -> None:
    """12 a month for 10 months and one visit at 24 weeks: those of the first month or five."""
    looks = [{"when": {"any": [{"patients": 3000}, {"calendar_time": "10 months"}]}}]
    file = tmp_path / "until.yaml"
    file.write_text(json.dumps(SCORE | {"looks": looks}))
    with pytest.raises(NotReachedError, match=r"come too late: the last look is held by month 10"):
        solve(file, "sample_size", 0.99, between=(400, 2000), n_replicates=200)


def test_an_answer_that_its_error_leaves_open_says_so(score: Path) -> None:
    found = solve(score, TREATED, 0.9, n_replicates=200)
    asked = number_at(score, [TREATED])
    assert "hardly known" not in solved_sentence(found, asked)
    unsure = replace(found, standard_error=540.0)
    assert "(standard error 540)" in solved_sentence(unsure, asked)
    assert "it is hardly known, since the power changes little" in solved_sentence(unsure, asked)


def test_of_whole_numbers_the_nearest_that_has_enough_is_found() -> None:
    found = solve("two_rates", "sample_size", 0.85, n_replicates=200)
    assert found.value == 139  # the last block of four deals 2 + 1 or 1 + 2 to the arms
    by_hand = [_power_of_tables(n, 0.3, 0.55, m) for n, m in ((69, 70), (70, 69))]
    assert found.exact == pytest.approx(sum(by_hand) / 2, abs=1e-9)
    assert found.exact >= 0.85


def test_what_the_trial_has_not_is_refused_in_words(score: Path) -> None:
    number = number_at(score, [TREATED]).number(None)
    with pytest.raises(ValueError, match="a run of this trial has no quantity 'cost'"):
        find_value(number, Goal(quantity="cost"), Effort(seed=1, n_replicates=200))
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        Goal(target=80)
    with pytest.raises(ValueError, match="goes with power"):
        Goal(quantity="duration", target=2, event="all")
    with pytest.raises(ValueError, match="at least 200"):
        Effort(seed=1, n_replicates=10)


def test_another_quantity_is_reached(score: Path) -> None:
    number = number_at(score, ["enrollment"]).number(None)
    goal = Goal(quantity="duration", target=1.5)  # 128 patients take 128 / rate, and 24 weeks
    found = find_value(number, goal, Effort(seed=3, n_replicates=200))
    years = 1.5 - 24 / 52.1775
    assert found.value == pytest.approx(128 / years / 12, rel=0.02)
    error = find_value(
        number_at(score, ["analysis.alpha"]).number(None),
        Goal(quantity="type_one_error", target=0.05),
        Effort(seed=3, n_replicates=500),
    )
    assert_within_mcse(error.value, 0.05, mcse=error.standard_error)
