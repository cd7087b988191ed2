"""Digitized Kaplan-Meier plots become events per interval of their table of numbers at risk.

Data: `lung` of R's survival 3.5-3 (Therneau), as in tests/reference/test_guyot_round_trip.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lupusim.calibration.targets.curves import curve_target
from lupusim.calibration.targets.reconstruction import DigitizedCurve
from lupusim.calibration.targets.times import SurvivalCurve
from lupusim.errors import EvidenceError
from lupusim.scenario.files.evidence import study_from_mapping

LUNG = Path(__file__).parents[3] / "reference" / "curves" / "lung.csv"
EDGES = np.array([0.0, 200.0, 400.0, 600.0, 800.0])


def lung_women() -> tuple[np.ndarray, np.ndarray]:
    time, event, arm = np.loadtxt(LUNG, delimiter=",", skiprows=1, unpack=True)
    return time[arm == 1], event[arm == 1] == 1


def kaplan_meier(times: np.ndarray) -> np.ndarray:
    time, event = lung_women()
    steps = np.unique(time[event])
    factors = [1 - ((time == t) & event).sum() / (time >= t).sum() for t in steps]
    curve = np.concatenate([[1.0], np.cumprod(factors)])
    return np.asarray(curve[np.searchsorted(steps, times, side="right")])


def digitized() -> DigitizedCurve:
    """The published plot, read at every step and at the times of its table."""
    time, event = lung_women()
    times = np.unique(np.concatenate([time[event], EDGES[1:], [time.max()]]))
    return DigitizedCurve(
        times=times,
        survival=kaplan_meier(times),
        risk_times=EDGES,
        numbers_at_risk=np.array([(time >= t).sum() for t in EDGES]),
    )


def test_events_of_each_interval_come_back_from_a_published_curve() -> None:
    time, event = lung_women()
    target = curve_target(digitized(), ("death",))
    ends = np.array(target.times)
    np.testing.assert_array_equal(ends, [200, 400, 600, 800, time.max()])
    np.testing.assert_allclose(target.survival, kaplan_meier(ends), atol=0.02)
    found = target.observed[::2]
    true = [
        ((time > a) & (time <= b) & event).sum() for a, b in zip([0, *ends], ends, strict=False)
    ]
    # Guyot et al. (2012) promise no exact counts; one patient either way is our requirement.
    assert np.abs(found - true).max() <= 1 + 1e-9
    at_risk = np.array([(time >= t).sum() for t in EDGES])
    assert (np.array(target.at_risk) <= at_risk + 1e-9).all()
    assert (np.array(target.at_risk) >= at_risk - [(time < b).sum() for b in ends]).all()


def test_the_published_number_of_events_is_used() -> None:
    _, event = lung_women()
    target = curve_target(digitized(), ("death",), total_events=int(event.sum()))
    assert target.observed[::2].sum() == pytest.approx(event.sum(), abs=1)


def test_without_censoring_the_counts_are_those_of_the_cohort() -> None:
    curve = DigitizedCurve(
        times=np.array([1.0, 2.0, 3.0]),
        survival=np.array([0.9, 0.6, 0.5]),
        risk_times=np.array([0.0, 2.5]),
        numbers_at_risk=np.array([20, 12]),
    )
    target = curve_target(curve, ("death",))
    np.testing.assert_allclose(target.observed, [8, 12, 2, 10])
    assert target.at_risk == pytest.approx((20, 12))


def study(**changes: Any) -> dict[str, Any]:
    target = {
        "name": "survival",
        "kind": "curve",
        "at": ["6 months", "1 year", "2 years"],
        "survival": [0.9, 0.8, 0.7],
        "risk_at": ["0 months", "1 year"],
        "at_risk": [50, 38],
        "how_known": "read",
        "quote": "figure 2",
    }
    return {
        "schema": "lupusim/evidence/1",
        "name": "a curve",
        "citation": "none",
        "n_patients": 50,
        "targets": [target | changes],
    }


def test_an_evidence_file_may_give_points_of_a_plot_and_its_numbers_at_risk() -> None:
    measure = study_from_mapping(study()).targets[0].measure
    assert isinstance(measure, SurvivalCurve)
    assert measure.times == (1.0, 2.0)
    np.testing.assert_allclose(measure.survival, [0.8, 0.7], atol=0.02)
    assert measure.observed[0] == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"at_risk": [38, 50]}, "must not rise"),
        ({"risk_at": ["1 year", "2 years"]}, "must start at 0"),
        ({"survival": [0.9, 0.8]}, "2 survival probabilities"),
        ({"total_events": 60}, "between 0 and 50"),
    ],
)
def test_a_plot_that_cannot_be_is_refused_with_its_place(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(EvidenceError, match=words):
        study_from_mapping(study(**changes))
