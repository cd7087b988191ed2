"""First entries in closed form beside formulas and beside the exact engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.engines.exact import ever
from lupusim.errors import NoExactSolutionError
from lupusim.model import LatentClass, MultiStateModel, Transition
from lupusim.model.effects import PiecewiseRatio
from lupusim.model.hazards import WeibullHazard
from lupusim.planning.controls.first_events import (
    first_entries,
    first_entries_in,
    is_at_once,
    is_direct,
    is_solved,
)
from lupusim.trial import Population
from lupusim.trial.population.covariates import CovariateEffect, GammaFrailty, NormalCovariate
from trials import DISEASE, survival_trial, way

TIMES = np.linspace(0.0, 3.0, 1501)
WEIBULL = WeibullHazard(shape=1.3, scale=2.0)
TWO_ENDS = MultiStateModel(
    name="two ends",
    states=("well", "ill", "dead"),
    transitions=(
        Transition(
            from_state="well",
            to_state="ill",
            hazard=WEIBULL,
            ratio=PiecewiseRatio(breaks=(1.0,), ratios=(1.0, 0.5)),
        ),
        way("well", "dead", 0.2),
        way("ill", "dead", 0.7),
    ),
    classes=(
        LatentClass(name="slow", probability=0.3, hazard_ratios={("well", "ill"): 0.1}),
        LatentClass(name="usual", probability=0.7),
    ),
)


def test_competing_ends_are_those_of_an_integral() -> None:
    def of_class(factor: float) -> tuple[float, float]:
        grid = np.linspace(0.0, 3.0, 300_001)
        middle = (grid[1:] + grid[:-1]) / 2
        hazard = factor * WEIBULL.hazard(middle) * np.where(middle < 1.0, 1.0, 0.5)
        width = grid[1]
        free = np.exp(-np.cumsum(hazard + 0.2) * width + (hazard + 0.2) * width / 2)
        return float((hazard * free).sum() * width), float((0.2 * free).sum() * width)

    ill, dead = 0.3 * np.array(of_class(0.1)) + 0.7 * np.array(of_class(1.0))
    found = first_entries(TWO_ENDS, ("ill",), ("dead",), np.linspace(0.0, 3.0, 6001))
    assert found[0][-1] == pytest.approx(ill, abs=1e-7)
    assert found[1][-1] == pytest.approx(dead, abs=1e-7)


def test_either_end_is_what_the_exact_engine_says() -> None:
    found = np.sum(first_entries(TWO_ENDS, ("ill",), ("dead",), TIMES), axis=0)
    known = ever(TWO_ENDS, ("ill", "dead"), [0.5, 2.0], tolerance=1e-5)
    np.testing.assert_allclose(found[[250, 1000]], known, atol=1e-5)


def test_states_between_are_left_to_the_exact_engine() -> None:
    assert not is_direct(DISEASE, ("death",))
    assert is_solved(DISEASE, ("death",))
    relapse, death = first_entries(DISEASE, ("relapse",), ("death",), TIMES[::150])
    either = ever(DISEASE, ("relapse", "death"), TIMES[::150], tolerance=1e-7)
    np.testing.assert_allclose(relapse + death, either, atol=1e-6)
    none = first_entries(DISEASE, ("death",), (), TIMES[::150])[1]
    assert not none.any()


def test_a_hazard_that_changes_behind_a_state_between_is_not_solved_at_once() -> None:
    later = replace(
        TWO_ENDS,
        transitions=(
            *TWO_ENDS.transitions[:2],
            Transition(from_state="ill", to_state="dead", hazard=WEIBULL),
        ),
    )
    assert is_solved(later, ("ill", "dead"))
    assert not is_solved(later, ("dead",))
    assert not is_solved(later, ("well",))


def test_a_hazard_of_the_time_in_a_state_is_that_of_a_convolution() -> None:
    model = MultiStateModel(
        name="fading",
        states=("well", "ill", "dead"),
        transitions=(
            way("well", "ill", 1.5),
            Transition(
                from_state="ill", to_state="dead", hazard=WeibullHazard(shape=0.7, scale=1.2)
            ),
        ),
    )
    assert is_solved(model, ("dead",))
    times = np.linspace(0.0, 3.0, 2049)
    found = first_entries(model, ("dead",), (), times)[0]
    # ill since s, dead within t - s; s so spaced that its chance is the same between each two
    for t in (0.4, 1.7, 3.0):
        chance = (np.arange(200_000) + 0.5) / 200_000 * (1 - np.exp(-1.5 * t))
        ill = -np.log1p(-chance) / 1.5
        dead = 1 - np.exp(-(((t - ill) / 1.2) ** 0.7))
        expected = dead.mean() * (1 - np.exp(-1.5 * t))
        assert np.interp(t, times, found) == pytest.approx(expected, abs=3e-5)


def test_patients_whom_a_number_and_a_frailty_tell_apart_are_a_mixture(monkeypatch) -> None:
    acts = CovariateEffect(covariate="age", on=(("alive", "death"),), hazard_ratio=1.8)
    population = Population(
        covariates={"age": NormalCovariate(mean=0.0, sd=1.0)},
        effects=(acts,),
        frailties=(GammaFrailty(on=(("alive", "death"),), variance=0.5),),
    )
    trial, times = survival_trial(population=population), np.linspace(0.0, 2.0, 9)
    age = np.linspace(-8.0, 8.0, 20_001)
    weight = np.exp(-(age**2) / 2)
    hazard = 0.8 * 1.8**age
    for arm, ratio in enumerate((1.0, 0.5)):
        # the Laplace transform of a gamma frailty, averaged over ages
        free = (1 + 0.5 * ratio * np.outer(times, hazard)) ** -2.0
        expected = 1 - free @ weight / weight.sum()
        found, other = first_entries_in(trial, arm, trial.primary, times, {})
        np.testing.assert_allclose(found, expected, atol=1e-5)
        np.testing.assert_array_equal(other, 0.0)
    monkeypatch.setattr("lupusim.planning.controls.first_events._QUADRATURE", 0.0)
    with pytest.raises(NoExactSolutionError, match="two quadratures"):
        first_entries_in(trial, 0, trial.primary, times, {})


def test_only_who_goes_there_at_once_is_mixed() -> None:
    assert is_at_once(TWO_ENDS, ("ill", "dead"))
    assert not is_at_once(TWO_ENDS, ("dead",))
    assert not is_at_once(TWO_ENDS, ())
