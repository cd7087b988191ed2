"""Questions to the exact solution at given times: occupancy, first passage, and after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.engines.exact.law import known_state, laws
from lupusim.engines.exact.solution import (
    DEFAULT_TOLERANCE,
    SMALLEST_TOLERANCE,
    check_effort,
    checked_times,
    mixture,
    solve,
    solve_law,
)
from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel

if TYPE_CHECKING:
    import pandas as pd


def occupancy(
    model: MultiStateModel,
    times: ArrayLike,
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    n_steps: int | None = None,
    covariates: Mapping[str, float] | None = None,
    start: str | None = None,
) -> pd.DataFrame:
    """Return a table of the probability of being in each state at each time.

    Parameters and errors are those of :func:`solve`.

    Returns
    -------
    pandas.DataFrame
        Index ``study_time`` (years since randomization), a column per state.

    Examples
    --------
    >>> import lupusim
    >>> lupusim.occupancy("illness-death", [5.0]).round(3).iloc[0].tolist()
    [0.588, 0.243, 0.169]
    """
    import pandas as pd

    solution = solve(
        model, times, tolerance=tolerance, n_steps=n_steps, covariates=covariates, start=start
    )
    index = pd.Index(solution.times, name="study_time")
    return pd.DataFrame(solution.probabilities.copy(), index=index, columns=list(model.states))


def ever(  # noqa: PLR0913 - who, where, when, and how well
    model: MultiStateModel,
    states: str | Iterable[str],
    times: ArrayLike,
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    n_steps: int | None = None,
    covariates: Mapping[str, float] | None = None,
    start: str | None = None,
) -> FloatArray:
    """Return the probability of having been in a set of states by each time.

    Patients are followed until they enter one of the states; starting there counts.

    Parameters
    ----------
    model : MultiStateModel
        Any states, hazards and clocks.
    states : str or iterable of str
        A state, or several.
    times : (n_times,) array
        Study times, years since randomization, 0 or above.
    tolerance : float
        Absolute error allowed for every probability.
    n_steps : int or None
        A fixed number of steps, as in :func:`solve`.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.
    start : str or None
        State that everybody enters at time 0; None for the model's own starts.

    Returns
    -------
    (n_times,) array

    Raises
    ------
    ValueError
        If an argument is out of its range.
    NoExactSolutionError
        If the tolerance is not reached with the largest number of steps.

    Examples
    --------
    >>> import lupusim
    >>> lupusim.ever("illness-death", "death", [5.0]).round(3).tolist()
    [0.169]
    """
    wanted = state_numbers(model, states)
    study_times = checked_times(times)
    check_effort(tolerance, n_steps)
    parts = [
        (share, solve_law(law.stopped(wanted), study_times, tolerance=tolerance, n_steps=n_steps))
        for share, law in laws(model, covariates, start)
    ]
    return np.asarray(mixture(study_times, parts).probabilities[:, min(wanted)])


def ever_after(  # noqa: PLR0913 - the question itself has four parts
    model: MultiStateModel,
    first: str | Iterable[str],
    then: str | Iterable[str],
    times: ArrayLike,
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    n_steps: int | None = None,
    covariates: Mapping[str, float] | None = None,
) -> FloatArray:
    """Return, of those who have been in `first` by each time, who entered `then` afterwards.

    Parameters
    ----------
    model : MultiStateModel
        Any states, hazards and clocks.
    first, then : str or iterable of str
        A state, or several. Starting in `first` counts as having been there. A state in both
        sets counts as `then` when it is entered again, or from another state of `first`.
    times : (n_times,) array
        Study times, years since randomization, 0 or above.
    tolerance : float
        Absolute error allowed for every conditional probability.
    n_steps : int or None
        A fixed number of steps, as in :func:`solve`.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.

    Returns
    -------
    (n_times,) array
        NaN where nobody has been in `first` yet.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    NoExactSolutionError
        If so few have been in `first` that the tolerance cannot be reached.

    Examples
    --------
    >>> import lupusim
    >>> model = lupusim.load_model("illness-death")
    >>> ever_after(model, model.states[1], model.states[2], [5.0]).round(4).tolist()
    [0.1794]
    """
    begin, end = state_numbers(model, first), state_numbers(model, then)
    study_times = checked_times(times)
    check_effort(tolerance, n_steps)
    mixed = list(laws(model, covariates))
    n = len(model.states)
    allowed = tolerance
    while True:
        parts = [
            (
                share,
                solve_law(law.flagged(begin, end), study_times, tolerance=allowed, n_steps=n_steps),
            )
            for share, law in mixed
        ]
        solution = mixture(study_times, parts)
        both = solution.probabilities[:, 2 * n]
        condition = solution.probabilities[:, n:].sum(axis=1)
        known_well = condition > solution.error_bound
        smallest = float(condition[condition > 0].min(initial=1.0))
        # A ratio of probabilities below 1 is off by at most the sum of both errors over it.
        needed = tolerance * smallest / (n + 2)
        if n_steps is not None or solution.error_bound <= needed:
            return _ratio(both, condition, known_well)
        if allowed <= SMALLEST_TOLERANCE:
            if solution.error_bound <= tolerance * condition[known_well].min(initial=1.0) / (n + 2):
                return _ratio(both, condition, known_well)
            raise NoExactSolutionError(
                f"an absolute error below {tolerance:.3g} was asked of the probability after "
                f"{first!r}, but only {smallest:.3g} have been there at one of the times: "
                "leave that time out, or allow more."
            )
        allowed = max(min(needed, allowed / 2), SMALLEST_TOLERANCE)


def _ratio(both: FloatArray, condition: FloatArray, known: BoolArray) -> FloatArray:
    ratio = np.full(both.shape, np.nan)
    ratio[known] = np.clip(both[known] / condition[known], 0.0, 1.0)
    return ratio


def state_numbers(model: MultiStateModel, states: str | Iterable[str]) -> frozenset[int]:
    """Return the positions of states; raise ValueError for names the model lacks."""
    names = [states] if isinstance(states, str) else list(states)
    if not names:
        raise ValueError("states=[] must name at least one state")
    for name in names:
        known_state(model, name)
    return frozenset(model.index(name) for name in names)
