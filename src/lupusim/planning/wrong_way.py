"""Whether a trial's mean estimate points against the direction its endpoint declares as good."""

from __future__ import annotations

from collections.abc import Sequence

from lupusim.analysis.direction import benefit_sign
from lupusim.planning.null_hypothesis import alike_is_enough
from lupusim.planning.results import PointResult
from lupusim.planning.scenario import label
from lupusim.trial import Better
from lupusim.trial.endpoints import Hierarchy

_SURE = 4.0  # Monte Carlo standard errors
_CLEAR = 0.5  # standard deviations of the estimate: beyond what bias does to arms that are alike
_OTHER = {Better.MORE: Better.FEWER, Better.FEWER: Better.MORE}


def wrong_way_notes(points: Sequence[PointResult]) -> list[str]:
    """Return a warning for every design whose estimate clearly favors the control.

    That is so where harm is simulated, or where `better` points the wrong way and makes of a
    good trial one that never succeeds.
    """
    several = len(points) > 1
    return [
        f"{label(point.values)}: warning: {_words(point)}"
        if several
        else f"warning: {_words(point)}"
        for point in points
        if _is_wrong_way(point)
    ]


def _is_wrong_way(point: PointResult) -> bool:
    trial, analysis = point.trial, point.trial.analysis
    if analysis is None or trial.family is not None or len(trial.arms) != 2:
        return False
    if point.power is None or point.tally.sums.get("estimate", (0,))[0] == 0:
        return False
    if analysis.sided != 1 or alike_is_enough(analysis.test, trial.primary.better):
        return False
    mean, spread = point.tally.mean("estimate"), point.tally.standard_deviation("estimate")
    against = -benefit_sign(analysis.test, trial.primary.better) * mean.value
    return against > max(_SURE * mean.mcse, _CLEAR * spread) and point.power.value < analysis.alpha


def _words(point: PointResult) -> str:
    trial = point.trial
    endpoint, control = trial.primary, trial.arms[0].name
    estimate = f"the mean estimate, {point.tally.mean('estimate').value:.3g}, favors {control}"
    if isinstance(endpoint, Hierarchy):
        return f"{estimate}. Look at 'better' of each level, and at the effects"
    way, other = endpoint.better.name.lower(), _OTHER[endpoint.better].name.lower()
    return (
        f"{estimate}, as {endpoint.name!r} has 'better: {way}' (said, or by default). "
        f"If {other} is good, write 'better: {other}'; otherwise look at the effects"
    )
