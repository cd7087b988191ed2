"""Every hazard family against itself: derivative, inverse, mean, limits, range checks."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.integrate import quad

from lupusim.model.hazards import (
    FAMILIES,
    ExponentialHazard,
    GammaHazard,
    GeneralizedGammaHazard,
    GompertzHazard,
    Hazard,
    LoglogisticHazard,
    LognormalHazard,
    PiecewiseExponentialHazard,
    WeibullHazard,
)
from lupusim.model.hazards.base import formula_of_many

HAZARDS: list[Hazard] = [
    ExponentialHazard(rate=0.7),
    WeibullHazard(shape=0.6, scale=1.5),
    WeibullHazard(shape=1.7, scale=1.5),
    GompertzHazard(shape=0.4, rate=0.3),
    GompertzHazard(shape=0.0, rate=0.3),
    GompertzHazard(shape=-0.8, rate=0.9),
    GammaHazard(shape=0.5, rate=1.5),
    GammaHazard(shape=1.0, rate=1.5),
    GammaHazard(shape=4.0, rate=1.5),
    LognormalHazard(meanlog=0.2, sdlog=0.7),
    LoglogisticHazard(shape=1.8, scale=1.2),
    LoglogisticHazard(shape=0.8, scale=1.2),
    GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=-0.6),
    GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=0.0),
    GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=0.01),
    GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=0.5),
    GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=2.0),
    PiecewiseExponentialHazard(breaks=(0.5, 1.5), rates=(0.3, 1.4, 0.6)),
    PiecewiseExponentialHazard(breaks=(0.5, 1.5), rates=(0.3, 0.0, 0.6)),
    PiecewiseExponentialHazard(breaks=(0.5, 1.5), rates=(0.3, 1.4, 0.0)),
]
SOME_NEVER_LEAVE = {HAZARDS[5]: 0.9 / 0.8, HAZARDS[19]: 0.15 + 1.4}
each = pytest.mark.parametrize("hazard", HAZARDS, ids=repr)


def test_every_family_is_tried():
    assert {type(hazard) for hazard in HAZARDS} == set(FAMILIES.values())
    assert len(FAMILIES) == 8


@each
def test_hazard_is_the_derivative_of_the_cumulative_hazard(hazard):
    time = np.array([0.02, 0.3, 0.49, 0.51, 0.9, 1.4, 1.6, 4.0, 20.0])
    step = 1e-5 * time
    slope = (hazard.cumulative(time + step) - hazard.cumulative(time - step)) / (2 * step)
    np.testing.assert_allclose(hazard.hazard(time), slope, rtol=1e-6, atol=1e-11)


@each
def test_inverse_undoes_the_cumulative_hazard_from_the_first_instant_to_the_deep_tail(hazard):
    heights = np.array([1e-12, 1e-9, 1e-6, 1e-3, 0.1, 0.499, 0.5, 0.501, 0.69, 1, 5, 36, 100])
    heights = np.append(heights, [599.0, 601.0, 1e3, 1e4])
    time = hazard.inverse_cumulative(heights)
    heavy_tail = isinstance(hazard, LoglogisticHazard | GeneralizedGammaHazard)
    reached = heights < (550 if heavy_tail else np.inf)
    if hazard in SOME_NEVER_LEAVE:
        reached = heights < SOME_NEVER_LEAVE[hazard]
    np.testing.assert_allclose(hazard.cumulative(time[reached]), heights[reached], rtol=1e-11)
    assert reached.sum() >= 10


@each
def test_cumulative_hazard_undoes_its_inverse(hazard):
    time = np.array([0.05, 0.2, 0.45, 0.7, 1.2, 3.0, 12.0])
    moves = hazard.hazard(time) > 1e-6
    again = hazard.inverse_cumulative(hazard.cumulative(time))
    np.testing.assert_allclose(again[moves], time[moves], rtol=1e-9)


@each
def test_a_higher_threshold_takes_longer(hazard):
    heights = np.geomspace(1e-12, 1e4, 500)
    time = hazard.inverse_cumulative(heights)
    finite = np.isfinite(time)
    assert not np.isnan(time).any()
    assert np.all(np.diff(time[finite]) > 0)
    assert np.all(np.diff(finite.astype(int)) <= 0)  # once infinite, always infinite


@each
def test_nothing_has_happened_at_time_0_and_everything_at_infinity(hazard):
    zero, infinity = np.array([0.0]), np.array([np.inf])
    assert hazard.cumulative(zero) == 0
    assert hazard.inverse_cumulative(zero) == 0
    assert hazard.inverse_cumulative(infinity) == np.inf
    total = SOME_NEVER_LEAVE.get(hazard, np.inf)
    np.testing.assert_allclose(hazard.cumulative(infinity), total)
    assert hazard.hazard(zero) >= 0  # a number: 0, finite or inf, never nan


@each
def test_the_shape_of_the_argument_is_kept(hazard):
    for shape in ((), (3,), (2, 3)):
        for method in (hazard.hazard, hazard.cumulative, hazard.inverse_cumulative):
            assert np.shape(method(np.full(shape, 0.4))) == shape


@each
def test_arguments_are_never_written_to(hazard):
    time = np.array([0.0, 0.4, 3.0])
    time.setflags(write=False)
    hazard.hazard(time)
    hazard.cumulative(time)
    hazard.inverse_cumulative(time)


@each
def test_mean_is_the_area_under_the_survival_curve(hazard):
    if math.isinf(hazard.mean()):
        far = np.array(1e6)
        # Survival that levels off, or falls no faster than 1 / t, has an infinite area.
        assert hazard in SOME_NEVER_LEAVE or float(far * np.exp(-hazard.cumulative(far))) > 1
        return

    def integrand(log_time):  # on the log scale heavy tails are short
        with np.errstate(over="ignore"):
            return math.exp(log_time - float(hazard.cumulative(np.array(math.exp(log_time)))))

    kinks = [math.log(0.5), math.log(1.5)]
    area, _ = quad(integrand, -40, 60, points=[*kinks, 0.0, 5.0, 10.0], limit=2000)
    assert hazard.mean() == pytest.approx(area, rel=1e-7)


@pytest.mark.parametrize(
    ("hazard", "limit"),
    [
        (WeibullHazard(shape=0.6, scale=1.5), math.inf),
        (WeibullHazard(shape=1.0, scale=4.0), 0.25),
        (WeibullHazard(shape=1.6, scale=1.5), 0.0),
        (GompertzHazard(shape=0.4, rate=0.3), 0.3),
        (GammaHazard(shape=0.5, rate=1.5), math.inf),
        (GammaHazard(shape=1.0, rate=1.5), 1.5),
        (GammaHazard(shape=2.0, rate=1.5), 0.0),
        (LognormalHazard(meanlog=0.2, sdlog=0.7), 0.0),
        (LoglogisticHazard(shape=0.8, scale=1.2), math.inf),
        (LoglogisticHazard(shape=1.0, scale=4.0), 0.25),
        (GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=-0.6), 0.0),
        (GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=0.5), 0.0),
        (GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=2.0), math.inf),
        (GeneralizedGammaHazard(mu=math.log(4), sigma=1.0, q=1.0), 0.25),
    ],
    ids=repr,
)
def test_hazard_at_time_0_is_its_limit(hazard, limit):
    assert float(hazard.hazard(np.array(0.0))) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("special", "general"),
    [
        (
            WeibullHazard(shape=1 / 0.7, scale=math.exp(0.2)),
            GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=1.0),
        ),
        (
            GammaHazard(shape=0.7**-2, rate=0.7**-2 / math.exp(0.2)),
            GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=0.7),
        ),
        (
            LognormalHazard(meanlog=0.2, sdlog=0.7),
            GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=0.0),
        ),
        (ExponentialHazard(rate=0.7), WeibullHazard(shape=1.0, scale=1 / 0.7)),
        (ExponentialHazard(rate=0.7), GammaHazard(shape=1.0, rate=0.7)),
        (ExponentialHazard(rate=0.7), GompertzHazard(shape=0.0, rate=0.7)),
        (ExponentialHazard(rate=0.7), PiecewiseExponentialHazard(breaks=(), rates=(0.7,))),
        (
            PiecewiseExponentialHazard(breaks=(1.0,), rates=(0.7, 0.7)),
            ExponentialHazard(rate=0.7),
        ),
    ],
    ids=repr,
)
def test_families_meet_where_one_is_a_case_of_the_other(special, general):
    time = np.array([0.01, 0.4, 1.0, 3.0, 40.0])
    np.testing.assert_allclose(general.hazard(time), special.hazard(time), rtol=1e-10)
    np.testing.assert_allclose(general.cumulative(time), special.cumulative(time), rtol=1e-10)
    np.testing.assert_allclose(
        general.inverse_cumulative(time), special.inverse_cumulative(time), rtol=1e-10
    )
    assert general.mean() == pytest.approx(special.mean(), rel=1e-10)


def test_a_generalized_gamma_with_small_q_is_nearly_lognormal():
    near = GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=1e-3)
    lognormal = LognormalHazard(meanlog=0.2, sdlog=0.7)
    time = np.array([0.3, 1.0, 3.0])
    np.testing.assert_allclose(near.cumulative(time), lognormal.cumulative(time), rtol=5e-3)


def test_a_generalized_gamma_with_a_heavy_tail_has_no_mean():
    assert GeneralizedGammaHazard(mu=0.2, sigma=2.0, q=-0.6).mean() == math.inf


def test_rate_0_never_happens():
    never = ExponentialHazard(rate=0)
    time = np.array([0.0, 5.0, np.inf])
    assert never.cumulative(time).tolist() == [0, 0, 0]
    assert never.hazard(time).tolist() == [0, 0, 0]
    assert never.inverse_cumulative(time).tolist() == [0, np.inf, np.inf]
    assert never.mean() == math.inf


def test_mean_of_a_gompertz_hazard_joins_its_asymptotic_form():
    below = GompertzHazard(shape=1.0, rate=499.999).mean() * 499.999
    above = GompertzHazard(shape=1.0, rate=500.001).mean() * 500.001
    assert below == pytest.approx(above, rel=1e-7)


BAD = [math.nan, math.inf, -math.inf, -1.0]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    ("family", "good"),
    [
        ("exponential", {"rate": 1.0}),
        ("weibull", {"shape": 1.0, "scale": 1.0}),
        ("gamma", {"shape": 1.0, "rate": 1.0}),
        ("loglogistic", {"shape": 1.0, "scale": 1.0}),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(family, good, bad):
    for name in good:
        with pytest.raises(ValueError, match=rf"^{name}="):
            FAMILIES[family](**{**good, name: bad})


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("family", "good", "free", "positive"),
    [
        ("gompertz", {"shape": 0.1, "rate": 1.0}, "shape", "rate"),
        ("lognormal", {"meanlog": 0.1, "sdlog": 1.0}, "meanlog", "sdlog"),
        ("generalized_gamma", {"mu": 0.1, "sigma": 1.0, "q": 1.0}, "mu", "sigma"),
        ("generalized_gamma", {"mu": 0.1, "sigma": 1.0, "q": 1.0}, "q", "sigma"),
    ],
)
def test_a_free_parameter_is_any_number_and_a_scale_is_above_0(family, good, free, positive, bad):
    FAMILIES[family](**{**good, free: -3.0})
    with pytest.raises(ValueError, match=f"^{free}="):
        FAMILIES[family](**{**good, free: bad})
    for wrong in (bad, 0.0, -1.0):
        with pytest.raises(ValueError, match=f"^{positive}="):
            FAMILIES[family](**{**good, positive: wrong})


@pytest.mark.parametrize("hazard", [h for h in HAZARDS if formula_of_many(type(h))], ids=repr)
def test_a_formula_of_many_hazards_gives_what_each_of_them_gives(hazard):
    formula = formula_of_many(type(hazard))
    time = np.array([0.0, 1e-6, 0.3, 0.5, 1.5, 1.7, 20.0])
    names = [field.name for field in fields(hazard)]
    scaled = [
        replace(
            hazard, **{n: type(v)(np.asarray(v) * f) for n in names for v in [getattr(hazard, n)]}
        )
        for f in (1.0, 0.8, 1.3)
    ]
    many = {name: np.array([getattr(one, name) for one in scaled]) for name in names}
    expected = [one.cumulative(time) for one in scaled]
    np.testing.assert_allclose(formula(many, time), expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("breaks", "rates", "message"),
    [
        ((0.0,), (1, 1), "increasing and above 0"),
        ((1.0, 1.0), (1, 1, 1), "increasing and above 0"),
        ((2.0, 1.0), (1, 1, 1), "increasing and above 0"),
        ((math.nan,), (1, 1), "increasing and above 0"),
        ((math.inf,), (1, 1), "increasing and above 0"),
        ((1.0,), (1,), "one entry more"),
        ((1.0,), (1, -1), "0 or above"),
        ((1.0,), (1, math.inf), "0 or above"),
        ((1.0,), (math.nan, 1), "0 or above"),
    ],
)
def test_pieces_must_fit_together(breaks, rates, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseExponentialHazard(breaks=breaks, rates=rates)


def test_breaks_given_as_lists_make_equal_hazards():
    one = PiecewiseExponentialHazard(breaks=[1, 2], rates=[1, 2, 3])
    assert one == PiecewiseExponentialHazard(breaks=(1.0, 2.0), rates=(1.0, 2.0, 3.0))
    assert hash(one) is not None


def test_at_a_break_the_hazard_is_the_rate_that_follows():
    hazard = PiecewiseExponentialHazard(breaks=(0.5,), rates=(1.0, 2.0))
    assert hazard.hazard(np.array([0.5])) == 2.0
