"""Powers of trials that are counts, exact or table by table, so that trials can be compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.rng import stream
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.claims import by_counted, most_drawn
from lupusim.planning.theory.counts.repeated import can_be_drawn, claims_by_table
from lupusim.planning.theory.power import undrawn_powers
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial


def power_by_tables(trial: Trial, *, at_least: int, seed: int) -> FloatArray | None:
    """Return the power of a trial: its exact one alone, (1,), or claims of drawn tables.

    Of these known chance is taken out, so that a single one may be below 0 or above 1. All trials
    draw from the same stream, so that those of one law have the same tables.

    Returns
    -------
    (n_tables,) array, or None where numbers of patients do not say it
    """
    exact = [found.value for found in undrawn_powers(trial) if found.is_exact]
    if exact:
        return np.array(exact[:1])
    try:
        return claims_by_table(trial, at_least=at_least, rng=stream(seed, "tables of a trial"))
    except (NoExactSolutionError, ArithmeticError):
        return None


def is_simulated(trial: Trial) -> bool:
    """Return whether the power of a trial asks for patients; no table is drawn to tell."""
    if any(found.is_exact for found in undrawn_powers(trial)):
        return False
    try:
        can_be_drawn(trial)
    except (NoExactSolutionError, ArithmeticError):
        return True
    return False


def are_worthwhile(trial: Trial) -> bool:
    """Return whether tables tell more than patients, out of whom known chance is taken."""
    try:
        by_counted(trial, most_drawn)
    except (NoExactSolutionError, ArithmeticError):
        return False
    return True


def of_equal_length(powers: Sequence[FloatArray]) -> list[FloatArray]:
    """Return powers by so many tables as the fewest have; exact ones as they are."""
    fewest = min((one.size for one in powers if one.size > 1), default=1)
    return [one[:fewest] for one in powers]


def n_drawn(powers: Sequence[FloatArray]) -> int:
    """Return how many tables are drawn of each trial; 0 where all powers are exact."""
    return max((one.size for one in powers if one.size > 1), default=0)


def mean_of_tables(values: FloatArray) -> Mean:
    """Return the mean of a quantity of tables; of one that is exact without an error."""
    if values.size == 1:
        return Mean(value=float(values[0]), mcse=0.0)
    error = float(values.std() / math.sqrt(values.size))
    return Mean(value=float(values.mean()), mcse=error, n=values.size)


def power_of_tables(values: FloatArray) -> Mean:
    """Return the same of a power, which chance that is taken out could move past 0 or 1."""
    mean = mean_of_tables(values)
    return replace(mean, value=min(max(mean.value, 0.0), 1.0))
