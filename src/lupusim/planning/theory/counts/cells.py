"""Kinds of patients: cells of the factors that matter, and what acts on hazards within one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np

from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel
from lupusim.trial import Trial
from lupusim.trial.population.population import Population

_NODES = {1: (24, 16), 2: (24, 16)}  # of each of so many random numbers: fine, and to compare
_MOST_CELLS = (
    10_000  # a trial has fewer patients: most cells would be empty, and all are gone through
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Patients who are alike in all factors that matter."""

    share: float  # of the population
    levels: Mapping[str, str]  # by factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One of the kinds of patients that stand for a cell."""

    weight: float  # share of the cell that it stands for
    levels: Mapping[str, str]  # of the cell
    numbers: Mapping[str, float]  # covariates that act on hazards
    frailties: tuple[float, ...]  # what multiplies hazards, one for each of the population's

    def hazard_ratios(
        self, model: MultiStateModel, population: Population, arm: str
    ) -> dict[tuple[int, int], float]:
        """Return what multiplies the hazards between two states, by their positions."""
        logs: dict[tuple[str, str], float] = {}
        for name, per_unit in model.covariates.items():
            for edge, slope in per_unit.items() if name in self.numbers else ():
                logs[edge] = logs.get(edge, 0.0) + slope * self.numbers[name]
        for effect in population.effects:
            if effect.arm in (None, arm):
                exposure = self._exposure(effect.covariate, effect.level, effect.reference)
                for edge in effect.on:
                    logs[edge] = logs.get(edge, 0.0) + math.log(effect.hazard_ratio) * exposure
        ratios = {edge: math.exp(log) for edge, log in logs.items()}
        for frailty, factor in zip(population.frailties, self.frailties, strict=True):
            for edge in frailty.on:
                ratios[edge] = ratios.get(edge, 1.0) * factor
        known = set(model.states)
        return {
            (model.index(begin), model.index(end)): ratio
            for (begin, end), ratio in ratios.items()
            if {begin, end} <= known
        }

    def _exposure(self, covariate: str, level: str | None, reference: float) -> float:
        if level is None:
            return self.numbers[covariate] - reference
        return float(self.levels[covariate] == level)


def cells_of(trial: Trial, strata: Sequence[str]) -> list[Cell]:
    """Return the cells of a trial's population.

    Parameters
    ----------
    trial : Trial
        Its patients must be independent of each other and of the date.
    strata : sequence of str
        Factors by which patients are told apart, whether or not these act on hazards; they
        come first, so that cells of one stratum stand together.

    Raises
    ------
    NoExactSolutionError
        If a factor is made of a number, or the cells are too many.
    """
    population = trial.population
    names = dict.fromkeys([*strata, *acting_factors(trial)])
    for name in names:
        if name not in population.factors:
            raise NoExactSolutionError(f"factor {name!r} is made of a number")
    if (n_cells := math.prod(len(population.factors[name]) for name in names)) > _MOST_CELLS:
        raise NoExactSolutionError(f"factors have {n_cells:,} combinations of levels")
    found = []
    for levels in product(*(population.factors[name].items() for name in names)):
        share = math.prod(part for _, part in levels)
        if share > 0:
            by_name = dict(zip(names, (level for level, _ in levels), strict=True))
            found.append(Cell(share=share, levels=by_name))
    return found


def kinds_of(trial: Trial, cells: Sequence[Cell]) -> list[int]:
    """Return a number for each cell, the same where no factor that acts tells cells apart."""
    names = list(dict.fromkeys(acting_factors(trial)))
    keys = [tuple(cell.levels[name] for name in names) for cell in cells]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [numbers[key] for key in keys]


def people(trial: Trial, cell: Cell, *, fine: bool) -> Iterator[Person]:
    """Yield kinds of patients that stand for a cell, by Gauss quadrature.

    Parameters
    ----------
    trial : Trial
        Whose patients they are.
    cell : Cell
        Which of them.
    fine : bool
        Whether with more of them.
    """
    population = trial.population
    acting = [name for name in _acting_numbers(trial) if name not in population.codes]
    spread = [name for name in acting if population.spread_of(name) > 0]
    dimensions = len(spread) + len(population.frailties)
    if dimensions > max(_NODES):
        raise NoExactSolutionError(f"{dimensions} random numbers act on hazards")
    n_nodes = _NODES[max(dimensions, 1)][0 if fine else 1]
    known = {name: population.mean_of(name) for name in acting}
    for name, codes in population.codes.items():
        if name in cell.levels:
            known[name] = float(codes[cell.levels[name]])
    nodes = [population.nodes_of(name, n_nodes) for name in spread]
    nodes += [frailty.nodes(n_nodes) for frailty in population.frailties]
    for chosen in product(range(n_nodes), repeat=dimensions):
        values = [float(where[k]) for (where, _), k in zip(nodes, chosen, strict=True)]
        weight = math.prod(float(w[k]) for (_, w), k in zip(nodes, chosen, strict=True))
        yield Person(
            weight=weight,
            levels=cell.levels,
            numbers=known | dict(zip(spread, values, strict=False)),
            frailties=tuple(values[len(spread) :]),
        )


def is_quadrature(trial: Trial) -> bool:
    """Return whether the people of a cell are nodes of a quadrature, and not all there are."""
    population = trial.population
    spread = any(population.spread_of(name) > 0 for name in _acting_numbers(trial))
    return bool(spread or population.frailties)


def acting_factors(trial: Trial) -> Iterator[str]:
    """Yield the factors that act on hazards, some of them more than once.

    Raises
    ------
    NoExactSolutionError
        If a screening decides a number that acts on hazards.
    """
    population = trial.population
    yield from (effect.covariate for effect in population.effects if effect.level is not None)
    yield from (name for name in _acting_numbers(trial) if name in population.codes)


def _acting_numbers(trial: Trial) -> list[str]:
    """Return the numbers of patients that act on hazards.

    Raises
    ------
    NoExactSolutionError
        If a screening decides one of them.
    """
    population = trial.population
    asked = [name for arm in trial.arms for name in arm.model.covariates]
    asked += [effect.covariate for effect in population.effects if effect.level is None]
    found = [name for name in dict.fromkeys(asked) if name in population.numbers]
    if screened := sorted(set(found) & set(population.screened_numbers)):
        raise NoExactSolutionError(f"{screened[0]} of who passes the screening acts on hazards")
    return found


def shares_of(cells: Sequence[Cell], strata: Sequence[str]) -> list[tuple[float, list[int]]]:
    """Return the share of each stratum that there is, and the positions of its cells."""
    found: dict[tuple[str, ...], list[int]] = {}
    for number, cell in enumerate(cells):
        found.setdefault(tuple(cell.levels[name] for name in strata), []).append(number)
    return [(float(np.sum([cells[k].share for k in who])), who) for who in found.values()]
