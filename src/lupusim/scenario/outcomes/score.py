"""A score: its mean change by arm and visit, its spread, its correlations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from lupusim.common.frozen import dataclass
from lupusim.endpoints import MarkerChange
from lupusim.model import MultiStateModel
from lupusim.scenario.document.content import is_mapping
from lupusim.scenario.document.durations import format_duration
from lupusim.scenario.document.section import Choice, Duration, Number, Place, Section, Text
from lupusim.scenario.outcomes.base import ArmOutcome, Beside, Traits, beside_no_model
from lupusim.scenario.outcomes.chains import Chain
from lupusim.trial import Better, Endpoint
from lupusim.trial.endpoints import LOWER_OR_HIGHER, MORE_OR_FEWER, MissingChange
from lupusim.trial.observation import Marker, Points

_BETTER = Choice({**LOWER_OR_HIGHER, **MORE_OR_FEWER})
_MISSING = Choice({missing.value: missing for missing in MissingChange})
_AT_START = "randomization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A normally distributed score."""

    name: str  # what it is called
    at: float  # study time (years) of the visit that is analyzed
    baseline: float
    sd: float
    """`baseline` and `sd`: mean and standard deviation at randomization."""
    correlation: float
    with_baseline: float
    """`correlation` and `with_baseline`: of the values at two later visits, and of a later one with
    that at randomization."""
    spread: Points = ()
    """Study times (years) and the standard deviation there as a multiple of `sd`."""
    lowest: float = -math.inf  # lower values are set to it
    missing: MissingChange = MissingChange.LEFT_OUT  # what a change counts as that is not known
    better: Better = Better.FEWER  # whether a rise is good

    @classmethod
    def read(cls, section: Section, name: str) -> Score:
        """Return the outcome that a section describes."""
        sd, spread = _read_sd(section)
        correlation, with_baseline = _read_correlation(section)
        return cls(
            name=name,
            at=section.read("at", Duration(above=0)),
            baseline=section.read("baseline", Number(), 0.0),
            sd=sd,
            spread=spread,
            correlation=correlation,
            with_baseline=with_baseline,
            lowest=section.read("lowest", Number(), -math.inf),
            missing=section.read("missing", _MISSING, MissingChange.LEFT_OUT),
            better=section.read("better", _BETTER, Better.FEWER),
        )

    @property
    def traits(self) -> Traits:
        """What the trial must know: the visits, and the score."""
        return Traits(
            times=tuple(sorted({self.at, *(time for time, _ in self.spread)})),
            marker=self._marker,
            lateness=self.better.value,
            shared=math.sqrt(max(self.correlation - self.with_baseline**2, 0.0)),
        )

    def read_arm(self, value: object, place: Place, control: ArmOutcome | None) -> ArmOutcome:
        """Return what is stated of an arm: mean changes, or a difference to the control's."""
        chain = Chain(states=(f"{self.name} measured",))
        if not is_mapping(value):
            course: Points = ((self.at, Number().parse(value, place)),)
        elif "difference" in value:
            course = self._against(Section(place, value), control)
        else:
            course = _points(value, place)
        sound = course if place.is_sound else ()
        return ArmOutcome(chain=chain, course=sound)

    def _against(self, section: Section, control: ArmOutcome | None) -> Points:
        difference = section.read("difference", Number())
        section.finish()
        if control is None:
            section.place.child("difference").report(
                "the control has nothing to be compared with", "State its mean change."
            )
            return ()
        if not control.course:
            return ((self.at, difference),)
        return tuple(
            (t, change + difference * min(1.0, t / self.at)) for t, change in control.course
        )

    def of_law(self, law: MultiStateModel) -> ArmOutcome:
        """Return what stands for it: it can stand beside no model."""
        return beside_no_model(self.name)

    def read_endpoint(self, section: Section, beside: Beside) -> Callable[[], Endpoint]:
        """Return what makes the endpoint: the change from randomization to a visit."""
        at = section.read("at", Duration(above=0), self.at)
        name = section.read("name", Text(), f"change of {self.name} at {format_duration(at)}")
        missing = section.read("missing", _MISSING, self.missing)
        better = section.read("better", _BETTER, self.better)
        return lambda: MarkerChange(name=name, at=at, missing=missing, better=better)

    def _marker(self, states: Sequence[str], courses: Mapping[str, Points]) -> Marker:
        """Return the score, the same in every state."""
        return Marker(
            name=self.name,
            mean=dict.fromkeys(states, self.baseline),
            sd=dict.fromkeys(states, self.sd),
            correlation=self.correlation,
            baseline_correlation=self.with_baseline,
            spread=self.spread,
            lowest=self.lowest,
            course=dict(courses),
        )

    def words(self, value: ArmOutcome) -> str:
        """Return the mean changes in words."""
        listed = ", ".join(f"{change:+.4g} at {format_duration(t)}" for t, change in value.course)
        return f"mean change of {self.name} {listed or 'none'}"

    @property
    def about(self) -> str:
        """Its spread and correlations, its mean at randomization where that is not 0, its end."""
        later = "".join(
            f", {self.sd * times:.4g} at {format_duration(t)}" for t, times in self.spread
        )
        said = [
            f"mean {self.baseline:.4g} at randomization" if self.baseline else "",
            f"SD {self.sd:.4g}{f' at randomization{later}' if later else ''}",
            self._correlations,
            f"never below {self.lowest:.4g}" if math.isfinite(self.lowest) else "",
            "an unknown change counts as none" if self.missing is MissingChange.NO_CHANGE else "",
        ]
        return ", ".join(filter(None, said))

    @property
    def _correlations(self) -> str:
        with_baseline, between = f"{self.with_baseline:.4g}", f"{self.correlation:.4g}"
        if with_baseline == between:
            return f"correlation {between} with baseline and between visits"
        return f"correlation {with_baseline} with baseline and {between} between visits"


def _points(value: Mapping[str, object], place: Place) -> Points:
    """Return values by study time, such as ``{12 weeks: -2, 24 weeks: -4}``, in order."""
    points = []
    for when, number in value.items():
        where = place.child(when)
        points.append((Duration(above=0).parse(when, where), Number().parse(number, where)))
    return tuple(sorted(points))


def _read_sd(section: Section) -> tuple[float, Points]:
    """Return the standard deviation at randomization, and its multiples at visits."""
    if not section.is_mapping("sd"):
        return section.read("sd", Number(above=0)), ()
    below = section.section("sd")
    sd = below.read(_AT_START, Number(above=0))
    later = {name: value for name, value in below.content.items() if name != _AT_START}
    spread = tuple((time, value / sd) for time, value in _points(later, below.place))
    return (sd, spread) if below.place.is_sound else (1.0, ())


def _read_correlation(section: Section) -> tuple[float, float]:
    """Return the correlation of two later visits, and that of one with randomization."""
    share = Number(at_least=0, at_most=1)
    if not section.is_mapping("correlation"):
        both = section.read("correlation", share)
        return both, both
    below = section.section("correlation")
    visits, baseline = below.read("visits", share), below.read("baseline", share)
    below.finish()
    if baseline**2 > visits:
        fix = f"Let the correlation between visits be at least {baseline**2:.3g}."
        below.place.report("no score has both correlations", fix)
    return (visits, baseline) if below.place.is_sound else (0.5, 0.5)
