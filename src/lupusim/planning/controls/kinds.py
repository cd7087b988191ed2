"""Which trials have control variates, and why others have none."""

from __future__ import annotations

from dataclasses import replace

from lupusim.errors import NoExactSolutionError
from lupusim.planning.controls.changes import is_change_known
from lupusim.planning.controls.counts import is_solved_count
from lupusim.planning.controls.first_events import is_solved
from lupusim.planning.controls.values import is_share, known_at_looks
from lupusim.planning.theory.assumptions import why_not_plain
from lupusim.planning.theory.counts.cells import acting_factors
from lupusim.planning.theory.counts.design import is_enumerated
from lupusim.simulation.looks.look_statistics import Comparison, comparisons
from lupusim.trial import Trial
from lupusim.trial.enrollment.arm_periods import arms_change


def is_controlled(trial: Trial) -> bool:
    """Return whether a trial is of a kind that has control variates.

    That is a trial of arms and a control whose patients are independent given enrollment and
    allocation, at one look or several, compared by a log-rank test, weighted or not, a Cox
    test, or a difference of survival at a time or of restricted means; by a difference of means
    of a marker, or of shares where all tables are not enumerated, where each look has a number
    of patients whose values are known; or by a ratio of rates. Of several hypotheses it is
    enough that one is of such a kind.

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
    if len(trial.arms) == 1:
        return "one arm alone"
    if trial.rule.changes:
        return "the trial adapts to what it sees"
    if arms_change(trial.arms):
        return "arms join or close on the way"
    reasons = [_why_not(trial, one) for one in comparisons(trial)]
    return "" if "" in reasons else reasons[0]


def _why_not(trial: Trial, asked: Comparison) -> str:
    if is_timed(trial, asked) or is_sum_of_values(trial, asked) or is_counted(trial, asked):
        return ""
    analysis, endpoint = asked.analysis, trial.endpoints[asked.endpoint]
    if is_enumerated(trial):
        return "all tables give its exact power"
    of_time = endpoint.time_of_event is not None
    if reason := _why_not_plain(trial, asked) if of_time else why_unlike(trial):
        return reason
    if endpoint.due_time is not None and None in known_at_looks(trial, endpoint):
        return "how many patients a look sees is left to chance"
    if trial.dropout.by_state:
        return "dropout depends on the state"
    return f"no sum of known law stands for {analysis.name} of this endpoint"


def _why_not_plain(trial: Trial, asked: Comparison) -> str:
    return why_not_plain(trial, replace(asked.analysis, stratify_by=()))


def why_unlike(trial: Trial) -> str:
    """Return why patients of an arm are not draws of one law, given allocation; empty if they are.

    Parameters
    ----------
    trial : Trial
        Whose endpoint is a matter of states, and seen as the exact engine knows them to be seen.
    """
    population, arms = trial.population, trial.arms
    lots = [arm.infusions.lots for arm in arms if arm.infusions and arm.infusions.lots]
    treated = bool(lots) or any(arm.effects for arm in arms)
    acting = bool(population.effects) or any(arm.model.covariates for arm in arms)
    reasons = {
        "prognosis drifts": bool(population.drift),
        "outcomes are correlated": population.correlated is not None,
        "patients go over to another arm's treatment": any(arm.switch for arm in arms),
        "treatment hangs on supply": trial.supply is not None and treated,
        "patients of one lot share their luck": any(one.sd > 0 for one in lots),
        "a further course begins its effect anew": any(arm.law.restarts_matter for arm in arms),
        "what acts on hazards may steer the allocation": acting and not _is_apart(trial),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _is_apart(trial: Trial) -> bool:
    """Return whether the allocation knows nothing that acts on hazards."""
    names = set(trial.stratify_by)
    try:
        return names <= set(trial.population.factors) - set(acting_factors(trial))
    except NoExactSolutionError:
        return not names


def is_timed(trial: Trial, asked: Comparison) -> bool:
    """Return whether the exact engine has the law of a patient's time, and the test is its sum."""
    analysis, endpoint = asked.analysis, trial.endpoints[asked.endpoint].time_of_event
    if endpoint is None or analysis.test.nearly not in ("ranks", "curve") or analysis.adjust_for:
        return False
    ends = set(trial.arms[0].model.absorbing or ())
    if endpoint.origin or endpoint.visits or set(endpoint.competing) - ends:
        return False
    if trial.dropout.by_state or _why_not_plain(trial, asked):
        return False
    seen = (*endpoint.events, *endpoint.competing)
    return all(is_solved(arm.law, seen) for arm in trial.arms)


def is_sum_of_values(trial: Trial, asked: Comparison) -> bool:
    """Return whether the test is a difference of means or shares, whose law is known."""
    endpoint, test = trial.endpoints[asked.endpoint], asked.analysis.test
    if None in known_at_looks(trial, endpoint) or asked.analysis.adjust_for:
        return False
    if endpoint.response_at_visits is not None:
        # all tables give an exact power, which needs no simulation
        return is_share(endpoint, test) and not (why_unlike(trial) or is_enumerated(trial))
    return test.nearly == "values" and not why_unlike(trial) and is_change_known(trial)


def is_counted(trial: Trial, asked: Comparison) -> bool:
    """Return whether the test is of rates of events whose numbers have a known law."""
    endpoint, analysis = trial.endpoints[asked.endpoint], asked.analysis
    if analysis.test.nearly not in ("rates", "counts") or trial.intercurrent_events:
        return False
    return not why_unlike(trial) and is_solved_count(trial, endpoint)
