"""Who gets which infusions from which lot, and the law that follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.model import Edge, Effect, MultiStateModel
from lupusim.model.courses import IndividualRatio, after_infusions, joint_ratio, shared_ratio
from lupusim.model.effects import UNIT_RATIO
from lupusim.records import Cohort
from lupusim.simulation.generation.patients import Patients, Streams
from lupusim.simulation.generation.supply import Supplied, infusions_given
from lupusim.trial import Arm, Infusions, Lots

Group = tuple[MultiStateModel, Cohort]
"""A law, and who follows it."""

# SPEED: smaller groups cost calls, larger ones memory for nothing (benchmarks/supply.py).
_BREAKS_AT_ONCE = 1_000_000


class Treating:
    """Treats the patients of one arm of a block of trials.

    Parameters
    ----------
    trial_arm : Arm
        The arm.
    belongs : (n_replicates, n_patients) boolean array
        Who is on it.
    patients : Patients
        Everybody at baseline.
    supplied : Supplied or None
        Who got which doses; None where they are always there.
    streams : callable
        Gives the generator of each purpose.
    """

    def __init__(
        self,
        trial_arm: Arm,
        belongs: BoolArray,
        *,
        patients: Patients,
        supplied: Supplied | None,
        streams: Streams,
    ) -> None:
        self.trial_arm = trial_arm
        self.belongs = belongs
        self.members = np.flatnonzero(belongs)
        self.patients = patients
        self.supplied = supplied
        self.streams = streams

    def groups(self) -> Iterator[Group]:
        """Yield the laws, and who follows each."""
        infusions = self.trial_arm.infusions
        if self.supplied is not None and infusions is not None:
            drawn = self.trial_arm.name in self.supplied.supply.draws
            if drawn and (self.trial_arm.effects or infusions.lots is not None):
                yield from self._supplied_groups(infusions, self.supplied)
                return
        if infusions is None or not (infusions.missed and self.trial_arm.effects):
            yield self._group(self.trial_arm.law, self.members)
            return
        given = infusions_given(self.trial_arm, self.belongs.size, streams=self.streams)
        own = given[self.members]
        for pattern in np.unique(own, axis=0):
            who = self.members[(own == pattern).all(axis=1)]
            times = [time for time, got in zip(infusions.at, pattern, strict=True) if got]
            yield self._group(self.trial_arm.law_after(times), who, has_cells=any(pattern))

    def _group(self, law: MultiStateModel, members: IntArray, *, has_cells: object = True) -> Group:
        own = self.trial_arm.name if has_cells else ""
        ratio = self.patients.hazard_ratio(law, members, arm=own)
        infusions = self.trial_arm.infusions
        if infusions is None or infusions.lots is None or not has_cells:
            return law, self._cohort(law, members, ratio)
        if ratio is None:
            ratio = {}
        potency = self._potency(infusions.lots, infusions.patients_per_lot).ravel()[members]
        for edges, sign in ((infusions.lots.raises, 1.0), (infusions.lots.lowers, -1.0)):
            for k, t in enumerate(law.transitions):
                if (t.from_state, t.to_state) in edges:
                    ratio[k] = ratio.get(k, 1.0) * np.exp(sign * potency)
        return law, self._cohort(law, members, ratio)

    def _cohort(
        self, law: MultiStateModel, members: IntArray, ratio: Mapping[int, FloatArray] | None
    ) -> Cohort:
        thresholds = self.patients.own_thresholds(law, members)
        return Cohort(
            n_patients=members.size, rows=members, hazard_ratio=ratio, thresholds=thresholds
        )

    def _supplied_groups(self, infusions: Infusions, supplied: Supplied) -> Iterator[Group]:
        """Yield those who had all infusions when they were due, then those who had not."""
        times = supplied.study_times(self.trial_arm)[:, self.members]
        late = np.ones(self.members.size, dtype=bool)
        potency = np.zeros_like(times)
        if infusions.lots is None:
            late = (times != np.array(infusions.at)[:, None]).any(axis=0)
        else:
            rng = self.streams("supply potency")  # one for all arms: they share the lots
            own = supplied.potency(rng=rng).reshape(-1, supplied.wait.shape[2])
            potency = infusions.lots.sd * own[self.members, : len(infusions.at)].T
        if not late.all():
            prompt = self.members[~late]
            law = self.trial_arm.law
            ratio = self.patients.hazard_ratio(law, prompt)
            yield law, self._cohort(law, prompt, ratio)
        who, n_parts = np.flatnonzero(late), -(-late.sum() // self._at_once(len(times)))
        for part in np.array_split(who, n_parts) if n_parts else ():
            yield self._late_group(self.members[part], times[:, part], potency[:, part])

    def _at_once(self, n_infusions: int) -> int:
        """Return how many patients with their own infusion times are followed together."""
        steps = 1 + sum(len(effect.course[1]) for effect in self.trial_arm.effects)
        return max(_BREAKS_AT_ONCE // (n_infusions * steps), 1)

    def _late_group(self, members: IntArray, times: FloatArray, potency: FloatArray) -> Group:
        """Return the untreated law, and patients with what their infusions do to it."""
        law = self.trial_arm.model
        order = np.argsort(times, axis=0, kind="stable")
        course = _Course(
            effects=self.trial_arm.effects,
            lots=self.trial_arm.infusions.lots if self.trial_arm.infusions else None,
            times=np.take_along_axis(times, order, axis=0),
            potency=np.take_along_axis(potency, order, axis=0),
        )
        courses = {}
        for k, t in enumerate(law.transitions):
            parts = course.on((t.from_state, t.to_state))
            if parts and t.ratio != UNIT_RATIO:
                parts.append(shared_ratio(t.ratio, members.size))
            if parts:
                courses[k] = joint_ratio(parts)
        ratio = self.patients.hazard_ratio(law, members)
        cohort = Cohort(n_patients=members.size, rows=members, hazard_ratio=ratio, courses=courses)
        return law, cohort

    def _potency(self, lots: Lots, per_lot: int) -> FloatArray:
        """Return the potency of everybody's lot, shape (n_replicates, n_patients)."""
        n_replicates, n_patients = self.belongs.shape
        rng = self.streams(f"lots {self.trial_arm.name}")
        potency = lots.sd * rng.standard_normal((n_replicates, -(-n_patients // per_lot)))
        lot = np.maximum(np.cumsum(self.belongs, axis=1) - 1, 0) // per_lot
        return np.take_along_axis(potency, lot, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """The infusions of some patients: (n_infusions, n_patients), in the order of time."""

    effects: Sequence[Effect]
    lots: Lots | None
    times: FloatArray
    potency: FloatArray

    def on(self, edge: Edge) -> list[IndividualRatio]:
        """Return what they do to a transition; a lot acts from its infusion to the next."""
        parts = [after_infusions(e, self.times) for e in self.effects if edge in e.on]
        for sign in self._signs(edge):
            ratios = np.concatenate(
                [np.ones((1, self.times.shape[1])), np.exp(sign * self.potency)]
            )
            parts.append(IndividualRatio(breaks=self.times, ratios=ratios))
        return parts

    def _signs(self, edge: Edge) -> Iterator[float]:
        if self.lots is not None and edge in self.lots.raises:
            yield 1.0
        if self.lots is not None and edge in self.lots.lowers:
            yield -1.0


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
