"""Reconstruction of patients from a curve: exact small cases, noise, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lupusim.calibration.targets.reconstruction import DigitizedCurve, monotone, reconstruct
from lupusim.common.rng import stream
from tolerance import SEED


def make_curve(**changes: object) -> DigitizedCurve:
    arguments = {
        "times": [0.0, 1.0, 2.0, 3.0],
        "survival": [1.0, 0.9, 0.8, 0.7],
        "risk_times": [0.0, 2.5],
        "numbers_at_risk": [10, 6],
    } | changes
    return DigitizedCurve(**{name: np.array(value) for name, value in arguments.items()})


def test_an_uncensored_curve_comes_back_exactly() -> None:
    patients = reconstruct(
        make_curve(
            times=[1.0, 2.0, 3.0, 4.0],
            survival=[0.75, 0.5, 0.25, 0.0],
            risk_times=[0.0, 2.5],
            numbers_at_risk=[4, 2],
        )
    )
    assert patients.times.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert patients.events.all()


def test_the_number_censored_makes_the_next_number_at_risk_come_out() -> None:
    patients = reconstruct(make_curve())
    # 10 at risk, events at 1 and 2, so 2 of the 4 who are gone by 2.5 were censored.
    assert int((patients.times >= 2.5).sum()) == 6
    assert int((patients.events & (patients.times < 2.5)).sum()) == 2
    assert patients.times.size == 10


def test_all_who_are_left_are_censored_at_the_end() -> None:
    patients = reconstruct(make_curve(risk_times=[0.0], numbers_at_risk=[10]))
    assert patients.times[~patients.events].tolist() == [3.0] * 7


def test_censoring_goes_on_after_the_last_number_at_risk() -> None:
    curve = make_curve(
        times=[0.0, 10.0], survival=[1.0, 1.0], risk_times=[0.0, 5.0], numbers_at_risk=[20, 15]
    )
    patients = reconstruct(curve)
    assert int((patients.times >= 5).sum()) == 15
    assert int((patients.times == 10).sum()) == 10


@pytest.mark.parametrize("total_events", [0, 3, 5, 8])
def test_a_published_number_of_events_is_met_as_far_as_the_curve_allows(total_events: int) -> None:
    curve = make_curve(
        times=np.arange(0, 11),
        survival=1 - 0.06 * np.arange(0, 11),
        risk_times=[0.0],
        numbers_at_risk=[20],
    )
    patients = reconstruct(curve, total_events=total_events)
    assert int(patients.events.sum()) == total_events
    assert patients.times.size == 20


def test_more_events_than_the_curve_shows_are_not_invented() -> None:
    patients = reconstruct(make_curve(risk_times=[0.0], numbers_at_risk=[10]), total_events=9)
    assert int(patients.events.sum()) == 3


def test_numbers_at_risk_win_over_a_curve_that_falls_too_far() -> None:
    curve = make_curve(
        times=[1.0, 2.0, 6.0],
        survival=[0.5, 0.2, 0.1],
        risk_times=[0.0, 5.0],
        numbers_at_risk=[10, 9],
    )
    patients = reconstruct(curve)
    assert int((patients.times < 5).sum()) == 1
    assert patients.times.size == 10


def test_a_curve_that_reaches_zero_early_ends_there() -> None:
    curve = make_curve(
        times=[1.0, 2.0], survival=[0.0, 0.0], risk_times=[0.0, 1.5], numbers_at_risk=[3, 0]
    )
    patients = reconstruct(curve)
    assert patients.times.tolist() == [1.0] * 3
    assert patients.events.all()


def test_a_table_that_goes_on_after_the_curve_keeps_its_patients() -> None:
    curve = make_curve(
        times=[0.0, 1.0],
        survival=[1.0, 0.9],
        risk_times=[0.0, 2.0, 4.0],
        numbers_at_risk=[10, 8, 3],
    )
    patients = reconstruct(curve)
    assert [int((patients.times >= t).sum()) for t in (2.0, 4.0)] == [8, 3]
    assert int(patients.events.sum()) == 1


def test_reading_errors_do_not_pull_the_curve_down_for_good() -> None:
    times, survival = monotone(
        np.array([2.0, 0.0, 1.0, 1.0, 3.0]), np.array([0.72, 1.0, 0.9, 0.7, 0.6])
    )
    assert times.tolist() == [0.0, 1.0, 2.0, 3.0]
    np.testing.assert_allclose(survival, [1.0, 0.71, 0.71, 0.6])


def test_noise_of_half_a_percent_moves_the_curve_by_about_as_much() -> None:
    rng = stream(SEED, "noise")
    times = np.linspace(0, 5, 60)
    truth = np.exp(-0.3 * times)
    noisy = np.clip(truth + rng.normal(0, 0.005, 60), 0, 1)
    risk_times = np.arange(5.0)
    at_risk = np.floor(500 * np.exp(-0.4 * risk_times)).astype(int)
    patients = reconstruct(
        make_curve(times=times, survival=noisy, risk_times=risk_times, numbers_at_risk=at_risk)
    )
    assert [int((patients.times >= t).sum()) for t in risk_times] == at_risk.tolist()
    survival, worst = 1.0, 0.0
    for time in times:
        n_at_risk = int((patients.times >= time).sum())
        survival *= 1 - int((patients.events & (patients.times == time)).sum()) / n_at_risk
        worst = max(worst, abs(survival - np.exp(-0.3 * time)))
    assert worst < 0.02


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"times": [0.0, 1.0]}, "one of each"),
        ({"times": [], "survival": []}, "at least one point"),
        ({"times": [-1.0, 1.0, 2.0, 3.0]}, "finite and 0 or above"),
        ({"survival": [100.0, 90.0, 80.0, 70.0]}, "divide percentages by 100"),
        ({"numbers_at_risk": [10.5, 6.0]}, "whole numbers"),
        ({"numbers_at_risk": [0, 0]}, "the first above 0"),
        ({"numbers_at_risk": [10, 12]}, "must not rise"),
        ({"numbers_at_risk": [10, -1]}, "negative"),
        ({"numbers_at_risk": [10]}, "2 risk_times for 1"),
        ({"risk_times": [1.0, 2.0]}, "start at 0"),
        ({"risk_times": [0.0, 0.0]}, "start at 0 and rise"),
    ],
)
def test_a_curve_that_cannot_be_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_curve(**changes)


@pytest.mark.parametrize("total_events", [-1, 11])
def test_an_impossible_number_of_events_is_refused(total_events: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 10"):
        reconstruct(make_curve(), total_events=total_events)


@st.composite
def curves(draw: st.DrawFn) -> DigitizedCurve:
    """Any curve, however contradictory, with any table that falls."""
    points = draw(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 1)), min_size=1, max_size=12))
    numbers = draw(st.lists(st.integers(0, 40), min_size=1, max_size=5))
    times, survival = zip(*points, strict=True)
    return make_curve(
        times=times,
        survival=survival,
        risk_times=2.0 * np.arange(len(numbers)),
        numbers_at_risk=sorted([*numbers[:-1], numbers[-1] + 1], reverse=True),
    )


@settings(max_examples=80, deadline=None, derandomize=True)
@given(curve=curves(), share=st.none() | st.floats(0, 1))
def test_every_number_at_risk_is_met_whatever_the_curve(
    curve: DigitizedCurve, share: float | None
) -> None:
    n_patients = int(curve.numbers_at_risk[0])
    total = None if share is None else round(share * n_patients)
    patients = reconstruct(curve, total_events=total)
    assert patients.times.size == n_patients
    at_risk = [int((patients.times >= time).sum()) for time in curve.risk_times]
    assert at_risk == curve.numbers_at_risk.tolist()
    assert (np.diff(patients.times) >= 0).all()
    assert patients.times[-1] <= max(curve.times.max(), curve.risk_times[-1])
