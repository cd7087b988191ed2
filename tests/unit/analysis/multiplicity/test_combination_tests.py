"""Closed tests that combine two stages, against rpact."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis.multiplicity.combination_tests import (
    ArmsAgainstControl,
    FullAndSubgroup,
    closed_at_once,
    closed_rejections,
    larger_of_two,
)
from lupusim.simulation.adaptation import Intersection

# rpact 3.3.4 (R 4.2): getDesignInverseNormal(kMax=2, alpha=0.025, informationRates=c(0.4, 1),
# typeOfDesign="noEarlyEfficacy"); getDataset(events1=c(15,NA), events2=c(20,25),
# events3=c(24,26), events4=c(14,15), all of 50); getStageResults(normalApproximation=TRUE);
# getClosedCombinationTestResults: separate p-values, and the adjusted ones of each intersection
FIRST = np.array([[0.41278767967, 0.10264899865, 0.01968903837]])
SECOND = np.array([[1.0, 0.02061341667, 0.01265853335]])
KEPT = np.array([[False, True, True]])
EVERYBODY = np.array([0])
RPACT = {
    Intersection.DUNNETT: {
        (0, 1, 2): (0.050212981, 0.023523016),
        (0, 1): (0.171672660, 0.020613417),
        (1, 2): (0.036063863, 0.023523016),
        (1,): (0.102648999, 0.020613417),
    },
    Intersection.SIMES: {
        (0, 1, 2): (0.059067115, 0.020613417),
        (0, 1): (0.205297997, 0.020613417),
        (1, 2): (0.039378077, 0.020613417),
    },
    Intersection.BONFERRONI: {
        (0, 1, 2): (0.059067115, 0.025317067),
        (0, 1): (0.205297997, 0.020613417),
        (1, 2): (0.039378077, 0.025317067),
    },
}
# overall z of the intersections that arm 2 and arm 3 belong to: the smallest one of each
SMALLEST_Z = {
    Intersection.DUNNETT: (2.1804385, 2.5772533),
    Intersection.SIMES: (2.1015519, 2.5694474),
    Intersection.BONFERRONI: (2.1015519, 2.5023101),
}


def arms(method: Intersection) -> ArmsAgainstControl:
    return ArmsAgainstControl(method=method, ratio=(1, 1, 1, 1))


@pytest.mark.parametrize("method", list(RPACT))
def test_intersections_of_arms_have_the_p_values_of_rpact(method: Intersection) -> None:
    for members, expected in RPACT[method].items():
        left = tuple(m for m in members if KEPT[0, m])
        found = (
            arms(method).p_value(FIRST[:, members], members, stage=0, rows=EVERYBODY),
            arms(method).p_value(SECOND[:, left], left, stage=1, rows=EVERYBODY),
        )
        assert np.ravel(found) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("method", list(SMALLEST_Z))
def test_an_arm_is_rejected_at_the_z_of_its_least_intersection(method: Intersection) -> None:
    from scipy.special import ndtr

    for arm, z in zip((1, 2), SMALLEST_Z[method], strict=True):
        for distance, expected in ((-1e-4, False), (1e-4, True)):
            found = closed_rejections(
                FIRST,
                SECOND,
                KEPT,
                alpha=float(ndtr(-(z - distance))),
                weights=(0.4, 0.6),
                intersections=arms(method),
            )
            assert found[0, arm] == expected
            assert not found[0, 0]  # dropped


def test_the_larger_of_two_normals_has_the_chance_of_the_bivariate_distribution() -> None:
    # R mvtnorm 1.3: 1 - pmvnorm(upper=c(1.7,1.7), corr=matrix(c(1,sqrt(.4),sqrt(.4),1),2))
    assert larger_of_two(1.7, np.sqrt(0.4)) == pytest.approx(0.07470182604, abs=1e-10)
    assert larger_of_two(1.7, 1.0) == pytest.approx(0.04456546, abs=1e-8)


def test_a_population_and_its_subgroup_are_tested_together() -> None:
    from scipy.special import ndtr

    p = np.array([[float(ndtr(-1.7)), 0.2], [0.03, 0.02]])
    rows, share = np.array([0, 1]), np.array([[0.4, 0.9], [1.0, 0.9]])
    exact = FullAndSubgroup(method=Intersection.SPIESSENS_DEBOIS, share=share)
    found = exact.p_value(p, (0, 1), stage=0, rows=rows)
    assert found[0] == pytest.approx(0.07470182604)
    assert found[1] == pytest.approx(0.02)  # the subgroup is everybody
    assert exact.p_value(p[:, :1], (0,), stage=0, rows=rows).tolist() == p[:, 0].tolist()
    simes = FullAndSubgroup(method=Intersection.SIMES, share=share)
    assert simes.p_value(p, (0, 1), stage=0, rows=rows)[1] == pytest.approx(0.03)


def test_a_p_value_of_one_in_either_stage_never_rejects_what_the_other_alone_would_not() -> None:
    found = closed_rejections(
        [[1.0, 0.0]],
        [[0.01, 1.0]],
        [[True, True]],
        alpha=0.025,
        weights=(0.5, 0.5),
        intersections=arms(Intersection.SIMES),
    )
    assert found.tolist() == [[False, False]]


def test_at_once_a_hypothesis_is_rejected_where_every_intersection_is() -> None:
    p_value = np.array([[0.001, 0.04], [0.02, 0.02], [0.011, 0.5], [0.009, 0.011]])
    arms = ArmsAgainstControl(method=Intersection.BONFERRONI, ratio=(1, 1, 1))
    found = closed_at_once(p_value, alpha=0.02, intersections=arms)
    # Holm's procedure, which is this closed test (Holm 1979)
    assert found.tolist() == [[True, False], [False, False], [False, False], [True, True]]
