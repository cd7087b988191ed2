"""The bookkeeping of simulation-based calibration; its statistics are in tests/statistical."""

import numpy as np
import pytest
from scipy import stats

from lupusim.calibration.checking.simulation_based import RankTest, simulation_based_calibration
from lupusim.calibration.posterior.draws import Draws
from lupusim.common.rng import stream
from tolerance import SEED


def fixed_posterior(counts: float, _: np.random.Generator) -> Draws:
    return Draws(
        values=np.array([[counts - 1.0], [counts + 1.0]]),
        weights=np.ones(2),
        effective_sample_size=2.0,
        pareto_k=counts,  # odd truths do not converge
        log_evidence=0.0,
        method="two points",
        n_density_calls=2,
    )


def test_the_truth_is_ranked_among_the_draws_and_failures_are_counted() -> None:
    truths = iter([0.0, 1.0, 0.0])
    result = simulation_based_calibration(
        lambda _: np.array([next(truths)]),
        lambda truth, _: float(truth[0]),
        posterior=fixed_posterior,
        n_rounds=3,
        rng=stream(SEED, "ranks"),
    )
    assert set(result.ranks.ravel()) <= {49, 50}  # half of 99 draws lie below
    assert result.n_unconverged == 1


def test_perfectly_even_ranks_are_unsuspicious() -> None:
    result = RankTest(ranks=np.arange(100)[:, np.newaxis], n_unconverged=0)
    np.testing.assert_array_equal(result.histogram(20), 5)
    np.testing.assert_allclose(result.p_values(), 1.0)
    np.testing.assert_allclose(result.z_location(), 0.0, atol=1e-12)
    np.testing.assert_allclose(result.z_dispersion(), 0.0, atol=1e-12)


def test_chi_square_equals_that_of_scipy() -> None:
    ranks = stream(SEED, "chi").integers(0, 100, (200, 1))
    result = RankTest(ranks=ranks, n_unconverged=0)
    expected = stats.chisquare(result.histogram(10)[:, 0]).pvalue
    assert result.p_values()[0] == pytest.approx(expected)


def test_signs_say_what_is_wrong() -> None:
    high = RankTest(ranks=np.full((50, 1), 90), n_unconverged=0)
    assert high.z_location()[0] > 4
    outer = RankTest(ranks=np.tile([[0], [99]], (25, 1)), n_unconverged=0)
    assert outer.z_dispersion()[0] > 4
    inner = RankTest(ranks=np.tile([[49], [50]], (25, 1)), n_unconverged=0)
    assert inner.z_dispersion()[0] < -4


def test_unequal_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="must divide 100"):
        RankTest(ranks=np.zeros((5, 1), dtype=int), n_unconverged=0).histogram(7)


def test_no_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        simulation_based_calibration(
            lambda _: np.zeros(1),
            lambda truth, _: float(truth[0]),
            posterior=fixed_posterior,
            n_rounds=0,
            rng=stream(SEED, "none"),
        )
