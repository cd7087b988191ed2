"""Where trials with several looks stop."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.group_sequential.stopping import crossing

NONE = -np.inf


def test_a_statistic_that_is_not_defined_reaches_no_bound():
    z = np.array([[np.nan, 2.5], [np.nan, 1.0], [np.nan, np.nan]])
    efficacy, futility = np.full((3, 2), 2.0), np.full((3, 2), 0.0)
    for sided in (1, 2):
        found = crossing(z, efficacy, futility, sided=sided)
        assert found.look.tolist() == [1, 1, 1]
        assert found.reject.tolist() == [True, False, False]


def test_no_statistic_reaches_an_infinite_bound_be_it_infinite_itself():
    z = np.array([[np.inf, np.inf], [-np.inf, 1.0]])
    for sided in (1, 2):
        found = crossing(z, np.full((2, 2), np.inf), np.full((2, 2), NONE), sided=sided)
        assert found.look.tolist() == [1, 1]
        assert not found.reject.any()


def test_a_futility_bound_stops_where_it_is_reached():
    z = np.array([[0.0, 2.5], [0.1, 2.5]])
    found = crossing(z, np.full((2, 2), 2.0), np.array([[0.0, NONE]] * 2), sided=1)
    assert found.look.tolist() == [0, 1]


def test_an_infinite_futility_bound_always_stops():
    z = np.array([[1.9, 2.5]])
    found = crossing(z, np.full((1, 2), 2.0), np.array([[np.inf, NONE]]), sided=1)
    assert found.look.tolist() == [0]
