"""Where trials with several looks stop."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.group_sequential.stopping import crossing

NONE = -np.inf


def test_a_statistic_that_is_not_defined_stops_nothing_where_there_is_no_futility_bound():
    z = np.array([[-np.inf, 2.5], [-np.inf, 1.0]])
    found = crossing(z, np.full((2, 2), 2.0), np.full((2, 2), NONE), sided=1)
    assert found.look.tolist() == [1, 1]
    assert found.reject.tolist() == [True, False]


def test_a_futility_bound_stops_where_it_is_reached():
    z = np.array([[0.0, 2.5], [0.1, 2.5]])
    found = crossing(z, np.full((2, 2), 2.0), np.array([[0.0, NONE]] * 2), sided=1)
    assert found.look.tolist() == [0, 1]


def test_an_infinite_futility_bound_always_stops():
    z = np.array([[1.9, 2.5]])
    found = crossing(z, np.full((1, 2), 2.0), np.array([[np.inf, NONE]]), sided=1)
    assert found.look.tolist() == [0]
