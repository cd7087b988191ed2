"""Cohort models: their matrices, effects, and what is wrong with them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lupusim.model import FAMILIES, Start, TreatmentEffect
from lupusim.model.cycles import CohortModel, HazardRatioPerCycle, Move, RelativeRisk


def move(begin: str, end: str, *probabilities: float, among_survivors: bool = False) -> Move:
    return Move(
        from_state=begin,
        to_state=end,
        probabilities=probabilities,
        among_survivors=among_survivors,
    )


def model(*moves: Move, **rest: object) -> CohortModel:
    values = {"name": "test", "states": ("well", "ill", "dead"), "cycle": 1.0, "moves": moves}
    return CohortModel(**{**values, **rest})  # type: ignore[arg-type]


def test_the_rest_stays_and_the_last_probability_goes_on() -> None:
    matrices = model(move("well", "ill", 0.1, 0.2), move("ill", "dead", 0.5)).matrices(3)
    assert matrices[:, 0, 1].tolist() == [0.1, 0.2, 0.2]
    np.testing.assert_allclose(matrices.sum(axis=2), 1.0)
    assert matrices[0, 1].tolist() == [0, 0.5, 0.5]


def test_a_probability_among_survivors_is_of_those_who_do_not_die() -> None:
    ill = move("well", "ill", 0.5, among_survivors=True)
    row = model(ill, move("well", "dead", 0.2)).matrices(1)[0, 0]
    assert row == pytest.approx([0.4, 0.4, 0.2])


def test_effects_act_while_they_last() -> None:
    edges = (("well", "ill"),)
    risk = RelativeRisk(on=edges, relative_risk=0.5, lasts=2.0)
    ratio = HazardRatioPerCycle(
        effect=TreatmentEffect(on=edges, hazard_ratio=2.0, onset=1.0, lasts=1.0)
    )
    plain = model(move("well", "ill", 0.2), move("well", "dead", 0.1))
    assert plain.n_matrices == 1
    treated = plain.treated([risk])
    assert treated.matrices(4)[:, 0, 1].tolist() == pytest.approx([0.1, 0.1, 0.2, 0.2])
    assert treated.n_matrices == 3
    assert treated.matrices(4)[:, 0, 2].tolist() == pytest.approx([0.1] * 4)
    second = plain.treated([ratio])
    assert second.matrices(3)[:, 0, 1].tolist() == pytest.approx([0.2, 0.36, 0.2])
    assert second.n_matrices == 3
    assert RelativeRisk(on=edges, relative_risk=0.5).last_change == 0


def test_an_effect_lasts_its_years_however_short_the_cycles() -> None:
    never = RelativeRisk(on=(("well", "ill"),), relative_risk=0.0, lasts=1.5)
    quarterly = model(move("well", "ill", 0.2), cycle=0.25).treated([never])
    expected = [0.0] * 6 + [0.2] * 4
    assert quarterly.matrices(10)[:, 0, 1].tolist() == pytest.approx(expected)


def test_ways_out_may_be_certain_together() -> None:
    certain = model(move("well", "ill", 0.3), move("well", "dead", 0.7), move("ill", "dead", 0.8))
    assert certain.matrices(1)[0, 0].tolist() == pytest.approx([0.0, 0.3, 0.7])


def test_an_effect_on_a_move_that_is_not_there_is_refused() -> None:
    effect = RelativeRisk(on=(("well", "il"),), relative_risk=0.5)
    with pytest.raises(ValueError, match="Did you mean 'well -> ill'"):
        model(move("well", "ill", 0.2)).treated([effect])


def test_more_than_certain_is_refused_when_it_happens() -> None:
    effect = RelativeRisk(on=(("well", "ill"),), relative_risk=3.0)
    sure = model(move("well", "ill", 0.2, 0.3), move("well", "dead", 0.3)).treated([effect])
    sure.matrices(1)
    with pytest.raises(ValueError, match=r"'well' sum to 1.2 in cycle 2"):
        sure.matrices(2)


def test_a_horizon_is_a_whole_number_of_cycles() -> None:
    monthly = model(move("well", "dead", 0.1), cycle=1 / 12)
    assert monthly.n_cycles(2.0) == 24
    for horizon in (0.01, 1.03):
        with pytest.raises(ValueError, match="is not a whole number of cycles"):
            monthly.n_cycles(horizon)


def test_starts_may_be_several() -> None:
    starts = (Start(state="well", probability=0.25), Start(state="ill", probability=0.75))
    assert model(move("ill", "dead", 0.1), starts=starts).start.tolist() == [0.25, 0.75, 0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"states": ()}, "there is no state"),
        ({"states": ("well", "well", "dead")}, "named twice"),
        ({"cycle": 0.0}, "no length of a cycle"),
        ({"cycle": math.inf}, "no length of a cycle"),
        ({"starts": (Start(state="sick"),)}, "'sick' is not a state"),
        ({"starts": (Start(state="well", time_in_state=1.0),)}, "no memory of time"),
        ({"starts": (Start(state="well", probability=0.5),)}, r"sum to 0\.5"),
        ({"moves": (move("wel", "ill", 0.1),)}, "Did you mean 'well'"),
        ({"moves": (move("well", "well", 0.1),)}, "leads back"),
        ({"moves": (move("well", "ill", 0.1), move("well", "ill", 0.2))}, "given twice"),
        ({"moves": (move("well", "ill", 4.62),)}, "may be meant as 'rate:'"),
        ({"moves": (move("well", "ill"),)}, "no probability"),
        ({"moves": (move("well", "ill", 0.6), move("well", "dead", 0.5))}, r"'well' sum to 1\.1"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model(move("well", "ill", 0.1), **changed)


@pytest.mark.parametrize("bad", [{"relative_risk": -1.0}, {"relative_risk": 1.0, "lasts": -1.0}])
def test_a_relative_risk_out_of_range_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be 0 or above"):
        RelativeRisk(on=(), **bad)


PARAMETERS = {
    "exponential": {"rate": 0.3},
    "weibull": {"shape": 1.4, "scale": 7.0},
    "gompertz": {"shape": 0.1, "rate": 0.05},
    "gamma": {"shape": 1.7, "rate": 0.2},
    "lognormal": {"meanlog": 1.2, "sdlog": 0.7},
    "loglogistic": {"shape": 1.6, "scale": 5.0},
    "generalized_gamma": {"mu": 1.0, "sigma": 0.8, "q": 0.6},
    "piecewise_exponential": {"breaks": [6.0], "rates": [0.1, 0.4]},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_months_become_years(family: str) -> None:
    monthly = FAMILIES[family](**PARAMETERS[family])
    years = np.array([0.2, 0.7, 1.9])
    np.testing.assert_allclose(
        monthly.in_years(12).cumulative(years), monthly.cumulative(12 * years), rtol=1e-12
    )
