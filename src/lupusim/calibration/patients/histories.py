"""What was seen of single patients: stays with exact ends, or states at some times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass

CENSORED = -1
"""Where a stay leads that was not seen to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """Stays in states, whose beginning and end are known to the day."""

    patient: IntArray  # 0 to n_patients - 1
    state: IntArray
    to: IntArray
    """`state` and `to`: position of the state, and of the one that followed; :data:`CENSORED` where
    none did."""
    entered: FloatArray  # study time of entry into the state, years; (n_stays,)
    begin: FloatArray
    end: FloatArray
    """`begin` and `end`: from when to when the stay was watched; begin is later than entry where a
    patient came under observation while there; (n_stays,)."""
    covariates: Mapping[str, FloatArray] = field(default_factory=dict)
    """Values of the model's covariates."""
    unread: tuple[str, ...] = ()  # names of further columns of the table

    def __post_init__(self) -> None:
        if bad := np.flatnonzero(~(self.end > self.begin)).tolist():
            k = bad[0]
            raise ValueError(
                f"stay {k + 1} ends at {self.end[k]:g} and begins at {self.begin[k]:g} years. "
                "Its end must be later"
            )

    @property
    def n_patients(self) -> int:
        """How many patients."""
        return int(self.patient.max(initial=-1)) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """States at some times; what happens between is not seen, entries of absorbing states are."""

    patient: IntArray  # 0 to n_patients - 1
    state: IntArray
    next_state: IntArray
    """`state` and `next_state`: positions of the states at the beginning and at the end."""
    begin: FloatArray
    end: FloatArray
    """`begin` and `end`: study times, years; (n_intervals,)."""
    covariates: Mapping[str, FloatArray] = field(default_factory=dict)
    """Values of the model's covariates, taken as constant until the end."""
    unread: tuple[str, ...] = ()  # names of further columns of the table

    def __post_init__(self) -> None:
        if bad := np.flatnonzero(~(self.end > self.begin)).tolist():
            k = bad[0]
            raise ValueError(
                f"interval {k + 1} ends at {self.end[k]:g} and begins at {self.begin[k]:g} years. "
                "Sort each patient's times, without repeats"
            )

    @property
    def n_patients(self) -> int:
        """How many patients."""
        return int(self.patient.max(initial=-1)) + 1

    def every(self, step: int) -> Panel:
        """Return the panel of every `step`-th patient alone."""
        rows = self.patient % step == 0
        return Panel(
            patient=self.patient[rows] // step,
            state=self.state[rows],
            next_state=self.next_state[rows],
            begin=self.begin[rows],
            end=self.end[rows],
            covariates={name: values[rows] for name, values in self.covariates.items()},
        )
