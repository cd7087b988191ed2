"""Where the looks of a trial decide, as far as that is known before anything is seen."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.simulation.looks.look_statistics import Comparison, comparisons
from lupusim.trial import Trial


def expected_bounds(
    trial: Trial, asked: Comparison, information: FloatArray, estimate: FloatArray
) -> list[FloatArray]:
    """Return where each look decides, on the z scale in favor of the experimental arm.

    Parameters
    ----------
    trial : Trial
        Whose looks they are.
    asked : Comparison
        Which test.
    information, estimate : (1, n_looks) arrays
        What each look is to be expected to show.
    """
    if trial.stopping is None or not trial.interims:
        return [expected_levels(trial, asked) for _ in range(information.shape[1])]
    both = trial.stopping.bounds_at(information / information[0, -1], estimate)
    found = [np.unique(pair[np.isfinite(pair)]) for pair in np.stack(both)[:, 0, :].T]
    return _on_sides(found, asked.analysis.sided)


def expected_levels(trial: Trial, asked: Comparison) -> FloatArray:
    """Return where a look decides: of several hypotheses with all of alpha, or its part."""
    from scipy.special import ndtri

    analysis = asked.analysis
    shares = {1, len(comparisons(trial))}
    levels = [-float(ndtri(analysis.alpha / analysis.sided / share)) for share in sorted(shares)]
    (found,) = _on_sides([np.array(levels)], analysis.sided)
    return found


def _on_sides(bounds: list[FloatArray], sided: int) -> list[FloatArray]:
    if sided == 1:
        return bounds
    return [np.unique(np.concatenate([-one, one])) for one in bounds]
