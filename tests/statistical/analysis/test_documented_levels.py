"""The real level of every test is what the page for planners says, measured once more."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, norm

from lupusim.analysis.registry import TESTS
from tolerance import SEED, assert_within_mcse

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))
import levels_at_looks as at_looks
import levels_of_tests as levels

CELLS = levels.documented(levels.PAGE.read_text())
WORST = levels.documented_worst(levels.PAGE.read_text())
SUMS = [
    pair
    for pair in CELLS
    if levels.is_enumerated(pair[0]) and levels.DESIGNS[pair[1]].strata is None
]
SIMULATED = [pair for pair in CELLS if pair not in SUMS]


ROWS = {
    name: [cell.strip() for cell in row.strip("|").split("|")]
    for name, row in at_looks.rows(levels.PAGE.read_text()).items()
}


def number(cell):
    return float(cell.split(" at ")[0].strip("*"))


def test_every_test_has_its_row_and_every_row_its_test():
    expected = {
        (name, key)
        for name in TESTS
        if name not in levels.ELSEWHERE
        for key in levels.designs_of(name)
    }
    assert set(CELLS) == expected
    assert {name for name, _ in WORST} == {name for name, _ in SUMS}


def test_what_is_too_high_or_too_low_is_marked():
    for (name, key), cell in CELLS.items():
        assert cell == levels.marked(number(cell)), (name, key)


def test_the_page_says_how_many_trials_were_simulated():
    assert levels.PAGE.read_text().startswith(levels.words())


@pytest.mark.parametrize(("control", "other", "said"), [(15, 15, "0.033"), (10, 60, "0.069")])
def test_levels_of_few_patients_in_the_text_are_sums_over_all_tables(control, other, said):
    assert f"at {said}" in " ".join(levels.PAGE.read_text().split())
    responders, others = np.arange(control + 1), np.arange(other + 1)
    rate, other_rate = responders[:, None] / control, others / other
    variance = rate * (1 - rate) / control + other_rate * (1 - other_rate) / other
    z = (other_rate - rate) / np.sqrt(np.maximum(variance, 1e-12))
    chance = binom.pmf(responders, control, 0.3) @ (z >= norm.isf(0.025))
    assert chance @ binom.pmf(others, other, 0.3) == pytest.approx(float(said), abs=5e-4)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("survival_difference", 0.044),
        ("restricted_mean", 0.063),
        ("incidence_difference", 0.049),
        ("rate_ratio", 0.049),
    ],
)
def test_levels_of_an_arm_of_few_in_the_text_are_measured_again(name, said, monkeypatch):
    few = levels.Design(control=60, experimental=10)
    monkeypatch.setitem(levels.DESIGNS, "few", few)
    n = 4_000
    found = levels.level(name, "few", n=n, purpose="measured again")
    mcse = math.hypot(levels.mcse(said, n), levels.mcse(said, 20_000))
    assert_within_mcse(found, said, mcse=mcse)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "key"), SIMULATED)
def test_a_level_on_other_random_numbers_is_the_documented_one(name, key):
    expected, n = number(CELLS[name, key]), levels.n_repeated(name)
    found = levels.level(name, key, n=n, purpose="measured again")
    # Both are simulated: the error of their difference.
    mcse = math.hypot(levels.mcse(expected, levels.N_REPLICATES), levels.mcse(found, n))
    assert_within_mcse(found, expected, mcse=mcse)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({name for name, _ in SUMS}))
def test_levels_of_responses_are_sums_over_all_tables(name):
    for key in (key for known, key in SUMS if known == name):
        assert f"{levels.measured(name, key):.4f}" == CELLS[name, key].strip("*")
        assert levels.worst_level(name, key)[0] == pytest.approx(number(WORST[name, key]), abs=5e-5)


def test_negative_control_p_values_that_are_too_small_are_noticed(monkeypatch):
    whole, n = levels.p_values, 20_000
    expected = number(CELLS["logrank", "12+12"])
    mcse = levels.mcse(expected, n)
    found = levels.level("logrank", "12+12", n=n, purpose="control")
    assert_within_mcse(found, expected, mcse=mcse)
    monkeypatch.setattr(levels, "p_values", lambda *args, **words: 0.7 * whole(*args, **words))
    found = levels.level("logrank", "12+12", n=n, purpose="control")
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(found, expected, mcse=mcse)


def test_every_test_has_its_row_at_looks_marked_where_it_differs_from_one_look():
    assert list(ROWS) == at_looks.NAMES
    assert levels.LOOKS_BEGIN + at_looks.WORDS in levels.PAGE.read_text()
    for name, (_, _, *cells, trials) in ROWS.items():
        n = int(trials.replace(",", ""))
        assert n == at_looks.n_of(name)
        for cell in cells:
            assert cell == at_looks.marked(number(cell), number(cells[0]), n), name


def test_a_level_at_looks_above_that_at_one_look_has_its_reason_on_the_page():
    liberal = set()
    for name, (_, _, _, alone, *several, trials) in ROWS.items():
        high = [number(cell) for cell in several if cell.startswith("**")]
        most = levels.ALPHA + 4 * levels.mcse(levels.ALPHA, int(trials.replace(",", "")))
        if high:
            assert f"`{name}`" in at_looks.WORDS, name
        if high and max(high) > most:
            liberal.add(name)
            assert number(alone) > most  # so has a look at so few patients alone
    assert liberal
    assert all(TESTS[name].least_patients for name in liberal)  # `check` warns of it


@pytest.mark.slow
@pytest.mark.parametrize("name", at_looks.NAMES)
def test_levels_at_looks_on_other_random_numbers_are_the_documented_ones(name):
    n, trials = 2_000, at_looks.n_of(name)
    _, found = at_looks.measured(name, n=n, purpose="measured again")
    for expected, level in zip(map(number, ROWS[name][2:-1]), found, strict=True):
        mcse = math.hypot(levels.mcse(expected, n), levels.mcse(expected, trials))
        assert_within_mcse(level, expected, mcse=mcse)


def test_negative_control_looks_at_the_bound_of_one_look_have_another_level():
    drawn = next(at_looks.blocks("logrank", 3_000, "control"))
    any_look = (drawn.z >= norm.isf(levels.ALPHA)).any(axis=1).mean()
    held = drawn.rejects(4, "pocock").mean()
    assert any_look > held + 4 * levels.mcse(held, len(drawn.z))


def test_the_seed_is_that_of_the_suite():
    assert levels.SEED == SEED
