"""When patients are randomized: as they come, or when a candidate's test lets them in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.trial.enrollment.base import ArrivalProcess

if TYPE_CHECKING:
    from lupusim.trial.design import Trial
    from lupusim.trial.population.screening import Screened


def candidates_of(trial: Trial) -> ArrivalProcess:
    """Return the arrivals of candidates: of patients, where nobody is screened."""
    screening = trial.population.screening
    share = 1.0 if screening is None else screening.share_let_in
    return trial.enrollment.process(trial.n_patients, share=share)


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
