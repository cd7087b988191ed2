"""Stated outcomes of one arm beside a model of another: the same states for both."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from lupusim.common.spelling import nearest
from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel
from lupusim.scenario.document.section import Place, Section
from lupusim.scenario.outcomes.base import StatedOutcome
from lupusim.scenario.outcomes.chains import Within


def states_in(
    model: MultiStateModel, outcomes: Mapping[str, StatedOutcome], section: Section
) -> Within | None:
    """Return the states that stated arms share with those of a model; None after a report."""
    lasting = [name for name, outcome in outcomes.items() if not outcome.traits.terminal]
    for name in lasting[1:]:
        section.place.child(name).report(
            f"two outcomes that end no history ({lasting[0]!r} too) stand beside a model",
            "State one of them, or all arms by their outcomes.",
        )
    for name, outcome in outcomes.items():
        _check_states(model, outcome, section.place.child(name))
    starts = {start.state for start in model.starts}
    held = set(chain.from_iterable(outcome.traits.held for outcome in outcomes.values()))
    if len(starts) > 1 or starts & held:
        section.place.report(
            f"patients of {model.name!r} do not all start in one state without the outcome",
            "Describe a model of every arm.",
        )
    if not section.place.is_sound:
        return None
    return Within(states=model.states, start=starts.pop(), absorbing=tuple(model.absorbing or ()))


def _check_states(model: MultiStateModel, outcome: StatedOutcome, place: Place) -> None:
    """Report an outcome that is not said to be states of a model, or that cannot be."""
    held, key = outcome.traits.held, outcome.traits.held_key
    if not key:
        place.report(
            "an arm has a model, and of this kind it is not known where it stands there",
            "State this outcome for all arms, or describe a model of every arm.",
        )
    elif not held:
        place.report(
            "an arm has a model, and it is not said which of its states these are",
            f"Add '{key}:' with {', '.join(model.states)}, or some of them.",
        )
    for state in held:
        if state not in model.states:
            fault = f"{state!r} is not a state of the model {model.name!r}"
            place.child(key).report(fault, nearest(state, model.states))
    ends = held and held[0] in (model.absorbing or ())
    if held and held[0] in model.states and bool(ends) != outcome.traits.terminal:
        place.child(key).report(
            f"{held[0]!r} {'ends' if ends else 'does not end'} a history in the model",
            f"Write 'terminal: {'true' if ends else 'false'}', or name another state first.",
        )


def share_in(law: MultiStateModel, states: tuple[str, ...], at: float) -> float | None:
    """Return the exact share of patients in some states at a study time (years); None if unknown.

    It is not known where covariates of the patients act.
    """
    from lupusim.engines.exact import solve

    if law.covariates:
        return None
    try:
        (shares,) = solve(law, [at]).probabilities
    except NoExactSolutionError:
        return None
    return float(sum(shares[law.states.index(state)] for state in states))
