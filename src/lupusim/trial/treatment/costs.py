"""What it costs to hold a trial, in whatever currency the planner counts."""

from __future__ import annotations

import math
from dataclasses import fields

from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Prices of a trial, all in one currency; what is not named costs nothing.

    Parameters
    ----------
    fixed : float
        Of the trial as such.
    per_patient : float
        Of each patient randomized until the trial ends.
    per_screened : float
        Of each candidate screened; where only a share of failures is known, as many as that
        share expects for the patients randomized.
    per_month : float
        Of each month from the first site's opening to the last data cutoff.
    per_infusion : float
        Of each infusion that is due while a patient lives and is followed, missed ones included.
    per_visit : float
        Of each visit that is due while a patient lives and is followed, missed ones included.
    currency : str
        Its name, printed.

    Raises
    ------
    ValueError
        If a price is not a finite number, 0 or above, or all are 0.
    """

    fixed: float = 0.0
    per_patient: float = 0.0
    per_screened: float = 0.0
    per_month: float = 0.0
    per_infusion: float = 0.0
    per_visit: float = 0.0
    currency: str = ""

    def __post_init__(self) -> None:
        for name, price in self.prices.items():
            if not (math.isfinite(price) and price >= 0):
                raise ValueError(f"{name}={price!r} must be a finite number, 0 or above")
        if not any(self.prices.values()):
            raise ValueError("nothing costs anything. Give a price above 0, or remove the key")

    @property
    def prices(self) -> dict[str, float]:
        """All prices by name."""
        names = [field.name for field in fields(self) if field.name != "currency"]
        return {name: getattr(self, name) for name in names}

    @property
    def counts_what_is_due(self) -> bool:
        """Whether infusions or visits must be counted."""
        return self.per_infusion > 0 or self.per_visit > 0
