"""Incremental mixture importance sampling, from a prior that knows nothing of the modes."""

import math

import numpy as np
import pytest

from lupusim.calibration.posterior import imis as module
from lupusim.calibration.posterior.imis import imis
from lupusim.calibration.posterior.proposals import Mode, RowDensity, StudentMixture
from lupusim.common.rng import stream
from tolerance import SEED, assert_within_mcse

WIDE = StudentMixture(
    modes=[Mode(location=np.zeros(2), covariance=25 * np.eye(2))],
    shares=[1.0],
    degrees_of_freedom=math.inf,
)


def narrow(values: np.ndarray) -> np.ndarray:
    """A normal of standard deviation 0.1 around (3, 3): a 2,500th of the prior's area."""
    return -0.5 * np.square((values - 3) / 0.1).sum(axis=1)


def test_a_posterior_far_from_the_prior_is_found_without_its_mode() -> None:
    draws = imis(RowDensity(narrow), WIDE, n_draws=1000, rng=stream(SEED, "narrow"))
    assert draws.converged
    assert draws.n_density_calls < 4000
    assert draws.effective_sample_size > 500
    assert_within_mcse(draws.mean(), 3.0, mcse=draws.mcse())
    expected = math.log(2 * math.pi * 0.01)
    assert_within_mcse(
        draws.log_evidence, expected, mcse=1 / math.sqrt(draws.effective_sample_size)
    )


def test_a_known_mode_is_found_however_narrow() -> None:
    mode = Mode(location=np.full(2, 3.0), covariance=1e-10 * np.eye(2))
    draws = imis(
        RowDensity(lambda values: -0.5 * np.square((values - 3) / 1e-5).sum(axis=1)),
        WIDE,
        modes=[mode],
        n_draws=500,
        batch_size=500,
        rng=stream(SEED, "told"),
    )
    assert draws.converged
    assert draws.n_density_calls <= 4000
    assert_within_mcse(
        draws.log_evidence,
        math.log(2 * math.pi * 1e-10),
        mcse=1 / math.sqrt(draws.effective_sample_size),
    )


def test_giving_up_keeps_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_STAGES", 1)
    monkeypatch.setattr(module, "MOST_ROUNDS", 1)
    draws = imis(RowDensity(narrow), WIDE, n_draws=100, rng=stream(SEED, "give up"))
    assert draws.values.shape == (100, 2)
    assert draws.method == "IMIS, 1 components"
    assert not draws.converged


def test_one_parameter_is_enough() -> None:
    start = StudentMixture(
        modes=[Mode(location=np.zeros(1), covariance=np.eye(1))],
        shares=[1.0],
        degrees_of_freedom=3.0,
    )
    draws = imis(lambda value: -float(value[0] ** 2), start, n_draws=200, rng=stream(SEED, "one"))
    assert draws.converged


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 25"):
        imis(RowDensity(narrow), WIDE, n_draws=10, rng=stream(SEED, "few"))
