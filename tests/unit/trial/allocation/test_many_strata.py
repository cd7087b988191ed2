"""Randomization and analysis within more strata than there are patients."""

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.trial.allocation.adaptive import BiasedCoin, Urn
from lupusim.trial.allocation.base import without_gaps
from lupusim.trial.allocation.blocks import PermutedBlocks
from scenario_contents import problems, trial
from tolerance import SEED, assert_within_mcse

FACTORS = {f"f{k}": {"a": 0.5, "b": 0.5} for k in range(61)}
BLOCKS = PermutedBlocks(block_size=6)


def allocation(method: str, n_factors: int) -> dict[str, object]:
    return {"method": method, "stratify_by": [f"f{k}" for k in range(n_factors)]}


def test_every_block_within_every_stratum_has_the_ratio() -> None:
    stratum = stream(SEED, "strata").integers(100, size=(50, 3000)) * 2**50
    arm = BLOCKS.assign((1, 2), stratum, rng=stream(SEED, "arms"))
    for row in range(5):
        for number in np.unique(stratum[row])[:20]:
            dealt = arm[row, stratum[row] == number]
            whole = dealt[: dealt.size // 6 * 6].reshape(-1, 6)
            assert whole.shape[0] >= 2
            assert (whole.sum(axis=1) == 4).all()


def test_the_first_of_each_of_many_strata_are_randomized_one_by_one() -> None:
    stratum = np.arange(3000)[None, :] + np.zeros((40, 1), dtype=np.intp)
    share = BLOCKS.assign((1, 2), stratum, rng=stream(SEED, "arms")).mean(axis=1)
    assert_within_mcse(share.mean(), 2 / 3, mcse=(2 / 9 / share.size / 3000) ** 0.5)


@pytest.mark.parametrize("method", [BiasedCoin(), Urn()])
def test_gaps_between_the_numbers_of_strata_change_nothing(method: BiasedCoin | Urn) -> None:
    stratum = stream(SEED, "strata").integers(5, size=(10, 60))
    near = method.assign((1, 1), stratum, rng=stream(SEED, "arms"))
    far = method.assign((1, 1), stratum * 2**50, rng=stream(SEED, "arms"))
    assert np.array_equal(near, far)
    assert without_gaps(stratum) is stratum


def test_so_many_factors_that_strata_cannot_be_numbered_are_refused() -> None:
    key = "allocation.stratify_by"
    named = {"allocation": allocation("permuted_block", 61) | {"block_size": 4}}
    found = problems(**named, population={"strata": FACTORS}, analysis={"stratify_by": ["f0"]})
    assert "61 factors make 2.30584e+18 strata" in found[key]


def test_an_analysis_within_more_strata_than_it_could_fill_is_refused() -> None:
    def within(n_factors: int) -> dict[str, object]:
        strata = [f"f{k}" for k in range(n_factors)]
        analysis = {"test": "logrank", "alpha": 0.025, "sided": 1, "stratify_by": strata}
        return {"analysis": analysis, "population": {"strata": FACTORS}}

    assert "9 factors make 512 strata" in problems(**within(9))["analysis.stratify_by"]
    made = trial(**within(8))
    tally = simulate_block(made, Block(seed=SEED, number=0, n_replicates=20))
    assert tally.mean("duration").value > 0


def test_so_many_arms_are_refused() -> None:
    arms = [{"name": f"a{k}", "control": k == 0} for k in range(61)]
    assert "there are 61 arms" in problems(arms=arms, sample_size=200)["arms"]
