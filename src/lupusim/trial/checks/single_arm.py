"""What can be wrong with the test of a trial: how many arms it takes, what it can be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lupusim.errors import Problem
from lupusim.trial.observation import Consequence, Strategy

if TYPE_CHECKING:
    from lupusim.trial.design import Analysis, TrialParts


def arms_problems(trial: TrialParts, analysis: Analysis) -> Iterator[Problem]:
    """Yield what does not fit between a trial's test and the number of its arms."""
    needed, there = analysis.test.n_arms, len(trial.arms)
    if needed > 1 and there == 1:
        yield Problem(
            key="analysis",
            fault="a test compares two arms, and there is one",
            fix=(
                "Name a test of one arm (exact_binomial, simon, posterior_probability, "
                "one_sample_logrank), remove the analysis (the trial then estimates), "
                "or add a control arm."
            ),
        )
    if needed == 1 and there > 1:
        yield Problem(
            key="analysis.test",
            fault=f"{analysis.name!r} tests one arm, and there are {there}",
            fix="Remove the other arms, or name a test that compares them.",
        )
    elif needed == 1:
        yield from _one_arm_problems(trial, analysis)
    if analysis.test.one_look_only and (trial.interims or trial.rule.changes):
        yield Problem(
            key="looks" if trial.interims else "adaptation",
            fault=f"{analysis.name!r} decides at one look, by its threshold",
            fix="Remove it; 'adaptation' of kind bayesian_response looks several times.",
        )


def _one_arm_problems(trial: TrialParts, analysis: Analysis) -> Iterator[Problem]:
    if trial.family is not None:
        yield Problem(
            key="analysis.multiplicity",
            fault="a test of one arm stands alone",
            fix="Remove it.",
        )
    about = [event.strategy_of(trial.primary.name) for event in trial.intercurrent_events]
    if analysis.test.null_rate is not None:
        yield from _rate_problems(trial, analysis)
        if any(strategy.brings(Consequence.EXCLUSION) for strategy in about):
            others = Strategy.without(Consequence.EXCLUSION)
            yield Problem(
                key="intercurrent_events",
                fault="with patients left out nobody knows beforehand how many are analyzed",
                fix=f"Use {others}: composite counts as no response.",
            )
    elif any(strategy.brings(Consequence.FAILURE) for strategy in about):
        yield Problem(
            key="intercurrent_events",
            fault="the reference's hazard knows nothing of events that count as the endpoint's",
            fix=f"Use {Strategy.without(Consequence.FAILURE)}.",
        )


def _rate_problems(trial: TrialParts, analysis: Analysis) -> Iterator[Problem]:
    """Yield why a test's exact level is not known, or its design not that of the trial."""
    due = trial.primary.due_time
    for k, look in enumerate((*trial.interims, trial.cutoff)):
        if due is not None and look.patients_known(due, trial.n_patients) is None:
            yield Problem(
                key=f"looks.{k}.when",
                fault="how many patients are analyzed is left to chance, so is the exact level",
                fix="Wait for the last patient's visit, or for {patients, followed} until it.",
            )
    planned = trial.stopping.fixed_size if trial.stopping else None
    if planned not in (None, trial.n_patients):
        yield Problem(
            key="sample_size",
            fault=f"{trial.n_patients} patients are not the {planned} of the design",
            fix=f"Give {planned}, or leave it out: the design says it.",
        )
    if trial.interims and analysis.sided != 1:
        yield Problem(
            key="analysis.sided",
            fault="an exact test of one arm that looks several times has one side",
            fix="Give 'sided: 1' and half of alpha.",
        )
