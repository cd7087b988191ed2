"""Shares of responders at a visit: 30 % against 55 %."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np

from lupusim.common.frozen import dataclass
from lupusim.endpoints import Responder
from lupusim.model import MultiStateModel
from lupusim.model.hazards import ExponentialHazard, Hazard, PiecewiseExponentialHazard
from lupusim.scenario.document.amounts import parse_share
from lupusim.scenario.document.content import is_mapping, is_number, is_text
from lupusim.scenario.document.durations import format_duration
from lupusim.scenario.document.section import (
    Choice,
    Duration,
    ListOf,
    Number,
    Place,
    Section,
    Text,
)
from lupusim.scenario.outcomes.base import ArmOutcome, Beside, Traits, parsed, stated_by
from lupusim.scenario.outcomes.beside_model import share_in
from lupusim.scenario.outcomes.chains import Chain
from lupusim.trial import Better, Endpoint
from lupusim.trial.endpoints import MORE_OR_FEWER

_BETTER = Choice(MORE_OR_FEWER)
_RELATIVE = ("odds_ratio", "difference", "ratio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    r"""A response that lasts, so that a share :math:`p` has it at a visit.

    Responses come at the constant rate :math:`-\log(1 - p) / t` until the visit at :math:`t`.
    """

    about: ClassVar[str] = ""  # nothing: the share says it all

    name: str  # what a response is called
    at: float  # study time (years) of the visit
    better: Better = Better.MORE  # whether more of them are good
    states: tuple[str, ...] = ()
    """Where responders are in the models of other arms; empty where no arm has a model."""

    @classmethod
    def read(cls, section: Section, name: str) -> Response:
        """Return the outcome that a section describes."""
        at = section.read("at", Duration(above=0))
        better = section.read("better", _BETTER, Better.MORE)
        return cls(
            name=name, at=at, better=better, states=section.read("states", ListOf(Text()), ())
        )

    @property
    def traits(self) -> Traits:
        """What the trial must know: the visit."""
        return Traits(
            times=(self.at,), lateness=-self.better.value, held=self.states, held_key="states"
        )

    def _chain(self, share: float) -> Chain:
        states = (f"no {self.name}", next(iter(self.states), self.name))
        return Chain(states=states, hazards={states: _hazard(share, self.at)})

    def share(self, stated: ArmOutcome) -> float:
        """Return the share of responders of an arm; of its first level where there are several."""
        (hazard,) = stated.chain.hazards.values()
        return float(-math.expm1(-hazard.cumulative(np.array(self.at))))

    def read_arm(self, value: object, place: Place, control: ArmOutcome | None) -> ArmOutcome:
        """Return what is stated of an arm: a share, or how it differs from the control's."""
        if not is_mapping(value):
            return ArmOutcome(chain=self._chain(_share(value, place)))
        section = Section(place, value)
        if section.has("by"):
            factor, shares = stated_by(section, _share, control)
            section.finish()
            rates = {level: _rate(share, self.at) for level, share in shares.items()}
            first = next(iter(shares))
            ratios = {level: rate / rates[first] for level, rate in rates.items()}
            chain = self._chain(shares[first])
            return ArmOutcome(chain=chain, factor=factor, ratios=ratios)
        share = self._relative(section, control)
        section.finish()
        return ArmOutcome(chain=self._chain(share))

    def of_law(self, law: MultiStateModel) -> ArmOutcome:
        """Return the share of responders under a model, where it is known exactly."""
        share = share_in(law, self.states, self.at)
        chain = self._chain(share or 0.0)
        known = chain if share is not None else replace(chain, hazards={})
        return ArmOutcome(chain=known, of_model=True)

    def _relative(self, section: Section, control: ArmOutcome | None) -> float:
        given = [name for name in _RELATIVE if section.has(name)]
        if section.has("share") or not given:
            value = section.content.get("share")
            return _share(value, section.place.child("share"))
        place = section.place.child(given[0])
        if control is None or control.factor or not control.chain.hazards:
            what = "the control itself" if control is None else "a control stated by strata"
            what = "a control whose covariates act" if control and control.of_model else what
            place.report(f"{what} has no one share to compare with", "State a share, as 30 %.")
            return 0.5
        base = self.share(control)
        if given[0] == "difference":
            change = parsed(section.content["difference"], place, _signed_share, 0.0)
            return _checked(base + change, place)
        ratio = section.read(given[0], Number(above=0))
        odds = ratio * base / (1 - base)
        return _checked(odds / (1 + odds) if given[0] == "odds_ratio" else ratio * base, place)

    def read_endpoint(self, section: Section, beside: Beside) -> Callable[[], Endpoint]:
        """Return what makes the endpoint: being a responder at the visit."""
        at = section.read("at", Duration(above=0), self.at)
        name = section.read("name", Text(), f"{self.name} at {format_duration(at)}")
        better = section.read("better", _BETTER, self.better)
        states = self.states or beside.states(self.name)
        return lambda: Responder(name=name, states=states, at=at, better=better)

    def words(self, value: ArmOutcome) -> str:
        """Return the share in words."""
        if not value.factor:
            return f"{100 * self.share(value):.4g} % have {self.name} at {format_duration(self.at)}"
        log_free = math.log1p(-self.share(value))
        shares = (
            f"{-100 * math.expm1(ratio * log_free):.4g} % of {level}"
            for level, ratio in value.ratios.items()
        )
        return f"{', '.join(shares)} have {self.name} at {format_duration(self.at)}"


def _rate(share: float, at: float) -> float:
    return -math.log1p(-share) / at


def _hazard(share: float, at: float) -> Hazard:
    if share == 0:  # a constant rate of 0 would say that the state is a mistake
        return PiecewiseExponentialHazard(breaks=(at,), rates=(0.0, 0.0))
    return ExponentialHazard(rate=_rate(share, at))


def _share(value: object, place: Place) -> float:
    return _checked(parsed(value, place, parse_share, 0.5), place)


def _checked(share: float, place: Place) -> float:
    """Return a share from 0 to below 1, reported where it is none."""
    if 0 <= share < 1:
        return share
    place.report(f"that is a share of {share:.4g}", "State 0 or above, and below 100 %.")
    return 0.5


def _signed_share(value: object) -> float:
    text = value.strip() if is_text(value) else value
    if is_text(text) and text.startswith("-"):
        return -parse_share(text[1:])
    if is_number(text) and text < 0:
        return -parse_share(-text)
    return parse_share(text)
