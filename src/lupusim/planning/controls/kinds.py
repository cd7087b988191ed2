"""Which trials have control variates, and why others have none."""

from __future__ import annotations

from dataclasses import replace

from lupusim.planning.controls.first_events import is_solved
from lupusim.planning.controls.values import is_valued
from lupusim.planning.theory.assumptions import why_not_plain
from lupusim.simulation.looks.look_statistics import Comparison, comparisons
from lupusim.trial import Trial
from lupusim.trial.enrollment.arm_periods import arms_change

_ARMS = 2


def is_controlled(trial: Trial) -> bool:
    """Return whether a trial is of a kind that has control variates.

    That is a trial of two arms whose patients are independent and differ by nothing but their
    arm, compared by a log-rank test, weighted or not, a Cox test, or a difference of survival at
    a time or of restricted means, at one look or several; or at one look by a difference of
    means of a marker, or of shares where all tables are not enumerated. Of several hypotheses
    it is enough that one is of such a kind.

    Parameters
    ----------
    trial : Trial
        The trial, or its null twin.
    """
    return not why_counted(trial)


def why_counted(trial: Trial) -> str:
    """Return why a trial's claims are counted alone, without control variates; empty if not so.

    Parameters
    ----------
    trial : Trial
        The trial, or its null twin.
    """
    if trial.analysis is None:
        return "nothing is tested"
    if len(trial.arms) != _ARMS:
        return f"{len(trial.arms)} arms are compared" if len(trial.arms) > 1 else "one arm alone"
    if trial.rule.changes:
        return "the trial adapts to what it sees"
    if arms_change(trial.arms):
        return "arms join or close on the way"
    if trial.family is not None and trial.interims:
        return "several hypotheses are looked at several times"
    reasons = [_why_not(trial, one) for one in comparisons(trial)]
    return "" if "" in reasons else reasons[0]


def _why_not(trial: Trial, asked: Comparison) -> str:
    if is_timed(trial, asked) or is_sum_of_values(trial, asked):
        return ""
    analysis = asked.analysis
    if reason := why_not_plain(trial, replace(analysis, stratify_by=())):
        return reason
    if analysis.test.formula in ("tables", "strata"):
        return "shares at several looks" if trial.interims else "all tables give its exact power"
    if trial.dropout.by_state:
        return "dropout depends on the state"
    return f"no sum of known law stands for {analysis.name} of this endpoint"


def is_timed(trial: Trial, asked: Comparison) -> bool:
    """Return whether the exact engine has the law of a patient's time, and the test is its sum."""
    analysis, endpoint = asked.analysis, trial.endpoints[asked.endpoint].time_of_event
    if endpoint is None or analysis.test.nearly not in ("ranks", "curve") or analysis.adjust_for:
        return False
    ends = set(trial.arms[0].model.absorbing or ())
    if endpoint.origin or endpoint.visits or set(endpoint.competing) - ends:
        return False
    if trial.dropout.by_state or why_not_plain(trial, replace(analysis, stratify_by=())):
        return False
    seen = (*endpoint.events, *endpoint.competing)
    return all(is_solved(arm.law, seen) for arm in trial.arms)


def is_sum_of_values(trial: Trial, asked: Comparison) -> bool:
    """Return whether the test is a difference of means or shares, whose law is known."""
    if trial.interims or why_not_plain(trial, replace(asked.analysis, stratify_by=())):
        return False
    return is_valued(trial, trial.endpoints[asked.endpoint], asked.analysis.test)
