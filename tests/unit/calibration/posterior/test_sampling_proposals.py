"""Modes, t mixtures, and how a log density is called."""

import math

import numpy as np
import pytest
from scipy import stats

from lupusim.calibration.posterior.proposals import (
    Mode,
    RowDensity,
    StudentMixture,
    evaluate,
    student_log_density,
)
from lupusim.common.rng import stream
from tolerance import SEED, assert_within_mcse

COVARIANCE = np.array([[2.0, 0.6], [0.6, 0.5]])
MODE = Mode(location=np.array([1.0, -1.0]), covariance=COVARIANCE)


def test_one_density_or_many_rows_at_once_are_the_same() -> None:
    values = stream(SEED, "rows").standard_normal((20, 2))
    scalar = evaluate(lambda value: -float(value @ value), values)
    rows = evaluate(RowDensity(lambda points: -np.square(points).sum(axis=1)), values)
    np.testing.assert_allclose(scalar, rows)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_density_that_is_not_a_number_is_reported_with_its_place(bad: float) -> None:
    with pytest.raises(ValueError, match=r"at \[3.0, 4.0\]"):
        evaluate(lambda value: bad if value[0] == 3 else 0.0, np.array([[1.0, 2.0], [3.0, 4.0]]))


def test_a_density_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="one number for each"):
        evaluate(RowDensity(lambda points: points), np.ones((3, 2)))


@pytest.mark.parametrize("degrees_of_freedom", [3.0, 7.5, math.inf])
def test_log_density_equals_that_of_scipy(degrees_of_freedom: float) -> None:
    values = stream(SEED, "density").standard_normal((10, 2)) * 3
    if math.isinf(degrees_of_freedom):
        expected = stats.multivariate_normal(MODE.location, COVARIANCE).logpdf(values)
    else:
        expected = stats.multivariate_t(MODE.location, COVARIANCE, degrees_of_freedom).logpdf(
            values
        )
    np.testing.assert_allclose(student_log_density(values, MODE, degrees_of_freedom), expected)


def test_a_mixture_adds_its_components() -> None:
    far = Mode(location=np.array([9.0, 9.0]), covariance=np.eye(2))
    mixture = StudentMixture(modes=[MODE, far], shares=[0.3, 0.7], degrees_of_freedom=4.0)
    values = np.array([[1.0, -1.0], [5.0, 5.0]])
    expected = 0.3 * np.exp(student_log_density(values, MODE, 4.0)) + 0.7 * np.exp(
        student_log_density(values, far, 4.0)
    )
    np.testing.assert_allclose(np.exp(mixture.log_density(values)), expected)
    nothing_far = StudentMixture(modes=[MODE, far], shares=[1.0, 0.0], degrees_of_freedom=4.0)
    np.testing.assert_allclose(
        nothing_far.log_density(values), student_log_density(values, MODE, 4.0)
    )


@pytest.mark.parametrize("degrees_of_freedom", [8.0, math.inf])
def test_draws_have_the_mean_and_the_spread_of_the_distribution(
    degrees_of_freedom: float,
) -> None:
    mixture = StudentMixture(modes=[MODE], shares=[1.0], degrees_of_freedom=degrees_of_freedom)
    values = mixture.sample(20_000, rng=stream(SEED, "student"))
    factor = 1.0 if math.isinf(degrees_of_freedom) else degrees_of_freedom / 6
    deviation = values - MODE.location
    products = deviation[:, [0, 0, 1]] * deviation[:, [0, 1, 1]]
    assert_within_mcse(
        values.mean(axis=0), MODE.location, mcse=values.std(axis=0) / math.sqrt(20_000)
    )
    assert_within_mcse(
        products.mean(axis=0),
        factor * COVARIANCE[[0, 0, 1], [0, 1, 1]],
        mcse=products.std(axis=0) / math.sqrt(20_000),
    )


def test_each_component_gets_its_exact_share_of_the_draws() -> None:
    far = Mode(location=np.array([1e6, 0.0]), covariance=np.eye(2))
    mixture = StudentMixture(modes=[MODE, far], shares=[0.25, 0.75], degrees_of_freedom=50.0)
    values = mixture.sample(1000, rng=stream(SEED, "share"))
    assert int((values[:, 0] > 5e5).sum()) == 750


def test_information_is_inverted() -> None:
    mode = Mode.from_information(MODE.location, np.linalg.inv(COVARIANCE))
    np.testing.assert_allclose(mode.covariance, COVARIANCE)


def test_a_singular_information_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="not identified"):
        Mode.from_information(np.zeros(2), np.ones((2, 2)))


def test_a_flat_direction_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="needs a prior"):
        Mode(location=np.zeros(2), covariance=np.diag([1.0, -1.0]))


def test_a_covariance_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Mode(location=np.zeros(3), covariance=np.eye(2))


@pytest.mark.parametrize(("shares", "df"), [([0.4], 4.0), ([0.5, 0.5], 4.0), ([1.0], 0.0)])
def test_an_unusable_mixture_is_refused(shares: list[float], df: float) -> None:
    with pytest.raises(ValueError, match=r"shares|degrees_of_freedom"):
        StudentMixture(modes=[MODE], shares=shares, degrees_of_freedom=df)
