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
    """Stays in states, whose beginning and end are known to the day.

    Parameters
    ----------
    patient : (n_stays,) integer array
        0 to n_patients - 1.
    state, to : (n_stays,) integer arrays
        Position of the state, and of the one that followed; :data:`CENSORED` where none did.
    entered : (n_stays,) array
        Study time of entry into the state, years.
    begin, end : (n_stays,) arrays
        From when to when the stay was watched; begin is later than entry where a patient came
        under observation while there.
    covariates : mapping of str to (n_stays,) array
        Values of the model's covariates.
    """

    patient: IntArray
    state: IntArray
    to: IntArray
    entered: FloatArray
    begin: FloatArray
    end: FloatArray
    covariates: Mapping[str, FloatArray] = field(default_factory=dict)

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
    """States at some times; what happens between is not seen, entries of absorbing states are.

    Parameters
    ----------
    patient : (n_intervals,) integer array
        0 to n_patients - 1.
    state, next_state : (n_intervals,) integer arrays
        Positions of the states at the beginning and at the end.
    begin, end : (n_intervals,) arrays
        Study times, years.
    covariates : mapping of str to (n_intervals,) array
        Values of the model's covariates, taken as constant until the end.
    """

    patient: IntArray
    state: IntArray
    next_state: IntArray
    begin: FloatArray
    end: FloatArray
    covariates: Mapping[str, FloatArray] = field(default_factory=dict)

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
