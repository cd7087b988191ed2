"""What a search for a number found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from html import escape
from typing import TYPE_CHECKING

from lupusim.common.frozen import dataclass
from lupusim.errors import LupusimError
from lupusim.planning.solving.goal import Goal
from lupusim.simulation.tally import Mean

if TYPE_CHECKING:
    import pandas as pd

_TWO_SIDED_95 = 1.959963984540054
_FAR = 3.0  # standard errors of a difference of two runs


def rows_of(seen: Mapping[float, Mean], quantity: str) -> list[dict[str, float]]:
    """Return a row for each value of a number, the smallest first, with the quantity there."""
    return [
        {"value": value, quantity: mean.value, f"{quantity}_mcse": mean.mcse}
        for value, mean in sorted(seen.items())
    ]


class NotReachedError(LupusimError, ValueError):
    """No value of the number gives what is asked; the message says what was seen."""


class InterruptedSolvingError(KeyboardInterrupt):
    """A search was interrupted; carries the values of the number that were tried."""

    def __init__(self, curve: pd.DataFrame) -> None:
        self.curve = curve
        super().__init__("interrupted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The value of a number of a trial at which a quantity has the value asked.

    Parameters
    ----------
    goal : Goal
        What was asked.
    asked : str
        The same in words.
    value : float
        In the unit of the scenario file; of whole numbers the nearest that has at least as much
        (of a type I error, a duration or a cost at most as much).
    standard_error : float
        What the number of replicates leaves open of it; 0 where the quantity is known exactly.
    stated : float
        The number as the file has it.
    confirmed : Mean
        The quantity at the answer, in replicates that the search has not seen.
    exact : float or None
        The quantity at the answer, where it is known without simulation.
    drawn : Mean or None
        The quantity at the answer, where tables were drawn for the search and not patients.
    theory : mapping of str to float
        The value of the number by formulas that are not exact, by their method.
    seen : mapping of float to Mean
        The quantity at values around the answer, on common random numbers but for the answer's own.
    n_replicates, seed : int
        Replicates spent in all, and the seed.
    step : float
        By how much the quantity changes from one whole number to the next; 0 for others.
    """

    goal: Goal
    asked: str
    value: float
    standard_error: float
    stated: float
    confirmed: Mean
    exact: float | None
    theory: Mapping[str, float]
    seen: Mapping[float, Mean] = field(repr=False)
    n_replicates: int
    seed: int
    step: float = 0.0
    drawn: Mean | None = None

    @property
    def curve(self) -> pd.DataFrame:
        """The rows of the curve as a table."""
        import pandas as pd

        return pd.DataFrame(self.curve_rows)

    @property
    def curve_rows(self) -> list[dict[str, float]]:
        """Each value with the quantity there: `value`, the quantity and its ``_mcse``."""
        return rows_of(self.seen, self.goal.quantity)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % limits, for the Monte Carlo error of the search."""
        reach = _TWO_SIDED_95 * self.standard_error
        return self.value - reach, self.value + reach

    @property
    def agrees(self) -> bool:
        """Whether the confirmation does not speak against the answer (3 standard errors)."""
        if self.exact is not None:
            return True
        miss = abs(self.confirmed.value - self.goal.target)
        return miss <= _FAR * 2**0.5 * self.confirmed.mcse + self.step

    def __repr__(self) -> str:
        confirmed = self.confirmed
        return (
            f"Solution: {self.value:.4g} ({self.standard_error:.1g}) for {self.asked} "
            f"{self.goal.target:g}; confirmed {confirmed.value:.3g} ({confirmed.mcse:.1g})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"

    def to_json(self) -> dict[str, object]:
        """Return the answer as plain data; what is not known is left out."""
        name = self.goal.quantity
        answer: dict[str, object] = {
            "quantity": name,
            "of": self.asked,
            "target": self.goal.target,
            "value": self.value,
            "value_mcse": self.standard_error,
            "interval": list(self.interval),
            "stated": self.stated,
            name: self.confirmed.value,
            f"{name}_mcse": self.confirmed.mcse,
            "n_replicates": self.n_replicates,
            "seed": self.seed,
        }
        answer |= {} if self.exact is None else {f"{name}_exact": self.exact}
        if self.drawn is not None:
            answer |= {f"{name}_drawn": self.drawn.value, f"{name}_drawn_mcse": self.drawn.mcse}
        return answer | ({"value_by_theory": dict(self.theory)} if self.theory else {})
