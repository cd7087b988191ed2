"""Power, type I error and looks of a trial that is counts, remembered by trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

import numpy as np

from lupusim.analysis.single_arm.enumeration import LookChances
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.design import CountDesign, count_design
from lupusim.trial import Trial

_MOST_REMEMBERED = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPower:
    """What is known exactly of a trial that is counts."""

    power: float  # probability to reject
    power_if_alike: float  # the same where all arms follow the control's law
    looks: LookChances | None = None  # where it ends; None for a trial of one look


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known exactly of a trial, or why nothing is."""

    found: CountPower | None = None  # None where it is not known
    why_not: str = ""  # why a trial that is counts cannot be enumerated; empty for another trial


@dataclass(slots=True)
class _Memory:
    """Answers by trial: a trial that is kept keeps its id."""

    answer: Callable[[Trial], Known]
    known: dict[int, tuple[Trial, Known]] = field(default_factory=dict)

    def __call__(self, trial: Trial) -> Known:
        if id(trial) not in self.known:
            if len(self.known) >= _MOST_REMEMBERED:
                self.known.clear()
            self.known[id(trial)] = (trial, self.answer(trial))
        return self.known[id(trial)][1]


def _known(trial: Trial) -> Known:
    try:
        design = count_design(trial)
    except NoExactSolutionError:
        return Known()
    try:
        return Known(found=_found(design))
    except (NoExactSolutionError, ArithmeticError) as error:
        return Known(why_not=str(error))


def _found(design: CountDesign) -> CountPower:
    stated, alike = design.chances(), design.chances(design.trial.null_twin())
    looks = design.looks(stated) if design.trial.interims else None
    powers = design.powers(np.stack([stated, alike]))
    return CountPower(power=float(powers[0]), power_if_alike=float(powers[1]), looks=looks)


count_power = _Memory(_known)
"""Returns what is known exactly of a trial (:class:`Known`); asked again, at once."""
