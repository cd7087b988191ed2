"""Rules that choose the size of a trial at an interim look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import ClassVar, Self

import numpy as np

from lupusim.analysis.group_sequential import stage_z
from lupusim.analysis.group_sequential.reestimation import blinded_size, promising_information
from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.ranges import BELOW_ONE, COUNT, INSIDE, check_ranges
from lupusim.errors import Problem
from lupusim.simulation.adaptation.base import Conducted, Followed, OnceFollowed
from lupusim.simulation.adaptation.resizing import Resizing, hold_resized, most
from lupusim.simulation.generation.generation import Block, Generated
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.looks.look_statistics import LookStatistics
from lupusim.simulation.totals import with_totals
from lupusim.trial import Cutoff, Trial
from lupusim.trial.adaptation import ADAPTATIONS, Row

_LEAST_GAIN = 0.01  # of the information: a smaller gain is noise of its estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Resizes(OnceFollowed):
    """What is the same for all rules that choose a size."""

    shares_patients: ClassVar[bool] = True

    planned: int = field(metadata=COUNT)  # patients, or events, of the trial without a change

    def scaled(self, factor: float) -> Self:
        """Return the rule with the plan of a trial of `factor` times the size."""
        return replace(self, planned=max(1, round(self.planned * factor)))

    def conduct(self: Resizing, trial: Trial, block: Block, patients: Followed) -> Conducted:
        """Return how trials go whose size is chosen."""
        generated = patients.generated
        came, found = hold_resized(trial, self, generated)
        return Conducted(with_totals(trial, generated, found), came)

    def decision_words(self, trial: Trial, found: Mapping[str, FloatArray], look: int) -> str:
        """Return the size that the last interim look of one trial chose, in words."""
        return f"size {found['size'][0]:.0f}" if look == len(trial.interims) else ""

    def rows(self, trial: Trial) -> Iterator[Row]:
        """Yield the size that is chosen."""
        yield Row(words="size chosen", quantity="size", is_share=False)
        yield Row(words="size enlarged", quantity="enlarged")


@ADAPTATIONS.register("promising_zone")
@dataclass(frozen=True, slots=True, kw_only=True)
class PromisingZone(Resizes):
    """Enlarge the trial at its last interim look where the result is promising.

    Where the conditional power at the trend seen lies between `least` and `power`, the trial
    gets as many patients (events, where it waits for events) as bring it to `power`, at most
    those that the scenario has; otherwise as many as planned. The last look weighs the stages
    as planned, which keeps the error whatever is chosen.

    Parameters
    ----------
    planned : int
        Patients, or events, of the trial without a change.
    least, power : float
        The zone of conditional power.

    Raises
    ------
    ValueError
        If a power is out of range.

    References
    ----------
    Mehta and Pocock (2011), *Statistics in Medicine* 30:3267.
    Cui, Hung and Wang (1999), *Biometrics* 55:853.

    Examples
    --------
    >>> PromisingZone(planned=120).least
    0.3
    """

    least: float = field(default=0.3, metadata=BELOW_ONE)
    power: float = field(default=0.9, metadata=INSIDE)

    def __post_init__(self) -> None:
        check_ranges(self)
        if not self.least < self.power:
            raise ValueError(f"least={self.least!r} must lie below power={self.power!r}")

    def in_words(self, trial: Trial) -> Iterator[str]:
        """Yield when the size is raised, to what, and what holds the error."""
        unit = "patients" if trial.primary.due_time is not None else "events"
        yield (
            f"At look {len(trial.interims)} the size may be raised: if the conditional power at "
            f"the trend seen there lies between {100 * self.least:g} % and {100 * self.power:g} %, "
            f"the last analysis waits for as many {unit} as bring it to {100 * self.power:g} %, at "
            f"most {most(trial)}; otherwise for the {self.planned} planned. The data from before "
            "and after that look are weighed as planned (Cui, Hung and Wang 1999), so that the "
            "type I error holds whichever size is chosen."
        )

    def problems(self, trial: Trial) -> Iterator[Problem]:
        """Yield what is wrong with the rule in a trial."""
        yield from size_problems(trial, self.planned)
        at_a_visit = trial.primary.due_time is not None
        if trial.analysis and not (at_a_visit or trial.analysis.test.independent_increments):
            yield Problem(
                key="analysis.test",
                fault=f"what {trial.analysis.name!r} learns after the look is not independent of "
                "what it showed there, and the stages are weighed as if it were",
                fix="Use another test, or keep the size.",
            )
        seen = _seen_at_least(trial.interims[-1], at_a_visit=at_a_visit) if trial.interims else 0
        if self.planned <= seen:
            unit = "patients" if at_a_visit else "events"
            yield Problem(
                key=f"looks.{len(trial.interims) - 1}.when",
                fault=f"the size is chosen once {seen} {unit} are seen, and {self.planned} are "
                "planned",
                fix="Look earlier, or plan more.",
            )

    def wanted(
        self,
        trial: Trial,
        generated: Generated,
        seen: LookStatistics,
        planned: tuple[FloatArray, FloatArray],
    ) -> FloatArray:
        """Return the size that brings a promising trial to its power, (n_replicates,)."""
        fraction, efficacy = planned
        return self.planned * promising_information(
            seen.z[:, -2], fraction[:, -2], efficacy[:, -1], least=self.least, power=self.power
        )

    def last_z(
        self, seen: LookStatistics, final: LookStatistics, fraction: FloatArray
    ) -> FloatArray:
        """Return z of the last look: the stages weighed as planned.

        A first stage without a finite z (no response yet, or nothing known) never enlarges the
        trial: it goes on as planned, and is judged by all patients. So is one after which the
        test knows no more.
        """
        last, first = final.z[:, -1], seen.information[:, -2]
        weighable = np.isfinite(seen.z[:, -2]) & np.isfinite(last) & (first > 0)
        weighable &= final.information[:, -1] > first * (1 + _LEAST_GAIN)
        known = np.column_stack([first, final.information[:, -1]])
        known = np.where(weighable[:, None], known, (1.0, 2.0))
        z = np.where(weighable[:, None], np.column_stack([seen.z[:, -2], last]), 0.0)
        second = stage_z(z, known)[:, 1]
        weight = np.clip(fraction[:, -2], 0.0, 1.0)
        weighed = np.sqrt(weight) * z[:, 0] + np.sqrt(1 - weight) * second
        return np.where(weighable, weighed, last)


@ADAPTATIONS.register("blinded_size")
@dataclass(frozen=True, slots=True, kw_only=True)
class BlindedSize(Resizes):
    """Choose the size at the last interim look from the response rate of all arms together.

    Parameters
    ----------
    planned : int
        The fewest patients: those of the trial without a change.
    difference : float
        Difference of the response rates to be found.
    power : float
        With which it is to be found.

    Raises
    ------
    ValueError
        If the difference or the power is out of range.

    References
    ----------
    Gould (1992), *Statistics in Medicine* 11:55; after Wittes and Brittain (1990), *Statistics
    in Medicine* 9:65.

    Examples
    --------
    >>> BlindedSize(planned=120, difference=0.2).power
    0.9
    """

    difference: float = field(metadata=INSIDE)
    power: float = field(default=0.9, metadata=INSIDE)

    def __post_init__(self) -> None:
        check_ranges(self)

    def in_words(self, trial: Trial) -> Iterator[str]:
        """Yield from what the size is estimated anew, and within which limits."""
        yield (
            f"At look {len(trial.interims)} the number of patients is estimated anew from the "
            "response rate of all arms together, with treatments unknown: as many as a difference "
            f"of {100 * self.difference:g} percentage points needs for a power of "
            f"{100 * self.power:g} % at the rate seen, at least {self.planned} and at most "
            f"{most(trial)} (Gould 1992)."
        )

    def problems(self, trial: Trial) -> Iterator[Problem]:
        """Yield what is wrong with the rule in a trial."""
        yield from size_problems(trial, self.planned)
        if not trial.primary.is_response:
            yield Problem(
                key="adaptation.kind",
                fault="the rate of all arms together needs a response at a visit",
                fix="Use promising_zone, or a responder endpoint.",
            )

    def wanted(
        self,
        trial: Trial,
        generated: Generated,
        seen: LookStatistics,
        planned: tuple[FloatArray, FloatArray],
    ) -> FloatArray:
        """Return the size that finds the difference at the rate of all arms, (n_replicates,)."""
        assert trial.analysis is not None
        outcome = generated.measurements[0].outcome(observed(generated, seen.cutoff[:, -2]))
        assert isinstance(outcome, BinaryOutcome)
        known = outcome.included.sum(axis=1)
        rate = (outcome.response & outcome.included).sum(axis=1) / np.maximum(known, 1)
        return blinded_size(
            rate,
            difference=self.difference,
            power=self.power,
            tail=trial.analysis.alpha / trial.analysis.sided,
            ratio=(trial.ratio[0], trial.ratio[1]),
        )

    def last_z(
        self, seen: LookStatistics, final: LookStatistics, fraction: FloatArray
    ) -> FloatArray:
        """Return z of the last look, of all patients alike."""
        return np.asarray(final.z[:, -1])


def size_problems(trial: Trial, planned: int) -> Iterator[Problem]:
    """Yield what is wrong with a trial that chooses its size, and plans this one."""
    if trial.cutoff.without_limits is not trial.cutoff:
        yield Problem(
            key="looks",
            fault="the last look waits for the size that is chosen, and has limits of its own",
            fix="Remove 'gap', 'latest' and 'extension' of the last look.",
        )
        return
    at_a_visit = trial.primary.due_time is not None
    events = trial.cutoff.primary_events
    most = trial.n_patients if events is None else events
    if not at_a_visit and events is None:
        yield Problem(
            key="looks",
            fault="the size that is chosen needs a last look that waits for events",
            fix="Give the last look 'when: {events: ...}', the most that may be chosen.",
        )
    alone = trial.analysis is not None and trial.family is None
    if not (trial.interims and alone and len(trial.arms) == 2):
        yield Problem(
            key="adaptation",
            fault="a size is chosen at an interim look of a trial with two arms and one test",
            fix="Give an interim look and the analysis; remove further arms and hypotheses.",
        )
    if planned > most:
        yield Problem(
            key="adaptation.planned",
            fault=f"{planned} planned are more than the {most} that there may be",
            fix="Plan fewer, or let the trial grow larger.",
        )


def _seen_at_least(look: Cutoff, *, at_a_visit: bool) -> int:
    """Return how many patients, or primary events, a look waits for; 0 where it may not."""
    waits = list(look.necessary()) if look.without_limits is look else []
    if at_a_visit:
        return max((part.after_patients[0] for part in waits if part.after_patients), default=0)
    return max((part.primary_events or 0 for part in waits), default=0)
