"""What one asks of a chain, against R's msm, matrix formulas and numerical integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm

import lupusim
from lupusim.common.arrays import FloatArray
from lupusim.engines.exact import solve
from lupusim.engines.exact.marching import MarchingGrid
from lupusim.errors import NoExactSolutionError
from lupusim.model import Clock, LatentClass, MultiStateModel, PiecewiseRatio, Start, Transition
from lupusim.model.hazards import (
    ExponentialHazard,
    GompertzHazard,
    Hazard,
    LoglogisticHazard,
    PiecewiseExponentialHazard,
    WeibullHazard,
)
from lupusim.scenario import packaged_names

# Heart transplant: coronary allograft vasculopathy, the model of Jackson (2011), Multi-State
# Models for Panel Data: The msm Package for R, Journal of Statistical Software 38(8),
# doi:10.18637/jss.v038.i08; data cav and estimates of msm 1.7 (qmatrix.msm, totlos.msm,
# efpt.msm, envisits.msm, pnext.msm, ppass.msm with default settings, deathexact=4).
HEART = {
    ("none", "mild"): 0.127870329450,
    ("none", "death"): 0.0425004241789,
    ("mild", "none"): 0.225119126987,
    ("mild", "severe"): 0.342611293675,
    ("mild", "death"): 0.0402102289821,
    ("severe", "mild"): 0.130622347998,
    ("severe", "death"): 0.3064751231997,
}


def way(edge: tuple[str, str], hazard: Hazard, **rest: object) -> Transition:
    return Transition(from_state=edge[0], to_state=edge[1], hazard=hazard, **rest)  # type: ignore[arg-type]


def model_of(*ways: Transition, **rest: object) -> MultiStateModel:
    states = tuple(dict.fromkeys(s for t in ways for s in (t.from_state, t.to_state)))
    return MultiStateModel(name="test", states=states, transitions=ways, **rest)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def heart() -> MultiStateModel:
    ways = [way(edge, ExponentialHazard(rate=rate)) for edge, rate in HEART.items()]
    return MultiStateModel(
        name="heart", states=("none", "mild", "severe", "death"), transitions=tuple(ways)
    )


def test_the_probabilities_at_ten_years_are_those_of_msm(heart: MultiStateModel) -> None:
    found = lupusim.transition_probabilities(heart, 10.0)
    expected = [
        [0.3094065591923, 0.0975002081859, 0.0878725451095, 0.505220687512],
        [0.1716517181293, 0.0655263883606, 0.0779439372806, 0.684877956230],
        [0.0589809316814, 0.0297165338322, 0.0466548544244, 0.864647680062],
        [0, 0, 0, 1],
    ]
    np.testing.assert_allclose(found.to_numpy(), expected, atol=1e-9)


def test_years_visits_and_next_states_are_those_of_msm(heart: MultiStateModel) -> None:
    years = lupusim.time_in_state(heart)
    np.testing.assert_allclose(years[:3], [8.81591735943, 2.22981711587, 1.74780358555], rtol=1e-8)
    assert years[:3].sum() == pytest.approx(12.79353802581, rel=1e-11)  # efpt.msm, a linear system
    assert years[3] == math.inf
    # msm counts entries; here the stay at the start is one.
    entries = lupusim.visits(heart) - [1, 0, 0, 0]
    expected = [0.501974482465, 1.355596465341, 0.763960526726, 1.0]
    np.testing.assert_allclose(entries, expected, rtol=1e-8)  # msm integrates numerically
    onward = lupusim.next_states(heart).to_numpy()
    assert onward[1] == pytest.approx([0.37029786891, 0, 0.563560429584, 0.0661417015059])
    assert lupusim.sojourn_times(heart)["mean"].tolist()[:3] == pytest.approx(
        [1 / 0.170370753629, 1 / 0.607940649645, 1 / 0.437097471198]
    )


def test_first_passages_are_those_of_msm(heart: MultiStateModel) -> None:
    expected = {"none": 12.79353802581, "mild": 9.22532005753, "severe": 5.04471682461, "death": 0}
    for start, years in expected.items():
        found = lupusim.first_passage(heart, "death", start=start)
        assert found.mean_time == pytest.approx(years, rel=1e-9)
        assert found.probability == pytest.approx(1.0)
    assert lupusim.life_expectancy(heart) == pytest.approx(12.79353802581)
    by_ten = [lupusim.ever(heart, "severe", [10.0], start=s)[0] for s in expected]
    assert by_ten == pytest.approx([0.356714938326, 0.675775344517, 1.0, 0.0], abs=1e-6)
    not_certain = lupusim.first_passage(heart, "severe")
    assert not_certain.mean_time == math.inf
    assert 0.356 < not_certain.probability < 1


def test_discounted_years_are_those_of_msm(heart: MultiStateModel) -> None:
    # totlos.msm(discount = 0.03, tot = 40) discounts by exp(-0.03 t).
    found = lupusim.time_in_state(heart, 40.0, discount=math.expm1(0.03))
    expected = [6.74782791123, 1.58740676698, 1.16055231471, 13.79773927667]
    np.testing.assert_allclose(found, expected, rtol=2e-5)  # msm integrates numerically
    rates = np.zeros((4, 4))
    states = list(heart.states)
    for (begin, end), rate in HEART.items():
        rates[states.index(begin), states.index(end)] = rate
    generator = rates - np.diag(rates.sum(axis=1)) - 0.03 * np.eye(4)
    exact = np.linalg.solve(generator, expm(40 * generator) - np.eye(4))[0]
    np.testing.assert_allclose(found, exact, rtol=1e-9)


def _simpson(model: MultiStateModel, until: float, rate: float = 0.0, n: int = 1200) -> FloatArray:
    times = np.linspace(0, until, n + 1)
    weights = np.full(n + 1, 2.0)
    weights[1::2] = 4
    weights[[0, -1]] = 1
    occupied = solve(model, times, tolerance=1e-6).probabilities
    return np.asarray((weights * np.exp(-rate * times)) @ occupied * until / n / 3)


def _semi_markov(**rest: object) -> MultiStateModel:
    return model_of(
        way(("a", "b"), WeibullHazard(shape=1.6, scale=2.0)),
        way(("b", "a"), PiecewiseExponentialHazard(breaks=(1.0,), rates=(0.2, 1.5))),
        way(("b", "c"), WeibullHazard(shape=1.3, scale=3.0)),
        way(("a", "c"), ExponentialHazard(rate=0.05)),
        **rest,
    )


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_semi_markov_years_are_the_integral_of_the_occupancy(rate: float) -> None:
    model = _semi_markov(starts=(Start(state="b", time_in_state=0.4),))
    found = lupusim.time_in_state(model, 6.0, discount=math.expm1(rate))
    np.testing.assert_allclose(found, _simpson(model, 6.0, rate), atol=2e-5)


def test_years_for_ever_are_the_limit_of_long_times() -> None:
    model = _semi_markov()
    forever = lupusim.time_in_state(model, discount=0.05)
    long = lupusim.time_in_state(model, 400.0, discount=0.05)
    np.testing.assert_allclose(forever, long, rtol=2e-5)
    np.testing.assert_allclose(
        lupusim.time_in_state(model)[:2], lupusim.time_in_state(model, 400.0)[:2], rtol=1e-5
    )


def test_years_of_mixed_clocks_and_passing_effects_are_integrals() -> None:
    ratio = PiecewiseRatio(breaks=(1.0,), ratios=(0.5, 1.0))
    model = model_of(
        way(("a", "b"), WeibullHazard(shape=1.4, scale=2.0), ratio=ratio),
        way(("b", "a"), WeibullHazard(shape=1.2, scale=1.0)),
        way(("a", "c"), GompertzHazard(shape=0.2, rate=0.05), clock=Clock.FORWARD),
        way(("b", "c"), ExponentialHazard(rate=0.1)),
    )
    found = lupusim.time_in_state(model, 4.0, tolerance=1e-5)
    times, weights = np.polynomial.legendre.leggauss(24)
    nodes = np.concatenate([0.5 * (times + 1), 1 + 1.5 * (times + 1)])
    areas = (
        np.concatenate([0.5 * weights, 1.5 * weights])
        @ solve(model, nodes, tolerance=1e-5).probabilities
    )
    np.testing.assert_allclose(found, areas, atol=5e-5)  # 1e-5, and 1e-5 over four years
    assert lupusim.visits(model, 4.0).sum() > 1


def test_mixed_clocks_have_an_answer_for_ever_where_everybody_dies(monkeypatch) -> None:
    ways = (
        way(("a", "b"), WeibullHazard(shape=1.4, scale=2.0)),
        way(("a", "c"), GompertzHazard(shape=0.3, rate=0.2), clock=Clock.FORWARD),
        way(("b", "c"), ExponentialHazard(rate=0.5)),
    )
    model = model_of(*ways)

    def alone(t: float) -> float:
        return math.exp(-((t / 2) ** 1.4) - 0.2 / 0.3 * math.expm1(0.3 * t))

    into_b = quad(lambda t: alone(t) * 0.7 * (t / 2) ** 0.4, 0, 30)[0]
    found = lupusim.time_in_state(model)
    expected = [quad(alone, 0, 30)[0], into_b / 0.5]
    np.testing.assert_allclose(found[:2], expected, atol=2e-5)
    assert found[2] == math.inf
    monkeypatch.setattr(MarchingGrid, "largest_steps_of_sums", 64)  # 1024 take their time
    with pytest.raises(NoExactSolutionError, match="Give a time, such as 50 years"):
        lupusim.time_in_state(model, tolerance=1e-9)


def test_gompertz_mortality_gives_the_integral_of_its_survival() -> None:
    rate, shape = 0.01, 0.09
    model = model_of(
        way(("alive", "dead"), GompertzHazard(shape=shape, rate=rate), clock=Clock.FORWARD)
    )

    def survival(t: float) -> float:
        return math.exp(-rate / shape * math.expm1(shape * t))

    assert lupusim.life_expectancy(model) == pytest.approx(quad(survival, 0, 120)[0], rel=1e-6)
    discounted = quad(lambda t: survival(t) * 1.03**-t, 0, 120)[0]
    assert lupusim.life_expectancy(model, discount=0.03) == pytest.approx(discounted, rel=1e-6)
    assert lupusim.sojourn_times(model)["mean"]["alive"] == pytest.approx(
        quad(survival, 0, 120)[0], rel=1e-9
    )
    median = math.log1p(math.log(2) * shape / rate) / shape
    assert lupusim.sojourn_times(model)["median"]["alive"] == pytest.approx(median)


def test_a_stay_is_split_as_its_competing_hazards_say() -> None:
    model = model_of(
        way(("a", "b"), WeibullHazard(shape=0.6, scale=2.0)),
        way(("a", "c"), LoglogisticHazard(shape=1.5, scale=3.0)),
    )

    def flow(t: float) -> float:
        hazard = 0.6 / 2 * (t / 2) ** -0.4
        return hazard * math.exp(-((t / 2) ** 0.6)) / (1 + (t / 3) ** 1.5)

    expected = quad(flow, 0, 1)[0] + quad(flow, 1, np.inf)[0]
    found = lupusim.next_states(model).loc["a"]
    assert found["b"] == pytest.approx(expected, rel=1e-7)
    assert found.sum() == pytest.approx(1.0)


def test_a_heavy_tail_has_no_mean_but_a_median() -> None:
    model = model_of(way(("a", "b"), LoglogisticHazard(shape=0.9, scale=3.0)))
    found = lupusim.sojourn_times(model).loc["a"]
    assert found["mean"] == math.inf
    assert found["median"] == pytest.approx(3.0)
    assert lupusim.first_passage(model, "b").probability == pytest.approx(1.0)


def test_who_may_stay_for_ever_has_no_mean_and_no_median() -> None:
    model = model_of(
        way(("a", "b"), PiecewiseExponentialHazard(breaks=(1.0,), rates=(0.3, 0.0))),
        way(("b", "c"), ExponentialHazard(rate=1.0)),
    )
    assert lupusim.sojourn_times(model).loc["a"].tolist() == [math.inf, math.inf]
    assert lupusim.next_states(model).loc["a", "b"] == pytest.approx(-math.expm1(-0.3))
    assert lupusim.visits(model).tolist() == pytest.approx([1, *(2 * [-math.expm1(-0.3)])])
    assert lupusim.time_in_state(model).tolist() == pytest.approx(
        [math.inf, -math.expm1(-0.3), math.inf]
    )
    decade = lupusim.time_in_state(model, discount=math.expm1(0.1))[0]
    expected = quad(lambda t: math.exp(-0.4 * t), 0, 1)[0] + math.exp(-0.3) * math.exp(-0.1) / 0.1
    assert decade == pytest.approx(expected)


def test_states_come_back_to_for_ever_are_visited_without_end() -> None:
    endless = model_of(
        way(("new", "a"), ExponentialHazard(rate=1.0)),
        way(("a", "b"), ExponentialHazard(rate=1.0)),
        way(("b", "a"), WeibullHazard(shape=2.0, scale=1.0)),
    )
    assert lupusim.visits(endless).tolist() == [1.0, math.inf, math.inf]
    assert lupusim.time_in_state(endless).tolist() == pytest.approx([1.0, math.inf, math.inf])
    worth = lupusim.time_in_state(endless, discount=0.04)
    assert worth.sum() == pytest.approx(1 / math.log(1.04))
    with pytest.raises(ValueError, match="Name the dead ones"):
        lupusim.life_expectancy(endless)
    assert lupusim.life_expectancy(endless, 3.0, dead=["a"]) < 3.0


def test_visits_by_a_time_are_the_integral_of_the_flow() -> None:
    model = lupusim.load_model("illness-death")
    found = lupusim.visits(model, 5.0)
    years = lupusim.time_in_state(model, 5.0)
    assert found == pytest.approx(
        [1 + 0.4 * years[1], 0.2 * years[0], 0.02 * years[0] + 0.1 * years[1]], rel=1e-9
    )


def test_questions_start_where_nobody_else_does() -> None:
    model = lupusim.load_model("sick-sicker")
    assert lupusim.time_in_state(model, 7.0, start="dead").tolist() == [0, 0, 0, 7]
    assert lupusim.life_expectancy(model, start="sicker") == pytest.approx(50.0)
    assert lupusim.occupancy(model, [3.0], start="sicker")["dead"].item() == pytest.approx(
        -math.expm1(-0.06), abs=1e-6
    )
    with pytest.raises(ValueError, match="Did you mean 'sicker'"):
        lupusim.visits(model, start="sickers")


def test_latent_classes_have_stays_of_their_own() -> None:
    model = model_of(
        way(("a", "b"), ExponentialHazard(rate=1.0)),
        classes=(
            LatentClass(name="fast", probability=0.25, hazard_ratios={("a", "b"): 4.0}),
            LatentClass(name="nobody", probability=0.0),
            LatentClass(name="slow", probability=0.75, hazard_ratios={("a", "b"): 0.5}),
        ),
    )
    table = lupusim.sojourn_times(model)
    assert table.loc[("fast", "a"), "mean"] == pytest.approx(0.25)
    assert table.loc[("slow", "a"), "mean"] == pytest.approx(2.0)
    assert len(table) == 4
    assert lupusim.life_expectancy(model, dead=["b"]) == pytest.approx(0.25 * 0.25 + 0.75 * 2)


@pytest.mark.parametrize("bad", [-1.0, math.nan])
def test_a_time_or_rate_that_is_none_is_refused(bad: float) -> None:
    model = lupusim.load_model("illness-death")
    with pytest.raises(ValueError, match="must be a number of years"):
        lupusim.time_in_state(model, bad)
    with pytest.raises(ValueError, match=r"such as 0\.03"):
        lupusim.time_in_state(model, 1.0, discount=bad)


@pytest.mark.parametrize("name", packaged_names("models"))
def test_every_packaged_model_answers(name: str) -> None:
    model = lupusim.load_model(name)
    ending = model.states[-1]
    assert lupusim.time_in_state(model, 5.0).sum() == pytest.approx(5.0, rel=1e-6)
    assert np.isfinite(lupusim.time_in_state(model)[:-1]).all()
    assert lupusim.first_passage(model, ending).probability == pytest.approx(1.0)
    onward = lupusim.next_states(model).query("state != @ending")
    np.testing.assert_allclose(onward.sum(axis=1), 1.0, rtol=1e-9)
