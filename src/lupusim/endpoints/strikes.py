"""What an intercurrent event does to times and counts."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.endpoints.setting import Setting
from lupusim.trial.endpoints import Better
from lupusim.trial.observation import Consequence


def until_strike(setting: Setting, seen_until: FloatArray) -> FloatArray:
    """Return how long each patient counts, where events end the observation."""
    strike = setting.strike(seen_until, Consequence.CENSORING)
    return seen_until if strike is None else np.minimum(seen_until, strike)


def with_failures(time: FloatArray, strike: FloatArray | None, better: Better) -> FloatArray:
    """Return the times of events (years) where a strike that is a failure counts.

    It is an event where these should be few. Where they are hoped for none comes after it: the
    patient stays at risk of one, as who never has it does, to the end of the observation.
    """
    if strike is None:
        return time
    if better is Better.FEWER:
        return np.minimum(time, strike)
    return np.where(strike < time, np.inf, time)
