"""State occupancy probabilities of any model, with a stated error bound."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from lupusim.common.arrays import BoolArray, FloatArray, read_only
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown
from lupusim.engines.exact.control import Grid, Level, once, refine
from lupusim.engines.exact.law import Law, laws
from lupusim.engines.exact.marching import MarchingGrid
from lupusim.engines.exact.markov import MarkovGrid
from lupusim.engines.exact.renewal import RenewalGrid
from lupusim.model import MultiStateModel

DEFAULT_TOLERANCE = 1e-6
SMALLEST_TOLERANCE = 1e-9
"""What rounding leaves of double precision at the ends of long computations."""

CALIBRATION_STEPS = 256
"""Steps for repeated evaluations: errors below 1e-5 on five states, eleven Weibull transitions
and ten years, in under 3 ms (benchmarks/exact.py)."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Solution(Shown):
    """Occupancy probabilities and how far they can be trusted.

    Parameters
    ----------
    times : (n_times,) array
        Study times, years since randomization.
    probabilities : (n_times, n_states) array
        Probability of being in each state.
    error_bound : float
        Bound of the absolute error of every probability.
    n_steps : int
        Steps of the finest grid; 0 where none was needed.
    method : str
        Which equations were solved.

    Examples
    --------
    >>> import lupusim
    >>> from lupusim.engines.exact import solve
    >>> solve(lupusim.load_model("illness-death"), [1.0]).error_bound < 1e-6
    True
    """

    times: FloatArray
    probabilities: FloatArray
    error_bound: float
    n_steps: int
    method: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", read_only(self.times))
        object.__setattr__(self, "probabilities", read_only(self.probabilities))


def solve(
    model: MultiStateModel,
    times: ArrayLike,
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    n_steps: int | None = None,
    covariates: Mapping[str, float] | None = None,
    start: str | None = None,
) -> Solution:
    """Return the probability of being in each state at each time.

    Parameters
    ----------
    model : MultiStateModel
        Any states, hazards and clocks.
    times : (n_times,) array
        Study times, years since randomization, 0 or above, in any order.
    tolerance : float
        Absolute error allowed for every probability.
    n_steps : int or None
        A fixed number of steps up to the last time, at fixed cost, whatever the error;
        :data:`CALIBRATION_STEPS` suits repeated evaluations. The bound then comes from half
        and a quarter of the steps, and cannot see stays far shorter than a step. Default: as
        many as `tolerance` needs.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.
    start : str or None
        State that everybody enters at time 0, also one that nobody else reaches; None for the
        model's own starts.

    Returns
    -------
    Solution
        Probabilities with their error bound.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    NoExactSolutionError
        If the tolerance is not reached with the largest number of steps, or if a restarted
        treatment clock matters.

    Examples
    --------
    >>> from lupusim.model import MultiStateModel, Transition
    >>> from lupusim.model.hazards import WeibullHazard
    >>> hazard = WeibullHazard(shape=1.5, scale=2.0)
    >>> death = Transition(from_state="alive", to_state="dead", hazard=hazard)
    >>> model = MultiStateModel(name="survival", states=("alive", "dead"), transitions=(death,))
    >>> solve(model, [1.0]).probabilities.round(6).tolist()
    [[0.702189, 0.297811]]
    """
    study_times = checked_times(times)
    check_effort(tolerance, n_steps)
    parts = [
        (share, solve_law(law, study_times, tolerance=tolerance, n_steps=n_steps))
        for share, law in laws(model, covariates, start)
    ]
    return mixture(study_times, parts)


def mixture(times: FloatArray, parts: list[tuple[float, Solution]]) -> Solution:
    """Return the solution of a mixture of latent classes."""
    total = sum(share for share, _ in parts)
    probabilities = sum(share / total * part.probabilities for share, part in parts)
    return Solution(
        times=times,
        probabilities=np.asarray(probabilities),
        error_bound=float(sum(share / total * part.error_bound for share, part in parts)),
        n_steps=max(part.n_steps for _, part in parts),
        method=" and ".join(sorted({part.method for _, part in parts})),
    )


def checked_times(times: ArrayLike) -> FloatArray:
    """Return the times as a (n_times,) array; raise ValueError unless finite, 0 or above."""
    study_times = np.atleast_1d(np.asarray(times, dtype=float))
    if study_times.ndim != 1 or not np.all(np.isfinite(study_times) & (study_times >= 0)):
        raise ValueError(f"times={times!r} must be finite numbers of years, 0 or above")
    return study_times


def check_effort(tolerance: float, n_steps: int | None) -> None:
    """Raise ValueError unless tolerance and number of steps are in their ranges."""
    if not tolerance >= SMALLEST_TOLERANCE:
        raise ValueError(
            f"tolerance={tolerance!r} must be at least {SMALLEST_TOLERANCE}: rounding adds as much"
        )
    if n_steps is not None and not n_steps >= 8:
        raise ValueError(f"n_steps={n_steps!r} must be at least 8")


def solve_law(
    law: Law, times: FloatArray, *, tolerance: float, n_steps: int | None = None
) -> Solution:
    """Return the solution for one kind of patient."""
    distinct, place = np.unique(times, return_inverse=True)
    probabilities = np.tile(law.start, (distinct.size, 1))
    bound, finest, method = 0.0, 0, "nobody moves"
    waiting = np.flatnonzero(distinct > 0) if law.arcs else np.array([], dtype=int)
    while waiting.size:
        grid = grid_for(law, distinct[waiting])
        level, known = _evaluate(grid, tolerance, n_steps)
        probabilities[waiting[known]] = level.probabilities[known]
        bound = max(bound, float(level.bound[known].max()))
        finest, method = max(finest, level.n_steps), grid.method
        waiting = waiting[~known]
    return Solution(
        times=times,
        probabilities=probabilities[place],
        error_bound=bound,
        n_steps=finest,
        method=method,
    )


def _evaluate(grid: Grid, tolerance: float, n_steps: int | None) -> tuple[Level, BoolArray]:
    if n_steps is None:
        return refine(grid, tolerance)
    return once(grid, n_steps), np.ones(grid.times.size, dtype=bool)


def grid_for(law: Law, times: FloatArray) -> Grid:
    """Return the method that fits the law's hazards."""
    if law.is_on_two_clocks:
        return MarchingGrid(law=law, times=times)
    if all(arc.is_markov for arc in law.arcs):
        return MarkovGrid(law=law, times=times)
    return RenewalGrid(law=law, times=times)
