"""Semi-Markov kernels on a grid: where a stay ends, and when within each cell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.law import Arc

_REFINED_CELLS = 16  # cells next to time 0, where a hazard may be infinite, get finer panels
_FIRST_CELL_PANELS = 40
_GRADING = 8
_TINY = 1e-250  # cumulative hazards below this count as none
_DEEP = 800.0  # a cumulative hazard beyond which exp(-H) is 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Panels:
    """Integration panels: pieces of the grid's cells, each with a middle node."""

    nodes: FloatArray  # ends and middles of the panels, in cells from time 0; (2 * n_panels + 1,)
    width: FloatArray
    offset: FloatArray
    """`width` and `offset`: width of each panel, and its distance from its cell's start, in cells;
    (n_panels,)."""
    first: IntArray  # the first panel of each cell


def with_middles(edges: FloatArray) -> FloatArray:
    """Return edges with the middle between every two, (2 * n_edges - 1,)."""
    nodes = np.empty(2 * edges.size - 1)
    nodes[::2] = edges
    nodes[1::2] = 0.5 * (edges[1:] + edges[:-1])
    return nodes


def even_cells(edges: FloatArray, cells: IntArray) -> FloatArray:
    """Return the edges of so many even cells between every two edges."""
    pieces = [
        np.linspace(a, b, int(n), endpoint=False)
        for a, b, n in zip(edges[:-1], edges[1:], cells, strict=True)
    ]
    return np.concatenate([*pieces, edges[-1:]])


@lru_cache(maxsize=64)
def panels(n_cells: int, kinks: tuple[float, ...]) -> Panels:
    """Return the panels of a grid whose kernels jump at `kinks`, both counted in cells."""
    parts = [np.linspace(0, 1, _FIRST_CELL_PANELS + 1) ** _GRADING, np.arange(n_cells + 1.0)]
    for cell in range(1, min(_REFINED_CELLS, n_cells)):
        parts.append(np.linspace(cell, cell + 1, 1 + -(-_REFINED_CELLS // cell)))
    inner = [kink for kink in kinks if 0 < kink < n_cells]
    near = np.rint(inner)
    parts.append(np.where(np.abs(inner - near) < 1e-9, near, inner) if inner else np.array([]))
    edges = np.unique(np.concatenate(parts))
    nodes = with_middles(edges)
    cells = np.floor(nodes[1::2])
    return Panels(
        nodes=nodes,
        width=np.diff(edges),
        offset=edges[:-1] - cells,
        first=np.searchsorted(cells, np.arange(n_cells)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Mass in each cell, and mass times position in it (from 0 to 1)."""

    mass: FloatArray
    moment: FloatArray
    """`mass` and `moment`: one row per arc or state; (n_rows, n_cells)."""

    def lumps(self) -> FloatArray:
        """Return the masses (n_rows, n_cells) shared out to the grid points.

        A share of a cell's mass goes to its two ends so that its mean time is kept: each row
        is integrated against the hat functions of the grid.
        """
        lumps = self.mass - self.moment
        lumps[:, 1:] += self.moment[:, :-1]
        return lumps

    def coarser(self) -> Moments:
        """Return the same for cells twice as wide."""
        left, right = self.mass[:, ::2], self.mass[:, 1::2]
        moment = 0.5 * (self.moment[:, ::2] + self.moment[:, 1::2] + right)
        return Moments(mass=left + right, moment=moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """How stays end."""

    ends: Moments  # for each arc, the probability that the stay ends by it in a cell
    survival: Moments  # for each state, the time (in cells) spent in it during a cell

    def coarser(self) -> Kernel:
        """Return the kernel on cells twice as wide."""
        lived = self.survival.coarser()  # counted in cells, which are now twice as wide
        halved = Moments(mass=0.5 * lived.mass, moment=0.5 * lived.moment)
        return Kernel(ends=self.ends.coarser(), survival=halved)


def kernel(
    arcs: Sequence[Arc], n_states: int, *, step: float, n_cells: int, time_in_state: float
) -> Kernel:
    """Return how stays that are `time_in_state` old at time 0 end.

    Within a panel the share of each arc is taken as a linear function of the total
    cumulative hazard, through its values in both halves; nothing else is approximated, so
    the shares add up whatever the hazards, also where they are infinite at time 0.

    Parameters
    ----------
    arcs : sequence of Arc
        With constant ratios, hazards on the reset clock or constant.
    n_states : int
        Number of states.
    step : float
        Width of a cell, years.
    n_cells : int
        Number of cells.
    time_in_state : float
        Years already spent in the state.

    Returns
    -------
    Kernel
        One row of `ends` per arc, one of `survival` per state.
    """
    kinks = {(k - time_in_state) / step for arc in arcs for k in arc.kinks}
    mesh = panels(n_cells, tuple(sorted(kinks)))
    time = mesh.nodes * step
    hazards = _elapsed(arcs, time, time_in_state)
    begins = np.array([arc.begin for arc in arcs])
    totals = np.zeros((n_states, time.size))
    for row, begin in zip(hazards, begins.tolist(), strict=True):
        totals[begin] += row
    survival = np.exp(-totals)
    middle, ended = shares(np.diff(hazards), np.diff(totals), survival[:, :-1:2], begins)
    inside = ended - (4 * middle + ended) / 6  # Simpson's rule for the area under the shares
    lived = mesh.width / 6 * (survival[:, :-1:2] + 4 * survival[:, 1::2] + survival[:, 2::2])
    lived_inside = mesh.width / 6 * (2 * survival[:, 1::2] + survival[:, 2::2])
    return Kernel(ends=_sums(mesh, ended, inside), survival=_sums(mesh, lived, lived_inside))


def _elapsed(arcs: Sequence[Arc], time: FloatArray, time_in_state: float) -> FloatArray:
    """Return the growth of each arc's cumulative hazard (n_arcs, n_nodes) from time 0."""
    # SPEED: one guard for all arcs instead of Arc.cumulative, benchmarks/exact.py
    with np.errstate(over="ignore"):
        if time_in_state == 0:
            grown = [arc.hazard.cumulative(time) for arc in arcs]
        else:
            known = [arc.cumulative(np.array(time_in_state)) for arc in arcs]
            grown = [
                arc.cumulative(time + time_in_state) - so_far
                for arc, so_far in zip(arcs, known, strict=True)
            ]
        ratios = np.array([[arc.ratio.ratios[0]] for arc in arcs])
        return np.asarray(np.minimum(np.stack(grown) * ratios, _DEEP))


def _sums(mesh: Panels, mass: FloatArray, inside: FloatArray) -> Moments:
    moment = inside * mesh.width + mass * mesh.offset
    return Moments(
        mass=np.add.reduceat(mass, mesh.first, axis=1),
        moment=np.add.reduceat(moment, mesh.first, axis=1),
    )


def shares(
    growth: FloatArray, total: FloatArray, survival: FloatArray, begins: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return the probability that each arc ends the stay by a panel's middle, and in it all."""
    half, whole = total[:, ::2], total[:, ::2] + total[:, 1::2]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        share = np.where(total[begins] > _TINY, growth / total[begins], 0.0)
        # Where one half has no hazard the other half's share stands for both.
        both = (total[:, ::2] > _TINY) & (total[:, 1::2] > _TINY)
        slope = np.where(both[begins], share[:, 1::2] - share[:, ::2], 0.0)
        level = np.where(total[begins, ::2] > _TINY, share[:, ::2], share[:, 1::2])
        per_whole = np.where(whole > _TINY, 2 / whole, 0.0)
    results = []
    for reach in (half, whole):
        left = -np.expm1(-reach)
        tilt = survival * per_whole * (_first_moment(reach, left) - 0.5 * half * left)
        results.append(level * (survival * left)[begins] + slope * tilt[begins])
    return results[0], results[1]


def _first_moment(reach: FloatArray, left: FloatArray) -> FloatArray:
    """Return the integral of x exp(-x) up to `reach`, exact to rounding for small ones too."""
    series = reach**2 * (0.5 - reach * (1 / 3 - reach * (1 / 8 - reach * (1 / 30 - reach / 144))))
    return np.where(reach < 0.02, series, left - reach * (1 - left))
