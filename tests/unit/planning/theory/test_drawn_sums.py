"""The law of a sum over patients whose outcomes are counted, beside all that may happen to them."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from counted_trials import STRATA, look_at
from lupusim.planning.theory.counts.claims import law_of
from lupusim.planning.theory.drawn.sums import TableSum
from lupusim.simulation.looks.look_statistics import comparisons
from lupusim.trial import PermutedBlocks, SimpleRandomization
from tolerance import SEED
from trials import counted

NODES = np.array([0.1, 0.7, 2.0, 5.0])
DESIGNS = {
    "alone": {"n_patients": 5, "allocation": PermutedBlocks(block_size=3)},
    "a block that is not filled": {"n_patients": 4, "allocation": PermutedBlocks(block_size=6)},
    "strata": {
        "n_patients": 4,
        "allocation": PermutedBlocks(block_size=3),
        "population": STRATA,
        "stratify_by": ("site",),
    },
    "simple": {"n_patients": 4, "allocation": SimpleRandomization(), "population": STRATA},
}


def law(**changes):
    trial = counted(**{"n_patients": 6, **changes})
    return law_of(trial, comparisons(trial))


def some_sum(found, look=0):
    shape = len(found.trial.arms), found.n_strata, found.outcomes.values.shape[1]
    return TableSum(look=look, adds=np.random.default_rng(SEED).normal(size=shape))


def by_hand(found, total, n):
    """Go through the strata of all patients, and how these are randomized, patient by patient."""
    block, ratio = found.trial.allocation.block_size, found.trial.ratio
    shares = [sum(g.share for g in groups) for groups in found.groups]
    whole = np.zeros(NODES.size, dtype=complex)
    for strata in product(range(len(shares)), repeat=n):
        chance = np.prod([shares[s] for s in strata])
        each = np.ones(NODES.size, dtype=complex)
        for stratum in set(strata):
            each = each * dealt(found, total, stratum, strata.count(stratum), (block, ratio))
        whole += chance * each
    return whole


def dealt(found, total, stratum, size, how):
    block, ratio = how
    cards = [arm for arm, part in enumerate(ratio) for _ in range(part)]
    if block is None:
        ways = list(product(cards, repeat=size))
    else:
        orders = list(permutations(cards * (block // len(cards))))
        n_blocks = -(-size // block)
        ways = [sum(some, ())[:size] for some in product(orders, repeat=n_blocks)]
    return sum(
        np.prod([patient(found, total, stratum, arm) for arm in way], axis=0) for way in ways
    ) / len(ways)


def patient(found, total, stratum, arm):
    groups = found.groups[stratum]
    return sum(
        g.share * chance * np.exp(1j * NODES * add)
        for g in groups
        for chance, add in zip(
            found.outcomes.chances[arm, g.kind], total.adds[arm, g.stratum], strict=True
        )
    ) / sum(g.share for g in groups)


@pytest.mark.parametrize("name", DESIGNS)
def test_the_law_of_a_sum_is_that_of_all_patients_gone_through_one_by_one(name):
    found = law(**DESIGNS[name])
    total = some_sum(found)
    known = total.characteristic(found, NODES)
    assert known == pytest.approx(by_hand(found, total, found.patients[0]), abs=1e-12)
    changed = replace(total, adds=1.01 * total.adds)
    assert known != pytest.approx(by_hand(found, changed, found.patients[0]), abs=1e-4)


def test_an_interim_look_sums_the_patients_that_it_sees():
    found = law(n_patients=9, allocation=PermutedBlocks(block_size=3), **look_at(4))
    total = some_sum(found)
    assert total.characteristic(found, NODES) == pytest.approx(by_hand(found, total, 4), abs=1e-12)


def test_frequencies_that_many_patients_do_not_reach_are_left_out():
    found = law(n_patients=240, population=STRATA, stratify_by=("site",))
    total, far = some_sum(found), np.linspace(0.05, 30.0, 200)
    known = total.characteristic(found, far)
    numbers = found.drawn(40_000, rng=np.random.default_rng(SEED))
    drawn = np.exp(1j * np.outer(far, total.of(numbers))).mean(axis=1)
    assert np.abs(known - drawn).max() < 4 / np.sqrt(40_000)
    assert 0 < np.count_nonzero(known) < 150
