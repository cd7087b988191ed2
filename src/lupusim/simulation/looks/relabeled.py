"""What the looks show of patients who fare alike, under one randomization after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from lupusim.common.arrays import StateArray
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.looks.look_statistics import (
    Comparison,
    LookStatistics,
    comparisons,
    gather,
    look_times,
    looks_of_tests,
    statistics_of,
)
from lupusim.trial import Trial
from lupusim.trial.looks import counts_in

_PAIR = 2


def gather_relabeled(
    trial: Trial, generated: Generated, labels: StateArray
) -> tuple[LookStatistics, ...]:
    """Hold all looks of patients who fare alike, under one randomization after the other.

    Parameters
    ----------
    trial : Trial
        Whose patients fare alike on all arms.
    generated : Generated
        Its patients.
    labels : (n_labelings, n_sets, n_patients) array
        Arm of each patient under each randomization.

    Returns
    -------
    tuple of LookStatistics
        What each shows of each comparison, of n_labelings * n_sets replicates, labeling by
        labeling. Effects are estimated only if a bound asks for it.
    """
    at_once = _relabeled_at_once(trial, generated, labels)
    if at_once is not None:
        return at_once
    each = [gather(trial, replace(generated, arm=arm)) for arm in labels]
    return tuple(_one_below_the_other(of_one) for of_one in zip(*each, strict=True))


def is_at_once(trial: Trial) -> bool:
    """Return whether randomizations of the same patients are worked out together, at little cost.

    They are for plain log-rank tests of two arms, at looks that all patients decide, of times that
    a data cutoff does nothing but end.
    """
    estimates = trial.stopping is not None and trial.stopping.asks_estimates
    of_arms = any(count.arm is not None for look in trial.looks for count in counts_in(look))
    if len(trial.arms) > _PAIR or estimates or of_arms or trial.intercurrent_events:
        return False
    return all(_is_plain(trial, one) for one in comparisons(trial))


def _is_plain(trial: Trial, one: Comparison) -> bool:
    timed = trial.endpoints[one.endpoint].time_of_event
    if timed is None or timed.origin or timed.visits:
        return False
    return one.analysis.test.relabels and not one.analysis.stratify_by


def _one_below_the_other(parts: Sequence[LookStatistics]) -> LookStatistics:
    columns = {
        one.name: np.concatenate([getattr(part, one.name) for part in parts])
        for one in fields(LookStatistics)
    }
    return LookStatistics(**columns)


def _relabeled_at_once(
    trial: Trial, generated: Generated, labels: StateArray
) -> tuple[LookStatistics, ...] | None:
    """Return all looks of plain log-rank tests of two arms; None for any other.

    SPEED: the patients are cut and sorted once for all randomizations (benchmarks/cases.py).
    """
    if not is_at_once(trial):
        return None
    asked = comparisons(trial)
    cutoffs = look_times(trial, generated)
    ends = np.stack(cutoffs)
    observation = observed(generated, ends)
    times = [np.tile(cutoff, len(labels)) for cutoff in cutoffs]
    found = []
    for one in asked:
        exits = generated.measurements[one.endpoint].exits(observation)
        if exits is None:
            return None
        tests = one.analysis.test.relabeled(exits, labels, ends, observation.seen_by)
        if tests is None:
            return None
        found.append(statistics_of(times, looks_of_tests(trial, one, tests)))
    return tuple(found)
