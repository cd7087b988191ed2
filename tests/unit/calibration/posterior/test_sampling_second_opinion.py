"""The wiring of emcee: seeded, refuses nonsense, says what it knows of itself."""

import math

import numpy as np
import pytest

from lupusim.calibration.posterior.emcee_sampler import ensemble_sample
from lupusim.calibration.posterior.proposals import Mode, RowDensity
from lupusim.common.rng import stream
from tolerance import SEED

pytest.importorskip("emcee")

UNIT = Mode(location=np.zeros(2), covariance=np.eye(2))


def normal(values: np.ndarray) -> np.ndarray:
    return -0.5 * np.square(values).sum(axis=1)


def test_the_same_stream_gives_the_same_chains_and_another_gives_others() -> None:
    first, again, other = (
        ensemble_sample(RowDensity(normal), [UNIT], n_steps=50, rng=stream(SEED, name))
        for name in ("chain", "chain", "other")
    )
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)
    assert first.values.shape == (32 * 25, 2)
    assert first.n_density_calls == 32 * 51
    assert math.isnan(first.pareto_k)
    assert math.isnan(first.log_evidence)


def test_chains_that_are_too_short_have_not_converged() -> None:
    draws = ensemble_sample(
        lambda value: -0.5 * float(value @ value),
        [UNIT],
        n_steps=20,
        n_walkers=8,
        rng=stream(SEED, "short"),
    )
    assert draws.r_hat > 1.01
    assert not draws.converged


@pytest.mark.parametrize(("n_steps", "n_walkers"), [(7, 8), (100, 2), (100, 9)])
def test_too_few_steps_or_walkers_are_refused(n_steps: int, n_walkers: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        ensemble_sample(
            RowDensity(normal),
            [UNIT],
            n_steps=n_steps,
            n_walkers=n_walkers,
            rng=stream(SEED, "refused"),
        )


def test_an_interruption_goes_through_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    calls = 0

    def interrupted(values: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return normal(values)

    with pytest.raises(KeyboardInterrupt):
        ensemble_sample(RowDensity(interrupted), [UNIT], n_steps=50, rng=stream(SEED, "cut"))
    assert capfd.readouterr() == ("", "")
