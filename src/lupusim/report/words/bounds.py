"""By which rules a trial stops at its looks, and at which bounds, in words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from lupusim.analysis.group_sequential import Bounds, FutilityRule
from lupusim.analysis.group_sequential.efficacy import efficacy_rule
from lupusim.common.arrays import FloatArray
from lupusim.planning.theory.group_sequential import planned_bounds, planned_bounds_of_many
from lupusim.report.words.rules import hypothesis_name
from lupusim.simulation.looks.look_statistics import comparisons
from lupusim.trial import Trial
from lupusim.trial.looks.stopping import TwoStageRule

_RULES = {
    "LanDeMetsOBrienFleming": "Lan and DeMets' O'Brien-Fleming-type spending",
    "LanDeMetsPocock": "Lan and DeMets' Pocock-type spending",
}
_WRAPPERS = {"BySpending", "BetaSpending"}
_GIVEN = "Futility-Bounds"


def rules_without_values(trial: Trial) -> Iterator[str]:
    """Yield the rules of a trial whose bounds differ by hypothesis, or by the information seen."""
    rule = trial.stopping.group_sequential if trial.stopping else None
    if rule is None:
        return
    whose = " of its share of the level for each hypothesis" if trial.family is not None else ""
    name = _rule(efficacy_rule(rule.efficacy))
    yield f"Efficacy bounds follow {name}{whose}, at the information seen."
    if rule.futility is None:
        yield "There is no bound for futility."
        return
    times = np.arange(1, len(trial.looks) + 1) / len(trial.looks)
    futility = rule.bounds(np.stack([times, times**2]))[1][:, :-1]
    same = np.array_equal(futility[0], futility[1])  # whatever the information will be
    yield _futility(rule.futility, _values_of_z(futility[0]) if same else "")


def rules_in_words(plan: Bounds) -> str:
    """Return by which rules a design stops, and at which z."""
    said = f"Efficacy bounds follow {_rule(plan.rule)}: {_values_of_z(plan.efficacy)}."
    if not np.isfinite(plan.futility[:-1]).any():
        return f"{said} There is no bound for futility."
    return f"{said} {_futility(plan.futility_rule, _values_of_z(plan.futility[:-1]))}"


_BINDING = {
    True: "binding: the efficacy bounds count on them, and a trial must stop there",
    False: "non-binding: the efficacy bounds hold the level though a trial goes on beyond them",
}


def _futility(rule: FutilityRule, values: str) -> str:
    """Return by which rule a trial gives up, at which z where `values` says it, and if it must."""
    name = _rule(rule)
    how = "are given" if name == _GIVEN else f"follow {name}"
    at = f": {values}" if values else ", at the information seen"
    return f"Futility bounds {how}{at}; they are {_BINDING[rule.binding]}."


def _values_of_z(bound: FloatArray) -> str:
    return f"z {', '.join(f'{z:.3f}' if np.isfinite(z) else 'none' for z in bound)}"


def _rule(rule: object) -> str:
    """Return a rule in words: what it is called, with its parameters."""
    names = [name for name in re.findall(r"\b[A-Z]\w+", repr(rule)) if name not in _WRAPPERS]
    name = names[0] if names else type(rule).__name__
    numbers = re.findall(r"\b(gamma|rho|delta|shape|beta|power|z)=(-?[\d.]+)", repr(rule))
    shown = ", ".join(f"{what} {float(value):g}" for what, value in numbers)
    words = _RULES.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name)
    return f"{words} ({shown})" if shown else words


def bounds_of_looks(trial: Trial) -> list[str]:
    """Return, look by look, its bounds on z as they are known before the trial; empty for none."""
    many, plan = planned_bounds_of_many(trial), planned_bounds(trial)
    last = len(trial.looks) - 1
    said = []
    for look in range(last + 1):
        if plan is not None:
            at = {"success": _at_z(plan.efficacy[look]), "failure": _at_z(plan.futility[look])}
        elif many is not None:
            names = [hypothesis_name(one, trial) for one in comparisons(trial)]
            pairs = zip(many.first[:, look], many.later[:, look], strict=True)
            each = [_two(*pair) for pair in pairs]
            alike = len(set(each)) == 1
            told = "; ".join(f"{one} ({name})" for one, name in zip(each, names, strict=True))
            at = {"success": each[0] if alike else told, "failure": _at_z(many.futility[look])}
        else:
            at = {}
        if look == last:
            at.pop("failure", None)  # it is what the success leaves
        sides = {"success": "above", "failure": "below"}
        said.append("".join(f", {what} {sides[what]} {z}" for what, z in at.items() if z))
    return said


def _at_z(z: float) -> str:
    return f"z = {z:.3f}" if math.isfinite(z) else ""


def _two(first: float, later: float) -> str:
    """Return the bound of a hypothesis at first, and once all the others are shown."""
    at_first, then = _at_z(first), _at_z(later)
    if at_first == then:
        return at_first
    if not at_first:
        return f"{then} once the others are shown"
    return f"{at_first} at first and {then} once the others are shown"


def giving_up_in_words(trial: Trial) -> Iterator[str]:
    """Yield whether futility bounds bind, and that simulated trials obey them."""
    if not trial.interims or trial.stopping is None or not trial.stopping.gives_up:
        return
    rule = trial.stopping.group_sequential
    if rule is not None and rule.futility is not None:
        yield f"The bounds for failure are {_BINDING[rule.futility.binding]}."
    yield from stages_in_words(trial)
    yield "Simulated trials obey the bounds for failure, also those of the type I error."


def stages_of(trial: Trial) -> TwoStageRule | None:
    """Return the rule of a test of two stages, such as Simon's; None for another test."""
    return None if trial.analysis is None else trial.analysis.test.two_stages


def stages_in_words(trial: Trial) -> Iterator[str]:
    """Yield at how many responders a test of two stages stops and succeeds, where it has some."""
    if (stages := stages_of(trial)) is not None:
        yield (
            f"The trial stops after {stages.first_patients} patients if at most "
            f"{stages.first_responders} have responded; it succeeds with more than "
            f"{stages.responders} of {stages.n_patients}."
        )
