"""What can be wrong with arms that join or leave, and with a prognosis that drifts."""

from __future__ import annotations

from collections.abc import Iterator
from operator import is_
from typing import TYPE_CHECKING, cast

import numpy as np

from lupusim.common.rng import stream
from lupusim.errors import Problem
from lupusim.trial.allocation.blocks import SimpleRandomization
from lupusim.trial.allocation.open_arms import randomize
from lupusim.trial.enrollment.arm_periods import Controls, arms_change
from lupusim.trial.enrollment.randomization import randomization_times

if TYPE_CHECKING:
    from lupusim.trial.design import Trial, TrialParts
    from lupusim.trial.treatment.arms import Arm

_FEWEST = 2.0  # patients of an arm that are expected
_REPLICATES = 50  # of enrollment, to see how many may be expected


def platform_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield what is wrong with arms from outside, that join or leave, and with drifts."""
    yield from _external_problems(trial)
    yield from _drift_problems(trial)
    if not arms_change(trial.arms):
        if trial.analysis is not None and trial.analysis.controls is not None:
            yield Problem(
                key="analysis.controls",
                fault="no arm joins later or leaves, so all controls are concurrent",
                fix="Remove it, or let an arm join: 'joins: 12 months'.",
            )
        return
    found = [*_arm_problems(trial), *_rule_problems(trial), *_analysis_problems(trial)]
    yield from found
    if not found:
        yield from _number_problems(trial)


def _external_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield what goes by randomization, beside an arm to which nobody is randomized."""
    if not trial.external:
        return
    key = f"arms.{next(k for k, arm in enumerate(trial.arms) if arm.external)}.external"
    faults = {
        "no other arm is compared with it": len(trial.external) == len(trial.arms),
        "nobody is randomized to it, and the adaptation changes who is": trial.rule.changes,
        "nobody is randomized to it, and arms join or leave": arms_change(trial.arms),
        "nobody is randomized to it, and randomization is stratified": bool(trial.stratify_by),
    }
    for fault in (words for words, is_so in faults.items() if is_so):
        yield Problem(key=key, fault=fault, fix="Remove 'external: true', or the other.")


def _drift_problems(trial: TrialParts) -> Iterator[Problem]:
    if trial.population.drift and trial.rule.picks_patients:
        yield Problem(
            key="population.drift",
            fault="who is enrolled further depends on a decision, and the dates with it",
            fix="Remove the drift, or the adaptation.",
        )


def _arm_problems(trial: TrialParts) -> Iterator[Problem]:
    control, *others = trial.arms
    for name, moment in (("joins", control.joins), ("closes", control.closes)):
        if moment is not None:
            yield Problem(
                key=f"arms.0.{name}",
                fault="the control is shared by all arms, so it is open throughout",
                fix="Remove it, or let another arm be the control.",
            )
    if not others or all(arm.joins is not None for arm in others):
        yield Problem(
            key="arms",
            fault="no experimental arm is open when the first patient comes",
            fix="Let one be there from the start, without 'joins'.",
        )
    if others and all(arm.closes is not None for arm in others):
        yield Problem(
            key="arms",
            fault="every experimental arm closes, and patients still come",
            fix="Let one stay open, without 'closes'; enrollment ends with the sample size.",
        )
    for k, arm in enumerate(others, start=1):
        if _closes_first(arm):
            yield Problem(
                key=f"arms.{k}.closes",
                fault="the arm closes before it joins",
                fix="Close it later, or let it join earlier.",
            )


def _closes_first(arm: Arm) -> bool:
    if arm.joins is None or arm.closes is None:
        return False
    (unit, opening), (other, end) = arm.joins.waits_for, arm.closes.waits_for
    return unit == other and end <= opening


def _rule_problems(trial: TrialParts) -> Iterator[Problem]:
    if trial.rule.changes:
        yield Problem(
            key="adaptation",
            fault="arms join or leave as planned, and an adaptation would change them as well",
            fix="Remove the adaptation, or 'joins' and 'closes'.",
        )
    if trial.allocation is not None and trial.allocation.remembers:
        yield Problem(
            key="allocation.method",
            fault="this allocation remembers patients who came when other arms were open",
            fix="Use permuted_block or simple.",
        )


def _analysis_problems(trial: TrialParts) -> Iterator[Problem]:
    if trial.family is not None and trial.family.procedure.needs_planned_ratio:
        yield Problem(
            key="analysis.multiplicity.method",
            fault="Dunnett's test counts on arms that share all control patients, and on the "
            "allocation ratio throughout",
            fix="Use holm, bonferroni or none.",
        )
    adjusted = trial.analysis is not None and trial.analysis.controls is Controls.ADJUSTED
    if adjusted and trial.interims:
        yield Problem(
            key="analysis.controls",
            fault="at an interim look an arm may have nobody yet, and the regression no answer",
            fix="Use concurrent controls, or one look.",
        )


def _number_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield arms on which hardly anybody is expected, by a few simulated enrollments."""
    patients, begins, ends = _expected(trial)
    for k, arm in enumerate(trial.arms[1:], start=1):
        if patients[k] < _FEWEST:
            key = "joins" if arm.joins is not None else "closes"
            yield Problem(
                key=f"arms.{k}.{key}",
                fault=f"{patients[k]:.1f} patients of this arm are expected: enrollment begins at "
                f"{12 * begins:.1f} and ends at {12 * ends:.1f} months",
                fix="Let it join earlier or close later, or enroll more patients.",
            )


class _Expected:
    """Says how many patients each arm may expect, and the mean dates of the first and the last.

    SPEED: it remembers the enrollment asked last, as control variates ask for one trial under
    many truths (benchmarks/table.py).
    """

    def __init__(self) -> None:
        self._last: tuple[tuple[object, ...], tuple[list[float], float, float]] | None = None

    def __call__(self, trial: TrialParts) -> tuple[list[float], float, float]:
        asked = (trial.arms, trial.enrollment, trial.population.screening, trial.n_patients)
        last = self._last
        if last is None or not all(map(is_, asked, last[0])):
            self._last = last = asked, self._simulated(trial)
        return last[1]

    @staticmethod
    def _simulated(trial: TrialParts) -> tuple[list[float], float, float]:
        rng = stream(0, "platform", "expected patients")
        time = randomization_times(cast("Trial", trial), _REPLICATES, streams=lambda _: rng)[0]
        found = randomize(
            trial.arms,
            SimpleRandomization(),
            enrollment_time=time,
            stratum=np.zeros(time.shape, dtype=np.intp),
            rng=rng,
        )
        patients = [float((found.arm == k).sum(axis=1).mean()) for k in range(len(trial.arms))]
        return patients, float(time[:, 0].mean()), float(time[:, -1].mean())


_expected = _Expected()
