"""Enrollment as a scenario file writes it, and a kind that another package adds."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.trial import EvenArrivals, PoissonEnrollment, RandomArrivals
from lupusim.trial.enrollment import ENROLLMENTS, ArrivalPattern
from lupusim.trial.enrollment.arrival_pattern import RANDOM
from lupusim.trial.enrollment.base import AtARate
from scenario_contents import problems, trial
from tolerance import SEED

SITES = {"sites": 2, "per_site_per_month": 3}


def test_arrivals_are_at_random_unless_the_file_says_evenly():
    assert trial(enrollment=SITES).enrollment.arrivals == RandomArrivals()
    even = trial(enrollment={**SITES, "arrivals": "even"}).enrollment
    assert even == PoissonEnrollment(sites=2, per_site_per_year=36.0, arrivals=EvenArrivals())
    assert even.times(1, 6, rng=stream(SEED))[0, -1] == pytest.approx(1 / 12)
    found = problems(enrollment={**SITES, "arrivals": "evn"})
    assert "Did you mean 'even'?" in found["enrollment.arrivals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WordOfMouth(AtARate):
    """A rate that doubles in a given time: another package's kind."""

    first_per_year: float
    doubles_in: float = field(metadata={"duration": True})
    clinics: int = 1
    boosts: tuple[float, ...] = ()
    screened_per_patient: float = 1.0
    arrivals: ArrivalPattern = RANDOM

    @property
    def _growth(self):
        return np.log(2) / self.doubles_in

    def expected(self, time):
        return self.clinics * self.first_per_year * np.expm1(self._growth * time) / self._growth

    def time_when(self, expected):
        rate = self.clinics * self.first_per_year
        return np.log1p(self._growth * expected / rate) / self._growth


@pytest.fixture
def word_of_mouth(monkeypatch):
    monkeypatch.setitem(ENROLLMENTS._found, "word_of_mouth", WordOfMouth)


@pytest.mark.usefixtures("word_of_mouth")
def test_a_kind_of_another_package_is_read_field_by_field():
    written = {"kind": "word_of_mouth", "first_per_year": 20, "doubles_in": "6 months"}
    found = trial(enrollment={**written, "arrivals": "even", "clinics": 2}).enrollment
    assert found == WordOfMouth(
        first_per_year=20.0, doubles_in=0.5, clinics=2, arrivals=EvenArrivals()
    )
    times = found.times(1, 50, rng=stream(SEED))[0]
    assert found.expected(times) == pytest.approx(np.arange(1, 51))


@pytest.mark.usefixtures("word_of_mouth")
def test_what_is_wrong_with_it_is_told_with_its_key():
    written = {"kind": "word_of_mouth", "doubles_in": 3, "clinics": 1.5, "boosts": ["x"]}
    found = problems(enrollment=written)
    assert "missing" in found["enrollment.first_per_year"]
    assert "enrollment.doubles_in" in found
    assert "whole number" in found["enrollment.clinics"]
    assert "enrollment.boosts.0" in found


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("unifrom", {"duration": "12 months"}),
        ("Piecewise", {"breaks": ["1 year"], "per_month": [3, 4]}),
        ("posson", SITES),
        ("regoins", {"regions": [SITES]}),
    ],
)
def test_the_keys_of_a_misspelled_kind_are_those_of_what_was_meant(kind, keys):
    found = problems(enrollment={"kind": kind, **keys})
    assert list(found) == ["enrollment.kind"]
    assert "Did you mean" in found["enrollment.kind"]
