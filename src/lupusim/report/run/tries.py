"""How often the designs of a run succeed, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lupusim.planning.runs.run import PointResult
from lupusim.planning.theory.power import known_power, known_type_one_error
from lupusim.report.numbers import in_hundred
from lupusim.report.run.layout import short_label
from lupusim.scenario.document.content import is_number
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial

_WORTH_RUNNING = 0.8
_SURE = 2  # standard errors
_CLOSE = " (chance may decide: a power lies within 2 standard errors of 80)"
_MOST_NAMED = 4
_PAIR = 2  # arms


def power_of(point: PointResult) -> Mean | None:
    """Return the power of a design, by its counts where these are known; None without a test."""
    return _known(known_power(point.trial, point.n_replicates), point.power)


def claims_if_nothing_works(point: PointResult) -> Mean | None:
    """Return how often a design claims what is not there, by its counts where these are known."""
    known = known_type_one_error(point.trial, point.n_replicates)
    return _known(known, point.claims_under_null)


def _known(known: Mean | None, simulated: Mean | None) -> Mean | None:
    if known is None or simulated is None or 0 < simulated.mcse < known.mcse:
        return simulated
    return replace(known, n=max(known.n, simulated.n))


def claim_in_words(trial: Trial) -> str:
    """Return what a success shows: of several hypotheses one at least."""
    several_arms, family = len(trial.arms) > _PAIR, trial.family
    which = "arm" if several_arms else "endpoint"
    if several_arms and family and family.hypotheses:
        which = "arm on at least one endpoint"
    if error_quantity(trial) is None:
        who = f"at least one {which}" if family and several_arms else "the experimental arm"
        return f"that {who} is not worse by the margin"
    if family is None and not several_arms:
        return "the difference"
    return f"a difference {'of' if several_arms else 'in'} at least one {which}"


def of_all(points: Sequence[PointResult]) -> str:
    """Return how often all hypotheses are shown; nothing where there is one, or several designs."""
    if len(points) > 1 or points[0].trial.family is None:
        return ""
    return f" (of all in {in_hundred(points[0].tally.mean('reject_all'))})"


def tries_in_words(points: Sequence[PointResult]) -> str:
    """Return in how many tries each design succeeds; of many designs the worst and the best.

    Parameters
    ----------
    points : sequence of PointResult
        The designs in the order of the file; those without a power are left out.
    """
    powers = ((point, power_of(point)) for point in points)
    named = [(short_label(point.values), power) for point, power in powers if power is not None]
    if len(named) == 1:
        return f"in {in_hundred(named[0][1])} of 100 tries"
    doubt = _CLOSE * any(_is_close(power) for _, power in named)
    enough = [name for name, power in named if power.value >= _WORTH_RUNNING]
    if len(named) <= _MOST_NAMED:
        counts = ", ".join(in_hundred(power) for _, power in named)
        names = _listed([point.values for point in points if point.power is not None])
        return f"in {counts} of 100 tries ({names}): {_verdict(enough, points)}{doubt}"
    (worst, least), *_, (best, most) = sorted(named, key=lambda pair: pair[1].value)
    return (
        f"in {in_hundred(least)} (the worst: {worst}) to {in_hundred(most)} (the best: {best}) "
        f"of 100 tries; {len(enough) or 'none'} of {len(named)} designs reach 80{doubt}"
    )


def _is_close(power: Mean) -> bool:
    """Return whether another seed might put a power on the other side of what is worth running."""
    return abs(power.value - _WORTH_RUNNING) < _SURE * power.mcse


def _verdict(enough: Sequence[str], points: Sequence[PointResult]) -> str:
    """Return which designs reach 80; the first of them only where they stand in an order."""
    if not enough:
        return "none reach 80"
    values = [value for point in points for value in point.values.values()]
    if all(map(is_number, values)):
        return f"the first to reach 80 is {enough[0]}"
    if len(enough) == len(points):
        return "all reach 80"
    return f"{', '.join(enough)} alone {'reaches' if len(enough) == 1 else 'reach'} 80"


def _listed(designs: Sequence[Mapping[str, object]]) -> str:
    """Return the names of designs, what varies alone said once."""
    if all(len(values) == 1 for values in designs):
        (path,) = designs[0]
        first, *others = (short_label({path: values[path]}) for values in designs)
        name = first.partition(" = ")[0]
        return ", ".join([first, *(other.removeprefix(f"{name} = ") for other in others)])
    return "; ".join(short_label(values) for values in designs)
