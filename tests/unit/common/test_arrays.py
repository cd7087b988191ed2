"""Counting and repeating along the patients of many trials."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.common.arrays import count_rows, without_repeats
from lupusim.common.rng import stream
from tolerance import SEED


@pytest.mark.parametrize("n_patients", [0, 1, 254, 255, 256, 511, 1000, 1001, 70_000])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_rows_are_counted_whatever_fits_into_a_byte(n_patients, share):
    mask = stream(SEED, "rows", n_patients).random((3, n_patients)) < share
    np.testing.assert_array_equal(count_rows(mask), np.count_nonzero(mask, axis=1))
    every_other = mask[:, ::2]
    np.testing.assert_array_equal(count_rows(every_other), np.count_nonzero(every_other, axis=1))


def test_what_is_repeated_is_there_once():
    column = np.arange(6.0).reshape(2, 3)
    assert without_repeats(column).shape == (2, 3)
    assert without_repeats(np.broadcast_to(column, (4, 2, 3))).shape == (1, 2, 3)
    assert without_repeats(np.broadcast_to(column[:, :1], (2, 9))).tolist() == [[0.0], [3.0]]
