"""How trials go that judge response rates look by look, and pick each patient's arm.

Every patient is followed on every arm, and the rule picks the arm: so a rule sees what it
would have seen, however it decides, and rules can be compared on the same patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.analysis.proportions.posterior_rates import (
    best_probability,
    better_probability,
    limited_shares,
)
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.common.frozen import dataclass
from lupusim.records import FirstEntry
from lupusim.simulation.generation.generation import Block, Generated, generate
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.quantities import at_look, of_arm
from lupusim.trial import Trial
from lupusim.trial.allocation import Unblocked
from lupusim.trial.looks import Entries
from lupusim.trial.population.screening import Screened

if TYPE_CHECKING:
    from lupusim.simulation.adaptation.response_adaptive import BayesianResponse

NOT_YET = -1
"""The arm of who has not come."""


class Against(Enum):
    """What the posterior probabilities of a trial compare an arm with."""

    CONTROL = "control"
    """The probability that an arm has a higher response rate than the control."""
    ALL = "all"
    """The probability that an arm, the control among them, has the highest rate of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Everybody(Unblocked):
    """Put all patients on one arm."""

    arm: int  # its position

    def assign(
        self, ratio: Sequence[int], stratum: IntArray, *, rng: np.random.Generator
    ) -> StateArray:
        """Return the arm of each patient, shape (n_replicates, n_patients)."""
        return np.full(stratum.shape, self.arm, dtype=np.int8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Potential:
    """Patients as they would fare on each arm."""

    ended: ClassVar[tuple[FirstEntry, ...]] = ()
    """Nobody's history: each patient has one on every arm."""

    response: BoolArray
    included: BoolArray
    """`response` and `included`: whether each responds, and whether anything is known of it: of
    whom an intercurrent event leaves out nothing is. Who drops out does not respond."""
    enrollment_time: FloatArray
    """Calendar times (years), increasing along each row; (n_replicates, n_patients)."""
    due: FloatArray  # calendar times at which the responses are known; (n_replicates, n_patients)
    look_time: FloatArray  # calendar times of the looks, never falling; (n_replicates, n_looks)
    first_arm: StateArray  # arm of each patient by the planned ratio; (n_replicates, n_patients)
    uniform: FloatArray
    """What decides the arm of those who come after the first look; (n_replicates, n_patients)."""
    screened: Screened | None = None  # what screening found; None without it


def potential(
    trial: Trial, block: Block, *, follow: Callable[[Trial, Block], Generated] = generate
) -> Potential:
    """Follow the patients of a block of trials on every arm, one after the other."""
    primary = trial.primary.response_at_visit
    assert primary is not None  # as the trial's checks say
    events = tuple(
        replace(event, strategy=event.strategy_of(trial.primary.name), by_endpoint={})
        for event in trial.intercurrent_events
    )
    judged = replace(trial, secondary=(), intercurrent_events=events)
    outcomes = []
    for number in range(len(trial.arms)):
        generated = follow(replace(judged, allocation=_Everybody(arm=number)), block)
        never = np.full(block.n_replicates, np.inf)
        outcome = generated.measurements[0].outcome(observed(generated, never))
        assert isinstance(outcome, BinaryOutcome)
        outcomes.append(outcome)
    enrollment_time = generated.enrollment_time
    shape = enrollment_time.shape
    assert trial.allocation is not None
    stratum = np.zeros(shape, dtype=np.intp)
    entries = Entries(enrolled=enrollment_time)
    times: list[FloatArray] = []
    for cutoff in trial.looks:
        time = cutoff.calendar_time(entries)
        times.append(np.maximum(time, times[-1] + cutoff.gap) if times else time)
    return Potential(
        response=np.stack([outcome.response for outcome in outcomes]),
        included=np.stack([outcome.included for outcome in outcomes]),
        enrollment_time=enrollment_time,
        due=enrollment_time + primary.at,
        look_time=np.stack(times, axis=1),
        first_arm=trial.allocation.assign(trial.ratio, stratum, rng=block.stream("allocation")),
        uniform=block.stream("adaptive allocation").random(shape),
        screened=generated.patients.screened,
    )


def _come_by(time: FloatArray, look_time: FloatArray) -> IntArray:
    """Return how many of each row's rising times each of its looks sees; shape of the looks."""
    rows = zip(time, look_time, strict=True)
    return np.array([np.searchsorted(row, looks, side="right") for row, looks in rows])


class Course:
    """How a block of trials goes, look by look."""

    def __init__(self, trial: Trial, rule: BayesianResponse, patients: Potential) -> None:
        self.trial, self.rule, self.patients = trial, rule, patients
        n_replicates, self.n_arms = len(patients.look_time), len(trial.arms)
        self.arm = np.full(patients.uniform.shape, NOT_YET, dtype=np.int8)
        self.responds = np.zeros(patients.uniform.shape, dtype=bool)
        self.included = np.zeros(patients.uniform.shape, dtype=bool)
        self.going = np.ones(n_replicates, dtype=bool)
        self.open = np.ones((n_replicates, self.n_arms), dtype=bool)
        self.succeeds = np.zeros((n_replicates, self.n_arms), dtype=bool)
        self.probability = np.zeros((n_replicates, self.n_arms))
        self.share = np.tile(np.array(trial.ratio) / sum(trial.ratio), (n_replicates, 1))
        self.stop = np.full(n_replicates, patients.look_time.shape[1] - 1)
        self.responders = np.zeros((n_replicates, self.n_arms))
        self.n_known = np.zeros((n_replicates, self.n_arms))
        self.enrolled = _come_by(patients.enrollment_time, patients.look_time)
        self.known = _come_by(patients.due, patients.look_time)

    def enroll(self, number: int) -> None:
        """Randomize those who come after the look before, up to this one."""
        patients = self.patients
        first, new = self._new(self.enrolled, number)
        row, column = np.nonzero(new)
        column += first
        if number == 0:
            chosen = patients.first_arm[row, column]
        else:
            reached = self.share.cumsum(axis=1)[row]
            chosen = (patients.uniform[row, column][:, None] >= reached[:, :-1]).sum(axis=1)
        self.arm[row, column] = chosen
        self.responds[row, column] = patients.response[chosen, row, column]
        self.included[row, column] = patients.included[chosen, row, column]

    def judge(self, number: int) -> None:
        """Look at the responses that are known; success, arms dropped, new shares."""
        first, new = self._new(self.known, number)
        window = slice(first, first + new.shape[1])
        for arm in range(self.n_arms):
            on_arm = new & self.included[:, window] & (self.arm[:, window] == arm)
            self.n_known[:, arm] += on_arm.sum(axis=1)
            self.responders[:, arm] += (on_arm & self.responds[:, window]).sum(axis=1)
        last = number == self.patients.look_time.shape[1] - 1
        self.probability[self.going] = self._probability(self.going)
        self._decide(number, last=last)
        if not last and self.rule.shares.power > 0:
            self._share()
        elif not last and self.rule.drop > 0:
            self.share = limited_shares(
                self.open * np.array(self.trial.ratio, dtype=float), self.open, least=0.0, most=1.0
            )

    def _new(self, come: IntArray, number: int) -> tuple[int, BoolArray]:
        """Return which patients of trials that go on have come since the look before.

        Gives the position of the first one, and a mask of the patients from there on.
        """
        # SPEED: a look touches only those who are new to it (benchmarks/peers.py, case R)
        until = come[:, number, None]
        since = come[:, number - 1, None] if number else np.zeros_like(until)
        first = int(since.min())
        position = np.arange(first, int(until.max()))
        return first, (position >= since) & (position < until) & self.going[:, None]

    def _probability(self, some: BoolArray) -> FloatArray:
        rule = self.rule
        counts = self.responders[some], self.n_known[some]
        if rule.against is Against.CONTROL:
            return better_probability(*counts, rule.prior)
        return best_probability(*counts, rule.prior, self.open[some])

    def _decide(self, number: int, *, last: bool) -> None:
        success = self.rule.at_end if last else self.rule.success
        candidates = self.open & self.going[:, None]
        candidates[:, 0] = False
        succeeds = candidates & (self.probability >= success)
        self.succeeds |= succeeds
        if self.rule.drop > 0 and not last:  # at the last look nobody is left to keep from it
            self.open &= ~(candidates & (self.probability <= self.rule.drop))
        ends = succeeds.any(axis=1) | ~self.open[:, 1:].any(axis=1)
        if self.rule.against is Against.ALL:
            ends |= self.probability[:, 0] >= success
        ends &= self.going
        self.stop[ends] = number
        self.going &= ~ends

    def _share(self) -> None:
        shares = self.rule.shares
        best = self.probability
        if self.rule.against is Against.CONTROL:
            best = best_probability(self.responders, self.n_known, self.rule.prior, self.open)
        power: FloatArray | float = shares.power
        if shares.grows:
            in_by_now = (self.arm != NOT_YET).sum(axis=1) / float(self.trial.n_patients)
            power = shares.power * in_by_now[:, None]
        weight = np.maximum(best, 1e-12) ** power
        if shares.control is None:
            self.share = limited_shares(weight, self.open, least=shares.least, most=shares.most)
            return
        others = self.open.copy()
        others[:, 0] = False
        rest = 1 - shares.control
        limits = {"least": shares.least / rest, "most": min(shares.most / rest, 1.0)}
        self.share = rest * limited_shares(weight, others, **limits)
        self.share[:, 0] = 1 - self.share[:, 1:].sum(axis=1)

    def quantities(self) -> Iterator[tuple[str, FloatArray]]:
        """Yield what is recorded of each replicate."""
        row = np.arange(len(self.stop))
        duration = self.patients.look_time[row, self.stop]
        yield "duration", duration
        yield "missed_cutoff", np.isinf(duration).astype(float)
        yield "reject", self.succeeds.any(axis=1).astype(float)
        yield "undefined", np.zeros(row.size)
        difference = self._rate(1) - self._rate(0)
        yield "estimate", difference
        yield "n_enrolled", (self.arm != NOT_YET).sum(axis=1).astype(float)
        yield "responders", (self.responds & (self.arm != NOT_YET)).sum(axis=1).astype(float)
        picked = np.where(self.succeeds, self.probability, -1.0).argmax(axis=1)
        for number, arm in enumerate(self.trial.arms):
            yield of_arm("response", arm.name), self._rate(number)
            yield of_arm("patients", arm.name), (self.arm == number).sum(axis=1).astype(float)
            if number > 0:
                succeeds = self.succeeds[:, number]
                yield of_arm("reject", arm.name), succeeds.astype(float)
                yield of_arm("picked", arm.name), (succeeds & (picked == number)).astype(float)
                yield of_arm("dropped", arm.name), (~self.open[:, number]).astype(float)
        yield from self._looks()

    def _rate(self, arm: int) -> FloatArray:
        n = self.n_known[:, arm]
        return np.where(n > 0, self.responders[:, arm] / np.maximum(n, 1), np.nan)

    def _looks(self) -> Iterator[tuple[str, FloatArray]]:
        any_succeeds = self.succeeds.any(axis=1)
        n_patients = self.trial.n_patients
        for number in range(self.patients.look_time.shape[1]):
            time, here = self.patients.look_time[:, number], self.stop == number
            look = number + 1
            yield at_look("time", look), np.where(np.isfinite(time), time, np.nan)
            yield at_look("information", look), self.known[:, number] / n_patients
            yield at_look("efficacy", look), (here & any_succeeds).astype(float)
            yield at_look("futility", look), (here & ~any_succeeds).astype(float)
