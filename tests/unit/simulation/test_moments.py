"""The cross-fitted share beside a fit by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.simulation.moments import FOLDS, Moments
from lupusim.simulation.tally import Mean, Tally, limits_of_share
from tolerance import SEED

N = 403


@pytest.fixture
def replicates() -> tuple[np.ndarray, np.ndarray]:
    """Claims, and two controls of which the second is but noise."""
    rng = stream(SEED, "moments")
    hidden = rng.standard_normal(N)
    claims = (hidden + 0.3 * rng.standard_normal(N) > 0.2).astype(float)
    return claims, np.column_stack([hidden, rng.standard_normal(N)])


def test_each_fold_has_the_coefficients_of_the_others(replicates) -> None:
    claims, controls = replicates
    fold = np.arange(N) % FOLDS
    left = np.empty(N)
    for number in range(FOLDS):
        others = fold != number
        columns = np.column_stack([np.ones(others.sum()), controls[others]])
        fitted = np.linalg.lstsq(columns, claims[others], rcond=None)[0]
        left[~others] = claims[~others] - controls[~others] @ fitted[1:]
    parts = [left[fold == number] for number in range(FOLDS)]
    error = math.sqrt(sum(part.size * part.var(ddof=1) for part in parts)) / N
    share, mcse = Moments.of(claims, controls, np.zeros((2, 2))).share()
    assert share == pytest.approx(left.mean(), rel=1e-12)
    assert mcse == pytest.approx(error, rel=1e-12)
    assert mcse < 0.7 * claims.std() / math.sqrt(N)


def test_blocks_add_up_in_any_parts(replicates) -> None:
    claims, controls = replicates
    known_to = np.array([[1e-10, 1e-11], [1e-11, 4e-10]])
    cut = 25 * FOLDS
    whole = Moments.of(claims, controls, known_to)
    parts = Moments.of(claims[:cut], controls[:cut], known_to)
    parts += Moments.of(claims[cut:], controls[cut:], known_to)
    np.testing.assert_allclose(parts.products, whole.products)
    assert Moments.of_plain(whole.plain()) == whole != parts
    assert hash(Moments.of_plain(whole.plain())) == hash(whole)


@pytest.mark.parametrize("short_by", [1, 2])
def test_what_is_cut_off_is_no_moments(replicates, short_by) -> None:
    claims, controls = replicates
    products, n_sets, known_to = Moments.of(claims, controls, np.eye(2)).plain()
    with pytest.raises(ValueError, match="no moments"):
        Moments.of_plain([products, n_sets, known_to[:-short_by]])


def test_what_is_not_exact_in_a_mean_is_part_of_the_error(replicates) -> None:
    claims, controls = replicates
    slope = np.polyfit(controls[:, 0], claims, 1)[0]
    _, exact = Moments.of(claims, controls, np.zeros((2, 2))).share()
    _, rough = Moments.of(claims, controls, np.diag([0.004**2, 0.0])).share()
    assert math.sqrt(rough**2 - exact**2) == pytest.approx(0.004 * slope, rel=0.02)


def test_a_mean_that_is_known_no_better_than_the_trials_tell_it_is_used_the_less(
    replicates,
) -> None:
    claims, controls = replicates
    one, plain = controls[:, :1], claims.std() / math.sqrt(N)
    _, exact = Moments.of(claims, one, np.zeros((1, 1))).share()
    errors = [Moments.of(claims, one, np.eye(1) * k / N).share()[1] for k in (0.5, 2.0, 1e6)]
    taken = plain**2 - exact**2  # of which an error as large as the trials' own leaves a half
    spread = one.var() * N / (N - 1)
    for error, k in zip(errors, (0.5, 2.0, 1e6), strict=True):
        left = exact**2 + taken * k / (k + spread)
        assert error == pytest.approx(math.sqrt(left), rel=0.03)


def test_means_that_err_alike_take_that_from_each_other(replicates) -> None:
    """Of steps beside each other the differences are known far better than the steps."""
    claims, controls = replicates
    steps = controls[:, [0]] + 0.1 * controls  # coefficients of unlike signs
    alike = 0.004**2 * np.array([[1.0, 0.999], [0.999, 1.0]])
    apart = np.diag(np.diag(alike))
    fitted = np.linalg.lstsq(steps - steps.mean(axis=0), claims - claims.mean(), rcond=None)[0]
    _, exact = Moments.of(claims, steps, np.zeros((2, 2))).share()
    for known_to in (alike, apart):
        _, rough = Moments.of(claims, steps, known_to).share()
        more = math.sqrt(fitted @ known_to @ fitted)
        assert math.sqrt(rough**2 - exact**2) == pytest.approx(more, rel=0.1)


@pytest.mark.parametrize("claimed", [0, 5, N - 5, N])
def test_few_claims_or_few_without_are_counted(replicates, claimed) -> None:
    _, controls = replicates
    claims = (np.arange(N) < claimed).astype(float)
    tally = Tally.of({"reject": claims})
    counted = tally.claims()
    tally.moments = Moments.of(claims, controls, np.zeros((2, 2)))
    assert tally.moments.share() is None
    assert tally.claims() == counted


def test_controls_that_say_the_same_are_one(replicates) -> None:
    claims, controls = replicates
    one = Moments.of(claims, controls[:, :1], np.zeros((1, 1))).share()
    twice = Moments.of(claims, controls[:, [0, 0]], np.zeros((2, 2))).share()
    assert twice == pytest.approx(one, rel=1e-9)


def test_limits_are_those_of_as_many_replicates_as_the_error_is_worth() -> None:
    counted = Mean(value=0.8, mcse=math.sqrt(0.8 * 0.2 / 4000), n=4000)
    reduced = Mean(value=0.8, mcse=counted.mcse, n=1000)
    assert limits_of_share(reduced) == pytest.approx(limits_of_share(counted))


def test_few_claims_fit_few_directions() -> None:
    rng = np.random.default_rng(SEED)
    n, claims = 800, np.zeros(800)
    claims[rng.choice(n, 20, replace=False)] = 1.0
    controls = rng.standard_normal((n, 12)) * np.linspace(1.0, 2.0, 12)
    share, mcse = Moments.of(claims, controls, np.zeros((12, 12))).share()
    left, most = np.zeros(n), []
    for fold in range(FOLDS):
        own = np.arange(n) % FOLDS == fold
        y, x = claims[~own], controls[~own]
        _, _, directions = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
        few = directions[: int(y.sum()) // 4].T  # those along which the controls vary most
        slopes, *_ = np.linalg.lstsq((x - x.mean(axis=0)) @ few, y - y.mean(), rcond=None)
        left[own] = claims[own] - controls[own] @ few @ slopes
        most.append(few.shape[1])
    assert max(most) <= 4
    assert share == pytest.approx(left.mean())
    spread = sum((left[fold::FOLDS].var(ddof=1)) * n / FOLDS for fold in range(FOLDS))
    assert mcse == pytest.approx(math.sqrt(spread) / n)
