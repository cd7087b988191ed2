"""Where patients are followed for unequal times: those at which each is cut for a sum."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.planning.controls.parts import Baseline
from lupusim.planning.controls.sampled.cells import due_at_looks
from lupusim.planning.controls.times import cut_dates
from lupusim.simulation.controls import Floors
from lupusim.trial import Endpoint, Trial
from lupusim.trial.durations import LONGEST_FOLLOW_UP
from lupusim.trial.looks import counts_in

_TIMES = 16  # at most, at which patients are cut
_PAIR = 2


def is_cut(trial: Trial, endpoint: Endpoint) -> bool:
    """Return whether all of an endpoint that is never complete is cut, by the enrollment alone.

    Parameters
    ----------
    trial : Trial
        What is asked about.
    endpoint : Endpoint
        One that is due at no time.
    """
    one = endpoint.due_time is None and not trial.interims
    return one and None in due_at_looks(trial, endpoint) and not list(counts_in(trial.cutoff))


def floors_of(trial: Trial) -> Floors | None:
    """Return when patients are cut for a sum; None where no date is to be expected.

    As many patients are cut at one time as at another.

    Parameters
    ----------
    trial : Trial
        One whose only look enrollment decides.
    """
    baseline = Baseline.of(trial)
    if not (cuts := cut_dates(trial, baseline)):
        return None
    there = cuts[0].of(baseline.enrolled)[:, None] - baseline.enrolled
    until = np.minimum(there[there >= 0], min(trial.follow_up, LONGEST_FOLLOW_UP))
    shares = np.arange(_TIMES - 1) / (_TIMES - 1)
    times = np.unique(np.append(0.0, np.quantile(until, shares, method="lower")))
    return Floors(cut=cuts[0], times=times)


def sizes_at(pair: Baseline, floors: Floors) -> FloatArray:
    """Return how many patients of a pair's arms are cut at each time, (n_draws, 2, n_times)."""
    place, n_times = floors.of(pair.enrolled), floors.times.size
    there = (place >= 0) & (pair.arm >= 0)
    row = (np.arange(len(place))[:, None] * _PAIR + pair.arm) * n_times + place
    counts = np.bincount(row[there], minlength=len(place) * _PAIR * n_times)
    return counts.reshape(len(place), _PAIR, n_times).astype(float)
