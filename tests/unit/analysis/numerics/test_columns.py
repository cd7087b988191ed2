"""Strata as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis.numerics.columns import codes


@pytest.mark.parametrize(
    "labels",
    [
        [[0, 1, 2], [2, 1, 0]],
        [[3, 7, 3], [7, 900, 3]],  # not all that are small occur
        [[-1, 0, 5], [5, 5, -1]],
        [[1, 5_000_000_000, 1], [7, 7, 1]],
        [["b", "a", "b"], ["c", "c", "a"]],
        [[0.5, 0.1, 0.5], [0.5, 0.5, 0.2]],
        [[True, False, True], [True, True, True]],
    ],
)
def test_strata_of_any_labels_are_the_ranks_of_those_that_occur(labels):
    ranks = {
        label: rank for rank, label in enumerate(sorted({one for row in labels for one in row}))
    }
    code, n_strata = codes(labels)
    assert code.tolist() == [[ranks[one] for one in row] for row in labels]
    assert n_strata == len(ranks)
    assert code.dtype == np.intp
    assert codes(labels[0])[0].shape == (1, 3)


def test_strata_of_small_types_and_shared_rows_are_numbered_too():
    code, n_strata = codes(np.broadcast_to(np.array([250, 4, 4], dtype=np.uint8), (2, 3)))
    assert code.tolist() == [[1, 0, 0], [1, 0, 0]]
    assert n_strata == 2
    assert codes(np.empty((2, 0), dtype=int))[1] == 1
    assert codes(None)[0].tolist() == [[0]]
