"""Stays whose end depends on when they began: renewal equations in two times, by marching."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.kernel import even_cells, shares, with_middles
from lupusim.engines.exact.law import Arc, Law

_NEAR = 6  # stays that began this few cells ago get finer panels: their hazard may be infinite
_PANELS = 12
_PANEL_GRADING = 4
_DEEP = 800.0


_COARSE = with_middles(np.array([0.0, 1.0]))
_FINE = with_middles(np.linspace(0, 1, _PANELS + 1) ** _PANEL_GRADING)


def grown(arc: Arc, entered: FloatArray, begin: FloatArray, end: float) -> FloatArray:
    """Return the growth of an arc's cumulative hazard for stays that began at `entered`.

    Parameters
    ----------
    arc : Arc
        The way out.
    entered : (n_stays,) array
        Study times (years) at which the stays began; below 0 for time already spent.
    begin : (n_stays,) array
        Study times from which the hazard counts.
    end : float
        Study time up to which it counts.

    Returns
    -------
    (n_stays,) array
    """
    total = np.zeros_like(entered)
    low = begin
    for stop, ratio in zip((*arc.ratio.breaks, np.inf), arc.ratio.ratios, strict=True):
        high = np.clip(stop, low, end)
        if ratio > 0:
            total += ratio * (
                arc.cumulative(arc.clock.reading(high, high - entered))
                - arc.cumulative(arc.clock.reading(low, low - entered))
            )
        low = high
    return np.minimum(total, _DEEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell of the grid."""

    begin: float
    width: float
    """`begin` and `width`: study time (years) of its beginning, and its width."""
    continued: bool = False
    """Whether ratios and piecewise constant hazards go on as in the cell before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """How stays end in a cell."""

    mass: FloatArray  # probability of ending by each arc in the cell; (n_arcs, n_stays)
    late: FloatArray
    """The part of it that goes to the cell's end when its mean time is kept; (n_arcs, n_stays)."""
    survival: FloatArray  # probability of not ending; (n_states, n_stays)


def _clock(arc: Arc, lags: FloatArray, cell: Cell) -> tuple[FloatArray, float]:
    """Return where an arc's clock stands when stays reach a cell, and the arc's ratio there."""
    clock = arc.clock.reading(np.full_like(lags, cell.begin), lags)
    middle = np.array(cell.begin + 0.5 * cell.width)
    if cell.continued:
        middle = np.array(cell.begin - 0.5 * cell.width)
        if arc.kinks:  # a constant hazard lasts on: take it from the cell before
            clock = np.where(clock >= cell.width, clock - cell.width, clock)
    return clock, float(arc.ratio.at(middle))


def ends(law: Law, entered: FloatArray, cell: Cell) -> Ends:
    """Return how stays, begun at `entered` (increasing), end in a cell, in whatever state."""
    n_old = int(np.searchsorted(entered, cell.begin - _NEAR * cell.width))
    parts = [
        _panel_ends(law, group, cell, fractions)
        for group, fractions in ((entered[:n_old], _COARSE), (entered[n_old:], _FINE))
        if group.size
    ]
    return Ends(
        mass=np.concatenate([part.mass for part in parts], axis=1),
        late=np.concatenate([part.late for part in parts], axis=1),
        survival=np.concatenate([part.survival for part in parts], axis=1),
    )


def _panel_ends(law: Law, entered: FloatArray, cell: Cell, fractions: FloatArray) -> Ends:
    # A stay's clock is the lag plus the place in the cell; exactly 0 for one that begins now.
    places = fractions * cell.width
    lags = (cell.begin - entered)[:, None]
    hazards = np.empty((len(law.arcs), entered.size, fractions.size))
    total = np.zeros((law.n_states, entered.size, fractions.size))
    for row, arc in zip(hazards, law.arcs, strict=True):
        clock, ratio = _clock(arc, lags, cell)
        heights = arc.cumulative(clock + places)
        row[:] = np.minimum(ratio * (heights - heights[..., :1]), _DEEP)
        total[arc.begin] += row
    survival = np.exp(-total)
    half, whole = shares(
        np.diff(hazards).reshape(len(law.arcs), -1),
        np.diff(total).reshape(law.n_states, -1),
        survival[..., :-1:2].reshape(law.n_states, -1),
        np.array([arc.begin for arc in law.arcs]),
    )
    half, whole = (part.reshape(len(law.arcs), entered.size, -1) for part in (half, whole))
    width = np.diff(fractions[::2])
    late = whole * fractions[:-1:2] + (whole - (4 * half + whole) / 6) * width
    return Ends(mass=whole.sum(axis=2), late=late.sum(axis=2), survival=survival[..., -1])


@dataclass(frozen=True, slots=True, kw_only=True)
class MarchingGrid:
    r"""Renewal equations whose kernels depend on study time and on time in state.

    .. math:: E_k(t) = \sum_j \int_0^t Q_{jk}(s, t)\,dE_j(s) + \text{first stays}, \qquad
              p_k(t) = \int_0^t S_k(s, t)\,dE_k(s) + \text{first stays}

    Cells end at every time asked for and at every break. The ends of stays are moved to the
    ends of their cell so that the mean time is kept; stays are followed from there. Errors
    are of the second order in the step, the cost grows with its square.

    References
    ----------
    Janssen and Manca (2006), Applied Semi-Markov Processes, chapter 4.
    """

    law: Law  # any clocks and ratios
    times: FloatArray  # study times (years), increasing, above 0; (n_times,)

    order = 2
    method = "nonhomogeneous renewal equations"
    first_steps = 16
    largest_steps = 4096
    largest_steps_of_sums = 1024
    is_exact = False

    def evaluate(self, n_steps: int, n_levels: int) -> list[FloatArray]:
        """Return the probabilities (n_times, n_states) on ever finer grids, the last as asked."""
        least = n_steps >> (n_levels - 1)
        grids = (self.edges(least, level) for level in range(n_levels))
        return [March(law=self.law, grid=grid).probabilities(self.times) for grid in grids]

    def sums(self, n_steps: int, discount: float) -> FloatArray:
        """Return discounted years by state, then moves by arc, up to the last time, (n,)."""
        edges = self.edges(n_steps)
        return self.law.sums(edges, March(law=self.law, grid=edges).flows(), discount)

    def edges(self, n_steps: int, level: int = 0) -> FloatArray:
        """Return the ends of at least `n_steps` cells, each halved `level` times."""
        marks = {0.0, *self.times.tolist()}
        for arc in self.law.arcs:
            kinks = self._kinks_of_first_stays(arc)
            marks |= {b for b in (*arc.ratio.breaks, *kinks) if 0 < b < self.times[-1]}
        edges = np.array(sorted(marks))
        cells = np.ceil(np.diff(edges) / edges[-1] * n_steps - 1e-9).astype(int)
        return even_cells(edges, cells << level)

    def _kinks_of_first_stays(self, arc: Arc) -> Iterator[float]:
        for entry in self.law.entries:
            shown = arc.clock.reading(0.0, entry.time_in_state)
            yield from (kink - shown for kink in arc.kinks)


class March:
    """One march over a grid.

    Parameters
    ----------
    law : Law
        Any clocks and ratios.
    grid : (n_points,) array
        Study times (years), from 0.
    """

    def __init__(self, *, law: Law, grid: FloatArray) -> None:
        self.law = law
        self.grid = grid
        first = sorted(law.entries, key=lambda entry: -entry.time_in_state)
        self.n_first = len(first)
        # First stays, then those begun at each grid point.
        self.entered = np.concatenate([[-entry.time_in_state for entry in first], grid])
        self.staying = np.zeros((law.n_states, self.entered.size))
        for place, entry in enumerate(first):
            self.staying[entry.state, place] = entry.probability
        self.first = self.staying[:, : self.n_first].copy()
        # Who entered each state at each grid point.
        self.lumps = np.zeros((grid.size, law.n_states))
        # Adds up over the arcs that lead to each state; takes each arc's share of a state.
        self.into = np.zeros((law.n_states, len(law.arcs)))
        self.begins = np.array([arc.begin for arc in law.arcs])
        self.into[[arc.end for arc in law.arcs], np.arange(len(law.arcs))] = 1.0

    def probabilities(self, times: FloatArray) -> FloatArray:
        """Return the probabilities (n_times, n_states)."""
        # Times that differ by less than rounding share a grid point.
        wanted = np.maximum(np.abs(self.grid[:, None] - times).argmin(axis=0), 1).tolist()
        occupied = {}
        for place in range(1, self.grid.size):
            begin, end = self.grid[place - 1], self.grid[place]
            self._step(Cell(begin=begin, width=end - begin), place)
            if place in wanted:
                occupied[place] = self._occupied(place)
        return np.stack([occupied[place] for place in wanted])

    def flows(self) -> FloatArray:
        """Return who moves (n_arcs, n_points) along each arc at each grid point."""
        moved = np.zeros((len(self.law.arcs), self.grid.size))
        for place in range(1, self.grid.size):
            begin, end = self.grid[place - 1], self.grid[place]
            early, late = self._step(Cell(begin=begin, width=end - begin), place)
            moved[:, place - 1] += early
            moved[:, place] += late
        return moved

    def _step(self, cell: Cell, place: int) -> tuple[FloatArray, FloatArray]:
        """Move everybody through the cell that ends at a grid point.

        Returns
        -------
        early, late : (n_arcs,) arrays
            Who moves along each arc, counted at the cell's beginning and at its end.
        """
        size = self.n_first + place
        left = ends(self.law, self.entered[:size], cell)
        again = self._again(left)
        staying = self.staying[:, :size]
        late = self.into @ np.einsum("as,as->a", left.late, staying[self.begins])
        late += self._new(left.late) @ again
        staying[:, -1] += again
        moved = np.einsum("as,as->a", left.mass, staying[self.begins])
        moved_late = np.einsum("as,as->a", left.late, staying[self.begins])
        staying *= left.survival
        self.staying[:, size] = late
        self.lumps[place - 1] += again
        self.lumps[place] = late
        return moved - moved_late, moved_late

    def _again(self, left: Ends) -> FloatArray:
        """Return who is moved to the cell's beginning, and so passes through it as well."""
        early_share = left.mass - left.late
        weights = self.staying[self.begins, : early_share.shape[1]]
        early = self.into @ np.einsum("as,as->a", early_share, weights)
        return np.linalg.solve(np.eye(self.law.n_states) - self._new(early_share), early)

    def _new(self, share: FloatArray) -> FloatArray:
        """Return where stays that begin at the cell's beginning go: (to state, from state)."""
        moved = np.zeros((self.law.n_states, self.law.n_states))
        np.add.at(moved.T, self.begins, (self.into * share[:, -1]).T)
        return moved

    def _occupied(self, last: int) -> FloatArray:
        """Return the probabilities (n_states,) at a grid point that was just reached.

        Half of those who enter around the point have entered; to know all of them the march
        looks one cell ahead, as if nothing changed at the point.
        """
        width = self.grid[last] - self.grid[last - 1]
        ahead = Cell(begin=self.grid[last], width=width, continued=True)
        lumps = self.lumps[: last + 1].copy()
        lumps[last] += self._again(ends(self.law, self.entered[: self.n_first + last + 1], ahead))
        lumps[last] /= 2
        begun = self.entered[: self.n_first]
        occupied = np.empty(self.law.n_states)
        for state in range(self.law.n_states):
            still = self._survival(state, begun, np.zeros_like(begun), float(self.grid[last]))
            later = self._mean_survival(state, last) @ lumps[:, state]
            occupied[state] = self.first[state] @ still + later
        return occupied

    def _survival(
        self, state: int, entered: FloatArray, begin: FloatArray, time: float
    ) -> FloatArray:
        total = np.zeros_like(entered)
        for arc in self.law.arcs:
            if arc.begin == state:
                total += grown(arc, entered, begin, time)
        return np.exp(-total)

    def _mean_survival(self, state: int, last: int) -> FloatArray:
        """Return the survival to a grid point from around each point up to it.

        It is averaged with the hat function of the point, so that it may have an infinite
        slope where a stay begins just before.
        """
        edges = self.grid[: last + 1]
        near = max(0, last - _NEAR)
        fine = edges[near + 1 :, None] - np.diff(edges[near:])[:, None] * _FINE[None, -3::-2]
        panels = np.concatenate([edges[: near + 1], fine.ravel()])
        cells = np.concatenate([np.arange(near), np.repeat(np.arange(near, last), _PANELS)])
        nodes = with_middles(panels)
        survival = self._survival(state, nodes, nodes, float(edges[-1]))
        position = (nodes[:-1].reshape(-1, 2) - edges[cells, None]) / np.diff(edges)[cells, None]
        place = np.column_stack([position, (panels[1:] - edges[cells]) / np.diff(edges)[cells]])
        value = np.column_stack([survival[:-1].reshape(-1, 2), survival[2::2]])
        simpson = np.diff(panels)[:, None] / 6 * np.array([1, 4, 1])
        whole = np.bincount(cells, (simpson * value).sum(axis=1), last)
        right = np.bincount(cells, (simpson * place * value).sum(axis=1), last)
        mean, mass = np.zeros(last + 1), np.zeros(last + 1)
        mean[:-1] += whole - right
        mean[1:] += right
        mass[:-1] += np.diff(edges) / 2
        mass[1:] += np.diff(edges) / 2
        average = mean / mass
        # What lies at 0 came from one side of it, with its mean time kept.
        average[0] = survival[0]
        return average
