"""Ordered categories at a visit: shares of each, or one odds ratio."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from lupusim.common.frozen import dataclass
from lupusim.endpoints import OrdinalState
from lupusim.model import MultiStateModel
from lupusim.scenario.document.amounts import parse_share
from lupusim.scenario.document.content import is_list, is_mapping
from lupusim.scenario.document.durations import format_duration
from lupusim.scenario.document.section import Duration, ListOf, Number, Place, Section, Text
from lupusim.scenario.outcomes.base import ArmOutcome, Beside, Traits, beside_no_model, parsed
from lupusim.scenario.outcomes.chains import Chain
from lupusim.trial import Endpoint

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordinal:
    """Ordered categories, with the shares that hold at a visit."""

    about: ClassVar[str] = ""  # nothing: the shares say it all

    name: str  # what is ordered
    at: float  # study time (years) of the visit
    levels: tuple[str, ...]  # from the worst to the best

    @classmethod
    def read(cls, section: Section, name: str) -> Ordinal:
        """Return the outcome that a section describes."""
        at = section.read("at", Duration(above=0))
        return cls(name=name, at=at, levels=section.read("levels", ListOf(Text(), at_least=2)))

    @property
    def traits(self) -> Traits:
        """What the trial must know: the visit."""
        return Traits(times=(self.at,))

    def _chain(self, shares: Sequence[float]) -> Chain:
        return Chain(states=self.levels, starts=dict(zip(self.levels, shares, strict=True)))

    def shares(self, stated: ArmOutcome) -> tuple[float, ...]:
        """Return the shares of the levels, from the worst to the best."""
        return tuple(stated.chain.starts[level] for level in self.levels)

    def read_arm(self, value: object, place: Place, control: ArmOutcome | None) -> ArmOutcome:
        """Return what is stated of an arm: shares, or an odds ratio against the control."""
        even = tuple(1 / len(self.levels) for _ in self.levels)
        if is_mapping(value) and "odds_ratio" in value:
            section = Section(place, value)
            ratio = section.read("odds_ratio", Number(above=0))
            section.finish()
            if control is None:
                place.child("odds_ratio").report(
                    "the control has nothing to be compared with", "State the shares."
                )
            if control is None or not math.isfinite(ratio):
                return ArmOutcome(chain=self._chain(even))
            return ArmOutcome(chain=self._chain(proportional_odds(self.shares(control), ratio)))
        return ArmOutcome(chain=self._chain(self._shares(value, place) or even))

    def _shares(self, value: object, place: Place) -> tuple[float, ...] | None:
        if is_mapping(value):
            section = Section(place, value)
            found = [section.content.get(x) for x in self.levels if section.has(x)]
            section.finish()
            places = [place.child(level) for level in self.levels]
        else:
            found = list(value) if is_list(value) else []
            places = [place.child(k) for k in range(len(found))]
        if len(found) != len(self.levels):
            fix = f"Give a share for each of {', '.join(self.levels)}."
            place.report(f"{len(found)} shares for {len(self.levels)} levels", fix)
            return None
        shares = tuple(
            parsed(one, where, parse_share, 0.0) for one, where in zip(found, places, strict=False)
        )
        if abs(sum(shares) - 1) > _ROUNDING:
            place.report(f"the shares sum to {sum(shares):.6g}", "Let them sum to 100 %.")
        elif min(shares) <= 0:
            place.report("a level has nobody", "Give it a small share, or leave it out.")
        return tuple(share / sum(shares) for share in shares) if min(shares) > 0 else None

    def of_law(self, law: MultiStateModel) -> ArmOutcome:
        """Return what stands for it: it can stand beside no model."""
        return beside_no_model(self.name)

    def read_endpoint(self, section: Section, beside: Beside) -> Callable[[], Endpoint]:
        """Return what makes the endpoint: the rank at the visit; who has died ranks last."""
        at = section.read("at", Duration(above=0), self.at)
        name = section.read("name", Text(), f"{self.name} at {format_duration(at)}")
        ended = (beside.endings(),) if beside.endings() else ()
        ranking = (*ended, *(beside.states(level) for level in self.levels))
        return lambda: OrdinalState(name=name, ranking=ranking, at=at)

    def words(self, value: ArmOutcome) -> str:
        """Return the shares in words."""
        shares = zip(self.shares(value), self.levels, strict=True)
        listed = ", ".join(f"{100 * share:.4g} % {level}" for share, level in shares)
        return f"{listed} at {format_duration(self.at)}"


def proportional_odds(shares: Sequence[float], odds_ratio: float) -> tuple[float, ...]:
    """Return the shares whose odds to be above any level are larger by a ratio.

    Parameters
    ----------
    shares : sequence of float
        From the worst level to the best; they sum to 1.
    odds_ratio : float
        Above 1 for more patients in better levels.

    References
    ----------
    McCullagh (1980), J R Stat Soc B 42, 109-142.

    Examples
    --------
    >>> [round(share, 4) for share in proportional_odds([0.5, 0.5], 2.0)]
    [0.3333, 0.6667]
    """
    above = 1 - np.cumsum(shares)[:-1]
    odds = odds_ratio * above / (1 - above)
    moved = np.concatenate([[1.0], odds / (1 + odds), [0.0]])
    return tuple((moved[:-1] - moved[1:]).tolist())
