"""Normal deviates behind correlated outcomes."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.trial.population.correlated import CorrelatedOutcomes, thresholds_of

EVENT = (("well", "ill"),)


def test_deviates_have_the_stated_correlation_also_where_it_is_whole() -> None:
    rng = np.random.default_rng(20260101)
    whole = CorrelatedOutcomes(on=(EVENT, ()), correlation=((1.0, -1.0), (-1.0, 1.0)))
    first, second = whole.draw(100, rng=rng)
    assert second == pytest.approx(-first)
    assert whole.of_marker == 1
    assert CorrelatedOutcomes(on=(EVENT,), correlation=((1.0,),)).of_marker is None


def test_correlations_that_nobody_has_are_refused() -> None:
    matrix = ((1.0, 0.9, -0.9), (0.9, 1.0, 0.9), (-0.9, 0.9, 1.0))
    with pytest.raises(ValueError, match="no patients have outcomes"):
        CorrelatedOutcomes(on=(EVENT, EVENT, EVENT), correlation=matrix)


def test_a_threshold_is_the_cumulative_hazard_of_its_quantile() -> None:
    # half of the patients have had the event when the cumulative hazard is log 2
    assert thresholds_of(np.array([0.0])) == pytest.approx(np.log(2))
