"""The statistic of a trial that chose its size, by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.simulation.adaptation import PromisingZone, resizing
from lupusim.simulation.adaptation.sample_size import Resizes
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.look_statistics import LookStatistics
from lupusim.trial import AfterPatients, AtEvents
from tolerance import SEED
from trials import analysis, survival_trial
from trials_adaptive import AT
from trials_staged import gate_trial

ZONE = PromisingZone(planned=100)


def evidence(z, information):
    """What looks show of one trial with these statistics and information."""
    z, information = np.array([z], dtype=float), np.array([information], dtype=float)
    fields = {name: np.zeros_like(z) for name in LookStatistics.__dataclass_fields__}
    return LookStatistics(**{**fields, "z": z, "information": information})


@pytest.mark.parametrize("unit", [1.0, 0.003, 400.0])
def test_stages_weigh_as_planned_whatever_the_unit_of_the_information(unit):
    first, last, known, final = 1.2, 2.0, 40.0, 130.0
    seen = evidence([first, 0.0], [known * unit, 100 * unit])
    end = evidence([last], [final * unit])
    got = ZONE.last_z(seen, end, np.array([[0.4, 1.0]]))
    score = last * np.sqrt(final) - first * np.sqrt(known)  # of stage 2: its own variance
    by_hand = np.sqrt(0.4) * first + np.sqrt(0.6) * score / np.sqrt(final - known)
    assert got == pytest.approx([by_hand])


@pytest.mark.parametrize("known", [0.0, 130.0, 140.0])
def test_a_look_that_knew_nothing_or_no_less_leaves_all_patients_alike(known):
    seen, end = evidence([1.2, 0.0], [known, 100.0]), evidence([2.0], [130.0])
    assert ZONE.last_z(seen, end, np.array([[0.4, 1.0]])) == pytest.approx([2.0])


def test_a_plan_grows_with_the_trial():
    assert ZONE.scaled(1.5) == replace(ZONE, planned=150)
    assert isinstance(ZONE, Resizes)


def test_times_to_events_may_wait_for_more_events_where_increments_are_independent():
    values = {
        "n_patients": 200,
        "interims": (AtEvents(events=60),),
        "cutoff": AtEvents(events=150),
        "follow_up": np.inf,
        "adaptation": PromisingZone(planned=100),
        "stopping": GroupSequential(alpha=0.025),
    }
    assert survival_trial(**values).adaptation.planned == 100
    with pytest.raises(ValueError, match="is not independent of"):
        survival_trial(**values, analysis=analysis("max_combo"))


@pytest.mark.parametrize(
    ("unit", "due", "by_time"),
    [("patients", 0.5, False), ("events", None, False), ("", 0.5, True), ("", None, True)],
)
def test_a_size_is_counted_by_the_test_or_by_who_is_complete(unit, due, by_time):
    came = np.array([[0.0, 0.3, 0.9, 1.4]])
    test = SimpleNamespace(information_unit=unit)
    trial = SimpleNamespace(
        analysis=SimpleNamespace(test=test), primary=SimpleNamespace(due_time=due)
    )
    seen = SimpleNamespace(cutoff=np.array([[0.8, 1.5]]), information=np.array([[7.0, 9.0]]))
    generated = SimpleNamespace(enrollment_time=came)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(resizing, "events_by_calendar", lambda _: lambda *_: came + 0.5)
        found = resizing._counted(trial, generated, seen)
    assert found.tolist() == ([[2.0, 3.0]] if by_time else [[7.0, 9.0]])


def test_a_size_that_cannot_be_raised_leaves_a_trial_of_three_looks_as_planned():
    looks = tuple(AfterPatients(patients=n, follow_up=AT) for n in (100, 180))
    planned = gate_trial(None, 0.45, interims=looks, stopping=GroupSequential(alpha=0.025))
    zone = replace(planned, adaptation=PromisingZone(planned=planned.n_patients))
    block = Block(seed=SEED, number=0, n_replicates=60)
    found = simulate({"zone": zone, "planned": planned}, block)
    for name in ("reject", "n_enrolled", "look_1_efficacy", "look_2_efficacy", "look_3_efficacy"):
        np.testing.assert_array_equal(found["zone"][name], found["planned"][name])
    assert 0 < found["zone"]["look_3_efficacy"].sum() < found["zone"]["reject"].sum()
