"""Tests on numbers of patients: the same verdict as on the patients themselves."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.analysis.outcomes import BinaryOutcome, CountedOutcome, NumberOutcome
from lupusim.analysis.registry import TESTS
from lupusim.trial import Better
from tolerance import SEED

N_REPLICATES, N_PATIENTS, N_STRATA = 15, 24, 3
COUNTED = sorted(
    name
    for name in TESTS
    if TESTS[name].sees_counts and TESTS[name].n_arms == 2 and TESTS[name].formula != "strata"
)
STRATIFIED = ("cochran_mantel_haenszel", "logistic_regression")


def patients(n_values, *, n_strata):
    rng = np.random.default_rng(SEED)
    shape = (N_REPLICATES, N_PATIENTS)
    arm = rng.integers(2, size=shape).astype(np.int8)
    stratum = rng.integers(n_strata, size=shape)
    # values rise with the arm and the stratum
    chance = 0.3 + 0.2 * arm + 0.1 * stratum
    value = rng.binomial(n_values - 1, chance)
    value[0] = n_values - 1  # where all are alike nothing is tested
    numbers = np.zeros((N_REPLICATES, 2, n_strata, n_values))
    np.add.at(numbers, (np.arange(N_REPLICATES)[:, None], arm, stratum, value), 1)
    return value, arm, stratum, CountedOutcome(numbers=numbers)


def outcome(kind, value, arm):
    everybody = np.ones(arm.shape, dtype=bool)
    if kind is BinaryOutcome:
        return BinaryOutcome(response=value > 0, included=everybody, arm=arm)
    return NumberOutcome(values=value.astype(float), included=everybody, arm=arm)


def same(found, expected):
    for name in ("p_value", "p_better", "p_worse", "p_two_sided", "estimate", "standard_error"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-7, atol=1e-9, err_msg=name
        )
    assert found.undefined.tolist() == expected.undefined.tolist()


@pytest.mark.parametrize("sided", [1, 2])
@pytest.mark.parametrize("name", COUNTED)
def test_a_test_of_numbers_says_what_the_test_of_patients_says(name, sided):
    test = TESTS[name]
    n_values = 2 if test.outcome is BinaryOutcome else 3
    test = test.with_parameters({"n_ranks": 3}) if name == "posterior_rank" else test
    value, arm, stratum, counted = patients(n_values, n_strata=1)
    how = {"better": Better.MORE, "sided": sided}
    same(
        test.of_counts(counted, **how),
        test(outcome(test.outcome, value, arm), stratum=stratum, **how),
    )


@pytest.mark.parametrize("name", STRATIFIED)
def test_strata_of_numbers_are_those_of_patients(name):
    value, arm, stratum, counted = patients(2, n_strata=N_STRATA)
    value[:, stratum[0] == 2] = 1
    value[1][stratum[1] == 1] = 1  # all of a stratum respond
    numbers = np.zeros_like(counted.numbers)
    np.add.at(numbers, (np.arange(N_REPLICATES)[:, None], arm, stratum, value), 1)
    how = {"better": Better.FEWER, "sided": 1}
    found = TESTS[name].of_counts(CountedOutcome(numbers=numbers), **how)
    same(found, TESTS[name](outcome(BinaryOutcome, value, arm), stratum=stratum, **how))


def test_a_test_that_sees_more_than_numbers_says_so():
    assert not TESTS["logrank"].sees_counts
    _, _, _, counted = patients(2, n_strata=1)
    with pytest.raises(NotImplementedError, match="sees more than numbers"):
        TESTS["logrank"].of_counts(counted, better=Better.MORE, sided=1)


def test_numbers_know_how_many_patients_they_are():
    *_, counted = patients(3, n_strata=N_STRATA)
    assert counted.information.tolist() == [N_PATIENTS] * N_REPLICATES
    assert counted.by_value.shape == (N_REPLICATES, 2, 3)
