"""How a trial runs: enrollment, allocation, population, dropout, cutoffs."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from lupusim.common.rng import stream
from lupusim.model.hazards import ExponentialHazard, PiecewiseExponentialHazard
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    AtCalendarTime,
    AtEvents,
    Dropout,
    PermutedBlocks,
    PiecewiseEnrollment,
    PoissonEnrollment,
    Population,
    Region,
    RegionalEnrollment,
    SimpleRandomization,
    UniformEnrollment,
    WhenAll,
    WhenAny,
)
from lupusim.trial.looks import Entries
from tolerance import SEED

ENROLLMENTS = [
    UniformEnrollment(duration=2.0),
    PoissonEnrollment(sites=9, per_site_per_year=1.5),
    PoissonEnrollment(sites=9, per_site_per_year=1.5, ramp_up=2.0),
    PiecewiseEnrollment(breaks=(0.5, 1.0), rates_per_year=(10.0, 0.0, 20.0)),
    PiecewiseEnrollment(breaks=(), rates_per_year=(10.0,)),
    PiecewiseEnrollment(breaks=(0.5,), rates_per_year=(0.0, 20.0)),
    RegionalEnrollment(
        regions=(
            Region(sites=4, per_site_per_year=3.0, ramp_up=0.5, closes=2.0),
            Region(sites=9, per_site_per_year=1.5, opens=0.7),
        ),
        pauses=((0.2, 0.3), (0.6, 1.1)),
    ),
    RegionalEnrollment(regions=(Region(sites=9, per_site_per_year=1.5, opens=0.7, ramp_up=1.0),)),
]


LASTING = Region(sites=1, per_site_per_year=1.0)
CLOSING = Region(sites=1, per_site_per_year=1.0, closes=3.0)


@pytest.mark.parametrize("enrollment", ENROLLMENTS, ids=repr)
def test_patients_come_one_after_the_other_after_the_opening(enrollment):
    times = enrollment.times(7, 31, rng=stream(SEED, "enrollment"))
    assert times.shape == (7, 31)
    assert np.all(times >= 0)
    assert np.all(np.diff(times, axis=1) >= 0)
    assert np.all(np.isfinite(times))
    assert enrollment.screened_per_patient == 1.0
    assert enrollment.times(1, 1, rng=stream(SEED, "one")).shape == (1, 1)


@pytest.mark.parametrize("enrollment", ENROLLMENTS, ids=repr)
def test_a_longer_trial_begins_with_the_same_stream(enrollment):
    again = [enrollment.times(3, 8, rng=stream(SEED, "enrollment")) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_nobody_comes_while_the_rate_is_0():
    times = ENROLLMENTS[3].times(200, 40, rng=stream(SEED, "enrollment"))
    assert not np.any((times > 0.5) & (times < 1.0))
    assert np.any(times <= 0.5)
    assert np.all(ENROLLMENTS[5].times(20, 10, rng=stream(SEED, "later")) > 0.5)


def rate_of_regions(time):
    """Patients per year in ENROLLMENTS[6], from its description."""
    if 0.2 <= time < 0.3 or 0.6 <= time < 1.1:
        return 0.0
    first = 12.0 * min(time / 0.5, 1.0) if time < 2.0 else 0.0
    return first + (13.5 if time >= 0.7 else 0.0)


def test_regions_enroll_at_the_sum_of_their_rates():
    times = ENROLLMENTS[6].times(2, 40, rng=stream(SEED, "regions"))
    unit = stream(SEED, "regions").standard_exponential((2, 40)).cumsum(axis=1)
    bends = [0.2, 0.3, 0.5, 0.6, 0.7, 1.1, 2.0]
    for time, expected in zip(times.ravel(), unit.ravel(), strict=True):
        edges = [0.0, *(b for b in bends if b < time), time]
        number = sum(quad(rate_of_regions, a, b)[0] for a, b in pairwise(edges))
        assert number == pytest.approx(expected, abs=1e-9)
    assert not np.any((times > 0.6) & (times < 1.1))


def test_one_region_without_pauses_enrolls_as_its_sites_do():
    region = Region(sites=9, per_site_per_year=1.5, ramp_up=2.0)
    one = RegionalEnrollment(regions=(region,)).times(5, 60, rng=stream(SEED, "one"))
    np.testing.assert_allclose(one, ENROLLMENTS[2].times(5, 60, rng=stream(SEED, "one")))


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (UniformEnrollment, {"duration": 0.0}, "duration=0.0"),
        (UniformEnrollment, {"duration": math.inf}, "duration=inf"),
        (PoissonEnrollment, {"sites": 0, "per_site_per_year": 1.0}, "sites=0"),
        (PoissonEnrollment, {"sites": 1, "per_site_per_year": 0.0}, "per_site_per_year=0.0"),
        (PoissonEnrollment, {"sites": 1, "per_site_per_year": math.nan}, "per_site_per_year=nan"),
        (
            PoissonEnrollment,
            {"sites": 1, "per_site_per_year": 1.0, "ramp_up": -1.0},
            "ramp_up=-1.0",
        ),
        (
            PoissonEnrollment,
            {"sites": 1, "per_site_per_year": 1.0, "ramp_up": math.inf},
            "ramp_up=inf",
        ),
        (PiecewiseEnrollment, {"breaks": (0.0,), "rates_per_year": (1, 1)}, "above 0"),
        (PiecewiseEnrollment, {"breaks": (2.0, 1.0), "rates_per_year": (1, 1, 1)}, "increasing"),
        (PiecewiseEnrollment, {"breaks": (1.0,), "rates_per_year": (1,)}, "one entry more"),
        (PiecewiseEnrollment, {"breaks": (1.0,), "rates_per_year": (-1, 1)}, "0 or above"),
        (PiecewiseEnrollment, {"breaks": (1.0,), "rates_per_year": (1, 0)}, "never finish"),
        (Region, {"sites": 0, "per_site_per_year": 1.0}, "sites=0"),
        (Region, {"sites": 1, "per_site_per_year": math.nan}, "per_site_per_year=nan"),
        (Region, {"sites": 1, "per_site_per_year": 1.0, "opens": math.inf}, "opens=inf"),
        (Region, {"sites": 1, "per_site_per_year": 1.0, "ramp_up": -1.0}, "ramp_up=-1"),
        (
            Region,
            {"sites": 1, "per_site_per_year": 1.0, "opens": 2.0, "closes": 2.0},
            "closes='2 years'",
        ),
        (RegionalEnrollment, {"regions": ()}, "never finish"),
        (RegionalEnrollment, {"regions": (CLOSING,)}, "never finish"),
        (RegionalEnrollment, {"regions": (LASTING,), "pauses": ((2.0, 1.0),)}, "pauses"),
        (RegionalEnrollment, {"regions": (LASTING,), "pauses": ((1, 3), (2, 4))}, "pauses"),
        (RegionalEnrollment, {"regions": (LASTING,), "pauses": ((1, math.inf),)}, "pauses"),
    ],
)
def test_an_enrollment_that_cannot_be_is_refused(kind, values, message):
    with pytest.raises(ValueError, match=message):
        kind(**values)


@pytest.mark.parametrize("n_patients", [1, 5, 6, 23, 24, 120])
@pytest.mark.parametrize(("ratio", "size"), [((1, 1), 2), ((1, 1), 4), ((1, 2), 6), ((2, 3), 20)])
def test_every_full_block_keeps_the_ratio_and_the_last_is_cut(ratio, size, n_patients):
    stratum = np.zeros((50, n_patients), dtype=np.intp)
    arm = PermutedBlocks(block_size=size).assign(ratio, stratum, rng=stream(SEED, "allocation"))
    assert arm.shape == stratum.shape
    assert arm.dtype == np.int8
    full = arm[:, : n_patients // size * size].reshape(50, -1, size)
    assert np.all((full == 1).sum(axis=2) == size * ratio[1] // sum(ratio))
    rest = arm[:, n_patients // size * size :]
    for number, share in enumerate(ratio):
        assert np.all((rest == number).sum(axis=1) <= size * share // sum(ratio))


def test_blocks_are_balanced_within_every_stratum():
    stratum = stream(SEED, "strata").choice([0, 2, 3], size=(40, 61))  # nobody in stratum 1
    arm = PermutedBlocks(block_size=4).assign((1, 1), stratum, rng=stream(SEED, "allocation"))
    for row, levels in zip(arm, stratum, strict=True):
        for level in (0, 2, 3):
            sequence = row[levels == level]
            full = sequence[: sequence.size // 4 * 4].reshape(-1, 4)
            assert np.all(full.sum(axis=1) == 2)
            assert abs(2 * sequence.sum() - sequence.size) <= 2


@pytest.mark.parametrize(
    ("size", "ratio"), [(0, (1, 1)), (3, (1, 1)), (-2, (1, 1)), (4, (1, 2)), (1, (1, 1))]
)
def test_a_block_that_cannot_keep_the_ratio_is_refused(size, ratio):
    with pytest.raises(ValueError, match="must be a multiple of"):
        PermutedBlocks(block_size=size).assign(
            ratio, np.zeros((1, 6), dtype=np.intp), rng=stream(SEED, "a")
        )


def test_simple_randomization_looks_at_nothing():
    stratum = np.zeros((3, 7), dtype=np.intp)
    one = SimpleRandomization().assign((1, 2), stratum, rng=stream(SEED, "allocation"))
    other = SimpleRandomization().assign((1, 2), stratum + 3, rng=stream(SEED, "allocation"))
    np.testing.assert_array_equal(one, other)
    assert set(np.unique(one)) <= {0, 1}


def test_strata_are_numbered_by_the_named_factors_alone():
    population = Population(
        factors={"sex": {"f": 0.9, "m": 0.1}, "region": {"a": 0.2, "b": 0.3, "c": 0.5}}
    )
    levels = {"sex": np.array([[0, 1, 1]]), "region": np.array([[2, 0, 2]])}
    number = lambda *names: population.stratum(levels, names, (1, 3)).tolist()  # noqa: E731
    assert number() == [[0, 0, 0]]
    assert number("sex") == [[0, 1, 1]]
    assert number("sex", "region") == [[2, 3, 5]]
    assert number("region", "sex") == [[4, 1, 5]]


def test_a_factor_with_a_share_of_0_or_1_has_no_surprises():
    population = Population(factors={"f": {"never": 0.0, "always": 1.0, "not": 0.0}})
    drawn = population.draw_levels((50, 40), rng=stream(SEED, "population"))
    assert np.all(drawn["f"] == 1)


def test_weight_never_falls_below_half_its_mean():
    population = Population(weight_mean=50.0, weight_sd=30.0)
    weight = population.draw_weight(4000, rng=stream(SEED, "weight"))
    assert weight.min() == 25.0
    assert np.all(Population(weight_mean=56.0).draw_weight(3, rng=stream(SEED, "w")) == 56.0)


@pytest.mark.parametrize(
    "values",
    [
        {"factors": {"f": {"a": 0.5, "b": 0.4}}},
        {"factors": {"f": {"a": 1.5, "b": -0.5}}},
        {"factors": {"f": {"a": math.nan, "b": 0.5}}},
        {"factors": {"f": {}}},
        {"weight_mean": 0.0},
        {"weight_mean": math.nan},
        {"weight_sd": -1.0},
    ],
)
def test_a_population_that_cannot_be_is_refused(values):
    with pytest.raises(ValueError, match=r"shares of 'f'|weight_mean"):
        Population(**values)


def test_dropout_depends_on_time_state_and_arm():
    dropout = Dropout(per_year=0.2, by_state={"active": 1.5, "death": 0.0}, by_arm={"cells": 0.5})
    assert dropout.in_states(["active", "well", "death"]).tolist() == [1.5, 1.0, 0.0]
    assert dropout.in_arms(["placebo", "cells"]).tolist() == [1.0, 0.5]
    assert not dropout.is_alike
    assert not Dropout(per_year=0.1, by_arm={"cells": 0.5}).is_alike
    early = Dropout(hazard=PiecewiseExponentialHazard(breaks=(0.5,), rates=(1.0, 0.1)))
    assert early.is_alike
    assert not early.is_never
    assert Dropout().is_never
    times = np.array([0.25, 0.5, 2.5])
    np.testing.assert_allclose(early.cumulative(times), [0.25, 0.5, 0.7])
    np.testing.assert_allclose(early.inverse_cumulative(early.cumulative(times)), times)
    np.testing.assert_allclose(dropout.inverse_cumulative(dropout.cumulative(times)), times)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"per_year": -0.1}, "per_year=-0.1"),
        ({"per_year": math.inf}, "per_year=inf"),
        ({"per_year": 0.1, "by_state": {"active": -1.0}}, "active=-1.0"),
        ({"per_year": 0.1, "by_state": {"active": math.nan}}, "active=nan"),
        ({"per_year": 0.1, "by_arm": {"cells": -1.0}}, "cells=-1.0"),
        ({"per_year": 0.1, "hazard": ExponentialHazard(rate=0.1)}, "both given"),
    ],
)
def test_a_dropout_that_cannot_be_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Dropout(**values)


ENROLLED = np.array([[0.0, 1.0, 2.0], [0.5, 0.6, 0.7]])
EVENTS = np.array([[3.0, np.inf, 2.5], [np.inf, np.inf, 0.9]])


@pytest.mark.parametrize(
    ("cutoff", "expected"),
    [
        (AtCalendarTime(time=1.5), [1.5, 1.5]),
        (AfterLastPatient(follow_up=0.5), [2.5, 1.2]),
        (AtEvents(events=1), [2.5, 0.9]),
        (AtEvents(events=2), [3.0, np.inf]),
        (AtEvents(events=3), [np.inf, np.inf]),
        (AtEvents(events=4), [np.inf, np.inf]),
        (AfterPatients(patients=2), [1.0, 0.6]),
        (AfterPatients(patients=3, follow_up=0.5), [2.5, 1.2]),
        (AfterPatients(patients=4), [np.inf, np.inf]),
        (WhenAll(conditions=(AtCalendarTime(time=2.0), AtEvents(events=1))), [2.5, 2.0]),
        (WhenAny(conditions=(AtCalendarTime(time=2.0), AtEvents(events=1))), [2.0, 0.9]),
    ],
    ids=repr,
)
def test_data_are_cut_for_every_replicate(cutoff, expected):
    events = EVENTS.copy()
    np.testing.assert_allclose(
        cutoff.calendar_time(Entries(enrolled=ENROLLED, event_time=events)), expected
    )
    np.testing.assert_array_equal(events, EVENTS)


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
def test_a_cutoff_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match="time="):
        AtCalendarTime(time=bad)
    with pytest.raises(ValueError, match="follow_up="):
        AfterLastPatient(follow_up=bad)
    with pytest.raises(ValueError, match="follow_up="):
        AfterPatients(patients=1, follow_up=-1.0 if bad == 0 else bad)
    if not bad > 0:
        with pytest.raises(ValueError, match="events="):
            AtEvents(events=0 if math.isnan(bad) else bad)
