"""Published cost-effectiveness tables, by every method that can meet them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

import lupusim
from lupusim.economics import (
    Cycles,
    Discount,
    Exact,
    Rewards,
    Simulated,
    Strategy,
    Walks,
    evaluate,
    incremental_analysis,
)
from lupusim.model import TreatmentEffect
from lupusim.model.cycles import HazardRatioPerCycle, RelativeRisk
from tolerance import assert_within_mcse

# Alarid-Escudero et al. (2023), Medical Decision Making 43(1):3-20,
# doi:10.1177/0272989X221103163: costs of states 2,000, 4,000, 15,000; treatment A 12,000
# and B 13,000 for the sick and sicker; utilities 1, 0.75, 0.5; A makes it 0.95 when sick, B slows
# sick -> sicker to 0.6; 3 % a year, 75 yearly cycles.
COSTS = {"healthy": 2000.0, "sick": 4000.0, "sicker": 15000.0}
UTILITIES = {"healthy": 1.0, "sick": 0.75, "sicker": 0.5}
SLOWED = TreatmentEffect(on=(("sick", "sicker"),), hazard_ratio=0.6)
TREATMENTS = {"standard": (0.0, False, False), "A": (12000.0, True, False)}
TREATMENTS |= {"B": (13000.0, False, True), "AB": (25000.0, True, True)}


def sick_sicker(*, continuous: bool) -> list[Strategy]:
    model = lupusim.load_model("sick-sicker")
    cohort = lupusim.load_cohort_model("sick-sicker-yearly")
    strategies = []
    for name, (price, better, slower) in TREATMENTS.items():
        disease = {
            "model": (model.treated([SLOWED]) if slower else model) if continuous else None,
            "cohort": None
            if continuous
            else (cohort.treated([HazardRatioPerCycle(effect=SLOWED)]) if slower else cohort),
        }
        costs = (Rewards(per_year=COSTS), Rewards(per_year={"sick": price, "sicker": price}))
        worth = Rewards(per_year={**UTILITIES, "sick": 0.95 if better else 0.75})
        strategies.append(Strategy(name=name, costs=costs, utilities=(worth,), **disease))  # type: ignore[arg-type]
    return strategies


def test_the_published_table_of_sick_sicker_is_met_to_the_digit() -> None:
    method = Cycles(correction="simpson_as_published")
    table = evaluate(sick_sicker(continuous=False), 75.0, method=method)
    assert table["cost"].round().tolist() == [151580, 284805, 259100, 378875]
    assert table["effect"].round(3).tolist() == [20.711, 21.499, 22.184, 23.137]
    found = incremental_analysis(table).set_index("strategy")
    assert found["status"].to_dict() == {
        "standard": "frontier",
        "B": "frontier",
        "A": "dominated",
        "AB": "frontier",
    }
    assert found["icer"].round()[["B", "AB"]].tolist() == [72988, 125764]


CONTINUOUS = {  # from the matrix formula below, 75 years
    "standard": (147742.6, 21.3448),
    "A": (272906.2, 22.0574),
    "B": (244672.5, 22.8887),
    "AB": (355059.0, 23.7491),
}


def test_the_continuous_table_is_that_of_a_matrix_formula() -> None:
    table = evaluate(sick_sicker(continuous=True), 75.0, method=Exact()).set_index("strategy")
    for name, (price, better, slower) in TREATMENTS.items():
        rates = np.zeros((4, 4))
        rates[0, 1], rates[0, 3], rates[1, 0], rates[1, 3], rates[2, 3] = (
            0.15,
            0.002,
            0.5,
            0.006,
            0.02,
        )
        rates[1, 2] = 0.105 * (0.6 if slower else 1)
        damped = rates - np.diag(rates.sum(axis=1)) - np.log(1.03) * np.eye(4)
        years = np.linalg.solve(damped, expm(75 * damped) - np.eye(4))[0]
        cost = years @ [2000, 4000 + price, 15000 + price, 0]
        worth = years @ [1, 0.95 if better else 0.75, 0.5, 0]
        assert table.loc[name, "cost"] == pytest.approx(cost, rel=1e-9)
        assert table.loc[name, "effect"] == pytest.approx(worth, rel=1e-9)
        assert (round(cost, 1), round(worth, 4)) == CONTINUOUS[name]


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_single_patients_cost_what_the_exact_engine_says(engine: str) -> None:
    strategies = sick_sicker(continuous=True)[::3]
    expected = evaluate(strategies, 75.0)
    found = evaluate(
        strategies, 75.0, method=Simulated(engine=engine, n_patients=3000, seed=20260101)
    )
    for k in range(2):
        for what in ("cost", "effect"):
            assert_within_mcse(
                found.loc[k, what], expected.loc[k, what], mcse=found.loc[k, f"{what}_mcse"]
            )


def test_single_walks_cost_what_the_cohort_says() -> None:
    strategies = sick_sicker(continuous=False)[:2]
    for correction in ("simpson_as_published", "life_table"):
        expected = evaluate(strategies, 75.0, method=Cycles(correction=correction))
        found = evaluate(
            strategies, 75.0, method=Walks(correction=correction, n_patients=3000, seed=20260101)
        )
        for what in ("cost", "effect"):
            assert_within_mcse(
                found.loc[0, what], expected.loc[0, what], mcse=found.loc[0, f"{what}_mcse"]
            )


def test_short_cycles_come_near_to_continuous_time() -> None:
    strategies = sick_sicker(continuous=True)[:1]
    exact = evaluate(strategies, 75.0)
    errors = []
    for cycle in (1.0, 1 / 4, 1 / 12):
        table = evaluate(strategies, 75.0, method=Cycles(correction="half_cycle", cycle=cycle))
        errors.append(abs(table.loc[0, "effect"] - exact.loc[0, "effect"]))
    assert errors[0] > 10 * errors[1] > 50 * errors[2]
    simpson = evaluate(strategies, 75.0, method=Cycles(correction="simpson", cycle=1 / 4))
    assert simpson.loc[0, "effect"] == pytest.approx(exact.loc[0, "effect"], rel=1e-6)


def test_the_published_hiv_table_is_met_to_the_digit() -> None:
    # Chancellor et al. (1997), PharmacoEconomics 12:54-66, doi:10.2165/00019053-199712010-00006,
    # as in Briggs, Claxton and Sculpher (2006), chapter 2: costs at 6 %, years not discounted,
    # counts at the ends of 20 cycles; lamivudine for two years, relative risk 0.509 of every move.
    alone = lupusim.load_cohort_model("hiv-chancellor")
    states = dict(zip(alone.states, (2756 + 2278.0, 3052 + 2278.0, 9007 + 2278.0), strict=False))
    care = Rewards(per_year=states)
    lamivudine = Rewards(per_year=dict.fromkeys(states, 2086.5), lasts=2.0)
    years = (Rewards(per_year=dict.fromkeys(states, 1.0)),)
    edges = tuple((m.from_state, m.to_state) for m in alone.moves)
    both = alone.treated([RelativeRisk(on=edges, relative_risk=0.509, lasts=2.0)])
    strategies = [
        Strategy(name="zidovudine", cohort=alone, costs=(care,), utilities=years),
        Strategy(name="combination", cohort=both, costs=(care, lamivudine), utilities=years),
    ]
    discount = Discount(costs=0.06, effects=0.0)
    table = evaluate(strategies, 20.0, method=Cycles(correction="end"), discount=discount)
    assert table["cost"].round().tolist() == [44663, 50602]
    assert table["effect"].round(3).tolist() == [7.991, 8.937]
    assert round(incremental_analysis(table).loc[1, "icer"]) == 6276
