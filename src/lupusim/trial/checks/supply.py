"""What can be wrong between a supply and the trial that draws on it; all is found at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.treatment.arms import Infusions
from lupusim.trial.treatment.supply import Supply

if TYPE_CHECKING:
    from lupusim.trial.design import TrialParts

_MOST_INFUSIONS = 12  # every infusion is a time of its own for every patient


def supply_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield what is wrong with a trial's supply, and with the arms that draw on it."""
    supply = trial.supply
    if supply is None:
        return
    yield from _draw_problems(trial, supply)
    for k, arm in enumerate(trial.arms):
        if arm.name in supply.draws and arm.infusions is not None:
            yield from _course_problems(f"arms.{k}.infusions", arm.infusions, supply)
        if arm.switch is not None:
            fault = "the time of a switch depends on the disease, and doses are dealt out before it"
            yield Problem(key=f"arms.{k}.switch", fault=fault, fix="Remove it, or the supply.")
    if supply.patience > trial.follow_up:
        fault = "infusions would wait longer than patients are followed"
        yield Problem(key="supply.patience", fault=fault, fix="Give at most the follow-up.")
    yield from _enrollment_problems(trial, supply)
    control = trial.arms[0]
    if len(trial.arms) > 1 and control.name in supply.draws and control.effects:
        fault = f"the control {control.name!r} has effects that would depend on the supply"
        fix = "Leave it out of 'arms' of the supply: its doses are then always there."
        yield Problem(key="supply.arms", fault=fault, fix=fix)


def _enrollment_problems(trial: TrialParts, supply: Supply) -> Iterator[Problem]:
    if not trial.rule.takes_supply:
        fault = "how many draw on the supply is not known beforehand where the trial adapts"
        yield Problem(key="supply", fault=fault, fix="Remove it, or the adaptation.")
    if supply.pauses and arms_change(trial.arms):
        fault = "arms join or close at dates that pauses of enrollment would move"
        fix = "Let it wait, or remove the dates."
        yield Problem(key="supply.while_empty", fault=fault, fix=fix)


def _draw_problems(trial: TrialParts, supply: Supply) -> Iterator[Problem]:
    infused = [arm.name for arm in trial.arms if arm.infusions is not None]
    if not infused or not supply.draws:
        fault = "no arm has infusions" if not infused else "no arm draws on it"
        yield Problem(key="supply", fault=fault, fix="Remove it, or give an arm 'infusions:'.")
        return
    for name in supply.draws:
        if name not in infused:
            known = any(arm.name == name for arm in trial.arms)
            fault = f"arm {name!r} has no infusions" if known else f"there is no arm {name!r}"
            yield Problem(key=f"supply.arms.{name}", fault=fault, fix=nearest(name, infused))


def _course_problems(key: str, infusions: Infusions, supply: Supply) -> Iterator[Problem]:
    if infusions.again_on:
        fault = (
            "when they are given again depends on the disease, and doses are dealt out before it"
        )
        yield Problem(key=f"{key}.again_on", fault=fault, fix="Remove it, or the supply.")
    if len(infusions.at) > _MOST_INFUSIONS:
        fault = f"{len(infusions.at)} infusions are too many for a supply"
        yield Problem(key=f"{key}.at", fault=fault, fix=f"Give at most {_MOST_INFUSIONS}.")
    if infusions.lots is not None and infusions.lots.doses != supply.lots.doses:
        fault = f"the lots of the supply give {supply.lots.doses} doses, not {infusions.lots.doses}"
        yield Problem(key=f"{key}.lots.doses", fault=fault, fix="Give one number in both places.")
