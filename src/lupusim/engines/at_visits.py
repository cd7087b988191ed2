"""Who is in some states at visits, where nobody asks for anything else of the patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass, remembered
from lupusim.common.rng import fill_within
from lupusim.engines.vector import simulate, ways_out_of, which_way
from lupusim.model import MultiStateModel
from lupusim.records import Cohort, StateAt
from lupusim.records.recorders import among


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Being in one of some states at every one of some visits.

    Parameters
    ----------
    visits : tuple of float
        Study times (years).
    states : tuple of int
        Their positions in the model.
    """

    visits: tuple[float, ...]
    states: tuple[int, ...]


def seen_at_visits(
    model: MultiStateModel,
    n_patients: int,
    sought: Sequence[Sought],
    *,
    horizon: float,
    rng: np.random.Generator,
) -> list[BoolArray]:
    """Return which of so many patients show each of what is sought, (n_patients,) each.

    They are the patients whom the vectorized engine follows with the same stream, and nothing but
    the law acts on them. Where one step decides, nothing is drawn or kept of what happens later.

    Parameters
    ----------
    model : MultiStateModel
        The disease, under treatment if there is one.
    n_patients : int
        How many.
    sought : sequence of Sought
        What is looked for.
    horizon : float
        Study time (years) up to which they are followed.
    rng : numpy.random.Generator
        The stream reserved for them; of no use to anybody afterwards.

    Raises
    ------
    ValueError
        If the horizon is infinite and some history would never end.
    """
    if len(sought) == 1 and len(sought[0].visits) == 1 and (step := _only_step(model)) is not None:
        return [step.seen(sought[0], n_patients, horizon=horizon, rng=rng)]
    times = sorted({time for one in sought for time in one.visits})
    recorder = StateAt(times, n_patients)
    simulate(model, Cohort(n_patients=n_patients), horizon=horizon, recorders=[recorder], rng=rng)
    found = []
    for one in sought:
        states = [recorder.states[times.index(time)] for time in one.visits]
        found.append(np.logical_and.reduce([among(state, one.states) for state in states]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """The step of patients who all start in one state, and after which none takes another."""

    start: int  # position of the state
    rates: FloatArray  # per year, of each way out
    targets: tuple[int, ...]  # positions of the states that the ways lead to

    def seen(
        self, sought: Sought, n_patients: int, *, horizon: float, rng: np.random.Generator
    ) -> BoolArray:
        """Return who is in one of the states at the only visit, (n_patients,)."""
        before = self.start in sought.states
        after = np.array([target in sought.states for target in self.targets])
        if (after == before).all():
            return np.full(n_patients, before)
        moved = np.empty(n_patients, dtype=bool)
        limit = min(sought.visits[0], horizon)
        fill_within(moved, scale=1 / self.rates.sum(), limit=limit, rng=rng)
        if (after == before).any():
            moved &= (after != before)[which_way(self.rates, n_patients, rng)]
        return ~moved if before else moved


@remembered(16)
def _only_step(model: MultiStateModel) -> _Step | None:
    """Return the step that alone decides, at constant rates; None where others follow or differ."""
    if len(model.starts) > 1 or len(model.latent_classes) > 1:
        return None
    start = model.index(model.starts[0].state)
    exits = ways_out_of(model)[0][start]
    if exits.rates is None or any(way.target_is_left for way in exits.ways):
        return None
    targets = tuple(way.target for way in exits.ways)
    return _Step(start=start, rates=exits.rates, targets=targets)
