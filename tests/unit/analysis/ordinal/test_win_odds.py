"""Win odds of pairs counted by hand."""

from __future__ import annotations

import math
from itertools import product

import pytest

from lupusim.analysis import larger_is_better, win_odds

TREATED, CONTROL = [5.0, 3, 4, 2, 4], [1.0, 4, 2, 3, 2, 2]


def test_ties_count_half_on_both_sides() -> None:
    pairs = list(product(TREATED, CONTROL))
    ties = sum(one == other for one, other in pairs)
    wins = sum(one > other for one, other in pairs)
    losses = len(pairs) - wins - ties
    found = win_odds([larger_is_better(TREATED + CONTROL)], [1] * 5 + [0] * 6)
    expected = math.log((wins + ties / 2) / (losses + ties / 2))
    assert float(found.estimate) == pytest.approx(expected, rel=1e-12)
