"""A digitized Kaplan-Meier plot as a target: its patients, counted per interval at risk."""

from __future__ import annotations

import numpy as np

from lupusim.calibration.targets.questions import StateSet
from lupusim.calibration.targets.reconstruction import (
    DigitizedCurve,
    ReconstructedPatients,
    reconstruct,
)
from lupusim.calibration.targets.times import SurvivalCurve


def curve_target(
    curve: DigitizedCurve, states: StateSet, *, total_events: int | None = None
) -> SurvivalCurve:
    """Return the target that a digitized plot makes, its patients reconstructed (Guyot 2012).

    Parameters
    ----------
    curve : DigitizedCurve
        Times in years from the start of the study.
    states : tuple of str
        What ends the curve's survival, such as ``("death",)``.
    total_events : int, optional
        Events in all, if published.

    Returns
    -------
    SurvivalCurve
        Of the intervals between numbers at risk, and from the last of these to the end of
        the curve: the Kaplan-Meier survival of the reconstructed patients at their ends, and
        as many at risk as make the events those reconstructed.

    Raises
    ------
    ValueError
        If `total_events` is impossible, or nobody is followed beyond time 0.

    References
    ----------
    Guyot, Ades, Ouwens and Welton (2012), BMC Medical Research Methodology 12:9.
    """
    patients = reconstruct(curve, total_events=total_events)
    ends = np.append(curve.risk_times[1:], max(curve.times.max(), curve.risk_times[-1]))
    ends = np.unique(ends[ends > 0])
    if ends.size == 0:
        raise ValueError("the curve ends at time 0. Give points later than that")
    survival, at_risk = 1.0, []
    shares, begin = [], 0.0
    kept = []
    for end in ends.tolist():
        ratio, n = _interval(patients, begin, end)
        if n == 0:
            break  # nobody is left: the curve says nothing beyond
        survival *= ratio
        kept.append(end)
        shares.append(survival)
        at_risk.append(n)
        begin = end
    return SurvivalCurve(
        states=states, times=tuple(kept), survival=tuple(shares), at_risk=tuple(at_risk)
    )


def _interval(patients: ReconstructedPatients, begin: float, end: float) -> tuple[float, float]:
    """Return the share of those at risk that stay event-free, and the number it is out of.

    Events at the very beginning belong to the interval before, except at time 0. Where
    patients are censored within it, the number is that whose binomial has the reconstructed
    events and the Kaplan-Meier share; without events, half of the censored count.
    """
    after = patients.times > begin if begin > 0 else np.ones(patients.times.size, dtype=bool)
    inside = after & (patients.times <= end)
    n_left, n_inside = int(after.sum()), int(inside.sum())
    times, events = patients.times[inside], patients.events[inside]
    ratio = 1.0
    for k in np.flatnonzero(events).tolist():
        # At one time events come before censoring, as the patients are sorted.
        ratio *= 1 - 1 / (n_left - k)
    n_events = int(events.sum())
    if n_events == 0:
        # Those censored at the very end were followed all the way.
        n_early = int((times < end).sum())
        return 1.0, n_left - n_early / 2 if n_inside else float(n_left)
    return ratio, n_events / (1 - ratio)
