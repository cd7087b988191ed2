"""The tables of one trial agree with each other, whichever engine made them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from lupusim.endpoints import MarkerResponder, Responder
from lupusim.simulation.patient_level.tables import simulate_trial
from lupusim.trial import AfterLastPatient, AtCalendarTime, AtEvents
from lupusim.trial.observation import IntercurrentEvent, Marker, Strategy, VisitConduct
from tolerance import SEED
from trials import analysis, disease_trial, exponential_arm, scenario, survival_trial

CASES = {
    "full": {},
    "early": {"cutoff": AtCalendarTime(time=0.8)},
    "last": {"cutoff": AfterLastPatient(follow_up=0.3)},
    "events": {"cutoff": AtEvents(events=10), "follow_up": math.inf},
}


@pytest.fixture(
    scope="module", params=[(e, c) for e in ("events", "vector") for c in CASES], ids=str
)
def case(request):
    engine, name = request.param
    trial = disease_trial(**CASES[name])
    return trial, simulate_trial(scenario(trial), engine=engine, seed=5)


def test_nobody_is_seen_after_the_end_of_observation(case):
    _, one = case
    until = one.patients.set_index("patient")["seen_until"]
    begin = one.patients.set_index("patient")["enrollment_time"]
    for table in (one.visits, one.events, one.supply):
        patient = table["patient"].to_numpy()
        study, calendar = table["study_time"].to_numpy(), table["calendar_time"].to_numpy()
        assert set(patient) <= set(until.index)
        assert np.all(study <= until.loc[patient].to_numpy() + 1e-8)
        assert np.all(study >= 0)
        np.testing.assert_allclose(calendar, begin.loc[patient].to_numpy() + study)
        assert np.all(calendar <= one.calendar_cutoff + 1e-8)
        assert table.equals(table.sort_values(["patient", "study_time"], ignore_index=True))


def test_visits_find_the_state_that_the_events_lead_to(case):
    trial, one = case
    start = "active"
    for row in one.visits.itertuples():
        mine = one.events[one.events["patient"] == row.patient]
        past = mine[mine["study_time"] <= row.study_time]
        assert row.state == (past["to_state"].iloc[-1] if len(past) else start)
        assert row.state != "death"
        assert row.study_time in trial.visits


def test_every_visit_that_was_due_took_place_unless_the_patient_was_dead_or_gone(case):
    trial, one = case
    death = one.events[one.events["to_state"] == "death"].set_index("patient")["study_time"]
    expected = {
        (row.patient, visit)
        for row in one.patients.itertuples()
        for visit in trial.visits
        if visit <= row.seen_until + 1e-9 and visit < death.get(row.patient, math.inf)
    }
    found = set(zip(one.visits["patient"], one.visits["study_time"], strict=True))
    assert found == expected


def test_survival_is_that_of_the_event_table(case):
    _, one = case
    death = one.events[one.events["to_state"] == "death"].set_index("patient")["study_time"]
    table = one.endpoints["death"].set_index("patient")
    for row in one.patients.itertuples():
        dead = row.patient in death.index
        assert bool(table.loc[row.patient, "event"]) == dead
        expected = death[row.patient] if dead else row.seen_until
        assert table.loc[row.patient, "time"] == pytest.approx(expected, abs=1e-8)
        assert (row.left == "death") == dead
    assert set(table.index[table["in_analysis"]]) == set(one.patients["patient"])


def test_relapse_counts_from_the_first_remission_of_the_event_table(case):
    _, one = case
    table = one.endpoints["relapse"].set_index("patient")
    events = one.events
    for patient in one.patients["patient"]:
        mine = events[events["patient"] == patient]
        remissions = mine[mine["to_state"] == "remission"]["study_time"]
        assert bool(table.loc[patient, "in_analysis"]) == (len(remissions) > 0)
        if len(remissions):
            origin = remissions.iloc[0]
            after = mine[
                (mine["study_time"] > origin) & mine["to_state"].isin(["relapse", "death"])
            ]
            assert bool(table.loc[patient, "event"]) == (len(after) > 0)
            if len(after):
                years = after["study_time"].iloc[0] - origin
                assert table.loc[patient, "time"] == pytest.approx(years, abs=1e-8)


def test_response_is_that_of_the_visit_table(case):
    _, one = case
    table = one.endpoints["remission"].set_index("patient")
    last = one.visits[one.visits["study_time"] == 1.0].set_index("patient")["state"]
    for patient, row in table.iterrows():
        if row["in_analysis"]:
            assert bool(row["response"]) == (last.get(patient) == "remission")


def test_cells_go_by_weight_to_the_living_of_the_arm_with_cells(case):
    trial, one = case
    weight = one.patients.set_index("patient")["weight_kg"]
    arm = one.patients.set_index("patient")["arm"]
    patient = one.supply["patient"].to_numpy()
    assert set(arm.loc[patient]) <= {"cells"}
    np.testing.assert_allclose(one.supply["cells"], weight.loc[patient] * 1e6, atol=0.06e6)
    death = one.events[one.events["to_state"] == "death"].set_index("patient")["study_time"]
    for row in one.supply.itertuples():
        assert row.study_time < death.get(row.patient, math.inf)
        assert row.study_time in trial.arms[1].infusions.at
    first = one.supply[one.supply["study_time"] == 0]
    assert set(first["patient"]) == set(arm.index[arm == "cells"])


def test_the_reason_why_observation_ended_fits_its_time(case):
    trial, one = case
    for row in one.patients.itertuples():
        cutoff = one.calendar_cutoff - row.enrollment_time
        if row.left == "data cutoff":
            assert row.seen_until == pytest.approx(cutoff, abs=1e-8)
        elif row.left == "end of follow-up":
            assert row.seen_until == pytest.approx(trial.follow_up, abs=1e-8)
        elif row.left == "dropout":
            assert row.seen_until < min(cutoff - 1e-8, trial.follow_up)
        else:
            assert row.left == "death"
            last = one.events[one.events["patient"] == row.patient].iloc[-1]
            assert last["to_state"] == "death"
            assert row.seen_until == pytest.approx(last["study_time"], abs=1e-8)


def test_the_last_patient_s_visit_at_the_cutoff_takes_place():
    trial = disease_trial(arms=disease_trial().arms, n_patients=7)
    for seed in range(20):
        one = simulate_trial(scenario(trial), engine="vector", seed=seed)
        last = one.patients.iloc[-1]
        if last["left"] in ("end of follow-up", "data cutoff"):
            mine = one.visits[one.visits["patient"] == last["patient"]]
            assert mine["study_time"].max() == 1.0


def test_the_same_seed_gives_the_same_trial():
    asked = scenario(disease_trial())
    for engine in ("events", "vector"):
        one, again, other = (simulate_trial(asked, engine=engine, seed=s) for s in (1, 1, 2))
        assert one.events.equals(again.events)
        assert not one.events.equals(other.events)
    assert simulate_trial(asked).patients.equals(simulate_trial(asked, seed=asked.seed).patients)


@pytest.mark.parametrize(
    ("values", "message"), [({"engine": "vectr"}, "vector"), ({"seed": -1}, "seed=-1")]
)
def test_what_cannot_be_simulated_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        simulate_trial(scenario(survival_trial()), **values)


def test_a_trial_without_visits_cells_or_events_has_empty_tables():
    calm = exponential_arm("control", 1e-12)
    trial = survival_trial(arms=(calm,), analysis=None, n_patients=4)
    one = simulate_trial(scenario(trial))
    assert one.visits.empty
    assert one.events.empty
    assert one.supply.empty
    assert len(one.patients) == 4


def test_tables_are_written_and_read_again(tmp_path, case):
    _, one = case
    paths = one.to_csv(tmp_path / "deep" / "folder")
    assert sorted(p.name for p in paths) == sorted(
        p.name for p in (tmp_path / "deep/folder").glob("*.csv")
    )
    assert len(pd.read_csv(tmp_path / "deep/folder/patients.csv")) == len(one.patients)
    assert len(pd.read_csv(tmp_path / "deep/folder/endpoint_death.csv")) == len(one.patients)


def test_adam_tables_hold_a_record_for_each_analyzed_patient(tmp_path, case):
    _, one = case
    adsl, adtte = (pd.read_csv(path) for path in one.to_adam(tmp_path))
    assert adsl["USUBJID"].is_unique
    assert len(adsl) == len(one.patients)
    assert set(adtte["USUBJID"]) <= set(adsl["USUBJID"])
    for name in ("death", "relapse"):
        table = one.endpoints[name]
        analyzed = table[table["in_analysis"]]
        written = adtte[adtte["PARAM"] == name]
        assert len(written) == len(analyzed)
        assert (written["CNSR"] == 0).sum() == analyzed["event"].sum()
        np.testing.assert_allclose(written["AVAL"], analyzed["time"] * 365.2425, atol=0.006)
    arms = adsl.set_index("USUBJID")["TRT01P"]
    assert (arms.loc[adtte["USUBJID"]].to_numpy() == adtte["TRT01P"].to_numpy()).all()


def test_the_tables_show_visits_rescue_and_marker_as_the_endpoints_saw_them():
    strategy = Strategy.COMPOSITE
    marker = Marker(
        name="SLEDAI",
        mean={"active": 11.5, "remission": 3.2, "relapse": 11.5},
        sd={"active": 3.7, "remission": 2.8, "relapse": 3.7},
        correlation=0.5,
    )
    rescue = IntercurrentEvent(name="rescue", hazard_per_year={"active": 0.6}, strategy=strategy)
    primary = Responder(name="response", states=("remission",), at=1.0)
    trial = disease_trial(
        n_patients=60,
        primary=primary,
        secondary=(MarkerResponder(name="fall", at=1.0, fall=4.0),),
        analysis=analysis("pooled_z"),
        visit_conduct=VisitConduct(window=0.05, missed=0.2, misread={"active": {"relapse": 0.3}}),
        intercurrent_events=(rescue,),
        marker=marker,
    )
    found = simulate_trial(scenario(trial), seed=SEED)
    last = found.visits[found.visits["study_time"] > 0.9].set_index("patient")
    struck = found.patients.set_index("patient")["rescue_time"]
    response = found.endpoints["response"].set_index("patient")["response"]
    for patient in struck.index:
        came = patient in last.index
        seen = came and last.loc[patient, "state"] == "remission"
        free = not (came and struck[patient] <= last.loc[patient, "study_time"])
        assert response[patient] == (seen and free)
    assert struck.notna().any()
    assert response.any()
    assert found.visits["study_time"].nunique() > len(trial.visits)
    assert found.visits["marker"].notna().all()
    assert set(found.endpoints["fall"].columns) >= {"response", "in_analysis"}
