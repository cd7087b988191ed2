"""The size of a trial whose power is known exactly."""

from __future__ import annotations

from lupusim.planning.sample_size.growth import Sizing
from lupusim.planning.theory.power import formula_power

_TEETH = 12  # steps within which power that has risen may fall again, for discrete tests


def exact_power_at(sizing: Sizing, size: int) -> float | None:
    """Return the exact power of a size; None where it is not known."""
    found = formula_power(sizing.at(size))
    return None if found is None or not found.is_exact else found.value


def exact_size(sizing: Sizing, power: float, *, near: int, largest: int) -> int | None:
    """Return the smallest size whose exact power reaches a target; None where it is not known.

    Power of a discrete test has teeth: sizes are gone through one by one, down from `near` as
    long as one of the next twelve reaches the target, or up until one does.

    Parameters
    ----------
    sizing : Sizing
        The trials to choose from.
    power : float
        Target.
    near : int
        Where the search by simulation ended.
    largest : int
        The largest size to consider.
    """
    step = sizing.step

    def reaches(size: int) -> bool:
        found = exact_power_at(sizing, size)
        return found is not None and found >= power

    if exact_power_at(sizing, near) is None:
        return None
    size = near
    while not reaches(size):
        size += step
        if size > largest:
            return None
    while True:
        below = (size - k * step for k in range(1, _TEETH + 1))
        smaller = [one for one in below if one >= sizing.smallest and reaches(one)]
        if not smaller:
            return size
        size = min(smaller)
