"""Biased coin, urn and minimization have the laws of their papers, for any ratio."""

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.trial import BiasedCoin, Minimization, SimpleRandomization, Urn
from tolerance import SEED, assert_within_mcse

N = 20_000


def assigned(allocation, ratio, stratum):
    return allocation.assign(ratio, stratum, rng=stream(SEED, "allocation"))


def differences(allocation, n_patients):
    """Patients of arm 0 minus those of arm 1, in each of many trials without strata."""
    arm = assigned(allocation, (1, 1), np.zeros((N, n_patients), dtype=np.intp))
    return (1 - 2 * arm.astype(int)).sum(axis=1)


@pytest.mark.parametrize("probability", [2 / 3, 0.8])
def test_efrons_coin_is_even_as_often_as_its_stationary_law_says(probability):
    # Efron (1971), Biometrika 58, 403-417: P(D = 0) tends to 1 - 1/r with r = p / (1 - p).
    expected = 1 - (1 - probability) / probability
    even = (differences(BiasedCoin(probability=probability), 60) == 0).mean()
    assert_within_mcse(even, expected, mcse=np.sqrt(expected * (1 - expected) / N))


def test_a_fair_coin_is_not_efrons():  # negative control
    even = (differences(SimpleRandomization(), 60) == 0).mean()
    with pytest.raises(AssertionError):
        assert_within_mcse(even, 0.5, mcse=np.sqrt(0.25 / N))


@pytest.mark.parametrize(("start", "added"), [(0, 1), (1, 3), (5, 1)])
def test_the_urns_imbalance_has_the_variance_of_its_recursion(start, added):
    # Wei (1978), JASA 73, 559-563: given D the next step has mean -b D / (2 a + b n).
    variance, n_patients = 1.0, 30
    for n in range(1, n_patients):
        variance = variance * (1 - 2 * added / (2 * start + added * n)) + 1
    difference = differences(Urn(start=start, added=added), n_patients)
    spread = np.sqrt(np.var(difference**2) / N)
    assert_within_mcse((difference**2).mean(), variance, mcse=spread)


def test_an_urn_to_which_nothing_is_added_is_a_fair_coin():
    difference = differences(Urn(start=1, added=0), 30)
    assert_within_mcse((difference**2).mean(), 30, mcse=np.sqrt(2 * 30**2 / N))


def test_the_second_patient_of_an_urn_without_first_balls_has_the_other_arm():
    assert (differences(Urn(), 2) == 0).all()


STRATA = stream(SEED, "strata").integers(6, size=(400, 50))
LEVELS = (2, 3)
EVERY = [
    BiasedCoin(),
    Urn(),
    Minimization(n_levels=LEVELS, probability=0.8),
    Minimization(n_levels=LEVELS, probability=1.0),
]


@pytest.mark.parametrize("allocation", EVERY, ids=repr)
@pytest.mark.parametrize("ratio", [(1, 1), (2, 1), (4, 2), (1, 2, 3)])
def test_every_patient_has_each_arm_with_the_ratios_probability(allocation, ratio):
    stratum = np.tile(STRATA, (8, 1))
    arm = assigned(allocation, ratio, stratum)
    for number, part in enumerate(ratio):
        expected = part / sum(ratio)
        mcse = np.sqrt(expected * (1 - expected) / len(stratum))
        for patient in (0, 1, 2, 3, 10, 49):
            assert_within_mcse((arm[:, patient] == number).mean(), expected, mcse=mcse)


def imbalances(arm, stratum, patient):
    """Pocock and Simon's sum of ranges after each choice for a patient, counted one by one."""
    own = np.unravel_index(stratum[patient], LEVELS)
    totals = []
    for choice in (0, 1, 2):
        total = 0
        for factor, level in enumerate(own):
            counts = [0, 0, 0]
            counts[choice] += 1
            for other in range(patient):
                if np.unravel_index(stratum[other], LEVELS)[factor] == level:
                    counts[arm[other]] += 1
            total += max(counts) - min(counts)
        totals.append(total)
    return totals


def best_share(probability):
    """How often patients whose cards are not all even get a best one; and of how many."""
    stratum = STRATA[:25]
    arm = assigned(
        Minimization(n_levels=LEVELS, probability=probability), (1, 1, 1), stratum
    ).astype(int)
    got = []
    for arms, strata in zip(arm, stratum, strict=True):
        for patient in range(0, 50, 3):
            totals = imbalances(arms, strata, patient)
            if len(set(totals)) > 1:
                got.append(totals[arms[patient]] == min(totals))
    return np.mean(got), len(got)


def test_minimization_chooses_a_least_imbalance_as_often_as_it_says():
    assert best_share(1.0)[0] == 1
    share, n = best_share(0.7)
    assert_within_mcse(share, 0.7, mcse=np.sqrt(0.21 / n))


def test_minimization_balances_the_margins_that_simple_randomization_does_not():
    def imbalance(allocation):
        arm = assigned(allocation, (1, 1), STRATA)
        first = np.unravel_index(STRATA, LEVELS)[0] == 0
        return np.abs(((1 - 2 * arm.astype(int)) * first).sum(axis=1)).mean()

    assert imbalance(Minimization(n_levels=LEVELS, probability=0.9)) < 1.6
    assert imbalance(SimpleRandomization()) > 3


def test_strata_are_balanced_each_by_itself():
    arm = assigned(BiasedCoin(probability=1.0), (1, 1), STRATA)
    for stratum in range(6):
        signed = (1 - 2 * arm.astype(int)) * (stratum == STRATA)
        assert np.abs(signed.sum(axis=1)).max() <= 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: BiasedCoin(probability=1.1),
        lambda: Minimization(probability=-0.1),
        lambda: Minimization(n_levels=(0,)),
        lambda: Urn(start=0, added=0),
        lambda: Urn(start=-1),
        lambda: assigned(Minimization(n_levels=(2,)), (1, 1), STRATA),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match=r"must|is none of"):
        make()
