"""The test by which a scenario's trial decides."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, cast

from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    Outcome,
    SurvivalOutcome,
)
from lupusim.analysis.registry import TESTS, plain_tests
from lupusim.common.frozen import dataclass
from lupusim.scenario.analysis.around import Around
from lupusim.scenario.document.content import is_text
from lupusim.scenario.document.section import (
    Choice,
    Integer,
    Kind,
    ListOf,
    Number,
    Place,
    Section,
    Text,
)
from lupusim.scenario.sections.arm_periods import read_controls
from lupusim.scenario.sections.by_field import kind_of
from lupusim.trial import Analysis, Endpoint, TestMethod
from lupusim.trial.design import KnownEffect, SimulatedEffect

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_WORDS: dict[type[Outcome], str] = {
    BinaryOutcome: "a response at a visit",
    SurvivalOutcome: "a time to an event",
    NumberOutcome: "a number",
    CountOutcome: "a number of events",
    HierarchicalOutcome: "a hierarchy of outcomes",
}
_OF_ANY_TEST = frozenset(
    {"adjust_for", "alpha", "controls", "endpoint", "multiplicity", "sided", "stratify_by"}
    | {"test", "true_effect"}
)


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
    kind: TestMethod = section.read("test", Choice(TESTS))
    if section.place.is_right and section.place.child("test").is_right:
        _check_fit(section, primary)
    section.has("multiplicity")  # read where the arms are known
    truth = section.read("true_effect", _TrueEffect(), None)
    name = str(section.content.get("test"))
    if kind.has_design:
        from lupusim.scenario.analysis.special_tests import read_particular

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


def read_parameters(section: Section, kind: TestMethod) -> dict[str, float]:
    """Return the parameters that the file gives for its test."""
    known = (*kind.required, *kind.optional)
    own = {field.name: field for field in fields(cast("DataclassInstance", kind))} if known else {}
    values = {
        name: section.read(name, kind_of(own[name]))
        for name in known
        if name in kind.required or section.has(name)
    }
    if section.content.keys() <= {*known, *_OF_ANY_TEST}:
        return values  # and no other test is looked at, nor imported
    of_others = {name for other in plain_tests().values() for name in other.parameters}
    for name in of_others - set(known):
        section.refuse(
            name, "the test has no such parameter", f"Its own: {', '.join(known) or 'none'}."
        )
    return values


def _read_strata(
    section: Section, kind: TestMethod, allocation_strata: tuple[str, ...]
) -> tuple[str, ...]:
    default = allocation_strata if kind.strata == "needed" else ()
    stratify_by = section.read("stratify_by", ListOf(Text()), default)
    test_is_known = section.place.child("test").is_right
    if kind.strata == "none" and stratify_by and test_is_known:
        able = ", ".join(n for n, k in TESTS.items() if k.strata != "none" and _same(k, kind))
        section.place.child("stratify_by").report(
            f"{section.content['test']!r} takes no strata",
            f"Remove it, or use {able}." if able else "Remove it.",
        )
    return stratify_by


def _read_covariates(section: Section, kind: TestMethod) -> tuple[str, ...]:
    """Return the covariates to adjust for; none, after a report, where the test takes none."""
    names = section.read("adjust_for", ListOf(Text()), ())
    if not names or kind.covariates:
        return names
    if section.place.child("test").is_right:
        able = ", ".join(n for n, k in TESTS.items() if k.covariates and _same(k, kind))
        section.place.child("adjust_for").report(
            f"{section.content['test']!r} takes no covariates",
            f"Remove it, or use {able}." if able else "Remove it.",
        )
    return ()


def _same(kind: TestMethod, other: TestMethod) -> bool:
    return kind.outcome is other.outcome


@dataclass(frozen=True, slots=True)
class _TrueEffect(Kind[KnownEffect | SimulatedEffect | None]):
    """``simulated``, or a number on the scale of the test's estimate."""

    def parse(self, value: object, place: Place) -> KnownEffect | SimulatedEffect | None:
        """Return what estimates are compared with."""
        if value == "simulated":
            return SimulatedEffect()
        if is_text(value):
            place.report(f"{value!r} is not a number", "Give a number, or write 'simulated'.")
            return None
        number = Number().parse(value, place)
        return KnownEffect(value=number) if place.is_right else None


def _check_fit(section: Section, primary: Endpoint) -> None:
    """Report a test that does not take the primary endpoint's kind of outcome."""
    name = str(section.content["test"])
    outcome = primary.outcome
    endpoint_is_sound = not any(
        problem.key.split(".")[0] == "endpoints" for problem in section.place.problems
    )
    if endpoint_is_sound and TESTS[name].outcome is not outcome:
        fits = [k for k, t in TESTS.items() if t.outcome is outcome]
        section.place.child("test").report(
            f"{name!r} does not test {_WORDS[outcome]}, which the primary endpoint is",
            f"Valid: {', '.join(fits)}.",
        )
