"""Asymptotic powers of log-rank designs: which designs have them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import small_trials
from lupusim.analysis.power import schoenfeld_power
from lupusim.planning.theory.power import formula_powers
from lupusim.trial import AfterLastPatient, AtCalendarTime, AtEvents, Dropout
from lupusim.trial.enrollment import PiecewiseEnrollment, PoissonEnrollment


def keys(trial):
    return [formula.key for formula in formula_powers(trial)]


def test_at_a_number_of_events_both_formulas_are_near_each_other():
    schoenfeld, lachin_foulkes = formula_powers(small_trials.survival(0.7))
    assert schoenfeld.value == pytest.approx(schoenfeld_power(0.7, 300), rel=1e-12)
    assert lachin_foulkes.value == pytest.approx(schoenfeld.value, abs=0.02)


@pytest.mark.parametrize("cutoff", [AtCalendarTime(time=3.0), AfterLastPatient(follow_up=1.0)])
def test_at_a_date_the_events_are_those_to_be_expected(cutoff):
    # rpact 3.3.4: getSampleSizeSurvival(alpha = 0.025, sided = 1, beta = 0.2, hazardRatio = 0.7,
    # lambda2 = 0.3, accrualTime = c(0, 2), followUpTime = 1)$maxNumberOfSubjects is 631.951092
    trial = small_trials.survival(0.7, rate=0.3)
    changed = replace(trial, cutoff=cutoff, n_patients=632, follow_up=9.0)
    schoenfeld = formula_powers(changed)[0]
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
    assert keys(early) == ["schoenfeld"]
    rarely = replace(trial, follow_up=0.1, cutoff=AtEvents(events=300))  # never, on average
    assert keys(rarely) == ["schoenfeld"]
    soon = replace(trial, cutoff=AtCalendarTime(time=1.0))
    assert keys(soon) == []
    by_state = replace(trial, dropout=Dropout(per_year=0.1, by_state={"active": 2.0}))
    assert keys(by_state) == ["schoenfeld"]


def test_two_sided_harm_has_its_power_too():
    trial = small_trials.at_level(small_trials.survival(1.4), 0.05, 2)
    assert formula_powers(trial)[0].value == pytest.approx(schoenfeld_power(1.4, 300), rel=1e-12)
    assert not math.isnan(formula_powers(trial)[1].value)
