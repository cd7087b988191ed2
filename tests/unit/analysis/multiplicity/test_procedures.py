"""Procedures over several hypotheses: levels, looks, what cannot be."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

from lupusim.analysis.group_sequential import BySpending, LanDeMetsPocock, bounds
from lupusim.analysis.multiplicity import Graph, GraphState, SequentialGraph
from lupusim.analysis.multiplicity.procedures import (
    PROCEDURES,
    Adjusted,
    Dunnett,
    Graphical,
    dunnett_level,
    sequential_graph,
)
from lupusim.common.rng import stream
from lupusim.trial.multiplicity import Procedure
from tolerance import SEED


def p_values(n_hypotheses: int, n_looks: int) -> np.ndarray:
    rng = stream(SEED, "p-values")
    return rng.random((400, n_hypotheses, n_looks)) ** 4


def full(shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(np.arange(1, shape[2] + 1) / shape[2], shape)


@pytest.mark.parametrize("method", ["bonferroni", "holm", "fixed_sequence"])
def test_a_graph_and_the_adjusted_p_values_reject_the_same_at_one_look(method: str) -> None:
    p_value = p_values(3, 1)
    graph = Graphical.of(sequential_graph(method, 3, None))
    by_graph = graph.rejections(p_value, full(p_value.shape), alpha=0.025)
    adjusted = Adjusted(method=method).rejections(p_value, full(p_value.shape), alpha=0.025)
    np.testing.assert_array_equal(by_graph, adjusted)


def test_a_graph_over_looks_agrees_with_maurer_and_bretz_at_planned_information() -> None:
    p_value = p_values(3, 3)
    transitions = ((0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
    graph = Graph(weights=np.array([0.5, 0.3, 0.2]), transitions=np.array(transitions))
    information = np.array([1.0, 2.0, 3.0]) / 3
    expected = SequentialGraph(graph=graph, information=information).rejections(p_value).look
    found = Graphical.of(graph).rejections(p_value, full(p_value.shape), alpha=0.025)
    np.testing.assert_array_equal(found, expected)


def test_one_hypothesis_over_looks_is_the_group_sequential_test() -> None:
    from scipy.special import ndtr

    p_value = p_values(1, 3)
    level = ndtr(-bounds([1, 2, 3]).efficacy)
    below = p_value[:, 0] <= level
    first = np.where(below.any(axis=1), below.argmax(axis=1) + 1, 0)
    graph = Graphical.of(sequential_graph("holm", 1, None))
    found = graph.rejections(p_value, full(p_value.shape), alpha=0.025)
    np.testing.assert_array_equal(found[:, 0], first)


def two_sided_levels(alpha: float, first: float) -> tuple[float, float]:
    """Return nominal levels of looks at half and all, `first` of alpha spent at the first."""
    z_first = norm.isf(alpha * first / 2)
    correlated = multivariate_normal(cov=[[1, 0.5**0.5], [0.5**0.5, 1]])

    def error(z: float) -> float:
        upper = np.array([z_first, z])
        inside = correlated.cdf(upper, lower_limit=-upper)
        return float(1 - inside - alpha)

    return 2 * norm.sf(z_first), 2 * norm.sf(brentq(error, 1, 5))


@pytest.mark.parametrize("method", ["bonferroni", "holm", "fixed_sequence"])
def test_two_sided_hypotheses_over_looks_are_rejected_at_two_sided_bounds(method: str) -> None:
    p_value, alpha = p_values(2, 2), 0.05
    share = np.log(1 + (np.e - 1) / 2)  # Lan and DeMets' spending of Pocock's kind, at half
    half, whole = (two_sided_levels(level, share) for level in (alpha / 2, alpha))
    graph = sequential_graph(method, 2, None)
    rule = BySpending(spending=LanDeMetsPocock())
    procedure = Graphical.of(graph, rule, sided=2)
    found = procedure.rejections(p_value, full(p_value.shape), alpha=alpha)
    expected = np.zeros_like(found)
    for row, p in enumerate(p_value):
        levels = [whole, (0, 0)] if method == "fixed_sequence" else [half, half]
        for look in (0, 1):
            for one in (0, 1, 0):  # once more: the second may have passed its alpha on
                other = 1 - one
                if not expected[row, one] and p[one, look] <= levels[one][look]:
                    expected[row, one] = look + 1
                    if method != "bonferroni":
                        levels[other] = whole
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) == 3
    none = np.zeros((len(p_value), 2), dtype=bool)
    bound = procedure.bounds(none, full(p_value.shape), alpha=alpha)[0, 0]
    first = whole if method == "fixed_sequence" else half
    assert bound == pytest.approx(norm.isf(np.array(first) / 2), abs=1e-4)


def test_a_hypothesis_without_information_is_never_rejected() -> None:
    p_value, nothing = np.full((2, 2, 2), 1e-9), np.zeros((2, 2, 2))
    nothing[:, 1] = [0.5, 1.0]
    found = Graphical.of(sequential_graph("holm", 2, None)).rejections(
        p_value, nothing, alpha=0.025
    )
    assert found.tolist() == [[0, 1], [0, 1]]


def test_a_hypothesis_without_weight_is_never_rejected_not_even_at_p_0() -> None:
    alone = Graphical(weights=(1.0, 0.0), transitions=((0.0, 0.0), (1.0, 0.0)))
    p_value = np.zeros((1, 2, 2))
    assert alone.rejections(p_value, full(p_value.shape), alpha=0.025).tolist() == [[1, 0]]


def test_a_graph_says_who_starts_with_how_much_and_where_it_goes() -> None:
    graph = Graphical(weights=(0.8, 0.2), transitions=((0.0, 1.0), (0.25, 0.0)))
    said = graph.in_words(["first", "second"])
    assert "first starts with 80 %; second starts with 20 %." in said
    assert "25 %" in said


def test_dunnetts_level_is_that_of_his_table() -> None:
    # Dunnett (1955), table 1a: one-sided 5 %, infinite degrees of freedom: 1.92 for two
    # treatments, 2.06 for three
    from scipy.special import ndtri

    for n_arms, critical in ((2, 1.92), (3, 2.06)):
        level = dunnett_level((1,) * (n_arms + 1), 0.05)
        assert abs(-ndtri(level) - critical) <= 0.0051
    single = Dunnett(ratio=(1, 1, 1), steps_down=False)
    p_value = np.array([[[0.5, 0.0134], [0.5, 0.0136]]])
    assert single.rejections(p_value, full(p_value.shape), alpha=0.025).tolist() == [[2, 0]]
    both = replace(single, steps_down=True)
    assert both.rejections(p_value, full(p_value.shape), alpha=0.025).tolist() == [[2, 2]]


@pytest.mark.parametrize("sided", [1, 2])
def test_dunnetts_level_is_that_of_the_multivariate_normal_law(sided: int) -> None:
    ratio = np.array([2.0, 1.0, 3.0])
    loading = np.sqrt(ratio[1:] / (ratio[1:] + ratio[0]))
    law = multivariate_normal(cov=[[1, loading.prod()], [loading.prod(), 1]])
    critical = norm.isf(dunnett_level((2, 1, 3), 0.05, sided) / sided)
    low = None if sided == 1 else [-critical] * 2
    assert 1 - law.cdf([critical] * 2, lower_limit=low) == pytest.approx(0.05, abs=1e-5)


@pytest.mark.parametrize("sided", [1, 2])
def test_dunnett_stepping_down_is_closed_testing_with_his_tests(sided: int) -> None:
    ratio = (2, 1, 1, 2)
    p_value = stream(SEED, "dunnett").random((400, 3, 1)) ** 3
    rule = Dunnett(ratio=ratio, sided=sided)
    found = rule.rejections(p_value, full(p_value.shape), alpha=0.05) > 0
    sets = [arms for size in (1, 2, 3) for arms in combinations(range(3), size)]
    for trial, p in enumerate(p_value[:, :, 0]):
        fall = {
            arms: p[list(arms)].min()
            <= dunnett_level((2, *(ratio[1 + arm] for arm in arms)), 0.05, sided)
            for arms in sets
        }
        expected = [all(yes for arms, yes in fall.items() if arm in arms) for arm in range(3)]
        assert found[trial].tolist() == expected
    single = replace(rule, steps_down=False).rejections(p_value, full(p_value.shape), alpha=0.05)
    np.testing.assert_array_equal(
        single[:, :, None] > 0, p_value <= dunnett_level(ratio, 0.05, sided)
    )
    assert found.sum() > (single > 0).sum() > 0


def test_only_graphs_know_interim_looks() -> None:
    assert Adjusted(method="hochberg").one_look_only
    assert Dunnett(ratio=(1, 1)).one_look_only
    assert not Graphical.of(sequential_graph("holm", 2, None)).one_look_only


def passed_on_by_hand(
    weights: list[Fraction], edges: list[list[Fraction]], order: list[int]
) -> list[float]:
    """Bretz et al. (2009), Algorithm 1, in fractions, one rejection after the other."""
    w, g, n = list(weights), [list(row) for row in edges], len(weights)
    left = set(range(n))
    for j in order:
        left.discard(j)
        w = [w[i] + w[j] * g[j][i] if i in left else Fraction(0) for i in range(n)]
        g = [
            [
                (g[i][k] + g[i][j] * g[j][k]) / (1 - g[i][j] * g[j][i])
                if i in left and k in left and i != k and g[i][j] * g[j][i] < 1
                else Fraction(0)
                for k in range(n)
            ]
            for i in range(n)
        ]
    return [float(one) for one in w]


@pytest.mark.parametrize("small", ["1e-12", "1e-6", "0.1"])
def test_weight_goes_round_a_loop_through_small_edges_as_in_fractions(small: str) -> None:
    least, most = Fraction(small), 1 - Fraction(small)
    zero = Fraction(0)
    edges = [[zero, least, most, zero], [least, zero, zero, most]]
    edges += [[least, zero, zero, most], [zero, least, most, zero]]
    weights = [Fraction(1, 2), Fraction(1, 2), zero, zero]
    given = np.array([[float(edge) for edge in row] for row in edges])
    graph = Graph(weights=np.array([0.5, 0.5, 0, 0]), transitions=given)
    rng = stream(SEED, "orders")
    for _ in range(20):
        order = rng.permutation(4)[: rng.integers(1, 4)].tolist()
        state = GraphState(graph, 1)
        for one in order:
            state.reject(np.zeros(1, dtype=int), np.array([one]))
        expected = passed_on_by_hand(weights, edges, order)
        np.testing.assert_allclose(state.weights[0], expected, rtol=1e-9, atol=1e-18)


def test_edges_that_rounding_would_lose_are_refused() -> None:
    with pytest.raises(ValueError, match="lost by rounding"):
        Graph(weights=np.array([0.5, 0.5]), transitions=np.array([[0, 1e-14], [1, 0]]))


def test_weights_of_a_graph() -> None:
    weighted = sequential_graph("holm", 3, [0.5, 0.25, 0.25])
    np.testing.assert_allclose(weighted.transitions[1], [2 / 3, 0, 1 / 3])
    assert sequential_graph("fallback", 2, [0.7, 0.3]).weights.tolist() == [0.7, 0.3]
    alone = sequential_graph("holm", 2, [1.0, 0.0])
    assert alone.transitions[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Adjusted(method="tukey"), ", ".join(PROCEDURES)),
        (lambda: dunnett_level((1,), 0.05), "a control and an experimental arm"),
        (lambda: sequential_graph("hochberg", 3, None), "no graph"),
        (lambda: sequential_graph("holm", 3, [1.0]), "1 weights are given for 3"),
    ],
)
def test_what_cannot_be_is_refused(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("procedure", "rejected", "given_up", "open_"),
    [
        (Graphical.of(sequential_graph("fixed_sequence", 3, None)), [], [0], []),
        (Graphical.of(sequential_graph("fixed_sequence", 3, None)), [0], [1], []),
        (Graphical.of(sequential_graph("fixed_sequence", 3, None)), [0], [2], [1]),
        (Graphical.of(sequential_graph("fixed_sequence", 3, None)), [], [], [0, 1, 2]),
        (Graphical.of(sequential_graph("fallback", 3, [0.5, 0.0, 0.5])), [], [0], [2]),
        (Graphical.of(sequential_graph("holm", 3, None)), [], [0], [1, 2]),
        (Graphical.of(sequential_graph("bonferroni", 3, None)), [1], [0], [2]),
        (Adjusted(method="hommel"), [1], [0], [2]),
        (Dunnett(ratio=(1, 1, 1, 1)), [1], [0], [2]),
    ],
)
def test_behind_what_is_given_up_nothing_can_be_reached(
    procedure: Procedure, rejected: list[int], given_up: list[int], open_: list[int]
) -> None:
    is_rejected, is_given_up = np.isin(range(3), rejected), np.isin(range(3), given_up)
    rows = np.stack([is_rejected, np.zeros(3, bool)]), np.stack([is_given_up, np.ones(3, bool)])
    found = procedure.within_reach(*rows)
    assert np.flatnonzero(found[0]).tolist() == open_
    assert not found[1].any()


@pytest.mark.parametrize("rule", [Dunnett(ratio=(1, 1, 1)), Adjusted(method="hommel")])
def test_hypotheses_that_are_judged_together_have_no_bounds_of_their_own(rule) -> None:
    nothing, information = np.zeros((3, 2), dtype=bool), np.ones((3, 2, 2))
    found = rule.bounds(nothing, information, alpha=0.025)
    assert found.shape == information.shape
    assert np.isnan(found).all()
