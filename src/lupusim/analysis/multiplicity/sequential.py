"""Graphical procedures over the looks of a group-sequential trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.group_sequential.bounds import bounds
from lupusim.analysis.group_sequential.spending import Spending, named_spending
from lupusim.analysis.multiplicity.graph import Graph, GraphState
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialRejections:
    """Which hypotheses are rejected, and when.

    Parameters
    ----------
    look : (n_replicates, n_hypotheses) integer array
        Look at which each was rejected, counted from 1; 0 where it never was.

    Examples
    --------
    >>> import numpy as np
    >>> SequentialRejections(look=np.array([[1, 0]])).look.tolist()
    [[1, 0]]
    """

    look: IntArray

    @property
    def rejected(self) -> BoolArray:
        """Which hypotheses are rejected by the last look."""
        return self.look > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialGraph:
    """A graph whose hypotheses are each tested by a spending function over the looks.

    At every look a hypothesis with weight w is tested with the bounds that spend w * alpha. A
    rejection passes weight on at once, so it may bring others at the same look; what an earlier
    look showed is not used again.

    Parameters
    ----------
    graph : Graph
        Weights and transitions.
    information : (n_looks,) or (n_hypotheses, n_looks) array-like
        Information of the looks; in rows if the hypotheses differ; NaN where a hypothesis is not
        tested at a look.
    alpha : float
        Family-wise one-sided error.
    spending : name or spending function, or a sequence of one for each hypothesis
        How each hypothesis spends.
    maximum_information : float or None
        Information planned for the last look, where it is still to come or differs; looks so far
        then spend by their fraction of it. None lets the last look given spend everything.

    Raises
    ------
    ValueError
        If the shapes differ or the bounds cannot be found.

    References
    ----------
    Maurer and Bretz (2013), *Statistics in Biopharmaceutical Research* 5:311, Algorithm 1.

    Examples
    --------
    >>> from lupusim.analysis.multiplicity import holm_graph
    >>> design = SequentialGraph(graph=holm_graph(2), information=[1, 2])
    >>> design.alpha
    0.025
    """

    graph: Graph
    information: ArrayLike
    alpha: float = 0.025
    spending: str | Spending | Sequence[str | Spending] = "obrien_fleming"
    maximum_information: float | None = None

    def rejections(self, p_value: ArrayLike) -> SequentialRejections:
        """Return what is rejected and when.

        Parameters
        ----------
        p_value : (n_replicates, n_hypotheses, n_looks) or (n_hypotheses, n_looks) array-like
            One-sided p-values from all patients up to each look; NaN where not tested.

        Raises
        ------
        ValueError
            If the shape differs from the design's.
        """
        information, rules = self._design()
        p = np.asarray(p_value, dtype=float)
        if p.ndim not in (2, 3) or p.shape[-2:] != information.shape:
            raise ValueError(
                f"p_value has shape {p.shape}, not (n_replicates, {information.shape[0]}, "
                f"{information.shape[1]})"
            )
        several = p.reshape(-1, *information.shape)
        state = GraphState(self.graph, len(several))
        levels = _Levels(information, rules, (self.alpha, self.maximum_information))
        found = np.zeros(several.shape[:2], dtype=np.intp)
        for look in range(information.shape[1]):
            _reject_at(look, several[:, :, look], levels, state, found)
        return SequentialRejections(look=found.reshape(p.shape[:-1]))

    def _design(self) -> tuple[FloatArray, list[Spending]]:
        n_hypotheses = self.graph.weights.size
        information = np.atleast_2d(np.asarray(self.information, dtype=float))
        if information.shape[0] == 1:
            information = np.repeat(information, n_hypotheses, axis=0)
        given: Sequence[str | Spending]
        if isinstance(self.spending, str) or not isinstance(self.spending, Sequence):
            given = [self.spending] * n_hypotheses
        else:
            given = self.spending
        if information.shape[0] != n_hypotheses or len(given) != n_hypotheses:
            raise ValueError(
                f"information={self.information!r} and spending={self.spending!r} must be one for "
                f"all {n_hypotheses} hypotheses, or one for each"
            )
        rules = [named_spending(one) if isinstance(one, str) else one for one in given]
        return information, rules


def _reject_at(
    look: int, p: FloatArray, levels: _Levels, state: GraphState, found: IntArray
) -> None:
    """Reject all that can be rejected at one look, one hypothesis at a time in each trial."""
    active = np.arange(len(p))
    while active.size:
        level = np.zeros((active.size, p.shape[1]))
        for hypothesis in range(p.shape[1]):
            level[:, hypothesis] = levels.at(look, hypothesis, state.weights[active, hypothesis])
        with np.errstate(invalid="ignore"):
            below = state.open[active] & (p[active] <= level * (1 + _ROUNDING)) & (level > 0)
        some = below.any(axis=1)
        active, chosen = active[some], below[some].argmax(axis=1)
        state.reject(active, chosen)
        found[active, chosen] = look + 1


class _Levels:
    """Nominal levels of each look and hypothesis, computed once for each weight met."""

    def __init__(
        self,
        information: FloatArray,
        rules: list[Spending],
        design: tuple[float, float | None],
    ) -> None:
        self.information, self.rules = information, rules
        self.alpha, self.maximum = design
        self.known: dict[tuple[int, float], FloatArray] = {}

    def at(self, look: int, hypothesis: int, weight: FloatArray) -> FloatArray:
        distinct, of_replicate = np.unique(weight.round(14), return_inverse=True)
        levels = [self._levels(hypothesis, float(one))[look] for one in distinct]
        return np.array(levels)[of_replicate]

    def _levels(self, hypothesis: int, weight: float) -> FloatArray:
        if weight <= 0:
            return np.zeros(self.information.shape[1])
        if (hypothesis, weight) not in self.known:
            self.known[hypothesis, weight] = self._computed(hypothesis, weight)
        return self.known[hypothesis, weight]

    def _computed(self, hypothesis: int, weight: float) -> FloatArray:
        looks = self.information[hypothesis]
        planned = looks
        if self.maximum is not None and np.nanmax(looks) < self.maximum:
            planned = np.append(looks, self.maximum)  # the last look is still to come
        design = bounds(
            planned[None, :],
            weight * self.alpha,
            spending=self.rules[hypothesis],
            maximum_information=self.maximum,
        )
        return design.stage_p_value[0, : looks.size]
