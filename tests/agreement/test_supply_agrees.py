"""Two independent ways of dealing out doses: the queue in arrays, and processes in SimPy."""

from dataclasses import replace

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.engines import events_supply, named_dispense, vector_supply
from lupusim.simulation.patient_level.tables import simulate_trial
from lupusim.trial.treatment.supply import (
    NO_LOT,
    Arrivals,
    Demands,
    Manufacture,
    Stock,
    Supply,
    WhileEmpty,
)
from tolerance import SEED, assert_within_mcse
from trials import disease_trial, scenario

NEVER = np.inf
ENGINES = [vector_supply.dispense, events_supply.dispense]


def stock(*lots, doses):
    """Lots of one replicate: (released, expires, passed)."""
    released, expires, passed = zip(*lots, strict=True)
    return Stock(
        doses=doses,
        released=np.array(released),
        expires=np.array(expires),
        passed=np.array(passed)[:, None],
    )


def demands(wanted, patience, doses=None):
    wanted = np.array([wanted])
    taken = np.ones(wanted.shape, dtype=int) if doses is None else np.array([doses])
    return Demands(wanted=wanted, until=wanted + patience, doses=taken)


@pytest.mark.parametrize("dispense", ENGINES)
def test_doses_are_dealt_out_as_one_would_by_hand(dispense):
    """Lots of two: one from 1 to 5, a failed one, one from 4 to 9; everybody waits a year.

    At 0.5 the patient waits for the first lot (1); at 2 the second dose is taken; at 2.5 there
    is none, and the next lot comes at 4, too late; at 3.2 it is near enough (4); at 6 its other
    dose; at 7 nothing is left. The patient who never asks gets nothing.
    """
    lots = stock((1.0, 5.0, True), (2.0, 6.0, False), (4.0, 9.0, True), doses=2)
    asked = demands([6.0, 0.5, NEVER, 2.0, 2.5, 3.2, 7.0], 1.0)
    found = dispense(lots, asked)
    assert found.given.tolist() == [[6.0, 1.0, NEVER, 2.0, NEVER, 4.0, NEVER]]
    assert found.lot.tolist() == [[2, 0, NO_LOT, 0, NO_LOT, 2, NO_LOT]]


@pytest.mark.parametrize("dispense", ENGINES)
def test_doses_expire_and_the_lot_that_expires_first_is_used_first(dispense):
    lots = stock((0.0, 2.0, True), (1.0, 3.0, True), doses=2)
    found = dispense(lots, demands([1.5, 2.0, 3.0], 0.25))
    assert found.lot.tolist() == [[0, 1, NO_LOT]]  # at 2 the first lot is just out of date


@pytest.mark.parametrize("dispense", ENGINES)
def test_all_doses_of_an_infusion_are_of_one_lot(dispense):
    lots = stock((0.0, 9.0, True), (1.0, 9.5, True), doses=3)
    found = dispense(lots, demands([0.1, 0.2, 0.3, 0.4], 2.0, doses=[2, 2, 1, 1]))
    assert found.given.tolist() == [[0.1, 1.0, 0.3, 1.0]]
    assert found.lot.tolist() == [[0, 1, 0, 1]]


@pytest.mark.parametrize("dispense", ENGINES)
def test_who_leaves_the_line_takes_nothing(dispense):
    lots = stock((1.0, 9.0, True), doses=1)
    wanted = np.array([[0.5, 0.6]])
    patience = np.array([[0.4, 0.4]])  # the first has dropped out at 0.9, the second waits
    asked = Demands(wanted=wanted, until=wanted + patience, doses=np.ones((1, 2), dtype=int))
    assert dispense(lots, asked).given.tolist() == [[NEVER, 1.0]]


@pytest.mark.parametrize("dispense", ENGINES)
def test_enrollment_pauses_while_nothing_is_in_stock(dispense):
    """Lots of two from 1, of which the second expires at once, and from 4; each wants one dose.

    The first would come at 0.5 and comes at 1, the second 0.2 later. Then the lot is used up:
    the third, of the control arm, would come at 2.5 (2 and the pause), but comes at 4, and
    another 0.3 later, who wants hers half a year behind. The last comes while one is in stock,
    which is the other's by then: she waits for 9, and she would wait no longer than to 9.5.
    """
    lots = stock((1.0, 5.0, True), (2.0, 2.0, True), (4.0, 9.0, True), (9.0, 9.9, True), doses=2)
    times = np.array([[0.5, 0.7, 2.0, 2.3, 2.6, 2.7]])
    after = np.array([[0.0, 0.0, NEVER, 0.5, 0.0, 5.0]])
    asked = Demands(
        wanted=times + after,
        until=times + after + 1.0,
        doses=np.ones((1, 6), dtype=int),
        arrivals=Arrivals(times=times, doses=1),
    )
    found = dispense(lots, asked)
    np.testing.assert_allclose(found.came, [[1.0, 1.2, 4.0, 4.3, 4.6, 4.7]])
    np.testing.assert_allclose(found.given, [[1.0, 1.2, NEVER, 4.8, 4.6, 9.7]])
    assert found.lot.tolist() == [[0, 0, NO_LOT, 2, 2, 3]]


def random_case(rng):
    lots = Manufacture(
        doses=int(rng.integers(1, 6)),
        every=0.05 + 0.3 * rng.random(),
        lead_time=0.3 * rng.random(),
        number=[None, 4][int(rng.integers(2))],
        fails=0.6 * rng.random(),
        shelf_life=0.3 + rng.random(),
    )
    supply = Supply(lots=lots, at_start=1 + int(rng.integers(3)), draws={})
    wanted = 3 * rng.random((4, 40))
    until = wanted + np.minimum(0.3 * rng.random(), rng.exponential(0.5, wanted.shape))
    wanted[rng.random(wanted.shape) < 0.3] = NEVER
    doses = rng.integers(1, lots.doses + 1, wanted.shape)
    asked = Demands(wanted=wanted, until=np.where(wanted < NEVER, until, NEVER), doses=doses)
    return supply.stock(4, 4.0, rng=rng), asked


def test_on_the_same_lots_and_demands_both_ways_agree_exactly():
    rng = stream(SEED, "supplies")
    for _ in range(100):
        lots, asked = random_case(rng)
        one, other = (dispense(lots, asked) for dispense in ENGINES)
        np.testing.assert_array_equal(one.given, other.given)
        np.testing.assert_array_equal(one.lot, other.lot)


def random_arrivals(rng):
    """Lots and patients who want up to three infusions each, a fifth of them none."""
    lots, _ = random_case(rng)
    times = np.cumsum(rng.exponential(0.05, (4, 20)), axis=1)
    after = np.sort(rng.random((4, 20, 3)), axis=2)
    after[..., 0] *= rng.random() < 0.5  # often the first is due at once
    after[rng.random(after.shape) < 0.2] = NEVER
    wanted = (times[..., None] + after).reshape(4, 60)
    until = wanted + rng.exponential(0.2, wanted.shape)
    doses = rng.integers(1, lots.doses + 1, wanted.shape)
    arrivals = Arrivals(times=times, doses=int(doses.max()))
    return lots, Demands(wanted=wanted, until=until, doses=doses, arrivals=arrivals)


def test_where_enrollment_pauses_both_ways_agree_exactly():
    rng = stream(SEED, "pauses")
    paused, ended = 0, 0
    for _ in range(40):
        lots, asked = random_arrivals(rng)
        one, other = (dispense(lots, asked) for dispense in ENGINES)
        np.testing.assert_allclose(one.came, other.came, atol=1e-12)
        np.testing.assert_allclose(one.given, other.given, atol=1e-12)
        np.testing.assert_array_equal(one.lot, other.lot)
        paused += (np.isfinite(one.came) & (one.came > asked.arrivals.times)).sum()
        ended += np.isinf(one.came).sum()
    assert paused > 500  # else nothing was tried
    assert ended > 50


def mean_given(dispense, supply, *, n_replicates, purpose):
    """The mean number of infusions given among 30 that come as a Poisson process."""
    rng = stream(SEED, "random lots", purpose)
    wanted = np.cumsum(rng.exponential(1 / 15, (n_replicates, 30)), axis=1)
    lots = supply.stock(n_replicates, float(wanted.max()) + supply.patience, rng=rng)
    until = wanted + supply.patience
    doses = np.ones(wanted.shape, dtype=int)
    found = dispense(lots, Demands(wanted=wanted, until=until, doses=doses))
    given = np.isfinite(found.given).sum(axis=1)
    return given.mean(), given.std(ddof=1) / np.sqrt(n_replicates)


def test_with_random_lots_both_ways_give_as_many_doses():
    lots = Manufacture(doses=4, every=1 / 4, lead_time=0.1, fails=0.3, shelf_life=0.8)
    supply = Supply(lots=lots, at_start=1, patience=0.1, draws={})
    many, mcse = mean_given(ENGINES[0], supply, n_replicates=4000, purpose="arrays")
    few, other_mcse = mean_given(ENGINES[1], supply, n_replicates=400, purpose="processes")
    assert_within_mcse(few, many, mcse=np.hypot(mcse, other_mcse))
    patient = Supply(lots=lots, at_start=1, patience=0.3, draws={})
    longer, _ = mean_given(ENGINES[0], patient, n_replicates=4000, purpose="arrays")
    with pytest.raises(AssertionError):  # negative control: three times the patience
        assert_within_mcse(few, longer, mcse=np.hypot(mcse, other_mcse))


def test_a_single_trial_has_the_same_supply_by_either_engine():
    lots = Manufacture(doses=5, every=1 / 6, lead_time=0.1, fails=0.3, shelf_life=0.6)
    supply = Supply(lots=lots, at_start=1, patience=0.1, draws={"cells": 1})
    said = scenario(disease_trial(supply=supply))
    by_arrays, by_events = (
        simulate_trial(said, engine=name, seed=3) for name in ("vector", "events")
    )
    assert by_arrays.lots.equals(by_events.lots)
    assert {"on time", "delayed", "missed"} <= set(by_events.supply["outcome"])


def test_a_single_trial_pauses_alike_by_either_engine():
    lots = Manufacture(doses=3, every=1 / 4, lead_time=0.1, fails=0.3, shelf_life=0.6)
    supply = Supply(lots=lots, patience=0.1, draws={"cells": 1})
    pausing = replace(supply, while_empty=WhileEmpty.PAUSE_ENROLLMENT)
    waiting, by_arrays, by_events = (
        simulate_trial(scenario(disease_trial(supply=one)), engine=name, seed=3)
        for one, name in ((supply, "vector"), (pausing, "vector"), (pausing, "events"))
    )
    assert by_arrays.lots.equals(by_events.lots)
    came = [one.patients["enrollment_time"].to_numpy() for one in (by_arrays, by_events, waiting)]
    np.testing.assert_allclose(came[0], came[1], atol=1e-12)
    assert (came[0] >= came[2]).all()
    assert came[0][-1] > came[2][-1] + 0.1
    first = [one.supply.drop_duplicates("patient")["outcome"] for one in (by_arrays, waiting)]
    assert set(first[0]) == {"on time"}  # it is due when there are doses
    assert set(first[1]) >= {"missed", "on time"}


def test_an_unknown_engine_deals_out_nothing():
    with pytest.raises(ValueError, match="Did you mean 'events'"):
        named_dispense("event")
