"""Claims of benefit among all claims: of a z test both follow from the counts it shows."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from scipy.stats import norm

from lupusim.planning.assurance.assurance import is_simulated
from lupusim.planning.assurance.benefit import benefits
from lupusim.planning.assurance.exact import is_exact
from lupusim.planning.runs.replicates import simulate_replicates
from lupusim.scenario.files.scenario import scenario_from_mapping
from lupusim.simulation.generation.generation import Block
from lupusim.trial import Trial
from small_trials import at_level, survival
from tolerance import SEED, assert_within_mcse

BLOCK = Block(seed=SEED, number=0, n_replicates=400)


def responses(sided: int, **treated: float) -> Trial:
    arms: list[dict[str, object]] = [{"name": "control", "control": True, "outcomes": {"r": 0.5}}]
    arms += [{"name": name, "outcomes": {"r": share}} for name, share in treated.items()]
    analysis: dict[str, object] = {"test": "pooled_z", "alpha": 0.05, "sided": sided}
    if len(treated) > 1:
        analysis["multiplicity"] = {"method": "bonferroni"}
    content = {
        "schema": "lupusim/scenario/1",
        "title": "responses",
        "outcomes": {"r": {"kind": "response", "at": "24 weeks"}},
        "arms": arms,
        "enrollment": "10 per month",
        "analysis": analysis,
        "sample_size": 60 * len(arms),
    }
    return scenario_from_mapping(deepcopy(content)).points[0].trial


def test_harm_that_is_shown_is_no_success() -> None:
    found = simulate_replicates(responses(2, a=0.2), BLOCK)
    assert found["reject"].mean() > 0.9
    assert benefits(responses(2, a=0.2), found).sum() == 0
    good = simulate_replicates(responses(2, a=0.8), BLOCK)
    assert benefits(responses(2, a=0.8), good).tolist() == good["reject"].tolist()


@pytest.mark.parametrize("hazard_ratio", [0.95, 1.0])
def test_half_of_alpha_is_left_to_a_benefit(hazard_ratio) -> None:
    both, one = (at_level(survival(hazard_ratio), *level) for level in [(0.2, 2), (0.1, 1)])
    of_both, of_one = (simulate_replicates(trial, BLOCK) for trial in (both, one))
    found = benefits(both, of_both)
    assert found.tolist() == (of_one["reject"] > 0).tolist()
    assert found.sum() < of_both["reject"].sum()


def test_of_several_arms_one_that_helps_is_enough() -> None:
    trial = responses(2, a=0.5, b=0.2)
    found = simulate_replicates(trial, BLOCK)
    helped = benefits(trial, found)
    assert found["reject"].mean() > 0.8
    shown = (found["reject_a"] > 0) & (found["estimate_a"] > 0)
    assert helped.tolist() == shown.tolist()
    level = norm.sf(norm.isf(0.05 / 4))
    assert_within_mcse(helped.mean(), level, mcse=np.sqrt(level * (1 - level) / helped.size))


def test_sums_that_count_harm_are_no_assurance() -> None:
    assert not is_exact(responses(2, a=0.6))
    assert is_exact(responses(1, a=0.6))
    assert not is_simulated(responses(2, a=0.6))  # drawn tables tell the side
