r"""Graphical procedures: hypotheses that pass their alpha on when they are rejected.

Bretz, Maurer, Brannath and Posch (2009), *Statistics in Medicine* 28:586, Algorithm 1. On
rejection of :math:`j` each other weight becomes :math:`w_i + w_j g_{ji}`, and each transition
:math:`(g_{il} + g_{ij} g_{jl}) / (1 - g_{ij} g_{ji})`, or 0 where the denominator is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.multiplicity.p_values import checked_p_values, checked_weights
from lupusim.arrays import BoolArray, FloatArray, read_only


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
        If a weight or a transition is out of range, or the shapes differ.

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
    """

    def __init__(self, graph: Graph, n_replicates: int) -> None:
        n_hypotheses = graph.weights.size
        self.weights: FloatArray = np.tile(graph.weights, (n_replicates, 1))
        self.open: BoolArray = np.ones((n_replicates, n_hypotheses), dtype=bool)
        self._transitions: FloatArray = np.tile(graph.transitions, (n_replicates, 1, 1))

    def reject(self, replicate: np.ndarray, hypothesis: np.ndarray) -> None:
        """Reject one hypothesis in each of some trials and pass its weight on."""
        here = np.arange(replicate.size)
        before = self._transitions[replicate]
        leaving, arriving = before[here, hypothesis], before[here, :, hypothesis]
        passed = self.weights[replicate, hypothesis][:, None] * leaving
        self.weights[replicate] += passed
        self.weights[replicate, hypothesis] = 0.0
        loop = 1 - arriving * leaving
        with np.errstate(divide="ignore", invalid="ignore"):
            after = (before + arriving[:, :, None] * leaving[:, None, :]) / loop[:, :, None]
        after = np.where(loop[:, :, None] > 1e-12, after, 0.0)
        n_hypotheses = after.shape[-1]
        after[:, np.arange(n_hypotheses), np.arange(n_hypotheses)] = 0.0
        after[here, hypothesis, :] = 0.0
        after[here, :, hypothesis] = 0.0
        self._transitions[replicate] = after
        self.open[replicate, hypothesis] = False


def holm_graph(n_hypotheses: int) -> Graph:
    """Return the graph of Holm's procedure: each shares its weight equally among the others.

    Raises
    ------
    ValueError
        If there are fewer than 2 hypotheses.
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
    """
    return Graph(weights=np.asarray(weights, dtype=float), transitions=np.eye(len(weights), k=1))
