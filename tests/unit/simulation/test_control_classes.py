"""Classes of patients of a comparison, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from lupusim.simulation.control_classes import ClassedShares, Classes, Stages

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
