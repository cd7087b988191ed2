"""The statistic of a trial that chose its size, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from lupusim.simulation.adaptation import PromisingZone
from lupusim.simulation.adaptation.sample_size import Resizes
from lupusim.simulation.looks.look_statistics import LookStatistics

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
