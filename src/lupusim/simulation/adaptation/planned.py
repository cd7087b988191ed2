"""Trials that go as planned: one look, looks with bounds, several hypotheses."""

from __future__ import annotations

from typing import ClassVar

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.simulation.adaptation.base import Conducted, Followed, OnceFollowed
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.cutoffs import decision
from lupusim.simulation.looks.group_sequential import hold_looks
from lupusim.simulation.looks.multiplicity import hold_family
from lupusim.simulation.looks.shared import Shown
from lupusim.simulation.looks.true_effect import accuracy
from lupusim.simulation.totals import with_totals
from lupusim.trial import Trial
from lupusim.trial.adaptation.base import Adaptation


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned(OnceFollowed):
    """Change nothing.

    Examples
    --------
    >>> Planned()
    Planned()
    """

    changes: ClassVar[bool] = False
    shares_patients: ClassVar[bool] = True
    keeps_bounds: ClassVar[bool] = True
    takes_supply: ClassVar[bool] = True

    def conduct(self, trial: Trial, block: Block, patients: Followed) -> Conducted:
        """Return how trials go whose looks stop them, or do nothing."""
        generated = patients.generated
        found = _held(trial, patients)
        return Conducted(with_totals(trial, generated, found), generated)


def rule_of(trial: Trial) -> Adaptation:
    """Return what conducts a trial.

    Examples
    --------
    >>> import lupusim
    >>> rule_of(lupusim.load_scenario("two_rates").points[0].trial)
    Planned()
    """
    return trial.adaptation or _PLANNED


_PLANNED = Planned()


def _held(trial: Trial, patients: Followed) -> dict[str, FloatArray]:
    """Return the quantities of every replicate, by the looks that the trial has."""
    generated, shown = patients.generated, patients.shown
    if trial.family is not None:
        return hold_family(trial, generated, shown.of_family(trial))
    if trial.interims:
        return hold_looks(trial, generated, shown.looks(trial))
    return _decided(trial, shown.fixed(trial))


def _decided(trial: Trial, shown: Shown) -> dict[str, FloatArray]:
    """Return what a fixed design decides at its single look."""
    quantities, verdict = shown
    if trial.analysis is not None and verdict is not None:
        quantities |= decision(verdict.p_value <= trial.analysis.alpha, verdict)
        quantities |= accuracy(trial, verdict)
    return quantities
