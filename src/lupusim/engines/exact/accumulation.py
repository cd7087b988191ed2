"""Expected years in each state and expected moves by each way, up to a time or for ever."""

from __future__ import annotations

import math

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.law import Law, discounted
from lupusim.engines.exact.solution import grid_for
from lupusim.engines.exact.stays import Beginning, stay
from lupusim.errors import NoExactSolutionError

_FIRST_HORIZON = 8.0  # years; doubled until nobody is left
_LAST_HORIZON = 2.0**20  # years; whoever is still on the way then stays for good
_GONE = 1e-12  # of the horizon: years that count as none
_DISCOUNTED_AWAY = 36.0  # exp(-36) = 2e-16


@dataclass(frozen=True, slots=True, kw_only=True)
class Accumulated:
    """What adds up along the way."""

    time: FloatArray  # expected discounted years in each state; (n_states,)
    moves: FloatArray  # expected discounted number of moves along each arc of the law; (n_arcs,)

    def minus(self, other: Accumulated) -> Accumulated:
        """Return what adds up later than the other."""
        return Accumulated(time=self.time - other.time, moves=self.moves - other.moves)


def accumulate(law: Law, until: float, *, discount: float = 0.0, tolerance: float) -> Accumulated:
    """Return the expected years and moves from study time 0 to `until`.

    Parameters
    ----------
    law : Law
        Any hazards, clocks and ratios.
    until : float
        Study time (years), 0 or above; ``inf`` for ever.
    discount : float
        Continuous rate per year: what happens at `t` counts ``exp(-discount * t)``.
    tolerance : float
        Absolute error allowed, as a share of `until`.

    Raises
    ------
    NoExactSolutionError
        If the tolerance is not reached, or a treatment effect ends and `until` is ``inf``.
    """
    if until == 0:
        return Accumulated(time=np.zeros(law.n_states), moves=np.zeros(len(law.arcs)))
    if not law.arcs:
        left = float(discounted(until, discount))
        time = np.array([share * left if share else 0.0 for share in law.start.tolist()])
        return Accumulated(time=time, moves=np.zeros(0))
    if until == math.inf:
        return _for_ever(law, discount, tolerance)
    return _refined(law, until, discount, tolerance)


def _refined(law: Law, until: float, discount: float, tolerance: float) -> Accumulated:
    """Halve the step until the extrapolated answer stands still."""
    grid = grid_for(law, np.array([until]))
    n_steps = grid.first_steps
    coarse = grid.sums(n_steps, discount)
    if grid.is_exact:
        return _split(law, coarse)
    previous = np.full(coarse.size, np.inf)
    while n_steps < grid.largest_steps_of_sums:
        n_steps *= 2
        fine = grid.sums(n_steps, discount)
        best = fine + (fine - coarse) / (2**grid.order - 1)
        if np.all(np.abs(best - previous) <= tolerance * np.maximum(until, np.abs(best))):
            return _split(law, best)
        coarse, previous = fine, best
    raise NoExactSolutionError(
        f"the expected time in state up to year {until:.6g} is not known to {tolerance:.3g} of "
        f"that time with {n_steps} steps; ask for less, "
        'or use lupusim.simulate(..., engine="vector") instead.'
    )


def _split(law: Law, sums: FloatArray) -> Accumulated:
    return Accumulated(time=sums[: law.n_states], moves=sums[law.n_states :])


def _for_ever(law: Law, discount: float, tolerance: float) -> Accumulated:
    if all(arc.renews for arc in law.arcs):
        return _renewed_for_ever(law, discount)
    try:
        return _doubled(law, discount, tolerance)
    except NoExactSolutionError:
        raise NoExactSolutionError(
            "hazards that run on time in the state beside hazards or effects that change with "
            "study time, and some patients who stay long: there is no answer for ever. "
            "Give a time, such as 50 years (until)"
        ) from None


def _doubled(law: Law, discount: float, tolerance: float) -> Accumulated:
    """Double the horizon until nobody is left on the way, or nothing counts any more."""
    leaving = sorted({arc.begin for arc in law.arcs})
    horizon = _FIRST_HORIZON
    before = accumulate(law, horizon, discount=discount, tolerance=tolerance)
    while True:
        stricter = 0.5 * tolerance * _FIRST_HORIZON / horizon
        now = accumulate(law, 2 * horizon, discount=discount, tolerance=stricter)
        late = now.time - before.time
        horizon, before = 2 * horizon, now
        if discount > 0 and discount * horizon > _DISCOUNTED_AWAY:
            return now
        over = late[leaving].sum() <= _GONE * horizon
        if discount == 0 and (over or horizon > _LAST_HORIZON):
            lasting = late > _GONE * horizon
            return Accumulated(time=np.where(lasting, math.inf, now.time), moves=now.moves)


def _renewed_for_ever(law: Law, discount: float) -> Accumulated:
    """Count stays by the embedded chain; each is worth what a new one is.

    Kemeny and Snell (1976), Finite Markov Chains, theorem 3.2.4, with discounting as a chance
    to be taken out.
    """
    begins = np.array([arc.begin for arc in law.arcs])
    ends = np.array([arc.end for arc in law.arcs])
    stays = [stay(law, state, discount=discount) for state in range(law.n_states)]
    share = np.array([stays[arc.begin].ends[k] for k, arc in enumerate(law.arcs)])
    time, moves = np.zeros(law.n_states), np.zeros(len(law.arcs))
    for entry in law.entries:
        begun = Beginning(time_in_state=entry.time_in_state)
        first = stay(law, entry.state, beginning=begun, discount=discount)
        time[entry.state] += entry.probability * first.time
        moves += entry.probability * first.ends
    entered, onward = np.zeros(law.n_states), np.zeros((law.n_states, law.n_states))
    np.add.at(entered, ends, moves)
    np.add.at(onward, (begins, ends), share)
    visits = _visits(onward, entered, _recurrent(onward))
    came = visits > 0
    time[came] += visits[came] * np.array([s.time for s in stays])[came]
    fires = (share > 0) & came[begins]
    moves[fires] += visits[begins[fires]] * share[fires]
    return Accumulated(time=time, moves=moves)


def _recurrent(onward: FloatArray) -> BoolArray:
    """Return which states are come back to for ever once they are entered."""
    reach = _reach(onward)
    closed: BoolArray = np.all(~reach | reach.T, axis=1)
    surely = onward.sum(axis=1) > 1 - 1e-9
    return np.array([closed[k] and surely[reach[k]].all() for k in range(len(onward))])


def _visits(onward: FloatArray, entered: FloatArray, endless: BoolArray) -> FloatArray:
    """Return the expected number of stays that begin after study time 0."""
    passing = ~endless
    inner = onward[np.ix_(passing, passing)]
    visits = np.zeros(len(onward))
    visits[passing] = np.linalg.solve((np.eye(len(inner)) - inner).T, entered[passing])
    reached = (entered > 0).astype(float) @ _reach(onward) > 0
    visits[endless & reached] = math.inf
    return visits


def _reach(onward: FloatArray) -> BoolArray:
    """Return whether there is a way from each state to each, itself included."""
    n = len(onward)
    return np.asarray(np.linalg.matrix_power((onward > 0) + np.eye(n), n) > 0)
