"""Whether a trial's mean estimate points against the direction its endpoint declares as good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lupusim.analysis.direction import benefit_sign
from lupusim.planning.evidence import Comparison, comparisons
from lupusim.planning.null_hypothesis import alike_is_enough
from lupusim.planning.results import PointResult
from lupusim.planning.scenario import label
from lupusim.planning.tally import Tally
from lupusim.trial import Better, Trial
from lupusim.trial.endpoints import Hierarchy

_SURE = 4.0  # Monte Carlo standard errors
_CLEAR = 0.5  # standard deviations of the estimate: beyond what bias does to arms that are alike
_PAIR = 2  # arms
_OTHER = {Better.MORE: Better.FEWER, Better.FEWER: Better.MORE}


def wrong_way_notes(points: Sequence[PointResult]) -> list[str]:
    """Return a warning for every design whose estimate clearly favors the control.

    That is so where harm is simulated, or where `better` points the wrong way and makes of a
    good trial one that never succeeds.
    """
    several = len(points) > 1
    return [
        f"{label(point.values)}: warning: {words}" if several else f"warning: {words}"
        for point in points
        for words in _of_point(point)
    ]


def _of_point(point: PointResult) -> Iterator[str]:
    trial, tally = point.trial, point.tally
    if trial.analysis is None or len(trial.arms) == 1:
        return
    if trial.family is None and len(trial.arms) > _PAIR:
        return  # the estimate is of the arm that looked best
    for one in comparisons(trial):
        names = ("estimate", "reject")
        if trial.family is not None:
            names = (one.quantity("estimate"), one.quantity("reject"))
        if tally.sums.get(names[0], (0,))[0] and _is_wrong_way(trial, tally, one, names):
            yield _words(trial, one, tally.mean(names[0]).value)


def _is_wrong_way(trial: Trial, tally: Tally, one: Comparison, names: tuple[str, str]) -> bool:
    """Return whether estimates clearly favor the control, which one side does not show."""
    analysis, better = one.analysis, trial.endpoints[one.endpoint].better
    if analysis.sided != 1 or alike_is_enough(analysis.test, better):
        return False
    mean, spread = tally.mean(names[0]), tally.standard_deviation(names[0])
    against = -benefit_sign(analysis.test, better) * mean.value
    is_rare = tally.mean(names[1]).value < analysis.alpha
    return is_rare and against > max(_SURE * mean.mcse, _CLEAR * spread)


def _words(trial: Trial, one: Comparison, estimate: float) -> str:
    endpoint, control = trial.endpoints[one.endpoint], trial.arms[0].name
    whose = f" of {one.arm_name}" if len(trial.arms) > _PAIR else ""
    favors = f"the mean estimate{whose}, {estimate:.3g}, favors {control}"
    if isinstance(endpoint, Hierarchy):
        return f"{favors}. Look at 'better' of each level, and at the effects"
    way, other = endpoint.better.name.lower(), _OTHER[endpoint.better].name.lower()
    return (
        f"{favors}, as {endpoint.name!r} has 'better: {way}' (said, or by default). "
        f"If {other} is good, write 'better: {other}'; otherwise look at the effects"
    )
