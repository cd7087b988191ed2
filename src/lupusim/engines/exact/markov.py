"""Hazards of study time alone: matrix exponentials and the Kolmogorov forward equations."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.kernel import even_cells, with_middles
from lupusim.engines.exact.law import Arc, Law

_GRADING = 3  # cells shrink towards study time 0, where a hazard may be infinite
_LARGEST_NORM = 1e6  # nobody stays in a state through such a cell
_COMMUTATOR_NORM = 20  # beyond it the commutator does more harm than good
_TAYLOR_TERMS = 9


def exponentials(generators: FloatArray) -> FloatArray:
    """Return the exponential of each matrix: Taylor series with scaling and squaring.

    Parameters
    ----------
    generators : (n_matrices, n, n) array

    Returns
    -------
    (n_matrices, n, n) array

    References
    ----------
    Moler and Van Loan (2003), SIAM Review 45, 3-49, method 3.
    """
    norm = float(np.abs(generators).sum(axis=2).max(initial=0.0))
    squarings = max(0, int(np.ceil(np.log2(max(norm, 1e-300)))) + 4)
    scaled = generators / 2.0**squarings
    # Summed without the identity, so that small probabilities keep their digits.
    result = scaled.copy()
    term = scaled
    for order in range(2, _TAYLOR_TERMS):
        term = term @ scaled / order
        result += term
    for _ in range(squarings):
        result = 2 * result + result @ result
    return np.asarray(result + np.eye(generators.shape[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkovGrid:
    """Product integral of the generator over cells, by a fourth-order Magnus step.

    Each cell's exponent is ``A + B + (2/3) (A B - B A)`` where A and B hold the growth of the
    cumulative hazards over its two halves, so that hazards may be infinite at time 0. Cells
    end at each break of a ratio or a hazard; where hazards are constant there, one cell is
    exact.

    References
    ----------
    Blanes, Casas, Oteo and Ros (2009), Physics Reports 470, 151-238, section 5.
    """

    law: Law  # all of its hazards must depend on study time alone
    times: FloatArray  # study times (years), increasing, above 0; (n_times,)

    order = 4
    first_steps = 32
    largest_steps = 32768
    largest_steps_of_sums = 32768

    @property
    def is_exact(self) -> bool:
        """Whether all hazards are constant between breaks, so that steps don't matter."""
        return all(arc.is_constant or arc.kinks for arc in self.law.arcs)

    @property
    def method(self) -> str:
        """What to call it."""
        return "matrix exponential" if self.is_exact else "Kolmogorov forward equations"

    def evaluate(self, n_steps: int, n_levels: int) -> list[FloatArray]:
        """Return the probabilities (n_times, n_states) on ever finer grids, the last as asked."""
        if self.is_exact:
            return [self._propagate(self._segments())] * n_levels
        least = n_steps >> (n_levels - 1)
        return [self._propagate(self.edges(least, level)) for level in range(n_levels)]

    def sums(self, n_steps: int, discount: float) -> FloatArray:
        """Return discounted years by state, then moves by arc, up to the last time, (n,).

        Occupancy and flows are integrated beside the occupancy itself, in one enlarged system:
        Van Loan (1978), IEEE Transactions on Automatic Control 23, 395-404, for each cell.
        """
        law, edges, until = self.law, self.edges(n_steps), float(self.times[-1])
        n, m = law.n_states, len(law.arcs)
        growth = self.arc_growth(edges)
        halves = np.zeros((growth.shape[1], 2 * n + m, 2 * n + m))
        widths = np.repeat(0.5 * np.diff(edges), 2)
        for k, arc in enumerate(law.arcs):
            halves[:, arc.begin, arc.end] += growth[k]
            halves[:, arc.begin, arc.begin] -= growth[k]
            halves[:, arc.begin, 2 * n + k] = growth[k]
        for state in range(n):
            halves[:, state, state] -= discount * widths
            halves[:, state, n + state] = widths / until
        current = np.zeros(2 * n + m)
        current[:n] = law.start
        for step in exponentials(self.magnus(halves)):
            current = current @ step
        return np.concatenate([until * current[n : 2 * n], current[2 * n :]])

    def edges(self, n_steps: int, level: int = 0) -> FloatArray:
        """Return the ends of at least `n_steps` cells, each halved `level` times."""
        edges = self._segments()
        if self.is_exact:
            return edges
        roots = edges ** (1 / _GRADING)
        cells = np.ceil(np.diff(roots) / roots[-1] * n_steps).astype(int)
        return even_cells(roots, cells << level) ** _GRADING

    def matrices(self, n_steps: int) -> FloatArray:
        """Return the matrix (n_times, n_states, n_states) between each two times, from 0 on."""
        edges = self.edges(n_steps)
        matrices = np.tile(np.eye(self.law.n_states), (self.times.size, 1, 1))
        output = np.searchsorted(self.times, 0.5 * (edges[1:] + edges[:-1]))
        for k, step in zip(output.tolist(), exponentials(self._exponents(edges)), strict=True):
            matrices[k] = matrices[k] @ step
        return matrices

    def _segments(self) -> FloatArray:
        marks = {0.0, *self.times.tolist()}
        for arc in self.law.arcs:
            marks |= {b for b in (*arc.ratio.breaks, *arc.kinks) if b < self.times[-1]}
        return np.array(sorted(marks))

    def _propagate(self, edges: FloatArray) -> FloatArray:
        steps = exponentials(self._exponents(edges))
        output = np.searchsorted(self.times, 0.5 * (edges[1:] + edges[:-1]))
        probabilities = np.empty((self.times.size, self.law.n_states))
        current = self.law.start
        for k, step in zip(output.tolist(), steps, strict=True):
            current = current @ step
            probabilities[k] = current
        return probabilities

    def arc_growth(self, edges: FloatArray) -> FloatArray:
        """Return the growth (n_arcs, 2 n_cells) of each cumulative hazard over the halves of cells.

        Beyond a limit hazards out of one state shrink together: nobody stays there anyway.
        """
        halves = with_middles(edges)
        growth = np.array([_growth(arc, halves) for arc in self.law.arcs])
        total = np.zeros((self.law.n_states, halves.size - 1))
        begins = [arc.begin for arc in self.law.arcs]
        np.add.at(total, begins, growth)
        factor = np.minimum(1.0, _LARGEST_NORM / np.maximum(total, 1e-300))
        return np.asarray(growth * factor[begins])

    def _exponents(self, edges: FloatArray) -> FloatArray:
        n = self.law.n_states
        halves = np.zeros((2 * (edges.size - 1), n, n))
        for arc, growth in zip(self.law.arcs, self.arc_growth(edges), strict=True):
            halves[:, arc.begin, arc.end] += growth
        diagonal = np.arange(n)
        halves[:, diagonal, diagonal] = -halves.sum(axis=2)
        return self.magnus(halves)

    @staticmethod
    def magnus(halves: FloatArray) -> FloatArray:
        """Return the exponent of each cell from the integrals (2 n_cells, n, n) over its halves."""
        first, second = halves[::2], halves[1::2]
        exponent = first + second
        commutator = first @ second - second @ first
        # The series is good for small steps only; large ones do without and get refined.
        small = np.abs(exponent).sum(axis=2).max(axis=1) < _COMMUTATOR_NORM
        return np.asarray(exponent + (2 / 3) * small[:, None, None] * commutator)


def _growth(arc: Arc, edges: FloatArray) -> FloatArray:
    """Return how much the arc's cumulative hazard grows in each cell."""
    middle = 0.5 * (edges[1:] + edges[:-1])
    return np.asarray(np.diff(arc.cumulative(edges)) * arc.ratio.at(middle))
