"""Trials that choose among several experimental arms at an interim look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lupusim.analysis.multiplicity.combination_tests import (
    ArmsAgainstControl,
    closed_at_once,
    closed_rejections,
)
from lupusim.arrays import BoolArray, FloatArray, IntArray
from lupusim.simulation.adaptation.benefit import BEYOND, judged_benefit
from lupusim.simulation.adaptation.stages import (
    Interim,
    Seen,
    Stages,
    longer,
    two_looks,
    weights_of,
)
from lupusim.simulation.generation.generation import Block, Generated
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.looks.null_hypothesis import alike_is_enough, fares_as_control
from lupusim.trial import Trial, Verdict
from lupusim.trial.adaptation.two_stage import Judged, SelectArms


def longer_selection(trial: Trial) -> Trial:
    """Return a trial of as many patients as may be needed, whichever arms go on."""
    rule = trial.adaptation
    assert isinstance(rule, SelectArms)
    return longer(trial, share=_least_share(trial, rule))


def select(
    trial: Trial, block: Block, generated: Generated
) -> tuple[Stages, dict[str, FloatArray]]:
    """Return the stages of trials that select arms among these patients, and all quantities.

    `reject` is whether any arm is proven; for each arm `reject_ARM`, `kept_ARM`, `picked_ARM`
    (it is the best at the interim look, and goes on or the trial succeeds there),
    `patients_ARM`, and `estimate_ARM` where it goes on or is proven at the interim look, from
    all its patients and naive; `estimate` is that of the picked arm;
    `false_rejection` of any arm that truly fares as the control does; `n_enrolled` and the
    `look_K_...` of a sequential trial.

    Parameters
    ----------
    trial : Trial
        With a `SelectArms` rule.
    block : Block
        Breaks ties.
    generated : Generated
        The patients of :func:`longer_selection`.
    """
    rule = trial.adaptation
    assert isinstance(rule, SelectArms)
    interim = Interim.of(trial, generated)
    z, benefit = judged(trial, rule, generated, interim)
    kept, best = selected(rule, z, benefit, tie=block.stream("ties").random(z.shape))
    early = _early(trial, rule, generated, interim)
    kept &= ~early.any(axis=1, keepdims=True)
    stages = _stages(trial, generated, interim, kept)
    found = stages.described(trial)
    reject = early | _rejections(trial, rule, stages, kept)
    found["reject"] = reject.any(axis=1).astype(float)
    found |= _by_arm(trial, stages, kept=kept, reject=reject)
    picked = kept | early.any(axis=1, keepdims=True)
    for number, arm in enumerate(trial.arms[1:]):
        found[f"picked_{arm.name}"] = (picked[:, number] & (best == number)).astype(float)
    found |= _estimates(trial, stages, kept | early, best)
    fraction = interim.n_first / float(trial.n_patients)
    return stages, found | two_looks(interim, stages, planned=fraction, early=early, reject=reject)


def _least_share(trial: Trial, rule: SelectArms) -> float:
    """Return the least share of those who would come that is enrolled in stage 2."""
    if not rule.reallocate:
        return 1.0
    return (trial.ratio[0] + min(trial.ratio[1:])) / sum(trial.ratio)


def judged(
    trial: Trial, rule: SelectArms, generated: Generated, interim: Interim
) -> tuple[FloatArray, FloatArray]:
    """Return z of each arm at the interim look, and what says which is best.

    Returns
    -------
    z, benefit : (n_replicates, n_experimental_arms) arrays
        Large where an arm is better than the control; `-inf` where nothing is known.
    """
    arms = range(1, len(trial.arms))
    found = [_judged_arm(trial, rule, generated, interim, arm=arm) for arm in arms]
    z, benefit = (np.stack(columns, axis=1) for columns in zip(*found, strict=True))
    return z, (z if rule.by is Judged.Z else benefit)


def _judged_arm(
    trial: Trial, rule: SelectArms, generated: Generated, interim: Interim, *, arm: int
) -> tuple[FloatArray, FloatArray]:
    """Return z and benefit of one arm, by the primary endpoint or an early one."""
    if rule.early is None:
        seen = Seen.at(trial, generated, interim.time, interim.first)
        return judged_benefit(seen.verdict(arm), seen.compared(arm), trial.primary.better)
    names = [endpoint.name for endpoint in trial.endpoints]
    number = names.index(rule.early.endpoint)
    outcome = generated.measurements[number].outcome(observed(generated, interim.time))
    compared = outcome.restricted_to(interim.first).against_control(arm)
    better = trial.endpoints[number].better
    verdict: Verdict = rule.early.test(
        compared,
        better=better,
        sided=1,
        stratum=np.zeros(interim.first.shape, dtype=np.intp),
    )
    return judged_benefit(verdict, compared, better)


def selected(
    rule: SelectArms, z: FloatArray, benefit: FloatArray, *, tie: FloatArray
) -> tuple[BoolArray, IntArray]:
    """Return which arms go on, and which arm is best.

    Parameters
    ----------
    rule : SelectArms
        The rule.
    z, benefit : (n_replicates, n_experimental_arms) arrays
        As of `judged`.
    tie : (n_replicates, n_experimental_arms) array
        Different numbers: of arms that are equally good, the one with the largest goes first;
        of benefits without bound the one with the larger z.

    Returns
    -------
    kept : (n_replicates, n_experimental_arms) boolean array
    best : (n_replicates,) integer array
        Of those that go on; of no meaning where none does.
    """
    kept: BoolArray = np.isfinite(z)
    if rule.at_least is not None:
        kept &= z >= rule.at_least
    left = np.where(kept, benefit, -np.inf)
    beyond = np.where(np.abs(left) == BEYOND, z, 0.0)  # alike but for what z says
    rank = np.argsort(np.lexsort((-tie, -beyond, -left), axis=1), axis=1)
    if rule.keep is not None:
        kept &= rank < rule.keep
    if rule.epsilon is not None:
        kept &= left >= left.max(axis=1, keepdims=True) - rule.epsilon
    return kept, rank.argmin(axis=1)


def _stages(trial: Trial, generated: Generated, interim: Interim, kept: BoolArray) -> Stages:
    """Return the stages: those whose arm goes on take the next places in time."""
    rule = trial.adaptation
    assert isinstance(rule, SelectArms)
    goes_on = np.column_stack([kept.any(axis=1), kept])  # the control does while any arm does
    row = np.arange(len(kept))[:, None]
    stays = goes_on[row, generated.arm] & ~interim.first
    planned = np.arange(stays.shape[1]) < trial.n_patients
    n_first = interim.n_first[:, None]
    most = trial.n_patients - n_first
    if not rule.reallocate:
        most = np.count_nonzero(stays & planned, axis=1)[:, None]
    rank = np.cumsum(stays, axis=1)
    second = stays & (rank <= most)
    place = np.where(second, n_first + rank - 1, 0)
    came = np.take_along_axis(generated.enrollment_time, place, axis=1)
    enrollment_time = np.where(second, came, generated.enrollment_time)
    moved = replace(generated, enrollment_time=enrollment_time)
    return Stages.of(trial, moved, interim, second=second, goes_on=np.asarray(kept.any(axis=1)))


def _early(trial: Trial, rule: SelectArms, generated: Generated, interim: Interim) -> BoolArray:
    """Return which arms are proven at the interim look, (n_replicates, n_experimental_arms)."""
    arms = _experimental(trial)
    if rule.early_alpha == 0:
        return np.zeros((len(interim.time), len(arms)), dtype=bool)
    return closed_at_once(
        interim.p_values(trial, generated, arms),
        alpha=rule.early_alpha,
        intersections=ArmsAgainstControl(method=rule.intersections, ratio=trial.ratio),
    )


def _experimental(trial: Trial) -> dict[str, int]:
    return {arm.name: number for number, arm in enumerate(trial.arms) if number > 0}


def _rejections(trial: Trial, rule: SelectArms, stages: Stages, kept: BoolArray) -> BoolArray:
    assert trial.analysis is not None
    first, second = stages.p_values(trial, _experimental(trial))
    return closed_rejections(
        first,
        second,
        kept,
        alpha=trial.analysis.alpha - rule.early_alpha,
        weights=weights_of(trial),
        intersections=ArmsAgainstControl(method=rule.intersections, ratio=trial.ratio),
    )


def _by_arm(
    trial: Trial, stages: Stages, *, kept: BoolArray, reject: BoolArray
) -> dict[str, FloatArray]:
    found = {}
    for number, arm in enumerate(trial.arms):
        on_arm = stages.enrolled & (stages.generated.arm == number)
        found[f"patients_{arm.name}"] = on_arm.sum(axis=1).astype(float)
        if number > 0:
            found[f"kept_{arm.name}"] = kept[:, number - 1].astype(float)
            found[f"reject_{arm.name}"] = reject[:, number - 1].astype(float)
    alike = [fares_as_control(trial, number) for number in range(1, len(trial.arms))]
    assert trial.analysis is not None
    within = alike_is_enough(trial.analysis.test, trial.primary.better)
    if any(alike) and not within:
        found["false_rejection"] = reject[:, alike].any(axis=1).astype(float)
    return found


def _estimates(
    trial: Trial, stages: Stages, shown: BoolArray, best: IntArray
) -> dict[str, FloatArray]:
    """Return the estimates of the arms that go on or are proven at the interim look."""
    seen = stages.everybody(trial)
    verdicts = [seen.verdict(number) for number in range(1, len(trial.arms))]
    estimate = np.stack([verdict.known_estimate for verdict in verdicts], axis=1)
    estimate[~shown] = np.nan
    row = np.arange(len(shown))
    undefined = np.stack([v.undefined for v in verdicts], axis=1) & shown
    found = {
        f"estimate_{arm.name}": estimate[:, number] for number, arm in enumerate(trial.arms[1:])
    }
    found["estimate"] = estimate[row, best]
    return found | {"undefined": undefined.any(axis=1).astype(float)}
