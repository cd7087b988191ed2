"""Clocks of looks: events of one arm or endpoint, gaps, latest dates, extensions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from lupusim.common.ranges import SHARE, check_ranges
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.planning.runs.run import run
from lupusim.scenario import scenario_from_mapping
from lupusim.scenario.analysis.looks import _WAYS
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    AtCalendarTime,
    AtEvents,
    WhenAll,
    WhenAny,
)
from lupusim.trial.checks.looks import look_problems
from lupusim.trial.looks import TIMINGS, AtEventsOf, Entries, Limited, LookTiming, counts_in
from lupusim.trial.looks.events import nth_smallest
from scenario_contents import content, problems, trial
from tolerance import SEED
from trials import analysis, survival_trial

ENROLLED = np.array([[0.0, 1.0, 2.0], [0.5, 0.6, 0.7]])
EVENTS = np.array([[3.0, np.inf, 2.5], [np.inf, np.inf, 0.9]])


def events_of(endpoint, arm):
    return EVENTS + endpoint + (0 if arm is None else 10 * arm)


@pytest.mark.parametrize(
    ("cutoff", "expected"),
    [
        (AtEventsOf(events=1, endpoint=1), [3.5, 1.9]),
        (AtEventsOf(events=2, arm=2), [23.0, math.inf]),
        (AtEventsOf(events=4, arm=2), [math.inf, math.inf]),
        (Limited(clock=AtEvents(events=2), latest=2.0), [2.0, 2.0]),
        (Limited(clock=AtEvents(events=2), latest=2.0, extension=1.5), [3.0, 3.5]),
        (Limited(clock=AtEvents(events=2), gap=1.0), [3.0, math.inf]),
        (WhenAny(conditions=(AtEventsOf(events=1, arm=0), AtCalendarTime(time=1.0))), [1.0, 0.9]),
        (Limited(clock=WhenAll(conditions=(AtEvents(events=1),)), latest=1.0), [1.0, 0.9]),
    ],
)
def test_a_look_is_held_when_its_clock_comes_but_no_later_than_allowed(cutoff, expected):
    found = cutoff.calendar_time(Entries(enrolled=ENROLLED, event_time=EVENTS, events_of=events_of))
    np.testing.assert_allclose(found, expected)


def test_events_that_nobody_looks_up_are_refused():
    with pytest.raises(ValueError, match="events_of is missing"):
        AtEventsOf(events=1, arm=0).calendar_time(Entries(enrolled=ENROLLED, event_time=EVENTS))


@pytest.mark.parametrize(
    "limits",
    [{"gap": -1.0}, {"gap": math.inf}, {"latest": 0.0}, {"extension": 1.0}, {"extension": -1.0}],
)
def test_limits_that_cannot_be_are_refused(limits):
    with pytest.raises(ValueError, match=r"gap|latest|extension"):
        Limited(clock=AtEvents(events=1), **limits)


def test_what_a_cutoff_waits_for_can_be_asked():
    limited = Limited(clock=AtEvents(events=9), gap=0.5)
    assert limited.gap == 0.5
    assert limited.clock.gap == 0.0
    assert limited.primary_events == limited.clock.primary_events == 9
    assert AtEventsOf(events=9, arm=1).primary_events is None
    assert list(WhenAll(conditions=(limited,)).parts())[1:] == [limited, limited.clock]
    assert limited.ends_by_itself
    assert Limited(clock=AfterPatients(patients=3), latest=2.0).ends_by_itself
    assert not Limited(clock=AfterPatients(patients=3), gap=2.0).ends_by_itself


def test_the_first_of_several_conditions_bounds_a_look_and_the_last_one_does_not():
    never, early, late = (
        AfterPatients(patients=3),
        AtCalendarTime(time=1.0),
        AtCalendarTime(time=2.0),
    )
    either, both = WhenAny(conditions=(never, early)), WhenAll(conditions=(never, early))
    assert (either.end, both.end) == (1.0, math.inf)
    assert (either.ends_by_itself, both.ends_by_itself) == (True, False)
    dates = (late, early)
    assert (WhenAny(conditions=dates).end, WhenAll(conditions=dates).end) == (1.0, 2.0)
    assert WhenAll(conditions=dates).ends_by_itself


def test_what_can_never_happen_is_known():
    assert AtEventsOf(events=60).never(60) is None
    assert "60 patients never have 61" in AtEventsOf(events=61).never(60)
    assert "20 patients of that arm" in AtEventsOf(events=21, arm=0).never(60, (1, 2))
    assert AtEventsOf(events=40, arm=1).never(60, (1, 2)) is None
    late = Limited(clock=AtEvents(events=61))
    assert "60 patients" in late.never(60)
    assert replace(late, latest=3.0).never(60) is None


def faults(*looks, **changes):
    trial = survival_trial(**changes)
    draft = {"interims": looks[:-1], "cutoff": looks[-1]}
    with pytest.raises(ValueError, match="looks") as caught:
        replace(trial, **draft)
    return str(caught.value)


SOME = AtEvents(events=20)


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ((AtEventsOf(events=9, arm=1), AtEvents(events=9)), "after the one before"),
        ((AtEventsOf(events=9, arm=1), AtEventsOf(events=8, arm=1)), "after the one before"),
        ((Limited(clock=SOME, latest=2.0), AtCalendarTime(time=2.0)), "after the one before"),
        ((Limited(clock=AtCalendarTime(time=1.0), latest=2.0),), "has a date already"),
        (
            (AtCalendarTime(time=2.0), Limited(clock=SOME, latest=2.5, gap=1.0)),
            "before the gap after the look before is over",
        ),
        ((AtEventsOf(events=3, endpoint=1),), "'response' is no time to an event"),
    ],
)
def test_looks_that_contradict_each_other_are_refused(looks, words):
    secondary = (
        Responder(name="response", states=("alive",), at=1.0),
        TimeToEvent(name="death", events=("death",)),
    )
    assert words in faults(*looks, secondary=secondary, visits=(1.0,))


@pytest.mark.parametrize(
    "looks",
    [
        (AtEventsOf(events=9, arm=0), AtEventsOf(events=8, arm=1)),
        (AtEvents(events=9), AtCalendarTime(time=0.5)),
        (AtCalendarTime(time=2.0), Limited(clock=SOME, latest=2.5, gap=0.2)),
        (Limited(clock=SOME, latest=2.0), Limited(clock=AtEvents(events=30), latest=2.0, gap=0.5)),
    ],
)
def test_looks_whose_order_is_not_certain_are_allowed(looks):
    trial = survival_trial()
    problems = look_problems(_Draft(trial, looks))
    assert [p.fault for p in problems if "bounds" not in p.fault] == []


@pytest.mark.parametrize(
    ("cutoff", "fails"),
    [
        (AtCalendarTime(time=0.9), True),
        (Limited(clock=AfterPatients(patients=60, follow_up=1.0), latest=0.9), True),
        (AtCalendarTime(time=1.0), False),
        (AfterPatients(patients=60, follow_up=1.0), False),
    ],
)
def test_a_last_look_by_whose_date_nobody_has_the_outcome_is_refused(cutoff, fails):
    response = Responder(name="response", states=("alive",), at=1.0)
    trial = survival_trial(primary=response, visits=(1.0,), analysis=analysis("pooled_z"))
    if fails:
        with pytest.raises(ValueError, match="nobody has 'response' by then"):
            replace(trial, cutoff=cutoff)
        described = replace(
            trial, primary=TimeToEvent(name="s", events=("death",)), analysis=analysis()
        )
        assert replace(described, secondary=(response,), cutoff=cutoff).cutoff == cutoff
    else:
        assert replace(trial, cutoff=cutoff).cutoff == cutoff


class _Draft:
    """A trial with other looks, not checked yet."""

    def __init__(self, trial, looks):
        self.arms, self.ratio = trial.arms, trial.ratio
        self.primary, self.secondary = trial.primary, ()
        self.n_patients, self.interims, self.cutoff = trial.n_patients, looks[:-1], looks[-1]
        self.stopping, self.analysis, self.adaptation = None, trial.analysis, None
        self.family = None
        self.rule = trial.rule


class _OnceAllCame(LookTiming):
    """A kind of one's own: as soon as the last patient is randomized."""

    def calendar_time(self, entries):
        return entries.enrolled.max(axis=1)

    def words(self, trial):
        return f"all {trial.n_patients} patients of {trial.arms[0].name} and the rest"


def test_a_timing_of_ones_own_answers_what_every_other_does():
    own = _OnceAllCame()
    trial = survival_trial(cutoff=WhenAll(conditions=(own, AtEvents(events=5))))
    assert trial.cutoff.words(trial).startswith("all 60 patients of control and the rest and 5 ev")
    entries = Entries(enrolled=ENROLLED, event_time=EVENTS)
    np.testing.assert_array_equal(own.calendar_time(entries), [2.0, 0.7])
    assert (own.gap, own.end, own.date, own.after_last_patient) == (0.0, math.inf, None, None)
    assert own.scaled(2.0) is own
    assert own.never(60) is own.patients_known(1.0, 60) is None
    assert (own.ends_by_itself, own.needs_first_only()) == (False, False)
    assert not own.may_decide_enrollment
    assert list(counts_in(trial.cutoff)) == [(5, 0, None)]
    assert list(trial.cutoff.necessary()) == [own, AtEvents(events=5)]


def test_each_key_of_a_look_has_its_kind():
    assert set(TIMINGS) == set(_WAYS) - {"information"}  # which stands for patients or events


EVERY_KIND = (
    AtCalendarTime(time=2.0),
    AfterLastPatient(follow_up=0.5),
    AfterPatients(patients=2, follow_up=0.25),
    AfterPatients(patients=2),
    AtEvents(events=2),
    AtEventsOf(events=2, arm=1),
    WhenAll(conditions=(AtEvents(events=2), AfterPatients(patients=2))),
    WhenAny(conditions=(AtEvents(events=2), AtCalendarTime(time=2.0))),
    Limited(clock=AtEvents(events=2), latest=2.0, extension=0.5),
)
WORDS = (
    "month 24",
    "the last patient followed for 6 months",
    "2 patients followed for 3 months",
    "2 patients",
    "2 events (survival)",
    "2 events (survival, cells)",
    "2 events (survival) and 2 patients",
    "2 events (survival) or month 24",
    "2 events (survival) (at most until month 30)",
)


class _Expected:
    """Clocks of enrollment come at 1 year, each event after one more."""

    def time_of(self, _timing):
        return 1.0

    def time_of_events(self, count):
        return 1.0 + count.events


def test_every_kind_says_in_words_what_it_waits_for():
    trial = survival_trial()
    assert tuple(kind.words(trial) for kind in EVERY_KIND) == WORDS


def test_every_kind_is_to_be_expected_at_its_own_time():
    found = [kind.expected_time(_Expected()) for kind in EVERY_KIND]
    assert found == [1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 1.0, 2.5]


def test_every_kind_grows_with_the_trial():
    grown = [kind.scaled(2.5).words(survival_trial()) for kind in EVERY_KIND]
    doubled = [
        words.replace("2 patients", "5 patients").replace("2 events", "5 events") for words in WORDS
    ]
    assert grown == doubled


def test_every_kind_knows_whether_patients_who_come_later_matter():
    assert [kind.needs_first_only() for kind in EVERY_KIND] == [True] * 5 + [
        False,
        True,
        True,
        False,
    ]
    known = [kind.patients_known(0.25, 2) for kind in EVERY_KIND]
    assert known == [None, 2, 2, None, None, None, None, None, None]
    assert AfterPatients(patients=2, follow_up=0.5).patients_known(0.25, 2) == 2
    assert AfterPatients(patients=2, follow_up=0.5).patients_known(0.25, 9) is None
    never = WhenAny(conditions=(AtEvents(events=9), AfterPatients(patients=9)))
    assert never.never(5) == "5 patients never have 9 events"
    assert WhenAny(conditions=(AtEvents(events=9), AtEvents(events=3))).never(5) is None
    assert "never 9" in WhenAll(conditions=(AtEvents(events=3), AfterPatients(patients=9))).never(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterShare(LookTiming):
    """Cut when a share of the patients has been randomized: a clock of a user's own."""

    enrolled: float = field(metadata=SHARE)

    def __post_init__(self) -> None:
        check_ranges(self)

    def calendar_time(self, entries):
        number = max(1, math.ceil(self.enrolled * entries.enrolled.shape[1]))
        return entries.enrolled[:, number - 1]

    def words(self, trial):
        del trial
        return f"{100 * self.enrolled:g} % of the patients enrolled"


def test_a_clock_of_ones_own_is_read_by_its_fields_and_looks(monkeypatch):
    list(TIMINGS)  # what other packages offer is loaded before
    monkeypatch.setitem(TIMINGS._found, "enrolled", AfterShare)
    looks = [
        {"when": {"enrolled": 0.5}, "efficacy": {"spending": "obrien_fleming"}},
        {"when": {"last_patient": "52 weeks"}},
    ]
    scenario = scenario_from_mapping(content(looks=looks))
    made = scenario.points[0].trial
    assert made.interims == (AfterShare(enrolled=0.5),)
    assert made.interims[0].calendar_time(Entries(enrolled=ENROLLED)).tolist() == [1.0, 0.6]
    (point,) = run(scenario, 20, seed=SEED).points
    halfway = point.tally.mean("look_1_time").value
    assert 0 < halfway < point.tally.mean("look_2_time").value
    limited = [{"when": {"enrolled": 0.5, "latest": "1 year"}}, looks[1]]
    assert "looks.0.when.enrolled" in problems(looks=[{"when": {"enrolled": 1.5}}, looks[1]])
    assert trial(looks=[limited[0] | {"efficacy": looks[0]["efficacy"]}, looks[1]]).interims[
        0
    ].latest_dates[0] == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["apart", "alike", "never", "far"])
def test_the_dates_of_some_events_are_those_of_all_in_order(kind):
    rng = np.random.default_rng(3)
    drawn = rng.exponential(1.0, (30, 50))
    values = {
        "apart": drawn,
        "alike": 1.0 + rng.integers(0, 20, drawn.shape) * 2.0**-50,
        "never": np.where(drawn > 1, np.inf, drawn),
        "far": drawn * 1e300,
    }[kind]
    for numbers in ((1,), (25,), (50,), (3, 20, 50)):
        in_order = np.sort(values, axis=1)[:, np.array(numbers) - 1]
        np.testing.assert_array_equal(nth_smallest(values, numbers).T, in_order)
