"""Laws of an arm's responders in two strata, and where tables turn to reject."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from lupusim.analysis.registry import TESTS
from lupusim.planning.theory.counts import tables
from lupusim.planning.theory.counts.tables import (
    laws_in_two,
    mixed_laws,
    rejections,
    turning_points,
)
from lupusim.trial import Better

CONVEX = ("pooled_z", "miettinen_nurminen")


@pytest.mark.parametrize("chances", [(0.3, 0.5), (0.05, 0.98), (0.0, 1.0), (0.5, 0.5), (1.0, 1.0)])
def test_the_law_of_responders_in_two_strata_is_the_convolution_of_two_binomials(chances):
    n, first = 41, np.array([0, 1, 17, 40, 41])
    found = laws_in_two(first, n, np.array(chances), (0, n + 1))
    for law, m in zip(found, first, strict=True):
        one, other = (
            stats.binom(size, chance).pmf(np.arange(size + 1))
            for size, chance in zip((m, n - m), chances, strict=True)
        )
        np.testing.assert_allclose(law, np.convolve(one, other), atol=1e-14)


def test_the_law_within_a_span_is_that_part_of_the_whole():
    n, chances = 1800, np.array([0.42, 0.31])
    whole = laws_in_two(np.array([870, 930]), n, chances, (0, n + 1))
    part = laws_in_two(np.array([870, 930]), n, chances, (500, 820))
    assert whole.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    outside = 1 - whole[:, 500:820].sum(axis=1)
    np.testing.assert_allclose(part, whole[:, 500:820], atol=2 * outside.max() + 1e-14)


def _missed_by_mixtures(chances, *, spread=90, n=1800, sizes=(1800, 1801)):
    """Return what mixtures miss of the laws of many sizes of a stratum, and of how few laws."""
    of_both = np.repeat(sizes, 2 * spread)
    first = np.tile(np.arange(n // 2 - spread, n // 2 + spread), len(sizes))
    span = (0, n + 2)
    weights, mixed = mixed_laws(first, of_both, np.array(chances), span)
    missed = 0.0
    for size in sizes:
        here = of_both == size
        own = laws_in_two(first[here], size, np.array(chances), (0, size + 1))
        missed = max(missed, np.abs(weights[here] @ mixed[size] - own).sum(axis=1).max())
    return missed, weights.shape[1]


@pytest.mark.parametrize("chances", [(0.42, 0.31), (0.9, 0.8), (0.3, 0.3), (0.2, 0.7)])
def test_laws_of_many_sizes_of_a_stratum_are_mixtures_of_few(chances):
    missed, n_mixed = _missed_by_mixtures(chances)
    assert missed < 1e-12  # what rounding leaves of 1,800 numbers
    assert n_mixed < 60


def test_fewer_laws_than_that_would_miss_what_lies_between(monkeypatch):
    monkeypatch.setattr(tables, "_MISSED", 1e-3)
    missed, _ = _missed_by_mixtures((0.42, 0.31))
    assert 1e-9 < missed < 1e-3  # the bound holds, and the test above would notice


@pytest.mark.parametrize("chances", [(0.0, 1.0), (1.0, 0.5), (0.001, 0.999)])
def test_laws_that_differ_much_are_not_interpolated(chances):
    n, first = 41, np.array([3, 41, 0, 17, 3])
    weights, mixed = mixed_laws(first, np.full(5, n), np.array(chances), (0, n + 1))
    assert weights.shape[1] == 4
    own = laws_in_two(first, n, np.array(chances), (0, n + 1))
    np.testing.assert_allclose(weights @ mixed[n], own, atol=1e-14)


@pytest.mark.parametrize(("name", "better"), list(product(CONVEX, Better)))
def test_where_tables_turn_to_reject_is_what_all_tables_say(name, better):
    test = TESTS[name]
    for sizes, alpha in product([(0, 5), (5, 0), (1, 1), (7, 12), (24, 41)], (0.025, 0.2)):
        spans = ((0, sizes[0] + 1), (0, sizes[1] + 1))
        asked = (test, better, 1, alpha, sizes, spans)
        (turns,) = turning_points(*asked[:4], (asked[4:],))
        # a law that is one number is the row of that number
        np.testing.assert_array_equal(turns.rejects(np.eye(sizes[1] + 1)), rejections(*asked))


@pytest.mark.parametrize(("name", "better"), list(product(CONVEX, Better)))
def test_where_tables_turn_is_looked_for_where_a_pooled_z_turns(name, better, monkeypatch):
    asked, verdict_on = [], tables.verdict_on

    def counted(test, few, **how):
        asked.append(few)
        return verdict_on(test, few, **how)

    monkeypatch.setattr(tables, "verdict_on", counted)
    turning_points(TESTS[name], better, 1, 0.03, (((300, 210), ((40, 130), (20, 190))),))
    assert 1 <= len(asked) <= 3


@pytest.mark.parametrize("better", Better)
def test_where_tables_of_several_sizes_turn_is_as_of_each_alone(better):
    asked = (TESTS["miettinen_nurminen"], better, 1, 0.025)
    cases = (
        ((30, 31), ((4, 20), (9, 25))),
        ((0, 61), ((0, 1), (9, 25))),
        ((31, 30), ((4, 9), (0, 31))),
        ((12, 300), ((0, 13), (3, 290))),
    )
    together = turning_points(*asked, cases)
    for turns, case in zip(together, cases, strict=True):
        (alone,) = turning_points(*asked, (case,))
        np.testing.assert_array_equal(turns.place, alone.place)
    assert len({turns.place.tobytes() for turns in together}) == len(cases)


def test_within_narrow_spans_tables_may_all_reject_or_none():
    test = TESTS["miettinen_nurminen"]
    for new in ((2, 5), (30, 40), (55, 61)):
        asked = (test, Better.MORE, 1, 0.025, (60, 60), ((20, 24), new))
        law = np.full((1, new[1] - new[0]), 1.0)
        (turns,) = turning_points(*asked[:4], (asked[4:],))
        found = turns.rejects(law)
        np.testing.assert_array_equal(found, law @ rejections(*asked))


@pytest.mark.parametrize("name", CONVEX)
def test_two_sided_tests_and_those_with_a_margin_go_through_all_tables(name):
    asked = (Better.MORE, 2, 0.05, (((10, 10), ((0, 11), (0, 11))),))
    assert turning_points(TESTS[name], *asked) is None
    within = TESTS["miettinen_nurminen"].with_parameters({"margin": 0.1})
    assert not within.is_convex
    assert not TESTS["unpooled_z"].is_convex
    assert not TESTS["fisher_exact"].is_convex
