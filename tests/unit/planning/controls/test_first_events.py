"""First entries in closed form beside formulas and beside the exact engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg

from lupusim.endpoints import TimeToEvent
from lupusim.engines.exact import ever
from lupusim.errors import NoExactSolutionError
from lupusim.model import LatentClass, MultiStateModel, Transition
from lupusim.model.effects import PiecewiseRatio
from lupusim.model.hazards import WeibullHazard
from lupusim.planning.controls.first_events import (
    first_entries,
    first_entries_in,
    is_direct,
    is_mixed,
    is_solved,
)
from lupusim.trial import Arm, Population
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


def test_what_was_solved_of_an_arm_is_remembered(monkeypatch) -> None:
    times = np.linspace(0.0, 1.0, 33)
    found = first_entries(DISEASE, ("death",), (), times)
    monkeypatch.delattr("lupusim.planning.controls.first_events._solved")
    again = first_entries(DISEASE, ("death",), (), times.copy())
    np.testing.assert_array_equal(again, found)
    for events, when in ((("relapse",), times), (("death",), 2 * times)):
        with pytest.raises(NameError):
            first_entries(DISEASE, events, (), when)


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


FADING = MultiStateModel(
    name="fading",
    states=("well", "ill", "dead"),
    transitions=(
        way("well", "ill", 1.5),
        Transition(from_state="ill", to_state="dead", hazard=WeibullHazard(shape=0.7, scale=1.2)),
    ),
)


def ill_then_dead(rate: float, t: float) -> float:
    """Return who is dead by a time: ill since s, so spaced that its chance is equal between two."""
    chance = (np.arange(200_000) + 0.5) / 200_000 * (1 - np.exp(-rate * t))
    ill = -np.log1p(-chance) / rate
    dead = 1 - np.exp(-(((t - ill) / 1.2) ** 0.7))
    return float(dead.mean() * (1 - np.exp(-rate * t)))


def test_a_hazard_of_the_time_in_a_state_is_that_of_a_convolution() -> None:
    assert is_solved(FADING, ("dead",))
    times = np.linspace(0.0, 3.0, 2049)
    found = first_entries(FADING, ("dead",), (), times)[0]
    for t in (0.4, 1.7, 3.0):
        assert np.interp(t, times, found) == pytest.approx(ill_then_dead(1.5, t), abs=3e-5)


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


def test_patients_who_differ_on_their_way_through_states_are_a_mixture() -> None:
    acts = CovariateEffect(
        covariate="age", on=(("active", "remission"), ("relapse", "death")), hazard_ratio=1.8
    )
    population = Population(covariates={"age": NormalCovariate(mean=0.0, sd=1.0)}, effects=(acts,))
    relapse = TimeToEvent(name="relapse", events=("relapse",), competing=("death",))
    arms = Arm(name="one", model=DISEASE), Arm(name="other", model=DISEASE)
    trial = survival_trial(arms=arms, primary=relapse, population=population)
    times = np.linspace(0.0, 3.0, 2049)
    ages = np.linspace(-8.0, 8.0, 401)
    weight = np.exp(-(ages**2) / 2) / np.exp(-(ages**2) / 2).sum()
    edges = {("active", "remission"): 1.5, ("active", "death"): 0.3, ("remission", "relapse"): 0.8}
    names = {name: number for number, name in enumerate(DISEASE.states)}
    rates = np.zeros((ages.size, 4, 4))
    for (begin, end), rate in edges.items():  # followed to the first relapse
        factor = 1.8**ages if (begin, end) in acts.on else 1.0
        rates[:, names[begin], names[end]] += rate * factor
        rates[:, names[begin], names[begin]] -= rate * factor
    found = first_entries_in(trial, 0, relapse, times, {})
    for place in (256, 1024, 2048):
        shares = np.tensordot(weight, scipy.linalg.expm(rates * times[place])[:, 0], axes=1)
        relapsed, dead = shares[names["relapse"]], shares[names["death"]]
        assert [one[place] for one in found] == pytest.approx([relapsed, dead], abs=1e-6)


def test_few_kinds_of_patients_may_have_hazards_of_the_time_in_a_state() -> None:
    acts = CovariateEffect(covariate="sex", level="male", on=(("well", "ill"),), hazard_ratio=2.0)
    population = Population(factors={"sex": {"female": 0.4, "male": 0.6}}, effects=(acts,))
    arms = Arm(name="one", model=FADING), Arm(name="other", model=FADING)
    dead, times = TimeToEvent(name="death", events=("dead",)), np.linspace(0.0, 3.0, 2049)
    trial = survival_trial(arms=arms, population=population, primary=dead)
    assert is_mixed(FADING, ("dead",), few=True)
    assert not is_mixed(FADING, ("dead",), few=False)
    found = first_entries_in(trial, 0, dead, times, {})[0]
    men = first_entries_in(trial, 0, dead, times, {"sex": "male"})[0]
    for place in (273, 1160, 2048):
        of_men, of_women = (ill_then_dead(rate, times[place]) for rate in (3.0, 1.5))
        assert men[place] == pytest.approx(of_men, abs=3e-5)
        assert found[place] == pytest.approx(0.4 * of_women + 0.6 * of_men, abs=3e-5)


def test_only_known_laws_are_mixed() -> None:
    assert is_mixed(TWO_ENDS, ("ill", "dead"), few=False)
    assert not is_mixed(TWO_ENDS, ("dead",), few=True)
    assert not is_mixed(TWO_ENDS, (), few=True)
    assert is_mixed(DISEASE, ("death",), few=False)
    assert not is_mixed(DISEASE, ("active",), few=True)  # where all begin
