"""Events that a look may expect, against simulation, and which looks are warned of."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from statistics import NormalDist

import pytest

from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.endpoints import TimeToEvent
from lupusim.planning.runs.replicates import Simulator
from lupusim.planning.runs.run import run
from lupusim.planning.theory.expected_events import looks_out_of_reach
from lupusim.planning.theory.expected_times import (
    looks_before_anybody_is_due,
    looks_too_late,
    nobody_left,
    warnings_of,
)
from lupusim.report.run.looks import look_rows
from lupusim.simulation.adaptation import SelectArms
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.trial import (
    Activity,
    AfterLastPatient,
    AfterPatients,
    AtCalendarTime,
    AtEvents,
    Cutoff,
    Dropout,
    Enrollment,
    EvenArrivals,
    Minimums,
    PiecewiseEnrollment,
    PoissonEnrollment,
    Population,
    Screening,
    Trial,
    UniformEnrollment,
    WhenAll,
    WhenAny,
)
from lupusim.trial.enrollment.randomization import accrual_of
from lupusim.trial.looks import AtEventsOf, Limited
from lupusim.trial.population.covariates import GammaFrailty
from tolerance import SEED, assert_within_mcse
from trials import scenario, survival_trial
from trials_adaptive import AT
from trials_staged import events_selection, selection_trial

BLOCK = Block(seed=SEED, number=0, n_replicates=400)


def waiting(**changes: object) -> Trial:
    """200 patients in two years, 0.2 of whom leave a year; look 1 at 150 events."""
    values = {
        "n_patients": 200,
        "enrollment": UniformEnrollment(duration=2.0),
        "dropout": Dropout(per_year=0.2),
        "follow_up": 1.0,
        "cutoff": AtEvents(events=150),
    }
    return survival_trial(**{**values, **changes})


def simulated_events(trial: Trial) -> tuple[float, float]:
    found = simulate({"": trial}, BLOCK)[""]["events"]
    return float(found.mean()), float(found.std() / math.sqrt(found.size))


@pytest.mark.parametrize(
    ("changes", "until"),
    [
        ({}, "once nobody is left"),
        ({"follow_up": math.inf, "dropout": Dropout(per_year=2.0)}, "once nobody is left"),
        (
            {"cutoff": Limited(clock=AtEvents(events=150), latest=1.5, extension=0.25)},
            "by the last look's latest date",
        ),
    ],
)
def test_expected_events_are_those_of_simulated_trials(changes, until) -> None:
    trial = waiting(**changes)
    (found,) = looks_out_of_reach(trial)
    mean, mcse = simulated_events(trial)
    # the enrollments behind what is expected are drawn, too: 1000 times
    assert_within_mcse(mean, found.expected, mcse=mcse * math.sqrt(1 + 400 / 1000))
    assert until in str(found)
    assert f"look 1 waits for 150 events ({trial.primary.name})" in str(found)


def test_a_look_that_many_trials_never_reach_is_told_though_as_many_events_are_expected() -> None:
    trial = waiting()
    (short,) = looks_out_of_reach(trial)
    near = replace(trial, cutoff=AtEvents(events=round(short.expected) - 1))
    (found,) = looks_out_of_reach(near)
    assert found.expected > found.asked
    n = 2_000
    missed = Simulator(seed=SEED).tally(near, n).mean("missed_cutoff")
    # events vary a little less than by the normal law that stands in for sums of binomials
    assert_within_mcse(missed.value, found.share, mcse=math.hypot(missed.mcse, 0.01))
    assert f"about {100 * found.share:.0f} of 100 trials never have so many" in str(found)
    few = replace(trial, cutoff=AtEvents(events=round(short.expected) - 30))
    assert looks_out_of_reach(few) == ()


def test_where_everybody_has_the_event_rounding_makes_no_chance_above_one() -> None:
    everybody = waiting(dropout=Dropout(), follow_up=math.inf, cutoff=AtEvents(events=200))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert looks_out_of_reach(everybody) == ()


def test_events_without_dropout_are_not_taken_for_those_with_it() -> None:
    (found,) = looks_out_of_reach(waiting())
    mean, mcse = simulated_events(waiting(dropout=Dropout()))
    with pytest.raises(AssertionError):
        assert_within_mcse(mean, found.expected, mcse=mcse)


def test_an_interim_look_must_have_its_events_before_the_last() -> None:
    looks = {"interims": (AtEvents(events=149),), "stopping": GroupSequential(alpha=0.025)}
    for cutoff in (AtCalendarTime(time=2.0), AfterLastPatient(follow_up=0.1)):
        (found,) = looks_out_of_reach(waiting(**looks, cutoff=cutoff))
        assert (found.look, found.asked) == (1, 149)
        assert "by the last look" in str(found)


def test_events_of_one_arm_and_of_all_conditions_count_and_those_of_any_do_not() -> None:
    own = AtEventsOf(events=90, arm=1)
    both = WhenAll(conditions=(own, AfterPatients(patients=20)))
    (alone,) = looks_out_of_reach(waiting(cutoff=own))
    assert looks_out_of_reach(waiting(cutoff=both)) == (alone,)
    assert alone.clock.endswith(", cells)")
    everybody = looks_out_of_reach(waiting(dropout=Dropout(), cutoff=AtEvents(events=199)))
    assert alone.expected < everybody[0].expected / 2
    either = WhenAny(conditions=(own, AfterPatients(patients=20)))
    assert looks_out_of_reach(waiting(cutoff=either)) == ()


def test_what_is_to_be_expected_or_not_known_gets_no_warning() -> None:
    assert looks_out_of_reach(waiting(cutoff=AtEvents(events=50))) == ()
    known_late = TimeToEvent(name="survival", events=("death",), visits=(0.5, 1.0))
    assert looks_out_of_reach(waiting(primary=known_late, visits=(0.5, 1.0))) == ()
    assert looks_out_of_reach(waiting(dropout=Dropout(per_year=0.2, by_arm={"cells": 2}))) == ()
    frailty = GammaFrailty(variance=0.5, on=(("alive", "death"),))
    assert looks_out_of_reach(waiting(population=Population(frailties=(frailty,)))) == ()


def test_stages_have_the_events_of_their_own_patients_alone() -> None:
    rule = SelectArms(keep=1, first_events=60)
    early = {"interims": (AfterPatients(patients=120),), "dropout": Dropout(per_year=2.0)}
    first, second = looks_out_of_reach(events_selection(rule, **early))
    # exponential: 0.8 of 2.8 have the event before they leave
    assert first.expected == pytest.approx(120 * 0.8 / 2.8, rel=1e-3)
    assert second.expected == pytest.approx(120 * 0.8 / 2.8, rel=1e-3)
    assert (first.clock, second.clock) == ("events of stage 1", "events of stage 2")
    assert "at most" in str(second)
    (both,) = looks_out_of_reach(events_selection(rule, dropout=Dropout(per_year=2.0)))
    assert both.clock == "events of both stages"


def test_the_lines_of_several_designs_say_which_one() -> None:
    short, enough = waiting(), waiting(cutoff=AtEvents(events=50))
    (line,) = warnings_of(scenario(short, replace(enough, n_patients=300)))
    assert line.startswith("sample_size = 200: look 1 waits for 150")
    assert warnings_of(scenario(short)) == [str(looks_out_of_reach(short)[0])]


EARLY = {
    "follow_up": math.inf,
    "dropout": Dropout(),
    "cutoff": AtEvents(events=100),
    "stopping": GroupSequential(alpha=0.025),
}
LATE = AfterPatients(patients=100, follow_up=3.0)


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (LATE, "100 patients followed for 3 years"),
        (AtCalendarTime(time=4.0), "month 48"),
        (AfterLastPatient(follow_up=2.0), "the last patient followed for 2 years"),
        (WhenAll(conditions=(LATE, AtEvents(events=10))), "3 years and 10 events (survival)"),
        (WhenAny(conditions=(LATE, AtCalendarTime(time=5.0))), "3 years or month 60"),
        (Limited(clock=LATE, latest=3.5), "3 years (at most until month 42)"),
        (AtEventsOf(events=75, arm=0), "75 events (survival, control)"),
    ],
)
def test_an_interim_look_that_comes_after_the_last_is_warned_of(look: Cutoff, words: str) -> None:
    (found,) = looks_too_late(waiting(**EARLY, interims=(look,)))
    assert f"{words}, to be expected in month" in str(found)
    assert found.time > found.last_time
    early = waiting(**{**EARLY, "cutoff": AtEvents(events=199)}, interims=(look,))
    assert looks_too_late(early) == ()


def test_the_expected_time_of_a_number_of_events_is_what_simulation_finds() -> None:
    trial = waiting(
        **{**EARLY, "follow_up": 1.5, "dropout": Dropout(per_year=0.2)}, interims=(LATE,)
    )
    (found,) = looks_too_late(trial)
    alone = replace(trial, interims=(), stopping=None)
    mean, mcse = mean_end(alone)
    assert_within_mcse(found.last_time, mean, mcse=mcse)
    twice = replace(trial, interims=(LATE,), cutoff=AtEvents(events=50))
    with pytest.raises(AssertionError, match="standard errors"):
        assert_within_mcse(looks_too_late(twice)[0].last_time, mean, mcse=mcse)


def mean_end(trial: Trial) -> tuple[float, float]:
    """Return the mean date of the events, of replicates where they come, with its error."""
    found = simulate({"": trial}, replace(BLOCK, n_replicates=1000))[""]
    there = found["duration"][found["missed_cutoff"] == 0]
    return float(there.mean()), float(there.std() / math.sqrt(there.size))


SCREENING = Screening(
    activity=Activity(sledai_mean=7.0, sledai_sd=3.0, correlation=0.4),
    eligible=(Minimums(sledai=9),),
    tests=3,
    every=0.2,
)


@pytest.mark.parametrize(
    "enrollment",
    [
        PoissonEnrollment(sites=10, per_site_per_year=12.0, ramp_up=1.0),
        PiecewiseEnrollment(breaks=(0.5, 1.0), rates_per_year=(60.0, 0.0, 150.0)),
        UniformEnrollment(duration=2.0, arrivals=EvenArrivals()),
    ],
)
@pytest.mark.parametrize("screening", [None, SCREENING, replace(SCREENING, tests=1)])
@pytest.mark.parametrize("cutoff", [AtEvents(events=120), AfterLastPatient(follow_up=0.5)])
def test_the_expected_end_of_a_trial_is_what_simulation_finds_however_patients_come(
    enrollment: Enrollment, screening: Screening | None, cutoff: Cutoff
) -> None:
    trial = waiting(
        enrollment=enrollment,
        population=Population(screening=screening),
        follow_up=5.0,
        cutoff=cutoff,
    )
    mean, mcse = mean_end(trial)
    drawn = 0.002 * mean  # enrollment is drawn for the expectation too
    late = AfterPatients(patients=100, follow_up=4.5)
    looks = {"interims": (late,), "stopping": GroupSequential(alpha=0.025)}
    (found,) = looks_too_late(replace(trial, **looks))
    assert_within_mcse(found.last_time, mean, mcse=math.hypot(mcse, drawn))


def test_a_look_that_picks_too_late_who_is_enrolled_further_is_told() -> None:
    rule = SelectArms(keep=1, weights=(0.5, 0.5))
    late = AfterPatients(patients=200, follow_up=AT)
    fast = PoissonEnrollment(sites=10, per_site_per_year=400.0)
    trial = selection_trial(rule, 0.3, 0.3, 0.5, interims=(late,), enrollment=fast)
    (found,) = nobody_left(trial)
    assert found.share == 1.0
    assert found.last_enrolled == pytest.approx(0.1, rel=0.01)
    assert found.time == pytest.approx(0.05 + AT, rel=0.01)
    assert str(found) in warnings_of(scenario(trial))
    # 100 a year: the 200 who are still to come need two years, the look waits for less
    slow = replace(trial, enrollment=replace(fast, per_site_per_year=10.0))
    assert nobody_left(slow) == ()
    by_events = events_selection(SelectArms(keep=1, first_events=30), 1.0, 0.5)
    assert nobody_left(by_events) == ()
    soon = replace(by_events, enrollment=UniformEnrollment(duration=0.1))
    assert nobody_left(soon)[0].share == 1.0
    assert nobody_left(waiting()) == ()


def test_a_look_that_picks_before_anybody_is_due_is_told() -> None:
    rule = SelectArms(keep=1, weights=(0.5, 0.5))
    fast = PoissonEnrollment(sites=10, per_site_per_year=400.0)
    looks = [AfterPatients(patients=50, follow_up=share * AT) for share in (0.5, 1.0)]
    early, due = (
        selection_trial(rule, 0.3, 0.3, 0.5, interims=(look,), enrollment=fast) for look in looks
    )
    (line,) = looks_before_anybody_is_due(early)
    assert line.startswith("look 1 is to be expected in month ")
    assert "when nobody has been followed for the " in line
    assert list(looks_before_anybody_is_due(due)) == []


def test_formulas_know_the_rate_at_which_candidates_are_eligible() -> None:
    at_a_rate = PiecewiseEnrollment(breaks=(0.5,), rates_per_year=(100.0, 400.0))
    once = Population(screening=replace(SCREENING, tests=1))
    share = 1 - NormalDist(7.0, 3.0).cdf(8.5)
    breaks, rates = accrual_of(waiting(enrollment=at_a_rate, population=once))
    assert rates == pytest.approx((100 * share, 400 * share))
    assert breaks[-1] == pytest.approx(0.5 + (200 / share - 50) / 400, abs=1 / 400)
    assert accrual_of(waiting(population=once)) == ((0.0, 2.0), (100.0,))
    assert accrual_of(waiting()) == waiting().enrollment.accrual(waiting().n_patients)
    assert accrual_of(waiting(population=Population(screening=SCREENING))) is None
    ramp = PoissonEnrollment(sites=1, per_site_per_year=9.0, ramp_up=1.0)
    assert accrual_of(waiting(enrollment=ramp, population=once)) is None


def test_a_look_that_is_out_of_reach_is_told_once() -> None:
    soon = Limited(clock=AtEvents(events=100), latest=0.05)
    trial = waiting(**{**EARLY, "cutoff": soon}, interims=(AtEvents(events=50),))
    assert [found.look for found in looks_too_late(trial)] == [1]
    assert [line[:6] for line in warnings_of(scenario(trial))] == ["look 1", "look 2"]


def test_times_that_are_not_known_are_not_warned_of() -> None:
    never = waiting(**{**EARLY, "dropout": Dropout(per_year=5.0)}, interims=(LATE,))
    assert looks_too_late(never) == ()
    unlike = Dropout(per_year=0.2, by_arm={"cells": 2})
    assert looks_too_late(waiting(**{**EARLY, "dropout": unlike}, interims=(LATE,))) == ()
    gap = Limited(clock=AtEvents(events=100), gap=1.0)
    assert looks_too_late(waiting(**{**EARLY, "cutoff": gap}, interims=(LATE,))) == ()


def test_the_row_of_a_look_that_is_never_reached_names_its_own_clock() -> None:
    trial = waiting(**EARLY, interims=(LATE,))
    (row,) = (name for name, _ in look_rows(run(scenario(trial), 20).points[0]) if "never" in name)
    assert row == (
        "look 1, never reached before the last look (waits for 100 patients followed for 3 years)"
    )
