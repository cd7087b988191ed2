"""Chances of the binomial law, and the factorials in chances of counts."""

from __future__ import annotations

from functools import lru_cache
from math import comb, lgamma, log

import numpy as np

from lupusim.common.arrays import FloatArray

_TABLE = 1024  # tables end at a multiple of it, so that few are worked out


def binomial(n: int, proportion: float) -> FloatArray:
    """Return the probabilities of 0, 1, ..., `n` responders, (n + 1,), by exact coefficients.

    `binomial_row` has them by logs: quicker for many, and not the same in the last digits.
    """
    from scipy.special import bdtr

    cumulative = bdtr(np.arange(n + 1), n, proportion)
    if n > 1000:  # differences of the distribution function: the coefficients overflow
        return np.asarray(np.diff(cumulative, prepend=0.0))
    x = np.arange(n + 1)
    choose = np.array([float(comb(n, int(k))) for k in x])
    with np.errstate(under="ignore"):
        return np.asarray(choose * proportion**x * (1 - proportion) ** (n - x))


def binomial_row(n: int, proportion: float) -> FloatArray:
    """Return the probabilities of 0 to `n` responders by logs of factorials: fast for any `n`."""
    if 0 < proportion < 1:
        logs, x = log_factorials(n), np.arange(n + 1)
        weight = logs[n] - logs[x] - logs[n - x]
        return np.asarray(np.exp(weight + x * log(proportion) + (n - x) * np.log1p(-proportion)))
    return np.asarray(np.arange(n + 1) == (n if proportion else 0), dtype=float)


def binomial_rows(n: int, proportions: FloatArray, span: tuple[int, int]) -> FloatArray:
    """Return the same for several proportions and some numbers, (n_proportions, n_numbers).

    Parameters
    ----------
    n : int
        Patients.
    proportions : (n_proportions,) array
        From 0 to 1.
    span : (int, int)
        Numbers of responders from, and up to but without.
    """
    x = np.arange(*span)
    inside = (proportions > 0) & (proportions < 1)
    found = np.array(x == np.where(proportions > 0, n, 0)[:, None], dtype=float)
    logs, chance = log_factorials(n), proportions[inside, None]
    weight = logs[n] - logs[x] - logs[n - x]
    found[inside] = np.exp(weight + x * np.log(chance) + (n - x) * np.log1p(-chance))
    return found


def log_factorials(largest: int) -> FloatArray:
    """Return the logs of 0!, 1!, ..., `largest`!."""
    # SPEED: sums over all tables ask for many sizes (benchmarks/planning.py)
    return _log_factorials(-(-(largest + 1) // _TABLE) * _TABLE)[: largest + 1]


@lru_cache(maxsize=8)
def _log_factorials(size: int) -> FloatArray:
    largest = size - 1
    logs = np.array([lgamma(number + 1) for number in range(largest + 1)])
    logs.setflags(write=False)
    return logs
