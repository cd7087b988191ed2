"""The patients of a scenario file: strata, covariates, their effects, frailty."""

from __future__ import annotations

from collections.abc import Mapping

from lupusim.model.checks import probability_problems
from lupusim.scenario.document.section import Choice, Edge, ListOf, MappingOf, Number, Section, Text
from lupusim.scenario.sections.arm_periods import read_drift
from lupusim.scenario.sections.screening import read_screening
from lupusim.trial import (
    Covariate,
    CovariateEffect,
    Cut,
    Frailty,
    GammaFrailty,
    LognormalCovariate,
    LognormalFrailty,
    NormalCovariate,
    Population,
)
from lupusim.trial.population.covariates import WEIGHT

_DISTRIBUTIONS = Choice({"normal": NormalCovariate, "lognormal": LognormalCovariate})
_FRAILTIES = Choice({"gamma": GammaFrailty, "lognormal": LognormalFrailty})


def read_population(top: Section) -> Population:
    """Return who is enrolled; the default where the file says nothing."""
    section = top.section_or_empty("population")
    factors = _read_factors(section)
    weight = section.section_or_empty("weight_kg")
    mean = weight.read("mean", Number(above=0), 60.0)
    sd = weight.read("sd", Number(at_least=0), 0.0)
    weight.finish()
    covariates = _read_covariates(section)
    codes = section.read("codes", MappingOf(MappingOf(Number())), {})
    means = {name: covariate.mean for name, covariate in covariates.items()} | {WEIGHT: mean}
    cuts = _read_cuts(section)
    screening = read_screening(section)
    effects = [_read_effect(s, means) for s in section.sections("effects")]
    frailties = [_read_frailty(s) for s in section.sections("frailty")]
    drift = read_drift(section)
    made = section.build(
        lambda: Population(
            factors=factors,
            weight_mean=mean,
            weight_sd=sd,
            covariates=covariates,
            codes=codes,
            effects=tuple(effect for effect in effects if effect is not None),
            frailties=tuple(frailty for frailty in frailties if frailty is not None),
            screening=screening,
            cuts=cuts,
            drift=drift,
        )
    )
    return made or Population(factors={name: {"": 1.0} for name in (*factors, *cuts)})


def read_edges(section: Section) -> tuple[tuple[str, str], ...]:
    """Return the transitions under ``on``: one, or a list of them."""
    if section.is_text("on"):
        return (section.read("on", Edge()),)
    return section.read("on", ListOf(Edge(), at_least=1))


def _read_factors(section: Section) -> dict[str, dict[str, float]]:
    shares = MappingOf(MappingOf(Number(at_least=0, at_most=1)))
    factors = section.read("strata", shares, {})
    strata = section.place.child("strata")
    for name, levels in factors.items():
        place = strata.child(name)
        if place.is_sound:
            found = probability_problems(place.key, levels)
            place.problems.extend(map(place.document.locate, found))
            if len(levels) == 1:
                fault = f"{name!r} has one level, so nothing varies"
                place.report(fault, "Give it another level with a share, or remove it.")
    return factors


def _read_covariates(section: Section) -> dict[str, Covariate]:
    below = section.section_or_empty("covariates")
    covariates = {}
    for name in below.content:
        if name not in below.common:
            covariates[name] = _read_covariate(below.section(name))
    return covariates


def _read_covariate(section: Section) -> Covariate:
    """Return a covariate; one that never varies stands in where it cannot be read."""
    distribution = section.read("distribution", _DISTRIBUTIONS, NormalCovariate)
    mean = section.read("mean", Number())
    sd = section.read("sd", Number(at_least=0), 0.0)
    made: Covariate | None = section.build(lambda: distribution(mean=mean, sd=sd))
    return made or NormalCovariate(mean=0.0)


def _read_cuts(section: Section) -> dict[str, Cut]:
    below = section.section_or_empty("cuts")
    cuts = {}
    for name in below.content:
        if name not in below.common:
            cuts[name] = _read_cut(below.section(name))
    return cuts


def _read_cut(section: Section) -> Cut:
    """Return a factor made of a covariate; one of a single level where it cannot be read."""
    covariate = section.read("covariate", Text())
    at = section.read("at", ListOf(Number(), at_least=1))
    levels = section.read("levels", ListOf(Text(), at_least=2))
    made = section.build(lambda: Cut(covariate=covariate, at=at, levels=levels))
    return made or Cut(covariate=covariate, at=(), levels=("",))


def _read_effect(section: Section, means: Mapping[str, float]) -> CovariateEffect | None:
    covariate = section.read("covariate", Text())
    level = section.read_or_none("level", Text())
    on = read_edges(section)
    ratio = section.read("hazard_ratio", Number(above=0))
    reference = means.get(covariate, 0.0)
    if level is None:
        reference = section.read("reference", Number(), reference)
    else:
        section.refuse("reference", "a level has none", "Remove it, or the level.")
    arm = section.read_or_none("arm", Text())
    return section.build(
        lambda: CovariateEffect(
            covariate=covariate,
            level=level,
            on=on,
            hazard_ratio=ratio,
            reference=reference,
            arm=arm,
        )
    )


def _read_frailty(section: Section) -> Frailty | None:
    distribution = section.read("distribution", _FRAILTIES, GammaFrailty)
    on = read_edges(section)
    variance = section.read("variance", Number(above=0))
    made: Frailty | None = section.build(lambda: distribution(on=on, variance=variance))
    return made
