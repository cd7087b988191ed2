"""Whether a trial's mean estimate points against the direction its endpoint declares as good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, takewhile

from lupusim.planning.runs.results import PointResult
from lupusim.simulation.looks.look_statistics import Comparison, comparisons
from lupusim.trial import Trial
from lupusim.trial.endpoints import directions, good_direction
from lupusim.trial.scenario import Scenario, label

_SURE = 4.0  # Monte Carlo standard errors
_CLEAR = 0.5  # standard deviations of the estimate: beyond what bias does to identical arms
_PAIR = 2  # arms
_FEW_TRIALS = 40  # enough to see a mean that is half a standard deviation from 0
_FEW_PATIENTS = 20_000  # in one trial of each design
_FOR, _AGAINST = 1, -1


def wrong_way_notes(points: Sequence[PointResult]) -> list[str]:
    """Return a warning for each endpoint whose estimates clearly favor the control.

    That is so where harm is simulated, or where `better` points the wrong way and makes of a
    good trial one that never succeeds. Where another arm or design is clearly better than the
    control, the direction is taken to be right, and nothing is said.
    """
    against: dict[str, list[str]] = {}
    right = set()
    for point in points:
        place = f"{label(point.values)}: " if len(points) > 1 else ""
        for one, benefit in _benefits(point):
            name = point.trial.endpoints[one.endpoint].name
            if benefit == _FOR:
                right.add(name)
            elif benefit == _AGAINST and _is_rare(point, one):
                against.setdefault(name, []).append(f"{place}warning: {_words(point, one)}")
    return [
        words + (f" (and {len(others)} more like it)" if others else "")
        for name, (words, *others) in against.items()
        if name not in right
    ]


def wrong_way_beforehand(scenario: Scenario) -> list[str]:
    """Return the warnings of a run without it: from a few trials of the designs that are small."""
    from lupusim.planning.runs.run import run  # which gives the warnings above

    patients = accumulate(point.trial.n_patients for point in scenario.points)
    few = takewhile(
        lambda pair: pair[1] <= _FEW_PATIENTS, zip(scenario.points, patients, strict=True)
    )
    points = tuple(point for point, _ in few)
    if not points:
        return []
    return wrong_way_notes(run(replace(scenario, points=points), _FEW_TRIALS).points)


def _benefits(point: PointResult) -> Iterator[tuple[Comparison, int]]:
    """Yield for each comparison whether its estimates are clearly for or against the arm, or 0."""
    trial, tally = point.trial, point.tally
    if trial.analysis is None or len(trial.arms) == 1:
        return
    if trial.family is None and len(trial.arms) > _PAIR:
        return  # the estimate is of the arm that looked best
    for one in comparisons(trial):
        better = trial.endpoints[one.endpoint].better
        is_known = tally.sums.get(_quantity(trial, one, "estimate"), (0,))[0] > 0
        if is_known and not one.analysis.test.alike_is_enough(better):
            yield one, _benefit(point, one) * one.analysis.test.benefit_sign(better)


def _is_rare(point: PointResult, one: Comparison) -> bool:
    """Return whether a benefit is rarer than by chance; of crossing hazards it need not be."""
    if one.analysis.sided > 1:  # what is claimed is harm
        return True
    share = point.tally.mean(_quantity(point.trial, one, "reject")).value
    return share < one.analysis.alpha


def _quantity(trial: Trial, one: Comparison, name: str) -> str:
    return name if trial.family is None else one.quantity(name)


def _benefit(point: PointResult, one: Comparison) -> int:
    """Return the sign of the estimates where it is clear, and no chance result of alike arms."""
    tally = point.tally
    name = _quantity(point.trial, one, "estimate")
    mean, spread = tally.mean(name), tally.standard_deviation(name)
    if abs(mean.value) <= max(_SURE * mean.mcse, _CLEAR * spread):
        return 0
    return 1 if mean.value > 0 else -1


def _words(point: PointResult, one: Comparison) -> str:
    trial = point.trial
    estimate = point.tally.mean(_quantity(trial, one, "estimate")).value
    endpoint, control = trial.endpoints[one.endpoint], trial.arms[0].name
    whose = f" of {one.arm_name}" if len(trial.arms) > _PAIR else ""
    counted = ", and with two sides claims of that count as power" * (one.analysis.sided > 1)
    favors = f"the mean estimate{whose}, {estimate:.3g}, favors {control}{counted}"
    if endpoint.levels:
        return f"{favors}. Look at 'better' of each level, and at the effects"
    way = good_direction(endpoint)
    other = next(word for word in directions(endpoint) if word != way)
    return (
        f"{favors}, as {endpoint.name!r} has 'better: {way}' (said, or by default). "
        f"If {other} is good, write 'better: {other}'; otherwise look at the effects"
    )
