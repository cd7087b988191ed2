"""How far a run has come."""

from __future__ import annotations

from collections.abc import Callable

from lupusim.common.frozen import dataclass
from lupusim.simulation.tally import Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come."""

    done: int
    total: int
    """`done` and `total`: replicates simulated and asked for, over all points and their null
    twins."""
    power: Mean | None  # running power of the point in work; None where there is no test


Listener = Callable[[Progress], None]
