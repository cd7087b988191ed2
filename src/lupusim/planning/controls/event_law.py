"""How many events a patient has had when the watching ends: from products of exponentials."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.law import Arc, Law
from lupusim.errors import NoExactSolutionError
from lupusim.model.hazards.base import constant_rate
from lupusim.planning.theory.counts.alike import alike_arms
from lupusim.planning.theory.counts.asked import ways_out
from lupusim.planning.theory.counts.cells import cells_of, is_quadrature, people
from lupusim.planning.theory.counts.chances import laws_of
from lupusim.planning.theory.sums import ComplexArray
from lupusim.trial import Arm, Trial
from lupusim.trial.endpoints import EventsCounted

CELLS = 128
"""Cells of study time; hazards are as in the middle of each, and so are what ends in it."""
_POINTS = (64, 256, 1024)  # roots of unity: more events are told from fewer by more of them
_RARE = 1e-7  # chance of more events than are told apart
_QUADRATURE = 1e-5  # what two quadratures over patients may differ by
_DIGITS = 12  # of a cell's share of the time, and of a ratio
_SMALL, _ORDER = 0.25, 11  # a matrix so small needs so many terms of its series, for 1e-16


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLaw:
    """How many events a patient of each arm has when leaving, or so far, if nobody cut the data."""

    width: float  # of a cell of study time, years
    leaves: FloatArray
    """Chance to leave in each cell with so many events; (n_arms, n_cells, n_counts)."""
    stays: FloatArray
    """Chance to be there at the cells' edges with so many; (n_arms, n_cells + 1, n_counts)."""

    def of_arms(self, arms: Sequence[int]) -> EventLaw:
        """Return the law of some arms."""
        chosen = list(arms)
        return EventLaw(width=self.width, leaves=self.leaves[chosen], stays=self.stays[chosen])

    @property
    def exposure(self) -> FloatArray:
        """Years watched at the cells' edges, (n_cells + 1,)."""
        return np.asarray(self.width * np.arange(self.stays.shape[1]))

    def until(self, leaving: np.ndarray, there: np.ndarray) -> np.ndarray:
        """Return the mean of a function of exposure and count, by the time watched at the most.

        Parameters
        ----------
        leaving : (n_arms or 1, n_cells, n_counts) array
            The function for those who leave in each cell.
        there : (n_arms or 1, n_cells + 1, n_counts) array
            The same for those who are watched up to an edge.

        Returns
        -------
        (n_arms, n_cells + 1) array
        """
        gone = (self.leaves * leaving).sum(axis=2).cumsum(axis=1)
        before = np.concatenate([np.zeros((len(gone), 1)), gone], axis=1)
        return np.asarray(before + (self.stays * there).sum(axis=2))


def event_law(trial: Trial, endpoint: EventsCounted, longest: float) -> EventLaw:
    """Return the law of events and exposures of the patients of each arm.

    Parameters
    ----------
    trial : Trial
        Its patients must be independent, its hazards constant or functions of study time.
    endpoint : EventsCounted
        Which events.
    longest : float
        Study time (years) up to which anybody is watched.

    Raises
    ------
    NoExactSolutionError
        If hazards depend on more, or two quadratures over patients differ.
    """
    edges = np.linspace(0.0, longest, CELLS + 1)
    for n_points in _POINTS:
        found = _mixed(trial, endpoint, edges, n_points, fine=True)
        n_counts = _n_counts(found)
        if n_counts <= n_points // 2:
            break
    else:
        raise NoExactSolutionError(f"more than {n_points // 2} events of a patient are to expect")
    if is_quadrature(trial):
        coarse = _mixed(trial, endpoint, edges, n_points, fine=False)
        if (apart := float(np.abs(found - coarse).max())) > _QUADRATURE:
            raise NoExactSolutionError(f"two quadratures over patients differ by {apart:.1g}")
    left, stays = (_lumped(part, n_counts) for part in found)
    return EventLaw(width=longest / CELLS, leaves=np.diff(left, axis=1), stays=stays)


def is_of_study_time(trial: Trial) -> bool:
    """Return whether all hazards are constant or functions of study time."""
    try:
        return all(arc.is_markov for _, _, law in _laws(trial, fine=False) for arc in law.arcs)
    except NoExactSolutionError:
        return False


def _laws(trial: Trial, *, fine: bool) -> Iterator[tuple[Arm, float, Law]]:
    """Yield the arm, share and law of each kind of patients."""
    for arms in alike_arms([trial]):
        for cell in cells_of(trial, ()):
            for person in people(trial, cell, fine=fine):
                for share, law, classes in laws_of(arms, person):
                    yield arms.arm, float(cell.share * person.weight * share * classes[0]), law


def _mixed(
    trial: Trial, endpoint: EventsCounted, edges: FloatArray, n_points: int, *, fine: bool
) -> FloatArray:
    """Return the chances to have left, and to be there, by arm, edge and number of events.

    Returns
    -------
    (2, n_arms, n_edges, n_points) array
    """
    wanted = {trial.states.index(state) for state in endpoint.events}
    names = [arm.name for arm in trial.arms]
    ends = {*map(trial.states.index, trial.arms[0].model.absorbing or ()), len(trial.states)}
    ways = {arm.name: list(ways_out(arm, trial.dropout)) for arm in trial.arms}
    of_arms: dict[str, list[tuple[float, Law]]] = {name: [] for name in names}
    for arm, share, law in _laws(trial, fine=fine):
        of_arms[arm.name].append((share, law.beside(ways[arm.name], 1)))
    found = np.zeros((2, len(names), edges.size, n_points))
    for number, people_of in enumerate(of_arms.values()):
        for shares, alike in _by_form(people_of):
            counted = _counted(alike, wanted, ends, edges, n_points)
            found[:, number] += np.tensordot(shares, counted, axes=1)
    return found


def ever_by(
    people_of: Iterable[tuple[float, Law]], ends: set[int], edges: FloatArray
) -> FloatArray:
    """Return the chance to have been in some states by each time, of a mixture of patients.

    Parameters
    ----------
    people_of : iterable of (float, Law)
        The share of each kind, whose hazards are constant or functions of study time.
    ends : set of int
        Positions of the states.
    edges : (n_times,) array
        Study times (years), rising from 0.
    """
    found = np.zeros(edges.size)
    for shares, alike in _by_form(people_of):
        found += shares @ _counted(alike, set(), ends, edges, 1)[:, 0, :, 0]
    return found


def _by_form(people_of: Iterable[tuple[float, Law]]) -> Iterator[tuple[FloatArray, list[Law]]]:
    """Yield the shares and laws of those whose laws have the same entries and arcs."""
    alike: dict[tuple[object, ...], list[tuple[float, Law]]] = {}
    for share, law in people_of:
        form = (law.entries, *((arc.begin, arc.end) for arc in law.arcs))
        alike.setdefault(form, []).append((share, law))
    for found in alike.values():
        yield np.array([share for share, _ in found]), [law for _, law in found]


def _counted(
    laws: Sequence[Law], wanted: set[int], ends: set[int], edges: FloatArray, n_points: int
) -> FloatArray:
    r"""Return the same of kinds of patients whose laws have the same arcs.

    With :math:`z^N` as a weight of :math:`N` events, the vector of states follows :math:`\dot p =
    p\,Q(z)`, where the ways into an event are multiplied by :math:`z`; at the roots of unity it is
    the Fourier transform of the chances.

    Returns
    -------
    (n_laws, 2, n_edges, n_points) array
    """
    first, n_cells = laws[0], edges.size - 1
    rates = np.array([[_mean_hazards(arc, edges) for arc in law.arcs] for law in laws])
    growth = np.moveaxis(rates.reshape(len(laws), -1, n_cells) * _widths(edges), 1, 2)
    kinds, kind = np.unique(growth.reshape(-1, growth.shape[2]), axis=0, return_inverse=True)
    points = np.exp(-2j * np.pi * np.arange(n_points // 2 + 1) / n_points)
    moves = np.zeros((len(kinds), points.size, first.n_states, first.n_states), dtype=complex)
    for arc, grown in zip(first.arcs, kinds.T, strict=True):
        if arc.begin not in ends:
            weight = points if arc.end in wanted else np.ones_like(points)
            moves[:, :, arc.begin, arc.end] += grown[:, None] * weight
            moves[:, :, arc.begin, arc.begin] -= grown[:, None]
    steps = _exponentials(moves)
    now = np.tile(first.start.astype(complex), (len(laws), points.size, 1))
    course = [now]
    for one in kind.reshape(len(laws), n_cells).T:
        now = (now[:, :, None, :] @ steps[one])[:, :, 0]
        course.append(now)
    whole = np.fft.irfft(np.stack(course, axis=1), n_points, axis=2)
    gone = np.isin(np.arange(first.n_states), list(ends))
    return np.stack([whole[..., gone].sum(axis=3), whole[..., ~gone].sum(axis=3)], axis=1)


def _exponentials(matrices: ComplexArray) -> ComplexArray:
    """Return the exponentials of many small matrices, by their series and squaring."""
    # SPEED: SciPy takes them one by one (benchmarks/cases.py)
    size = float(np.abs(matrices).sum(axis=-1).max(initial=0.0))
    squarings = max(0, math.ceil(math.log2(max(size, _SMALL) / _SMALL)))
    small = matrices / 2**squarings
    found = np.broadcast_to(np.eye(matrices.shape[-1], dtype=complex), matrices.shape)
    for order in range(_ORDER, 0, -1):
        found = np.eye(matrices.shape[-1]) + small @ found / order
    for _ in range(squarings):
        found = found @ found
    return np.asarray(found)


def _widths(edges: FloatArray) -> FloatArray:
    """Return the widths of cells; cells alike have one exponential, so none differs by rounding."""
    return np.asarray(np.round(np.diff(edges) / edges[-1], _DIGITS) * edges[-1])


def _mean_hazards(arc: Arc, edges: FloatArray) -> FloatArray:
    """Return the hazard of an arc in each cell of study time."""
    width = np.diff(edges)
    rate = constant_rate(arc.hazard)
    if arc.ratio.is_constant:
        ratio = np.full(width.size, arc.ratio.ratios[0])
    else:
        breaks = np.array(arc.ratio.breaks)
        marks = np.unique(np.concatenate([edges, breaks[(breaks > 0) & (breaks < edges[-1])]]))
        middle = (marks[1:] + marks[:-1]) / 2
        reached = np.append(0.0, np.cumsum(np.diff(marks) * arc.ratio.at(middle)))
        ratio = np.round(np.diff(np.interp(edges, marks, reached)) / width, _DIGITS)
    # neither must a hazard that is the same differ by rounding
    return np.asarray(ratio * (np.diff(arc.cumulative(edges)) / width if rate is None else rate))


def _n_counts(chances: FloatArray) -> int:
    """Return how many numbers of events must be told apart, from 0 on."""
    beyond = chances[..., ::-1].cumsum(axis=-1)[..., ::-1]
    most = beyond.sum(axis=0).max(axis=(0, 1))
    return int(np.count_nonzero(most > _RARE)) + 1


def _lumped(chances: FloatArray, n_counts: int) -> FloatArray:
    """Return the chances with all higher numbers in the last."""
    beyond = chances[..., n_counts:].sum(axis=-1, keepdims=True)
    last = chances[..., n_counts - 1 : n_counts] + beyond
    return np.concatenate([chances[..., : n_counts - 1], last], axis=-1).clip(min=0.0)
