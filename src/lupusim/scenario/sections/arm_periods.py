"""What a scenario file says of arms that join or leave, and of a prognosis that drifts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from lupusim.analysis.registry import plain_tests
from lupusim.common.frozen import dataclass
from lupusim.scenario.document.content import at, is_mapping
from lupusim.scenario.document.section import (
    Choice,
    Duration,
    Edge,
    Integer,
    Kind,
    ListOf,
    Number,
    Place,
    Section,
)
from lupusim.trial import TestMethod
from lupusim.trial.enrollment.arm_periods import (
    Closes,
    Controls,
    Joins,
    OnceOnArm,
    OnceRandomized,
    OnDate,
)
from lupusim.trial.population.drift import Drift

_FIX = "Write a duration since the first site opened, such as '12 months', or {patients: 100}."
_FIX_CLOSING = f"{_FIX[:-1]}, or {{patients_in_arm: 60}}."
_OF_TRIAL, _OF_ARM = "patients", "patients_in_arm"
M = TypeVar("M")


def read_opening(section: Section) -> tuple[Joins | None, Closes | None]:
    """Return when an arm joins and when it closes; None where the file says nothing."""
    joins = section.read_or_none("joins", _Joins())
    return joins, section.read_or_none("closes", _Closes())


@dataclass(frozen=True, slots=True)
class _Joins(Kind[Joins | None]):
    """A duration since the first site opened, or a number of patients in the trial."""

    def parse(self, value: object, place: Place) -> Joins | None:
        """Return when the arm joins, or report a problem and return None."""
        if is_mapping(value) and set(value) == {_OF_ARM}:
            place.child(_OF_ARM).report("an arm that is not open yet has none", _FIX)
            return None
        return _moment(value, place, {_OF_TRIAL: OnceRandomized}, _FIX)


@dataclass(frozen=True, slots=True)
class _Closes(Kind[Closes | None]):
    """A duration since the first site opened, or a number of patients, in all or of the arm."""

    def parse(self, value: object, place: Place) -> Closes | None:
        """Return when the arm closes, or report a problem and return None."""
        makers: dict[str, Callable[..., OnceRandomized | OnceOnArm]] = {
            _OF_TRIAL: OnceRandomized,
            _OF_ARM: OnceOnArm,
        }
        return _moment(value, place, makers, _FIX_CLOSING)


def _moment(
    value: object, place: Place, makers: Mapping[str, Callable[..., M]], fix: str
) -> OnDate | M | None:
    if not is_mapping(value):
        time = Duration(above=0).parse(value, place)
        return OnDate(time=time) if place.is_right else None
    if len(value) != 1 or (name := str(next(iter(value)))) not in makers:
        place.report(f"{dict(value)!r} is no time at which the arms change", fix)
        return None
    below = place.child(name)
    patients = Integer(at_least=1).parse(value[name], below)
    return makers[name](patients=patients) if below.is_right else None


def read_controls(section: Section, kind: TestMethod) -> Controls | None:
    """Return the controls that arms are compared with; None where the file says nothing."""
    controls = section.read_or_none("controls", Choice({one.value: one for one in Controls}))
    place = section.place.child("controls")
    if controls is Controls.ADJUSTED and place.is_right:
        hypotheses = section.content.get("multiplicity")
        others = at(hypotheses, "endpoints") or ()
        names = [at(o, "test") for o in others if is_mapping(o)]
        plain = plain_tests()
        named = [str(section.content.get("test")), *map(str, names)]
        kinds = [kind, *(plain[name] for name in named[1:] if name in plain)]
        for name, one in zip(named, kinds, strict=False):
            if one.strata == "none":
                able = ", ".join(
                    n for n, k in plain.items() if k.strata != "none" and k.outcome is one.outcome
                )
                fault = f"{name!r} takes no strata, so it cannot be adjusted for the period"
                fix = f"Use concurrent, or the test {able}." if able else "Use concurrent."
                place.report(fault, fix)
    return controls


def read_drift(population: Section) -> tuple[Drift, ...]:
    """Return the drifts of prognosis: one mapping, or a list of them."""
    if not population.has("drift"):
        return ()
    one = population.is_mapping("drift")
    sections = [population.section("drift")] if one else population.sections("drift")
    found = (_read_drift(section) for section in sections)
    return tuple(drift for drift in found if drift is not None)


def _read_drift(section: Section) -> Drift | None:
    one = section.is_text("on")
    edges = ListOf(Edge(), at_least=1)
    on = (section.read("on", Edge()),) if one else section.read("on", edges)
    ratio = section.read("hazard_ratio_per_year", Number(above=0))
    return section.build(lambda: Drift(on=on, hazard_ratio_per_year=ratio))
