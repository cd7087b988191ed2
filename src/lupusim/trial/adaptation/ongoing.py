"""What a trial may change while it runs: shares of the arms, arms themselves, its end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from lupusim.trial.adaptation.two_stage import Enrichment, Gate, SelectArms


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PromisingZone:
    """Enlarge the trial at its last interim look where the result is promising.

    Where the conditional power at the trend seen lies between `least` and `power`, the trial
    gets as many patients (events, where it waits for events) as bring it to `power`, at most
    those that the scenario has; otherwise as many as planned. The last look weighs the stages
    as planned, which keeps the error whatever is chosen.

    Parameters
    ----------
    planned : int
        Patients, or events, of the trial without a change.
    least, power : float
        The zone of conditional power.

    Raises
    ------
    ValueError
        If a power is out of range.

    References
    ----------
    Mehta and Pocock (2011), *Statistics in Medicine* 30:3267.
    Cui, Hung and Wang (1999), *Biometrics* 55:853.
    """

    planned: int
    least: float = 0.3
    power: float = 0.9

    def __post_init__(self) -> None:
        if self.planned < 1:
            raise ValueError(f"planned={self.planned!r} must be at least 1")
        if not 0 <= self.least < self.power < 1:
            raise ValueError(f"least={self.least!r} must lie below power={self.power!r}, in [0, 1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindedSize:
    """Choose the size at the last interim look from the response rate of all arms together.

    Parameters
    ----------
    planned : int
        The fewest patients: those of the trial without a change.
    difference : float
        Difference of the response rates to be found.
    power : float
        With which it is to be found.

    Raises
    ------
    ValueError
        If the difference or the power is out of range.

    References
    ----------
    Gould (1992), *Statistics in Medicine* 11:55; after Wittes and Brittain (1990), *Statistics
    in Medicine* 9:65.
    """

    planned: int
    difference: float
    power: float = 0.9

    def __post_init__(self) -> None:
        if self.planned < 1:
            raise ValueError(f"planned={self.planned!r} must be at least 1")
        if not (0 < self.difference < 1 and 0 < self.power < 1):
            raise ValueError(
                f"difference={self.difference!r} and power={self.power!r} must lie between 0 and 1"
            )


Adaptation = BayesianResponse | PromisingZone | BlindedSize | SelectArms | Enrichment | Gate
