"""Times to an event: a median, a survival, a rate, or a hazard ratio against the control."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from lupusim.common.frozen import dataclass
from lupusim.endpoints import TimeToEvent
from lupusim.model import MultiStateModel
from lupusim.model.hazards import ExponentialHazard, Hazard, WeibullHazard
from lupusim.scenario.document.amounts import parse_rate, parse_share
from lupusim.scenario.document.content import is_mapping, is_text
from lupusim.scenario.document.durations import format_duration, parse_duration
from lupusim.scenario.document.section import (
    Choice,
    Duration,
    Flag,
    ListOf,
    Number,
    Place,
    Section,
    Text,
)
from lupusim.scenario.outcomes.base import ArmOutcome, Beside, Traits, parsed, stated_by
from lupusim.scenario.outcomes.chains import Chain
from lupusim.trial import Better, Endpoint
from lupusim.trial.durations import MONTHS_PER_YEAR
from lupusim.trial.endpoints import LATER_OR_SOONER, MORE_OR_FEWER

_BETTER = Choice({**LATER_OR_SOONER, **MORE_OR_FEWER})
_HALF = 0.5
_FEW_YEARS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    r"""Time to an event with cumulative hazard :math:`(t / scale)^{shape}`."""

    name: str  # what the event is called
    shape: float = 1.0  # 1 for a constant hazard, below 1 for one that falls
    terminal: bool = False  # whether the event ends a patient's history, as death does
    competing: tuple[str, ...] = ()  # outcomes whose event makes this one impossible
    better: Better = Better.FEWER  # whether it should come sooner or later
    events: tuple[str, ...] = ()
    """States of the models of other arms whose entry it is; empty where no arm has a model."""

    @classmethod
    def read(cls, section: Section, name: str) -> Time:
        """Return the outcome that a section describes."""
        return cls(
            name=name,
            shape=section.read("shape", Number(above=0), 1.0),
            terminal=section.read("terminal", Flag(), name.lower() in {"death", "dead"}),
            competing=section.read("competing", ListOf(Text()), ()),
            better=section.read("better", _BETTER, Better.FEWER),
            events=section.read("events", ListOf(Text()), ()),
        )

    @property
    def traits(self) -> Traits:
        """What the trial must know: which events compete, and whether it ends all."""
        return Traits(
            competing=self.competing,
            terminal=self.terminal,
            lateness=-self.better.value,
            held=self.events,
            held_key="events",
        )

    def _chain(self, hazard: Hazard) -> Chain:
        come = next(iter(self.events), self.name)
        states = (f"no {self.name}", come)
        terminal = (come,) if self.terminal else ()
        return Chain(states=states, hazards={states: hazard}, terminal=terminal)

    @property
    def _stand_in(self) -> Hazard:
        return ExponentialHazard(rate=1.0)

    def _free_of_it(self, share: float, at: float, place: Place) -> Hazard:
        """Return the hazard with which a share has had no event at a time."""
        if not (0 < share < 1 and at > 0 and math.isfinite(at)):
            if place.is_sound and at > 0:  # else that is told
                place.report("no rate follows from that", "State a share above 0 and below 100 %.")
            return self._stand_in
        scale = at / (-math.log(share)) ** (1 / self.shape)
        if self.shape == 1:
            return ExponentialHazard(rate=1 / scale)
        return WeibullHazard(shape=self.shape, scale=scale)

    def _at_rate(self, rate: float, place: Place) -> Hazard:
        if self.shape != 1:
            place.report("a rate needs a constant hazard", "State a median, or leave out 'shape:'.")
        elif not rate > 0:
            place.report("nobody ever has the event", "State a rate above 0.")
        else:
            return ExponentialHazard(rate=rate)
        return self._stand_in

    def _hazard(self, value: object, place: Place) -> Hazard:
        """Return the hazard of one statement: a median, a rate in words, or a mapping."""
        if is_mapping(value):
            section = Section(place, value)
            hazard = self._from_mapping(section)
            section.finish()
            return hazard
        try:
            return self._free_of_it(_HALF, parse_duration(value), place)
        except ValueError:
            rate = parsed(value, place, _rate_or_median, 1.0)
            return self._at_rate(rate, place)

    def _from_mapping(self, section: Section) -> Hazard:
        place = section.place
        if section.has("median"):
            at = section.read("median", Duration(above=0))
            return self._free_of_it(_HALF, at, place.child("median"))
        if section.has("per_year"):
            where = place.child("per_year")
            return self._at_rate(parsed(section.content["per_year"], where, parse_rate, 1.0), where)
        event_free = section.has("survival")
        if not (event_free or section.has("event_by")):
            named = section.has("hazard_ratio") or section.has("pieces")  # to know the keys
            if not (section.unknown() or named):
                fix = "State median, per_year, or survival and at."
                place.report("it is not said how soon the event comes", fix)
            return self._stand_in
        key = "survival" if event_free else "event_by"
        share = parsed(section.content[key], place.child(key), parse_share, _HALF)
        at = section.read("at", Duration(above=0))
        return self._free_of_it(share if event_free else 1 - share, at, place.child(key))

    def read_arm(self, value: object, place: Place, control: ArmOutcome | None) -> ArmOutcome:
        """Return what is stated of an arm: its own times, or hazard ratios."""
        if not is_mapping(value):
            return ArmOutcome(chain=self._chain(self._hazard(value, place)))
        section = Section(place, value)
        if section.has("by"):
            factor, hazards = stated_by(section, self._hazard, control)
            section.finish()
            totals = {level: float(h.cumulative(np.array(1.0))) for level, h in hazards.items()}
            first = next(iter(hazards))
            ratios = {level: total / totals[first] for level, total in totals.items()}
            chain = self._chain(hazards[first])
            return ArmOutcome(chain=chain, factor=factor, ratios=ratios)
        if {"hazard_ratio", "pieces"} & set(value):
            return self._with_effect(value, place, control)
        hazard = self._from_mapping(section)
        section.finish()
        return ArmOutcome(chain=self._chain(hazard))

    def _with_effect(
        self, value: Mapping[str, object], place: Place, control: ArmOutcome | None
    ) -> ArmOutcome:
        """Return the control's times under a hazard ratio, which may start late or change."""
        from lupusim.scenario.sections.effects import read_effect

        if _is_time_or_rate(stated := value.get("hazard_ratio")):
            fix = f"Write '{self.name}: {stated}' without hazard_ratio, or the ratio, such as 0.7."
            fault = f"{stated!r} is no ratio of two hazards"
            place.child("hazard_ratio").report(fault, fix)
            value = {**value, "hazard_ratio": 1.0}
        edge = f"no {self.name}", next(iter(self.events), self.name)
        effect = read_effect(Section(place, value), (edge,))
        if control is not None and control.of_model:
            fix = "State a median or a rate, or give this arm the model, with 'effects'."
            place.report("the control has a model, on whose transitions a ratio would act", fix)
        elif control is None:
            place.report("the control has nothing to be compared with", "State a median or a rate.")
        if control is None or control.of_model:
            return ArmOutcome(chain=self._chain(self._stand_in))
        return ArmOutcome(
            chain=control.chain,
            effects=() if effect is None else (effect,),
            factor=control.factor,
            ratios=control.ratios,
        )

    def of_law(self, law: MultiStateModel) -> ArmOutcome:
        """Return that a model says when the event comes."""
        return ArmOutcome(chain=self._chain(self._stand_in), of_model=True)

    def read_endpoint(self, section: Section, beside: Beside) -> Callable[[], Endpoint]:
        """Return what makes the endpoint: time from randomization to the event."""
        name = section.read("name", Text(), f"time to {self.name}")
        better = section.read("better", _BETTER, self.better)
        events, competing = self.events or beside.states(self.name), beside.endings()
        return lambda: TimeToEvent(name=name, events=events, competing=competing, better=better)

    def words(self, value: ArmOutcome) -> str:
        """Return the median in words, and what multiplies the hazard."""
        (hazard,) = value.chain.hazards.values()
        years = _median(hazard)
        median = (
            f"{MONTHS_PER_YEAR * years:.4g} months" if years < _FEW_YEARS else f"{years:.4g} years"
        )
        if value.effects:
            ratios = ", ".join(f"{effect.hazard_ratio:.4g}" for effect in value.effects)
            late = "".join(
                f" from {format_duration(onset)} on"
                for effect in value.effects
                if (onset := effect.onset)
            )
            return f"hazard ratio of {self.name} {ratios} against the control{late}"
        return f"median time to {self.name} {median}{self._of_levels(value)}"

    @staticmethod
    def _of_levels(value: ArmOutcome) -> str:
        """Return the level whose time it is, and the hazard ratios of the others to it."""
        if not value.factor:
            return ""
        first, *others = value.ratios
        ratios = (f"{value.ratios[level]:.4g} of {level}" for level in others)
        return f" of {first} (hazard ratio {', '.join(ratios)})"

    @property
    def about(self) -> str:
        """The shape of its hazard, and what it ends."""
        shape = "" if self.shape == 1 else f"Weibull with shape {self.shape:.4g}"
        ends = "it ends a patient's history" if self.terminal else ""
        never = f"impossible after {' or '.join(self.competing)}" if self.competing else ""
        return "; ".join(filter(None, (shape, ends, never)))


def _median(hazard: Hazard) -> float:
    return float(hazard.inverse_cumulative(np.array(math.log(2.0))))


def _is_time_or_rate(value: object) -> bool:
    """Return whether words are a median or a rate, which an arm may have by itself."""
    for parse in (parse_duration, parse_rate):
        try:
            return is_text(value) and parse(value) > 0
        except ValueError:
            continue
    return False


def _rate_or_median(value: object) -> float:
    """Return a rate in words; bare numbers could be anything."""
    if is_text(value):
        return parse_rate(value, like="14 months for a median, or 0.2 per year")
    raise ValueError(
        f"{value!r} has no unit. Write a median such as '14 months', or '0.2 per year'"
    )
