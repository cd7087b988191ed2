"""Names of what a trial finds: which quantity it is, and of which endpoint, arm and look.

Columns of results are texts, in tables, JSON and ledgers; they are made and read here alone.
"""

from __future__ import annotations

import re

from lupusim.common.frozen import dataclass
from lupusim.trial import Trial

OF_ARMS = {
    "controls",
    "dropped",
    "estimate",
    "estimate_stops",
    "event_rate",
    "events",
    "infusions_missed",
    "kept",
    "losses",
    "mean",
    "patients",
    "picked",
    "reject",
    "response",
    "ties",
    "wins",
}
"""Quantities of which each arm has its own; a plug-in adds those that it finds."""

_LEVEL = re.compile(r"level_\d+_")  # of a hierarchy; it stays part of the name
_LOOK = re.compile(r"look_(\d+)_")
_SUMMARY = re.compile(r"(?:_(?:sd|q\d+))?")  # of the distribution over replicates


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What a number of a trial is."""

    name: str  # such as ``events`` or ``power``
    endpoint: str | None = None
    arm: str | None = None
    """`endpoint` and `arm`: which it is of; None where it is of the trial, or of its primary
    comparison."""
    look: int | None = None  # counted from 1

    @property
    def column(self) -> str:
        """The name of its column.

        Examples
        --------
        >>> Quantity(name="estimate", endpoint="flares", arm="high", look=2).column
        'flares: look_2_estimate_high'
        """
        endpoint = "" if self.endpoint is None else f"{self.endpoint}: "
        look = "" if self.look is None else f"look_{self.look}_"
        arm = "" if self.arm is None else f"_{self.arm}"
        return f"{endpoint}{look}{self.name}{arm}"


def of_arm(name: str, arm: str) -> str:
    """Return the column of a quantity that each arm has its own of."""
    return Quantity(name=name, arm=arm).column


def at_look(name: str, look: int) -> str:
    """Return the column of a quantity of a look, counted from 1."""
    return Quantity(name=name, look=look).column


def quantity_of(column: str, trial: Trial) -> Quantity:
    """Return what a column of a trial's results is of.

    An arm is one only behind the name of a quantity that arms have, so that an arm may be
    called ``patients`` or ``time``. What sums up a distribution (``_sd``, ``_q90``) stays part
    of the name.
    """
    names = [e.name for e in trial.endpoints if column.startswith(f"{e.name}: ")]
    endpoint = max(names, key=len, default=None)
    rest = column if endpoint is None else column.removeprefix(f"{endpoint}: ")
    look = _LOOK.match(rest)
    rest = rest[look.end() :] if look else rest
    name, arm = _without_arm(rest, [arm.name for arm in trial.arms])
    return Quantity(name=name, endpoint=endpoint, arm=arm, look=int(look[1]) if look else None)


def _without_arm(text: str, arms: list[str]) -> tuple[str, str | None]:
    """Return the name of a quantity without the arm, and the arm; the longest that it may be."""
    level = _LEVEL.match(text)
    begin = level.end() if level else 0
    found = [
        (arm, f"{text[:begin]}{name}{text[end:]}")
        for name in OF_ARMS
        for arm in arms
        if text.startswith(f"{name}_{arm}", begin)
        and _SUMMARY.fullmatch(text, end := begin + len(name) + len(arm) + 1)
    ]
    arm, name = max(found, key=lambda pair: len(pair[0]), default=(None, text))
    return name, arm
