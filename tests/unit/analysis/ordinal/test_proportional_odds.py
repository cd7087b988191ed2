"""The proportional odds model: two categories, empty categories, undefined cases."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis import odds_ratio, proportional_odds
from lupusim.common.rng import stream
from tolerance import SEED


def columns():
    rng = stream(SEED, "ordinal")
    arm = np.arange(40) % 2
    return rng.binomial(4, 0.4 + 0.2 * arm, (8, 40)), arm, rng.random((8, 40)) < 0.9


def test_two_categories_are_the_odds_ratio():
    category, arm, included = columns()
    response = category > 1
    ordinal = proportional_odds(response, arm, included=included)
    binary = odds_ratio(response, arm, included=included)
    np.testing.assert_allclose(ordinal.estimate, binary.estimate, atol=1e-8)
    np.testing.assert_allclose(ordinal.standard_error, binary.standard_error, rtol=1e-8)


def test_rows_equal_single_trials_and_gaps_do_not_count():
    category, arm, included = columns()
    rows = proportional_odds(category, arm, included=included)
    for row in range(8):
        alone = proportional_odds(3 * category[row] + 1, arm, included=included[row])
        np.testing.assert_allclose(rows.z[row], alone.z, atol=1e-8)
        assert alone.z.shape == ()
    assert rows.estimate.mean() > 0


@pytest.mark.parametrize(
    ("category", "arm"),
    [([1, 1, 1, 1], [0, 1, 0, 1]), ([0, 0, 1, 1], [0, 0, 1, 1]), ([0, 1, 2, 1], [1, 1, 1, 1])],
)
def test_without_a_finite_odds_ratio_the_result_is_undefined(category, arm):
    result = proportional_odds(category, arm)
    assert result.undefined
    assert result.p_two_sided == 1


@pytest.mark.parametrize("bad", [0.5, -1, 101])
def test_categories_are_whole_numbers(bad):
    with pytest.raises(ValueError, match="whole number"):
        proportional_odds([0, bad], [0, 1])
