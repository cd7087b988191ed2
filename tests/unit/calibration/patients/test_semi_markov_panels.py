"""Panels of models whose hazards depend on time in state, beside a calculation by ages."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lupusim.calibration.estimation.parameters import (
    FreeModel,
    FreeParameter,
    NormalPrior,
    Transform,
)
from lupusim.calibration.fit import fit_studies
from lupusim.calibration.patients.contributions import PanelLikelihood
from lupusim.calibration.patients.histories import Panel
from lupusim.calibration.patients.semi_markov_panels import (
    SemiMarkovPanelLikelihood,
    panel_likelihood,
)
from lupusim.common.arrays import FloatArray
from lupusim.model import Clock, LatentClass, MultiStateModel, Start, Transition
from lupusim.model.effects import PiecewiseRatio
from lupusim.model.hazards import ExponentialHazard, Hazard, WeibullHazard
from lupusim.scenario.calibrate import calibrate
from lupusim.scenario.files.calibration_block import free_model_from_mapping
from studies_for_tests import free_rates
from tolerance import SEED


def way(
    origin: str, to: str, hazard: Hazard, clock: Clock = Clock.RESET, **rest: object
) -> Transition:
    return Transition(from_state=origin, to_state=to, hazard=hazard, clock=clock, **rest)  # type: ignore[arg-type]


WAYS = (
    way("well", "ill", WeibullHazard(shape=1.6, scale=2.0)),
    way("ill", "well", WeibullHazard(shape=1.3, scale=1.5)),
    way("well", "death", ExponentialHazard(rate=0.05)),
    way("ill", "death", WeibullHazard(shape=1.4, scale=6.0), Clock.FORWARD),
)
STATES = ("well", "ill", "death")
RATE = np.log([[0.05]])


def model(*ways: Transition, **rest: object) -> MultiStateModel:
    return MultiStateModel(name="relapsing", states=STATES, transitions=ways or WAYS, **rest)  # type: ignore[arg-type]


def panel(*histories: list[tuple[float, int]]) -> Panel:
    """Give each patient's times and states."""
    rows = [
        (number, a[1], b[1], a[0], b[0])
        for number, history in enumerate(histories)
        for a, b in pairwise(history)
    ]
    patient, state, following, begin, end = (np.array(c) for c in zip(*rows, strict=True))
    return Panel(patient=patient, state=state, next_state=following, begin=begin, end=end)


FORGETFUL = (WAYS[0], way("ill", "well", ExponentialHazard(rate=0.6)), *WAYS[2:])
"""No hazard of the ill asks since when they are: histories are cut where a patient is ill."""


def by_ages(ways: tuple[Transition, ...], history: list[tuple[float, int]], step: float) -> float:
    """Follow a patient by time in state, step by step; a death is a density."""
    n = round(history[-1][0] / step)
    mass = np.zeros((2, n + 1))
    mass[history[0][1], 0] = 1.0
    seen = {round(time / step): state for time, state in history[1:]}
    ages = np.arange(n + 1) * step
    there = [
        ways[k].hazard.cumulative(ages + step) - ways[k].hazard.cumulative(ages) for k in (0, 1)
    ]
    for now in range(1, n + 1):
        late = np.array([now - 1, now]) * step
        deaths = np.array([0.05 * step, np.diff(ways[3].hazard.cumulative(late))[0]])[:, None]
        total = np.array(there) + deaths
        gone = mass * (1 - np.exp(-total))
        moved = (gone * np.array(there) / total).sum(axis=1)
        died = float((gone * deaths / total).sum())
        mass[:, 1:] = (mass - gone)[:, :-1]
        mass[:, 0] = moved[::-1]
        state = seen.get(now)
        if state == 2:
            return died / step
        if state is not None:
            mass[1 - state] = 0.0
    return float(mass.sum())


HISTORIES: list[list[tuple[float, int]]] = [
    [(0.0, 0), (1.0, 0), (2.0, 1), (3.5, 2)],
    [(0.0, 0), (1.0, 1), (2.5, 0), (4.0, 0)],
    [(0.0, 0), (0.5, 1), (1.0, 1), (1.5, 1), (3.0, 1)],
    [(0.0, 1), (2.0, 0), (4.0, 1)],
    [(0.0, 0), (3.0, 2)],
]


@pytest.mark.parametrize("ways", [WAYS, FORGETFUL], ids=["all", "cut where a patient is ill"])
def test_panels_with_hidden_moves_are_those_of_a_calculation_by_ages(
    ways: tuple[Transition, ...],
) -> None:
    at = RATE if ways is WAYS else np.log([[0.6, 0.05]])
    likelihood = panel_likelihood(free_rates(model(*ways)), panel(*HISTORIES))
    assert isinstance(likelihood, SemiMarkovPanelLikelihood)
    ours = np.exp(likelihood.contributions(at)[0])
    coarse, fine = (
        np.array([by_ages(ways, h, step) for h in HISTORIES]) for step in (1 / 80, 1 / 160)
    )
    np.testing.assert_allclose(ours, 2 * fine - coarse, rtol=5e-4)
    exact = 2 * fine - coarse
    assert abs(np.log(exact / ours).sum()) < likelihood.numerical_error(at[0])
    rough = np.exp(likelihood.coarse().contributions(at)[0])
    assert np.abs(rough / exact - 1).max() > 5e-4  # what the second mesh is for


def test_vectors_are_answered_in_a_stack_as_one_by_one() -> None:
    likelihood = SemiMarkovPanelLikelihood(free_shapes(model()), panel(*HISTORIES))
    some = np.log([[0.05, 1.6], [0.1, 1.2], [0.02, 0.8]])
    one_by_one = np.concatenate([likelihood.contributions(row[None]) for row in some])
    np.testing.assert_allclose(likelihood.contributions(some), one_by_one, rtol=1e-12)
    assert likelihood.contributions(some[:0]).shape == (0, len(HISTORIES))


def free_shapes(plain: MultiStateModel) -> FreeModel:
    """The rate of death, and the shape of the hazard of falling ill."""
    places = {"death": "well -> death.rate", "shape": "well -> ill.shape"}
    parameters = tuple(
        FreeParameter(
            name=name,
            places={place: 1.0},
            transform=Transform.LOG,
            prior=NormalPrior(mean=0.0, sd=1.0),
        )
        for name, place in places.items()
    )
    return FreeModel(model=plain, parameters=parameters)


def test_classes_and_covariates_are_those_of_matrix_exponentials() -> None:
    ways = [way(t.from_state, t.to_state, ExponentialHazard(rate=0.3)) for t in WAYS]
    classes = (
        LatentClass(name="quick", probability=0.3, hazard_ratios={("well", "ill"): 3.0}),
        LatentClass(name="never", probability=0.7, hazard_ratios={("well", "ill"): 0.1}),
    )
    male = {"male": {("ill", "death"): 0.7, ("well", "ill"): -0.4}}
    free = free_rates(model(*ways, classes=classes, covariates=male))
    seen = panel(*HISTORIES)
    seen = Panel(
        patient=seen.patient,
        state=seen.state,
        next_state=seen.next_state,
        begin=seen.begin,
        end=seen.end,
        covariates={"male": (seen.patient % 2).astype(float)},
    )
    at = np.log([[0.3, 0.2, 0.1, 0.4]])
    exact = PanelLikelihood(free, seen).contributions(at)
    ours = SemiMarkovPanelLikelihood(free, seen).contributions(at)
    np.testing.assert_allclose(ours, exact, atol=3e-4)


def test_time_in_state_before_the_first_visit_counts() -> None:
    starts = (
        Start(state="ill", probability=0.5, time_in_state=2.0),
        Start(state="well", probability=0.5),
    )
    late = way("ill", "death", WeibullHazard(shape=2.0, scale=3.0))
    plain = model(way("well", "death", ExponentialHazard(rate=0.05)), late, starts=starts)
    seen = panel([(0.0, 1), (1.0, 1), (2.0, 2)])
    ours = SemiMarkovPanelLikelihood(free_rates(plain), seen).contributions(RATE)[0, 0]
    by_hand = math.log(2 / 3 * 4 / 3) - (4 / 3) ** 2 + (2 / 3) ** 2
    assert ours == pytest.approx(by_hand, abs=1e-9)


def test_a_search_begins_with_every_few_of_many_patients() -> None:
    histories = [[(0.0, 0), (1.0 + k / 100, k % 3)] for k in range(150)]
    likelihood = SemiMarkovPanelLikelihood(free_rates(model()), panel(*histories))
    few = likelihood.few()
    assert (few.n_patients, few.is_coarse) == (50, True)
    whole = likelihood.coarse().contributions(RATE)[0]
    np.testing.assert_allclose(few.contributions(RATE)[0], whole[::3], atol=1e-12)


def test_effects_that_change_with_study_time_are_refused() -> None:
    fading = PiecewiseRatio(ratios=(0.5, 1.0), breaks=(1.0,))
    plain = model(*WAYS[1:], way("well", "ill", WeibullHazard(shape=2.0, scale=3.0), ratio=fading))
    with pytest.raises(ValueError, match="hazard ratios that change"):
        panel_likelihood(free_rates(plain), panel(HISTORIES[0]))


def test_visits_too_far_apart_are_told() -> None:
    ways = (
        way("well", "ill", WeibullHazard(shape=0.6, scale=0.01)),
        way("ill", "well", WeibullHazard(shape=0.6, scale=0.01)),
        way("well", "death", ExponentialHazard(rate=0.05)),
    )
    seen = panel(*[[(0.0, 0), (5.0, 1), (9.0, 0), (9.5, 2)]] * 10)
    likelihood = panel_likelihood(free_rates(model(*ways)), seen)
    fit = fit_studies([], likelihood.free_model, seed=SEED, n_starts=2, patients=[likelihood])  # type: ignore[attr-defined]
    assert any("visits are far apart" in sentence for sentence in fit.statements)


def visited_each_year(n: int) -> str:
    """Simulate with Weibull times in state; death at its exact time."""
    rng = np.random.default_rng(SEED)
    rows = ["id,time,state"]
    for k in range(n):
        ill, dead = 3.0 * rng.weibull(2.0), 0.0
        dead = min(rng.exponential(20.0), ill + 2.0 * rng.weibull(1.0))
        for year in range(7):
            if year >= dead:
                rows.append(f"{k},{dead},death")
                break
            rows.append(f"{k},{year},{'ill' if year >= ill else 'well'}")
    return "\n".join(rows) + "\n"


@pytest.mark.slow
def test_shapes_of_hidden_sojourns_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text(visited_each_year(100), encoding="utf-8")
    hazards = {
        "well -> ill": {"family": "weibull", "shape": 1.2, "scale": 2.0},
        "ill -> death": {"family": "exponential", "rate": 0.3},
        "well -> death": {"family": "exponential", "rate": 0.1},
    }
    truth = {
        "well -> ill.shape": 2.0,
        "well -> ill.scale": 3.0,
        "ill -> death.rate": 0.5,
        "well -> death.rate": 0.05,
    }
    free = free_model_from_mapping(
        {
            "schema": "lupusim/model/1",
            "name": "sojourns",
            "states": list(STATES),
            "start": "well",
            "transitions": [
                {"from": label.split(" -> ")[0], "to": label.split(" -> ")[1], "hazard": hazard}
                for label, hazard in hazards.items()
            ],
            "calibration": {
                "parameters": [
                    {
                        "name": place,
                        "places": {place: 1.0},
                        "transform": "log",
                        "prior": {"mean": 0.0, "sd": 1.5},
                    }
                    for place in truth
                ]
            },
        }
    )
    fit = calibrate(str(path), model=free, seed=SEED, n_starts=2, n_draws=0)
    found = fit.estimates.set_index("parameter")
    for name, value in truth.items():
        error: FloatArray = (math.log(found["estimate"][name]) - math.log(value)) / found[
            "standard_error"
        ][name]
        assert abs(error) < 4
    assert 0.5 < found["lower"]["well -> ill.shape"] < 2.0 < found["upper"]["well -> ill.shape"]
    assert found["lower"]["well -> ill.shape"] > 1.2  # a constant hazard is excluded
