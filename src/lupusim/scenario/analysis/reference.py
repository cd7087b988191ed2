"""What the events of a single arm are compared with: a hazard, a share, or a model."""

from __future__ import annotations

import math

import numpy as np

from lupusim.analysis.survival.one_sample_logrank import TabulatedHazard
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard
from lupusim.scenario.document.section import Duration, Number, Section, Text
from lupusim.scenario.sections.arms import Models
from lupusim.trial import Arm, Endpoint
from lupusim.trial.endpoints import EventTime

_WAYS = ("hazard_per_year", "survival", "model")
_PIECES = 1000
_TOLERANCE = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The hazard that is compared with, and the law of patients who have it."""

    hazard: TabulatedHazard
    law: MultiStateModel


def read_reference(
    analysis: Section,
    primary: Endpoint,
    *,
    arms: tuple[Arm, ...],
    models: Models,
    follow_up: float,
) -> Reference | None:
    """Return the reference of a one-sample log-rank test; None after a problem."""
    section = analysis.section("against")
    given = [name for name in _WAYS if section.has(name)]
    if len(given) != 1 and section.place.is_right:
        fault = f"{len(given)} references are given"
        section.place.report(fault, f"Give one of {', '.join(_WAYS)}.")
    timed = primary.time_of_event
    if timed is None or not arms:
        section.asked.extend([*section.content])
        return None  # both are reported where they stand
    _check_endpoint(analysis, timed)
    if not analysis.place.child("test").is_right:
        section.asked.extend([*section.content])
        return None
    if given == ["model"]:
        states = arms[0].model.states
        return _of_model(section, timed, models, states=states, follow_up=follow_up)
    hazard = _constant(section, given)
    section.finish()
    if hazard is None or not section.place.is_sound:
        return None
    law = _constant_law(arms[0].model, timed, hazard)
    if law is None:
        section.place.report(
            "the primary endpoint's events include where patients start",
            "Name events that patients can have.",
        )
        return None
    return Reference(hazard=TabulatedHazard.constant(hazard), law=law)


def _check_endpoint(analysis: Section, primary: EventTime) -> None:
    place = analysis.place.child("test")
    if primary.competing:
        place.report(
            "'one_sample_logrank' would take patients with a competing event for censored",
            "Put the competing states among the events.",
        )
    if primary.origin:
        place.report(
            "'one_sample_logrank' counts from randomization, the primary endpoint does not",
            "Remove its origin.",
        )


def _constant(section: Section, given: list[str]) -> float | None:
    """Return a constant hazard per year; None after a problem."""
    if given == ["hazard_per_year"]:
        section.refuse("at", "a hazard has no time", "Remove it.")
        hazard = section.read("hazard_per_year", Number(above=0))
        return hazard if section.place.is_sound else None
    if given == ["survival"]:
        share = section.read("survival", Number(above=0, below=1))
        at = section.read("at", Duration(above=0))
        return -math.log(share) / at if section.place.is_sound else None
    return None


def _constant_law(
    model: MultiStateModel, primary: EventTime, hazard: float
) -> MultiStateModel | None:
    """Return a law with a constant hazard of the event from every state that is none.

    The other transitions stay, so that visits and dropout see states as in the arm's own law.
    """
    events = primary.events
    if any(start.state in events for start in model.starts) or not set(events) <= {*model.states}:
        return None
    kept = (t for t in model.transitions if t.from_state in events or t.to_state not in events)
    share = ExponentialHazard(rate=hazard / len(events))
    added = (
        Transition(from_state=state, to_state=event, hazard=share)
        for state in model.states
        for event in events
        if state not in events
    )
    return MultiStateModel(
        name="reference",
        states=model.states,
        transitions=(*kept, *added),
        starts=model.starts,
        absorbing=model.absorbing,
    )


def _of_model(
    section: Section,
    primary: EventTime,
    models: Models,
    *,
    states: tuple[str, ...],
    follow_up: float,
) -> Reference | None:
    section.refuse("at", "a model has no time", "Remove it.")
    place = section.place.child("model")
    name = section.read("model", Text())
    section.finish()
    law = models.get(name, place) if name else None
    if law is None:
        return None
    for state in primary.events:
        if state not in law.states:
            place.report(
                f"{law.name!r} has no state {state!r}, which is an event of the primary endpoint",
                nearest(state, law.states),
            )
    if section.place.is_sound and law.states != states:
        place.report(
            f"the states of {law.name!r} are not those of the arm",
            f"Use a model with the states {', '.join(states)}.",
        )
    if law.covariates:
        place.report(
            f"{law.name!r} has covariates: its hazard depends on the patient",
            "Use a model without.",
        )
    if not math.isfinite(follow_up):
        place.report("a model is tabulated over the follow-up, which has no end", "Give follow_up.")
    if not section.place.is_sound or not follow_up > 0:
        return None
    times = np.linspace(0.0, follow_up, _PIECES + 1)
    hazard = _cumulative(section, law, primary, times)
    return None if hazard is None else Reference(hazard=hazard, law=law)


def _cumulative(
    section: Section, law: MultiStateModel, primary: EventTime, times: FloatArray
) -> TabulatedHazard | None:
    """Return the exact cumulative hazard of the first event, tabulated."""
    place = section.place.child("model")
    from lupusim.engines.exact import ever

    try:
        share = ever(law, primary.events, times, tolerance=_TOLERANCE)
    except NoExactSolutionError as error:
        place.report(f"its exact hazard is not known: {error}", "Give a share of survivors.")
        return None
    cumulative = np.maximum.accumulate(-np.log1p(-np.clip(share, 0.0, 1.0 - 1e-12)))
    if not 0 == cumulative[0] < cumulative[-1]:
        place.report("its patients have the event from the start, or never", "Use another model.")
        return None
    return TabulatedHazard(
        times=tuple(times.tolist()), cumulative=tuple((cumulative - cumulative[0]).tolist())
    )
