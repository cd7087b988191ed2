"""What each column of a run's table is, and its unit."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from lupusim.common.frozen import dataclass
from lupusim.simulation.quantities import quantity_of
from lupusim.trial import Trial

PROBABILITY = "probability"
COUNT = "count"
YEARS = "years"
EFFECT = "effect"
"""Stands for the scale of the effect that the test estimates, such as ``log hazard ratio``."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its unit, and what it holds, the mean over trials unless it says otherwise."""

    unit: str
    meaning: str


SUFFIXES = {
    "mcse": "Monte Carlo standard error of the column without it, in its unit",
    "lower": "lower 95 % limit of a probability (Wilson)",
    "upper": "upper 95 % limit of a probability (Wilson)",
    "sd": "standard deviation from trial to trial",
    "q10": "10 % quantile from trial to trial",
    "q50": "median from trial to trial",
    "q90": "90 % quantile from trial to trial",
    "difference": "difference to the first design that shares its patients, trial by trial",
}
"""What may stand at the end of a column's name, and what it then holds."""

COLUMNS: dict[str, Column] = {
    "n_patients": Column(COUNT, "patients planned in all"),
    "n_replicates": Column(COUNT, "simulated trials"),
    "n_enrolled": Column(COUNT, "patients enrolled when the trial ends"),
    "power": Column(PROBABILITY, "share of trials that claim an effect (any of several)"),
    "power_exact": Column(PROBABILITY, "power without simulation, exact"),
    "power_drawn": Column(PROBABILITY, "power from tables drawn from their law"),
    "n_drawn_tables": Column(COUNT, "how many tables were drawn for it"),
    "power_theory": Column(PROBABILITY, "power by sequential theory"),
    "power_law": Column(PROBABILITY, "power by the law of the test statistic"),
    "power_schoenfeld": Column(PROBABILITY, "power by Schoenfeld's formula"),
    "power_lachin_foulkes": Column(PROBABILITY, "power by Lachin and Foulkes's formula"),
    "power_formula": Column(PROBABILITY, "power by a formula"),
    "type_one_error": Column(PROBABILITY, "share of claims where all arms fare as the control"),
    "type_one_error_exact": Column(PROBABILITY, "type I error without simulation, exact"),
    "type_one_error_drawn": Column(PROBABILITY, "type I error from tables drawn from their law"),
    "claims_if_alike": Column(PROBABILITY, "claims of identical arms within the margin"),
    "reject": Column(PROBABILITY, "share of trials that claim an effect, of one hypothesis"),
    "reject_all": Column(PROBABILITY, "share of trials that claim all hypotheses"),
    "reject_full": Column(PROBABILITY, "claims for the whole population"),
    "reject_subgroup": Column(PROBABILITY, "claims for the subgroup"),
    "false_rejection": Column(PROBABILITY, "claims for an arm that fares as the control"),
    "undefined": Column(PROBABILITY, "share of trials whose test has no result"),
    "missed_cutoff": Column(PROBABILITY, "share of trials whose last look never comes"),
    "flip_flop": Column(PROBABILITY, "early success, failure at the end"),
    "estimate": Column(EFFECT, "estimated effect"),
    "estimate_stops": Column(EFFECT, "estimated effect, of trials that stop or decide at the look"),
    "estimate_full": Column(EFFECT, "estimated effect in the whole population"),
    "estimate_subgroup": Column(EFFECT, "estimated effect in the subgroup"),
    "estimate_ratio": Column("ratio", "geometric mean of the estimated ratio"),
    "estimator": Column("words", "how the effect is estimated"),
    "standard_error": Column(EFFECT, "standard error of the estimate"),
    "true_effect": Column(EFFECT, "the effect that is true"),
    "truth_error": Column(EFFECT, "standard error of a simulated true effect"),
    "bias": Column(EFFECT, "estimate less true effect"),
    "unbiased_bias": Column(EFFECT, "the same of the median-unbiased estimate"),
    "squared_error": Column(f"{EFFECT}, squared", "squared distance to the true effect"),
    "unbiased_squared_error": Column(f"{EFFECT}, squared", "the same, median-unbiased"),
    "coverage": Column(PROBABILITY, "the 95 % interval holds the true effect"),
    "unbiased_coverage": Column(PROBABILITY, "the stage-wise 95 % interval does"),
    "response": Column(PROBABILITY, "share of patients of an arm who respond"),
    "mean": Column("units of the endpoint", "mean of an arm"),
    "events": Column(COUNT, "events, of an arm or in all"),
    "event_rate": Column("per year", "events per year at risk, of an arm"),
    "duration": Column(YEARS, "from the first site's opening to the data cutoff"),
    "time": Column(YEARS, "calendar time of a look"),
    "information": Column("fraction", "information at a look, of that planned"),
    "efficacy": Column(PROBABILITY, "stops for efficacy at a look; succeeds at the last"),
    "futility": Column(PROBABILITY, "stops for futility at a look; fails at the last"),
    "efficacy_theory": Column(PROBABILITY, "the same by sequential theory"),
    "futility_theory": Column(PROBABILITY, "the same by sequential theory"),
    "efficacy_bound": Column("z", "bound for efficacy as planned"),
    "futility_bound": Column("z", "bound for futility as planned"),
    "extended": Column(PROBABILITY, "a look put off beyond its latest date"),
    "short": Column(PROBABILITY, "a look held before its clock came"),
    "events_theory": Column(COUNT, "expected events by sequential theory"),
    "patients_theory": Column(COUNT, "expected patients by sequential theory"),
    "months_theory": Column("months", "expected duration by sequential theory"),
    "events_if_alike": Column(COUNT, "the same events if nothing is better"),
    "patients_if_alike": Column(COUNT, "the same patients if nothing is better"),
    "months_if_alike": Column("months", "the same duration if nothing is better"),
    "stops_early_exact": Column(PROBABILITY, "an interim look stops the trial, exact"),
    "patients_analyzed_exact": Column(COUNT, "patients analyzed, exact"),
    "cost": Column("currency of the scenario", "cost of the trial"),
    "screened": Column(COUNT, "candidates screened"),
    "screened_expected": Column(COUNT, "candidates by the stated rate in that time"),
    "screening_time": Column(YEARS, "from first test to randomization"),
    "turned_away": Column(COUNT, "patients turned away for not being of the subgroup"),
    "nobody_in_stage_2": Column(
        PROBABILITY, "nobody is left to be enrolled after the interim look"
    ),
    "goes_on_full": Column(PROBABILITY, "goes on with the whole population"),
    "goes_on_subgroup": Column(PROBABILITY, "goes on with the subgroup alone"),
    "patients": Column(COUNT, "patients of an arm"),
    "patients_subgroup": Column(COUNT, "patients of the subgroup"),
    "controls": Column(COUNT, "control patients an arm is compared with"),
    "responders": Column(COUNT, "responders in all"),
    "picked": Column(PROBABILITY, "an arm is picked as the best"),
    "kept": Column(PROBABILITY, "an arm is kept at the interim look"),
    "dropped": Column(PROBABILITY, "an arm is dropped"),
    "infusions_wanted": Column(COUNT, "infusions that were due"),
    "infusions_on_time": Column(COUNT, "infusions given when due"),
    "infusions_delayed": Column(COUNT, "infusions given late"),
    "infusions_missed": Column(COUNT, "infusions never given"),
    "infusion_wait": Column(YEARS, "waiting time of the infusions given"),
    "ran_out": Column(PROBABILITY, "an infusion was missed for want of stock"),
    "lots_made": Column(COUNT, "lots made"),
    "lots_failed": Column(COUNT, "lots that failed"),
    "doses_given": Column(COUNT, "doses given"),
    "doses_expired": Column(COUNT, "doses that expired"),
    "doses_left": Column(COUNT, "doses left at the end"),
}
"""Every column by its name without endpoint, look, arm and suffix."""

NOT_STATED = "not stated"
AS_STATED = "as in the scenario"
"""Unit of what distinguishes a design: the column is called by its path."""

_SUFFIX = re.compile(rf"_({'|'.join(SUFFIXES)})$")


def unit_of(name: str, trial: Trial, *, of: Container[str] = ()) -> str:
    """Return the unit of a column; of what is not known ``not stated``.

    Parameters
    ----------
    name : str
        Of the column.
    trial : Trial
        Its endpoints, arms and looks are what the name may hold.
    of : container of str
        Names that tell the design.

    Examples
    --------
    >>> from lupusim.scenario import load_scenario
    >>> trial = load_scenario("time_to_event").points[0].trial
    >>> unit_of("look_1_time_mcse", trial), unit_of("estimate", trial)
    ('years', 'log hazard ratio')
    """
    if name in of:
        return AS_STATED
    column = COLUMNS.get(name) or COLUMNS.get(_base(name, trial))
    if column is None:
        return NOT_STATED
    effect = trial.analysis.effect if trial.analysis else EFFECT
    return column.unit.replace(EFFECT, effect)


def _base(name: str, trial: Trial) -> str:
    """Return what a column is of, without its endpoint, look, arm and suffixes."""
    while name not in COLUMNS and (found := _SUFFIX.search(name)):
        name = name[: found.start()]
    base = quantity_of(name, trial).name
    while base not in COLUMNS and (found := _SUFFIX.search(base)):
        base = base[: found.start()]
    return base


def units(names: Iterable[str], trial: Trial, *, of: Container[str] = ()) -> dict[str, str]:
    """Return the unit of every column."""
    return {name: unit_of(name, trial, of=of) for name in names}
