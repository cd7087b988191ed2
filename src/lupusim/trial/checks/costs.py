"""What of a trial can't be priced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lupusim.errors import Problem

if TYPE_CHECKING:
    from lupusim.trial.design import TrialParts


def cost_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield the prices that would not act, or of what is not counted in such a trial."""
    costs = trial.costs
    if costs is None:
        return
    counted = ("per_infusion", "per_visit", "per_screened")
    asked = [name for name in counted if costs.prices[name] > 0]
    faults = {"per_visit": _visits(trial), "per_infusion": _infusions(trial)}
    why = _who_comes_is_open(trial)
    for name in asked:
        if fault := why or faults.get(name, ""):
            yield Problem(key=f"cost.{name}", fault=fault, fix="Remove this price.")


def _visits(trial: TrialParts) -> str:
    """Return why visits cannot be counted; empty where they can."""
    return "" if trial.visits else "the trial has no visits"


def _infusions(trial: TrialParts) -> str:
    """Return why infusions cannot be counted; empty where they can."""
    infusions = [arm.infusions for arm in trial.arms if arm.infusions is not None]
    if not infusions:
        return "no arm has infusions"
    if any(one.again_on for one in infusions):
        return "infusions that are given again on relapse are not counted"
    if any(arm.switch for arm in trial.arms):
        return "infusions after a switch to another arm are not counted"
    return "infusions that a supply puts off are not counted" if trial.supply else ""


def _who_comes_is_open(trial: TrialParts) -> str:
    """Return why it is not known patient by patient who is on which arm; empty where it is."""
    if trial.rule.picks_arms:
        return "under this adaptation only patients and months have a price"
    if trial.family is not None and trial.interims:
        return "where arms close at a look, only patients and months have a price"
    return ""
