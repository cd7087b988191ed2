"""From a matrix or counts back to hazards: the closest generator, if there is any at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown
from lupusim.engines.exact.markov import exponentials
from lupusim.model import MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard

if TYPE_CHECKING:
    import pandas as pd

_SAME = 1e-8  # a matrix that a generator gives to this is taken as given by it
_LARGEST_RATE = 50.0  # per cycle
_NO_RATE = 1e-9
_MOST_STARTS = 5


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Generator(Shown):
    """The constant hazards whose matrix comes closest.

    Parameters
    ----------
    states : tuple of str
        The states.
    rates : (n_states, n_states) array
        Hazard per year of each way; rows sum to 0.
    matrix : (n_states, n_states) array
        What was given, as probabilities within a cycle.
    closest : (n_states, n_states) array
        The matrix that the hazards give.
    cycle : float
        Length of a cycle, years.
    reason : str
        Why no hazards give the matrix exactly; empty where they do.

    Examples
    --------
    >>> from lupusim.engines.exact import closest_generator
    >>> found = closest_generator([[0.9, 0.1], [0.0, 1.0]], 1.0)
    >>> found.rates[0].round(4).tolist()
    [-0.1054, 0.1054]
    """

    states: tuple[str, ...]
    rates: FloatArray
    matrix: FloatArray
    closest: FloatArray
    cycle: float
    reason: str

    @property
    def distance(self) -> float:
        """The largest difference between a probability and its closest."""
        return float(np.abs(self.closest - self.matrix).max())

    @property
    def exists(self) -> bool:
        """Whether constant hazards give the matrix."""
        return not self.reason

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        if self.exists:
            return "These constant hazards give the matrix."
        row, column = np.unravel_index(
            np.argmax(np.abs(self.closest - self.matrix)), self.matrix.shape
        )
        return (
            f"No continuous-time model with constant hazards gives this matrix: {self.reason}. "
            f"The closest is off by at most {self.distance:.4f}: {self.states[row]} -> "
            f"{self.states[column]} would be {self.closest[row, column]:.4f} within a cycle, "
            f"not {self.matrix[row, column]:.4f}."
        )

    def table(self) -> pd.DataFrame:
        """Return the rates as a table, from rows to columns."""
        import pandas as pd

        index = pd.Index(self.states, name="from_state")
        return pd.DataFrame(self.rates.copy(), index=index, columns=list(self.states))

    def model(self, name: str = "closest") -> MultiStateModel:
        """Return the continuous model with these hazards."""
        ways = np.argwhere(self.rates > _NO_RATE / self.cycle).tolist()
        return MultiStateModel(
            name=name,
            states=self.states,
            transitions=tuple(
                Transition(
                    from_state=self.states[i],
                    to_state=self.states[j],
                    hazard=ExponentialHazard(rate=float(self.rates[i, j])),
                )
                for i, j in ways
            ),
        )


def closest_generator(
    matrix: Sequence[Sequence[float]] | FloatArray, cycle: float, *, states: Sequence[str] = ()
) -> Generator:
    """Return the constant hazards that come closest to a transition matrix or to counts.

    Probabilities are met by least squares, counts (rows that sum to more than 1) by maximum
    likelihood. The matrix logarithm is tried first: where it is a generator, it is exact.

    Parameters
    ----------
    matrix : (n_states, n_states) array
        Probabilities within a cycle, or how many were seen to go from state to state.
    cycle : float
        Length of a cycle, years.
    states : sequence of str
        Their names.

    Raises
    ------
    ValueError
        If it is no square matrix of probabilities or counts.

    References
    ----------
    Israel, Rosenthal and Wei (2001), Mathematical Finance 11, 245-265, for what rules a
    generator out; Kalbfleisch and Lawless (1985), JASA 80, 863-871, for the likelihood.

    Examples
    --------
    >>> found = closest_generator([[0.9, 0.1], [0.0, 1.0]], cycle=1.0, states=("alive", "dead"))
    >>> found.exists, round(float(found.rates[0, 1]), 6)
    (True, 0.105361)
    """
    given = np.asarray(matrix, dtype=float)
    names = tuple(states) or tuple(f"state {k + 1}" for k in range(len(given)))
    _check(given, cycle, names)
    totals = given.sum(axis=1)
    counted = bool(np.any(totals > 1 + 1e-6))
    shares = given / np.where(totals > 0, totals, 1.0)[:, None]
    shares[totals == 0, totals == 0] = 1.0
    weights = given if counted else np.ones_like(given)
    exact = _logarithm(shares)
    rates = _fitted(shares, weights, counted) if exact is None else exact
    closest = exponentials(rates[None])[0]
    near = np.abs(closest - shares).max() < _SAME
    return Generator(
        states=names,
        rates=rates / cycle,
        matrix=shares,
        closest=closest,
        cycle=cycle,
        reason="" if near else _why_not(shares, names),
    )


def _check(given: FloatArray, cycle: float, names: tuple[str, ...]) -> None:
    if given.ndim != 2 or given.shape[0] != given.shape[1] or len(names) != len(given):
        raise ValueError(f"a matrix of shape {given.shape} must be square, a row for each state")
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise ValueError("every entry of the matrix must be a finite number, 0 or above")
    totals = given.sum(axis=1)
    if np.any((totals < 1 - 1e-6) & (totals > 0)):
        row = int(np.argmax((totals < 1 - 1e-6) & (totals > 0)))
        raise ValueError(
            f"the row of {names[row]!r} sums to {totals[row]:.6g}. Probabilities must sum to 1, "
            "counts to at least 1"
        )
    if not cycle > 0:
        raise ValueError(f"cycle={cycle!r} must be above 0 years")


def _logarithm(shares: FloatArray) -> FloatArray | None:
    """Return the principal logarithm where it is a generator, else None."""
    from scipy.linalg import logm

    if np.linalg.det(shares) <= 0:
        return None
    log = np.asarray(logm(shares))
    if np.iscomplexobj(log) and np.abs(log.imag).max() > _SAME:
        return None
    rates = np.array(log.real)
    off = ~np.eye(len(rates), dtype=bool)
    if not np.isfinite(rates).all() or rates[off].min(initial=0.0) < -_SAME:
        return None
    rates[off] = np.maximum(rates[off], 0.0)
    np.fill_diagonal(rates, 0.0)
    np.fill_diagonal(rates, -rates.sum(axis=1))
    near = np.abs(exponentials(rates[None])[0] - shares).max() < _SAME
    return rates if near else None


def _why_not(shares: FloatArray, names: tuple[str, ...]) -> str:
    """Return why no generator gives a matrix."""
    n = len(shares)
    ways = shares > 0
    reach: BoolArray = np.linalg.matrix_power(ways.astype(float) + np.eye(n), n) > 0
    for i, j in np.argwhere(reach & ~ways & ~np.eye(n, dtype=bool)).tolist():
        between = next((k for k in range(n) if k not in {i, j} and ways[i, k] and reach[k, j]), i)
        return (
            f"who can go from {names[i]} to {names[between]} and on to {names[j]} can do both "
            f"within one cycle, but the matrix has 0 for {names[i]} -> {names[j]}"
        )
    determinant = float(np.linalg.det(shares))
    if determinant <= 0:
        return f"its determinant {determinant:.4g} is not above 0"
    if determinant > np.diag(shares).prod() * (1 + 1e-9):
        return "its determinant is larger than the product of its diagonal"
    return _negative_rate(shares, names)


def _negative_rate(shares: FloatArray, names: tuple[str, ...]) -> str:
    """Return which hazard is negative in the logarithm, the only one if eigenvalues are real."""
    from scipy.linalg import logm

    off = np.where(np.eye(len(shares), dtype=bool), 0.0, np.real(logm(shares)))
    i, j = np.unravel_index(np.argmin(off), off.shape)
    only = "its only" if np.isreal(np.linalg.eigvals(shares)).all() else "its principal"
    return f"{only} logarithm has a hazard of {off[i, j]:.4f} a cycle for {names[i]} -> {names[j]}"


def _fitted(shares: FloatArray, weights: FloatArray, counted: bool) -> FloatArray:
    """Return the generator of one cycle that comes closest, from several starts."""
    from scipy.optimize import minimize

    n = len(shares)
    rows, columns = np.nonzero(~np.eye(n, dtype=bool) & (_open_ways(shares)))

    def generator(rates: FloatArray) -> FloatArray:
        full = np.zeros((n, n))
        full[rows, columns] = rates
        np.fill_diagonal(full, 0.0 - full.sum(axis=1))
        return full

    def badness(rates: FloatArray) -> float:
        got = exponentials(generator(rates)[None])[0]
        if counted:
            return float(-(weights * np.log(np.maximum(got, 1e-300))).sum() / weights.sum())
        return float(((got - shares) ** 2).sum())

    first = np.minimum(shares[rows, columns] / np.maximum(np.diag(shares)[rows], 0.05), 20.0)
    best: FloatArray = first
    for start in range(_MOST_STARTS):
        begin = best * (0.6 + 0.4 * start) if start < _MOST_STARTS - 1 else best
        found = minimize(
            badness,
            begin,
            method="L-BFGS-B",
            bounds=[(0.0, _LARGEST_RATE)] * rows.size,
            options={"maxiter": 2000, "maxfun": 100_000, "ftol": 1e-15, "gtol": 1e-10},
        )
        if badness(found.x) <= badness(best):
            best = np.asarray(found.x)
    return generator(best)


def _open_ways(shares: FloatArray) -> BoolArray:
    """Return the ways that may have a rate: who never leaves a state has none."""
    leaves = 1 - np.diag(shares) > _NO_RATE
    return np.broadcast_to(leaves[:, None], shares.shape)
