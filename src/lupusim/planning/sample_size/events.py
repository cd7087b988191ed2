"""What a power is of: any hypothesis, all, or one by its name; and the last look."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TypedDict

from lupusim.common.spelling import nearest
from lupusim.planning.runs.replicates import simulate_replicates
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.quantities import at_look
from lupusim.simulation.tally import Mean, Tally
from lupusim.trial import Trial

ANY = "any"
ALL = "all"
_ONE = "reject"
_PREFIX = "reject_"


class LastLook(TypedDict):
    """When the last look is held where it is, and how often it never is."""

    final_look: Mean | None
    never_reached: Mean | None


def hypotheses(trial: Trial) -> tuple[str, ...]:
    """Return the names that a power can be asked of beside any; none with one hypothesis."""
    return _hypotheses(measured(trial))


def measured(trial: Trial) -> Collection[str]:
    """Return the names of the quantities of a replicate."""
    return simulate_replicates(trial, Block(seed=0, number=0, n_replicates=1)).keys()


def _hypotheses(measured: Collection[str]) -> tuple[str, ...]:
    return tuple(name.removeprefix(_PREFIX) for name in measured if name.startswith(_PREFIX))


def quantity_of(trial: Trial, event: str) -> str:
    """Return the quantity of a replicate that says whether an event happened.

    Parameters
    ----------
    trial : Trial
        It has a test.
    event : str
        ``any``, ``all``, or the name of a hypothesis.

    Raises
    ------
    ValueError
        If the trial has no such hypothesis.
    """
    names = () if event == ANY else hypotheses(trial)
    if event == ANY or (event == ALL and not names):
        return _ONE
    if event in names:
        return f"{_PREFIX}{event}"
    valid = (ANY, *(name for name in names if name != ANY)) if names else (ANY, ALL)
    raise ValueError(f"event {event!r} is no hypothesis of the trial. {nearest(event, valid)}")


def event_in_words(quantity: str, measured: Collection[str]) -> str:
    """Return what a power is of, such as ``any of the hypotheses``; empty where there is one."""
    name = quantity.removeprefix(_PREFIX)
    if quantity == _ONE:
        return "any of the hypotheses" if _hypotheses(measured) else ""
    return "all hypotheses" if name == ALL else f"the hypothesis {name}"


def last_look(tally: Tally, number: int) -> LastLook:
    """Return when the last of so many looks is held (years), and the share that never reach it.

    Trials that stop early count too: it is when its events, patients or date are there.
    """
    missed = tally.mean("missed_cutoff") if "missed_cutoff" in tally.sums else None
    name = at_look("time", number)
    if number < 2 or name not in tally.sums:
        return {"final_look": None, "never_reached": missed}
    total = tally.sums["missed_cutoff"][0]
    part = 1 - tally.sums[name][0] / total
    mcse = math.sqrt(part * (1 - part) / total)
    return {
        "final_look": tally.mean(name),
        "never_reached": Mean(value=part, mcse=mcse, n=total),
    }
