"""Markov renewal equations, solved for all times at once by generating functions."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.kernel import Kernel, kernel
from lupusim.engines.exact.law import Law

_ALIAS = 25.3  # exp(-25.3) = 1e-11 of a sequence wraps around; rounding grows by exp(25.3 / 2)
_STENCIL = 6
_ON_GRID = 1e-6  # in steps

ComplexArray: TypeAlias = NDArray[np.complex128]
Spectra: TypeAlias = dict[int, ComplexArray]
"""A transform for each state; what is missing is 0."""


@lru_cache(maxsize=64)
def aligned_steps(n_steps: int, marks: tuple[float, ...]) -> int:
    """Return a number of steps, at most twice `n_steps`, that puts all marks on the grid.

    Parameters
    ----------
    n_steps : int
        The least number of steps.
    marks : tuple of float
        As fractions of the horizon.

    Returns
    -------
    int
        0 where no number does.
    """
    candidates = np.arange(n_steps, 2 * n_steps + 1)
    places = np.array(marks)[:, None] * candidates
    missed: FloatArray = np.abs(places - np.rint(places)).max(axis=0, initial=0.0)
    hits = candidates[missed < 1e-7]
    return int(hits[0]) if hits.size else 0


def _fast_length(least: int) -> int:
    """Return the smallest 2^a 3^b 5^c, even, of at least this size."""
    powers: list[int] = [3**b * 5**c for b in range(4) for c in range(3)]
    return min(p << max(1, math.ceil(math.log2(least / p))) for p in powers)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalGrid:
    r"""The Markov renewal equations on a uniform grid.

    .. math:: E_k(t) = \sum_j \int_0^t Q_{jk}(t - s)\,dE_j(s) + \text{first stays}, \qquad
              p_k(t) = \int_0^t S_k(t - s)\,dE_k(s) + \text{first stays}

    The ends of stays are moved to the grid points so that each mean is kept; the lattice
    process that results is solved exactly through its generating function on a circle of
    radius below 1. Errors are of the second order in the step, and the first stays exact.

    References
    ----------
    Janssen and Manca (2006), Applied Semi-Markov Processes, chapter 3; for the inversion
    Abate and Whitt (1992), Operations Research Letters 12, 245-251.
    """

    law: Law  # constant ratios; hazards on the reset clock or constant
    times: FloatArray  # study times (years), increasing, above 0; (n_times,)

    order = 2
    method = "Markov renewal equations"
    first_steps = 256
    largest_steps = 2**18
    largest_steps_of_sums = 2**17
    is_exact = False

    def evaluate(self, n_steps: int, n_levels: int) -> list[FloatArray]:
        """Return the probabilities (n_times, n_states) on ever finer grids, the last as asked."""
        horizon = float(self.times[-1])
        least = n_steps >> (n_levels - 1)
        finest = self._aligned_steps(least) << (n_levels - 1)
        ages = sorted({0.0, *(entry.time_in_state for entry in self.law.entries)})
        # Cells beyond the horizon, an even number after each coarsening.
        n_cells = finest + (1 << (n_levels - 1))
        kernels = {age: self._kernel(age, horizon / finest, n_cells) for age in ages}
        first = self._first_stays()
        levels = []
        for level in range(n_levels):
            levels.append(self._later_stays(kernels, finest >> level) + first)
            if level + 1 < n_levels:
                kernels = {age: known.coarser() for age, known in kernels.items()}
        return levels[::-1]

    def _aligned_steps(self, least: int) -> int:
        """Return a number of steps with all times and kinks on the grid, or the kinks alone."""
        horizon = float(self.times[-1])
        kinks = tuple(kink / horizon for kink in self._kinks())
        both = (*(self.times / horizon).tolist(), *kinks)
        return aligned_steps(least, both) or aligned_steps(least, kinks) or least

    def _kinks(self) -> list[float]:
        ages = {0.0, *(entry.time_in_state for entry in self.law.entries)}
        kinks = {k - age for arc in self.law.arcs for k in arc.kinks for age in ages}
        return sorted(kink for kink in kinks if 0 < kink < self.times[-1])

    def _kernel(self, age: float, step: float, n_cells: int) -> Kernel:
        return kernel(
            self.law.arcs, self.law.n_states, step=step, n_cells=n_cells, time_in_state=age
        )

    def _first_stays(self) -> FloatArray:
        """Return the probabilities (n_times, n_states) of not having left the first state."""
        stays = np.zeros((self.times.size, self.law.n_states))
        for entry in self.law.entries:
            grown = np.zeros(self.times.size)
            age = entry.time_in_state
            for arc in self.law.arcs:
                if arc.begin == entry.state:
                    later = arc.cumulative(self.times + age) - arc.cumulative(np.array(age))
                    grown += later * arc.ratio.ratios[0]
            stays[:, entry.state] += entry.probability * np.exp(-grown)
        return stays

    def _later_stays(self, kernels: dict[float, Kernel], n_steps: int) -> FloatArray:
        """Return the probabilities (n_times, n_states) of stays that began after time 0."""
        length = _fast_length(2 * (n_steps + 1))
        damping = np.exp(-_ALIAS / length * np.arange(n_steps + 1))
        renewed = kernels[0.0]
        ends = _transform(renewed.ends.lumps(), damping, length)
        survival = _transform(renewed.survival.lumps(), damping, length)
        first: Spectra = {}
        for entry in self.law.entries:
            if entry.time_in_state == 0:
                leaving = ends
            else:
                old = kernels[entry.time_in_state]
                leaving = _transform(old.ends.lumps(), damping, length)
            for arc, spectrum in zip(self.law.arcs, leaving, strict=True):
                if arc.begin == entry.state:
                    _add(first, arc.end, entry.probability * spectrum)
        entered = eliminate(self.law, ends, first)
        occupied = np.zeros((self.law.n_states, n_steps + 1))
        for state, spectrum in entered.items():
            occupied[state] = np.fft.irfft(spectrum * survival[state], length)[: n_steps + 1]
        on_grid = (occupied / damping).T
        breaks = np.array(self._kinks()) * (n_steps / self.times[-1])
        for place in np.rint(breaks[np.abs(breaks - np.rint(breaks)) < _ON_GRID]).astype(int):
            on_grid[place] += self._jump(kernels, place)
        return interpolate(on_grid, self.times * (n_steps / self.times[-1]), breaks)

    def sums(self, n_steps: int, discount: float) -> FloatArray:
        """Return discounted years by state, then moves by arc, up to the last time, (n,)."""
        return self.law.sums(*self.flows(n_steps), discount)

    def flows(self, n_steps: int) -> tuple[FloatArray, FloatArray]:
        """Return the grid (n_points,) and who moves along each arc there (n_arcs, n_points).

        What moves around the last point is counted as far as it comes before it.
        """
        horizon = float(self.times[-1])
        n_steps = self._aligned_steps(n_steps)
        step = horizon / n_steps
        renewed = self._kernel(0.0, step, n_steps + 1)
        length = _fast_length(2 * (n_steps + 1))
        damping = np.exp(-_ALIAS / length * np.arange(n_steps + 1))
        ends = _transform(renewed.ends.lumps(), damping, length)
        first = np.zeros((len(self.law.arcs), n_steps + 1))
        last = np.zeros(len(self.law.arcs))
        entered_first: Spectra = {}
        for entry in self.law.entries:
            stays = self._kernel(entry.time_in_state, step, n_steps + 1).ends
            leaving = stays.lumps()[:, : n_steps + 1]
            for k, arc in enumerate(self.law.arcs):
                if arc.begin == entry.state:
                    first[k] += entry.probability * leaving[k]
                    last[k] += entry.probability * stays.moment[k, n_steps - 1]
                    spectrum = np.fft.rfft(leaving[k] * damping, length)
                    _add(entered_first, arc.end, entry.probability * spectrum)
        flows = first
        flows[:, -1] = last
        for state, spectrum in eliminate(self.law, ends, entered_first).items():
            for k, arc in enumerate(self.law.arcs):
                if arc.begin == state:
                    later = np.fft.irfft(spectrum * ends[k], length)[: n_steps + 1] / damping
                    later[-1] /= 2
                    flows[k] += later
        return np.linspace(0.0, horizon, n_steps + 1), flows

    def _jump(self, kernels: dict[float, Kernel], place: int) -> FloatArray:
        """Return what a jump of the first stays' hazards at a grid point adds there.

        Half of those who enter around the point have entered: twice those before it, where
        the two sides differ.
        """
        n = self.law.n_states
        entered, at_once = np.zeros(n), np.zeros((n, n))
        renewed = kernels[0.0]
        for row, arc in enumerate(self.law.arcs):
            at_once[arc.begin, arc.end] += renewed.ends.mass[row, 0] - renewed.ends.moment[row, 0]
            for entry in self.law.entries:
                if entry.state == arc.begin:
                    stays = kernels[entry.time_in_state].ends
                    after = stays.mass[row, place] - stays.moment[row, place]
                    entered[arc.end] += entry.probability * (stays.moment[row, place - 1] - after)
        stay = renewed.survival.mass[:, 0] - renewed.survival.moment[:, 0]
        return np.asarray(np.linalg.solve((np.eye(n) - at_once).T, entered) * stay)


def _transform(lumps: FloatArray, damping: FloatArray, length: int) -> ComplexArray:
    return np.asarray(np.fft.rfft(lumps[:, : damping.size] * damping, length))


def eliminate(law: Law, ends: ComplexArray, first: Spectra) -> Spectra:
    """Solve ``entered (I - ends) = first`` at every frequency; what is missing is 0.

    Gaussian elimination without pivoting: each row of `ends` sums to less than 1 in
    modulus, so no pivot can vanish. States are few and arcs fewer: what is 0 costs nothing.
    """
    begins = sorted({arc.begin for arc in law.arcs})
    rows: dict[int, Spectra] = {state: {} for state in begins}
    for arc, spectrum in zip(law.arcs, ends, strict=True):
        _add(rows[arc.begin], arc.end, spectrum)
    entered: Spectra = dict(first)
    for place, state in enumerate(begins):
        later = begins[place + 1 :]
        _bypass(rows, entered, state, later)
    for place in reversed(range(len(begins))):
        state = begins[place]
        for other in begins[place + 1 :]:
            if other in entered and state in rows[other]:
                # Every return to the state in question is counted by `_bypass` already.
                returns = rows[state].get(state)
                back = entered[other] * rows[other][state]
                _add(entered, state, back if returns is None else back / (1 - returns))
    return entered


def _bypass(rows: dict[int, Spectra], entered: Spectra, state: int, later: list[int]) -> None:
    """Pass whoever enters a state on to where its stays end, for states not yet bypassed."""
    returns = rows[state].get(state)
    if returns is not None and state in entered:
        entered[state] = entered[state] / (1 - returns)
    done = {k for k in rows if k not in later}
    onward = {k: spectrum for k, spectrum in rows[state].items() if k not in done}
    if state in entered:
        for end, spectrum in onward.items():
            _add(entered, end, entered[state] * spectrum)
    for other in later:
        if state in rows[other]:
            into = rows[other][state]
            into = into if returns is None else into / (1 - returns)
            for end, spectrum in onward.items():
                _add(rows[other], end, into * spectrum)


def _add(spectra: Spectra, key: int, spectrum: ComplexArray) -> None:
    known = spectra.get(key)
    spectra[key] = spectrum if known is None else known + spectrum


def interpolate(on_grid: FloatArray, places: FloatArray, breaks: FloatArray) -> FloatArray:
    """Return values between grid points by polynomials that do not cross a break.

    Parameters
    ----------
    on_grid : (n_points, n_states) array
        Values at 0, 1, 2, ...
    places : (n_times,) array
        Where they are wanted, in grid steps.
    breaks : (n_breaks,) array
        Places at which the slope may jump.
    """
    top = len(on_grid) - 1
    near = np.rint(places)
    values = on_grid[np.minimum(near, top).astype(int)]
    # A break within a cell blurs the values at both ends of that cell: keep clear of them.
    on_point = np.abs(breaks - np.rint(breaks)) < _ON_GRID
    lows = [0, *np.where(on_point, np.rint(breaks), np.floor(breaks) + 2).astype(int)]
    highs = [*np.where(on_point, np.rint(breaks), np.ceil(breaks) - 2).astype(int), top]
    for row, place in enumerate(places.tolist()):
        piece = int(np.searchsorted(breaks, place - _ON_GRID))
        low, high = lows[piece], min(highs[piece], top)
        if abs(place - near[row]) > _ON_GRID or not low <= near[row] <= high:
            nodes = _stencil(place, low, high)
            values[row] = _lagrange(nodes, place) @ on_grid[nodes]
    return np.asarray(values)


def _stencil(place: float, low: int, high: int) -> IntArray:
    """Return the grid points nearest to a place, from `low` to `high` if there are any."""
    if high - low < 1:  # two breaks within a few steps
        before = max(math.ceil(place) - 1, 0)
        return np.array([before, before + 1])
    begin = min(max(int(place) - _STENCIL // 2 + 1, low), max(high - _STENCIL + 1, low))
    return np.arange(begin, min(begin + _STENCIL, high + 1))


def _lagrange(nodes: IntArray, place: float) -> FloatArray:
    """Return the weights of Lagrange's interpolation at `place`."""
    distance = nodes[:, None] - nodes[None, :] + np.eye(nodes.size)
    factors = (place - nodes[None, :] + np.zeros_like(distance)) / distance
    np.fill_diagonal(factors, 1.0)
    return np.asarray(factors.prod(axis=1))
