"""Who gets which infusions from which lot, and the law that follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lupusim.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.model import MultiStateModel
from lupusim.trial import Arm, Lots
from lupusim.trial.patients import Patients, Streams


class Treating:
    """Treats the patients of one arm of a block of trials.

    Parameters
    ----------
    trial_arm : Arm
        The arm.
    arm : (n_replicates, n_patients) int8 array
        Arm of each patient.
    number : int
        Which number this one has there.
    patients : Patients
        Everybody at baseline.
    streams : callable
        Gives the generator of each purpose.
    """

    def __init__(
        self,
        trial_arm: Arm,
        arm: StateArray,
        number: int,
        *,
        patients: Patients,
        streams: Streams,
    ) -> None:
        self.trial_arm = trial_arm
        self.belongs: BoolArray = arm == number
        self.members = np.flatnonzero(self.belongs)
        self.patients = patients
        self.streams = streams

    def groups(self) -> Iterator[tuple[MultiStateModel, IntArray, FloatArray | None]]:
        """Yield laws, who follows each, and what multiplies their hazards."""
        infusions = self.trial_arm.infusions
        if infusions is None or not (infusions.missed and self.trial_arm.effects):
            yield self._group(self.trial_arm.law, self.members)
            return
        given = infusions_given(self.trial_arm, self.belongs.size, streams=self.streams)
        own = given[self.members]
        for pattern in np.unique(own, axis=0):
            who = self.members[(own == pattern).all(axis=1)]
            times = [time for time, got in zip(infusions.at, pattern, strict=True) if got]
            yield self._group(self.trial_arm.law_after(times), who, has_cells=any(pattern))

    def _group(
        self, law: MultiStateModel, members: IntArray, *, has_cells: object = True
    ) -> tuple[MultiStateModel, IntArray, FloatArray | None]:
        ratio = self.patients.hazard_ratio(law, members)
        infusions = self.trial_arm.infusions
        if infusions is None or infusions.lots is None or not has_cells:
            return law, members, ratio
        if ratio is None:
            ratio = np.ones((len(law.transitions), members.size))
        potency = self._potency(infusions.lots, len(infusions.at)).ravel()[members]
        for edges, sign in ((infusions.lots.raises, 1.0), (infusions.lots.lowers, -1.0)):
            for k, t in enumerate(law.transitions):
                if (t.from_state, t.to_state) in edges:
                    ratio[k] *= np.exp(sign * potency)
        return law, members, ratio

    def _potency(self, lots: Lots, doses_per_patient: int) -> FloatArray:
        """Return the potency of everybody's lot, shape (n_replicates, n_patients)."""
        per_lot = max(lots.doses // doses_per_patient, 1)
        n_replicates, n_patients = self.belongs.shape
        rng = self.streams(f"lots {self.trial_arm.name}")
        potency = lots.sd * rng.standard_normal((n_replicates, -(-n_patients // per_lot)))
        lot = np.maximum(np.cumsum(self.belongs, axis=1) - 1, 0) // per_lot
        return np.take_along_axis(potency, lot, axis=1)


def infusions_given(arm: Arm, n_patients: int, *, streams: Streams) -> BoolArray:
    """Return which of an arm's infusions everybody would have, shape (n_patients, n_infusions)."""
    infusions = arm.infusions
    n_infusions = len(infusions.at) if infusions else 0
    if infusions is None or not infusions.missed:
        return np.ones((n_patients, n_infusions), dtype=bool)
    draws = streams(f"missed {arm.name}").random((n_patients, n_infusions))
    return np.asarray(draws >= infusions.missed)


def course(
    arm: Arm, entries: Sequence[tuple[float, str]], given: BoolArray
) -> list[tuple[float, float]]:
    """Return the infusions of one patient who never dies: study times (years), cells per kg.

    Parameters
    ----------
    arm : Arm
        The patient's arm.
    entries : sequence of (float, str)
        When (study time, years) the patient entered which state, in order.
    given : (n_infusions,) boolean array
        Which infusions of the arm were not missed.
    """
    infusions = arm.infusions
    times = [t for t, got in zip(infusions.at, given, strict=True) if got] if infusions else []
    had: list[tuple[float, float]] = []
    since = 0.0
    for time, state in (*entries, (np.inf, "")):
        again = bool(infusions and state in infusions.again_on)
        switches = bool(arm.switch and state in arm.switch.on)
        if not (again or switches or time == np.inf):
            continue
        dose = infusions.cells_per_kg if infusions else 0.0
        had += [(since + t, dose) for t in times if since + t < time]
        since = time
        if arm.switch and switches:
            arm = arm.switch.arm
            infusions = arm.infusions
            times = list(infusions.at) if infusions else []
    return had
