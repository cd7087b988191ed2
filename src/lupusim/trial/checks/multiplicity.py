"""What can be wrong with the hypotheses of a trial, and with what it adapts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.trial.looks import may_succeed_early

if TYPE_CHECKING:
    from lupusim.trial.design import TrialParts
    from lupusim.trial.multiplicity import Family

_KEY = "analysis.multiplicity"


def family_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield what is wrong with a trial's family of hypotheses."""
    if trial.analysis is None:
        return
    if trial.family is None:
        if len(trial.arms) > 2 and not trial.rule.holds_error:
            yield Problem(
                key=_KEY,
                fault=f"{len(trial.arms) - 1} arms are tested, and nothing holds their error",
                fix="Give 'multiplicity: {method: dunnett}', or holm, bonferroni, none ...",
            )
        return
    truth = trial.analysis.truth
    if len(trial.arms) > 2 and truth is not None and truth.given is not None:
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
    if trial.family.procedure.sided not in (None, trial.analysis.sided):
        yield Problem(
            key=f"{_KEY}.method",
            fault=f"the procedure is of sided={trial.family.procedure.sided}, and the tests are of "
            f"sided={trial.analysis.sided}",
            fix="Give both the same.",
        )


def _endpoint_problems(trial: TrialParts, family: Family) -> Iterator[Problem]:
    names = [endpoint.name for endpoint in trial.secondary]
    for k, hypothesis in enumerate(family.hypotheses):
        if hypothesis.endpoint not in names:
            yield Problem(
                key=f"{_KEY}.endpoints.{k}.endpoint",
                fault=f"there is no secondary endpoint {hypothesis.endpoint!r}",
                fix=nearest(hypothesis.endpoint, names),
            )
