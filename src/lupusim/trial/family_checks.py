"""What can be wrong with the hypotheses of a trial."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lupusim.errors import Problem
from lupusim.model.checks import nearest

if TYPE_CHECKING:
    from lupusim.trial.design import Trial
    from lupusim.trial.rules import Family

_KEY = "analysis.multiplicity"


def family_problems(trial: Trial) -> Iterator[Problem]:
    """Yield what is wrong with a trial's family of hypotheses."""
    if trial.analysis is None:
        return
    if trial.family is None:
        if len(trial.arms) > 2:
            yield Problem(
                key=_KEY,
                fault=f"{len(trial.arms) - 1} arms are tested, and nothing holds their error",
                fix="Give 'multiplicity: {method: dunnett}', or holm, bonferroni, none ...",
            )
        return
    yield from _endpoint_problems(trial, trial.family)
    if trial.interims and trial.family.procedure.one_look_only:
        yield Problem(
            key=f"{_KEY}.method",
            fault="this procedure knows no interim looks",
            fix="Use bonferroni, holm, fixed_sequence, fallback or a graph; or keep one look.",
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
