"""The chance that what is asked of a patient is true, from the exact engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import remembered
from lupusim.engines.exact.law import Law, laws
from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel
from lupusim.planning.theory.counts.alike import AlikeArms, alike_arms
from lupusim.planning.theory.counts.asked import N_ENDS, AllRespond, Asked, Watch
from lupusim.planning.theory.counts.cells import (
    Cell,
    Person,
    cells_of,
    is_quadrature,
    kinds_of,
    people,
)
from lupusim.planning.theory.counts.shares import MOST_MARCHED, Kin, is_marched, shares_at
from lupusim.trial import Arm, Trial
from lupusim.trial.endpoints import ResponseAtVisits

ChancesOf = Callable[[Asked, Sequence[Cell]], FloatArray]
"""Returns the chance of a yes under each of some truths, (n_truths, n_arms, n_cells)."""

_QUADRATURE = 1e-5  # what two quadratures may differ by: the finer one is far nearer
_MOST_MISSED = 6  # infusions that may each be missed


def response_chances(trial: Trial, endpoint: ResponseAtVisits, cells: Sequence[Cell]) -> FloatArray:
    """Return the chance of a response by arm and cell, (n_arms, n_cells).

    Who has left, or missed a visit, has none; a state may be misread, visits may come early or
    late; what strikes between and is a failure counts as the endpoint has it.

    Parameters
    ----------
    trial : Trial
        Its patients must be independent of each other and of the date.
    endpoint : ResponseAtVisits
        What is asked of them.
    cells : sequence of Cell
        Kinds of patients.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know the chance, or not well enough.
    """
    return np.asarray(chances_of_truths([trial], AllRespond(endpoints=(endpoint,)), cells)[0])


def chances_of_truths(truths: Sequence[Trial], asked: Asked, cells: Sequence[Cell]) -> FloatArray:
    """Return the chance of a yes for trials that differ in what is true alone.

    Returns
    -------
    (n_truths, n_arms, n_cells) array

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know a chance, or not well enough.
    """
    kinds = kinds_of(truths[0], cells)
    distinct = [cells[kinds.index(kind)] for kind in range(max(kinds) + 1)]
    return _of_cells(truths, asked, distinct)[:, :, kinds]


def _of_cells(truths: Sequence[Trial], asked: Asked, cells: Sequence[Cell]) -> FloatArray:
    alike = list(alike_arms(truths))
    found = _chances(alike, asked, cells, fine=True)
    if any(is_quadrature(arms.trial) for arms in alike):
        coarse = _chances(alike, asked, cells, fine=False)
        if (apart := float(np.abs(found - coarse).max())) > _QUADRATURE:
            raise NoExactSolutionError(f"two quadratures over patients differ by {apart:.1g}")
    return found


def _chances(
    alike: Sequence[AlikeArms], asked: Asked, cells: Sequence[Cell], *, fine: bool
) -> FloatArray:
    watch = asked.watch(alike[0].trial)
    parts: list[tuple[AlikeArms, int, FloatArray]] = []
    followed: list[Kin] = []
    for arms in alike:
        present = asked.present(arms.trial, watch)[arms.number]
        exits = list(asked.exits(arms.trial, arms.arm))
        for position, cell in enumerate(cells):
            for person in people(arms.trial, cell, fine=fine):
                for share, law, classes in laws_of(arms, person):
                    parts.append((arms, position, person.weight * (share * classes) * present))
                    followed.append(arms.followed(law.beside(exits, N_ENDS)))
    chances = _responses(watch, shares_at(followed, watch.times, _keep(watch)))
    n_truths = max(int(arms.truths.max()) for arms in alike) + 1
    found = np.zeros((n_truths, len(alike[0].trial.arms), len(cells)))
    begin = 0
    for arms, position, shares in parts:
        end = begin + shares.size
        found[arms.truths, arms.number, position] += (shares * chances[begin:end])[arms.place]
        begin = end
    return np.clip(found, 0.0, 1.0)


def _keep(watch: Watch) -> FloatArray | None:
    return None if watch.weights is not None else watch.counts


def _responses(watch: Watch, seen: FloatArray) -> FloatArray:
    """Return the chance of a response of each law."""
    if watch.weights is None:
        return np.asarray(seen[:, -1].sum(axis=1))
    return np.asarray(watch.weights @ (seen @ watch.counts).T)


@remembered(4)
def takes_minutes(trial: Trial) -> bool:
    """Return whether patients are of too many kinds that :func:`response_chances` marches."""
    try:
        n_marched = sum(
            is_marched(law, trial.follow_up)
            for arms in alike_arms([trial])
            for cell in cells_of(trial, ())
            for person in people(trial, cell, fine=True)
            for _, law, _ in laws_of(arms, person)
        )
    except NoExactSolutionError:
        return False
    return n_marched > MOST_MARCHED


def laws_of(arms: AlikeArms, person: Person) -> Iterator[tuple[float, Law, FloatArray]]:
    """Yield the laws that such patients follow: share by infusions missed, law, and class's share.

    The last is (n_arms,).

    Raises
    ------
    NoExactSolutionError
        If patients of one lot share their luck, or too many infusions may be missed.
    """
    for share, model, name in _treated(arms.arm):
        factors = person.hazard_ratios(model, arms.trial.population, name)
        for (_, law), classes in zip(laws(model, None), arms.class_shares.T, strict=True):
            yield share, law.times(factors), classes


def _treated(arm: Arm) -> Iterator[tuple[float, MultiStateModel, str]]:
    """Yield the models of an arm's patients, by which infusions were missed."""
    infusions = arm.infusions
    if arm.unequal_lots is not None:
        raise NoExactSolutionError("patients of one lot share their luck")
    if infusions is None or not (infusions.missed and arm.effects):
        yield 1.0, arm.law, arm.name
        return
    if len(infusions.at) > _MOST_MISSED:
        raise NoExactSolutionError(f"each of {len(infusions.at)} infusions may be missed")
    for pattern in product((True, False), repeat=len(infusions.at)):
        given = [time for time, got in zip(infusions.at, pattern, strict=True) if got]
        share = math.prod(1 - infusions.missed if got else infusions.missed for got in pattern)
        if share > 0:
            yield share, arm.law_after(given), arm.name if given else ""
