"""What can be wrong with trials in two stages, and with gates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lupusim.errors import Problem
from lupusim.model.checks import nearest
from lupusim.trial.adaptation.two_stage import Enrichment, Gate, Judged, SelectArms
from lupusim.trial.allocation.blocks import PermutedBlocks, SimpleRandomization
from lupusim.trial.durations import format_duration
from lupusim.trial.endpoints import due_time
from lupusim.trial.looks import (
    Cutoff,
)
from lupusim.trial.multiplicity import Hypothesis

if TYPE_CHECKING:
    from lupusim.trial.design import Trial

_KEY = "adaptation"
_MOST_ARMS = 6
_TOLERANCE = 1e-9


def staged_problems(trial: Trial, rule: SelectArms | Enrichment) -> Iterator[Problem]:
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
    if isinstance(rule, SelectArms):
        yield from _selection_problems(trial, rule)
    else:
        yield from _enrichment_problems(trial, rule)


def _analysis_problems(trial: Trial, rule: SelectArms | Enrichment) -> Iterator[Problem]:
    if trial.analysis is None:
        fix = "Name the test that compares the arms."
        yield Problem(key="analysis", fault="it is missing", fix=fix)
        return
    if rule.early_alpha >= trial.analysis.alpha:
        fault = f"{rule.early_alpha:g} leaves nothing of alpha {trial.analysis.alpha:g}"
        yield Problem(key=f"{_KEY}.early_alpha", fault=fault, fix="Give less.")
    if trial.analysis.sided != 1:
        fault = "stages are combined one-sided only"
        yield Problem(key="analysis.sided", fault=fault, fix="Give 'sided: 1' and half of alpha.")
    if trial.analysis.truth is not None:
        fault = "bias and coverage after a decision of this kind are not computed"
        yield Problem(key="analysis.true_effect", fault=fault, fix="Remove it.")
    if trial.family is not None:
        fault = "the adaptation's closed test holds the error of its hypotheses by itself"
        yield Problem(key="analysis.multiplicity", fault=fault, fix="Remove it.")


def _look_problems(trial: Trial, rule: SelectArms | Enrichment) -> Iterator[Problem]:
    for k, look in enumerate(trial.interims):
        if not look.may_decide_enrollment:
            fault = "this look cannot decide who is enrolled further"
            fix = "Give 'patients', 'calendar_time' or 'events'."
            yield Problem(key=f"looks.{k}.when", fault=fault, fix=fix)
    yield from _end_problems(trial, rule)
    if rule.weights is None and rule.first_events is None and not _known_size(trial.interims):
        fault = "how many patients stage 1 will have is not known from its look alone"
        fix = "Give 'weights: [0.5, 0.5]' or so, fixed before the trial."
        yield Problem(key=f"{_KEY}.weights", fault=fault, fix=fix)
    if trial.interims and (first := trial.interims[0].after_patients) is not None:
        if first[0] >= trial.n_patients:
            fault = f"all {trial.n_patients} patients are in before the decision"
            yield Problem(key="looks.0.when", fault=fault, fix="Look earlier.")
        yield from _stage_problems(trial, rule, *first)


def _stage_problems(
    trial: Trial, rule: SelectArms | Enrichment, n_first: int, follow_up: float
) -> Iterator[Problem]:
    """Yield the stages that have fewer patients than events are waited for."""
    events, first = trial.cutoff.primary_events, rule.first_events
    if events is None or first is None:
        return
    rest = trial.n_patients - n_first
    if follow_up == 0 and first > n_first:
        fault = f"the {n_first} patients of stage 1 never have {first} events"
        yield Problem(key=f"{_KEY}.first_events", fault=fault, fix="Give fewer, or look later.")
    if 0 < rest < events - first:
        fault = f"the {rest} patients of stage 2, at most, never have the other {events - first}"
        fault += " events"
        yield Problem(key=f"{_KEY}.first_events", fault=fault, fix="Give more, or look earlier.")


def _known_size(interims: Sequence[Cutoff]) -> bool:
    """Return whether as many are randomized at the first look as it waits for."""
    if not interims:
        return True
    first = interims[0].after_patients
    return first is not None and first[1] == 0


def _end_problems(trial: Trial, rule: SelectArms | Enrichment) -> Iterator[Problem]:
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
        yield Problem(key=f"{_KEY}.first_events", fault=fault, fix="Remove it.")
    if events is not None and rule.first_events is None:
        fault = "when the patients of stage 1 are analyzed must not depend on the decision"
        fix = "Give their number of events; those of stage 2 have the rest of the last look's."
        yield Problem(key=f"{_KEY}.first_events", fault=fault, fix=fix)
    if events is not None and rule.first_events is not None and rule.first_events >= events:
        fault = f"{rule.first_events} events leave none of the {events} to stage 2"
        yield Problem(key=f"{_KEY}.first_events", fault=fault, fix="Give fewer.")
    yield from _follow_up_problems(trial)


def _follow_up_problems(trial: Trial) -> Iterator[Problem]:
    """Yield where the follow-up of stage 1 would depend on how fast stage 2 enrolls."""
    fixed, followed = due_time(trial.primary) is not None, trial.cutoff.after_last_patient
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
    if not isinstance(trial.allocation, PermutedBlocks | SimpleRandomization | None):
        fault = "this allocation remembers patients whom the decision keeps out"
        fix = "Use permuted_block or simple."
        yield Problem(key="allocation.method", fault=fault, fix=fix)


def _selection_problems(trial: Trial, rule: SelectArms) -> Iterator[Problem]:
    n_arms = len(trial.arms) - 1
    if not 2 <= n_arms <= _MOST_ARMS:
        fault = f"{n_arms} experimental arms are no choice"
        fix = f"Give 2 to {_MOST_ARMS} beside the control."
        yield Problem(key=_KEY, fault=fault, fix=fix)
    if rule.keep is not None and rule.keep > n_arms:
        fault = f"{rule.keep} are more than the {n_arms} experimental arms"
        yield Problem(key=f"{_KEY}.keep", fault=fault, fix=f"Give 1 to {n_arms}.")
    if rule.early is not None:
        yield from _early_problems(f"{_KEY}.on", trial, rule.early, look=1)
    asked = rule.early or trial.analysis
    if rule.by is Judged.ESTIMATE and asked is not None and asked.test.has_margin:
        fault = "estimates are judged from no effect on, and the test has a margin"
        yield Problem(key=f"{_KEY}.by", fault=fault, fix="Use 'by: z'.")


def _enrichment_problems(trial: Trial, rule: Enrichment) -> Iterator[Problem]:
    levels = trial.population.level_names
    if len(trial.arms) != 2:
        fault = f"a population is enriched in a trial of two arms, and there are {len(trial.arms)}"
        yield Problem(key=_KEY, fault=fault, fix="Keep one experimental arm and the control.")
    if rule.factor not in levels:
        fault = f"the population has no factor {rule.factor!r}"
        yield Problem(key=f"{_KEY}.factor", fault=fault, fix=nearest(rule.factor, levels))
        return
    if rule.level not in levels[rule.factor]:
        fault = f"{rule.factor!r} has no level {rule.level!r}"
        fix = nearest(rule.level, levels[rule.factor])
        yield Problem(key=f"{_KEY}.level", fault=fault, fix=fix)
        return
    share = trial.population.factors.get(rule.factor, {}).get(rule.level, 0.5)
    if not 0 < share < 1:
        fault = f"{rule.level!r} is {'nobody' if share <= 0 else 'everybody'}"
        yield Problem(key=f"{_KEY}.level", fault=fault, fix="Name a part of the population.")
    blocks = isinstance(trial.allocation, PermutedBlocks | None)  # without a key they are
    if blocks and rule.factor not in trial.stratify_by:
        fault = f"blocks that {rule.factor!r} cuts through are not balanced within the subgroup"
        fix = f"Give 'allocation: {{stratify_by: [{rule.factor}]}}', or its 'method: simple'."
        yield Problem(key=f"{_KEY}.factor", fault=fault, fix=fix)


def gate_problems(trial: Trial, rule: Gate) -> Iterator[Problem]:
    """Yield what is wrong with a trial that has a gate."""
    if len(trial.arms) != 2 or trial.analysis is None or trial.family is not None:
        fault = "a gate needs a trial of two arms and one test"
        fix = "Remove further arms and hypotheses, or add the analysis."
        yield Problem(key=_KEY, fault=fault, fix=fix)
    if trial.analysis is not None and trial.analysis.truth is not None:
        fault = "bias and coverage after a gate are not computed"
        yield Problem(key="analysis.true_effect", fault=fault, fix="Remove it.")
    if rule.look > len(trial.interims):
        fault = f"there is no interim look {rule.look}: {len(trial.interims)} come before the last"
        yield Problem(key=f"{_KEY}.look", fault=fault, fix="Add a look, or name an earlier one.")
        return
    yield from _early_problems(f"{_KEY}.endpoint", trial, rule.early, look=rule.look)
    if rule.early.test.has_margin:
        fault = "a gate is about a benefit, and its test has a margin"
        yield Problem(key=f"{_KEY}.test", fault=fault, fix="Use a test without one.")


def _early_problems(key: str, trial: Trial, early: Hypothesis, *, look: int) -> Iterator[Problem]:
    """Yield where an endpoint is unknown, or observed later than the look that needs it."""
    by_name = {endpoint.name: endpoint for endpoint in (trial.primary, *trial.secondary)}
    if early.endpoint not in by_name:
        fault = f"there is no endpoint {early.endpoint!r}"
        yield Problem(key=key, fault=fault, fix=nearest(early.endpoint, by_name))
        return
    due = due_time(by_name[early.endpoint])
    if due is None or look > len(trial.interims):
        return
    earliest = _earliest(trial.interims[look - 1])
    if due > earliest + _TOLERANCE:
        fault = f"{early.endpoint!r} is observed {format_duration(due)} after randomization, look "
        fault += f"{look} may be held after {format_duration(earliest)}"
        yield Problem(key=key, fault=fault, fix="Look later, or at an earlier endpoint.")


def _earliest(look: Cutoff) -> float:
    """Return how long the patients a look is about have been followed at most, years."""
    if look.after_patients is not None:
        return look.after_patients[1]
    return math.inf if look.date is None else look.date
