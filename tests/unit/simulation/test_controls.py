"""Control variates: what each patient adds, and the steps of the sum, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from scipy.special import expit

from lupusim.analysis.survival.logrank_looks import Exits
from lupusim.simulation.controls import CutDate, Score, Table, TimesToCut

WIDTH = 0.5  # years; cells 0, (0, 0.5], (0.5, 1] and (1, 1.5]
TABLE = Table(width=WIDTH, adds=np.arange(16.0).reshape(2, 2, 4) ** 2, mean=np.eye(2, 4) + 0.25)


def seen(exits):
    """Return what a sum asks of a block: when patients leave, and their arms."""
    return SimpleNamespace(
        exits=lambda _, **_words: exits, generated=SimpleNamespace(arm=exits.arm)
    )


def test_a_patient_adds_what_the_table_has_of_arm_event_and_cell():
    exits = Exits(
        time=np.array([[0.2, 0.7, 1.2, 0.3]]),
        event=np.array([[True, True, False, True]]),
        arm=np.array([[0, 1, 1, 0]], dtype=np.int8),
        enrollment_time=np.array([[0.0, 0.4, 0.1, 1.9]]),
    )
    sums = TimesToCut(
        endpoint=0, cut=CutDate(date=1.6, first=4, mean=0.6, bounds=(0, 9)), table=TABLE
    )
    # cut at 1.6: there for 1.6 (the table's end), 1.2, 1.5 and not yet; all seen in time
    adds, mean = TABLE.adds, TABLE.mean
    expected = adds[0, 1, 1] - mean[0, 3] + adds[1, 1, 2] - mean[1, 3] + adds[1, 0, 3] - mean[1, 3]
    expected += adds[0, 0, 0] - mean[0, 0]
    np.testing.assert_allclose(sums.sums(seen(exits)), [expected])


def test_what_comes_after_the_cut_is_not_seen():
    exits = Exits(
        time=np.array([[0.9, 0.9]]),
        event=np.array([[True, True]]),
        arm=np.array([[0, 1]], dtype=np.int8),
        enrollment_time=np.array([[0.0, 0.0]]),
    )
    sums = TimesToCut(
        endpoint=0, cut=CutDate(date=0.8, first=2, mean=0.0, bounds=(0, 9)), table=TABLE
    )
    expected = (TABLE.adds[:, 0, 2] - TABLE.mean[:, 2]).sum()
    np.testing.assert_allclose(sums.sums(seen(exits)), [expected])


def test_steps_are_smooth_on_their_scale():
    score = Score(
        sum=None,
        thresholds=np.array([1.0, 3.0]),
        scale=2.0,
        means=np.array([[0.3, 0.5], [0.5, 0.7]]),
    )
    sums = np.array([-1.0, 2.0, 9.0])
    expected = expit((score.thresholds - sums[:, None]) / 2) - [0.4, 0.6]
    np.testing.assert_allclose(score.steps(sums), expected)
