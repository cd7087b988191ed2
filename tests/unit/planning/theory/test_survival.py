"""Asymptotic powers of log-rank designs: which designs have them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import small_trials
from lupusim.analysis.power import schoenfeld_power
from lupusim.common.rng import stream
from lupusim.planning.theory.power import formula_powers
from lupusim.planning.theory.survival import law_at_cutoff, law_at_events
from lupusim.trial import AfterLastPatient, AtCalendarTime, AtEvents, Dropout, UniformEnrollment
from lupusim.trial.enrollment import PiecewiseEnrollment, PoissonEnrollment
from tolerance import SEED, assert_within_mcse


def keys(trial):
    return [formula.key for formula in formula_powers(trial)]


def test_at_a_number_of_events_both_formulas_are_near_each_other():
    theory, schoenfeld, lachin_foulkes = formula_powers(small_trials.survival(0.7))
    assert theory.value == pytest.approx(schoenfeld.value, abs=0.002)
    assert schoenfeld.value == pytest.approx(schoenfeld_power(0.7, 300), rel=1e-12)
    assert lachin_foulkes.value == pytest.approx(schoenfeld.value, abs=0.02)


@pytest.mark.parametrize("cutoff", [AtCalendarTime(time=3.0), AfterLastPatient(follow_up=1.0)])
def test_at_a_date_the_events_are_those_to_be_expected(cutoff):
    # rpact 3.3.4: getSampleSizeSurvival(alpha = 0.025, sided = 1, beta = 0.2, hazardRatio = 0.7,
    # lambda2 = 0.3, accrualTime = c(0, 2), followUpTime = 1)$maxNumberOfSubjects is 631.951092
    trial = small_trials.survival(0.7, rate=0.3)
    changed = replace(trial, cutoff=cutoff, n_patients=632, follow_up=9.0)
    schoenfeld = formula_powers(changed)[1]
    assert schoenfeld.value == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize(
    "enrollment",
    [
        PoissonEnrollment(sites=5, per_site_per_year=45.0),
        PiecewiseEnrollment(breaks=(1.0,), rates_per_year=(225.0, 225.0)),
        PiecewiseEnrollment(breaks=(5.0,), rates_per_year=(225.0, 1.0)),
    ],
)
def test_enrollment_at_one_rate_is_one_enrollment(enrollment):
    trial = small_trials.survival(0.7, cutoff=AtCalendarTime(time=3.0))
    other = formula_powers(replace(trial, enrollment=enrollment))
    for one, same in zip(formula_powers(trial), other, strict=True):
        assert same.value == pytest.approx(one.value, rel=1e-9)


def test_a_formula_that_does_not_hold_is_not_given():
    trial = small_trials.survival(0.7)
    ramp = PoissonEnrollment(sites=5, per_site_per_year=45.0, ramp_up=0.5)
    assert keys(replace(trial, enrollment=ramp)) == ["schoenfeld"]
    early = replace(trial, cutoff=AtEvents(events=60))  # while patients still come
    assert keys(early) == ["theory", "schoenfeld"]
    seen = replace(trial.primary, visits=(0.5, 1.0))
    assert keys(replace(trial, primary=seen, visits=(0.5, 1.0), follow_up=9.0)) == []
    rarely = replace(trial, follow_up=0.1, cutoff=AtEvents(events=300))  # never, on average
    assert keys(rarely) == ["schoenfeld"]
    soon = replace(trial, cutoff=AtCalendarTime(time=1.0))
    assert keys(soon) == ["theory"]
    by_state = replace(trial, dropout=Dropout(per_year=0.1, by_state={"active": 2.0}))
    assert keys(by_state) == ["schoenfeld"]


def test_two_sided_harm_has_its_power_too():
    trial = small_trials.at_level(small_trials.survival(1.4), 0.05, 2)
    theory, schoenfeld, lachin_foulkes = formula_powers(trial)
    assert schoenfeld.value == pytest.approx(schoenfeld_power(1.4, 300), rel=1e-12)
    assert theory.value == pytest.approx(schoenfeld.value, abs=0.002)
    assert not math.isnan(lachin_foulkes.value)


@pytest.mark.parametrize(
    ("hazard_ratio", "ratio", "events"),
    [(0.65, (1, 2), 120), (0.5, (1, 3), 60), (0.65, (2, 1), 120), (1.6, (1, 2), 120)],
)
def test_the_law_of_the_logrank_statistic_is_that_of_simulated_trials(hazard_ratio, ratio, events):
    # Patients, event-driven cut and statistic by hand in NumPy
    n, rate, drop = 260, math.log(2), 0.2
    trial = small_trials.survival(
        hazard_ratio, cutoff=AtEvents(events=events), dropout=drop, ratio=ratio
    )
    trial = replace(trial, n_patients=n, enrollment=UniformEnrollment(duration=1.5))
    law = law_at_events(trial, events)
    rng, runs = stream(SEED, "logrank by hand"), 3_000
    treated = np.arange(n) % sum(ratio) >= ratio[0]
    hazard = np.where(treated, rate * hazard_ratio, rate)
    z = np.empty(runs)
    for k in range(runs):
        entry = 1.5 * rng.random(n)
        time, lost = rng.exponential(1 / hazard), rng.exponential(1 / drop, n)
        date = np.where(time <= lost, entry + time, np.inf)
        cut = np.sort(date)[events - 1]
        watched = np.minimum(np.minimum(time, lost), cut - entry)
        order = np.argsort(watched)
        order = order[watched[order] > 0]
        arm, event = treated[order], date[order] <= cut
        share = arm[::-1].cumsum()[::-1] / np.arange(order.size, 0, -1)
        score = (arm - share)[event].sum()
        z[k] = score / math.sqrt((share * (1 - share))[event].sum())
    assert_within_mcse(z.mean(), law.mean, mcse=z.std() / math.sqrt(runs))
    # under Schoenfeld's the mean is wrong by far and the spread is 1
    part = ratio[1] / sum(ratio)
    plain = math.log(hazard_ratio) * math.sqrt(events * part * (1 - part))
    assert abs(z.mean() - plain) > 5 * z.std() / math.sqrt(runs)
    # of a normal sample, sd / sqrt(2 n)
    assert_within_mcse(z.std(), law.spread, mcse=z.std() / math.sqrt(2 * runs))


def test_a_logrank_statistic_without_events_has_no_law():
    trial = small_trials.survival(0.7, cutoff=AtCalendarTime(time=1e-300))
    assert law_at_cutoff(trial) is None
    assert law_at_events(replace(trial, n_patients=50), 60) is None
