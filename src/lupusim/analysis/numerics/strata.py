"""Strata as columns of a regression, where a trial may lack some of them."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, without_repeats


def stratum_counts(stratum: IntArray, member: BoolArray) -> FloatArray:
    """Return how many members each stratum of each trial has; (n_replicates, n_strata).

    Parameters
    ----------
    stratum : (n_replicates or 1, n_patients) integer array
        Numbers from 0.
    member : (n_replicates, n_patients) boolean array
        Who counts.
    """
    n_strata = int(stratum.max(initial=0)) + 1
    cell = np.arange(member.shape[0])[:, np.newaxis] * n_strata + stratum
    counts = np.bincount(
        np.broadcast_to(cell, member.shape)[member], minlength=member.shape[0] * n_strata
    )
    return counts.reshape(-1, n_strata).astype(float)


def stratum_columns_of(stratum: IntArray, member: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return 0 or 1 for each stratum but a trial's first, and which of these columns it lacks.

    Each trial's own strata are counted without gaps, so that what it lacks are columns of
    zeros behind the others; a 1 on the diagonal takes them out of its equations.

    Parameters
    ----------
    stratum : (n_replicates or 1, n_patients) integer array
        Numbers from 0.
    member : (n_replicates, n_patients) boolean array
        Who is in the analysis.

    Returns
    -------
    columns : (n_replicates, n_patients, n_strata - 1) array
        0 for who is not a member.
    lacking : (n_replicates, n_strata - 1) array of 0 and 1
    """
    present = stratum_counts(stratum, member) > 0
    number = np.cumsum(present, axis=1) - 1
    level = np.take_along_axis(number, np.broadcast_to(stratum, member.shape), axis=1)
    others = np.arange(1, present.shape[1])
    columns: FloatArray = ((level[:, :, None] == others) & member[:, :, None]).astype(float)
    return columns, (others >= present.sum(axis=1)[:, np.newaxis]).astype(float)


def varied_strata(stratum: IntArray, member: BoolArray, response: BoolArray) -> BoolArray:
    """Return the members of strata in which some respond and some don't.

    Of the others the likeliest intercept is infinite: they say nothing of anything else.
    """
    n, responders = (stratum_counts(stratum, who) for who in (member, member & response))
    varied = (responders > 0) & (responders < n)
    level = np.broadcast_to(stratum, member.shape)
    return np.asarray(member & np.take_along_axis(varied, level, axis=1))


def diagonal(lacking: FloatArray, n_before: int) -> FloatArray:
    """Return matrices with 1 where a column is lacking, 0 elsewhere.

    Parameters
    ----------
    lacking : (n_replicates, n_strata - 1) array of 0 and 1
    n_before : int
        Columns in front of those of the strata.
    """
    whole = np.concatenate([np.zeros((lacking.shape[0], n_before)), lacking], axis=1)
    return np.asarray(whole[:, :, np.newaxis] * np.eye(whole.shape[1]), dtype=float)


def strata_or_none(stratum: IntArray) -> IntArray | None:
    """Return the strata; None where all patients are in the one of number 0."""
    return stratum if np.any(without_repeats(stratum)) else None
