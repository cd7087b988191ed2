"""How good an arm looks at an interim look, also where nobody on it has had the event."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.group_sequential import z_from_p_value
from lupusim.analysis.outcomes import Outcome
from lupusim.analysis.survival.logrank_test import LogrankTest
from lupusim.common.arrays import FloatArray
from lupusim.trial import Better, Verdict

BEYOND = float(np.finfo(float).max)
"""Stands for a benefit without bound: finite, so that differences of it stay defined."""


def judged_benefit(
    verdict: Verdict, outcome: Outcome, better: Better
) -> tuple[FloatArray, FloatArray]:
    """Return z of a one-sided verdict and its estimate, both large in favor of the treatment.

    Where all events are on one arm, a hazard ratio is 0 or infinite and no estimate is known;
    Wald's z is not defined either. The estimate is then `BEYOND` (or its negative), and a z
    that is not defined is the log-rank test's.

    Parameters
    ----------
    verdict : Verdict
        One-sided.
    outcome : Outcome
        Which it is about: control and one arm.
    better : Better
        Which direction is a benefit.

    Returns
    -------
    z, benefit : (n_replicates,) arrays
        `-inf` where nothing is known.
    """
    z = np.where(verdict.undefined, -np.inf, z_from_p_value(verdict.p_value))
    benefit = np.where(verdict.undefined, -np.inf, np.copysign(np.abs(verdict.estimate), z))
    unknown = np.isnan(verdict.known_estimate)
    times = outcome.as_times
    if times is None or not unknown.any():
        return z, benefit
    one_sided = (times.counts(0)[0] > 0) != (times.counts(1)[0] > 0)
    stratum = np.zeros(times.time.shape, dtype=np.intp)
    score = LogrankTest()(times, better=better, sided=1, stratum=stratum)
    found = unknown & one_sided & ~score.undefined
    score_z = z_from_p_value(score.p_value)
    benefit = np.where(found, np.copysign(BEYOND, score_z), benefit)
    return np.where(found & verdict.undefined, score_z, z), benefit
