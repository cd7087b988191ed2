"""The arms of a scenario file: model, dose, effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from functools import partial
from pathlib import Path

from lupusim.common.frozen import dataclass
from lupusim.errors import ModelError
from lupusim.model import Effect, MultiStateModel
from lupusim.scenario.document.section import (
    Choice,
    Duration,
    Flag,
    Integer,
    ListOf,
    Place,
    Section,
    Text,
)
from lupusim.scenario.document.yaml_reader import read_document
from lupusim.scenario.files.model import untreated_model
from lupusim.scenario.files.packaged import find_packaged
from lupusim.scenario.outcomes import Statements
from lupusim.scenario.sections.arm_periods import read_opening
from lupusim.scenario.sections.by_field import read_fields
from lupusim.scenario.sections.effects import read_effect, read_effects, read_lots
from lupusim.trial import Arm, Infusions, Switch

_LIKE = "[{name: placebo, control: true, ...}, {name: treated, ...}]"


@dataclass(slots=True)
class Models:
    """Models by name or path, each file read once."""

    folder: Path | None  # where relative paths start: the folder of the scenario file
    _read: dict[str, tuple[MultiStateModel | None, ModelError | None]] = field(default_factory=dict)

    def get(self, name: str, place: Place) -> MultiStateModel | None:
        """Return a model; its problems are reported at `place`, which names the file."""
        if name not in self._read:
            self._read[name] = self._load(name)
        model, error = self._read[name]
        for problem in error.problems if error else ():
            inside = str(problem).removesuffix(f". {problem.fix}")
            fault = f"in {error.file}, {inside}" if error and problem.key else problem.fault
            place.report(fault, problem.fix)
        return model

    def _load(self, name: str) -> tuple[MultiStateModel | None, ModelError | None]:
        try:
            path = find_packaged("models", name, ModelError, beside=self.folder)
            return untreated_model(read_document(path, ModelError), "a trial"), None
        except ModelError as error:
            return None, error


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadArms:
    """Arms, control first, and where each stands in the file."""

    arms: tuple[Arm, ...]
    """Empty where a model could not be read: nothing more can be said of the trial then."""
    order: tuple[int, ...]  # place of each arm in the file's list


def read_arms(top: Section, models: Models, stated: Statements) -> ReadArms:
    """Return the arms of a scenario; a file that fits in nothing else has an arm to check.

    Parameters
    ----------
    top : Section
        The file.
    models : Models
        Those that arms name.
    stated : Statements
        The outcomes that the file describes; takes down what is stated of each arm.
    """
    default = _default_model(top, models)
    sections = top.sections("arms", at_least=1, like=_LIKE)
    controls = [k for k, s in enumerate(sections) if s.read("control", Flag(), False)]
    told = not all(section.place.child("control").is_right for section in sections)
    if len(sections) == 2 and len(controls) != 1 and not told:
        fault = "both arms are the control" if controls else "no arm is the control"
        top.place.child("arms").report(fault, "Write 'control: true' in one of them.")
    order = sorted(range(len(sections)), key=lambda k: k not in controls)
    by_model = [k for k in order if not stated or _has_model(sections[k], default)]
    read = {k: _read_arm(sections[k], default, models) for k in by_model}
    if stated and order:
        _stand_beside(top, stated, read, control=order[0])
        read |= {k: _read_stated(sections[k], stated) for k in order if k not in read}
    arms = [read[k] for k in order]
    known = tuple(arm for arm in arms if arm is not None)
    known = _with_switches(known, [sections[k] for k in order])
    complete = len(known) == len(sections)
    return ReadArms(arms=known if complete else (), order=tuple(order))


def _has_model(section: Section, default: MultiStateModel | None) -> bool:
    """Return whether an arm beside stated ones has a model, its own or that of the scenario."""
    stated = "outcomes" in section.content
    return not stated and ("model" in section.content or default is not None)


def _stand_beside(
    top: Section, stated: Statements, arms: Mapping[int, Arm | None], *, control: int
) -> None:
    """Take down the arms that have a model; without any no outcome names the states of one."""
    for position, arm in arms.items():
        if arm is not None:
            stated.stand_beside(arm, is_control=position == control)
    if not arms:
        stated.check_all_stated()
        top.refuse("model", "the outcomes are stated for all arms", "Keep one of the two.")


def _with_switches(arms: tuple[Arm, ...], sections: list[Section]) -> tuple[Arm, ...]:
    """Return the arms with their switches to each other; as they are where one is missing."""
    if len(arms) < len(sections):
        return arms
    return tuple(
        replace(arm, switch=_read_switch(section, arm, arms)) if section.has("switch") else arm
        for arm, section in zip(arms, sections, strict=True)
    )


def _read_switch(section: Section, arm: Arm, arms: tuple[Arm, ...]) -> Switch | None:
    below = section.section("switch")
    others = {other.name: other for other in arms if other is not arm}
    if not others:
        below.place.report("there is no other arm", "Remove it, or add an arm.")
        return None
    to = below.read("to", Choice(others))
    on = below.read("on", ListOf(Text(), at_least=1))
    return below.build(lambda: Switch(on=on, arm=to))


def _default_model(top: Section, models: Models) -> MultiStateModel | None:
    name = top.read_or_none("model", Text())
    return models.get(name, top.place.child("model")) if name else None


def _read_stated(section: Section, stated: Statements) -> Arm | None:
    """Return an arm whose outcomes are stated; cells act by what they do to these alone."""
    name = section.read("name", Text())
    read = stated.read_arm(section, name)
    infusions = _read_infusions(section)
    model, effects = read or (None, ())
    return _arm(section, name, model, effects=effects, infusions=infusions, stated=stated)


def _read_arm(section: Section, default: MultiStateModel | None, models: Models) -> Arm | None:
    model = default
    place = section.place.child("model")
    if section.has("model"):
        name = section.read("model", Text())
        model = models.get(name, place) if name else None
    elif default is None and not _model_is_given(section):
        fault = "no model is given, neither here nor for the whole scenario"
        place.report(fault, "Add 'model:' with a packaged name or a file.")
    name = section.read("name", Text())
    infusions = _read_infusions(section)
    dose = infusions.cells_per_kg if infusions else None
    ways = None if model is None else model.transitions
    effects: tuple[Effect, ...] = read_effects(
        section, ways, partial(read_effect, cells_per_kg=dose)
    )
    infusions = read_lots(section, infusions, effects=effects, model=model)
    section.has("switch")  # read once all arms are known
    return _arm(section, name, model, effects=effects, infusions=infusions)


def _arm(
    section: Section,
    name: str,
    model: MultiStateModel | None,
    *,
    effects: tuple[Effect, ...],
    infusions: Infusions | None,
    stated: Statements | None = None,
) -> Arm | None:
    """Return an arm once all its keys are read; one that stands in where some are wrong."""
    allocation = section.read("allocation", Integer(at_least=1, at_most=1000), 1)
    joins, closes = read_opening(section)
    external = section.read("external", Flag(), False)
    section.finish()
    if model is None:
        return None
    if not section.place.is_sound:
        return Arm(name=name, model=model)  # stands in for the checks of the whole trial
    return Arm(
        name=name,
        model=model,
        allocation=allocation,
        infusions=infusions,
        effects=effects,
        joins=joins,
        closes=closes,
        external=external,
        stated=stated.in_words(name) if stated is not None else "",
    )


def _model_is_given(section: Section) -> bool:
    """Return whether the scenario names a model, even one that could not be read."""
    return "model" in section.place.document.content


def _read_infusions(section: Section) -> Infusions | None:
    if not section.has("infusions"):
        return None
    below = section.section("infusions")
    values = read_fields(below, Infusions, known=("at", "lots"))
    at = below.read("at", ListOf(Duration(), at_least=1), (0.0,))
    at += _read_repeats(below, at)
    below.has("lots")  # read once the effects are known
    return below.build(lambda: Infusions(at=at, **values))


def _read_repeats(section: Section, at: tuple[float, ...]) -> tuple[float, ...]:
    """Return the infusions that follow the first ones at a fixed interval."""
    if not section.has("every"):
        section.refuse("number", "it needs 'every'", "Add 'every:', or list all under 'at'.")
        return ()
    every = section.read("every", Duration(above=0))
    number = section.read("number", Integer(at_least=1, at_most=1000))
    if not section.place.is_sound:
        return ()
    if number <= len(at):
        fault = f"{number} infusions in all are no more than the {len(at)} under 'at'"
        section.place.child("number").report(fault, "Give more, or remove 'every'.")
    return tuple(max(at) + k * every for k in range(1, number - len(at) + 1))
