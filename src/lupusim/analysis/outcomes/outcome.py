"""What every outcome answers for itself: who counts, what is shown, what a test is given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.results import ratio_or
from lupusim.common.arrays import BoolArray, FloatArray, StateArray, first_columns, one_row
from lupusim.common.frozen import dataclass


def mean_or_none(total: FloatArray, n: FloatArray) -> FloatArray:
    """Return the mean, NaN (no value) where there is nobody."""
    return ratio_or(total, n, np.nan)


if TYPE_CHECKING:
    from lupusim.analysis.outcomes.survival import SurvivalOutcome


class Outcome(Protocol):
    """What is known of one endpoint of every patient, many replicates at once.

    A test on some of the patients is the test on :meth:`restricted_to` them: who is no member
    counts nowhere, in no field. What the test says is what it says of their columns alone.
    """

    __slots__ = ()

    @property
    def arm(self) -> StateArray:
        """0 for the control, from 1 the experimental arms; (n_replicates, n_patients)."""
        ...

    @property
    def analyzed(self) -> BoolArray:
        """Who is in the analysis, (n_replicates, n_patients)."""
        ...

    @property
    def information(self) -> FloatArray:
        """Patients in the analysis, or events where they are what tells; (n_replicates,)."""
        return np.asarray(np.count_nonzero(self.analyzed, axis=1), dtype=float)

    @property
    def as_times(self) -> SurvivalOutcome | None:
        """Itself where it holds times to an event; None for another outcome."""
        return None

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return what a function of the user's own is given of each patient, the arm last."""
        ...

    def restricted_to(self, member: BoolArray) -> Self:
        """Return the outcome of some of the patients; the others keep their places.

        Parameters
        ----------
        member : (n_replicates, n_patients) boolean array
            Who still counts.
        """
        ...

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return what is known of each patient, by the names of a table's columns."""
        ...

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return what an arm shows, by the names of what is reported of it."""
        ...

    def first(self, n_patients: int) -> Self:
        """Return the outcome of those randomized first in each replicate."""
        return first_columns(self, n_patients)

    def pooled(self) -> Self:
        """Return the patients of all replicates as those of one trial."""
        return one_row(self)

    def against_control(self, arm: int, member: BoolArray | None = None) -> Self:
        """Return the outcome of the control and one arm, which is number 1 in it.

        Parameters
        ----------
        arm : int
            Position of the arm.
        member : (n_replicates, n_patients) boolean array or None
            Who takes part; None for all patients of the two arms.
        """
        if member is None:
            member = (self.arm == 0) | (self.arm == arm)
        restricted: Any = self.restricted_to(member)
        pair: Self = replace(restricted, arm=(self.arm == arm).astype(np.int8))
        return pair


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedOutcome:
    """How many patients of two arms have each value, many replicates at once.

    Parameters
    ----------
    numbers : (n_replicates, 2, n_strata, n_values) array
        Patients in the analysis: control first; of a response no and yes, of ranks from the
        worst to the best.

    Examples
    --------
    >>> trial = CountedOutcome(numbers=np.array([[[[6, 4]], [[3, 7]]]]))
    >>> [count.tolist() for count in trial.counts(1)]
    [[7.0], [10.0]]
    """

    numbers: FloatArray

    @property
    def information(self) -> FloatArray:
        """Patients in the analysis, shape (n_replicates,)."""
        return np.asarray(self.numbers.sum(axis=(1, 2, 3)), dtype=float)

    @property
    def by_value(self) -> FloatArray:
        """Patients of both arms by their value, whatever their stratum.

        Shape (n_replicates, 2, n_values).
        """
        return np.asarray(self.numbers.sum(axis=2), dtype=float)

    def counts(self, arm: int) -> tuple[FloatArray, FloatArray]:
        """Return responders and patients of an arm, shape (n_replicates,) each."""
        by_value = self.by_value[:, arm]
        return by_value[:, 1], by_value.sum(axis=1)
