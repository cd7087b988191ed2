"""A power that is known without simulation."""

from __future__ import annotations

from lupusim.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaPower:
    """The power of a design without simulation.

    Parameters
    ----------
    value : float
        The power.
    method : str
        How it is known, such as ``exact, all tables``.
    key : str
        The same in one word, for columns.
    """

    value: float
    method: str
    key: str = "exact"

    @property
    def is_exact(self) -> bool:
        """Whether it is a sum over all that may happen, and no approximation."""
        return self.key == "exact"
