"""When patients are randomized: as they come, or when a candidate's test lets them in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.trial.enrollment.base import Accrual, ArrivalProcess

if TYPE_CHECKING:
    from lupusim.trial.design import Trial
    from lupusim.trial.population.screening import Screened


def candidates_of(trial: Trial) -> ArrivalProcess:
    """Return the arrivals of candidates: of patients, where nobody is screened."""
    return trial.enrollment.process(trial.n_patients, share=share_enrolled(trial))


def share_enrolled(trial: Trial) -> float:
    """Return the share of those who come who are randomized: all, where nobody is screened."""
    screening = trial.population.screening
    return 1.0 if screening is None else screening.share_let_in


def accrual_of(trial: Trial) -> Accrual | None:
    """Return breaks and rates of the randomizations to be expected; None where none is known.

    Of candidates who are tested once a share is randomized at once, which thins their rate.
    """
    screening = trial.population.screening
    if screening is None:
        return trial.enrollment.accrual(trial.n_patients)
    if screening.tests > 1:
        return None
    share = screening.share_let_in
    if trial.enrollment.has_fixed_period:  # candidates come so that it lasts as long
        return trial.enrollment.accrual(trial.n_patients)
    found = trial.enrollment.accrual(math.ceil(trial.n_patients / share))
    return None if found is None else (found[0], tuple(share * rate for rate in found[1]))


def randomization_times(
    trial: Trial, n_replicates: int, *, streams: Callable[[str], np.random.Generator]
) -> tuple[FloatArray, Screened | None]:
    """Return calendar times (years) of randomization, and what screening found, if there is any.

    Parameters
    ----------
    trial : Trial
        Its enrollment and its population.
    n_replicates : int
        How often it enrolls.
    streams : callable
        Gives the generator of each purpose: ``enrollment`` and ``screening``.

    Returns
    -------
    times : (n_replicates, n_patients) array
        Increasing along each row.
    screened : Screened or None
        In the order of randomization; None without screening.
    """
    screening, rng = trial.population.screening, streams("enrollment")
    if screening is None:
        return trial.enrollment.times(n_replicates, trial.n_patients, rng=rng), None
    screened = screening.enroll(
        candidates_of(trial), n_replicates, trial.n_patients, rng=rng, tests=streams("screening")
    )
    return screened.randomized, screened
