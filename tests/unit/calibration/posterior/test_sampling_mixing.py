"""R-hat and effective sample sizes of Markov chains, beside arviz-stats."""

import math

import numpy as np
import pytest

from lupusim.calibration.posterior.mixing import bulk_sample_size, r_hat, tail_sample_size
from lupusim.common.rng import stream
from tolerance import SEED


def autoregressive_chains(correlation: float, shift: float, n_draws: int) -> np.ndarray:
    rng = stream(SEED, "chains", n_draws)
    noise = rng.standard_normal((4, n_draws))
    chains = np.empty_like(noise)
    chains[:, 0] = noise[:, 0]
    for k in range(1, n_draws):
        chains[:, k] = correlation * chains[:, k - 1] + noise[:, k]
    return chains + shift * np.arange(4)[:, np.newaxis]


@pytest.mark.parametrize("n_draws", [100, 501, 1000])
@pytest.mark.parametrize("correlation", [-0.4, 0.0, 0.7, 0.95])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_r_hat_and_sample_sizes_equal_those_of_arviz_stats(
    correlation: float, shift: float, n_draws: int
) -> None:
    array_stats = pytest.importorskip("arviz_stats.base").array_stats
    chains = autoregressive_chains(correlation, shift, n_draws)
    assert r_hat(chains) == pytest.approx(float(array_stats.rhat(chains)), rel=1e-9)
    bulk = float(array_stats.ess(chains, method="bulk"))
    tail = float(array_stats.ess(chains, method="tail", prob=(0.05, 0.95)))
    assert bulk_sample_size(chains) == pytest.approx(bulk, rel=1e-9)
    assert tail_sample_size(chains) == pytest.approx(tail, rel=1e-9)


def test_chains_of_different_width_have_not_mixed() -> None:
    chains = stream(SEED, "width").standard_normal((2, 500))
    assert r_hat(chains * np.array([[1.0], [1.0]])) < 1.02
    assert r_hat(chains * np.array([[1.0], [5.0]])) > 1.2


def test_chains_that_stand_still_agree_only_at_one_place() -> None:
    assert r_hat(np.ones((2, 10))) == 1.0
    assert r_hat(np.array([[1.0] * 10, [2.0] * 10])) == math.inf
    assert bulk_sample_size(np.ones((2, 10))) == 20


def test_short_chains_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        r_hat(np.zeros((2, 3)))
