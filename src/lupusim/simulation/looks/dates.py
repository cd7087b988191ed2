"""When trials end that wait for the last patient, and what they cost: nobody is followed."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.simulation.costs import with_cost
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.cutoffs import when_ended
from lupusim.simulation.tally import Tally
from lupusim.trial import Trial
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.enrollment.base import last_times
from lupusim.trial.looks import Entries


def ends_by_dates(trial: Trial) -> bool:
    """Return whether a trial ends, and what it costs, whatever happens to its patients.

    Its only look waits for the last of them, who come as planned, and its price counts nothing
    that happens to them.
    """
    if trial.rule.changes or trial.interims or trial.family is not None or trial.supply is not None:
        return False
    if trial.population.screening is not None or arms_change(trial.arms):
        return False
    costs = trial.costs
    is_priced_ahead = costs is None or not costs.counts_what_is_due
    return is_priced_ahead and trial.cutoff.after_last_patient is not None


def dated_block(trial: Trial, block: Block) -> Tally:
    """Return the sums of a block that say when trials end and what they cost.

    They are those of a run to the bit, as dates have a stream of their own.

    Parameters
    ----------
    trial : Trial
        For which :func:`ends_by_dates` holds.
    block : Block
        Which replicates.
    """
    rng = block.stream("enrollment")
    last = last_times(trial.enrollment, block.n_replicates, trial.n_patients, rng=rng)
    return Tally.of(with_cost(trial, with_all_enrolled(trial, ended(trial, last))))


def ended(trial: Trial, last_enrolled: FloatArray) -> dict[str, FloatArray]:
    """Return when trials ended that wait for the last patient, (n_replicates,) each.

    `last_enrolled`, (n_replicates,), is in calendar time (years).
    """
    cutoff = trial.cutoff.calendar_time(Entries(enrolled=last_enrolled[:, None]))
    cutoff = np.maximum(cutoff, 0.0)
    return when_ended(trial, cutoff, cutoff)


def with_all_enrolled(trial: Trial, found: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the quantities of trials with how many patients they enrolled: all."""
    enrolled = np.full(found["duration"].shape, float(trial.n_patients))
    return found | {"n_enrolled": enrolled}
