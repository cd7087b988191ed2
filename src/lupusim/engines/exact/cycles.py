"""The transition matrices of a continuous model, at any cycle length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.engines.exact.law import Arc, Law, laws
from lupusim.engines.exact.markov import MarkovGrid
from lupusim.engines.exact.solution import DEFAULT_TOLERANCE
from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel
from lupusim.model.cycles import CohortModel, Move


def in_cycles(
    model: MultiStateModel,
    cycle: float,
    *,
    n_cycles: int = 1,
    covariates: Mapping[str, float] | None = None,
) -> CohortModel:
    """Return the cohort model whose states after each cycle are those of a continuous model.

    Parameters
    ----------
    model : MultiStateModel
        Its hazards may depend on study time, but not on time in the state.
    cycle : float
        Length of a cycle, years.
    n_cycles : int
        Cycles whose matrices differ; 1 where hazards are constant.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.

    Raises
    ------
    NoExactSolutionError
        If hazards run on time in the state or there are latent classes: a matrix has no memory.
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import lupusim
    >>> monthly = lupusim.in_cycles(lupusim.load_model("survival"), 1 / 12)
    >>> monthly.moves[0].probabilities[0].__round__(6)
    0.056126
    """
    if not cycle > 0 or n_cycles < 1:
        raise ValueError(f"cycle={cycle!r} must be above 0 years, n_cycles={n_cycles!r} at least 1")
    grid = MarkovGrid(
        law=_memoryless(model, covariates), times=cycle * np.arange(1.0, n_cycles + 1)
    )
    return CohortModel(
        name=model.name,
        states=model.states,
        cycle=cycle,
        moves=_moves(model.states, _matrices(grid)),
        starts=model.starts,
        description=model.description,
        source=model.source,
    )


def _memoryless(model: MultiStateModel, covariates: Mapping[str, float] | None) -> Law:
    found = [law for _, law in laws(model, covariates)]
    fix = "Use occupancy, or simulate"
    if len(found) > 1:
        names = ", ".join(c.name for c in model.classes)
        raise NoExactSolutionError(
            f"model {model.name!r} has latent classes ({names}): who is still in a state says "
            f"something about the class, so that no matrix moves them all. {fix}."
        )
    arcs: set[Arc] = set()
    for state in model.states:
        for _, law in laws(model, covariates, state):
            arcs |= set(law.arcs)
    for arc in arcs:
        if not arc.is_markov:
            label = f"{model.states[arc.begin]} -> {model.states[arc.end]}"
            raise NoExactSolutionError(
                f"the hazard of {label} in model {model.name!r} runs on time in the state, which "
                f"a matrix does not remember. {fix}, or give it 'clock: forward'."
            )
    in_order = tuple(sorted(arcs, key=lambda arc: (arc.begin, arc.end)))
    return replace(found[0], arcs=in_order)


def _matrices(grid: MarkovGrid) -> FloatArray:
    """Halve the step until the matrices (n_cycles, n_states, n_states) stand still."""
    n_steps = grid.first_steps
    coarse = grid.matrices(n_steps)
    if grid.is_exact:
        return coarse
    while n_steps < grid.largest_steps:
        n_steps *= 2
        fine = grid.matrices(n_steps)
        if np.abs(fine - coarse).max() < DEFAULT_TOLERANCE:
            return fine
        coarse = fine
    raise NoExactSolutionError(
        f"the matrices are not known to {DEFAULT_TOLERANCE:.0e} with {n_steps} steps"
    )


def _moves(states: tuple[str, ...], matrices: FloatArray) -> tuple[Move, ...]:
    return tuple(
        Move(from_state=begin, to_state=end, probabilities=tuple(matrices[:, i, j].tolist()))
        for (i, begin), (j, end) in product(enumerate(states), enumerate(states))
        if i != j and matrices[:, i, j].any()
    )
