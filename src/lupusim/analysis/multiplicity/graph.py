r"""Graphical procedures: hypotheses that pass their alpha on when they are rejected.

Bretz, Maurer, Brannath and Posch (2009), *Statistics in Medicine* 28:586, Algorithm 1. On
rejection of :math:`j` each other weight becomes :math:`w_i + w_j g_{ji}`, and each transition
:math:`(g_{il} + g_{ij} g_{jl}) / (1 - g_{ij} g_{ji})`, or 0 where the denominator is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.multiplicity.p_values import checked_p_values, checked_weights
from lupusim.common.arrays import BoolArray, FloatArray, read_only
from lupusim.common.frozen import dataclass

_LARGEST_DENOMINATOR = 1_000_000
_ROUNDING = 2e-16
_LEAST_EDGE = 1e-13  # beside 1, less is lost when it is written down


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Weights of hypotheses, and where the weight of each goes on rejection.

    Parameters
    ----------
    weights : (n_hypotheses,) array-like
        Share of alpha of each at the start, at most 1 in all.
    transitions : (n_hypotheses, n_hypotheses) array-like
        Row j: shares of the weight of j that go to the others; zeros on the diagonal, at most 1
        in all.

    Raises
    ------
    ValueError
        If a weight or a transition is out of range or too small, or the shapes differ.

    Examples
    --------
    >>> Graph(weights=(0.5, 0.5), transitions=((0, 1), (1, 0))).adjusted([0.01, 0.02]).tolist()
    [0.02, 0.02]
    """

    weights: FloatArray
    transitions: FloatArray

    def __post_init__(self) -> None:
        transitions = np.asarray(self.transitions, dtype=float)
        n_hypotheses = np.size(self.weights)
        weights = checked_weights(list(np.ravel(self.weights)), n_hypotheses)
        if transitions.shape != (n_hypotheses, n_hypotheses) or np.any(np.diag(transitions) != 0):
            raise ValueError(
                f"transitions={transitions.tolist()!r} must be {n_hypotheses} rows of "
                f"{n_hypotheses} with zeros on the diagonal"
            )
        if not np.all(transitions >= 0) or np.any(transitions.sum(axis=1) > 1 + 1e-9):
            raise ValueError(
                f"transitions={transitions.tolist()!r} must not be below 0, nor above 1 in a row"
            )
        given = np.append(weights, transitions)
        if np.any((given > 0) & (given < _LEAST_EDGE)):
            raise ValueError(
                f"weights and transitions must be 0 or at least {_LEAST_EDGE:g}: beside 1, less is "
                "lost by rounding"
            )
        object.__setattr__(self, "weights", read_only(weights))
        object.__setattr__(self, "transitions", read_only(transitions))

    def adjusted(self, p_value: ArrayLike) -> FloatArray:
        """Return adjusted p-values: the smallest family-wise error that rejects each hypothesis.

        Parameters
        ----------
        p_value : (..., n_hypotheses) array-like
            NaN counts as 1.
        """
        p = checked_p_values(p_value)
        rows = p.reshape(-1, p.shape[-1])
        state = GraphState(self, len(rows))
        adjusted, so_far = np.ones_like(rows), np.zeros(len(rows))
        every = np.arange(len(rows))
        for _ in range(rows.shape[1]):
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(state.weights > 0, rows / state.weights, np.inf)
            chosen = np.where(state.open, ratio, np.inf).argmin(axis=1)
            reached = np.where(state.open[every, chosen], ratio[every, chosen], np.inf)
            so_far = np.minimum(np.maximum(so_far, reached), 1.0)
            some = np.isfinite(reached)  # elsewhere nothing is left that could be tested
            adjusted[every[some], chosen[some]] = so_far[some]
            state.reject(every[some], chosen[some])
        return adjusted.reshape(p.shape)


class GraphState:
    """Graphs of many trials, of which each has rejected hypotheses of its own.

    Attributes
    ----------
    weights : (n_replicates, n_hypotheses) array
        Present weights; 0 for what is rejected.
    open : (n_replicates, n_hypotheses) boolean array
        What is not rejected yet.

    Examples
    --------
    >>> import numpy as np
    >>> state = GraphState(holm_graph(2), 1)
    >>> state.weights.tolist()
    [[0.5, 0.5]]
    """

    def __init__(self, graph: Graph, n_replicates: int) -> None:
        self._after = _exact(tuple(graph.weights.tolist()), graph.transitions.tobytes())
        self.weights: FloatArray = np.tile(graph.weights, (n_replicates, 1))
        self.open: BoolArray = np.ones(self.weights.shape, dtype=bool)

    def reject(self, replicate: np.ndarray, hypothesis: np.ndarray) -> None:
        """Reject one hypothesis in each of some trials and pass its weight on."""
        self.open[replicate, hypothesis] = False
        left, trial = np.unique(self.open[replicate], axis=0, return_inverse=True)
        weights = [self._after.weights(np.flatnonzero(~one).tolist()) for one in left]
        if weights:
            self.weights[replicate] = np.array(weights)[trial.ravel()]


_Left = tuple[list[Fraction], list[list[Fraction]]]
"""Weights and transitions."""


class _ExactGraph:
    """What is left of a graph once some hypotheses are rejected, in whatever order, as fractions.

    Rounding would lose the weight that goes round a loop through a small edge: there 1 minus the
    product of the edges is as small as the edge.
    """

    def __init__(self, weights: tuple[float, ...], transitions: FloatArray) -> None:
        rows = [[_fraction(edge) for edge in row] for row in transitions.tolist()]
        rows = [[edge / max(sum(row), Fraction(1)) for edge in row] for row in rows]
        start = [_fraction(one) for one in weights], rows
        self._known: dict[tuple[int, ...], _Left] = {(): start}

    def weights(self, rejected: list[int]) -> list[float]:
        """Return the weights once these are rejected."""
        return [float(weight) for weight in self._left(tuple(rejected))[0]]

    def _left(self, rejected: tuple[int, ...]) -> _Left:
        if rejected not in self._known:
            before = self._left(rejected[:-1])
            self._known[rejected] = _passed_on(*before, rejected[-1])
        return self._known[rejected]


def _passed_on(weights: list[Fraction], edges: list[list[Fraction]], j: int) -> _Left:
    """Return the graph without hypothesis j."""
    nothing, every = Fraction(0), range(len(weights))

    def edge(i: int, k: int) -> Fraction:
        loop = 1 - edges[i][j] * edges[j][i]
        if j in (i, k) or i == k or loop == 0:
            return nothing
        return (edges[i][k] + edges[i][j] * edges[j][k]) / loop

    after = [nothing if i == j else weights[i] + weights[j] * edges[j][i] for i in every]
    return after, [[edge(i, k) for k in every] for i in every]


def _fraction(number: float) -> Fraction:
    """Return the number that a file means: a third for what is a third but for rounding."""
    simple = Fraction(number).limit_denominator(_LARGEST_DENOMINATOR)
    return simple if abs(float(simple) - number) <= _ROUNDING * number else Fraction(repr(number))


@lru_cache(maxsize=32)
def _exact(weights: tuple[float, ...], transitions: bytes) -> _ExactGraph:
    rows = np.frombuffer(transitions).reshape(len(weights), len(weights))
    return _ExactGraph(weights, rows)


def holm_graph(n_hypotheses: int) -> Graph:
    """Return the graph of Holm's procedure: each shares its weight equally among the others.

    Raises
    ------
    ValueError
        If there are fewer than 2 hypotheses.

    Examples
    --------
    >>> holm_graph(2).weights.tolist()
    [0.5, 0.5]
    """
    if n_hypotheses < 2:
        raise ValueError(f"n_hypotheses={n_hypotheses!r} must be at least 2")
    others = (1 - np.eye(n_hypotheses)) / (n_hypotheses - 1)
    return Graph(weights=np.full(n_hypotheses, 1 / n_hypotheses), transitions=others)


def fallback_graph(weights: Sequence[float]) -> Graph:
    """Return the graph of the fallback procedure: each passes its weight to the next in order.

    Weights ``(1, 0, 0, ...)`` are the fixed sequence.

    References
    ----------
    Wiens (2003), *Pharmaceutical Statistics* 2:211; Bretz et al. (2009), section 3.

    Examples
    --------
    >>> fallback_graph([0.5, 0.5]).transitions.tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    return Graph(weights=np.asarray(weights, dtype=float), transitions=np.eye(len(weights), k=1))
