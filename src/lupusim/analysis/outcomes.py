"""What a test takes: what is known of every patient at a data cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.ordinal.win_statistics import WinLevel, WinStatistics, win_statistics
from lupusim.analysis.results import ratio_or
from lupusim.arrays import BoolArray, FloatArray, StateArray


def _mean(total: FloatArray, n: FloatArray) -> FloatArray:
    """Return the mean, NaN (no value) where there is nobody."""
    return ratio_or(total, n, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryOutcome:
    """Response yes or no of every patient in the analysis.

    Parameters
    ----------
    response : (n_replicates, n_patients) boolean array
        Whether the patient responded.
    included : (n_replicates, n_patients) boolean array
        Whether the patient is in the analysis.
    arm : (n_replicates, n_patients) int8 array
        0 for the control, 1 for the experimental arm.
    """

    response: BoolArray
    included: BoolArray
    arm: StateArray

    @property
    def information(self) -> FloatArray:
        """Patients in the analysis, shape (n_replicates,)."""
        return np.asarray(np.count_nonzero(self.included, axis=1), dtype=float)

    def counts(self, arm: int) -> tuple[FloatArray, FloatArray]:
        """Return responders and patients of an arm, shape (n_replicates,) each."""
        members = self.included & (self.arm == arm)
        return (self.response & members).sum(axis=1), members.sum(axis=1)

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return what is known of each patient, by the names of a table's columns."""
        return {"response": self.response, "in_analysis": self.included}

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return the share of responders of an arm; NaN where nobody is in the analysis."""
        return {"response": _mean(*self.counts(arm))}


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalOutcome:
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
    def information(self) -> FloatArray:
        """Events in the analysis, shape (n_replicates,)."""
        return np.asarray(np.count_nonzero(self.event, axis=1), dtype=float)

    def counts(self, arm: int) -> tuple[FloatArray, FloatArray]:
        """Return events and years at risk of an arm, shape (n_replicates,) each."""
        members = self.arm == arm
        years = np.einsum("ij,ij->i", self.time, members)
        return (self.event & members).sum(axis=1, dtype=np.int32).astype(float), years

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return what is known of each patient, by the names of a table's columns."""
        rival = {} if self.competing is None else {"competing": self.competing}
        return {"time": self.time, "event": self.event, **rival}

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return events, and events per year at risk, of an arm."""
        events, years = self.counts(arm)
        return {"events": events, "event_rate": _mean(events, years)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberOutcome:
    """A number for every patient in the analysis: years, a score, the rank of a state.

    Parameters
    ----------
    values : (n_replicates, n_patients) array
        Finite; of no meaning for those who are not included.
    included : (n_replicates, n_patients) boolean array
        Whether the patient is in the analysis.
    arm : (n_replicates, n_patients) int8 array
        0 for the control, 1 for the experimental arm.
    baseline : (n_replicates, n_patients) array or None
        The number before treatment, where there is one.
    trajectory : (n_replicates, n_patients, n_visits) array or None
        The number at every visit up to then, NaN where it was not seen; also of patients who
        are not included because the last one was not.
    """

    values: FloatArray
    included: BoolArray
    arm: StateArray
    baseline: FloatArray | None = None
    trajectory: FloatArray | None = None

    @property
    def information(self) -> FloatArray:
        """Patients in the analysis, shape (n_replicates,)."""
        return np.asarray(np.count_nonzero(self.included, axis=1), dtype=float)

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return what is known of each patient, by the names of a table's columns."""
        started = {} if self.baseline is None else {"baseline": self.baseline}
        return {**started, "value": self.values, "in_analysis": self.included}

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return the mean of an arm; NaN where nobody is in the analysis."""
        members = self.included & (self.arm == arm)
        total = np.where(members, self.values, 0.0).sum(axis=1)
        return {"mean": _mean(total, members.sum(axis=1))}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountOutcome:
    """How often something happened to every patient, and for how long each was watched.

    Parameters
    ----------
    count : (n_replicates, n_patients) array
        Events seen, 0 or above.
    years : (n_replicates, n_patients) array
        Time at risk; 0 for those who are not in the analysis.
    arm : (n_replicates, n_patients) int8 array
        0 for the control, 1 for the experimental arm.
    times : (n_replicates, n_patients, n_events) array or None
        When they happened, in years since randomization and in any order; beyond `years`
        where nothing did, or was not seen.
    """

    count: FloatArray
    years: FloatArray
    arm: StateArray
    times: FloatArray | None = None

    @property
    def information(self) -> FloatArray:
        """Events in the analysis, shape (n_replicates,)."""
        return np.asarray(self.count.sum(axis=1), dtype=float)

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return what is known of each patient, by the names of a table's columns."""
        return {"count": self.count, "years": self.years, "in_analysis": self.years > 0}

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return events, and events per year at risk, of an arm."""
        members = self.arm == arm
        events = (self.count * members).sum(axis=1)
        return {"events": events, "event_rate": _mean(events, (self.years * members).sum(axis=1))}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class HierarchicalOutcome:
    """Several outcomes of every patient, from the most important to the least.

    Parameters
    ----------
    levels : sequence of WinLevel
        Bounds of each outcome; infinite on both sides where it is not known.
    included : (n_replicates, n_patients) boolean array
        Whether the patient is in the analysis.
    arm : (n_replicates, n_patients) int8 array
        0 for the control, 1 for the experimental arm.
    """

    levels: Sequence[WinLevel]
    included: BoolArray
    arm: StateArray

    @property
    def information(self) -> FloatArray:
        """Patients in the analysis, shape (n_replicates,)."""
        return np.asarray(np.count_nonzero(self.included, axis=1), dtype=float)

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Return the bounds of each level, and who is in the analysis."""
        bounds = {
            f"level_{number}_{name}": getattr(level, name)
            for number, level in enumerate(self.levels, start=1)
            for name in ("low", "high")
        }
        return {**bounds, "in_analysis": self.included}

    def wins(self, arm: int = 1) -> WinStatistics:
        """Return how the patients of an arm compare with the controls, pair by pair.

        It is computed once: what is shown of an arm and its test need the same pairs.
        """
        known = _wins.setdefault(self, {})
        if arm not in known:
            there = self.included & ((self.arm == arm) | (self.arm == 0))
            known[arm] = win_statistics(self.levels, self.arm == arm, included=there)
        return known[arm]

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return which shares of its pairs with controls an arm wins, loses and ties.

        In all, and on each level, counted from 1: pairs that it decides, and (`_ties`) that are
        still open after it. NaN where there are no pairs; nothing of the control itself.
        """
        if arm == 0:
            return {}
        found = self.wins(arm)
        shares = dict(zip(_PAIRS, (found.wins, found.losses, found.ties), strict=True))
        by_level = zip(found.level_wins, found.level_losses, found.level_ties, strict=True)
        for number, level in enumerate(by_level, start=1):
            shares |= {f"level_{number}_{k}": of for k, of in zip(_PAIRS, level, strict=True)}
        paired = found.wins + found.losses + found.ties > 0
        return {name: np.where(paired, share, np.nan) for name, share in shares.items()}


_PAIRS = ("wins", "losses", "ties")
_wins: WeakKeyDictionary[HierarchicalOutcome, dict[int, WinStatistics]] = WeakKeyDictionary()


Outcome = BinaryOutcome | SurvivalOutcome | NumberOutcome | CountOutcome | HierarchicalOutcome
