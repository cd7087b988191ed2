"""Sobol points against SciPy's, which are made by other code."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from lupusim.common.rng import stream
from lupusim.common.sobol import sobol_points
from tolerance import SEED


@pytest.mark.parametrize("n_coordinates", [0, 1, 2, 6, 16, 17])
@pytest.mark.parametrize("n_doublings", [0, 1, 7])
def test_points_are_those_of_scipy_to_the_last_bit(n_coordinates: int, n_doublings: int) -> None:
    ours = sobol_points(n_coordinates, n_doublings, rng=stream(SEED, "points"))
    theirs = qmc.Sobol(n_coordinates, rng=stream(SEED, "points")).random_base2(n_doublings)
    np.testing.assert_array_equal(ours, theirs)


def test_each_cell_of_a_grid_holds_one_point() -> None:
    points = sobol_points(2, 6, rng=stream(SEED, "points"))
    cells = np.floor(points * 8).astype(int)
    assert len(np.unique(cells, axis=0)) == 64
