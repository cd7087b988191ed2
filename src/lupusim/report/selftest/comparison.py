"""One number that was found beside the one that is right."""

from __future__ import annotations

import math

from lupusim.common.frozen import dataclass

MOST_ERRORS = 4.0
"""Monte Carlo standard errors that a simulated number may be away: one false alarm in 16,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A number found here, the number that is right, and how far apart they may be.

    Parameters
    ----------
    name : str
        What was computed.
    found, expected : float
        On any scale.
    tolerance : float
        Largest absolute distance, 0 or above.
    source : str
        Where the expected number comes from.

    Examples
    --------
    >>> Comparison(name="pi", found=3.14, expected=3.1416, tolerance=0.01, source="school").held
    True
    """

    name: str
    found: float
    expected: float
    tolerance: float
    source: str

    @property
    def distance(self) -> float:
        """How far apart the two are."""
        return abs(self.found - self.expected)

    @property
    def held(self) -> bool:
        """Whether the distance is a number and within the tolerance."""
        return math.isfinite(self.distance) and self.distance <= self.tolerance


def within_errors(name: str, distance: float, source: str) -> Comparison:
    """Return the comparison of simulated numbers whose largest distance is in standard errors."""
    return Comparison(
        name=f"{name}: largest distance, Monte Carlo standard errors",
        found=distance,
        expected=0.0,
        tolerance=MOST_ERRORS,
        source=source,
    )
