"""What trials claim by what their looks show, whatever else becomes of them."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.simulation.looks.group_sequential import looks_claims
from lupusim.simulation.looks.look_statistics import LookStatistics
from lupusim.simulation.looks.multiplicity import family_claims
from lupusim.trial import Trial


def claims(trial: Trial, seen: tuple[LookStatistics, ...]) -> dict[str, FloatArray]:
    """Return what trials claim, and where they stop, (n_replicates,) each.

    Parameters
    ----------
    trial : Trial
        Its rule; it changes nothing while it runs.
    seen : tuple of LookStatistics
        What the looks show of each comparison.
    """
    if trial.family is not None:
        return family_claims(trial, seen)
    (one,) = seen
    if trial.interims:
        return looks_claims(trial, one)
    assert trial.analysis is not None
    return {
        "reject": (one.decisive[:, 0] <= trial.analysis.alpha).astype(float),
        "undefined": one.undefined[:, 0].astype(float),
        "missed_cutoff": np.isinf(one.cutoff[:, 0]).astype(float),
    }
