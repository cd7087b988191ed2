"""Events that come again: so many per year, with more or less variation between patients."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lupusim.common.frozen import dataclass
from lupusim.endpoints import EventCount
from lupusim.model import MultiStateModel
from lupusim.model.hazards import ExponentialHazard
from lupusim.scenario.document.amounts import parse_rate
from lupusim.scenario.document.content import is_mapping, is_text
from lupusim.scenario.document.durations import format_duration
from lupusim.scenario.document.section import Choice, Duration, Number, Place, Section, Text
from lupusim.scenario.outcomes.base import (
    ArmOutcome,
    Beside,
    Traits,
    beside_no_model,
    parsed,
    stated_by,
)
from lupusim.scenario.outcomes.chains import Chain
from lupusim.trial import Better, Endpoint
from lupusim.trial.endpoints import MORE_OR_FEWER

_MOST_PER_YEAR = 10_000
_BETTER = Choice(MORE_OR_FEWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Events at a constant rate, which a gamma distributed factor of each patient multiplies.

    With dispersion k the count in a time t has mean m = rate t and variance m + k m².

    References
    ----------
    Keene, Jones, Lane and Anderson (2007), Pharm Stat 6, 89-97.
    """

    name: str  # what the events are called
    until: float = math.inf  # study time (years) up to which they count
    dispersion: float = 0.0  # of the negative binomial distribution; 0 for Poisson
    better: Better = Better.FEWER  # whether more of them are good

    @classmethod
    def read(cls, section: Section, name: str) -> Count:
        """Return the outcome that a section describes."""
        return cls(
            name=name,
            until=section.read("until", Duration(above=0), math.inf),
            dispersion=section.read("dispersion", Number(at_least=0), 0.0),
            better=section.read("better", _BETTER, Better.FEWER),
        )

    @property
    def traits(self) -> Traits:
        """What the trial must know: until when events count, and how patients vary."""
        return Traits(
            times=(self.until,) if math.isfinite(self.until) else (),
            overdispersion=self.dispersion,
            counts_moves=True,
        )

    @property
    def _states(self) -> tuple[str, str]:
        """Whether an even or an odd number of events has happened: each event is one move."""
        return f"even number of {self.name}", f"odd number of {self.name}"

    def _chain(self, rate: float) -> Chain:
        even, odd = self._states
        hazard = ExponentialHazard(rate=rate)
        return Chain(states=(even, odd), hazards={(even, odd): hazard, (odd, even): hazard})

    def rate(self, stated: ArmOutcome) -> float:
        """Return the events per year of an arm; of its first level where there are several."""
        hazard = next(iter(stated.chain.hazards.values()))
        return float(hazard.cumulative(np.array(1.0)))

    def read_arm(self, value: object, place: Place, control: ArmOutcome | None) -> ArmOutcome:
        """Return what is stated of an arm: a rate, or its ratio to the control's."""
        if not is_mapping(value):
            return ArmOutcome(chain=self._chain(_rate(value, place)))
        section = Section(place, value)
        if section.has("by"):
            factor, rates = stated_by(section, _rate, control)
            section.finish()
            first = next(iter(rates.values()))
            ratios = {level: rate / first for level, rate in rates.items()}
            return ArmOutcome(chain=self._chain(first), factor=factor, ratios=ratios)
        if section.has("rate_ratio"):
            ratio = (
                section.read("rate_ratio", Number(above=0))
                if self._is_ratio(section, control)
                else 1.0
            )
            section.finish()
            if control is None:
                place.child("rate_ratio").report(
                    "the control has nothing to be compared with", "State a rate: 1.2 per year."
                )
                return ArmOutcome(chain=self._chain(1.0))
            rate = _checked(ratio * self.rate(control), place.child("rate_ratio"))
            return ArmOutcome(chain=self._chain(rate), factor=control.factor, ratios=control.ratios)
        section.has("per_year")
        rate = _rate(section.content.get("per_year"), place.child("per_year"))
        section.finish()
        return ArmOutcome(chain=self._chain(rate))

    def _is_ratio(self, section: Section, control: ArmOutcome | None) -> bool:
        """Report a rate such as ``0.8 per year`` where its ratio is to stand, with both forms."""
        stated = section.content["rate_ratio"]
        try:
            rate = parse_rate(stated) if is_text(stated) else 0.0
        except ValueError:
            return True  # another mistake, which is told as that of a number
        if not rate or control is None:
            return True
        fix = (
            f"Write '{self.name}: {stated}' without rate_ratio, "
            f"or the ratio, {rate / self.rate(control):.3g}."
        )
        section.place.child("rate_ratio").report(f"{stated!r} is a rate, not a ratio of two", fix)
        return False

    def of_law(self, law: MultiStateModel) -> ArmOutcome:
        """Return what stands for it: it can stand beside no model."""
        return beside_no_model(self.name)

    def read_endpoint(self, section: Section, beside: Beside) -> Callable[[], Endpoint]:
        """Return what makes the endpoint: how many events, per year watched."""
        until = section.read("until", Duration(above=0), self.until)
        name = section.read("name", Text(), f"number of {self.name}")
        better = section.read("better", _BETTER, self.better)
        events = beside.states(*self._states)
        return lambda: EventCount(name=name, events=events, until=until, better=better)

    def words(self, value: ArmOutcome) -> str:
        """Return the rate in words."""
        if not value.factor:
            return f"{self.rate(value):.4g} {self.name} a year"
        rates = (f"{r * self.rate(value):.4g} of {level}" for level, r in value.ratios.items())
        return f"{', '.join(rates)} {self.name} a year"

    @property
    def about(self) -> str:
        """Until when events count, and how patients vary."""
        until = "" if math.isinf(self.until) else f"counted for {format_duration(self.until)}"
        k, spread = f"{self.dispersion:.4g}", "counts vary as Poisson's law has it"
        if self.dispersion:
            spread = f"dispersion {k}: the variance of a count is m + {k} m^2"
        return "; ".join(filter(None, (until, spread)))


def _rate(value: object, place: Place) -> float:
    return _checked(parsed(value, place, parse_rate, 1.0), place)


def _checked(rate: float, place: Place) -> float:
    """Return a rate per year; 1, reported, where it is none that can be counted."""
    if rate == 0:
        place.report("nobody ever has an event", "State a rate above 0.")
    if rate > _MOST_PER_YEAR:
        fix = f"State at most {_MOST_PER_YEAR:g} a year: each event is simulated."
        place.report(f"{rate:.4g} events in a patient's year are too many", fix)
    return rate if 0 < rate <= _MOST_PER_YEAR else 1.0
