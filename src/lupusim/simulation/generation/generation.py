"""Let the patients of a block of trials come, be randomized, live, and leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray, StateArray, without_repeats
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.endpoints.base import Measurement
from lupusim.endpoints.measurement import measure_trial
from lupusim.engines import Engine, vector, vector_supply
from lupusim.records import Recorder
from lupusim.simulation.generation.dropout import DropoutClock
from lupusim.simulation.generation.patients import Patients, draw_patients
from lupusim.simulation.generation.supply import Presence, Supplied, supply_trial
from lupusim.simulation.generation.treatment import Treating
from lupusim.trial import Trial
from lupusim.trial.allocation.open_arms import randomize
from lupusim.trial.durations import LONGEST_FOLLOW_UP
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.enrollment.randomization import randomization_times
from lupusim.trial.treatment.supply import Dispense


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some replicates of one trial, named so that they are the same wherever they run."""

    seed: int  # seed of the run
    number: int  # number of the block, from 0
    n_replicates: int  # how many replicates it has

    def stream(self, purpose: str) -> np.random.Generator:
        """Return the stream for one purpose; designs share it (common random numbers)."""
        return stream(self.seed, "block", self.number, purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A block of trials as they really went, before anybody cuts the data."""

    arm: StateArray  # arm of each patient; (n_replicates, n_patients)
    enrollment_time: FloatArray
    """Calendar times (years) of randomization; (n_replicates, n_patients)."""
    watched_until: FloatArray
    """Study time (years) of dropout or of the end of follow-up; (n_replicates, n_patients)."""
    patients: Patients  # everybody at baseline
    measurements: tuple[Measurement, ...]  # what was recorded for each endpoint, the primary first
    supplied: Supplied | None = None  # who got which doses; None where they are always there
    open_arms: IntArray | None = None
    """Set of arms each patient was randomized among, as a sum of 2 to the power of their positions;
    None where no arm joins later or leaves; (n_replicates, n_patients)."""

    @property
    def levels(self) -> Mapping[str, IntArray]:
        """Level of each patient for each stratification factor."""
        return self.patients.levels


def generate(
    trial: Trial,
    block: Block,
    *,
    engine: Engine = vector.simulate,
    dispense: Dispense = vector_supply.dispense,
    listeners: Sequence[Recorder] = (),
) -> Generated:
    """Let the patients of a block come, be randomized, live, and leave.

    Parameters
    ----------
    trial : Trial
        What is simulated.
    block : Block
        Which replicates of it.
    engine : Engine
        How patients go through the disease.
    dispense : callable
        How doses are dealt out, where the trial has a supply.
    listeners : sequence of Recorder
        Who is told of every transition.
    """
    patients, arm, open_arms = enroll(trial, block)
    enrollment_time = patients.enrollment_time
    assert enrollment_time is not None  # they have come
    measurements = measure_trial(trial, arm, numbers=patients.numbers, streams=block.stream)
    dropout = DropoutClock(trial, arm, rng=block.stream("dropout"))
    recorders = list(dict.fromkeys(r for m in measurements for r in m.recorders))
    recorders += [*dropout.recorders, *listeners]
    leaves = _not_after(horizon_of(trial), dropout.known)
    presence = Presence(arm=arm, enrollment_time=enrollment_time, leaves=leaves)
    supplied = supply_trial(trial, presence, dispense=dispense, streams=block.stream)
    if supplied is not None:
        enrollment_time = supplied.enrollment_time
        patients = replace(patients, enrollment_time=enrollment_time)
    for number, trial_arm in enumerate(trial.arms):
        rng = block.stream(f"arm {trial_arm.name}")
        treating = Treating(
            trial_arm,
            arm == number,
            patients=patients,
            supplied=supplied,
            streams=block.stream,
        )
        for law, cohort in treating.groups():
            engine(law, cohort, horizon=horizon_of(trial), recorders=recorders, rng=rng)
    return Generated(
        arm=arm,
        enrollment_time=enrollment_time,
        watched_until=_not_after(horizon_of(trial), dropout.time) if dropout.recorders else leaves,
        patients=patients,
        measurements=measurements,
        supplied=supplied,
        open_arms=open_arms,
    )


def enroll(trial: Trial, block: Block) -> tuple[Patients, StateArray, IntArray | None]:
    """Let the patients of a block come and be randomized, before anything happens to them.

    Returns
    -------
    patients : Patients
        Everybody at baseline, with the dates of randomization.
    arm : (n_replicates, n_patients) int8 array
        Arm of each.
    open_arms : (n_replicates, n_patients) integer array or None
        As in :class:`Generated`.
    """
    shape = (block.n_replicates, trial.n_patients)
    enrollment_time, screened = randomization_times(trial, shape[0], streams=block.stream)
    patients = draw_patients(
        trial.population,
        tuple(arm.model for arm in trial.arms),
        shape,
        screened=screened,
        needed=trial.numbers_needed,
        streams=block.stream,
    )
    patients = replace(patients, enrollment_time=enrollment_time)
    return patients, *_allocate(trial, patients, enrollment_time, block)


def _allocate(
    trial: Trial, patients: Patients, enrollment_time: FloatArray, block: Block
) -> tuple[StateArray, IntArray | None]:
    """Return everybody's arm and, where the arms change, those that were open."""
    shape = (enrollment_time.shape[0], enrollment_time.shape[1])
    if len(trial.arms) == 1:
        return np.zeros(shape, dtype=np.int8), None
    assert trial.allocation is not None  # a trial sets its default when it is made
    stratum = trial.population.stratum(patients.levels, trial.stratify_by, shape)
    rng = block.stream("allocation")
    if not arms_change(trial.arms):
        return trial.allocation.assign(trial.ratio, stratum, rng=rng), None
    found = randomize(
        trial.arms, trial.allocation, enrollment_time=enrollment_time, stratum=stratum, rng=rng
    )
    return found.arm, found.open_arms


def _not_after(horizon: float, leaves: FloatArray) -> FloatArray:
    """Return when patients leave, at the latest at the horizon."""
    # SPEED: where nobody drops out it is one number, read once (benchmarks/cases.py)
    return np.broadcast_to(np.minimum(without_repeats(leaves), horizon), leaves.shape)


def horizon_of(trial: Trial) -> float:
    """Return the study time (years) up to which patients are followed."""
    return min(trial.follow_up, LONGEST_FOLLOW_UP)
