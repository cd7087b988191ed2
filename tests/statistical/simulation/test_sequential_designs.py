"""Sixteen sequential designs, judged on the same simulated patients, against exact integration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim import load_scenario
from lupusim.analysis.group_sequential import (
    BetaSpending,
    BySpending,
    DriftBelief,
    EfficacyAt,
    EfficacyBounds,
    FutilityBounds,
    HaybittlePeto,
    HwangShihDeCani,
    KimDeMets,
    UserSpending,
    WangTsiatis,
    bounds,
    exit_probabilities,
)
from lupusim.analysis.group_sequential.probability_bounds import (
    ConditionalPower,
    Posterior,
    PosteriorEfficacy,
    PredictivePower,
    WithFutility,
)
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.planning.execution.tasks import blocks_of
from lupusim.simulation.scoring import score_block
from lupusim.simulation.tally import Tally
from lupusim.trial import Trial
from tolerance import SEED, assert_within_mcse

N_REPLICATES = 8_000
ALPHA = 0.025
EVENTS = np.array([67.0, 134.0, 200.0])
HAZARD_RATIO = 0.7


def spent(rule: object, **more: object) -> GroupSequential:
    return GroupSequential(alpha=ALPHA, efficacy=rule, **more)


PLAIN = spent("obrien_fleming")
DESIGNS = {
    "Lan and DeMets, O'Brien and Fleming": PLAIN,
    "Lan and DeMets, Pocock": spent("pocock"),
    "Hwang, Shih and DeCani": spent(BySpending(spending=HwangShihDeCani(gamma=-2.0))),
    "Kim and DeMets": spent(BySpending(spending=KimDeMets(rho=2.0))),
    "linear spending": spent(BySpending(spending=KimDeMets(rho=1.0))),
    "classic O'Brien and Fleming": spent(WangTsiatis(delta=0.0)),
    "Wang and Tsiatis": spent(WangTsiatis(delta=0.25)),
    "classic Pocock": spent(WangTsiatis(delta=0.5)),
    "Haybittle and Peto": spent(HaybittlePeto(bound=3.0)),
    "spending as the user says": spent(
        BySpending(spending=UserSpending(fraction=(0.4, 1.0), share=(0.3, 1.0)))
    ),
    "bounds given as z": spent(EfficacyBounds(z=(3.0, 2.5))),
    "bounds given as z, of futility too": spent(
        EfficacyBounds(z=(np.inf, 2.6), last=2.0), futility=FutilityBounds(z=(-0.5, -np.inf))
    ),
    "efficacy at the end only": spent(EfficacyAt(looks=(3,), rule="obrien_fleming")),
    "binding futility": spent(
        "obrien_fleming", futility=FutilityBounds(z=(0.0, 0.5), binding=True)
    ),
    "beta spending": spent("obrien_fleming", futility=BetaSpending(beta=0.2)),
    "conditional power": WithFutility(
        rule=PLAIN, measure=ConditionalPower(), levels={1: 0.1, 2: 0.2}
    ),
    "predictive power": WithFutility(rule=PLAIN, measure=PredictivePower(), levels={2: 0.2}),
    "posterior": WithFutility(
        rule=PosteriorEfficacy(probability=0.985), measure=Posterior(), levels={1: 0.3}
    ),
    "posterior with a skeptical belief": PosteriorEfficacy(
        probability=0.975, belief=DriftBelief(sd=2.0)
    ),
}


@pytest.fixture(scope="module")
def trial() -> Trial:
    return load_scenario("survival_three_looks").points[0].trial


def judged(trial: Trial) -> dict[str, Tally]:
    rules = {name: replace(trial, stopping=rule) for name, rule in DESIGNS.items()}
    totals = {name: Tally() for name in rules}
    for block in blocks_of(trial, N_REPLICATES, seed=SEED):
        for name, tally in score_block(rules, (), block).items():
            totals[name].add(tally)
    return totals


@pytest.fixture(scope="module")
def under_the_null(trial: Trial) -> dict[str, Tally]:
    return judged(trial.null_twin())


@pytest.fixture(scope="module")
def under_the_truth(trial: Trial) -> dict[str, Tally]:
    return judged(trial)


def exact(name: str, drift: float) -> tuple[np.ndarray, np.ndarray]:
    efficacy, futility = (one[0] for one in DESIGNS[name].bounds(EVENTS[None, :] / 200))
    plan = replace(bounds(EVENTS), efficacy=efficacy, futility=futility)
    found = exit_probabilities(plan, drift)
    return found.efficacy, found.futility[:2]


def shares(scored: dict[str, Tally], name: str, kind: str, n_looks: int) -> np.ndarray:
    looks = range(1, n_looks + 1)
    return np.array([scored[name].mean(f"look_{k}_{kind}").value for k in looks])


def assert_agrees(scored: dict[str, Tally], name: str, drift: float) -> None:
    efficacy, futility = exact(name, drift)
    for kind, expected in (("efficacy", efficacy), ("futility", futility)):
        seen = shares(scored, name, kind, expected.size)
        floor = 1 / N_REPLICATES  # what happens hardly ever may happen once
        error = np.sqrt(np.maximum(expected * (1 - expected), floor) / N_REPLICATES)
        assert_within_mcse(seen, expected, mcse=error)


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_stops_under_the_null_where_integration_says(under_the_null, name) -> None:
    assert_agrees(under_the_null, name, 0.0)


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_stops_under_schoenfelds_drift_where_integration_says(
    under_the_truth, name
) -> None:
    assert_agrees(under_the_truth, name, -np.log(HAZARD_RATIO) * np.sqrt(200 / 4))


def test_one_design_taken_for_another_is_caught(under_the_null) -> None:
    seen = under_the_null["classic Pocock"].mean("look_1_efficacy").value
    expected = exact("Lan and DeMets, O'Brien and Fleming", 0.0)[0][0]
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(seen, expected, mcse=np.sqrt(expected / N_REPLICATES))
