"""Who is in the trial: stratification factors, covariates, weight, frailty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial.population.correlated import CorrelatedOutcomes
from lupusim.trial.population.covariates import (
    WEIGHT,
    Covariate,
    CovariateEffect,
    Cut,
    Frailty,
    normal_nodes_above,
)
from lupusim.trial.population.drift import Drift
from lupusim.trial.population.screening import SCORES, Screening


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The patients a trial enrolls.

    Parameters
    ----------
    factors : mapping of str to mapping of str to float
        Stratification factors, such as ``{"nephritis": {"yes": 0.5, "no": 0.5}}``: the
        share of patients at each level; factors are independent of each other.
    weight_mean, weight_sd : float
        Body weight, kg; the cells of an infusion are counted by it.
    covariates : mapping of str to Covariate
        Numbers that patients bring along, independent of each other and of the factors.
        Those that the model of the disease knows by name act as it says.
    codes : mapping of str to mapping of str to float
        For factors that also act as a covariate: the number of each level.
    effects : tuple of CovariateEffect
        Hazard ratios on top of the model's own covariates.
    frailties : tuple of Frailty
        What else multiplies hazards, drawn for each patient.
    screening : Screening or None
        How candidates are let in; SLEDAI and BILAG at entry are then covariates as well.
    cuts : mapping of str to Cut
        Further factors, made of covariates.
    drift : tuple of Drift
        Hazard ratios by the date of randomization.
    correlated : CorrelatedOutcomes or None
        Which outcomes of a patient are correlated; None where none are.

    Examples
    --------
    >>> Population(factors={"nephritis": {"yes": 0.4, "no": 0.6}}).weight_mean
    60.0
    """

    factors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    weight_mean: float = 60.0
    weight_sd: float = 0.0
    covariates: Mapping[str, Covariate] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    effects: tuple[CovariateEffect, ...] = ()
    frailties: tuple[Frailty, ...] = ()
    screening: Screening | None = None
    cuts: Mapping[str, Cut] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    correlated: CorrelatedOutcomes | None = None

    def __post_init__(self) -> None:
        for name, levels in self.factors.items():
            if not (abs(sum(levels.values()) - 1) <= 1e-9 and min(levels.values()) >= 0):
                raise ValueError(f"shares of {name!r} must be 0 or above and sum to 1: {levels}")
        if not (self.weight_mean > 0 and self.weight_sd >= 0):
            raise ValueError(
                f"weight_mean={self.weight_mean!r} must be above 0, "
                f"weight_sd={self.weight_sd!r} 0 or above"
            )
        if taken := sorted({WEIGHT, *SCORES, *self.level_names} & set(self.covariates)):
            raise ValueError(f"covariates {taken} bear a name that has a meaning already")
        if taken := sorted(set(self.cuts) & {WEIGHT, *SCORES, *self.factors}):
            raise ValueError(f"cuts {taken} bear a name that has a meaning already")

    def without_arms(self) -> Population:
        """Return the same population without the effects that act on one arm alone."""
        if all(effect.arm is None for effect in self.effects):
            return self
        return replace(self, effects=tuple(e for e in self.effects if e.arm is None))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of everything about a patient that is a number."""
        coded = (name for name in self.codes if name in self.factors)
        return (*self.covariates, *coded, *(SCORES if self.screening else ()), WEIGHT)

    @property
    def screened_numbers(self) -> tuple[str, ...]:
        """Names of the numbers whose distribution a screening decides."""
        return SCORES if self.screening else ()

    def spread_of(self, name: str) -> float:
        """Return the standard deviation of a number that is drawn; 0 for a coded factor."""
        if name == WEIGHT:
            return self.weight_sd
        return self.covariates[name].sd if name in self.covariates else 0.0

    def mean_of(self, name: str) -> float:
        """Return the mean of a number that is drawn."""
        return self.weight_mean if name == WEIGHT else self.covariates[name].mean

    def nodes_of(self, name: str, n_nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return values and weights, (n_nodes,) each, that stand for a number that is drawn."""
        if name != WEIGHT:
            return self.covariates[name].nodes(n_nodes)
        floor = -self.weight_mean / (2 * self.weight_sd)  # as `draw_weight` has it
        return normal_nodes_above(floor, n_nodes, self.weight_mean, self.weight_sd)

    @property
    def level_names(self) -> dict[str, tuple[str, ...]]:
        """The levels of every factor, drawn or made of a covariate."""
        drawn = {name: tuple(levels) for name, levels in self.factors.items()}
        return drawn | {name: cut.levels for name, cut in self.cuts.items()}

    def draw_levels(
        self, shape: tuple[int, int], *, rng: np.random.Generator
    ) -> dict[str, IntArray]:
        """Return the level of every patient for each factor, shape (n_replicates, n_patients)."""
        drawn = {}
        for name, levels in self.factors.items():
            edges = np.cumsum(list(levels.values()))
            drawn[name] = np.searchsorted(edges / edges[-1], rng.random(shape), side="right")
        return drawn

    def draw_weight(self, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return body weights (kg), normal but never below half the mean, shape (n_patients,)."""
        weight = self.weight_mean + self.weight_sd * rng.standard_normal(n_patients)
        return np.maximum(weight, self.weight_mean / 2)

    def stratum(
        self, levels: Mapping[str, IntArray], names: Sequence[str], shape: tuple[int, int]
    ) -> IntArray:
        """Return the number of each patient's stratum, made of the named factors' levels."""
        stratum: IntArray = np.broadcast_to(np.intp(0), shape)
        for name in names:
            stratum = stratum * len(self.level_names[name]) + levels[name]
        return stratum
