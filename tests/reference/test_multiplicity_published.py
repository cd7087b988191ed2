"""Multiple tests against other programs and published examples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lupusim.analysis.group_sequential import bounds, repeated_p_value
from lupusim.analysis.multiplicity import (
    Graph,
    SequentialGraph,
    dunnett,
    hochberg,
    holm,
    hommel,
    rejected,
)
from lupusim.common.rng import stream
from tolerance import SEED

# Bretz et al. (2009), *Statistics in Medicine* 28:586: two doses, each with a primary (H1, H2) and
# a secondary hypothesis (H3, H4). The same graph is used by Maurer and Bretz (2013), section 4.
TWO_DOSES = Graph(
    weights=(0.5, 0.5, 0, 0),
    transitions=((0, 0.5, 0.5, 0), (0.5, 0, 0, 0.5), (0, 1, 0, 0), (1, 0, 0, 0)),
)


P_VALUES = [[0.011, 0.02, 0.022, 0.09, 0.013], [0.04, 0.045, 0.03, 0.049, 0.001]]


@pytest.mark.parametrize(
    ("procedure", "expected"),  # R 4.2.2: p.adjust(p, "holm"), "hochberg", "hommel"
    [
        (holm, [[0.055, 0.06, 0.06, 0.09, 0.055], [0.12, 0.12, 0.12, 0.12, 0.005]]),
        (hochberg, [[0.044, 0.044, 0.044, 0.09, 0.044], [0.049, 0.049, 0.049, 0.049, 0.005]]),
        (hommel, [[0.033, 0.04, 0.044, 0.09, 0.033], [0.049, 0.049, 0.049, 0.049, 0.005]]),
    ],
)
def test_stepwise_procedures_are_those_of_r(procedure, expected):
    np.testing.assert_allclose(procedure(P_VALUES), expected, rtol=1e-12)


def test_dunnett_p_values_are_those_of_scipy():
    rng = stream(SEED, "dunnett")
    arms = [rng.normal(mean, 1, n) for mean, n in ((0.3, 20), (0.6, 25), (0.0, 15))]
    control = rng.normal(0, 1, 30)
    expected = stats.dunnett(*arms, control=control, alternative="greater", rng=stream(SEED, "qmc"))
    found = dunnett(expected.statistic, n_control=30, n_arms=(20, 25, 15), degrees_of_freedom=86)
    np.testing.assert_allclose(found, expected.pvalue, atol=1e-4)  # scipy integrates by chance


def test_dunnett_critical_value_is_that_of_dunnetts_table():
    # Dunnett (1955), Table 1a: one-sided 0.05, 3 arms, equal sizes, 20 and infinite degrees
    for degrees_of_freedom, critical in ((20, 2.19), (np.inf, 2.06)):
        found = dunnett(
            np.full(3, critical),
            n_control=1,
            n_arms=(1, 1, 1),
            degrees_of_freedom=degrees_of_freedom,
        )
        np.testing.assert_allclose(found, 0.05, atol=6e-4)


def test_graph_rejects_what_the_example_of_graphicalmcp_rejects():
    # graphicalMCP, vignette "shortcut-testing": H1, H2 and H4 at 0.025; H2 at 0.5 alpha, then H1 at
    # 0.75 alpha, then H4 at 0.5 alpha, not H3 at alpha.
    adjusted = TWO_DOSES.adjusted([0.018, 0.01, 0.105, 0.006])
    np.testing.assert_allclose(adjusted, [0.018 / 0.75, 0.01 / 0.5, 0.105, 0.018 / 0.75])
    assert rejected(adjusted, 0.025).tolist() == [True, True, False, True]


def test_a_p_value_that_meets_its_level_is_rejected_whatever_the_rounding():
    # graphicalMCP, tests/testthat/test-graph_test_shortcut.R, last test
    graph = Graph(
        weights=(0.5, 0.5, 0, 0, 0, 0),
        transitions=(
            (0, 0.5, 0.25, 0, 0.25, 0),
            (0.5, 0, 0, 0.25, 0, 0.25),
            (0, 0, 0, 0, 1, 0),
            (0.0001, 0, 0, 0, 0, 0.9999),
            (0, 0.0001, 0.9999, 0, 0, 0),
            (0, 0, 0, 1, 0, 0),
        ),
    )
    found = rejected(graph.adjusted([0.001, 0.01875, 0.013, 0.0002, 0.03, 0.04]), 0.025)
    assert found.tolist() == [True, True, False, True, False, False]


# Maurer and Bretz (2013), Table 1: p-values at 1/3 and 2/3 of the information
DIABETES = np.array([[0.0062, 0.0002], [0.017, 0.0035], [0.009, 0.002], [0.13, 0.06]])


def test_sequential_graph_rejects_what_maurer_and_bretz_reject():
    procedure = SequentialGraph(
        graph=TWO_DOSES, information=(1 / 3, 2 / 3), maximum_information=1.0, alpha=0.025
    )
    assert procedure.rejections(DIABETES).look.tolist() == [2, 2, 2, 0]


def test_nominal_levels_are_those_of_maurer_and_bretz():
    # Maurer and Bretz (2013), Table 1: 0.00002 at look 1; 0.0022, 0.004 and 0.006 at look 2 for
    # weights 1/2, 3/4 and 1
    levels = [bounds([1, 2, 3], weight * 0.025).stage_p_value for weight in (0.5, 0.75, 1)]
    assert levels[0][0] == pytest.approx(0.00002, abs=5e-6)
    np.testing.assert_allclose([one[1] for one in levels], [0.0022, 0.004, 0.006], atol=5e-5)


def test_repeated_p_values_are_those_of_maurer_and_bretz():
    # Maurer and Bretz (2013), Table 2; the p-values of Table 1 are rounded, hence the tolerance
    first, second = [0.1141, 0.1683, 0.1316, 0.382], [0.0024, 0.0172, 0.0117, 0.1285]
    design = bounds([1, 2, 3])
    z = stats.norm.isf(DIABETES)
    np.testing.assert_allclose(repeated_p_value(design, z[:, 0], look=1), first, atol=1e-4)
    np.testing.assert_allclose(repeated_p_value(design, z[:, 1], look=2), second, atol=1e-4)


def test_a_graph_that_passes_nothing_on_would_be_seen():  # negative control
    lazy = Graph(weights=TWO_DOSES.weights, transitions=np.zeros((4, 4)))
    found = rejected(lazy.adjusted([0.018, 0.01, 0.105, 0.006]), 0.025)
    assert found.tolist() != [True, True, False, True]
