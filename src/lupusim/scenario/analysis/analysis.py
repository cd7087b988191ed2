"""The test by which a scenario's trial decides."""

from __future__ import annotations

from dataclasses import dataclass

from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    Outcome,
    SurvivalOutcome,
)
from lupusim.analysis.registry import TestKind
from lupusim.analysis.registry_special import ALL_TESTS
from lupusim.scenario.analysis.special_tests import Around, read_particular
from lupusim.scenario.document.section import (
    Choice,
    Duration,
    Integer,
    ListOf,
    Number,
    Place,
    Section,
    Text,
)
from lupusim.scenario.sections.arm_periods import read_controls
from lupusim.trial import Analysis, Endpoint
from lupusim.trial.design import KnownEffect, SimulatedEffect

_PARAMETERS: dict[str, Number | Duration] = {
    "margin": Number(at_least=0),
    "rho": Number(at_least=0),
    "gamma": Number(at_least=0),
    "until": Duration(above=0),
    "at": Duration(above=0),
}
_WORDS: dict[type[Outcome], str] = {
    BinaryOutcome: "a response at a visit",
    SurvivalOutcome: "a time to an event",
    NumberOutcome: "a number",
    CountOutcome: "a number of events",
    HierarchicalOutcome: "a hierarchy of outcomes",
}


def read_analysis(
    top: Section,
    primary: Endpoint,
    allocation_strata: tuple[str, ...] = (),
    around: Around | None = None,
) -> Analysis | None:
    """Return the test that decides; None where the file names none.

    A test that is stratified by its nature takes the allocation's strata where the file
    names none. Tests with a reader of their own need what is `around` them.
    """
    if not top.has("analysis"):
        return None
    section = top.section("analysis")
    kind: TestKind = section.read("test", Choice(ALL_TESTS))
    if section.place.is_right and section.place.child("test").is_right:
        _check_fit(section, primary)
    section.has("multiplicity")  # read where the arms are known
    truth = section.read("true_effect", _TrueEffect(), None)
    name = str(section.content.get("test"))
    if (particular := read_particular(section, name, around)) is not None:
        return particular.analysis(section, kind, name=name, truth=truth)
    alpha = section.read("alpha", Number(above=0, below=1), 0.025)
    sided = section.read("sided", Integer(at_least=1, at_most=2), 1)
    values = read_parameters(section, kind)
    stratify_by = _read_strata(section, kind, allocation_strata)
    adjust_for = _read_covariates(section, kind)
    controls = read_controls(section, kind)
    made = section.build(
        lambda: Analysis(
            name=name,
            test=kind.with_parameters(values),
            effect=kind.effect,
            alpha=alpha,
            sided=sided,
            stratify_by=stratify_by,
            adjust_for=adjust_for,
            truth=truth,
            controls=controls,
        )
    )
    return made or Analysis(name=name, test=kind.stand_in(values), effect=kind.effect)


def read_parameters(section: Section, kind: TestKind) -> dict[str, float]:
    """Return the parameters that the file gives for its test."""
    values = {name: section.read(name, _PARAMETERS[name]) for name in kind.required}
    values |= {
        name: section.read(name, _PARAMETERS[name]) for name in kind.optional if section.has(name)
    }
    known = (*kind.required, *kind.optional)
    for name in _PARAMETERS.keys() - set(known):
        section.refuse(
            name, "the test has no such parameter", f"Its own: {', '.join(known) or 'none'}."
        )
    return values


def _read_strata(
    section: Section, kind: TestKind, allocation_strata: tuple[str, ...]
) -> tuple[str, ...]:
    default = allocation_strata if kind.strata == "needed" else ()
    stratify_by = section.read("stratify_by", ListOf(Text()), default)
    test_is_known = section.place.child("test").is_right
    if kind.strata == "none" and stratify_by and test_is_known:
        able = ", ".join(n for n, k in ALL_TESTS.items() if k.strata != "none" and _same(k, kind))
        section.place.child("stratify_by").report(
            f"{section.content['test']!r} takes no strata",
            f"Remove it, or use {able}." if able else "Remove it.",
        )
    return stratify_by


def _read_covariates(section: Section, kind: TestKind) -> tuple[str, ...]:
    """Return the covariates to adjust for; none, after a report, where the test takes none."""
    names = section.read("adjust_for", ListOf(Text()), ())
    if not names or kind.test.covariates:
        return names
    if section.place.child("test").is_right:
        able = ", ".join(n for n, k in ALL_TESTS.items() if k.test.covariates and _same(k, kind))
        section.place.child("adjust_for").report(
            f"{section.content['test']!r} takes no covariates",
            f"Remove it, or use {able}." if able else "Remove it.",
        )
    return ()


def _same(kind: TestKind, other: TestKind) -> bool:
    return kind.outcome is other.outcome


@dataclass(frozen=True, slots=True)
class _TrueEffect:
    """``simulated``, or a number on the scale of the test's estimate."""

    def parse(self, value: object, place: Place) -> KnownEffect | SimulatedEffect | None:
        """Return what estimates are compared with."""
        if value == "simulated":
            return SimulatedEffect()
        if isinstance(value, str):
            place.report(f"{value!r} is not a number", "Give a number, or write 'simulated'.")
            return None
        number = Number().parse(value, place)
        return KnownEffect(value=number) if place.is_right else None


def _check_fit(section: Section, primary: Endpoint) -> None:
    """Report a test that does not take the primary endpoint's kind of outcome."""
    name = str(section.content["test"])
    outcome = primary.outcome
    endpoint_is_sound = not any(
        problem.key.startswith("endpoints.primary") for problem in section.place.problems
    )
    if endpoint_is_sound and ALL_TESTS[name].outcome is not outcome:
        fits = [k for k, t in ALL_TESTS.items() if t.outcome is outcome]
        section.place.child("test").report(
            f"{name!r} does not test {_WORDS[outcome]}, which the primary endpoint is",
            f"Valid: {', '.join(fits)}.",
        )
