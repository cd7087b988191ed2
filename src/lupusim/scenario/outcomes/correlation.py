"""How the outcomes of one patient are correlated, as a file states it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

from lupusim.common.spelling import nearest
from lupusim.scenario.document.section import ListOf, Number, Place, Section, Text
from lupusim.scenario.outcomes.base import StatedOutcome

_KEY = "correlation"
_PAIR = 2

Pairs = Mapping[tuple[str, str], float]
"""The correlation of two outcomes, in the order of the file, where it is not 0."""


def read_correlation(top: Section, outcomes: Mapping[str, StatedOutcome]) -> Pairs:
    """Return the correlations that a file states; what cannot be is reported.

    Parameters
    ----------
    top : Section
        With ``correlation: 0.4`` for every pair, or a list of ``{between: [a, b], is: 0.4}``.
    outcomes : mapping of str to StatedOutcome
        That the file describes.
    """
    if not top.has(_KEY):
        return {}
    number = Number(at_least=-1, at_most=1)
    place = top.place.child(_KEY)
    if not top.is_list(_KEY):
        value = top.read(_KEY, number)
        found = dict.fromkeys(combinations(outcomes, 2), value)
        if outcomes and not found:
            place.report("there is one outcome only", "Remove it, or describe another outcome.")
    else:
        found = {}
        for section in top.sections(_KEY):
            names = section.read("between", ListOf(Text(), at_least=2))
            value = section.read("is", number)
            section.finish()
            found |= dict.fromkeys(_pair(names, outcomes, section.place), value)
    found = {pair: value for pair, value in found.items() if value != 0}
    for name in dict.fromkeys(name for pair in found for name in pair):
        if outcomes[name].traits.lateness == 0:
            place.report(
                f"{name!r} is neither a share, a time nor a score",
                "Name the pairs that are correlated: {between: [...], is: 0.4}.",
            )
            return {}
    return found if place.is_sound else {}


def _pair(
    names: tuple[str, ...], outcomes: Mapping[str, StatedOutcome], place: Place
) -> list[tuple[str, str]]:
    """Return the pair in the order of the outcomes; none where it is no pair of them."""
    if not (outcomes and place.is_sound):
        return []
    for name in names:
        if name not in outcomes:
            place.child("between").report(f"{name!r} is no outcome", nearest(name, outcomes))
            return []
    ordered = [name for name in outcomes if name in names]
    if len(names) != _PAIR or len(ordered) != _PAIR:
        place.child("between").report(
            f"these are {len(ordered)} outcomes", "Name two, and every pair by itself."
        )
        return []
    return [(ordered[0], ordered[1])]


def deviates(
    pairs: Pairs, outcomes: Mapping[str, StatedOutcome]
) -> tuple[tuple[str, ...], tuple[tuple[float, ...], ...]]:
    """Return the outcomes that are correlated, and the correlations of their normal deviates.

    A stated correlation is above 0 where who fares well in one fares well in the other; a larger
    deviate is a later event, or a higher score. The values of a score at two visits share only
    a part of their deviates, so the part that they share must be correlated the more.
    """
    names = tuple(name for name in outcomes if any(name in pair for pair in pairs))
    traits = [outcomes[name].traits for name in names]

    def between(i: int, j: int) -> float:
        if i == j:
            return 1.0
        stated = pairs.get((names[min(i, j)], names[max(i, j)]), 0.0)
        return stated * math.prod(traits[k].lateness / traits[k].shared for k in (i, j))

    numbers = range(len(names))
    return names, tuple(tuple(between(i, j) for j in numbers) for i in numbers)


def in_words(pairs: Pairs) -> str:
    """Return what is stated, and what it means."""
    listed = ", ".join(f"{a} and {b} {value:g}" for (a, b), value in pairs.items())
    return (
        f"correlation of {listed} (of the normal deviates behind shares, times and scores: a "
        "Gaussian copula; above 0 where who fares well in one fares well in the other)"
    )
