"""What can be wrong with the treatment of an arm; all of it is found at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.model.checks import MOST_IN_A_DAY, in_a_day, shape_of
from lupusim.trial.treatment.arms import Arm, Infusions

if TYPE_CHECKING:
    from lupusim.trial.design import TrialParts

COLUMN_ENDS = {
    *("all", "analyzed_exact", "difference", "if_alike", "lower", "mcse", "q10", "q50", "q90"),
    *("ratio", "sd", "stops", "theory", "upper"),
}
"""What columns of results end with behind the name of a quantity, as they do with an arm's name."""
_MOST_MISSABLE = 8  # every pattern of missed infusions is a law of its own


def treatment_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield what is wrong with the infusions and switches of a trial's arms."""
    names = [arm.name for arm in trial.arms]
    for k, arm in enumerate(trial.arms):
        key = f"arms.{k}"
        yield from _name_problems(f"{key}.name", arm.name, names)
        yield from _speed_problems(f"{key}.effects", arm)
        if arm.infusions is not None:
            yield from _infusion_problems(f"{key}.infusions", arm, arm.infusions)
            if trial.supply is None or arm.name not in trial.supply.draws:
                yield from _lot_problems(f"{key}.infusions", arm.infusions)
        if arm.switch is not None:
            yield from _state_problems(f"{key}.switch.on", arm.switch.on, arm)
            yield from _switch_problems(f"{key}.switch", arm, arm.switch.arm)


def _name_problems(key: str, name: str, names: Sequence[str]) -> Iterator[Problem]:
    """Yield that the numbers of an arm could not be told from those of the trial or another arm."""
    read_as = {f"{other}_{end}" for other in names for end in COLUMN_ENDS} | COLUMN_ENDS
    if len(names) == 1:
        read_as -= {"all"}  # of several hypotheses, which one arm has none of
    if name in read_as:
        fault = f"a column of results that ends with {name!r} is not that of an arm"
        yield Problem(key=key, fault=fault, fix="Call the arm otherwise.")


def _speed_problems(key: str, arm: Arm) -> Iterator[Problem]:
    """Yield the moves that effects make faster than any engine can follow."""
    for transition in arm.model.transitions:
        edge = (transition.from_state, transition.to_state)
        ratio = math.prod(effect.hazard_ratio for effect in arm.effects if edge in effect.on)
        # SPEED: without an effect that makes it faster the model has been checked already
        if ratio > 1 and (often := in_a_day(transition) * ratio) > MOST_IN_A_DAY:
            fault = f"{transition.label} would happen {often:.2g} times in a day"
            fix = "Give a smaller hazard ratio: 1e6 moves a year are at once for any patient."
            yield Problem(key=key, fault=fault, fix=fix)


def _state_problems(key: str, names: tuple[str, ...], arm: Arm) -> Iterator[Problem]:
    for name in names:
        if name not in arm.model.states:
            fault = f"{name!r} is not a state of the model"
            yield Problem(key=key, fault=fault, fix=nearest(name, arm.model.states))


def _infusion_problems(key: str, arm: Arm, infusions: Infusions) -> Iterator[Problem]:
    yield from _state_problems(f"{key}.again_on", infusions.again_on, arm)
    if infusions.missed and infusions.again_on:
        fault = "infusions that may be missed cannot be given again on an event"
        yield Problem(key=f"{key}.missed", fault=fault, fix="Remove one of the two keys.")
    if infusions.missed and len(infusions.at) > _MOST_MISSABLE:
        fault = f"any of {len(infusions.at)} infusions may be missed"
        fix = f"Give at most {_MOST_MISSABLE} infusions, or remove 'missed'."
        yield Problem(key=f"{key}.missed", fault=fault, fix=fix)


def _lot_problems(key: str, infusions: Infusions) -> Iterator[Problem]:
    """Yield what is wrong with lots that patients are treated from one after another."""
    if infusions.lots is not None and infusions.lots.doses < len(infusions.at):
        fault = f"{infusions.lots.doses} doses are no course of {len(infusions.at)}"
        fix = "Give at least the doses of one patient: a course is of one lot."
        yield Problem(key=f"{key}.lots.doses", fault=fault, fix=fix)


def _switch_problems(key: str, arm: Arm, to: Arm) -> Iterator[Problem]:
    if arm.infusions is not None and arm.infusions.again_on:
        fault = "the arm's infusions are given again, and its patients switch"
        yield Problem(key=key, fault=fault, fix="Remove 'again_on', or the switch.")
    if shape_of(arm.model) != shape_of(to.model):
        fault = f"the model of {to.name!r} has other states, transitions or classes"
        fix = "Give both arms one model, and effects to the treated one."
        yield Problem(key=f"{key}.to", fault=fault, fix=fix)
