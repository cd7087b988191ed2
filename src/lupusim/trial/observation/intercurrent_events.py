"""What happens to patients beside the disease, and what an endpoint does about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import Enum, Flag, auto

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass


class Consequence(Flag):
    """What an intercurrent event does to what is known of the patient whom it strikes."""

    NONE = 0
    """What happens afterwards counts all the same."""
    FAILURE = auto()
    """It is itself a failure: no response, or an event."""
    CENSORING = auto()
    """Times and counts end there."""
    EXCLUSION = auto()
    """Who is struck by a visit is not in its analysis; in the true effect it does not happen."""
    LAST_VALUE = auto()
    """At visits after it, what was seen last before it counts."""


class Strategy(Enum):
    """What an endpoint does about an intercurrent event (ICH E9(R1)): a name, and what it brings.

    Endpoints, checks, exact power and the true effect ask for nothing but the consequences.
    """

    _value_: str
    consequences: Consequence

    def __new__(cls, name: str, consequences: Consequence) -> Strategy:
        """Make one whose value is its name in files."""
        made = object.__new__(cls)
        made._value_, made.consequences = name, consequences
        return made

    TREATMENT_POLICY = "treatment_policy", Consequence.NONE
    """Nothing."""
    COMPOSITE = "composite", Consequence.FAILURE
    """The event is part of the endpoint."""
    HYPOTHETICAL = "hypothetical", Consequence.CENSORING | Consequence.EXCLUSION
    """As if it had not happened."""
    WHILE_ON_TREATMENT = "while_on_treatment", Consequence.CENSORING | Consequence.LAST_VALUE
    """What was seen before it counts."""

    def brings(self, consequences: Consequence) -> bool:
        """Return whether it brings any of these."""
        return bool(self.consequences & consequences)

    @classmethod
    def without(cls, consequences: Consequence) -> str:
        """Return the names of those that bring none of these, for messages."""
        *others, last = (one.value for one in cls if not one.brings(consequences))
        return f"{', '.join(others)} or {last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntercurrentEvent:
    """Something, such as rescue medication, that strikes at a hazard which depends on the state.

    It does not change the course of the disease.

    Parameters
    ----------
    name : str
        What to call it.
    hazard_per_year : mapping of str to float
        In each state, 0 or above; 0 in states that are not named.
    strategy : Strategy
        What endpoints do about it.
    by_endpoint : mapping of str to Strategy
        What endpoints of these names do instead.
    """

    name: str
    hazard_per_year: Mapping[str, float]
    strategy: Strategy = Strategy.TREATMENT_POLICY
    by_endpoint: Mapping[str, Strategy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for state, hazard in self.hazard_per_year.items():
            if not (math.isfinite(hazard) and hazard >= 0):
                raise ValueError(f"hazard_per_year of {state!r}={hazard!r} must be 0 or above")

    def strategy_of(self, endpoint: str) -> Strategy:
        """Return what the endpoint of a name does about it."""
        return self.by_endpoint.get(endpoint, self.strategy)

    def rates(self, states: Sequence[str]) -> FloatArray:
        """Return the hazard per year in each state, shape (n_states,)."""
        return np.array([float(self.hazard_per_year.get(state, 0.0)) for state in states])
