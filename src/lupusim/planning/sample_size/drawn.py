"""Powers of sizes from tables that are drawn from their law: no patient is followed for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.sample_size.growth import Sizing
from lupusim.planning.sample_size.probit_line import Batch
from lupusim.planning.theory.drawn.tables import drawn_tables
from lupusim.simulation.tally import Mean

FEW = 1_000
"""Tables that show roughly what the power is."""


@dataclass(slots=True, kw_only=True)
class DrawnPowers:
    """What tables say of a family of trials; further tables of a size go on with those before."""

    sizing: Sizing
    quantity: str = "reject"  # which claim the power is of
    _seen: dict[int, Mean] = field(default_factory=dict)

    def at(self, size: int, n_tables: int = FEW) -> Mean:
        """Return the power of a size from so many tables at least.

        Raises
        ------
        NoExactSolutionError
            If tables do not tell it; why is said.
        """
        known = drawn_tables(self.sizing.at(size)).claims(n_tables).shares.get(self.quantity)
        if known is None:
            raise NoExactSolutionError(
                f"what is asked of {self.quantity} hangs on more than counts"
            )
        return known

    def look_at(self, sizes: Sequence[int], n_tables: int) -> list[Batch]:
        """Return all that was seen so far, with so many further tables of some sizes."""
        for size in sizes:
            before = self._seen[size].n if size in self._seen else 0
            self._seen[size] = self.at(size, before + n_tables)
        return [Batch.of(size, power) for size, power in self._seen.items()]

    @property
    def n_tables(self) -> int:
        """Tables that were drawn of all sizes that were looked at."""
        return sum(power.n for power in self._seen.values())

    @property
    def is_known(self) -> bool:
        """Whether tables tell the power of the trial as it is given."""
        try:
            self.at(self.sizing.start)
        except (NoExactSolutionError, ArithmeticError):
            return False
        return True
