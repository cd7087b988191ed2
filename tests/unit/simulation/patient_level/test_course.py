"""One trial shows what its rules did: the same as the replicate of a run that it is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from lupusim.analysis.group_sequential import FutilityBounds
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Graphical, sequential_graph
from lupusim.analysis.registry import TESTS
from lupusim.simulation.adaptation import (
    BayesianResponse,
    BlindedSize,
    ByThresholds,
    Enrichment,
    Gate,
    GateMeasure,
    PromisingZone,
    SelectArms,
    Shares,
)
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.patient_level.tables import SimulatedTrial, simulate_trial
from lupusim.trial import AfterPatients, AtEvents, Dropout, Trial
from lupusim.trial.multiplicity import Family, Hypothesis
from trials import exponential_arm, scenario, survival_trial
from trials_adaptive import AT, adaptive_trial
from trials_staged import enrichment_trial, events_selection, gate_trial, selection_trial

EARLY = Hypothesis(endpoint="early", name="pooled_z", test=TESTS["pooled_z"], effect="d")
BOUNDS = GroupSequential(alpha=0.025)
GIVING_UP = GroupSequential(alpha=0.025, futility=FutilityBounds(z=(0.5,)))
SELECTION = SelectArms(at_least=0.0, reallocate=True)
ENRICHMENT = Enrichment(
    factor="marker", level="high", choice=ByThresholds(everybody=0.2, subgroup=-0.5)
)
ADAPTIVE = BayesianResponse(success=0.95, drop=0.2, shares=Shares(power=1.0))
TRIALS: dict[str, Trial] = {
    "fixed": survival_trial(),
    "sequential": survival_trial(
        n_patients=200, interims=(AtEvents(events=60),), cutoff=AtEvents(events=150),
        follow_up=np.inf, stopping=BOUNDS,
    ),
    "selection": selection_trial(SELECTION, 0.45, 0.3),
    "events": events_selection(SelectArms(keep=1, first_events=60), 0.5, 1.0),
    "enrichment": enrichment_trial(ENRICHMENT),
    "gate": gate_trial(Gate(early=EARLY, measure=GateMeasure.Z, at_least=0.5)),
    "blinded": gate_trial(None, 0.45, adaptation=BlindedSize(planned=150, difference=0.15)),
    "zone": gate_trial(None, 0.4, adaptation=PromisingZone(planned=150), stopping=BOUNDS),
    "family": selection_trial(
        None, 0.6, 0.3,
        family=Family(procedure=Graphical.of(sequential_graph("bonferroni", 2, None))),
        stopping=GIVING_UP,
        interims=(AfterPatients(patients=200, follow_up=AT),),
    ),
    "adaptive": adaptive_trial(ADAPTIVE, 0.5, 0.3),
    "unproven": adaptive_trial(BayesianResponse(success=1.1), 0.3, n_looks=3),
}  # fmt: skip
SEEDS = range(1, 7)


def held(name: str, seed: int, engine: str = "vector") -> SimulatedTrial:
    return simulate_trial(scenario(TRIALS[name]), engine=engine, seed=seed)


@pytest.mark.parametrize("name", TRIALS)
def test_a_trial_of_a_seed_is_the_first_replicate_of_a_run(name: str) -> None:
    for seed in SEEDS:
        one = held(name, seed)
        block = Block(seed=seed, number=0, n_replicates=1)
        found = {k: v[0] for k, v in simulate({"": TRIALS[name]}, block)[""].items()}
        assert one.calendar_cutoff == pytest.approx(found["duration"])
        assert len(one.patients) == found["n_enrolled"]
        *before, last = one.decisions["decision"]
        claims = last.startswith(("succeeds", "stops for efficacy"))
        assert claims == (found["reject"] > 0)
        assert all(words.startswith("goes on") for words in before)
        assert not last.startswith("goes on")
        assert one.decisions["calendar_time"].iloc[-1] == pytest.approx(found["duration"])
        sizes = one.patients["arm"].value_counts()
        for arm, n in sizes.items():
            assert found.get(f"patients_{arm}", n) == n


def words_of(name: str) -> list[list[str]]:
    return [list(held(name, seed).decisions["decision"]) for seed in SEEDS]


def test_the_looks_say_which_arms_are_dropped_and_which_are_proven() -> None:
    said = [words for trial in words_of("selection") for words in trial]
    assert any("dropped dose 2" in words for words in said)
    assert any(words.startswith("goes on: with dose 1") for words in said)
    assert any(words.startswith("succeeds: proven dose 1") for words in said)
    late = held("events", 1)
    dropped = late.decisions["decision"].iloc[0].partition("dropped ")[2]
    decided = late.decisions["calendar_time"].iloc[0]
    times = late.patients.groupby("arm")["enrollment_time"].max()
    assert times[dropped] <= decided < late.calendar_cutoff


def test_the_looks_say_who_is_enrolled_further_and_why_a_trial_stops() -> None:
    chosen = {trial[0] for trial in words_of("enrichment")}
    assert {"goes on: high alone", "goes on: everybody"} <= chosen
    assert "stops for futility: the gate (early)" in {t[0] for t in words_of("gate")}
    assert any(t[0].startswith("goes on: size ") for t in words_of("zone"))
    assert any(t[0].startswith("goes on: size ") for t in words_of("blinded"))
    family = [words for trial in words_of("family") for words in trial]
    assert any("rejected dose 1" in words for words in family)
    assert any("given up dose 2" in words for words in family)
    adaptive = [words for trial in words_of("adaptive") for words in trial]
    assert any("dropped dose 2" in words for words in adaptive)
    assert any("succeeds: proven dose 1" in words for words in adaptive)
    assert words_of("unproven") == [["goes on", "goes on", "fails"]] * len(SEEDS)


def test_each_hypothesis_is_told_once_at_the_look_that_closed_it() -> None:
    early = 0
    for seed in SEEDS:
        words = list(held("family", seed).decisions["decision"])
        assert sorted(re.findall(r"dose \d", " ".join(words))) == ["dose 1", "dose 2"]
        shown = " ".join(re.findall(r"rejected ([^;]*)", "; ".join(words)))
        block = Block(seed=seed, number=0, n_replicates=1)
        found = simulate({"": TRIALS["family"]}, block)[""]
        for name in ("dose 1", "dose 2"):
            assert (name in shown) == (found[f"reject_{name}"][0] > 0)
        early += len(words) == 2 and "dose" in words[0]
    assert early


def test_any_engine_follows_the_patients_of_a_rule() -> None:
    for name in ("selection", "adaptive"):
        one = held(name, 2, engine="events")
        assert set(one.events["patient"]) <= set(one.patients["patient"])
        assert set(one.endpoints["response"]["patient"]) == set(one.patients["patient"])
        assert (one.events["calendar_time"] <= one.calendar_cutoff + 1e-9).all()


def test_a_trial_that_never_ends_is_shown_to_the_last_day_and_one_without_a_test_decides_nothing(
    tmp_path: Any,
) -> None:
    calm = (exponential_arm("control", 1e-9), exponential_arm("cells", 1e-9))
    endless = survival_trial(arms=calm, cutoff=AtEvents(events=20), follow_up=np.inf)
    one = simulate_trial(scenario(endless), engine="vector")
    assert 100 < one.calendar_cutoff < 101.1
    alone = survival_trial(arms=calm[:1], analysis=None, dropout=Dropout(per_year=0.1))
    only = simulate_trial(scenario(alone), engine="vector")
    assert list(only.decisions["decision"]) == ["ends"]
    assert (tmp_path / "decisions.csv") in only.to_csv(tmp_path)
