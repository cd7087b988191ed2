"""Hypothesis strategies: any small multi-state model that the engines should agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hypothesis.strategies as st

from lupusim.model import (
    FAMILIES,
    Clock,
    Hazard,
    LatentClass,
    MultiStateModel,
    PiecewiseRatio,
    Start,
    Transition,
)

HORIZON = 3.0
"""Years over which the models below have a handful of events."""


def _told(least, most):
    """Draw numbers that a file may hold: 0, or not nearly 0."""
    return st.floats(least, most).map(lambda number: round(number, 12))


_shape = st.floats(0.6, 2.5)
_years = st.floats(0.5, 8.0)
_per_year = st.floats(0.1, 1.5)
_log_years = _told(-0.5, 1.5)

PARAMETERS: Mapping[str, Mapping[str, st.SearchStrategy[Any]]] = {
    "exponential": {"rate": _per_year},
    "weibull": {"shape": _shape, "scale": _years},
    "gompertz": {"shape": _told(-1.0, 0.5), "rate": st.floats(0.1, 0.8)},
    "gamma": {"shape": _shape, "rate": _per_year},
    "lognormal": {"meanlog": _log_years, "sdlog": st.floats(0.4, 1.2)},
    "loglogistic": {"shape": _shape, "scale": _years},
    "generalized_gamma": {
        "mu": _log_years,
        "sigma": st.floats(0.4, 1.2),
        "q": st.sampled_from([-1.0, -0.4, 0.0, 0.5, 1.0, 1.5]),
    },
    "piecewise_exponential": {
        "breaks": st.sampled_from([(0.5, 2.0), (0.25, 1.0)]),
        "rates": st.tuples(_per_year, _told(0.0, 1.0), _per_year),
    },
}
"""Ranges of every family's parameters; times from months to years."""

CONSTANT_RATIO = st.sampled_from([PiecewiseRatio(), PiecewiseRatio(ratios=(1.6,))])
"""No treatment effect, or a constant one."""


@st.composite
def hazards(draw: st.DrawFn, families: tuple[str, ...] = tuple(FAMILIES)) -> Hazard:
    """Any hazard of these families."""
    family = draw(st.sampled_from(families))
    return FAMILIES[family](**draw(st.fixed_dictionaries(dict(PARAMETERS[family]))))


@st.composite
def ratios(draw: st.DrawFn) -> PiecewiseRatio:
    """A treatment effect that changes once or twice, and may switch a hazard off."""
    breaks = draw(st.sampled_from([(0.5,), (1.0,), (0.25, 1.5)]))
    values = st.sampled_from([0.0, 0.4, 1.0, 2.5])
    return PiecewiseRatio(breaks=breaks, ratios=draw(st.tuples(*(values for _ in (0.0, *breaks)))))


@st.composite
def edges(draw: st.DrawFn, states: tuple[str, ...]) -> list[tuple[str, str]]:
    """Transitions by which every state can be reached from the first, and some more."""
    tree = [(draw(st.sampled_from(states[:k])), states[k]) for k in range(1, len(states))]
    others = [(a, b) for a in states for b in states if a != b and (a, b) not in tree]
    more = draw(st.lists(st.sampled_from(others), unique=True, max_size=3)) if others else []
    return draw(st.permutations(tree + more))


@st.composite
def classes(draw: st.DrawFn, ways: list[tuple[str, str]]) -> tuple[LatentClass, ...]:
    """No classes, or two; the second has hazard ratios, 0 among them."""
    if draw(st.booleans()):
        return ()
    share = draw(st.floats(0.2, 0.8))
    some = st.dictionaries(st.sampled_from(ways), st.sampled_from([0.0, 0.5, 3.0]))
    return (
        LatentClass(name="one", probability=1 - share),
        LatentClass(name="other", probability=share, hazard_ratios=draw(some)),
    )


@st.composite
def starts(draw: st.DrawFn, states: tuple[str, ...]) -> tuple[Start, ...]:
    """Everybody in the first state, or some in the last; with time spent there or without."""
    spent = st.sampled_from([0.0, 0.0, 0.75, 2.0])
    if draw(st.booleans()):
        return (Start(state=states[0], time_in_state=draw(spent)),)
    share = draw(st.floats(0.2, 0.8))
    return (
        Start(state=states[0], probability=1 - share, time_in_state=draw(spent)),
        Start(state=states[-1], probability=share, time_in_state=draw(spent)),
    )


ANY_RATIO = st.one_of(CONSTANT_RATIO, CONSTANT_RATIO, ratios())
"""No treatment effect, a constant one or one that changes."""


@st.composite
def transitions(
    draw: st.DrawFn,
    ways: list[tuple[str, str]],
    clocks: tuple[Clock, ...],
    effects: st.SearchStrategy[PiecewiseRatio],
) -> tuple[Transition, ...]:
    """A hazard, a clock and perhaps a treatment effect for each way."""
    return tuple(
        Transition(
            from_state=a,
            to_state=b,
            hazard=draw(hazards()),
            clock=draw(st.sampled_from(clocks)),
            ratio=draw(effects),
        )
        for a, b in ways
    )


@st.composite
def models(
    draw: st.DrawFn,
    clocks: tuple[Clock, ...] = (Clock.RESET, Clock.FORWARD),
    effects: st.SearchStrategy[PiecewiseRatio] = ANY_RATIO,
) -> MultiStateModel:
    """A model of two to five states: any hazards, classes, starts and treatment effects."""
    states = tuple("abcde"[: draw(st.integers(2, 5))])
    ways = draw(edges(states))
    return MultiStateModel(
        name="any",
        states=states,
        transitions=draw(transitions(ways, clocks, effects)),
        starts=draw(starts(states)),
        classes=draw(classes(ways)),
    )


def renewal_models() -> st.SearchStrategy[MultiStateModel]:
    """Any model of reset clocks and constant effects: quick to solve exactly."""
    return models(clocks=(Clock.RESET,), effects=CONSTANT_RATIO)
