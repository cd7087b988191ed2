"""Trials that choose among several experimental arms at an interim look."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import ClassVar

import numpy as np

from lupusim.analysis.multiplicity.combination_tests import (
    ArmsAgainstControl,
    closed_at_once,
    closed_rejections,
)
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import COUNT, NOT_NEGATIVE
from lupusim.errors import Problem
from lupusim.simulation.adaptation.base import Conducted, Followed
from lupusim.simulation.adaptation.benefit import BEYOND, judged_benefit
from lupusim.simulation.adaptation.early_endpoint import early_problems
from lupusim.simulation.adaptation.stages import (
    Interim,
    Seen,
    Stages,
    longer,
    two_looks,
    weights_of,
)
from lupusim.simulation.adaptation.two_stage import Staged, staged_problems
from lupusim.simulation.generation.generation import Block, Generated
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.looks.null_hypothesis import fares_as_control
from lupusim.simulation.quantities import of_arm
from lupusim.trial import Trial, Verdict
from lupusim.trial.adaptation import ADAPTATIONS, Intersection, KnownStages, Row
from lupusim.trial.multiplicity import Hypothesis

_MOST_ARMS = 6


class Judged(Enum):
    """What arms are compared by at the interim look."""

    Z = "z"
    ESTIMATE = "estimate"
    """On the test's own scale, positive where the arm is better than the control."""


@ADAPTATIONS.register("select_arms")
@dataclass(frozen=True, slots=True, kw_only=True)
class SelectArms(Staged):
    """Choose experimental arms at the interim look; the others enroll nobody any more.

    Parameters
    ----------
    keep : int or None
        The best so many go on; chance decides between equals.
    epsilon : float or None
        Those go on that are within it of the best.
    at_least : float or None
        No arm goes on whose z is lower; the trial stops where none is left.
    by : Judged
        What "best" and `epsilon` are about.
    early : Hypothesis or None
        A secondary endpoint that is judged at the interim look; None for the primary.
    reallocate : bool
        Whether the places of the arms that are dropped go to the others; otherwise those
        patients are not enrolled.
    intersections : Intersection
        How intersections of hypotheses are tested within a stage.
    weights, first_events, early_alpha
        As of `Staged`.

    Raises
    ------
    ValueError
        If a number is out of range, or nothing or two things say how many go on.

    References
    ----------
    Jennison and Turnbull (2006), *Biometrical Journal* 48:650 (selection and combination).
    Jenkins, Stone and Jennison (2011), *Pharmaceutical Statistics* 10:347 (times to events:
    the follow-up of the patients of stage 1 must not depend on the decision).

    Examples
    --------
    >>> SelectArms(keep=1).by
    <Judged.Z: 'z'>
    """

    holds_error: ClassVar[bool] = True

    keep: int | None = field(default=None, metadata=COUNT)
    epsilon: float | None = field(default=None, metadata=NOT_NEGATIVE)
    at_least: float | None = None
    by: Judged = Judged.Z
    early: Hypothesis | None = None
    reallocate: bool = False
    intersections: Intersection = Intersection.DUNNETT

    def __post_init__(self) -> None:
        if self.keep is not None and self.epsilon is not None:
            raise ValueError("keep and epsilon contradict each other. Give one of them")
        if self.keep is None and self.epsilon is None and self.at_least is None:
            raise ValueError("nothing says which arms go on. Give keep, epsilon or at_least")
        if self.at_least is not None and not math.isfinite(self.at_least):
            raise ValueError(f"at_least={self.at_least!r} must be a finite number")
        if self.intersections is Intersection.SPIESSENS_DEBOIS:
            raise ValueError("spiessens_debois tests a subgroup. Use dunnett, simes or bonferroni")
        Staged.__post_init__(self)

    def known_stages(self, trial: Trial) -> KnownStages | None:
        """Return its stages, where the look waits for patients and all places are taken."""
        counted = trial.interims[0].after_patients is not None and self.reallocate
        return KnownStages.of(trial.ratio, self.weights, self.keep) if counted else None

    def early_tests(self) -> tuple[tuple[str, Hypothesis], ...]:
        """Return the test of the endpoint that arms are chosen by, where it is another."""
        return () if self.early is None else (("adaptation.on", self.early),)

    def problems(self, trial: Trial) -> Iterator[Problem]:
        """Yield what is wrong with a trial that selects arms."""
        yield from staged_problems(trial, self)
        n_arms = len(trial.arms) - 1
        if not 2 <= n_arms <= _MOST_ARMS:
            fault = f"{n_arms} experimental arms are no choice"
            fix = f"Give 2 to {_MOST_ARMS} beside the control."
            yield Problem(key="adaptation", fault=fault, fix=fix)
        if self.keep is not None and self.keep > n_arms:
            fault = f"{self.keep} are more than the {n_arms} experimental arms"
            yield Problem(key="adaptation.keep", fault=fault, fix=f"Give 1 to {n_arms}.")
        if self.early is not None:
            yield from early_problems("adaptation.on", trial, self.early, look=1)
        asked = self.early or trial.analysis
        if self.by is Judged.ESTIMATE and asked is not None and asked.test.has_margin:
            fault = "estimates are judged from no effect on, and the test has a margin"
            yield Problem(key="adaptation.by", fault=fault, fix="Use 'by: z'.")

    def in_words(self, trial: Trial) -> Iterator[str]:
        """Yield which arms go on, what becomes of the others' places, and what holds the error."""
        what = "z" if self.by is Judged.Z else "estimate"
        on = "primary endpoint" if self.early is None else self.early.endpoint
        yield (
            f"At the interim look the {len(trial.arms) - 1} experimental arms are compared by "
            f"their {what} of the {on} against {trial.arms[0].name}: "
            f"{' and '.join(self._limits())}. The others enroll nobody any more; their places "
            f"{'go to the arms that go on' if self.reallocate else 'stay empty'}."
        )
        yield from self.combination_words(self.intersections.in_words)

    def _limits(self) -> Iterator[str]:
        """Yield what says which arms go on."""
        if self.keep is not None:
            yield "the best goes on" if self.keep == 1 else f"the {self.keep} best go on"
        if self.epsilon is not None:
            yield f"those go on that are within {self.epsilon:g} of the best"
        if self.at_least is not None:
            yield f"no arm goes on whose z is below {self.at_least:g}"

    def followed(self, trial: Trial, block: Block) -> Trial:
        """Return a trial of as many patients as may be needed, whichever arms go on."""
        return longer(trial, share=_least_share(trial, self))

    def conduct(self, trial: Trial, block: Block, patients: Followed) -> Conducted:
        """Return how trials go whose arms are selected."""
        stages, found = select(trial, self, block, patients.generated)
        return Conducted(found, stages.generated)

    def decision_words(self, trial: Trial, found: Mapping[str, FloatArray], look: int) -> str:
        """Return the arms of one trial that go on, are dropped or proven, in words."""
        arms = [arm.name for arm in trial.arms[1:]]
        kept = [arm for arm in arms if found[of_arm("kept", arm)][0] > 0]
        rejected = [arm for arm in arms if found[of_arm("reject", arm)][0] > 0]
        dropped = [arm for arm in arms if arm not in kept]
        picks = look == 1 and not found["look_1_efficacy"][0] > 0
        parts = {"with": kept, "dropped": dropped} if picks else {"proven": rejected}
        return "; ".join(f"{name} {', '.join(them)}" for name, them in parts.items() if them)

    def rows(self, trial: Trial) -> Iterator[Row]:
        """Yield what became of each arm."""
        names = [arm.name for arm in trial.arms]
        for name in names:
            quantity = of_arm("patients", name)
            yield Row(words=f"patients randomized, {name}", quantity=quantity, is_share=False)
        for what, words in _OF_ARM.items():
            for name in names[1:]:
                yield Row(words=f"{words}, {name}", quantity=of_arm(what, name))
        yield Row(words="claims for an arm that fares as the control", quantity="false_rejection")
        yield self.nobody_left()


_OF_ARM = {"picked": "best at the interim look", "kept": "goes on", "reject": "proven"}


def select(
    trial: Trial, rule: SelectArms, block: Block, generated: Generated
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
        The patients of `SelectArms.followed`.
    """
    interim = Interim.of(trial, generated)
    z, benefit = judged(trial, rule, generated, interim)
    kept, best = selected(rule, z, benefit, tie=block.stream("ties").random(z.shape))
    early = _early(trial, rule, generated, interim)
    kept &= ~early.any(axis=1, keepdims=True)
    stages = _stages(trial, rule, generated, interim, kept)
    found = stages.described(trial)
    reject = early | _rejections(trial, rule, stages, kept)
    found["reject"] = reject.any(axis=1).astype(float)
    found |= _by_arm(trial, stages, kept=kept, reject=reject)
    picked = kept | early.any(axis=1, keepdims=True)
    for number, arm in enumerate(trial.arms[1:]):
        found[of_arm("picked", arm.name)] = (picked[:, number] & (best == number)).astype(float)
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


def _stages(
    trial: Trial, rule: SelectArms, generated: Generated, interim: Interim, kept: BoolArray
) -> Stages:
    """Return the stages: those whose arm goes on take the next places in time."""
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
    return Stages.of(
        trial, rule, moved, interim, second=second, goes_on=np.asarray(kept.any(axis=1))
    )


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
        weights=weights_of(trial, rule),
        intersections=ArmsAgainstControl(method=rule.intersections, ratio=trial.ratio),
    )


def _by_arm(
    trial: Trial, stages: Stages, *, kept: BoolArray, reject: BoolArray
) -> dict[str, FloatArray]:
    found = {}
    for number, arm in enumerate(trial.arms):
        on_arm = stages.enrolled & (stages.generated.arm == number)
        found[of_arm("patients", arm.name)] = on_arm.sum(axis=1).astype(float)
        if number > 0:
            found[of_arm("kept", arm.name)] = kept[:, number - 1].astype(float)
            found[of_arm("reject", arm.name)] = reject[:, number - 1].astype(float)
    alike = [fares_as_control(trial, number) for number in range(1, len(trial.arms))]
    assert trial.analysis is not None
    within = trial.analysis.test.alike_is_enough(trial.primary.better)
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
    names = [of_arm("estimate", arm.name) for arm in trial.arms[1:]]
    found = dict(zip(names, estimate.T, strict=True))
    found["estimate"] = estimate[row, best]
    return found | {"undefined": undefined.any(axis=1).astype(float)}
