"""Procedures over several hypotheses: levels, looks, what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis.group_sequential import bounds
from lupusim.analysis.multiplicity import Graph, SequentialGraph
from lupusim.analysis.multiplicity.procedures import (
    ADJUSTMENTS,
    Adjusted,
    Dunnett,
    Graphical,
    dunnett_level,
    sequential_graph,
)
from lupusim.rng import stream
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


def test_a_hypothesis_without_information_is_never_rejected() -> None:
    p_value, nothing = np.full((2, 2, 2), 1e-9), np.zeros((2, 2, 2))
    nothing[:, 1] = [0.5, 1.0]
    found = Graphical.of(sequential_graph("holm", 2, None)).rejections(
        p_value, nothing, alpha=0.025
    )
    assert found.tolist() == [[0, 1], [0, 1]]


def test_dunnetts_level_is_that_of_his_table() -> None:
    # Dunnett (1955), table 1a: one-sided 5 %, infinite degrees of freedom: 1.92 for two
    # treatments, 2.06 for three
    from scipy.special import ndtri

    for n_arms, critical in ((2, 1.92), (3, 2.06)):
        level = dunnett_level((1,) * (n_arms + 1), 0.05)
        assert abs(-ndtri(level) - critical) <= 0.0051
    rule = Dunnett(ratio=(1, 1, 1))
    p_value = np.array([[[0.5, 0.0134], [0.5, 0.0136]]])
    assert rule.rejections(p_value, full(p_value.shape), alpha=0.025).tolist() == [[2, 0]]


def test_only_graphs_know_interim_looks() -> None:
    assert Adjusted(method="hochberg").one_look_only
    assert Dunnett(ratio=(1, 1)).one_look_only
    assert not Graphical.of(sequential_graph("holm", 2, None)).one_look_only


def test_weights_of_a_graph() -> None:
    weighted = sequential_graph("holm", 3, [0.5, 0.25, 0.25])
    np.testing.assert_allclose(weighted.transitions[1], [2 / 3, 0, 1 / 3])
    assert sequential_graph("fallback", 2, [0.7, 0.3]).weights.tolist() == [0.7, 0.3]
    alone = sequential_graph("holm", 2, [1.0, 0.0])
    assert alone.transitions[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Adjusted(method="tukey"), ", ".join(ADJUSTMENTS)),
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
