"""Trials in two stages: arms selected, a population enriched.

The patients of stage 1 are those randomized up to the interim look, with all their follow-up;
those of stage 2 come later. The last look combines the p-values of the stages with weights
fixed before the trial, in a closed test, which holds the family-wise error whatever is decided
at the interim look (Bauer and Köhne 1994, *Biometrics* 50:1029; Lehmacher and Wassmer 1999,
*Biometrics* 55:1286).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from typing import ClassVar, Self

from lupusim.common.frozen import dataclass
from lupusim.common.ranges import BELOW_ONE, COUNT, check_ranges
from lupusim.errors import Problem
from lupusim.simulation.adaptation.base import OnceFollowed
from lupusim.trial import Trial
from lupusim.trial.adaptation import EventsOfStage, Row
from lupusim.trial.looks import Cutoff

_ROUNDING = 1e-9
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged(OnceFollowed):
    """What is the same for all rules that say at an interim look who is enrolled further.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    picks_patients: ClassVar[bool] = True
    takes_supply: ClassVar[bool] = True  # refused in words of its own

    weights: tuple[float, float] | None = None
    """Squared weights of the stages; None for their planned shares of the information, where these
    are known: of the events, or where the look counts patients as they come."""
    first_events: int | None = field(default=None, metadata=COUNT)
    """Events at which the patients of stage 1 are analyzed, where the last look waits for events;
    those of stage 2 are when they have the rest."""
    early_alpha: float = field(default=0.0, metadata=BELOW_ONE)
    """Level of a closed test at the interim look, of what it shows of the primary endpoint; the
    trial stops where it proves anything. The last look has what is left of the level: so the error
    holds however much stage 1 still changes after the interim look, which no correlation between
    the looks that is fixed before would tell. 0 for none."""

    def __post_init__(self) -> None:
        _check_weights(self.weights)
        check_ranges(self)

    def generation(self, trial: Trial) -> tuple[object, ...]:
        """Return all of the rule, and the looks: more patients come than can be enrolled."""
        return self, trial.looks

    def scaled(self, factor: float) -> Self:
        """Return the rule that waits for `factor` times the events in stage 1."""
        if self.first_events is None:
            return self
        return replace(self, first_events=max(1, round(self.first_events * factor)))

    def stage_events(self, trial: Trial) -> Sequence[EventsOfStage]:
        """Return what the stages wait for, where it is known how many patients each has."""
        events, look = trial.cutoff.primary_events, trial.interims[0]
        if events is None or self.first_events is None:
            return ()
        if look.after_patients is None:
            everybody, words = trial.n_patients, "events of both stages"
            return (EventsOfStage(words=words, events=events, n_patients=everybody, at_most=True),)
        n_first, follow_up = look.after_patients
        first = EventsOfStage(
            words="events of stage 1", events=self.first_events, n_patients=n_first
        )
        second = EventsOfStage(
            words="events of stage 2",
            events=events - self.first_events,
            n_patients=trial.n_patients - n_first,
            at_most=True,
        )
        return (first, second) if follow_up == 0 else (second,)

    def combination_words(self, intersections: str) -> Iterator[str]:
        """Yield how the stages are combined, and at which levels.

        Parameters
        ----------
        intersections : str
            How several hypotheses are tested at once within a stage, in words.
        """
        told = "the planned shares of the information"
        if self.weights is not None:
            told = " and ".join(f"{weight:g}" for weight in self.weights)
        yield (
            "Patients randomized up to that look are stage 1, all later ones stage 2. The last "
            "analysis combines the p-values of the stages by the inverse normal method, with "
            f"squared weights fixed beforehand ({told}), in a closed test whose intersections are "
            f"tested by {intersections}: so the family-wise error holds whatever is decided."
        )
        if self.early_alpha:
            yield (
                f"The look itself may prove a benefit, at level {self.early_alpha:g}; the last "
                "analysis has what is left of the level."
            )

    def nobody_left(self) -> Row:
        """Return the row of trials whose patients were all in before the decision."""
        words = "nobody came after the decision (then nothing can be claimed)"
        return Row(words=words, quantity="nobody_in_stage_2", if_any=True)


def _check_weights(weights: tuple[float, float] | None) -> None:
    if weights is None:
        return
    right = len(weights) == 2 and min(weights) > 0 and abs(sum(weights) - 1) <= _ROUNDING
    if not right:
        raise ValueError(f"weights={weights!r} must be two numbers above 0 that sum to 1")


def staged_problems(trial: Trial, rule: Staged) -> Iterator[Problem]:
    """Yield what is wrong with a trial whose stage 2 depends on an interim look."""
    yield from _analysis_problems(trial, rule)
    if trial.stopping is not None:
        fault = "bounds at the looks would not act: the last look combines the stages"
        fix = "Remove 'efficacy' and 'futility'; the adaptation's 'early_alpha' may succeed early."
        yield Problem(key="looks", fault=fault, fix=fix)
    if len(trial.interims) != 1:
        fault = f"the decision is made at one interim look, and there are {len(trial.interims)}"
        yield Problem(key="looks", fault=fault, fix="Give two looks: the decision's, and the end.")
    yield from _look_problems(trial, rule)
    yield from _patient_problems(trial)


def _analysis_problems(trial: Trial, rule: Staged) -> Iterator[Problem]:
    if trial.analysis is None:
        return  # told already
    if rule.early_alpha >= trial.analysis.alpha:
        fault = f"{rule.early_alpha:g} leaves nothing of alpha {trial.analysis.alpha:g}"
        yield Problem(key="adaptation.early_alpha", fault=fault, fix="Give less.")
    if trial.analysis.sided != 1:
        fault = "stages are combined one-sided only"
        yield Problem(key="analysis.sided", fault=fault, fix="Give 'sided: 1' and half of alpha.")
    if trial.analysis.truth is not None:
        fault = "bias and coverage after a decision of this kind are not computed"
        yield Problem(key="analysis.true_effect", fault=fault, fix="Remove it.")
    if trial.family is not None:
        fault = "the adaptation's closed test holds the error of its hypotheses by itself"
        yield Problem(key="analysis.multiplicity", fault=fault, fix="Remove it.")


def _look_problems(trial: Trial, rule: Staged) -> Iterator[Problem]:
    for k, look in enumerate(trial.interims):
        if not look.may_decide_enrollment:
            fault = "this look cannot decide who is enrolled further"
            fix = "Give 'patients', 'calendar_time' or 'events'."
            yield Problem(key=f"looks.{k}.when", fault=fault, fix=fix)
    yield from _end_problems(trial, rule)
    if rule.weights is None and rule.first_events is None and not _known_size(trial.interims):
        fault = "how many patients stage 1 will have is not known from its look alone"
        fix = "Give 'weights: [0.5, 0.5]' or so, fixed before the trial."
        yield Problem(key="adaptation.weights", fault=fault, fix=fix)
    if trial.interims and (first := trial.interims[0].after_patients) is not None:
        if first[0] >= trial.n_patients:
            fault = f"all {trial.n_patients} patients are in before the decision"
            yield Problem(key="looks.0.when", fault=fault, fix="Look earlier.")
        yield from _stage_problems(trial, rule, *first)


def _stage_problems(
    trial: Trial, rule: Staged, n_first: int, follow_up: float
) -> Iterator[Problem]:
    """Yield the stages that have fewer patients than events are waited for."""
    events, first = trial.cutoff.primary_events, rule.first_events
    if events is None or first is None:
        return
    rest = trial.n_patients - n_first
    if follow_up == 0 and first > n_first:
        fault = f"the {n_first} patients of stage 1 never have {first} events"
        yield Problem(key="adaptation.first_events", fault=fault, fix="Give fewer, or look later.")
    if 0 < rest < events - first:
        fault = f"the {rest} patients of stage 2, at most, never have the other {events - first}"
        fault += " events"
        yield Problem(key="adaptation.first_events", fault=fault, fix="Give more, or look earlier.")


def _known_size(interims: Sequence[Cutoff]) -> bool:
    """Return whether as many are randomized at the first look as it waits for."""
    if not interims:
        return True
    first = interims[0].after_patients
    return first is not None and first[1] == 0


def _end_problems(trial: Trial, rule: Staged) -> Iterator[Problem]:
    events = trial.cutoff.primary_events
    if trial.cutoff.gap > 0:
        fault = "when the last look is held must not depend on when the decision was made"
        key = f"looks.{len(trial.interims)}.when.gap"
        yield Problem(key=key, fault=fault, fix="Remove it.")
    if events is None and trial.cutoff.after_last_patient is None:
        fault = "the last look must wait for the last patient's follow-up, or for events"
        fix = "Give 'last_patient', or 'events' with the adaptation's 'first_events'."
        yield Problem(key=f"looks.{len(trial.interims)}.when", fault=fault, fix=fix)
    if events is None and rule.first_events is not None:
        fault = "the last look does not wait for events"
        yield Problem(key="adaptation.first_events", fault=fault, fix="Remove it.")
    if events is not None and rule.first_events is None:
        fault = "when the patients of stage 1 are analyzed must not depend on the decision"
        fix = "Give their number of events; those of stage 2 have the rest of the last look's."
        yield Problem(key="adaptation.first_events", fault=fault, fix=fix)
    if events is not None and rule.first_events is not None and rule.first_events >= events:
        fault = f"{rule.first_events} events leave none of the {events} to stage 2"
        yield Problem(key="adaptation.first_events", fault=fault, fix="Give fewer.")
    yield from _follow_up_problems(trial)


def _follow_up_problems(trial: Trial) -> Iterator[Problem]:
    """Yield where the follow-up of stage 1 would depend on how fast stage 2 enrolls."""
    fixed, followed = trial.primary.due_time is not None, trial.cutoff.after_last_patient
    if fixed or followed is None:
        return
    if followed < trial.follow_up - _TOLERANCE or math.isinf(trial.follow_up):
        fault = "how long the patients of stage 1 are followed would depend on the decision"
        fix = "Let 'last_patient' be the whole 'follow_up', or look at events."
        yield Problem(key=f"looks.{len(trial.interims)}.when", fault=fault, fix=fix)


def _patient_problems(trial: Trial) -> Iterator[Problem]:
    if trial.population.screening is not None:
        fault = "who is enrolled further and a screening by scores do not go together yet"
        yield Problem(key="population.screening", fault=fault, fix="Use 'screen_failure'.")
    if trial.supply is not None:
        fault = "who is enrolled further and a supply do not go together yet"
        yield Problem(key="supply", fault=fault, fix="Remove the supply, or the adaptation.")
    if trial.allocation is not None and trial.allocation.remembers:
        fault = "this allocation remembers patients whom the decision keeps out"
        fix = "Use permuted_block or simple."
        yield Problem(key="allocation.method", fault=fault, fix=fix)
