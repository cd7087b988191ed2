"""Power, type I error and looks of a trial that is counts, remembered by trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

import numpy as np

from lupusim.analysis.single_arm.enumeration import LookChances
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.claims import Claims, claims_of_all
from lupusim.planning.theory.counts.design import CountDesign, count_design
from lupusim.planning.theory.drawn.tables import drawn_tables
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.trial import Trial

_MOST_REMEMBERED = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPower:
    """What is known of a trial that is counts."""

    power: float  # probability to reject
    power_if_alike: float  # that of a false claim where all arms follow the control's law
    looks: LookChances | None = None  # where it ends; None where that is not known exactly
    n_drawn: int = 0  # tables that were drawn for the power; 0 where all are gone through
    power_mcse: float = 0.0
    alike_mcse: float = 0.0
    """`power_mcse` and `alike_mcse`: standard errors of both; 0 where they are exact."""

    @property
    def is_exact(self) -> bool:
        """Whether all tables are gone through, and none is drawn."""
        return self.power_mcse == self.alike_mcse == 0 and not self.n_drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a trial by its counts, or why nothing is."""

    found: CountPower | None = None  # None where it is not known
    why_not: str = ""  # why nothing is known; empty where something is


@dataclass(slots=True)
class _Memory:
    """Answers by trial: a trial that is kept keeps its id."""

    answer: Callable[[Trial, int | None], Known]
    known: dict[tuple[int, int | None], tuple[Trial, Known]] = field(default_factory=dict)

    def __call__(self, trial: Trial, beside: int | None = None) -> Known:
        key = id(trial), beside
        if key not in self.known:
            if len(self.known) >= _MOST_REMEMBERED:
                self.known.clear()
            self.known[key] = (trial, self.answer(trial, beside))
        return self.known[key][1]


def _exactly(trial: Trial, beside: int | None) -> Known:
    del beside  # all tables are all tables
    try:
        return Known(found=_found(count_design(trial)))
    except (NoExactSolutionError, ArithmeticError):
        return _by_claims(trial, claims_of_all)


def _exactly_or_drawn(trial: Trial, beside: int | None) -> Known:
    exact = exact_counts(trial)
    if exact.found is not None:
        return exact
    return _by_claims(trial, lambda one: drawn_tables(one).claims(beside=beside))


def _by_claims(trial: Trial, answer: Callable[[Trial], Claims]) -> Known:
    """Return what numbers of patients say, all of them or many that are drawn."""
    try:
        stated, alike = (answer(one) for one in (trial, trial.null_twin()))
    except (NoExactSolutionError, ArithmeticError, ValueError) as error:
        return Known(why_not=str(error))
    power = stated.shares["reject"]
    false = alike.shares.get(error_quantity(trial) or "reject")
    if false is None:
        return Known(why_not="a false claim hangs on more than counts")
    return Known(
        found=CountPower(
            power=power.value,
            power_if_alike=false.value,
            n_drawn=max(stated.n_drawn, alike.n_drawn),
            power_mcse=power.mcse,
            alike_mcse=false.mcse,
        )
    )


def _found(design: CountDesign) -> CountPower:
    stated, alike = design.chances(), design.chances(design.trial.null_twin())
    looks = design.looks(stated) if design.trial.interims else None
    powers = design.powers(np.stack([stated, alike]))
    return CountPower(power=float(powers[0]), power_if_alike=float(powers[1]), looks=looks)


exact_counts = _Memory(_exactly)
"""Returns what all tables say of a trial (:class:`Known`); asked again, at once."""
count_power = _Memory(_exactly_or_drawn)
"""Returns what is known of a trial (:class:`Known`); asked again, at once.

Perhaps with the replicates of the simulation that it is shown beside: of no more tables.
"""
