"""Engines agree on what a restarted treatment clock and a second law do."""

from dataclasses import replace

import numpy as np
import pytest

from engines_compared import assert_engines_agree, lupus, occupancy_counts
from lupusim.engines.exact import solve
from lupusim.errors import NoExactSolutionError
from lupusim.model import Clock, LatentClass, MultiStateModel, PiecewiseRatio, Transition
from lupusim.model.hazards import ExponentialHazard, PiecewiseExponentialHazard
from tolerance import assert_within_mcse

TIMES = (0.5, 1.0, 2.0, 4.0)
N_VECTOR, N_EVENTS = 60_000, 12_000
FADING = PiecewiseRatio(breaks=(0.1, 0.6), ratios=(1.0, 3.0, 0.4))


def treated(model, ratio=FADING):
    """The model with a changing effect on every way out of the states with events."""
    ways = tuple(replace(t, ratio=ratio) if t.to_state != "death" else t for t in model.transitions)
    return replace(model, transitions=ways)


def mixed_clocks(model):
    ways = [
        replace(t, clock=Clock.FORWARD) if k % 2 else t for k, t in enumerate(model.transitions)
    ]
    return replace(model, transitions=tuple(ways))


def two_classes(model):
    slow = {("active", "partial"): 0.3, ("active", "complete"): 0.0}
    kinds = (
        LatentClass(name="fast", probability=0.6),
        LatentClass(name="slow", probability=0.4, hazard_ratios=slow),
    )
    return replace(model, classes=kinds)


def crossover(model):
    """A second law from the first relapse on, a third from the second."""
    third = treated(model, PiecewiseRatio(ratios=(0.5,)))
    second = replace(treated(model), restarts=("relapse",), afterwards=third)
    return replace(model, restarts=("relapse",), afterwards=second)


CASES = {
    "re-infusion": replace(treated(lupus()), restarts=("relapse",)),
    "two states": replace(treated(lupus()), restarts=("relapse", "partial")),
    "mixed clocks": replace(treated(mixed_clocks(lupus())), restarts=("relapse",)),
    "classes": replace(treated(two_classes(lupus())), restarts=("relapse",)),
    "crossover": crossover(lupus()),
    "crossover with classes": crossover(two_classes(mixed_clocks(lupus()))),
}


def counts(engine, model, hazard_ratio=None):
    n = N_VECTOR if engine == "vector" else N_EVENTS
    ratio = None if hazard_ratio is None else np.repeat(hazard_ratio[:, None], n, axis=1)
    return occupancy_counts(engine, model, TIMES, n_patients=n, hazard_ratio=ratio)


QUICK = ("two states",)


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES],
)
def test_both_engines_follow_patients_through_restarts_alike(name):
    model = CASES[name]
    both = [counts(engine, model) for engine in ("vector", "events")]
    assert_engines_agree(*both, n_patients=(N_VECTOR, N_EVENTS))


@pytest.mark.slow
def test_both_engines_agree_where_patients_have_ratios_of_their_own():
    model = CASES["crossover"]
    ratio = np.linspace(0.5, 1.5, len(model.transitions))
    both = [counts(engine, model, ratio) for engine in ("vector", "events")]
    assert_engines_agree(*both, n_patients=(N_VECTOR, N_EVENTS))


@pytest.mark.slow
def test_without_a_restart_the_answer_is_another():  # negative control
    plain = replace(CASES["re-infusion"], restarts=())
    with pytest.raises(AssertionError):
        assert_engines_agree(
            counts("vector", plain),
            counts("events", CASES["re-infusion"]),
            n_patients=(N_VECTOR, N_EVENTS),
        )


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_an_effect_since_entry_is_a_semi_markov_hazard(engine):
    """A ratio in time since entry is a piecewise hazard on the reset clock: exact."""

    def model(hazard, **more):
        way = Transition(from_state="ill", to_state="dead", hazard=hazard, **more)
        first = Transition(from_state="well", to_state="ill", hazard=ExponentialHazard(rate=2.0))
        return MultiStateModel(
            name="chain", states=("well", "ill", "dead"), transitions=(first, way)
        )

    ratio = PiecewiseRatio(breaks=(0.3, 0.9), ratios=(0.2, 2.0, 0.5))
    restarting = replace(model(ExponentialHazard(rate=1.0), ratio=ratio), restarts=("ill",))
    plain = model(PiecewiseExponentialHazard(breaks=(0.3, 0.9), rates=(0.2, 2.0, 0.5)))
    exact = solve(plain, TIMES).probabilities
    n = N_VECTOR if engine == "vector" else N_EVENTS
    mcse = np.sqrt(exact * (1 - exact) / n)
    assert_within_mcse(counts(engine, restarting) / n, exact, mcse=mcse)


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_switching_after_an_event_is_an_enlarged_model(engine):
    """Remission and relapse before and after the switch as states of their own: exact."""
    rates = {("a", "b"): 1.5, ("b", "a"): 1.0, ("a", "d"): 0.3, ("b", "d"): 0.2}
    halved = {edge: rate / 2 for edge, rate in rates.items()}

    def ways(table):
        return tuple(
            Transition(from_state=x, to_state=y, hazard=ExponentialHazard(rate=rate))
            for (x, y), rate in table.items()
        )

    second = MultiStateModel(name="second", states=("a", "b", "d"), transitions=ways(halved))
    first = replace(second, transitions=ways(rates), restarts=("b",), afterwards=second)
    enlarged = {("a", "b2"): 1.5, ("a", "d"): 0.3}
    enlarged |= {(f"{x}2", "d" if y == "d" else f"{y}2"): r for (x, y), r in halved.items()}
    states = ("a", "a2", "b2", "d")
    exact = solve(
        MultiStateModel(name="e", states=states, transitions=ways(enlarged)), TIMES
    ).probabilities
    expected = np.column_stack([exact[:, 0] + exact[:, 1], exact[:, 2], exact[:, 3]])
    n = N_VECTOR if engine == "vector" else N_EVENTS
    mcse = np.sqrt(expected * (1 - expected) / n)
    assert_within_mcse(counts(engine, first) / n, expected, mcse=mcse)


def test_the_exact_engine_says_that_it_cannot_carry_a_restarted_clock():
    with pytest.raises(NoExactSolutionError, match="relapse restarts the treatment clock"):
        solve(CASES["re-infusion"], [1.0])
    with pytest.raises(NoExactSolutionError):
        solve(CASES["crossover"], [1.0])


def test_a_restart_of_an_effect_that_never_changes_is_no_obstacle():
    constant = treated(lupus(), PiecewiseRatio(ratios=(0.5,)))
    restarting = replace(constant, restarts=("relapse",))
    same = solve(restarting, TIMES).probabilities == solve(constant, TIMES).probabilities
    assert same.all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"restarts": ("relaps",)}, "Did you mean 'relapse'"),
        ({"afterwards": lupus()}, "there are no restarts"),
        (
            {"restarts": ("relapse",), "afterwards": two_classes(lupus())},
            "has not the states, transitions and classes",
        ),
    ],
)
def test_laws_that_do_not_fit_together_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(lupus(), **changes)
