"""How often the designs of a run succeed, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lupusim.planning.runs.run import PointResult
from lupusim.report.numbers import in_hundred
from lupusim.report.run.layout import short_label

_WORTH_RUNNING = 0.8
_MOST_NAMED = 4


def tries_in_words(points: Sequence[PointResult]) -> str:
    """Return in how many tries each design succeeds; of many designs the worst and the best.

    Parameters
    ----------
    points : sequence of PointResult
        The designs in the order of the file; those without a power are left out.
    """
    named = [
        (short_label(point.values), point.power) for point in points if point.power is not None
    ]
    if len(named) == 1:
        return f"in {in_hundred(named[0][1])} of 100 tries"
    enough = [name for name, power in named if power.value >= _WORTH_RUNNING]
    if len(named) <= _MOST_NAMED:
        counts = ", ".join(in_hundred(power) for _, power in named)
        names = _listed([point.values for point in points if point.power is not None])
        verdict = f"the first to reach 80 is {enough[0]}" if enough else "none reach 80"
        return f"in {counts} of 100 tries ({names}): {verdict}"
    (worst, least), *_, (best, most) = sorted(named, key=lambda pair: pair[1].value)
    return (
        f"in {in_hundred(least)} (the worst: {worst}) to {in_hundred(most)} (the best: {best}) "
        f"of 100 tries; {len(enough) or 'none'} of {len(named)} designs reach 80"
    )


def _listed(designs: Sequence[Mapping[str, object]]) -> str:
    """Return the names of designs, what varies alone said once."""
    if all(len(values) == 1 for values in designs):
        (path,) = designs[0]
        first, *others = (short_label({path: values[path]}) for values in designs)
        name = first.partition(" = ")[0]
        return ", ".join([first, *(other.removeprefix(f"{name} = ") for other in others)])
    return "; ".join(short_label(values) for values in designs)
