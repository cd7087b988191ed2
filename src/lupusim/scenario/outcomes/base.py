"""What every kind of stated outcome answers for itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Protocol, TypeVar

from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.errors import fault_and_fix
from lupusim.model import Effect, MultiStateModel
from lupusim.scenario.document.content import at, is_mapping
from lupusim.scenario.document.section import Place, Section, Text
from lupusim.scenario.outcomes.chains import Chain, Combined
from lupusim.trial import Endpoint
from lupusim.trial.observation import Marker, Points

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmOutcome:
    """One outcome of one arm."""

    chain: Chain  # the outcome as states
    effects: tuple[Effect, ...] = ()  # on moves of the chain, in time since randomization
    factor: str = ""  # the stratum that the outcome is stated by; empty for none
    ratios: Mapping[str, float] = field(default_factory=dict)
    """Hazard ratio of each level of the factor against its first one."""
    course: Points = ()  # study times (years) and mean changes of a score
    of_model: bool = False
    """Whether a model says it, so that only what is worked out from it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The outcomes of a trial, seen from one of them."""

    outcomes: Mapping[str, StatedOutcome]
    combined: Combined  # their common states
    position: int  # of this one

    def states(self, *own: str) -> tuple[str, ...]:
        """Return the common states in which this outcome is in some of its own.

        Not those in which another outcome has ended the history.
        """
        ended = self.endings()
        held = self.combined.holding(self.position, own)
        return tuple(state for state in held if state not in ended)

    def endings(self) -> tuple[str, ...]:
        """Return the states in which another outcome has ended a patient's history."""
        own = self.combined.chains[self.position].terminal
        others = (s for chain in self.combined.chains for s in chain.terminal if s not in own)
        return tuple(dict.fromkeys(others))


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a trial must know of an outcome."""

    times: Sequence[float] = ()  # study times (years) at which it is looked at
    overdispersion: float = 0.0
    """Variance of the gamma distributed factors of patients on its hazards."""
    marker: Callable[[Sequence[str], Mapping[str, Points]], Marker] | None = None
    """From the states, and the mean course by arm, to the score that it is."""
    competing: tuple[str, ...] = ()  # names of the outcomes that make it impossible
    terminal: bool = False  # whether its event ends a patient's history
    counts_moves: bool = False
    """Whether every move counts, so that none may be made by another outcome beside it."""
    held: tuple[str, ...] = ()
    """States of the models of other arms that have this outcome, the first for arms that state it.
    """
    held_key: str = ""
    """What files call these states; empty where an outcome can stand beside no model."""
    lateness: int = 0
    """1 where a later event or a higher score is better for the patient, -1 where a sooner or lower
    one is; 0 for what cannot be correlated with other outcomes."""
    shared: float = 1.0
    """Correlation of a score's value with what all its values after randomization share."""


class StatedOutcome(Protocol):
    """An outcome as a protocol states it, arm by arm.

    A kind is a class in a file of its own, registered with the name that files give it.
    """

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @classmethod
    def read(cls, section: Section, name: str) -> StatedOutcome:
        """Return the outcome that a section describes; what is wrong is reported there."""
        ...

    @property
    def traits(self) -> Traits:
        """What the trial must know of it."""
        ...

    def read_arm(self, value: object, place: Place, control: ArmOutcome | None) -> ArmOutcome:
        """Return what is stated of an arm; `control` is None for the control itself."""
        ...

    def of_law(self, law: MultiStateModel) -> ArmOutcome:
        """Return what is known of the outcome under a model; asked of what names its states."""
        ...

    def read_endpoint(self, section: Section, beside: Beside) -> Callable[[], Endpoint]:
        """Return what makes its endpoint; a section may say more, and may be empty."""
        ...

    def words(self, value: ArmOutcome) -> str:
        """Return what is stated of an arm in words."""
        ...

    @property
    def about(self) -> str:
        """What is stated of all arms, in words; empty where that is nothing more."""
        ...


def beside_no_model(name: str) -> ArmOutcome:
    """Return what stands for an outcome that no model knows; its problem is told elsewhere."""
    return ArmOutcome(chain=Chain(states=(name,)), of_model=True)


def parsed(value: object, place: Place, parse: Callable[[object], T], stand_in: T) -> T:
    """Return a parsed value; its ValueError is reported at the place."""
    try:
        return parse(value)
    except ValueError as error:
        place.report(*fault_and_fix(error))
        return stand_in


def stated_by(
    section: Section,
    read: Callable[[object, Place], T],
    control: ArmOutcome | None,
) -> tuple[str, dict[str, T]]:
    """Return a factor and what is stated for each of its levels, the reference first.

    Parameters
    ----------
    section : Section
        With ``by: factor`` and ``levels: {level: statement}``.
    read : callable
        Reads one statement; also None, for which it reports a problem and gives a stand-in.
    control : ArmOutcome or None
        Of the control, whose first level is the reference of all arms.
    """
    factor = section.read("by", Text())
    levels = section.section("levels")
    known = at(section.place.document.content, "population", "strata", factor)
    if not is_mapping(known):
        fix = "Name it under population, strata, with the share of each level."
        section.place.child("by").report(f"{factor!r} is no stratum of the population", fix)
        known, factor = levels.content, ""
    found = {name: read(levels.content.get(name), levels.place.child(name)) for name in known}
    for name in levels.content:
        if name not in known and name not in section.common:
            levels.place.child(name).report(f"{factor!r} has no such level", nearest(name, known))
    if not found:
        found = {"": read(None, levels.place)}
    if control is not None and control.factor == factor:
        found = {name: found[name] for name in control.ratios if name in found} or found
    return factor, found
