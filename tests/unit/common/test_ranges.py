"""Ranges of fields: what they hold and say, the same for an object and for a file."""

from __future__ import annotations

import math
from dataclasses import field

import pytest

from lupusim.common.frozen import dataclass
from lupusim.common.ranges import COUNT, DURATION, INSIDE, SHARE, Range, check_ranges, within
from lupusim.scenario.document.section import Duration, Integer, ListOf, Number, Text
from lupusim.scenario.sections.by_field import declared
from lupusim.trial import BiasedCoin, PoissonEnrollment
from scenario_contents import problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    share: float = field(default=0.5, metadata=SHARE)
    inside: float | None = field(default=None, metadata=INSIDE)
    count: int = field(default=1, metadata=COUNT)
    wait: float = field(default=0.0, metadata=DURATION)
    life: float = field(default=math.inf, metadata=within(duration=True, above=0, finite=False))
    states: tuple[str, ...] = ()
    free: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Range(), "be finite"),
        (Range(at_least=0), "be 0 or above"),
        (Range(at_least=2), "be at least 2"),
        (Range(above=0), "be above 0"),
        (Range(at_least=0, below=1), "be 0 or above, below 1"),
        (Range(above=0, at_most=5), "be above 0, at most 5"),
        (Range(at_least=0, at_most=1), "lie from 0 to 1"),
        (Range(above=0, below=1), "lie between 0 and 1"),
    ],
)
def test_a_range_says_itself(limits, words):
    assert limits.words == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"share": 1.5}, "share=1.5 must lie from 0 to 1"),
        ({"share": math.nan}, "share=nan must"),
        ({"inside": 0.0}, "inside=0.0 must lie between 0 and 1"),
        ({"count": 0}, "count=0 must be at least 1"),
        ({"wait": math.inf}, "wait=inf must be 0 or above"),
        ({"life": 0.0}, "life=0.0 must be above 0"),
    ],
)
def test_what_lies_outside_is_refused_by_its_name(values, words):
    with pytest.raises(ValueError, match=words):
        Probe(**values)


def test_ends_and_infinity_belong_to_a_range_as_it_says():
    Probe(share=0.0, inside=0.5, wait=0.0, life=math.inf, free=-math.inf)
    Probe(share=1.0, count=1)


def test_a_file_reads_a_field_in_the_range_it_declares():
    assert declared(Probe, "share") == Number(at_least=0, at_most=1)
    assert declared(Probe, "inside") == Number(above=0, below=1)
    assert declared(Probe, "count") == Integer(at_least=1)
    assert declared(Probe, "wait") == Duration()
    assert declared(Probe, "life") == Duration(above=0)
    assert declared(Probe, "states") == ListOf(Text())


def test_the_same_number_is_refused_from_python_and_from_a_file():
    with pytest.raises(ValueError, match=r"probability=1\.2 must lie from 0 to 1"):
        BiasedCoin(probability=1.2)
    asked = problems(allocation={"method": "biased_coin", "probability": 1.2})
    assert "0 or above, at most 1" in asked["allocation.probability"]
    with pytest.raises(ValueError, match="sites=0 must be at least 1"):
        PoissonEnrollment(sites=0, per_site_per_year=1.0)
    enrollment = {"sites": 0, "per_site_per_month": 1}
    assert "1 or above" in problems(enrollment=enrollment)["enrollment.sites"]
