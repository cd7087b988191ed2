"""Every kind of enrollment: its expected numbers, its inverse, and even arrivals."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from lupusim.common.registry import Registry
from lupusim.common.rng import stream
from lupusim.trial import (
    EvenArrivals,
    PiecewiseEnrollment,
    PoissonEnrollment,
    RandomArrivals,
    Region,
    RegionalEnrollment,
    UniformEnrollment,
)
from lupusim.trial.enrollment import ARRIVALS, ENROLLMENTS
from lupusim.trial.enrollment.base import AtARate
from tolerance import SEED, assert_within_mcse

REGIONS = RegionalEnrollment(
    regions=(
        Region(sites=4, per_site_per_year=30.0, opens=0.1, ramp_up=0.5),
        Region(sites=2, per_site_per_year=40.0, opens=0.2, closes=0.6),
    ),
    pauses=((0.3, 0.4),),
)
RATES = {
    "poisson": (PoissonEnrollment(sites=5, per_site_per_year=20.0), lambda _: 100.0),
    "ramp": (
        PoissonEnrollment(sites=5, per_site_per_year=20.0, ramp_up=0.5),
        lambda t: 100.0 * min(t / 0.5, 1.0),
    ),
    "piecewise": (
        PiecewiseEnrollment(breaks=(0.2, 0.5), rates_per_year=(60.0, 0.0, 200.0)),
        lambda t: 60.0 if t < 0.2 else 0.0 if t < 0.5 else 200.0,
    ),
    "regions": (
        REGIONS,
        lambda t: (
            0.0
            if 0.3 <= t < 0.4
            else 120.0 * min(max(t - 0.1, 0) / 0.5, 1.0) + (80.0 if 0.2 <= t < 0.6 else 0.0)
        ),
    ),
}
KNOTS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


@pytest.mark.parametrize("name", RATES)
def test_the_expected_number_is_the_integral_of_the_rate_and_its_inverse_the_time(name):
    enrollment, rate = RATES[name]
    times = np.array([0.05, 0.15, 0.25, 0.55, 0.7, 1.3])
    integral = [quad(rate, 0, t, points=[k for k in KNOTS if k < t] or None)[0] for t in times]
    assert enrollment.expected(times) == pytest.approx(integral, abs=1e-9)
    numbers = np.linspace(0.5, 90, 50)
    assert enrollment.expected(enrollment.time_when(numbers)) == pytest.approx(numbers, rel=1e-9)


@pytest.mark.parametrize("name", RATES)
def test_even_arrivals_come_when_as_many_are_expected_whatever_the_seed(name):
    enrollment, _ = RATES[name]
    even = replace(enrollment, arrivals=EvenArrivals())
    times = even.times(3, 40, rng=stream(SEED))
    assert (times == times[0]).all()
    assert even.expected(times[0]) == pytest.approx(np.arange(1, 41), rel=1e-9)
    random = enrollment.times(4000, 40, rng=stream(SEED))
    assert_within_mcse(  # so many are expected by the time at which as many come evenly
        (random <= times[0, 19]).sum(axis=1).mean(), 20.0, mcse=math.sqrt(20 / 4000)
    )


def test_an_even_arrival_at_a_break_comes_before_a_pause():
    even = PiecewiseEnrollment(
        breaks=(1.0, 2.0), rates_per_year=(3.0, 0.0, 1.0), arrivals=EvenArrivals()
    )
    assert even.times(1, 4, rng=stream(SEED))[0] == pytest.approx([1 / 3, 2 / 3, 1.0, 3.0])


def test_an_even_period_ends_with_its_last_patient_for_any_number_of_them():
    period = UniformEnrollment(duration=2.0, arrivals=EvenArrivals())
    times = period.times(2, 8, rng=stream(SEED))
    assert times[0] == pytest.approx(np.arange(1, 9) / 4)
    assert period.of_first(times, 4)[:, :4] == pytest.approx(period.times(2, 4, rng=stream(SEED)))
    assert period.of_first(times, 8) is times


def test_a_period_is_continued_at_its_pace():
    more = UniformEnrollment(duration=2.0).continued(10)
    times = more.times(500, 25, rng=stream(SEED))
    assert (times[:, 9] < 2.0).all()
    assert (times[:, 10] > 2.0).all()
    assert more.continued(3) is more
    assert more.process(99, share=0.5).expected(np.array(1.0)) == pytest.approx(10.0)
    assert more.of_first(times, 3) is times
    assert more.accrual(25) is None
    assert not more.has_fixed_period
    assert more.screened_per_patient == 1.0


def test_a_process_goes_on_where_it_was_left():
    for pattern in (RandomArrivals(), EvenArrivals()):
        first = pattern.numbers(4, 5, rng=stream(SEED))
        more = pattern.numbers(4, 5, rng=stream(SEED, 1), after=first[:, -1])
        gaps = more[:, 0] - first[:, -1]
        assert (gaps > 0).all()
        assert (np.diff(more, axis=1) > 0).all()


def test_rates_that_no_formula_knows_have_no_accrual():
    assert RATES["ramp"][0].accrual(10) is None
    assert REGIONS.accrual(10) is None
    assert RATES["piecewise"][0].accrual(32) == (
        pytest.approx((0.0, 0.2, 0.5, 0.6)),
        (60.0, 0.0, 200.0),
    )
    assert RATES["poisson"][0].accrual(50) == ((0.0, 0.5), (100.0,))
    assert UniformEnrollment(duration=2.0).accrual(50) == ((0.0, 2.0), (25.0,))


def test_an_accrual_of_all_who_come_is_none_without_a_formula():
    """A kind that says nothing of it has none."""

    class Rising(AtARate):
        arrivals = EvenArrivals()

        def time_when(self, expected):
            return np.sqrt(expected)

        def expected(self, time):
            return time**2

    rising = Rising()
    assert rising.accrual(10) is None
    assert rising.times(1, 4, rng=stream(SEED))[0] == pytest.approx(np.sqrt([1, 2, 3, 4]))
    assert rising.process(4, share=0.5) is rising
    assert rising.continued(9) is rising


def test_every_kind_is_registered_by_its_name_in_files():
    assert set(ENROLLMENTS) == {"poisson", "piecewise", "regions", "uniform"}
    assert set(ARRIVALS) == {"random", "even"}


def test_a_name_is_given_once_and_other_packages_are_asked_for_what_is_missing(monkeypatch):
    class Point:
        name = "theirs"

        def load(self):
            return str

    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda *, group: [Point()][: group == "g"]
    )
    kinds: Registry[type] = Registry("kind", group="g")
    kinds.register("ours")(int)
    assert kinds["ours"] is int
    assert kinds["theirs"] is str
    assert len(kinds) == 2
    assert list(kinds) == ["ours", "theirs"]
    with pytest.raises(ValueError, match="the name of another kind"):
        kinds.register("ours")(float)
    with pytest.raises(KeyError):
        kinds["nobody's"]
