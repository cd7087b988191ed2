"""What can be wrong with the hypotheses of a trial, and with what it adapts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lupusim.errors import Problem
from lupusim.model.checks import nearest
from lupusim.trial.adaptation.ongoing import BayesianResponse, BlindedSize, PromisingZone, Shares
from lupusim.trial.adaptation.two_stage import Enrichment, Gate, SelectArms
from lupusim.trial.checks.two_stage import gate_problems, staged_problems
from lupusim.trial.endpoints import (
    MarkerResponder,
    Responder,
    SustainedResponder,
    due_time,
)
from lupusim.trial.looks import (
    Cutoff,
    counts_in,
    may_succeed_early,
)

if TYPE_CHECKING:
    from lupusim.trial.design import Trial
    from lupusim.trial.multiplicity import Family

_KEY = "analysis.multiplicity"
_ROUNDING = 1e-9


def family_problems(trial: Trial) -> Iterator[Problem]:
    """Yield what is wrong with a trial's family of hypotheses."""
    if trial.analysis is None:
        return
    if trial.family is None:
        if len(trial.arms) > 2 and not isinstance(trial.adaptation, SelectArms):
            yield Problem(
                key=_KEY,
                fault=f"{len(trial.arms) - 1} arms are tested, and nothing holds their error",
                fix="Give 'multiplicity: {method: dunnett}', or holm, bonferroni, none ...",
            )
        return
    if len(trial.arms) > 2 and hasattr(trial.analysis.truth, "value"):  # given as a number
        yield Problem(
            key="analysis.true_effect",
            fault=f"one number cannot be the true effect of {len(trial.arms) - 1} arms",
            fix="Write 'true_effect: simulated'.",
        )
    yield from _endpoint_problems(trial, trial.family)
    at_one_look = trial.family.procedure.one_look_only
    if at_one_look and may_succeed_early(trial.stopping, len(trial.interims) + 1):
        yield Problem(
            key=f"{_KEY}.method",
            fault="this procedure holds its error at one look only: between looks the statistics "
            "are less alike than it counts on",
            fix="Use bonferroni, holm, fixed_sequence, fallback or a graph; or let interim looks "
            "state futility alone.",
        )
    if trial.interims and trial.analysis.sided == 2:
        yield Problem(
            key="analysis.sided",
            fault="several hypotheses over several looks are tested one-sided only",
            fix="Give 'sided: 1' and half of alpha.",
        )


def _endpoint_problems(trial: Trial, family: Family) -> Iterator[Problem]:
    names = [endpoint.name for endpoint in trial.secondary]
    for k, hypothesis in enumerate(family.hypotheses):
        if hypothesis.endpoint not in names:
            yield Problem(
                key=f"{_KEY}.endpoints.{k}.endpoint",
                fault=f"there is no secondary endpoint {hypothesis.endpoint!r}",
                fix=nearest(hypothesis.endpoint, names),
            )


def adaptation_problems(trial: Trial) -> Iterator[Problem]:
    """Yield what is wrong with what a trial changes while it runs."""
    if isinstance(trial.adaptation, BayesianResponse):
        yield from _bayesian_problems(trial, trial.adaptation)
    elif isinstance(trial.adaptation, SelectArms | Enrichment):
        yield from staged_problems(trial, trial.adaptation)
    elif isinstance(trial.adaptation, Gate):
        yield from gate_problems(trial, trial.adaptation)
    elif trial.adaptation is not None:
        yield from _size_problems(trial, trial.adaptation)


def _bayesian_problems(trial: Trial, rule: BayesianResponse) -> Iterator[Problem]:
    if not isinstance(trial.primary, Responder):
        yield Problem(
            key="endpoints.primary.kind",
            fault="posterior probabilities of response need a response at a visit",
            fix="Use 'kind: responder', or bounds at the looks.",
        )
    if trial.analysis is not None or trial.stopping is not None:
        yield Problem(
            key="adaptation",
            fault="two rules decide: the posterior probabilities, and the analysis or its bounds",
            fix="Remove the analysis and the bounds at the looks, or the adaptation.",
        )
    if len(trial.arms) == 1:
        yield Problem(key="adaptation", fault="there is one arm only", fix="Add a control.")
    yield from _share_problems(rule.shares, len(trial.arms))
    looks = (*trial.interims, trial.cutoff)
    if any(any(counts_in(look)) for look in looks):
        yield Problem(
            key="looks",
            fault="a look waits for events, and the arms depend on the looks",
            fix="Time the looks by patients or by the calendar.",
        )


def _share_problems(shares: Shares, n_arms: int) -> Iterator[Problem]:
    """Yield limits that the shares of all arms together cannot keep."""
    if n_arms == 1:
        return
    limited, fixed = n_arms - (shares.control is not None), shares.control or 0.0
    whose = f"control {fixed:g} and " if fixed else ""
    whose += f"{limited} arms" if limited > 1 else "one arm"
    fix = "Give shares that can add up to 1."
    if (least := fixed + limited * shares.least) > 1 + _ROUNDING:
        fault = f"{whose} with at least {shares.least:g} make {least:g}, more than 1"
        yield Problem(key="adaptation.shares", fault=fault, fix=fix)
    if (most := fixed + limited * shares.most) < 1 - _ROUNDING:
        fault = f"{whose} with at most {shares.most:g} make {most:g}, less than 1"
        yield Problem(key="adaptation.shares", fault=fault, fix=fix)


def _size_problems(trial: Trial, rule: PromisingZone | BlindedSize) -> Iterator[Problem]:
    if trial.cutoff.without_limits is not trial.cutoff:
        yield Problem(
            key="looks",
            fault="the last look waits for the size that is chosen, and has limits of its own",
            fix="Remove 'gap', 'latest' and 'extension' of the last look.",
        )
        return
    at_a_visit = due_time(trial.primary) is not None
    is_response = isinstance(trial.primary, Responder | SustainedResponder | MarkerResponder)
    events = trial.cutoff.primary_events
    most = trial.n_patients if events is None else events
    if not at_a_visit and events is None:
        yield Problem(
            key="looks",
            fault="the size that is chosen needs a last look that waits for events",
            fix="Give the last look 'when: {events: ...}', the most that may be chosen.",
        )
    if isinstance(rule, BlindedSize) and not is_response:
        yield Problem(
            key="adaptation.kind",
            fault="the rate of all arms together needs a response at a visit",
            fix="Use promising_zone, or a responder endpoint.",
        )
    alone = trial.analysis is not None and trial.family is None
    if not (trial.interims and alone and len(trial.arms) == 2):
        yield Problem(
            key="adaptation",
            fault="a size is chosen at an interim look of a trial with two arms and one test",
            fix="Give an interim look and the analysis; remove further arms and hypotheses.",
        )
    if rule.planned > most:
        yield Problem(
            key="adaptation.planned",
            fault=f"{rule.planned} planned are more than the {most} that there may be",
            fix="Plan fewer, or let the trial grow larger.",
        )
    seen = _seen_at_least(trial.interims[-1], at_a_visit=at_a_visit) if trial.interims else 0
    if isinstance(rule, PromisingZone) and rule.planned <= seen:
        unit = "patients" if at_a_visit else "events"
        yield Problem(
            key=f"looks.{len(trial.interims) - 1}.when",
            fault=f"the size is chosen once {seen} {unit} are seen, and {rule.planned} are planned",
            fix="Look earlier, or plan more.",
        )


def _seen_at_least(look: Cutoff, *, at_a_visit: bool) -> int:
    """Return how many patients, or primary events, a look waits for; 0 where it may not."""
    waits = list(look.necessary()) if look.without_limits is look else []
    if at_a_visit:
        return max((part.after_patients[0] for part in waits if part.after_patients), default=0)
    return max((part.primary_events or 0 for part in waits), default=0)
