"""Which trials have control variates, and why others have none."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import replace

from lupusim.errors import NoExactSolutionError
from lupusim.planning.controls.changes import is_change_known
from lupusim.planning.controls.counts import is_solved_count
from lupusim.planning.controls.first_events import is_mixed, is_solved
from lupusim.planning.controls.lots import are_lots_known
from lupusim.planning.controls.sampled.cells import due_at_looks
from lupusim.planning.controls.sampled.floors import is_cut
from lupusim.planning.controls.sampled.numbers import is_mean_known
from lupusim.planning.controls.sampled.pairs import is_worth_it
from lupusim.planning.controls.shares import is_of_classes, staged
from lupusim.planning.controls.values import is_share, known_at_looks
from lupusim.planning.theory.assumptions import why_not_plain
from lupusim.planning.theory.counts.cells import acting_factors, is_quadrature
from lupusim.planning.theory.counts.chances import takes_minutes
from lupusim.planning.theory.counts.design import is_enumerated
from lupusim.simulation.looks.look_statistics import Comparison, comparisons
from lupusim.simulation.relabeling import is_exchangeable
from lupusim.trial import Trial
from lupusim.trial.endpoints import Endpoint
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.observation import Consequence

_GROWS, _SHORT = 4, 2_400_000
"""By what factor a sample grows, and patients of a run that has grown by none: of a longer one it
is a twentieth to a fifth of the patients."""
_LARGEST = 64  # as one process draws the sample
_MOST_KINDS = 16  # on an arm: each has a law of its own


def is_controlled(trial: Trial) -> bool:
    """Return whether a trial is of a kind that has control variates.

    That is a trial of arms and a control whose patients are independent given enrollment and
    allocation, at one look or several, compared by a log-rank test, weighted or not, a Cox
    test, Gray's or Fine and Gray's, or a difference of survival or incidence at a time or of
    restricted means; by a difference of means of a marker or of years in states, or of shares
    where all tables are not enumerated, where each look has a number of patients whose values are
    known; by a ratio of rates; or, of a hierarchy or ranks of states, by comparing all pairs of
    patients. Of several hypotheses it is enough that one is of such a kind.

    Parameters
    ----------
    trial : Trial
        The trial, or its null twin.
    """
    return not why_counted(trial)


def sample_growth(trial: Trial, n_replicates: int) -> int:
    """Return how many times as large as for a short run a sample of patients must be.

    Its error would be that of a long run, whatever the replicates; 1 where no law is sampled.

    Parameters
    ----------
    trial : Trial
        The trial, or its null twin.
    n_replicates : int
        How many are asked for.
    """
    if trial.analysis is None or n_replicates * trial.n_patients <= _SHORT:
        return 1
    if is_exchangeable(trial):  # all arms have the same patients, whose error they share
        return 1
    asked = comparisons(trial)
    if not any(is_paired(trial, one) or is_sum_of_numbers(trial, one) for one in asked):
        return 1
    steps = math.floor(math.log(n_replicates * trial.n_patients / _SHORT, _GROWS))
    return int(min(_GROWS**steps, _LARGEST))


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
    if trial.rule.changes and trial.rule.known_stages(trial) is None:
        return "the trial adapts to what it sees"
    reasons = [_why_not(trial, one) for one in comparisons(trial)]
    return "" if "" in reasons else reasons[0]


def _why_not(trial: Trial, asked: Comparison) -> str:
    sums = (is_timed, is_sum_of_shares, is_sum_of_values, is_sum_of_numbers, is_counted, is_paired)
    if any(kind(trial, asked) for kind in sums):
        return ""
    endpoint = trial.endpoints[asked.endpoint]
    pairs = asked.analysis.test.nearly == "pairs"
    years = endpoint.years_in_states
    sampled = pairs or years is not None
    at_looks = due_at_looks if sampled else known_at_looks
    dated = endpoint.due_time is not None or sampled
    in_time = not dated or None not in at_looks(trial, endpoint)
    if endpoint.time_of_event is None:
        unlike = why_unlike(trial, anew=sampled and endpoint.change_of_marker is None)
    else:
        unlike = _why_not_plain(trial, asked)
    unknown = years is not None and not is_mean_known(trial, years)
    reasons = {
        "the trial adapts to what it sees": trial.rule.changes,
        "arms join or close on the way": arms_change(trial.arms),
        _beyond_tables(trial, endpoint): True,
        "all tables give its exact power": is_enumerated(trial),
        unlike: True,
        "how many patients a look sees is left to chance": not in_time,
        "dropout depends on the state": trial.dropout.by_state and not pairs,
        "no exact mean is known of its years": unknown,
        "to draw patients for the law of its values would cost more than it brings": pairs,
        f"no sum of known law stands for {asked.analysis.name} of this endpoint": True,
    }
    return next(reason for reason, holds in reasons.items() if holds and reason)


def _beyond_tables(trial: Trial, endpoint: Endpoint) -> str:
    """Return which event is treated so that no table knows what is seen; empty if none."""
    treated = ((e.name, e.strategy_of(endpoint.name)) for e in trial.intercurrent_events)
    unknown = (
        f"{name} is treated as {strategy.value}"
        for name, strategy in treated
        if strategy.brings(~Consequence.FAILURE)
    )
    return next(unknown, "")


def _why_not_plain(trial: Trial, asked: Comparison) -> str:
    """Return why times are not those of independent patients of one law; empty if they are."""
    endpoint = trial.endpoints[asked.endpoint].time_of_event
    ends = () if endpoint is None else (*endpoint.events, *endpoint.competing)
    known = _is_apart(trial) or are_kinds_few(trial)
    mixed = known and all(is_mixed(arm.law, ends, few=_are_few(trial)) for arm in trial.arms)
    plain = replace(asked.analysis, stratify_by=(), adjust_for=())
    return why_not_plain(trial, plain, mixed=mixed)


def why_unlike(trial: Trial, *, dated: bool = False, anew: bool = False) -> str:
    """Return why patients of an arm are not draws of one law, given allocation; empty if they are.

    Parameters
    ----------
    trial : Trial
        Whose endpoint is a matter of states, and seen as the exact engine knows them to be seen.
    dated : bool
        Whether the law may differ by the date of randomization, the factors that are known and
        the lot that patients share.
    anew : bool
        Whether it may be of patients whose treatment begins anew on the way.
    """
    population, arms = trial.population, trial.arms
    unequal = any(arm.unequal_lots for arm in arms)
    lots = [arm.infusions.lots for arm in arms if arm.infusions and arm.infusions.lots]
    treated = bool(lots) or any(arm.effects for arm in arms)
    acting = bool(population.effects) or any(arm.model.covariates for arm in arms)
    known = _is_told(trial) if dated else _is_apart(trial)
    reasons = {
        "prognosis drifts": bool(population.drift) and not dated,
        "outcomes are correlated": population.correlated is not None,
        "patients go over to another arm's treatment": not anew and any(arm.switch for arm in arms),
        "treatment hangs on supply": trial.supply is not None and treated,
        "patients of one lot share their luck": unequal and not (dated and are_lots_known(trial)),
        "a further course begins its effect anew": not anew
        and any(arm.law.restarts_matter for arm in arms),
        "to work out the laws of its kinds of patients takes minutes": not anew
        and takes_minutes(trial),
        "what acts on hazards may steer the allocation": acting and not known,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _is_told(trial: Trial) -> bool:
    """Return whether the allocation knows factors alone that are drawn, and no number."""
    return set(trial.stratify_by) <= set(trial.population.factors)


def _is_apart(trial: Trial) -> bool:
    """Return whether the allocation knows nothing that acts on hazards."""
    names = set(trial.stratify_by)
    try:
        return names <= set(trial.population.factors) - set(acting_factors(trial))
    except NoExactSolutionError:
        return not names


def are_kinds_few(trial: Trial) -> bool:
    """Return whether the factors that act on hazards and steer the allocation are few, and drawn.

    Parameters
    ----------
    trial : Trial
        What is asked about.
    """
    try:
        names = set(trial.stratify_by) & set(acting_factors(trial))
    except NoExactSolutionError:
        return False
    return _is_told(trial) and _n_kinds(trial, names) <= _MOST_KINDS


def _n_kinds(trial: Trial, names: Set[str]) -> int:
    return math.prod(len(trial.population.factors[name]) for name in names)


def _are_few(trial: Trial) -> bool:
    """Return whether factors alone act on hazards, with few combinations of their levels."""
    try:
        names = set(acting_factors(trial))
        drawn = names <= set(trial.population.factors) and not is_quadrature(trial)
        return drawn and _n_kinds(trial, names) <= _MOST_KINDS
    except NoExactSolutionError:
        return False


def _is_kept(trial: Trial) -> bool:
    """Return whether the trial goes as planned, with the same arms from first to last."""
    return not trial.rule.changes and not arms_change(trial.arms)


def is_timed(trial: Trial, asked: Comparison) -> bool:
    """Return whether the exact engine has the law of a patient's time, and the test is its sum."""
    analysis, endpoint = asked.analysis, trial.endpoints[asked.endpoint].time_of_event
    if endpoint is None or analysis.test.nearly not in ("ranks", "curve"):
        return False
    if not _is_kept(trial):
        return False
    ends = set(trial.arms[0].model.absorbing or ())
    if endpoint.origin or endpoint.visits or set(endpoint.competing) - ends:
        return False
    if trial.dropout.by_state or _why_not_plain(trial, asked):
        return False
    seen = (*endpoint.events, *endpoint.competing)
    return all(is_solved(arm.law, seen) for arm in trial.arms)


def is_sum_of_shares(trial: Trial, asked: Comparison) -> bool:
    """Return whether the test is of shares that differ by factor or date, or come in stages."""
    endpoint = trial.endpoints[asked.endpoint]
    if not is_share(endpoint, asked.analysis.test):
        return False
    if trial.cutoff.patients_known(endpoint.due_time or 0.0, trial.n_patients) is None:
        return False
    if trial.interims and not staged(trial):
        return False
    return not is_enumerated(trial) and not why_unlike(trial, dated=True) and is_of_classes(trial)


def is_sum_of_values(trial: Trial, asked: Comparison) -> bool:
    """Return whether the test is a difference of means or shares, whose law is known."""
    endpoint, test = trial.endpoints[asked.endpoint], asked.analysis.test
    if None in known_at_looks(trial, endpoint):
        return False
    if not _is_kept(trial):
        return False
    if endpoint.response_at_visits is not None:
        # all tables give an exact power, which needs no simulation
        return is_share(endpoint, test) and not (why_unlike(trial) or is_enumerated(trial))
    return test.nearly == "values" and not why_unlike(trial) and is_change_known(trial)


def is_sum_of_numbers(trial: Trial, asked: Comparison) -> bool:
    """Return whether the test is a difference of mean years, of patients alike on each arm."""
    years, test = trial.endpoints[asked.endpoint].years_in_states, asked.analysis.test
    if years is None or test.nearly != "values" or trial.intercurrent_events:
        return False
    if not _is_kept(trial) or None in due_at_looks(trial, trial.endpoints[asked.endpoint]):
        return False
    return not why_unlike(trial, anew=True) and is_mean_known(trial, years)


def is_counted(trial: Trial, asked: Comparison) -> bool:
    """Return whether the test is of rates of events whose numbers have a known law."""
    endpoint, analysis = trial.endpoints[asked.endpoint], asked.analysis
    if analysis.test.nearly not in ("rates", "counts") or trial.intercurrent_events:
        return False
    if not _is_kept(trial):
        return False
    return not why_unlike(trial) and is_solved_count(trial, endpoint)


def is_paired(trial: Trial, asked: Comparison) -> bool:
    """Return whether the test compares all pairs of patients, of whom all is known at looks."""
    endpoint, analysis = trial.endpoints[asked.endpoint], asked.analysis
    if analysis.test.nearly != "pairs" or not is_worth_it(trial, endpoint):
        return False
    known = None not in due_at_looks(trial, endpoint) or is_cut(trial, endpoint)
    unlike = why_unlike(trial, anew=endpoint.change_of_marker is None)  # a sample hears of all
    return known and _is_kept(trial) and not unlike
