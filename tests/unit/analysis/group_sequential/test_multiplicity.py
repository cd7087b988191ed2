from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis.group_sequential import LanDeMetsPocock, bounds
from lupusim.analysis.multiplicity import (
    Graph,
    SequentialGraph,
    bonferroni,
    dunnett,
    fallback_graph,
    fixed_sequence,
    hochberg,
    holm,
    holm_graph,
    hommel,
    rejected,
)
from lupusim.common.rng import stream
from tolerance import SEED

P_VALUES = stream(SEED, "multiplicity").random((300, 4)) ** 3


def test_the_graph_of_holm_is_holm():
    np.testing.assert_allclose(holm_graph(4).adjusted(P_VALUES), holm(P_VALUES), rtol=1e-12)


def test_the_fallback_graph_with_all_weight_first_is_the_fixed_sequence():
    graph = fallback_graph((1, 0, 0, 0))
    np.testing.assert_allclose(graph.adjusted(P_VALUES), fixed_sequence(P_VALUES), rtol=1e-12)


def test_a_graph_without_edges_is_bonferroni():
    graph = Graph(weights=(0.4, 0.6, 0, 0), transitions=np.zeros((4, 4)))
    expected = bonferroni(P_VALUES, weights=(0.4, 0.6, 0, 0))
    np.testing.assert_allclose(graph.adjusted(P_VALUES), expected, rtol=1e-12)
    assert np.all(expected[:, 2:] == 1)


def test_a_loop_of_two_leaves_nothing_to_divide_by():
    graph = Graph(weights=(0.5, 0.5, 0), transitions=((0, 1, 0), (1, 0, 0), (0, 1, 0)))
    np.testing.assert_allclose(graph.adjusted([0.001, 0.002, 0.003]), [0.002, 0.002, 1])


def test_step_up_rejects_no_less_than_step_down():
    assert np.all(hochberg(P_VALUES) <= holm(P_VALUES))
    assert np.all(hommel(P_VALUES) <= hochberg(P_VALUES) + 1e-15)


def test_one_row_gives_what_many_give():
    for procedure in (bonferroni, holm, hochberg, hommel, fixed_sequence):
        np.testing.assert_array_equal(procedure(P_VALUES[3]), procedure(P_VALUES)[3])


def test_a_p_value_that_is_missing_is_never_rejected():
    assert rejected(holm([0.001, np.nan]), 0.025).tolist() == [True, False]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: holm([1.2]), "between 0 and 1"),
        (lambda: holm([]), "at least one"),
        (lambda: holm(0.5), "at least one"),
        (lambda: rejected([0.1], 0), "alpha"),
        (lambda: bonferroni([0.1, 0.2], weights=(0.6, 0.6)), "at most 1 in all"),
        (lambda: bonferroni([0.1, 0.2], weights=(1,)), "2 numbers"),
        (lambda: bonferroni([0.1, 0.2], weights=(-1, 1)), "none below 0"),
        (lambda: holm_graph(1), "at least 2"),
        (lambda: Graph(weights=(1, 0), transitions=((0, 1),)), "2 rows"),
        (lambda: Graph(weights=(1, 0), transitions=((1, 0), (0, 0))), "diagonal"),
        (lambda: Graph(weights=(1, 0), transitions=((0, -1), (0, 0))), "below 0"),
        (lambda: Graph(weights=(1, 0), transitions=((0, 1.1), (0, 0))), "above 1"),
        (lambda: dunnett([1.0, 2.0], n_control=10, n_arms=(10,)), "n_arms"),
        (lambda: dunnett([1.0], n_control=0, n_arms=(10,)), "n_control"),
        (lambda: dunnett([1.0], n_control=9, n_arms=(9,), degrees_of_freedom=0), "degrees"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_dunnett_with_one_arm_is_the_t_test():
    from scipy.stats import norm, t

    assert dunnett([1.7], n_control=10, n_arms=(30,))[0] == pytest.approx(norm.sf(1.7), abs=1e-12)
    found = dunnett([[1.7], [-0.4]], n_control=10, n_arms=(30,), degrees_of_freedom=3)
    np.testing.assert_allclose(found, t.sf([[1.7], [-0.4]], 3), atol=1e-9)


CHAIN = fallback_graph((1, 0))


def test_weight_passed_on_at_a_look_is_used_at_that_look():
    procedure = SequentialGraph(graph=CHAIN, information=[1, 2])
    level = bounds([1, 2]).stage_p_value[0]
    found = procedure.rejections([[level * 0.9, 0.5], [level * 0.9, 0.5]])
    assert found.look.tolist() == [1, 1]
    assert found.rejected.all()


def test_what_an_earlier_look_showed_is_not_used_again():
    procedure = SequentialGraph(graph=CHAIN, information=[1, 2])
    assert procedure.rejections([[0.5, 0.001], [1e-6, 0.5]]).look.tolist() == [2, 0]


def test_hypotheses_may_differ_in_looks_and_spending():
    procedure = SequentialGraph(
        graph=Graph(weights=(0.5, 0.5), transitions=((0, 1), (1, 0))),
        information=[[1, 2, np.nan], [np.nan, 5, 8]],
        spending=("pocock", LanDeMetsPocock()),
    )
    p_value = np.full((2, 2, 3), 0.5)
    p_value[0, 0, 1], p_value[0, 1, 2], p_value[1, 1, 0] = 1e-4, 0.01, 0.0
    assert procedure.rejections(p_value).look.tolist() == [[2, 3], [0, 0]]


def test_a_maximum_that_is_reached_spends_all():
    reached = SequentialGraph(graph=CHAIN, information=[1, 2], maximum_information=2)
    assert reached.rejections([[0.5, 0.0244], [0.5, 0.5]]).look.tolist() == [2, 0]


def test_a_look_still_to_come_leaves_alpha_unspent():
    waiting = SequentialGraph(graph=CHAIN, information=[1, 2], maximum_information=3)
    assert not waiting.rejections([[0.5, 0.02], [0.5, 0.5]]).rejected.any()


@pytest.mark.parametrize("spending", [("pocock",), ("pocock", "pocock", "pocock")])
def test_a_spending_function_for_each_hypothesis_is_needed(spending):
    procedure = SequentialGraph(graph=CHAIN, information=[1, 2], spending=spending)
    with pytest.raises(ValueError, match="one for each"):
        procedure.rejections(np.full((2, 2), 0.5))


def test_p_values_of_another_shape_are_refused():
    procedure = SequentialGraph(graph=CHAIN, information=[1, 2])
    with pytest.raises(ValueError, match="shape"):
        procedure.rejections(np.full((2, 3), 0.5))
