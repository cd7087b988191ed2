"""Simulated Brownian motions against the bounds, estimates and procedures computed for them."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis.group_sequential import (
    BetaSpending,
    EfficacyAt,
    FutilityBounds,
    HaybittlePeto,
    HwangShihDeCani,
    InverseNormal,
    KimDeMets,
    WangTsiatis,
    after_stopping,
    bounds,
    exit_probabilities,
    p_value_from_z,
)
from lupusim.analysis.multiplicity import Graph, SequentialGraph
from lupusim.common.rng import stream
from tolerance import SEED, assert_within_mcse

N_REPLICATES = 100_000


def cumulative_z(information, drift, *, name):
    """Draw z at each look of trials whose drift is the expected z at the last look."""
    fraction = np.asarray(information, dtype=float) / information[-1]
    steps = np.diff(fraction, prepend=0.0)
    noise = stream(SEED, "sequential", name).standard_normal((N_REPLICATES, steps.size))
    return (drift * fraction + np.cumsum(noise * np.sqrt(steps), axis=1)) / np.sqrt(fraction)


def stopped(design, z):
    """Return the look each trial stops at, counted from 1, and its z there."""
    stops = (z >= design.efficacy) | (z <= design.futility)
    stops[:, -1] = True
    look = stops.argmax(axis=1)
    return look + 1, np.take_along_axis(z, look[:, None], axis=1)[:, 0]


DESIGNS = {
    "obrien_fleming": bounds([67, 134, 200]),
    "pocock": bounds([1, 2, 3, 4], spending="pocock"),
    "gamma": bounds([0.2, 0.5, 1], spending=HwangShihDeCani(gamma=-2)),
    "power": bounds([0.4, 0.9, 1], spending=KimDeMets(rho=1)),
    "shape": bounds([1, 2, 3], spending=WangTsiatis(delta=0.25)),
    "strict": bounds([1, 2, 3], spending=HaybittlePeto()),
    "skipped": bounds([1, 2, 3], spending=EfficacyAt(looks=(2, 3), rule="obrien_fleming")),
    "beta": bounds([1, 2, 3], futility=BetaSpending(beta=0.1)),
    "binding": bounds([1, 2, 3], futility=BetaSpending(beta=0.2, spending="pocock", binding=True)),
    "given": bounds([1, 2, 3], futility=FutilityBounds(z=(0, 0.5), binding=True)),
    "over": bounds([67, 134, 240], maximum_information=200),
    "ten": bounds(np.arange(1, 11)),
}


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("drift", [0.0, 3.0])
def test_simulated_trials_stop_as_often_as_computed(name, drift):
    design = DESIGNS[name]
    look, z_there = stopped(design, cumulative_z(design.information, drift, name=name))
    at_maximum = drift * np.sqrt(design.maximum_information / design.information[-1])
    expected = exit_probabilities(design, at_maximum).efficacy
    for number in range(1, design.n_looks + 1):
        rejects = (look == number) & (z_there >= design.efficacy[number - 1])
        probability = expected[number - 1]
        mcse = np.sqrt(probability * (1 - probability) / N_REPLICATES)
        assert_within_mcse(rejects.mean(), probability, mcse=mcse)


def test_the_estimate_is_median_unbiased_and_its_interval_covers():
    design, drift = DESIGNS["beta"], 2.0
    z = cumulative_z(design.information, drift, name="estimate")[:4000]
    without = design.ignoring_futility()
    look, z_there = stopped(without, z)
    found = after_stopping(without, look, z_there)
    truth = drift / np.sqrt(design.information[-1])
    assert_within_mcse((found.estimate > truth).mean(), 0.5, mcse=np.sqrt(0.25 / 4000))
    covers = (found.lower <= truth) & (truth <= found.upper)
    assert_within_mcse(covers.mean(), 0.95, mcse=np.sqrt(0.95 * 0.05 / 4000))


def test_planned_weights_hold_alpha_where_stages_are_enlarged_by_their_results():
    rule, design = InverseNormal(planned_information=(1, 2)), bounds([1, 2])
    noise = stream(SEED, "sequential", "weights").standard_normal((N_REPLICATES, 2))
    promising = (noise[:, 0] > 0.5) & (noise[:, 0] < 1.8)
    information = np.column_stack([np.ones(N_REPLICATES), np.where(promising, 7.0, 2.0)])
    score = np.cumsum(noise * np.sqrt(np.diff(information, prepend=0.0)), axis=1)
    z = rule.from_cumulative(score / np.sqrt(information), information)
    rejects = (z >= design.efficacy).any(axis=1).mean()
    assert_within_mcse(rejects, 0.025, mcse=np.sqrt(0.025 * 0.975 / N_REPLICATES))


def test_the_sequential_graph_holds_its_family_wise_error():
    graph = Graph(weights=(0.5, 0.5), transitions=((0, 1), (1, 0)))
    procedure = SequentialGraph(graph=graph, information=[1, 2, 3], spending="pocock")
    z = np.stack([cumulative_z([1, 2, 3], 0.0, name=f"graph {n}") for n in range(2)], axis=1)
    any_rejected = procedure.rejections(p_value_from_z(z)).rejected.any(axis=1).mean()
    expected = 1 - (1 - 0.0125) ** 2  # independent hypotheses: either starts with half of alpha
    mcse = np.sqrt(expected * (1 - expected) / N_REPLICATES)
    assert_within_mcse(any_rejected, expected, mcse=mcse)


def test_bounds_of_one_look_at_every_look_would_be_seen():  # negative control
    z = cumulative_z([1, 2, 3], 0.0, name="control")
    naive = (z >= 1.959963984540054).any(axis=1).mean()
    with pytest.raises(AssertionError):
        assert_within_mcse(naive, 0.025, mcse=np.sqrt(0.025 * 0.975 / N_REPLICATES))
