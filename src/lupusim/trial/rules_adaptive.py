"""What a trial may change while it runs: shares of the arms, arms themselves, its end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum


class Against(Enum):
    """What the posterior probabilities of a trial compare an arm with."""

    CONTROL = "control"
    """The probability that an arm has a higher response rate than the control."""
    ALL = "all"
    """The probability that an arm, the control among them, has the highest rate of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How new patients are shared among the arms after a look.

    The share of an arm is proportional to a power of its posterior probability to be the best
    (Thall and Wathen 2007), within limits.

    Parameters
    ----------
    power : float
        0 keeps the arms that are left in the planned ratio; 1 follows the probabilities.
    grows : bool
        Whether the power is multiplied by the share of the patients who are in by then.
    least, most : float
        Limits of the share of an arm that is not dropped.
    control : float or None
        A fixed share of the control; None lets it follow the rule.

    Raises
    ------
    ValueError
        If a share or the power is out of range.
    """

    power: float = 0.0
    grows: bool = False
    least: float = 0.0
    most: float = 1.0
    control: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.power) and self.power >= 0):
            raise ValueError(f"power={self.power!r} must be 0 or above")
        if not 0 <= self.least < self.most <= 1:
            raise ValueError(f"least={self.least!r} must lie below most={self.most!r}, in [0, 1]")
        if self.control is not None and not 0 < self.control < 1:
            raise ValueError(f"control={self.control!r} must lie between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class BayesianResponse:
    """Judge response rates by their beta posteriors at every look.

    Patients come in the planned ratio up to the first look (burn-in), then by `shares`.
    The trial stops as soon as an arm succeeds, or none is left that could.

    Parameters
    ----------
    success : float
        An experimental arm succeeds where its posterior probability reaches this; above 1
        never.
    success_at_end : float or None
        The same at the last look; None for the same number.
    drop : float
        An experimental arm is dropped where its probability falls to this or below.
    against : Against
        What the probabilities compare with.
    prior : tuple of two floats
        Beta prior of every arm's response rate.
    shares : Shares
        How new patients are shared among the arms.

    Raises
    ------
    ValueError
        If a probability or the prior is out of range.

    References
    ----------
    Thall and Wathen (2007), *European Journal of Cancer* 43:859.
    """

    success: float = 0.99
    success_at_end: float | None = None
    drop: float = 0.0
    against: Against = Against.CONTROL
    prior: tuple[float, float] = (1.0, 1.0)
    shares: Shares = field(default_factory=Shares)

    def __post_init__(self) -> None:
        if not self.drop < self.success:
            raise ValueError(f"drop={self.drop!r} must lie below success={self.success!r}")
        if not (0 <= self.drop < 1 and self.success > 0 and self.at_end > 0):
            raise ValueError(
                f"success={self.success!r} and drop={self.drop!r} must be probabilities"
            )
        if not (len(self.prior) == 2 and min(self.prior) > 0 and max(self.prior) < math.inf):
            raise ValueError(f"prior={self.prior!r} must be two numbers above 0")

    @property
    def at_end(self) -> float:
        """The probability that succeeds at the last look."""
        return self.success if self.success_at_end is None else self.success_at_end


Adaptation = BayesianResponse
