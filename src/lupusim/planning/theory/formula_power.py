"""A power that is known without simulation."""

from __future__ import annotations

from lupusim.common.frozen import dataclass
from lupusim.simulation.tally import Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaPower:
    """The power of a design without simulation."""

    value: float
    method: str  # how it is known, such as ``exact, all tables``
    key: str = "exact"  # the same in one word, for columns
    mcse: float = 0.0  # standard error, where it is from drawn tables
    n_drawn: int = 0  # how many these are

    @property
    def is_exact(self) -> bool:
        """Whether it is a sum over all that may happen, and no approximation."""
        return self.key == "exact"

    @property
    def is_drawn(self) -> bool:
        """Whether it is a share of tables that are drawn from their law, and has an error."""
        return self.n_drawn > 0

    @property
    def is_by_counts(self) -> bool:
        """Whether numbers of patients say it, so that simulation checks it."""
        return self.is_exact or self.is_drawn

    @property
    def mean(self) -> Mean:
        """The power with its error."""
        return Mean(value=self.value, mcse=self.mcse, n=self.n_drawn)
