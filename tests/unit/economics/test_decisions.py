"""Dominance, ratios, net benefit and the value of information, by brute force."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import lupusim
from lupusim.common.rng import stream
from lupusim.economics import (
    Cycles,
    Discount,
    Exact,
    Psa,
    Rewards,
    Simulated,
    Strategy,
    Walks,
    evaluate,
    incremental_analysis,
    net_benefit,
    psa,
    tornado,
)
from lupusim.economics.corrections import CORRECTIONS, Calendar
from lupusim.errors import LupusimError
from lupusim.model import MultiStateModel, PiecewiseRatio, Transition
from lupusim.model.hazards import ExponentialHazard, WeibullHazard
from lupusim.scenario.files.draws import load_model_draws
from tolerance import assert_within_mcse


def table(*rows: tuple[str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["strategy", "cost", "effect"])


def test_dominance_and_extended_dominance_are_told_apart() -> None:
    # E is worse and dearer than C; B's ratio (20) is above C's (10): a mixture of A and C beats it.
    found = incremental_analysis(
        table(("A", 0, 0), ("B", 200, 10), ("C", 300, 25), ("D", 1000, 40), ("E", 400, 20))
    ).set_index("strategy")
    assert found["status"].to_dict() == {
        "A": "frontier",
        "B": "extendedly dominated",
        "C": "frontier",
        "E": "dominated",
        "D": "frontier",
    }
    assert found.loc["C", "icer"] == pytest.approx(12.0)
    assert found.loc["D", "icer"] == pytest.approx(700 / 15)
    assert math.isnan(found.loc["A", "icer"])


def test_of_two_alike_one_is_dominated() -> None:
    found = incremental_analysis(table(("A", 1, 1), ("B", 1, 1)))
    assert found["status"].tolist() == ["frontier", "dominated"]


def test_the_frontier_is_who_is_best_at_some_price() -> None:
    rng = stream(20260101, "frontier")
    for _ in range(30):
        cost, effect = rng.random(7), rng.random(7)
        found = incremental_analysis(
            pd.DataFrame({"strategy": list("abcdefg"), "cost": cost, "effect": effect})
        )
        frontier = set(found.loc[found["status"] == "frontier", "strategy"])
        prices = np.concatenate([np.linspace(0, 5, 20001), np.geomspace(5, 1e6, 20001)])
        best = np.argmax(prices[:, None] * effect - cost, axis=1)
        assert {"abcdefg"[k] for k in best} == frontier


def test_net_benefit_puts_the_best_first() -> None:
    found = net_benefit(table(("A", 10, 1), ("B", 30, 2)), 25.0)
    assert found["strategy"].tolist() == ["B", "A"]
    assert found["net_benefit"].tolist() == [20, 15]
    with pytest.raises(ValueError, match="must be 0 or above"):
        net_benefit(table(("A", 1, 1)), -1.0)


@pytest.fixture(scope="module")
def analysis() -> Psa:
    rng = stream(20260101, "psa")
    cost, effect = rng.normal(size=(400, 3)), rng.normal(size=(400, 3))
    cost[:, 1], effect[:, 1] = cost[:, 0], effect[:, 0]  # two that always tie
    return Psa(
        strategies=("a", "b", "c"), costs=cost, effects=effect, weights=np.full(400, 1 / 400)
    )


def test_acceptability_and_information_are_counted_by_hand(analysis: Psa) -> None:
    curve = analysis.acceptability([0.0, 2.0]).set_index(["willingness_to_pay", "strategy"])
    value = analysis.evpi([2.0]).loc[0]
    benefit = 2 * analysis.effects - analysis.costs
    wins_c = np.mean(benefit[:, 2] > benefit[:, 0])
    assert curve.loc[(2.0, "c"), "probability"] == pytest.approx(wins_c)
    assert curve.loc[(2.0, "a"), "probability"] == pytest.approx((1 - wins_c) / 2)
    assert curve["on_frontier"].groupby("willingness_to_pay").sum().tolist() == [1, 1]
    assert value["evpi"] == pytest.approx(benefit.max(axis=1).mean() - benefit.mean(axis=0).max())
    assert 0 < value["evpi_mcse"] < value["evpi"]
    assert analysis.means()["cost"].tolist() == pytest.approx(analysis.costs.mean(axis=0).tolist())
    plane = analysis.plane("a")
    assert plane.query("strategy == 'b'")["incremental_cost"].abs().max() == 0
    assert len(plane) == 800


def _death(rate: float) -> MultiStateModel:
    way = Transition(from_state="alive", to_state="dead", hazard=ExponentialHazard(rate=rate))
    return MultiStateModel(name="two", states=("alive", "dead"), transitions=(way,))


def _make(values):
    years = Rewards(per_year={"alive": 1.0})
    return [
        Strategy(name="none", model=_death(values["rate"]), utilities=(years,)),
        Strategy(
            name="drug",
            model=_death(values["rate"] * values["ratio"]),
            utilities=(years,),
            costs=(Rewards(per_year={"alive": values["price"]}),),
        ),
    ]


def test_draws_go_through_the_whole_model() -> None:
    draws = pd.DataFrame({"rate": [0.1, 0.2], "ratio": [0.5, 0.8], "price": [10.0, 20.0]})
    found = psa(_make, draws, math.inf, discount=Discount(costs=0, effects=0), weights=[1, 3])
    assert found.effects.tolist() == pytest.approx(np.array([[10, 20], [5, 6.25]]))
    assert found.costs[:, 1].tolist() == pytest.approx([200, 125])
    assert found.weights.tolist() == [0.25, 0.75]
    bars = tornado(
        _make,
        draws,
        math.inf,
        pair=("none", "drug"),
        willingness_to_pay=100.0,
        discount=Discount(costs=0, effects=0),
    ).set_index("parameter")
    by_hand = 100 * (1 / (0.15 * bars.loc["ratio", "low"]) - 1 / 0.15) - 15 / (
        0.15 * bars.loc["ratio", "low"]
    )
    assert bars.loc["ratio", "at_low"] == pytest.approx(by_hand)
    assert bars.index[0] == "ratio"
    with pytest.raises(ValueError, match="is not a strategy"):
        tornado(_make, draws, 1.0, pair=("none", "drugs"), willingness_to_pay=1.0)


def test_draws_that_are_none_are_refused() -> None:
    one = pd.DataFrame({"rate": [0.1], "ratio": [0.5], "price": [1.0]})
    with pytest.raises(ValueError, match="at least one row"):
        psa(_make, one.iloc[:0], 1.0)
    with pytest.raises(ValueError, match="one number for each draw"):
        psa(_make, one, 1.0, weights=np.array([-1.0]))
    two = pd.concat([one, one.assign(rate=0.3)])
    with pytest.raises(ValueError, match="same names"):
        psa(lambda v: _make(v)[:1] if v["rate"] > 0.2 else _make(v), two, 1.0)


REWARDS = (
    Rewards(per_year={"a": 3.0, "b": 1.0}, per_transition={("a", "b"): 5.0}),
    Rewards(per_entry={"c": 7.0}, at_start=11.0, begins=1.0, lasts=2.0),
    Rewards(per_year={"b": 2.0}, begins=0.5, lasts=1.0),
)


def _semi_markov(*, ratio: PiecewiseRatio) -> MultiStateModel:
    ways = (
        ("a", "b", WeibullHazard(shape=1.5, scale=1.0)),
        ("b", "a", ExponentialHazard(rate=0.8)),
        ("b", "c", WeibullHazard(shape=0.8, scale=2.0)),
    )
    return MultiStateModel(
        name="three",
        states=("a", "b", "c"),
        transitions=tuple(
            Transition(
                from_state=a, to_state=b, hazard=h, ratio=ratio if b == "c" else PiecewiseRatio()
            )
            for a, b, h in ways
        ),
    )


@pytest.mark.parametrize("breaks", [(), (1.0,)])
@pytest.mark.parametrize("engine", ["vector", "events"])
def test_rewards_of_states_moves_and_windows_agree_between_engines(
    engine: str, breaks: tuple[float, ...]
) -> None:
    ratio = PiecewiseRatio(breaks=breaks, ratios=(0.5,) if not breaks else (0.5, 1.0))
    strategy = Strategy(
        name="s", model=_semi_markov(ratio=ratio), costs=REWARDS, utilities=REWARDS[:1]
    )
    exact = evaluate([strategy], 4.0, method=Exact(tolerance=1e-5)).loc[0]
    found = evaluate(
        [strategy], 4.0, method=Simulated(engine=engine, n_patients=4000, seed=20260101)
    ).loc[0]
    for what in ("cost", "effect"):
        assert_within_mcse(found[what], exact[what], mcse=found[f"{what}_mcse"])


def test_stays_tell_the_last_one_too() -> None:
    model = lupusim.load_model("illness-death")
    histories = lupusim.simulate(model, 50, 10.0, seed=3)
    stays, moves = histories.stays(), histories.transitions()
    assert len(stays) == len(moves) + 50
    assert stays["next_state"].isna().sum() == 50
    years = (stays["exit_time"] - stays["entry_time"]).groupby(stays["patient"]).sum()
    np.testing.assert_allclose(years, 10.0)
    alive = histories.rewards(Rewards(per_year={"healthy": 1.0, "ill": 1.0}))
    dead = stays[stays["state"] == "death"].set_index("patient")["entry_time"]
    np.testing.assert_allclose(alive, dead.reindex(range(50)).fillna(10.0))
    with pytest.raises(ValueError, match="Did you mean 'ill'"):
        histories.rewards(Rewards(per_year={"il": 1.0}))
    with pytest.raises(ValueError, match=r"such as 0\.03"):
        histories.rewards(Rewards(per_year={"ill": 1.0}), discount=-1.0)


@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_cohort_that_stays_is_counted_as_the_correction_says(name: str) -> None:
    calendar = Calendar(n_cycles=8, cycle=0.5, discount=0.0)
    counts, moves = CORRECTIONS[name](calendar, Rewards())
    total = {"none": 4.5, "simpson_as_published": (8 * 1.0 - 1 / 3 - 1 / 3 + 1 / 3) * 0.5}
    if name != "simpson_as_published":
        assert counts.sum() == pytest.approx(total.get(name, 4.0))
    assert len(moves) == 8
    # Half of the window: what begins at year 2 counts half as much.
    late, _ = CORRECTIONS[name](calendar, Rewards(begins=2.0))
    early, _ = CORRECTIONS[name](calendar, Rewards(lasts=2.0))
    np.testing.assert_allclose(early + late, counts)


def test_simpson_is_exact_for_cubics_also_with_an_odd_number() -> None:
    for n_cycles in (1, 3, 4, 5, 75):
        calendar = Calendar(n_cycles=n_cycles, cycle=1.0, discount=0.0)
        weights, _ = CORRECTIONS["simpson"](calendar, Rewards())
        power = 1 if n_cycles == 1 else 3
        assert weights @ calendar.times**power == pytest.approx(
            n_cycles ** (power + 1) / (power + 1)
        )


def test_the_published_weights_are_one_two_and_four_thirds() -> None:
    calendar = Calendar(n_cycles=75, cycle=1.0, discount=0.0)
    weights, _ = CORRECTIONS["simpson_as_published"](calendar, Rewards())
    assert weights[:4].tolist() == pytest.approx([1 / 3, 2 / 3, 4 / 3, 2 / 3])
    assert weights[-2:].tolist() == pytest.approx([4 / 3, 1 / 3])


COHORT = lupusim.load_cohort_model("sick-sicker-yearly")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Strategy(name="x"), ValueError, "needs either a model or a cohort"),
        (
            lambda: Strategy(name="x", cohort=COHORT, costs=(Rewards(per_year={"well": 1.0}),)),
            ValueError,
            "'well' is not a state",
        ),
        (
            lambda: Strategy(
                name="x", cohort=COHORT, costs=(Rewards(per_transition={("sick", "well"): 1.0}),)
            ),
            ValueError,
            "no transition sick -> well",
        ),
        (lambda: Rewards(per_year={"a": math.nan}), ValueError, "must be a finite number"),
        (lambda: Rewards(begins=-1.0), ValueError, "must be 0 or above"),
        (lambda: Discount(costs=3.0), ValueError, "such as 0.03"),
        (lambda: Cycles(correction="halfcycle"), ValueError, "Did you mean 'half_cycle'"),
        (lambda: evaluate([], 1.0), ValueError, "at least one"),
        (
            lambda: evaluate([Strategy(name="x", cohort=COHORT)], 0.0),
            ValueError,
            "must be above 0 years",
        ),
        (
            lambda: evaluate([Strategy(name="x", cohort=COHORT)], 2.0),
            LupusimError,
            "moves in cycles",
        ),
        (
            lambda: evaluate([Strategy(name="x", model=_death(0.1))], 2.0, method=Cycles()),
            LupusimError,
            "give their length",
        ),
        (
            lambda: evaluate(
                [Strategy(name="x", model=_death(0.1))], math.inf, method=Walks(cycle=1.0, seed=1)
            ),
            LupusimError,
            "needs a horizon",
        ),
        (
            lambda: evaluate(
                [Strategy(name="x", cohort=COHORT, costs=(Rewards(lasts=1.5),))],
                3.0,
                method=Cycles(),
            ),
            ValueError,
            "within a cycle",
        ),
    ],
)
def test_what_does_not_fit_is_said(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


def test_costs_may_go_on_for_ever() -> None:
    strategy = Strategy(
        name="x",
        model=_death(0.1),
        costs=(Rewards(per_year={"alive": 2.0}, per_entry={"dead": 5.0}),),
    )
    found = evaluate([strategy], math.inf, discount=Discount(costs=0.04, effects=0.0)).loc[0]
    rate = math.log(1.04)
    assert found["cost"] == pytest.approx((2 + 5 * 0.1) / (0.1 + rate))


def test_draws_of_a_calibration_are_averaged() -> None:
    models = load_model_draws("markov-sat0244").models[:10]
    years = Rewards(per_year={s: 1.0 for s in models[0].states if s != "death"})

    def make(row):
        return [Strategy(name="cells", model=models[int(row["draw"])], utilities=(years,))]

    found = psa(make, pd.DataFrame({"draw": range(10)}), 5.0, discount=Discount(costs=0, effects=0))
    by_hand = [lupusim.life_expectancy(model, 5.0) for model in models]
    assert found.means()["effect"][0] == pytest.approx(np.mean(by_hand), rel=1e-9)
