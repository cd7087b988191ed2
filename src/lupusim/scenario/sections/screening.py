"""The screening of a scenario file: what tests find, and who is let in."""

from __future__ import annotations

from collections.abc import Callable

from lupusim.scenario.document.section import Duration, Integer, Number, Section
from lupusim.trial import Activity, Minimums, Screening
from lupusim.trial.population.screening import ACTIVE_LUPUS, SCORES

_SHARE = Number(at_least=0, at_most=1)


def read_screening(population: Section) -> Screening | None:
    """Return how candidates are let in; None where the file says nothing."""
    if not population.has("screening"):
        return None
    section = population.section("screening")
    tests = section.read("tests", Integer(at_least=1, at_most=1000), 1)
    every = 0.0
    if tests > 1:
        every = section.read("every", Duration(above=0))
    else:
        section.refuse("every", "a candidate is tested once", "Add 'tests:', or remove it.")
    activity = _read_activity(section, tests)
    eligible: tuple[Minimums, ...] = ACTIVE_LUPUS
    if section.has("eligible"):
        eligible = tuple(map(_read_minimums, section.sections("eligible", at_least=1)))
    return section.build(
        lambda: Screening(activity=activity(), eligible=eligible, tests=tests, every=every)
    )


def _read_activity(section: Section, tests: int) -> Callable[[], Activity]:
    sledai = section.section("sledai")
    mean = sledai.read("mean", Number())
    sd = sledai.read("sd", Number(at_least=0))
    sledai.finish()
    systems, grade_a, grade_b = 0, 0.0, 0.0
    if section.has("bilag"):
        bilag = section.section("bilag")
        systems = bilag.read("systems", Integer(at_least=1, at_most=100))
        grade_a, grade_b = bilag.read("grade_a", _SHARE), bilag.read("grade_b", _SHARE)
        bilag.finish()
    correlation = 0.0
    if tests > 1:
        correlation = section.read("correlation", _SHARE)
    return lambda: Activity(
        sledai_mean=mean,
        sledai_sd=sd,
        systems=systems,
        grade_a=grade_a,
        grade_b=grade_b,
        correlation=correlation,
    )


def _read_minimums(section: Section) -> Minimums:
    """Return one way to be eligible."""
    least = {name: section.read(name, Number(at_least=0), 0.0) for name in SCORES}
    if not any(section.has(name) for name in SCORES):
        section.place.report("it asks for nothing", f"Name one of {', '.join(SCORES)}.")
    section.finish()
    return Minimums(**least)
