"""Cumulative hazards against R 4.2 (stats) and against scipy.stats; inversion gives the law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lupusim.common.rng import stream
from lupusim.model import Hazard
from lupusim.model.hazards import (
    ExponentialHazard,
    GammaHazard,
    GeneralizedGammaHazard,
    GompertzHazard,
    LoglogisticHazard,
    LognormalHazard,
    PiecewiseExponentialHazard,
    WeibullHazard,
)
from tolerance import SEED

TIMES = np.array([1e-6, 0.01, 0.5, 2, 30, 2000])

# R 4.2.2: -pxxx(t, ..., lower.tail = FALSE, log.p = TRUE); the generalized gamma through
# pgamma by Prentice's form, as in flexsurv::pgengamma; the log-logistic through plogis(log(t)).
FROM_R: list[tuple[Hazard, list[float]]] = [
    (
        WeibullHazard(shape=1.7, scale=1.5),
        [
            3.1669766373009e-11,
            0.000199822716910219,
            0.154487685590657,
            1.63078178603094,
            162.836212614762,
            205303.263152542,
        ],
    ),
    (
        GammaHazard(shape=0.5, rate=1.5),
        [
            0.00138293171630618,
            0.147931457519419,
            1.51108073435722,
            4.24708474678559,
            47.4865143531279,
            3004.57571532403,
        ],
    ),
    (
        GammaHazard(shape=4.0, rate=1.5),
        [
            2.10937246875157e-25,
            2.08422002950241e-09,
            0.00731888431777806,
            0.435050642538463,
            35.3043979963891,
            2977.77165659972,
        ],
    ),
    (
        LognormalHazard(meanlog=0.2, sdlog=0.7),
        [
            1.76546091510597e-89,
            3.33555321225504e-12,
            0.106462341330801,
            1.42477751472462,
            12.9390612755383,
            59.1771504434456,
        ],
    ),
    (
        LoglogisticHazard(shape=1.8, scale=1.2),
        [
            1.14149432604711e-11,
            0.000180898295576198,
            0.187999546815749,
            1.2550464319844,
            5.79701770187235,
            13.3534472122937,
        ],
    ),
    (
        GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=0.5),
        [
            4.33451895536379e-17,
            1.04897894972071e-05,
            0.1790200032809,
            1.70825092181223,
            30.0605201334239,
            772.260203314986,
        ],
    ),
    (
        GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=-0.6),
        [
            0.0,
            3.87889461362189e-71,
            0.0508316589232027,
            1.12045547545814,
            6.43447589359222,
            16.3066475242745,
        ],
    ),
    (
        GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=2.0),
        [
            3.50279862134597e-05,
            0.025531879049825,
            0.528642088506105,
            2.72360403902292,
            2351.97511751876,
            381316874.799341,
        ],
    ),
]

# scipy.stats' names for the same laws; its generalized gamma is Stacy's: a = q ** -2,
# c = q / sigma, scale = exp(mu) * q ** (2 * sigma / q) (Prentice 1974).
SAME_LAW = [
    (ExponentialHazard(rate=0.7), stats.expon(scale=1 / 0.7)),
    (WeibullHazard(shape=0.6, scale=1.5), stats.weibull_min(0.6, scale=1.5)),
    (GompertzHazard(shape=0.4, rate=0.3), stats.gompertz(0.3 / 0.4, scale=1 / 0.4)),
    (GammaHazard(shape=2.0, rate=1.5), stats.gamma(2.0, scale=1 / 1.5)),
    (LognormalHazard(meanlog=0.2, sdlog=0.7), stats.lognorm(0.7, scale=math.exp(0.2))),
    (LoglogisticHazard(shape=1.8, scale=1.2), stats.fisk(1.8, scale=1.2)),
    *(
        (
            GeneralizedGammaHazard(mu=0.2, sigma=0.7, q=q),
            stats.gengamma(q**-2, q / 0.7, scale=math.exp(0.2) * (q * q) ** (0.7 / q)),
        )
        for q in (-0.6, 0.5, 1.4)
    ),
]


@pytest.mark.parametrize(("hazard", "expected"), FROM_R, ids=repr)
def test_cumulative_hazard_equals_the_log_survival_of_r(hazard, expected):
    np.testing.assert_allclose(hazard.cumulative(TIMES), expected, rtol=2e-11, atol=1e-90)


@pytest.mark.parametrize(("hazard", "law"), SAME_LAW)
def test_law_equals_that_of_scipy(hazard, law):
    time = np.array([0.01, 0.3, 1.0, 2.5, 6.0])
    np.testing.assert_allclose(np.exp(-hazard.cumulative(time)), law.sf(time), rtol=1e-10)
    np.testing.assert_allclose(hazard.hazard(time), law.pdf(time) / law.sf(time), rtol=1e-9)
    np.testing.assert_allclose(
        hazard.inverse_cumulative(-np.log([0.99, 0.5, 0.01])), law.isf([0.99, 0.5, 0.01]), rtol=1e-9
    )
    assert hazard.mean() == pytest.approx(law.mean(), rel=1e-8)


@pytest.mark.parametrize(("hazard", "law"), SAME_LAW)
def test_times_drawn_by_inversion_follow_the_law(hazard, law):
    times = hazard.inverse_cumulative(stream(SEED, "inversion").standard_exponential(20_000))
    distance = stats.kstest(times, law.cdf).statistic * math.sqrt(20_000)
    assert distance < 2.3  # Kolmogorov: exceeded once in 20 000 samples of the right law


def test_a_rate_that_is_5_percent_off_is_noticed():  # negative control
    times = ExponentialHazard(rate=0.7 * 1.05).inverse_cumulative(
        stream(SEED, "inversion").standard_exponential(20_000)
    )
    distance = stats.kstest(times, stats.expon(scale=1 / 0.7).cdf).statistic * math.sqrt(20_000)
    assert distance > 2.3


def test_piecewise_survival_multiplies_the_pieces():
    hazard = PiecewiseExponentialHazard(breaks=(0.5, 1.5), rates=(0.3, 1.4, 0.6))
    expected = math.exp(-0.3 * 0.5) * math.exp(-1.4 * 1.0) * math.exp(-0.6 * 0.5)
    assert math.exp(-hazard.cumulative(np.array(2.0))) == pytest.approx(expected, rel=1e-14)
