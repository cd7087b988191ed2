"""Correlated outcomes of a patient: both engines against the normal distribution, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lupusim import simulate_trial
from lupusim.errors import ScenarioError
from lupusim.scenario import scenario_from_mapping
from tolerance import assert_within_mcse

N = 3000
SCORE = {
    "kind": "score",
    "at": "24 weeks",
    "sd": 8,
    "correlation": {"visits": 0.7, "baseline": 0.4},
}
OUTCOMES = {
    "response": {"kind": "response", "at": "24 weeks"},
    "remission": {"kind": "response", "at": "52 weeks"},
    "relapse": {"kind": "time_to_event"},
    "score": SCORE,
}
STATED = {"response": "30 %", "remission": "20 %", "relapse": "14 months", "score": -3}
CORRELATION = [
    {"between": ["response", "remission"], "is": 0.6},
    {"between": ["response", "relapse"], "is": 0.5},
    {"between": ["response", "score"], "is": 0.4},
]


def content(**changes: Any) -> dict[str, Any]:
    whole = {
        "schema": "lupusim/scenario/1",
        "title": "Correlated",
        "outcomes": OUTCOMES,
        "correlation": CORRELATION,
        "arms": [
            {"name": "control", "control": True, "outcomes": STATED},
            {
                "name": "treated",
                "outcomes": {"relapse": {"hazard_ratio": 0.6, "onset": "3 months"}},
            },
        ],
        "enrollment": "300 per month",
        "follow_up": "2 years",
        "analysis": {"test": "pooled_z"},
        "sample_size": N,
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def both(p: float, q: float, correlation: float) -> float:
    """Return the chance that two normal deviates lie below their p and q quantiles."""
    law = stats.multivariate_normal(mean=[0, 0], cov=[[1, correlation], [correlation, 1]])
    return float(law.cdf([stats.norm.ppf(p), stats.norm.ppf(q)]))


def share(found: np.ndarray, expected: float) -> None:
    mcse = (expected * (1 - expected) / found.size) ** 0.5
    assert_within_mcse(float(found.mean()), expected, mcse=mcse)


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_margins_are_as_stated_and_pairs_as_the_copula_says(engine: str) -> None:
    found = simulate_trial(scenario_from_mapping(content()), engine=engine, seed=20260101)
    control = found.patients.set_index("patient")["arm"].eq("control")
    visits = found.visits.set_index("patient")
    first, second = (part for _, part in visits.groupby(visits["study_time"] > 0.7))
    first, second = first[control.loc[first.index]], second[control.loc[second.index]]
    response = ~first["state"].str.startswith("no response").to_numpy()
    remission = second["state"].str.contains("and remission").to_numpy()
    relapse = second["state"].str.contains("and relapse").to_numpy()
    by_a_year = -np.expm1(-np.log(2) / 14 * 12 * 52 / 52.1775)
    for margin, expected in ((response, 0.3), (remission, 0.2), (relapse, by_a_year)):
        share(margin, expected)
    share(response & remission, both(0.3, 0.2, 0.6))
    share(response & relapse, both(0.3, by_a_year, -0.5))  # good with bad
    share(remission & relapse, 0.2 * by_a_year)
    # a lower score is better, an earlier response too: E[score z | response] = -0.4 phi / 0.3
    deviation = first["marker"].to_numpy()
    expected = -3 - 8 * 0.4 * stats.norm.pdf(stats.norm.ppf(0.3)) / 0.3
    mean = deviation[response].mean()
    assert_within_mcse(float(mean), expected, mcse=8 / np.sqrt(response.sum()))
    assert_within_mcse(float(deviation.std()), 8.0, mcse=8 / np.sqrt(2 * deviation.size))


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_times_keep_their_order_s_correlation_under_a_late_effect(engine: str) -> None:
    outcomes = {
        "relapse": {"kind": "time_to_event"},
        "flare": {"kind": "time_to_event", "shape": 2},
    }
    effect = {"hazard_ratio": 0.5, "onset": "6 months"}
    arms = [
        {
            "name": "control",
            "control": True,
            "outcomes": {"relapse": "3 months", "flare": "3 months"},
        },
        {"name": "treated", "outcomes": {"relapse": effect}},
    ]
    changes = {"outcomes": outcomes, "arms": arms, "correlation": 0.7, "follow_up": "30 years"}
    trial = content(**changes, analysis={"test": "logrank"}, sample_size=2000)
    found = simulate_trial(scenario_from_mapping(trial), engine=engine, seed=20260101)
    moves = found.events
    was, now = moves["from_state"].str, moves["to_state"].str
    times = pd.DataFrame(
        {
            name: moves[was.contains(f"no {name}") & ~now.contains(f"no {name}")].set_index(
                "patient"
            )["study_time"]
            for name in outcomes
        }
    )
    tau = float(stats.kendalltau(*times.dropna().to_numpy().T).statistic)
    assert_within_mcse(tau, 2 / np.pi * np.arcsin(0.7), mcse=0.014)
    arm = found.patients.set_index("patient")["arm"].loc[times.index]
    relapse = times["relapse"][arm == "treated"].to_numpy()
    rate = np.log(2) * 4
    share(relapse > 0.75, float(np.exp(-rate * (0.5 + 0.5 * 0.25))))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"correlation": 1.5}, "-1 or above, at most 1"),
        ({"correlation": [{"between": ["response", "cure"], "is": 0.3}]}, "'cure' is no outcome"),
        ({"correlation": [{"between": ["response"], "is": 0.3}]}, "between"),
        (
            {"correlation": [{"between": ["response", "response"], "is": 0.3}]},
            "these are 1 outcomes",
        ),
        (
            {
                "correlation": 0.1,
                "arms": [
                    {"name": "control", "control": True, "outcomes": STATED},
                    {
                        "name": "treated",
                        "outcomes": {},
                        "infusions": {"cells_per_kg": 1.0e6, "again_on": ["relapse"]},
                    },
                ],
            },
            "correlated beside infusions again",
        ),
        ({"correlation": 0.9}, "no patients have outcomes with all of these correlations"),
        (
            {
                "outcomes": OUTCOMES
                | {"score": SCORE | {"correlation": {"visits": 0.25, "baseline": 0.5}}},
                "correlation": 0.1,
            },
            "all that two values of 'score' share",
        ),
        (
            {
                "outcomes": OUTCOMES
                | {"rank": {"kind": "ordinal", "at": "24 weeks", "levels": ["a", "b"]}},
                "arms": [
                    {"name": "one", "control": True, "outcomes": STATED | {"rank": [0.5, 0.5]}}
                ],
                "correlation": 0.1,
                "analysis": None,
            },
            "'rank' is neither a share, a time nor a score",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        scenario_from_mapping(content(**changes))


def test_no_formula_stands_beside_what_it_does_not_know_and_the_words_say_it() -> None:
    from lupusim.planning.theory.power import formula_powers
    from lupusim.report.words import what_it_means

    scenario = scenario_from_mapping(content())
    assert not formula_powers(scenario.points[0].trial)
    assert "a Gaussian copula" in what_it_means(scenario)
