"""Times to an event, with those that make it impossible."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.outcomes.outcome import Outcome, mean_or_none
from lupusim.common.arrays import BoolArray, FloatArray, StateArray, count_rows
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalOutcome(Outcome):
    """Time to an event or to the end of observation of every patient in the analysis.

    Patients outside the analysis have time 0 and no event: they never enter a risk set.

    Parameters
    ----------
    time : (n_replicates, n_patients) array
        Years since the endpoint's origin, 0 or above.
    event : (n_replicates, n_patients) boolean array
        Whether the time ends with the event.
    arm : (n_replicates, n_patients) int8 array
        0 for the control, 1 for the experimental arm.
    competing : (n_replicates, n_patients) boolean array or None
        Whether the time ends with an event that makes the other impossible; None for never.
    possible : (n_replicates, n_patients) array or None
        Time for which each patient would have been seen without any event (data cutoff, end
        of follow-up and dropout alone); given where `competing` is.
    """

    time: FloatArray
    event: BoolArray
    arm: StateArray
    competing: BoolArray | None = None
    possible: FloatArray | None = None

    @property
    def analyzed(self) -> BoolArray:
        """Who is in the analysis."""
        return (self.time > 0) | self.ended

    @property
    def information(self) -> FloatArray:
        """Events in the analysis, shape (n_replicates,)."""
        return np.asarray(np.count_nonzero(self.event, axis=1), dtype=float)

    @property
    def as_times(self) -> SurvivalOutcome:
        """Itself."""
        return self

    def counts(self, arm: int) -> tuple[FloatArray, FloatArray]:
        """Return events and years at risk of an arm, shape (n_replicates,) each."""
        members = self.arm == arm
        years = np.einsum("ij,ij->i", self.time, members)
        return count_rows(self.event & members).astype(float), years

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return time, event and arm."""
        return self.time, self.event, self.arm

    def restricted_to(self, member: BoolArray) -> Self:
        """Return the outcome of some of the patients; the others are never at risk."""
        return replace(
            self,
            time=self.time * member,
            event=self.event & member,
            competing=None if self.competing is None else self.competing & member,
            possible=None if self.possible is None else np.where(member, self.possible, 0.0),
        )

    @property
    def ended(self) -> BoolArray:
        """Whether an event of any cause ends the time."""
        return self.event if self.competing is None else self.event | self.competing

    @property
    def at_risk(self) -> BoolArray | None:
        """Who ever is at risk; None for all, as who is not has time 0 and tells nothing.

        That fails where somebody has an event at time 0: then they are left out by name.
        """
        at_once = self.ended & (self.time <= 0)
        return self.analyzed if at_once.any() else None

    def causes(self) -> tuple[FloatArray, BoolArray, BoolArray, StateArray]:
        """Return time, whether an event of any cause ends it, whether of the one, and the arm."""
        return self.time, self.ended, self.event, self.arm

    def subdistribution(self) -> SurvivalOutcome:
        """Return the outcome in which a competing event leaves the patient at risk to the end.

        References
        ----------
        Fine and Gray (1999), *Journal of the American Statistical Association* 94, 496-509,
        section 3.1.
        """
        if self.competing is None or self.possible is None:
            return self
        longer = np.where(self.competing, np.maximum(self.possible, self.time), self.time)
        return SurvivalOutcome(time=longer, event=self.event, arm=self.arm)

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return what is known of each patient, by the names of a table's columns."""
        rival = {} if self.competing is None else {"competing": self.competing}
        return {"time": self.time, "event": self.event, **rival}

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return events, and events per year at risk, of an arm."""
        events, years = self.counts(arm)
        return {"events": events, "event_rate": mean_or_none(events, years)}
