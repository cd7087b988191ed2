"""Which claims of trials are of a benefit: a test with two sides claims harm, too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.simulation.looks.look_statistics import comparisons
from lupusim.trial import Trial

_ONE_SIDED, _PAIR = 1, 2


def claims_harm(trial: Trial) -> bool:
    """Return whether a claim of a trial may be that the control is better."""
    return trial.analysis is not None and trial.analysis.sided != _ONE_SIDED


def benefits(trial: Trial, found: Mapping[str, FloatArray]) -> BoolArray:
    """Return which replicates claim that an experimental arm is better than the control.

    Where the truth is unsure it may lie on either side, and a trial that shows harm does not
    succeed. A claim without an estimate, as where one arm alone has events, counts.

    Parameters
    ----------
    trial : Trial
        The trial.
    found : mapping of str to (n_replicates,) arrays
        What its replicates have shown.
    """
    claims = found["reject"] > 0
    if not claims_harm(trial):
        return claims
    several = trial.family is not None or len(trial.arms) > _PAIR
    better = np.zeros(claims.size, dtype=bool)
    for one in comparisons(trial):
        reject, estimate = (
            one.quantity(name) if several else name for name in ("reject", "estimate")
        )
        if reject not in found or estimate not in found:
            return claims  # of a rule that has one side
        sign = one.analysis.test.benefit_sign(trial.endpoints[one.endpoint].better)
        better |= (found[reject] > 0) & ~(found[estimate] * sign < 0)
    return claims & better
