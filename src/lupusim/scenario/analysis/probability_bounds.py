"""A scenario's bounds by what a look makes likely."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from lupusim.analysis.group_sequential import DriftBelief
from lupusim.analysis.group_sequential.probability_bounds import (
    ConditionalPower,
    Measure,
    Posterior,
    PosteriorEfficacy,
    PredictivePower,
)
from lupusim.scenario.document.section import Number, Section

_INSIDE = Number(above=0, below=1)
_MEASURES: dict[str, Callable[[Section], Measure]] = {
    "conditional_power": lambda s: ConditionalPower(drift=s.read_or_none("drift", Number())),
    "predictive_power": lambda s: PredictivePower(belief=_belief(s)),
    "posterior": lambda s: Posterior(belief=_belief(s)),
}


def read_posterior(section: Section) -> PosteriorEfficacy:
    """Return an efficacy bound by posterior probability."""
    probability = section.read("posterior", _INSIDE)
    belief = _belief(section)
    made = section.build(lambda: PosteriorEfficacy(probability=probability, belief=belief))
    return made or PosteriorEfficacy(probability=0.975)


def read_levels(looks: Mapping[int, Section], last: int) -> tuple[Measure, dict[int, float]] | None:
    """Return what futility is measured by, and its level by look; None for other bounds."""
    sections = {k: look.section("futility") for k, look in looks.items()}
    named = {k: [n for n in _MEASURES if s.has(n)] for k, s in sections.items()}
    if not any(named.values()):
        return None
    levels: dict[int, float] = {}
    measures: list[Measure] = []
    for k, section in sections.items():
        if len(named[k]) != 1:
            fix = f"Give one of {', '.join(_MEASURES)}, the same at every look."
            section.place.report("the looks give up by different measures", fix)
            continue
        levels[k] = section.read(named[k][0], _INSIDE)
        measures.append(_MEASURES[named[k][0]](section))
        section.finish()
        if measures[-1] != measures[0]:
            fix = "Give the same measure at every look."
            section.place.report("the looks give up by different measures", fix)
        if k == last:
            section.place.report("the last look rejects or not, it does not give up", "Remove it.")
    sound = all(section.place.is_sound for section in sections.values())
    return (measures[0], levels) if sound else (Posterior(), {})


def _belief(section: Section) -> DriftBelief:
    if not section.has("prior"):
        return DriftBelief()
    prior = section.section("prior")
    mean = prior.read("mean", Number(), 0.0)
    sd = prior.read("sd", Number(above=0), math.inf)
    return prior.build(lambda: DriftBelief(mean=mean, sd=sd)) or DriftBelief()
