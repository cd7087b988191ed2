"""The arms of a trial: which disease, which infusions, what they do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lupusim.model import Effect, MultiStateModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Infusions:
    """Cells given to the patients of an arm.

    Parameters
    ----------
    cells_per_kg : float
        Dose of each infusion, cells per kg of body weight, above 0.
    at : tuple of float
        Study times (years) of the infusions.
    """

    cells_per_kg: float
    at: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.cells_per_kg) and self.cells_per_kg > 0):
            raise ValueError(f"cells_per_kg={self.cells_per_kg!r} must be above 0")
        if not self.at or min(self.at) < 0:
            raise ValueError(f"at={self.at} must name at least one study time, 0 or above")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm of a trial.

    Parameters
    ----------
    name : str
        What to call it.
    model : MultiStateModel
        The disease of its patients before `effects` are put on top.
    allocation : int
        Its part of the allocation ratio, at least 1.
    infusions : Infusions or None
        Cells given; None for an arm without cells.
    effects : tuple of Effect
        Hazard ratios, in time since the latest infusion (since randomization without one).
    """

    name: str
    model: MultiStateModel
    allocation: int = 1
    infusions: Infusions | None = None
    effects: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        if self.allocation < 1:
            raise ValueError(f"allocation={self.allocation!r} must be at least 1")

    @property
    def law(self) -> MultiStateModel:
        """The model with the effects put on top: the law of this arm's patients."""
        if not self.effects:
            return self.model
        return self.model.treated(self.effects, self.infusions.at if self.infusions else (0.0,))
