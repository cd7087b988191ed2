"""How many patients are on each arm, drawn without dealing them one by one."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.trial import PermutedBlocks, SimpleRandomization
from lupusim.trial.allocation import ALLOCATIONS
from tolerance import SEED, assert_within_mcse

N_REPLICATES = 20_000


@pytest.mark.parametrize("allocation", [PermutedBlocks(block_size=6), SimpleRandomization()])
@pytest.mark.parametrize("looks", [(4, 5, 15), (3, 6)])
def test_numbers_on_arms_are_those_of_patients_dealt_one_by_one(allocation, looks):
    ratio, n = (1, 2, 3), looks[-1]
    rng = np.random.default_rng(SEED)
    up_to = np.tile(looks, (N_REPLICATES, 1))
    found = allocation.numbers(ratio, up_to, rng=rng)
    assert found.sum(axis=2).tolist() == up_to.tolist()
    dealt = allocation.assign(ratio, np.zeros((N_REPLICATES, n), dtype=np.intp), rng=rng)
    by_hand = np.stack(
        [[(dealt[:, :look] == arm).sum(axis=1) for arm in range(3)] for look in looks], axis=0
    ).transpose(2, 0, 1)
    for law in (lambda x: x.astype(float), lambda x: x[:, :1] * x.astype(float)):
        ours, theirs = law(found), law(by_hand)
        for mine, other, spread in zip(
            ours.mean(axis=0).ravel(),
            theirs.mean(axis=0).ravel(),
            theirs.std(axis=0).ravel(),
            strict=True,
        ):
            assert_within_mcse(mine, other, mcse=spread * np.sqrt(2 / N_REPLICATES) + 1e-12)


@pytest.mark.parametrize("name", ["biased_coin", "urn", "minimization"])
def test_who_remembers_draws_no_numbers(name):
    allocation, up_to = ALLOCATIONS[name](), np.ones((1, 1), dtype=np.intp)
    assert allocation.numbers((1, 1), up_to, rng=np.random.default_rng(SEED)) is None
