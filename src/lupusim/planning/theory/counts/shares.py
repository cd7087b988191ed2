"""Shares of patients in each state at some times, for thousands of laws together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.law import Arc, Law, bounded_cumulative
from lupusim.engines.exact.markov import MarkovGrid, exponentials
from lupusim.engines.exact.solution import solve_law
from lupusim.errors import NoExactSolutionError
from lupusim.model import Hazard
from lupusim.model.hazards.base import constant_rate

_TOLERANCE = 1e-7
_STEPS = 512
_MOST_BREAKS = 40
MOST_MARCHED = 24  # laws with hazards on two clocks, half a minute in all
_ROUNDING = 1e-9


class DrawnHazard:
    """The hazard of one transition in many truths; one for a truth, all of one form.

    Parameters
    ----------
    hazards : sequence of Hazard
        Constant all of them, or none; with jumps at the same times.
    """

    __slots__ = ("_growth", "_marks", "hazards")

    def __init__(self, hazards: Sequence[Hazard]) -> None:
        self.hazards = tuple(hazards)
        self._marks: FloatArray | None = None
        self._growth = np.empty((0, 0))

    def growth(self, marks: FloatArray) -> FloatArray:
        """Return the growth of the cumulative hazards between marks, (n_truths, n_marks - 1)."""
        # SPEED: classes and kinds of patients share it (benchmarks/table.py)
        if self._marks is not marks:
            self._marks, self._growth = marks, _growth(self.hazards, marks)
        return self._growth


def _growth(hazards: Sequence[Hazard], marks: FloatArray) -> FloatArray:
    rates = [constant_rate(hazard) for hazard in hazards]
    known = [rate for rate in rates if rate is not None]
    if len(known) == len(rates):
        return np.outer(known, np.diff(marks))
    # before its first jump also on a clock of its own
    return np.diff([bounded_cumulative(hazard, marks) for hazard in hazards])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kin:
    """Laws that differ in the numbers of their hazards alone."""

    law: Law  # the first of them
    hazards: Mapping[tuple[int, int], DrawnHazard]
    """Those of all of them, by begin and end of the arc; what is missing is alike in all."""
    n_laws: int  # how many they are

    def laws(self) -> Iterator[Law]:
        """Yield them."""
        for number in range(self.n_laws):
            yield replace(
                self.law,
                arcs=tuple(
                    replace(arc, hazard=self.hazards[arc.begin, arc.end].hazards[number])
                    if (arc.begin, arc.end) in self.hazards
                    else arc
                    for arc in self.law.arcs
                ),
            )

    def growth(self, marks: FloatArray) -> Iterator[tuple[int, int, FloatArray]]:
        """Yield begin and end of each arc, and the growth of its cumulative hazard between marks.

        That is (n_laws, n_marks - 1), or (1, n_marks - 1) where it is the same in all of them.
        """
        middles = (marks[:-1] + marks[1:]) / 2
        for arc in self.law.arcs:
            drawn = self.hazards.get((arc.begin, arc.end))
            grown = _growth([arc.hazard], marks) if drawn is None else drawn.growth(marks)
            yield arc.begin, arc.end, grown * arc.ratio.at(middles)


def shares_at(
    some: Sequence[Kin],
    times: FloatArray,
    keep: FloatArray | None,
    *,
    most_marched: int = MOST_MARCHED,
) -> FloatArray:
    """Return the shares in each state at each time, (n_laws of all, n_times, n_states).

    Parameters
    ----------
    some : sequence of Kin
        All have the same states.
    times : (n_times,) array
        Study times (years), increasing.
    keep : (n_states,) or (n_times, n_states) array or None
        At each time only these parts of those in each state go on; None for all.
    most_marched : int
        How many laws may be marched, of which each takes a second or more.

    Raises
    ------
    NoExactSolutionError
        If there are more of these.
    """
    if keep is not None:
        keep = np.broadcast_to(keep, (times.size, some[0].law.n_states))
    ends = np.cumsum([kin.n_laws for kin in some])
    found = np.empty((int(ends[-1]), times.size, some[0].law.n_states))
    alike = [k for k, kin in enumerate(some) if _is_stepwise(kin.law, float(times[-1]))]
    places = [np.arange(end - kin.n_laws, end) for kin, end in zip(some, ends, strict=True)]
    if alike:
        rows = np.concatenate([places[k] for k in alike])
        found[rows] = _in_steps([some[k] for k in alike], times, keep)
    others = sorted(set(range(len(some))) - set(alike))
    n_marched = sum(some[k].n_laws for k in others if is_marched(some[k].law, float(times[-1])))
    if n_marched > most_marched:
        raise NoExactSolutionError(f"the laws of {n_marched} kinds of patients take minutes")
    for k in others:
        for place, law in zip(places[k], some[k].laws(), strict=True):
            found[place] = _of_law(law, times, keep)
    return found


def is_marched(law: Law, until: float) -> bool:
    """Return whether it takes a second or more to know a law up to a study time.

    Its hazards change with the time in a state and by the date; of these laws
    :func:`shares_at` takes no more than `MOST_MARCHED`.
    """
    return law.is_on_two_clocks and not _is_stepwise(law, until)


def _of_law(law: Law, times: FloatArray, keep: FloatArray | None) -> FloatArray:
    """Return the shares in each state at each time, (n_times, n_states), for any hazards."""
    if keep is not None and times.size > 1:
        return _at_all(law, times, keep)
    shares = solve_law(law, times, tolerance=_TOLERANCE).probabilities
    return shares if keep is None else shares * keep


def _is_stepwise(law: Law, until: float) -> bool:
    """Return whether hazards are constant between some study times, up to one."""
    fresh = all(entry.time_in_state == 0 for entry in law.entries)

    def known(arc: Arc) -> bool:
        if arc.is_constant or not arc.kinks:
            return arc.is_constant
        before_any = fresh and arc.clock.is_time_in_state and min(arc.kinks) >= until - _ROUNDING
        return arc.is_markov or before_any

    return len(_breaks(law, until)) <= _MOST_BREAKS and all(map(known, law.arcs))


def _breaks(law: Law, until: float) -> set[float]:
    """Return the study times at which hazards jump."""
    marks = {time for arc in law.arcs for time in arc.ratio.breaks}
    marks |= {time for arc in law.arcs if arc.is_markov for time in arc.kinks}
    return {time for time in marks if 0 < time < until}


def _in_steps(some: Sequence[Kin], times: FloatArray, keep: FloatArray | None) -> FloatArray:
    """Return the shares where hazards are constant between some times, for all laws together."""
    # SPEED: few matrix exponentials for thousands of laws (benchmarks/table.py)
    until, n_states = float(times[-1]), some[0].law.n_states
    jumps = {0.0, *times.tolist()}.union(*(_breaks(kin.law, until) for kin in some))
    marks = np.array(sorted(jumps))
    grown = [list(kin.growth(marks)) for kin in some]
    shares = np.repeat([kin.law.start for kin in some], [kin.n_laws for kin in some], axis=0)
    found = np.empty((len(shares), times.size, n_states))
    for step, end in enumerate(marks[1:].tolist()):
        matrices = exponentials(_generators(some, grown, step))
        shares = (shares[:, None, :] @ matrices)[:, 0]
        at = times == end
        if at.any():
            if keep is not None:
                shares = shares * keep[at]
            found[:, at] = shares[:, None]
    return found


def _generators(
    some: Sequence[Kin],
    grown: Sequence[Sequence[tuple[int, int, FloatArray]]],
    step: int,
) -> FloatArray:
    """Return the integral of each law's generator over a step, (n_laws, n_states, n_states)."""
    n, diagonal = some[0].law.n_states, np.arange(some[0].law.n_states)
    found = np.zeros((sum(kin.n_laws for kin in some), n, n))
    first = 0
    for kin, arcs in zip(some, grown, strict=True):
        rows = slice(first, first + kin.n_laws)
        for begin, end, growth in arcs:
            found[rows, begin, end] += growth[:, step]
        first += kin.n_laws
    found[:, diagonal, diagonal] = -found.sum(axis=2)
    return found


def _at_all(law: Law, times: FloatArray, keep: FloatArray) -> FloatArray:
    """Return the shares at several times where only some go on at each.

    Raises
    ------
    NoExactSolutionError
        If hazards depend on the time in a state, of which a visit tells nothing.
    """
    if not all(arc.is_markov for arc in law.arcs):
        raise NoExactSolutionError("the time in a state matters, and several visits decide")
    grid = MarkovGrid(law=law, times=times)
    coarse, fine = (_kept(law, grid.matrices(steps), keep) for steps in (_STEPS, 2 * _STEPS))
    if (apart := float(np.abs(fine - coarse).max())) > _TOLERANCE:
        raise NoExactSolutionError(f"two grids of time differ by {apart:.1g}")
    return fine


def _kept(law: Law, matrices: FloatArray, keep: FloatArray) -> FloatArray:
    shares, found = law.start, []
    for matrix, kept in zip(matrices, keep, strict=True):
        shares = (shares @ matrix) * kept
        found.append(shares)
    return np.array(found)
