"""The patients of a block of trials, as they come, and what multiplies their hazards."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.model import Edge, MultiStateModel
from lupusim.trial.population.correlated import CORRELATED, thresholds_of
from lupusim.trial.population.covariates import WEIGHT, CovariateEffect
from lupusim.trial.population.population import Population
from lupusim.trial.population.screening import Screened

Streams = Callable[[str], np.random.Generator]
"""Gives the generator reserved for a purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patients:
    """Everybody in a block of trials, at baseline."""

    population: Population  # what they were drawn from
    levels: Mapping[str, IntArray] = field(default_factory=dict)
    """Level of each stratification factor."""
    numbers: Mapping[str, FloatArray] = field(default_factory=dict)
    """Covariates, coded factors and, where it is asked for, weight."""
    frailties: tuple[FloatArray, ...] = ()  # for each frailty of the population, everybody's factor
    thresholds: FloatArray | None = None
    """Cumulative hazards at which correlated events come; None where none are; (n_outcomes,
    n_replicates * n_patients)."""
    screened: Screened | None = None  # what screening found; None without it
    enrollment_time: FloatArray | None = None
    """Calendar times (years) of randomization; needed where prognosis drifts; (n_replicates,
    n_patients)."""

    def hazard_ratio(
        self, model: MultiStateModel, members: IntArray, *, arm: str = ""
    ) -> dict[int, FloatArray] | None:
        """Return what multiplies the hazards of some patients under a model, by transition.

        Parameters
        ----------
        model : MultiStateModel
            The disease; its covariates act where patients have a number of that name.
        members : (n_members,) integer array
            Their positions, replicate by replicate.
        arm : str
            Name of the arm that they are all on; effects that belong to others don't act.

        Returns
        -------
        dict of int to (n_members,) array, or None
            Of transitions that something acts on; None where nothing does.
        """
        log_ratios = self._log_ratios(model, members, arm)
        if not log_ratios and not self.frailties:
            return None
        ratio: dict[int, FloatArray] = {}
        for position, log_ratio in log_ratios:
            known = ratio.get(position)
            ratio[position] = log_ratio if known is None else known + log_ratio
        ratio = {position: np.exp(total) for position, total in ratio.items()}
        for frailty, factor in zip(self.population.frailties, self.frailties, strict=True):
            for position in _positions(model, frailty.on):
                ratio[position] = ratio.get(position, 1.0) * factor[members]
        return ratio

    def own_thresholds(self, model: MultiStateModel, members: IntArray) -> dict[int, FloatArray]:
        """Return by transition at which cumulative hazard it comes to members, if that is fixed."""
        correlated = self.population.correlated
        if correlated is None or self.thresholds is None:
            return {}
        return {
            k: threshold[members]
            for edges, threshold in zip(correlated.on, self.thresholds, strict=True)
            for k in _positions(model, edges)
        }

    def _log_ratios(
        self, model: MultiStateModel, members: IntArray, arm: str
    ) -> list[tuple[int, FloatArray]]:
        """Return transitions, and the log hazard ratios of the members on them."""
        found = []
        for name, log_ratios in model.covariates.items():
            if name in self.numbers:
                number = self.numbers[name].ravel()[members]
                for edge, per_unit in log_ratios.items():
                    found += [(k, per_unit * number) for k in _positions(model, (edge,))]
        for effect in self.population.effects:
            if effect.arm not in (None, arm):
                continue
            log_ratio = math.log(effect.hazard_ratio) * self._exposure(effect, members)
            found += [(k, log_ratio) for k in _positions(model, effect.on)]
        for drift in self.population.drift:
            assert self.enrollment_time is not None  # who generates patients knows when they come
            log_ratio = drift.log_ratio(self.enrollment_time.ravel()[members])
            found += [(k, log_ratio) for k in _positions(model, drift.on)]
        return found

    def _exposure(self, effect: CovariateEffect, members: IntArray) -> FloatArray:
        """Return how much of the effect each member has: units, or 1 at the level."""
        name = effect.covariate
        if effect.level is None:
            return self.numbers[name].ravel()[members] - effect.reference
        number = self.population.level_names[name].index(effect.level)
        return np.asarray(self.levels[name].ravel()[members] == number, dtype=float)


def _positions(model: MultiStateModel, edges: tuple[Edge, ...]) -> list[int]:
    """Return the positions of the named transitions that the model has."""
    return [k for k, t in enumerate(model.transitions) if (t.from_state, t.to_state) in edges]


def draw_patients(
    population: Population,
    models: tuple[MultiStateModel, ...],
    shape: tuple[int, int],
    *,
    screened: Screened | None = None,
    needed: tuple[str, ...] = (),
    streams: Streams,
) -> Patients:
    """Draw the patients of a block of trials; what nobody needs is not drawn.

    Parameters
    ----------
    population : Population
        Who they are.
    models : tuple of MultiStateModel
        The diseases that they may follow.
    shape : (int, int)
        Replicates and patients of each.
    screened : Screened or None
        What screening found, in the order of randomization.
    needed : tuple of str
        Numbers that are drawn even where they act on no hazard.
    streams : callable
        Gives the generator of each purpose: designs that differ in one thing share the rest.
    """
    levels = {}
    if population.factors:
        levels = population.draw_levels(shape, rng=streams("population"))
    acting = set(needed).union(*(model.covariates for model in models))
    numbers = _draw_numbers(population, acting, levels, shape, streams)
    if screened is not None:
        numbers |= screened.numbers
    for name, cut in population.cuts.items():
        levels[name] = cut.level(numbers[cut.covariate])
    n_patients = shape[0] * shape[1]
    frailties = (
        frailty.draw(n_patients, rng=streams(f"frailty {k}"))
        for k, frailty in enumerate(population.frailties)
    )
    thresholds = None
    if population.correlated is not None:
        deviates = population.correlated.draw(n_patients, rng=streams(CORRELATED))
        thresholds = thresholds_of(deviates)
    return Patients(
        population=population,
        levels=levels,
        numbers=numbers,
        frailties=tuple(frailties),
        thresholds=thresholds,
        screened=screened,
    )


def _draw_numbers(
    population: Population,
    acting: set[str],
    levels: Mapping[str, IntArray],
    shape: tuple[int, int],
    streams: Streams,
) -> dict[str, FloatArray]:
    """Return everybody's covariates, coded factors and, where it acts, weight."""
    numbers = {
        name: covariate.draw(shape, rng=streams(f"covariate {name}"))
        for name, covariate in population.covariates.items()
    }
    for name, codes in population.codes.items():
        code = np.array([codes[level] for level in population.factors[name]], dtype=float)
        numbers[name] = code[levels[name]]
    acting = acting | {effect.covariate for effect in population.effects}
    acting |= {cut.covariate for cut in population.cuts.values()}
    if WEIGHT in acting:
        weight = population.draw_weight(shape[0] * shape[1], rng=streams("weight"))
        numbers[WEIGHT] = weight.reshape(shape)
    return numbers
