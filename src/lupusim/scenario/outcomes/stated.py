"""The outcomes of a scenario file put together: models of the arms, endpoints, visits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from difflib import get_close_matches

import numpy as np

from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.model import Effect, MultiStateModel
from lupusim.scenario.document.kinds import Kind, Text
from lupusim.scenario.document.section import Choice, Section
from lupusim.scenario.outcomes.base import ArmOutcome, Beside, StatedOutcome
from lupusim.scenario.outcomes.beside_model import states_in
from lupusim.scenario.outcomes.chains import Combined, Within
from lupusim.scenario.outcomes.correlation import Pairs, deviates, in_words, read_correlation
from lupusim.scenario.outcomes.kinds import OUTCOMES
from lupusim.trial import Arm, CovariateEffect, Endpoint, GammaFrailty, Population
from lupusim.trial.observation import Marker
from lupusim.trial.population.correlated import CorrelatedOutcomes

_KEY = "outcomes"
_ROUNDING = 1e-9


@dataclass(slots=True, kw_only=True)
class Statements:
    """What a file states of the outcomes, arm by arm.

    Parameters
    ----------
    outcomes : mapping of str to StatedOutcome
        In the order of the file; empty where it states none, or none that can be read.
    given : bool
        Whether the file states any.
    correlated : mapping of (str, str) to float
        The correlation of two outcomes of a patient, where there is one.
    section : Section or None
        Where the file describes them.
    within : Within or None
        The states of the model of another arm; None where every arm is stated.
    by_arm : mapping of str to list of ArmOutcome
        Of the arms that were read so far, the control first; in the order of the outcomes.
    """

    outcomes: Mapping[str, StatedOutcome]
    given: bool = False
    correlated: Pairs = field(default_factory=dict)
    section: Section | None = None
    within: Within | None = None
    by_arm: dict[str, list[ArmOutcome]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is stated."""
        return self.given

    @property
    def _control(self) -> list[ArmOutcome] | None:
        return next(iter(self.by_arm.values()), None)

    @property
    def combined(self) -> Combined:
        """The common states of all outcomes; once an arm has been read."""
        return Combined([stated.chain for stated in self._control or ()], self.within)

    def stand_beside(self, arm: Arm, *, is_control: bool) -> None:
        """Take down an arm that has a model: the states of all, and of the control its outcomes."""
        if self.section is None or not self.outcomes:
            return
        if self.within is None:
            self.within = states_in(arm.model, self.outcomes, self.section)
        if self.correlated:
            fault = "beside an arm that has a model outcomes cannot be correlated"
            self.section.place.report(fault, "Remove 'correlation', or state all arms.")
        if self.within is not None and is_control:
            law = arm.law
            self.by_arm[arm.name] = [outcome.of_law(law) for outcome in self.outcomes.values()]

    def check_all_stated(self) -> None:
        """Report states of models where no arm has one."""
        for name, outcome in self.outcomes.items():
            if outcome.traits.held and self.section is not None:
                place = self.section.place.child(name).child(outcome.traits.held_key)
                place.report("no arm has a model that has such states", "Remove it.")

    def read_arm(
        self, section: Section, name: str
    ) -> tuple[MultiStateModel, tuple[Effect, ...]] | None:
        """Return the model and the effects of an arm whose outcomes are stated.

        None where the outcomes themselves cannot be read.
        """
        section.refuse("model", "its outcomes are stated", "Keep one of the two.")
        section.refuse("effects", "its outcomes are stated", "State a hazard_ratio there.")
        section.refuse("switch", "its outcomes are stated", "Remove it, or describe a model.")
        below = section.section_or_empty(_KEY)
        if not self.outcomes:
            return None
        control = self._control
        found = []
        for position, (outcome_name, outcome) in enumerate(self.outcomes.items()):
            base = None if control is None else control[position]
            found.append(self._one(below, outcome_name, outcome, base))
        for other in below.content:
            if other not in self.outcomes and other not in below.common:
                below.place.child(other).report(
                    "no such outcome is described", nearest(other, self.outcomes)
                )
        self.by_arm[name] = found
        combined = self.combined
        made = replace(combined, chains=[stated.chain for stated in found])
        try:
            model = made.model("the stated outcomes")
        except ValueError as error:  # of hazards that no reader of one outcome can judge
            _, _, words = str(error).partition("; ")[0].partition(": ")
            fault, _, fix = words.rstrip(".").partition(". ")
            below.place.report(fault, f"{fix}.")
            return None
        effects = tuple(
            _on_all(effect, combined, position)
            for position, stated in enumerate(found)
            for effect in stated.effects
        )
        return model, effects

    @staticmethod
    def _one(
        below: Section, name: str, outcome: StatedOutcome, control: ArmOutcome | None
    ) -> ArmOutcome:
        if below.has(name):
            return outcome.read_arm(below.content[name], below.place.child(name), control)
        if control is None or control.of_model:
            if not get_close_matches(name, below.content):  # that is told of the other name
                below.place.child(name).report("nothing is stated of it", f"Add '{name}:'.")
            return outcome.read_arm(None, replace(below.place, problems=[]), None)
        return control  # as in the control

    def in_words(self, arm: str) -> str:
        """Return what is stated of an arm that was read; with the first what holds for all."""
        is_first = arm == next(name for name, found in self.by_arm.items() if _is_stated(found))
        said = []
        for outcome, found in zip(self.outcomes.values(), self.by_arm[arm], strict=True):
            more = f" ({outcome.about})" if is_first and outcome.about else ""
            said.append(f"{outcome.words(found)}{more}")
        return "; ".join(said)

    def population(self, population: Population) -> Population:
        """Return the patients with what differs between strata, and between patients."""
        effects = tuple(self._level_effects())
        frailties = tuple(
            GammaFrailty(on=self._moves(position), variance=outcome.traits.overdispersion)
            for position, outcome in enumerate(self.outcomes.values())
            if outcome.traits.overdispersion > 0 and self.by_arm
        )
        return replace(
            population,
            effects=(*population.effects, *effects),
            frailties=(*population.frailties, *frailties),
            correlated=self._correlated_outcomes(),
        )

    def _correlated_outcomes(self) -> CorrelatedOutcomes | None:
        if not (self.correlated and self.by_arm):
            return None
        names, correlation = deviates(self.correlated, self.outcomes)
        positions = {name: position for position, name in enumerate(self.outcomes)}
        return CorrelatedOutcomes(
            on=tuple(self._moves(positions[name]) for name in names),
            correlation=correlation,
            words=in_words(self.correlated),
        )

    def _moves(self, position: int) -> tuple[tuple[str, str], ...]:
        chain = self.combined.chains[position]
        return tuple(move for edge in chain.hazards for move in self.combined.moves(position, edge))

    def _level_effects(self) -> Iterator[CovariateEffect]:
        """Yield the ratios of levels: those of the control for all arms, then what differs."""
        for position in range(len(self.outcomes)):
            # beside a model every arm has its own, so that none acts on the model
            base = self._control[position] if self._control and not self.within else None
            for number, (arm, found) in enumerate(self.by_arm.items()):
                stated, of_control = found[position], number == 0 and not self.within
                for factor, level, ratio in _differing(stated, None if of_control else base):
                    yield CovariateEffect(
                        covariate=factor,
                        level=level,
                        on=self._moves(position),
                        hazard_ratio=ratio,
                        arm=None if of_control else arm,
                    )

    def marker(self) -> Marker | None:
        """Return the score that is stated; None where none is."""
        for position, outcome in enumerate(self.outcomes.values()):
            make = outcome.traits.marker
            if make is not None and self.by_arm:
                courses = {arm: found[position].course for arm, found in self.by_arm.items()}
                return make(self.combined.states, courses)
        return None

    @property
    def visits(self) -> tuple[float, ...]:
        """Study times (years) at which something is stated."""
        times = {time for outcome in self.outcomes.values() for time in outcome.traits.times}
        courses = (stated.course for found in self.by_arm.values() for stated in found)
        return tuple(sorted(times | {time for course in courses for time, _ in course}))

    @property
    def follow_up(self) -> float:
        """How long patients must be followed (years); infinite where a time to an event is."""
        if all(outcome.traits.times for outcome in self.outcomes.values()) and self.outcomes:
            return max(self.visits)
        return math.inf

    def endpoint(self, section: Section, stand_in: Endpoint) -> Endpoint:
        """Return the endpoint that a section with the key ``outcome`` asks for."""
        # where no outcome could be read the problems of those are told
        names = {name: name for name in self.outcomes}
        named: Kind[str] = Choice(names) if names else Text()
        name = section.read("outcome", named)
        section.refuse("kind", "the outcome says it", "Remove it, or the outcome.")
        if not (section.place.child("outcome").is_right and self.by_arm):
            return stand_in
        return section.build(self._read(section, name)) or stand_in

    def _read(self, section: Section, name: str) -> Callable[[], Endpoint]:
        position = list(self.outcomes).index(name)
        beside = Beside(outcomes=self.outcomes, combined=self.combined, position=position)
        return self.outcomes[name].read_endpoint(section, beside)

    def endpoints(self, top: Section, stand_in: Endpoint) -> tuple[Endpoint, ...]:
        """Return an endpoint for each outcome that is not only a competing event."""
        only_competing = {
            name for outcome in self.outcomes.values() for name in outcome.traits.competing
        }
        if not self.by_arm:
            return (stand_in,)
        empty = Section(top.place.child("endpoints"), {})
        made = (self._read(empty, name)() for name in self.outcomes if name not in only_competing)
        return tuple(made) or (stand_in,)


NOTHING_STATED = Statements(outcomes={})  # nothing is ever read into it


def read_outcomes(top: Section) -> Statements:
    """Return the outcomes that a file describes; no arm has been read yet."""
    if not top.has(_KEY):
        return Statements(outcomes={})
    section = top.section(_KEY)
    outcomes: dict[str, StatedOutcome] = {}
    for name in section.content:
        if name in section.common:
            continue
        below = section.section(name)
        kind = below.read("kind", Choice(OUTCOMES))
        if below.has_kind() and below.place.is_right:
            outcomes[name] = kind.read(below, name)
            below.finish()
    _check_together(section, outcomes)
    if not outcomes and section.place.is_sound:
        section.place.report("no outcome is described", "Write {name: {kind: response, ...}}.")
    known = outcomes if section.place.is_sound else {}
    correlated = _possible(top, read_correlation(top, known), known)
    return Statements(outcomes=known, given=True, correlated=correlated, section=section)


def _possible(top: Section, correlated: Pairs, outcomes: Mapping[str, StatedOutcome]) -> Pairs:
    """Return correlations that patients can have; none, and a report, where these cannot be."""
    place = top.place.child("correlation")
    for name in dict.fromkeys(name for pair in correlated for name in pair):
        if outcomes[name].traits.shared == 0:
            place.report(
                f"all that two values of {name!r} share is in the value at randomization",
                "Let that between visits be larger than the square of that with baseline.",
            )
            return {}
    if not correlated:
        return {}
    _, matrix = deviates(correlated, outcomes)
    if np.linalg.eigvalsh(np.array(matrix)).min() >= -_ROUNDING:
        return correlated
    fix = "State correlations nearer to 0; of a score also more between its visits."
    place.report("no patients have outcomes with all of these correlations", fix)
    return {}


def _check_together(section: Section, outcomes: Mapping[str, StatedOutcome]) -> None:
    """Report outcomes that cannot stand beside each other."""
    for name, outcome in outcomes.items():
        place = section.place.child(name)
        for other in outcome.traits.competing:
            if other not in outcomes or other == name:
                place.child("competing").report(
                    f"{other!r} is not another outcome", nearest(other, outcomes)
                )
    scores = [name for name, outcome in outcomes.items() if outcome.traits.marker]
    for name in scores[1:]:
        section.place.child(name).report(
            f"{scores[0]!r} is a score already", "State one score; others can be responses."
        )
    counted = [name for name, outcome in outcomes.items() if outcome.traits.counts_moves]
    for name in counted:
        moving = [
            other
            for other, outcome in outcomes.items()
            if other != name and not (outcome.traits.marker or outcome.traits.terminal)
        ]
        if moving:
            section.place.child(name).report(
                f"a count beside {moving[0]!r} is not supported",
                "State the count with a score, or with terminal events alone.",
            )


def _is_stated(found: list[ArmOutcome]) -> bool:
    return not any(outcome.of_model for outcome in found)


def _differing(stated: ArmOutcome, control: ArmOutcome | None) -> Iterator[tuple[str, str, float]]:
    """Yield factor, level and hazard ratio wherever an arm's levels differ from the control's."""
    ratios = {(stated.factor, level): ratio for level, ratio in stated.ratios.items()}
    if control is not None:
        for level, ratio in control.ratios.items():
            key = (control.factor, level)
            ratios[key] = ratios.get(key, 1.0) / ratio
    for (factor, level), ratio in ratios.items():
        if factor and not math.isclose(ratio, 1.0, rel_tol=1e-12):
            yield factor, level, ratio


def _on_all(effect: Effect, combined: Combined, position: int) -> Effect:
    """Return an effect on all transitions that are the moves it names."""
    on = tuple(move for edge in effect.on for move in combined.moves(position, edge))
    return replace(effect, on=on)
