"""How often the designs of a run succeed, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lupusim.planning.runs.run import PointResult
from lupusim.report.numbers import in_hundred
from lupusim.trial.scenario import label

_WORTH_RUNNING = 0.8
_MOST_NAMED = 4


def tries_in_words(points: Sequence[PointResult]) -> str:
    """Return in how many tries each design succeeds; of many designs the worst and the best.

    Parameters
    ----------
    points : sequence of PointResult
        The designs in the order of the file; those without a power are left out.
    """
    named = [(_short(point.values), point.power) for point in points if point.power is not None]
    if len(named) == 1:
        return f"in {in_hundred(named[0][1])} of 100 tries"
    enough = [name for name, power in named if power.value >= _WORTH_RUNNING]
    if len(named) <= _MOST_NAMED:
        counts = ", ".join(in_hundred(power) for _, power in named)
        names = "; ".join(name for name, _ in named)
        verdict = f"the first to reach 80 is {enough[0]}" if enough else "none reach 80"
        return f"in {counts} of 100 tries ({names}): {verdict}"
    (worst, least), *_, (best, most) = sorted(named, key=lambda pair: pair[1].value)
    return (
        f"in {in_hundred(least)} (the worst: {worst}) to {in_hundred(most)} (the best: {best}) "
        f"of 100 tries; {len(enough) or 'none'} of {len(named)} designs reach 80"
    )


def _short(values: Mapping[str, object]) -> str:
    """Return what distinguishes a design, each path by its last step where that is enough."""
    last = [path.rpartition(".")[2] for path in values]
    alone = {path: step for path, step in zip(values, last, strict=True) if last.count(step) == 1}
    return label({alone.get(path, path): value for path, value in values.items()})
