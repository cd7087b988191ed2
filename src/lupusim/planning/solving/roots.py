"""Narrow down where a function crosses 0, by secants and bisection in turn."""

from __future__ import annotations

from collections.abc import Callable

from lupusim.common.frozen import dataclass

_MOST_STEPS = 60
_MARGIN = 0.02  # of the bracket: a secant never lies nearer to an end
_RESOLUTION = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A value and how far above the target the quantity is there."""

    x: float
    gap: float


def narrowed(
    gap: Callable[[float], float], ends: tuple[Seen, Seen], enough: float, whole: bool
) -> float:
    """Return where a function crosses 0 between two ends of which one is above it.

    Every second step halves the bracket, so a function with steps (a simulated share) is no
    trouble; the others are secants, which soon find a crossing of what is nearly straight.

    Parameters
    ----------
    gap : callable
        The function.
    ends : (Seen, Seen)
        The lower value first; the function has not the same sign at both.
    enough : float
        A value at which the function is no farther from 0 will do.
    whole : bool
        Whether to look among whole numbers.

    Examples
    --------
    >>> ends = Seen(x=1.0, gap=-1.0), Seen(x=2.0, gap=2.0)
    >>> round(narrowed(lambda x: x**2 - 2, ends, 1e-12, False), 9)
    1.414213562
    >>> narrowed(lambda x: x - 7.4, (Seen(x=0.0, gap=-7.4), Seen(x=20.0, gap=12.6)), 0.0, True)
    7.0
    """
    low, high = ends
    for step in range(_MOST_STEPS):
        best = min(low, high, key=lambda seen: abs(seen.gap))
        width = high.x - low.x
        if abs(best.gap) <= enough or _is_done(width, high.x, whole):
            return best.x
        part = 0.5 if step % 2 else low.gap / (low.gap - high.gap)
        x = low.x + width * min(max(part, _MARGIN), 1 - _MARGIN)
        if whole:
            x = min(max(float(round(x)), low.x + 1), high.x - 1)
        here = Seen(x=x, gap=gap(x))
        if here.gap * low.gap > 0:
            low = here
        else:
            high = here
    return best.x


def _is_done(width: float, scale: float, whole: bool) -> bool:
    return width <= 1 if whole else width <= _RESOLUTION * max(abs(scale), _RESOLUTION)
