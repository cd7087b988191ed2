"""Classes of patients of a comparison, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from lupusim.analysis.outcomes import NumberOutcome
from lupusim.simulation.control_classes import Cells, CellSum, ClassedShares, Classes, Stages
from lupusim.simulation.controls import Whole
from lupusim.simulation.generation.generation import Block, generate
from tolerance import SEED
from trials_of_wins import RANKS, win_trial

WHO = SimpleNamespace(
    arm=np.array([[0, 2, 1, 0, 2, 2, 0, 2, 0, 2]]),
    enrollment_time=np.arange(10.0)[None],
    open_arms=np.array([[0b011, 0b111, 0b111, 0b111, 0b111, 0b111, 0b111, 0b111, 0b111, 0b101]]),
    levels={"sex": np.array([[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]])},
)


def test_a_class_is_the_arm_and_the_levels_of_those_who_could_have_come_to_it():
    classes = Classes(arm=2, concurrent=True, factors={"sex": 2})
    # the first control came before the arm was open, and another arm is not compared
    expected = [-1, 3, -1, 1, 2, 3, 0, 3, 0, 3]
    assert classes.of(WHO, WHO.arm).tolist() == [expected]
    everybody = Classes(arm=2, concurrent=False, factors={})
    assert everybody.of(WHO, WHO.arm).tolist() == [[0, 1, -1, 0, 1, 1, 0, 1, 0, 1]]
    assert (classes.number, everybody.number) == (4, 2)


def test_stages_are_those_who_came_by_the_look_and_the_next_of_each_arm():
    # the look is when the second patient has been followed for 2: at 3, with four patients
    stages = Stages(patients=2, follow_up=2.0, planned=8, shares=(0.25, 0.5))
    classes = Classes(arm=2, concurrent=False, factors={}, stages=stages)
    # of four places left the control has one, and the arm two
    expected = [0, 1, -1, 0, 3, 3, 2, -1, -1, -1]
    assert classes.of(WHO, WHO.arm).tolist() == [expected]
    assert classes.number == 4


def test_a_patient_adds_what_the_class_has_with_and_without_a_response():
    response = np.array([[True, False] * 5])
    outcome = SimpleNamespace(columns=lambda: (response, WHO.arm))
    whole = SimpleNamespace(generated=WHO, outcome=lambda _: outcome)
    adds = np.array([[1.0, 10.0], [100.0, 1000.0]])
    shares = ClassedShares(
        endpoint=0, classes=Classes(arm=2, concurrent=False, factors={}), adds=adds
    )
    # controls: with, without, with, with; on the arm: without, with, and three without
    assert shares.sums(whole).tolist() == [3 * 10 + 1 + 1000 + 4 * 100]


def numbers(*values: float, included: tuple[bool, ...] | None = None) -> NumberOutcome:
    there = np.ones(len(values), dtype=bool) if included is None else np.array(included)
    return NumberOutcome(
        values=np.array([values]),
        included=there[None],
        arm=np.zeros((1, len(values)), dtype=np.int8),
        baseline=np.array([values]),
    )


def test_few_values_have_a_cell_each_and_who_is_left_out_has_the_last() -> None:
    cells = Cells.of_some(numbers(0.0, 1.0, 3.0), 10)
    assert cells.number == 3
    seen = numbers(3.0, 0.0, 1.0, 1.0, included=(True, True, True, False))
    assert cells.of(seen).tolist() == [[2, 0, 1, 3]]


def test_many_values_are_cut_by_quantiles_and_what_was_not_seen_is_in_the_next_cell() -> None:
    some = numbers(*np.arange(100.0))
    cells = Cells.of_some(some, 4)
    assert cells.number == 4
    assert np.bincount(cells.of(some)[0]).tolist() == [25, 25, 25, 25]
    gap = Cells(edges={"value": np.array([1.0, 2.0, 3.0])}, codes=np.array([0, 2]))
    assert gap.of(numbers(0.0, 1.5, 2.5, 9.0)).tolist() == [[0, 1, 1, 1]]


def test_a_sum_adds_what_the_cells_of_the_first_patients_add() -> None:
    trial = win_trial("wilcoxon", primary=RANKS, n_patients=20)
    generated = generate(trial, Block(seed=SEED, number=0, n_replicates=5))
    whole = Whole(generated)
    cells = Cells.of_some(whole.outcome(0), 10)
    adds = np.random.default_rng(SEED).normal(size=(2, cells.number + 1))
    one = CellSum(endpoint=0, first=12, cells=cells, adds=adds)
    rank = whole.outcome(0).values.astype(int)
    expected = [
        sum(adds[generated.arm[row, k], rank[row, k]] for k in range(12)) for row in range(5)
    ]
    np.testing.assert_allclose(one.sums(whole), expected)
    on_new = one.added(whole, np.ones((1, 1), dtype=np.int8))
    np.testing.assert_allclose(on_new, adds[1][rank[:, :12]])
