"""Procedures that hold the family-wise error of several hypotheses, at one look or many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np

from lupusim.analysis.group_sequential import BySpending, EfficacyRule, LanDeMetsOBrienFleming
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity import (
    Graph,
    GraphState,
    bonferroni,
    dunnett,
    fallback_graph,
    fixed_sequence,
    hochberg,
    holm,
    holm_graph,
    hommel,
)
from lupusim.analysis.multiplicity.words import OVER_LOOKS, adjustment_in_words, graph_in_words
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.registry import Registry

_ROUNDING = 1e-12
_OBRIEN_FLEMING = BySpending(spending=LanDeMetsOBrienFleming())


def _each(p_value: FloatArray) -> FloatArray:
    """Return the p-values as they are: every hypothesis at the full level."""
    return p_value


PROCEDURES: Registry[Callable[[FloatArray], FloatArray]] = Registry(
    "procedure", group="lupusim.procedures"
)
"""Adjustments of the p-values of one look, by the names of scenario files."""
for _name, _adjust in {
    "none": _each,
    "bonferroni": bonferroni,
    "holm": holm,
    "hochberg": hochberg,
    "hommel": hommel,
    "fixed_sequence": fixed_sequence,
}.items():
    PROCEDURES.register(_name)(_adjust)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """Adjust the p-values of the last look; for trials without interim looks.

    Raises
    ------
    ValueError
        If there is no such method.
    """

    needs_planned_ratio: ClassVar[bool] = False  # it takes p-values, wherever they are from
    one_look_only: ClassVar[bool] = True  # it knows no interim looks

    method: str  # one of `PROCEDURES`. ``none`` holds the error of each hypothesis alone

    def __post_init__(self) -> None:
        if self.method not in PROCEDURES:
            raise ValueError(f"method={self.method!r} must be one of {', '.join(PROCEDURES)}")

    @property
    def sided(self) -> None:
        """P-values of one side or of two."""

    def in_words(self, names: Sequence[str]) -> str:
        """Return what the p-values are compared with."""
        return adjustment_in_words(self.method, names)

    def rejections(self, p_value: FloatArray, information: FloatArray, *, alpha: float) -> IntArray:
        """Return the last look where a hypothesis is rejected, else 0."""
        adjusted = PROCEDURES[self.method](p_value[:, :, -1])
        return _at_last(adjusted <= alpha * (1 + _ROUNDING), p_value.shape[2])

    def bounds(self, rejected: BoolArray, information: FloatArray, *, alpha: float) -> FloatArray:
        """Return NaN: hypotheses are judged together."""
        return np.full(information.shape, np.nan)

    def within_reach(self, rejected: BoolArray, given_up: BoolArray) -> BoolArray:
        """Return what is neither rejected nor given up."""
        return ~(rejected | given_up)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dunnett:
    """Dunnett's test of several arms against one control, one endpoint.

    It steps down: once the best arm is rejected, the others are compared as if it had not been
    there (closed testing with Dunnett's test of each set of arms).

    References
    ----------
    Dunnett (1955), *Journal of the American Statistical Association* 50:1096; Dunnett and
    Tamhane (1991), *Statistics in Medicine* 10:939.
    """

    needs_planned_ratio: ClassVar[bool] = True  # it does
    one_look_only: ClassVar[bool] = True  # it knows no interim looks

    ratio: tuple[int, ...]  # allocation ratio, the control first
    sided: int = 1  # 1 or 2, as the p-values
    steps_down: bool = True  # False for the single-step test, in which all arms are always compared

    def in_words(self, names: Sequence[str]) -> str:
        """Return which arms are compared, and what becomes of the best."""
        steps = ""
        if self.steps_down:
            steps = ", stepping down: once the best is shown, the others are tested without it"
        return (
            f"Dunnett's test of {len(names)} arms against their common control holds the "
            f"family-wise error{steps}: {'; '.join(names)}."
        )

    def rejections(self, p_value: FloatArray, information: FloatArray, *, alpha: float) -> IntArray:
        """Return the last look where a hypothesis is rejected, else 0."""
        last = p_value[:, :, -1]
        left = np.ones(last.shape, dtype=bool)
        going = np.ones(len(last), dtype=bool)
        while going.any():
            level = self._levels(left, alpha)
            best = np.where(left, last, np.inf).argmin(axis=1)
            row = np.arange(len(last))
            going &= last[row, best] <= level
            left[row[going], best[going]] = False
            if not self.steps_down:
                return _at_last(last <= level[:, None], p_value.shape[2])
            going &= left.any(axis=1)
        return _at_last(~left, p_value.shape[2])

    def _levels(self, left: BoolArray, alpha: float) -> FloatArray:
        """Return the level of each replicate whose arms are left; shape (n_replicates,)."""
        found = np.zeros(len(left))
        sets, of_row = np.unique(left, axis=0, return_inverse=True)
        for number, arms in enumerate(sets):
            if arms.any():
                ratio = (self.ratio[0], *(self.ratio[1 + arm] for arm in np.flatnonzero(arms)))
                found[of_row.ravel() == number] = dunnett_level(ratio, alpha, self.sided)
        return found

    def bounds(self, rejected: BoolArray, information: FloatArray, *, alpha: float) -> FloatArray:
        """Return NaN: hypotheses are judged together."""
        return np.full(information.shape, np.nan)

    def within_reach(self, rejected: BoolArray, given_up: BoolArray) -> BoolArray:
        """Return what is neither rejected nor given up."""
        return ~(rejected | given_up)


@lru_cache(maxsize=64)
def dunnett_level(ratio: tuple[int, ...], alpha: float, sided: int = 1) -> float:
    """Return the level of each arm at which Dunnett's family-wise error is `alpha`.

    Both are of one side, or of two.

    Raises
    ------
    ValueError
        If there is no experimental arm.

    Examples
    --------
    >>> round(dunnett_level((1, 1, 1), 0.025), 5)
    0.01348
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    if len(ratio) < 2:
        raise ValueError(f"ratio={ratio!r} must have a control and an experimental arm")
    n_arms = len(ratio) - 1
    large = np.array(ratio) * 1000

    def excess(z: float) -> float:
        sizes = large[1:].tolist()
        p = dunnett(np.full(n_arms, z), n_control=int(large[0]), n_arms=sizes, sided=sided)
        return float(p[0]) - alpha

    least, most = -float(ndtri(alpha / sided)), -float(ndtri(alpha / sided / n_arms))
    return sided * float(ndtr(-brentq(excess, least - 1e-6, most + 1e-6, xtol=1e-12)))


def _at_last(below: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], n_looks: int) -> IntArray:
    return np.where(below, n_looks, 0).astype(np.intp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graphical:
    """A graph whose hypotheses pass their alpha on, each tested by its bounds over the looks.

    At every look a hypothesis of weight w is tested with the efficacy bound that w * alpha
    buys at the information it really has; what an earlier look showed is not used again.

    References
    ----------
    Bretz, Maurer, Brannath and Posch (2009), *Statistics in Medicine* 28:586.
    Maurer and Bretz (2013), *Statistics in Biopharmaceutical Research* 5:311, Algorithm 1.
    """

    needs_planned_ratio: ClassVar[bool] = False  # it takes p-values, wherever they are from
    one_look_only: ClassVar[bool] = False  # it knows interim looks

    weights: tuple[float, ...]  # share of alpha of each hypothesis at the start
    transitions: tuple[tuple[float, ...], ...]  # where the weight of each goes on rejection
    efficacy: EfficacyRule = _OBRIEN_FLEMING  # how each hypothesis spends its alpha over the looks
    sided: int = 1  # 1 or 2, as the p-values

    def __post_init__(self) -> None:
        self.graph()

    @classmethod
    def of(cls, graph: Graph, efficacy: EfficacyRule | None = None, *, sided: int = 1) -> Graphical:
        """Return the procedure of a graph."""
        rule = _OBRIEN_FLEMING if efficacy is None else efficacy
        rows = tuple(tuple(row) for row in graph.transitions.tolist())
        weights = tuple(graph.weights.tolist())
        return cls(weights=weights, transitions=rows, efficacy=rule, sided=sided)

    def in_words(self, names: Sequence[str]) -> str:
        """Return who starts with how much of the level, and where it goes."""
        for method in ("fixed_sequence", "holm", "bonferroni"):
            known = Graphical.of(sequential_graph(method, len(names), None))
            if (known.weights, known.transitions) == (self.weights, self.transitions):
                said = adjustment_in_words(method, names)
                return f"{said} {OVER_LOOKS}"
        return graph_in_words(self.weights, self.transitions, names)

    def graph(self) -> Graph:
        """Return the graph; raises ValueError where it is none."""
        weights, transitions = np.array(self.weights), np.array(self.transitions)
        return Graph(weights=weights, transitions=transitions)

    def rejections(self, p_value: FloatArray, information: FloatArray, *, alpha: float) -> IntArray:
        """Return the look at which each hypothesis is rejected, counted from 1; 0 for never."""
        state = GraphState(self.graph(), len(p_value))
        found = np.zeros(p_value.shape[:2], dtype=np.intp)
        level = self._levels(information, state.weights * alpha)
        for look in range(p_value.shape[2]):
            active = np.arange(len(p_value))
            while active.size:
                below = p_value[active, :, look] <= level[active, :, look] * (1 + _ROUNDING)
                below &= state.open[active] & (level[active, :, look] > 0)
                some = below.any(axis=1)
                active, chosen = active[some], below[some].argmax(axis=1)
                if active.size:
                    state.reject(active, chosen)
                    found[active, chosen] = look + 1
                    new = state.weights[active] * alpha
                    level[active] = self._levels(information[active], new)
        return found

    def bounds(self, rejected: BoolArray, information: FloatArray, *, alpha: float) -> FloatArray:
        """Return the bound on z of each hypothesis and look, once others are rejected."""
        from scipy.special import ndtri

        found = np.empty(information.shape)
        for hypothesis in range(rejected.shape[1]):
            state = GraphState(self.graph(), len(rejected))
            for other in np.flatnonzero(np.arange(rejected.shape[1]) != hypothesis):
                rows = np.flatnonzero(rejected[:, other])
                state.reject(rows, np.full(rows.size, other))
            levels = self._levels(information, state.weights * alpha)
            found[:, hypothesis] = -ndtri(levels[:, hypothesis] / self.sided)
        return found

    def within_reach(self, rejected: BoolArray, given_up: BoolArray) -> BoolArray:
        """Return what may still be rejected, if all that has weight and is not given up were.

        What is given up keeps its weight: the others get nothing of it, and those behind it in a
        sequence are out of reach.
        """
        seen, row = np.unique(np.hstack([rejected, given_up]), axis=0, return_inverse=True)
        found = np.array([self._reached(*np.split(one, 2)) for one in seen])
        return found[row.ravel()]

    def _reached(self, rejected: BoolArray, given_up: BoolArray) -> BoolArray:
        state, only = GraphState(self.graph(), 1), np.zeros(1, dtype=np.intp)
        for done in np.flatnonzero(rejected):
            state.reject(only, np.array([done]))
        reached = np.zeros(rejected.size, dtype=bool)
        while (has_weight := state.open[0] & ~given_up & (state.weights[0] > 0)).any():
            hypothesis = int(has_weight.argmax())
            state.reject(only, np.array([hypothesis]))
            reached[hypothesis] = True
        return reached

    def _levels(self, information: FloatArray, alpha: FloatArray) -> FloatArray:
        """Return nominal levels of all looks, (n_replicates, n_hypotheses, n_looks)."""
        from scipy.special import ndtr

        level = np.zeros(information.shape)
        for error in np.unique(alpha.round(14)):
            if error > 0:
                chosen = alpha.round(14) == error
                rule = GroupSequential(alpha=float(error), sided=self.sided, efficacy=self.efficacy)
                level[chosen] = self.sided * ndtr(-rule.bounds(information[chosen])[0])
        return level


def sequential_graph(method: str, n_hypotheses: int, weights: Iterable[float] | None) -> Graph:
    """Return the graph of a procedure that is one.

    Parameters
    ----------
    method : str
        ``bonferroni``, ``holm``, ``fixed_sequence`` or ``fallback``.
    n_hypotheses : int
        At least 1.
    weights : iterable of float or None
        Shares of alpha, for ``bonferroni`` and ``fallback``; equal by default.

    Raises
    ------
    ValueError
        If the method is no graph, or the weights don't fit.
    """
    share = [1 / n_hypotheses] * n_hypotheses if weights is None else list(weights)
    if len(share) != n_hypotheses:
        raise ValueError(f"{len(share)} weights are given for {n_hypotheses} hypotheses")
    nowhere = np.zeros((n_hypotheses, n_hypotheses))
    if method == "bonferroni" or n_hypotheses == 1:
        return Graph(weights=np.array(share), transitions=nowhere)
    if method == "holm" and weights is None:
        return holm_graph(n_hypotheses)
    if method == "holm":
        rest = [
            [0.0 if i == j else share[i] for i in range(n_hypotheses)] for j in range(n_hypotheses)
        ]
        rows = [[g / sum(row) if sum(row) else 0.0 for g in row] for row in rest]
        return Graph(weights=np.array(share), transitions=np.array(rows))
    if method == "fallback":
        return fallback_graph(share)
    if method == "fixed_sequence":
        return fallback_graph([1.0] + [0.0] * (n_hypotheses - 1))
    raise ValueError(f"{method!r} is no graph and knows no interim looks")
