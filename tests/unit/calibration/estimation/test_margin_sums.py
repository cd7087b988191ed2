"""Published margins: every table enumerated by hand, and what stands in where they are many."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import linprog

from lupusim.calibration.estimation.margin_sums import (
    Margins,
    independent_rows,
    list_tables,
    log_sum,
    nearest_counts,
    possible_columns,
    tilt,
)
from lupusim.common.arrays import FloatArray
from lupusim.common.rng import stream
from tolerance import SEED

# Four paths: yes or no at two times.
TWICE = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]])


def margins(first: float, second: float, n: float = 9) -> Margins:
    return Margins(
        sums=TWICE,
        counts=np.array([first, second]),
        layer=np.zeros(4, dtype=int),
        sizes=np.array([n]),
    )


def by_hand(first: int, second: int, n: int, p: FloatArray) -> float:
    """The probability of two margins, over every path of every patient."""
    total = 0.0
    for table in itertools.product(range(n + 1), repeat=4):
        if sum(table) == n and table[2] + table[3] == first and table[1] + table[3] == second:
            ways = math.factorial(n) / math.prod(map(math.factorial, table))
            total += ways * math.prod(a**b for a, b in zip(p.tolist(), table, strict=True))
    return total


@pytest.mark.parametrize(("first", "second"), [(0, 0), (9, 9), (1, 8), (4, 4), (5, 2)])
def test_the_sum_over_tables_is_that_over_every_path_of_every_patient(
    first: int, second: int
) -> None:
    p = stream(SEED, "paths").dirichlet(np.ones(4))
    some = margins(first, second)
    ours = log_sum(some, list_tables(some), p[None])[0]
    assert math.exp(ours) == pytest.approx(by_hand(first, second, 9, p), rel=1e-10)


def test_margins_of_all_counts_sum_to_one() -> None:
    p = stream(SEED, "paths").dirichlet(np.ones(4), size=3)
    total = sum(
        np.exp(log_sum(some, list_tables(some), p))
        for a, b in itertools.product(range(6), repeat=2)
        for some in [margins(a, b, 5)]
    )
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)


def test_a_count_that_is_not_whole_stands_between_its_neighbors() -> None:
    p = stream(SEED, "paths").dirichlet(np.ones(4))
    broken = margins(4.25, 5)
    low, high = (math.log(by_hand(k, 5, 9, p)) for k in (4, 5))
    assert log_sum(broken, list_tables(broken), p[None])[0] == pytest.approx(
        0.75 * low + 0.25 * high
    )


def test_smaller_groups_are_parts_of_the_larger() -> None:
    """Of 7 patients 4 were seen a second time: layers of 4 and of 3."""
    p = np.array([0.3, 0.1, 0.2, 0.4])
    some = Margins(
        sums=np.array([[0.0, 0, 1, 1, 0, 1], [0, 1, 0, 1, 0, 0]]),
        counts=np.array([5.0, 2.0]),
        layer=np.array([0, 0, 0, 0, 1, 1]),
        sizes=np.array([4.0, 3.0]),
    )
    whole = sum(
        by_hand(k, 2, 4, p) * math.comb(3, 5 - k) * 0.6 ** (5 - k) * 0.4 ** (k - 2)
        for k in range(2, 5)
    )
    six = np.concatenate([p, [0.4, 0.6]])[None]
    assert math.exp(log_sum(some, list_tables(some), six)[0]) == pytest.approx(whole, rel=1e-10)


def test_tilted_probabilities_expect_the_margins_and_are_those_of_iterative_fitting() -> None:
    p = stream(SEED, "paths").dirichlet(np.ones(4))
    tilted = tilt(margins(3, 7), np.array([0, 1]), p[None]).table[0]
    # Iterative proportional fitting (Deming and Stephan 1940) ends at the same table.
    fitted = 9 * p.reshape(2, 2)
    for _ in range(500):
        fitted *= (np.array([6.0, 3]) / fitted.sum(axis=1))[:, None]
        fitted *= np.array([2.0, 7]) / fitted.sum(axis=0)
    np.testing.assert_allclose(tilted, fitted.ravel(), atol=1e-8)


@pytest.mark.parametrize("n", [26, 81])
def test_the_approximation_follows_the_sum_as_the_model_moves_even_near_zero(n: int) -> None:
    """Up to a constant: what a likelihood needs. Normal counts are off by several units here."""
    some = margins(n - 2, n - 3, n)
    stays = np.array([0.5, 0.8, 0.95, 0.99])
    p = np.stack(
        [(1 - stays) * 0.8, (1 - stays) * 0.2, (1 - stays) * 0.3, stays - 0.3 * (1 - stays)], axis=1
    )
    tilted = tilt(some, np.array([0, 1]), p)
    expected = n * p
    table = tilted.table
    divergence = (table * np.log(table / expected)).sum(axis=1)
    ours = -divergence - tilted.spread
    exact = log_sum(some, list_tables(some), p)
    np.testing.assert_allclose(ours - ours[1], exact - exact[1], atol=0.35)


def test_contradictions_are_measured_in_patients() -> None:
    nested = Margins(
        sums=np.array([[0.0, 1, 1], [0, 0, 1]]),  # ever by one time, ever by an earlier one
        counts=np.array([30.0, 40.0]),
        layer=np.zeros(3, dtype=int),
        sizes=np.array([81.0]),
    )
    assert np.abs(nearest_counts(nested) - nested.counts).sum() == pytest.approx(10)
    larger = np.array([0, -1])
    assert nearest_counts(nested, larger)[0] == pytest.approx(40)


def test_columns_that_the_counts_leave_empty_are_found() -> None:
    assert possible_columns(margins(9, 4)).tolist() == [False, False, True, True]
    assert possible_columns(margins(4, 5)).all()
    with pytest.raises(ValueError, match="no table"):
        possible_columns(margins(10, 4))


def test_possible_columns_are_those_that_a_linear_program_can_fill() -> None:
    rng = stream(SEED, "columns")
    for _ in range(20):
        sums = rng.integers(0, 2, size=(3, 6)).astype(float)
        table = rng.integers(0, 3, size=6) * rng.integers(0, 2, size=6)
        some = Margins(
            sums=sums,
            counts=sums @ table,
            layer=np.zeros(6, dtype=int),
            sizes=np.array([float(table.sum())]),
        )
        most = [
            -linprog(-np.eye(6)[k], A_eq=some.all_sums, b_eq=some.all_counts).fun for k in range(6)
        ]
        assert possible_columns(some).tolist() == [bool(m > 1e-9) for m in most]


def test_a_margin_that_follows_from_others_is_no_row_of_its_own() -> None:
    sums = np.array([[1.0, 0, 0], [0, 1, 1], [0, 1, 0], [1, 1, 1]])
    assert independent_rows(sums, 1).tolist() == [3, 0, 2]


def test_too_many_tables_are_not_listed() -> None:
    assert list_tables(margins(40, 40, 81), most=10) == ()
