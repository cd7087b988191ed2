"""Who comes into a trial, and where the cells come from: screening, drift, supply, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lupusim.report.words.effects import covariate_effect_in_words, listed, ways_in_words
from lupusim.scenario.document.durations import format_duration
from lupusim.trial import Trial
from lupusim.trial.population.screening import Minimums, Screening
from lupusim.trial.treatment.supply import Manufacture, Supply


def who_comes_in_words(trial: Trial) -> Iterator[str]:
    """Yield how candidates are let in, who differs and how, who comes later; often nothing."""
    population = trial.population
    if population.screening is not None:
        yield _screening(population.screening)
    for factor in dict.fromkeys(e.covariate for e in population.effects if e.level is not None):
        shares = population.factors.get(factor, {}).items()  # of what a number is cut to: unknown
        told = ", ".join(f"{100 * share:.3g} % {_plain(level)}" for level, share in shares)
        yield from [f"Patients by {_plain(factor)}: {told}."] * bool(told)
    for effect in population.effects:
        if effect.arm is None:
            yield f"On every arm: {covariate_effect_in_words(effect)}."
    for drift in population.drift:
        ratio, ways = drift.hazard_ratio_per_year, ways_in_words(drift.on)
        yield f"Who comes a year later has hazard ratio {ratio:g} on {ways}, on every arm."


def supply_in_words(trial: Trial) -> Iterator[str]:
    """Yield how cells are made, and what happens where there are none; often nothing."""
    supply = trial.supply
    if supply is None:
        return
    first = f"{supply.at_start} of them in stock when the first site opens; "
    in_stock = first if supply.at_start else ""
    yield f"Cells come in lots of {supply.lots.doses} doses: {in_stock}{_made(supply.lots)}."
    taken = [f"{doses} on {_plain(arm)}" for arm, doses in supply.draws.items()]
    yield f"An infusion takes {listed(taken)}, and {_waits(supply)}."


def _screening(screening: Screening) -> str:
    ways = listed([_minimums(way) for way in screening.eligible], "or")
    tests, every = screening.tests, format_duration(screening.every)
    often = "once" if tests == 1 else f"up to {tests} times, {every} apart"
    share = 100 * screening.share_let_in
    return f"Candidates are tested {often} and let in with {ways}: {share:.0f} of 100 are."


def _minimums(way: Minimums) -> str:
    told = [f"SLEDAI of {way.sledai:g} or more"] if way.sledai else []
    for grade, least in (("A", way.bilag_a), ("B", way.bilag_b)):
        systems = "system" if least == 1 else "systems"
        told += [f"BILAG {grade} in {least:g} {systems} or more"] if least else []
    return " with ".join(told) or "any score"


def _made(lots: Manufacture) -> str:
    if lots.every is None:
        return "none is made after that"
    number = f", {lots.number} in all" if lots.number is not None else ""
    fails = f", of which {100 * lots.fails:g} in 100 fail then" if lots.fails else ""
    released = f"released {format_duration(lots.lead_time)} later" if lots.lead_time else "released"
    kept = lots.shelf_life
    until = "" if kept == math.inf else f", to be used within {format_duration(kept)} of the start"
    return (
        f"one is started every {format_duration(lots.every)}{number} and {released}{fails}{until}"
    )


def _waits(supply: Supply) -> str:
    if supply.pauses:
        return "nobody is randomized while no lot in stock holds that many"
    if supply.patience == 0:
        return "is missed where no lot in stock holds that many"
    return f"waits {format_duration(supply.patience)} at most for the next lot"


def _plain(name: str) -> str:
    return name.replace("_", " ")
