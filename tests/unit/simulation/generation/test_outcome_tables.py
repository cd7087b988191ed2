"""What outcomes tell of each patient, and the corners of their measurement."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.numerics.win_levels import larger_is_better
from lupusim.analysis.outcomes import CountOutcome, HierarchicalOutcome, NumberOutcome
from lupusim.endpoints import TimeInStates
from lupusim.endpoints.setting import Setting
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.generation.patients import Patients
from lupusim.trial import Population
from lupusim.trial.observation import VisitConduct
from scenario_contents import trial
from tolerance import SEED

ARM = np.array([[0, 1, 1]], dtype=np.int8)
EVERYBODY = np.ones((1, 3), dtype=bool)
VALUES = np.array([[1.0, 2.0, 3.0]])


def test_a_number_is_told_with_its_baseline_where_there_is_one() -> None:
    outcome = NumberOutcome(values=VALUES, included=EVERYBODY, arm=ARM)
    assert set(outcome.table()) == {"value", "in_analysis"}
    started = NumberOutcome(values=VALUES, included=EVERYBODY, arm=ARM, baseline=VALUES)
    assert set(started.table()) == {"baseline", "value", "in_analysis"}


def test_who_was_never_at_risk_is_not_in_the_analysis_of_a_count() -> None:
    years = np.array([[0.0, 1.0, 1.0]])
    table = CountOutcome(count=VALUES, years=years, arm=ARM).table()
    assert table["in_analysis"].tolist() == [[False, True, True]]


def test_a_hierarchy_tells_the_bounds_of_each_level_and_holds_no_other() -> None:
    levels = [larger_is_better(VALUES), larger_is_better(-VALUES)]
    outcome = HierarchicalOutcome(levels=levels, included=EVERYBODY, arm=ARM)
    assert outcome.information.tolist() == [3.0]
    table = outcome.table()
    assert table["level_2_low"].tolist() == (-VALUES).tolist()
    assert {"level_1_high", "in_analysis"} <= set(table)


def test_a_hierarchy_shows_the_pairs_that_each_level_decides_for_each_arm() -> None:
    first = np.array([[2.0, 2.0, 1.0, 3.0, 2.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    second = larger_is_better(np.array([1.0, 1.0, 0.0, 0.0, 2.0, 1.0]))
    arm = np.array([[0, 0, 1, 1, 2, 2], [1, 1, 2, 2, 2, 2]], dtype=np.int8)
    outcome = HierarchicalOutcome(
        levels=[larger_is_better(first), second], included=np.ones((2, 6), dtype=bool), arm=arm
    )
    assert outcome.shown(0) == {}
    one, other = outcome.shown(1), outcome.shown(2)
    assert [one[f"level_1_{kind}"][0] for kind in ("wins", "losses", "ties")] == [0.5, 0.5, 0]
    assert [other[f"level_1_{kind}"][0] for kind in ("wins", "losses", "ties")] == [0, 0, 1]
    assert [other[f"level_2_{kind}"][0] for kind in ("wins", "losses", "ties")] == [0.5, 0, 0.5]
    assert [other[kind][0] for kind in ("wins", "losses", "ties")] == [0.5, 0, 0.5]
    assert all(np.isnan(shares[1]) for shares in one.values())  # no control to be paired with
    assert outcome.wins(2) is outcome.wins(2)


def test_where_visits_are_perfect_only_the_one_asked_for_is_watched() -> None:
    assert Setting(states=("a", "b"), shape=(1, 3)).visits_until(0.5) == [0.5]


def test_time_in_states_is_complete_when_its_time_is_over() -> None:
    assert TimeInStates(name="well", states=("healthy",), until=0.75).due_time == 0.75


def test_a_state_misread_as_itself_is_read_rightly() -> None:
    conduct = VisitConduct(misread={"a": {"a": 0.7, "b": 0.3}})
    assert conduct.confusion(("a", "b")).tolist() == [[0.7, 0.3], [0.0, 1.0]]


def test_a_covariate_that_nobody_has_a_number_for_changes_nothing() -> None:
    model = trial().arms[0].model
    aged = type(model)(
        name=model.name,
        states=model.states,
        transitions=model.transitions,
        covariates={"age": {("healthy", "ill"): 0.5}},
    )
    assert Patients(population=Population())._log_ratios(aged, np.arange(3), "cells") == []


def test_rescue_after_the_origin_counts_as_an_event_where_it_is_composite() -> None:
    def events(strategy: str) -> float:
        rescue = {"hazard_per_year": {"ill": 2.0}, "strategy": strategy}
        design = trial(
            endpoints={
                "primary": {"kind": "time_to_event", "events": ["death"], "origin": ["ill"]}
            },
            intercurrent_events={"rescue": rescue},
        )
        tally = simulate_block(design, Block(seed=SEED, number=0, n_replicates=200))
        return tally.mean("events_placebo").value

    assert events("composite") > 2 * events("treatment_policy")
