"""The vectorised engine: patients in the same state take their next step together.

In every round the patients of one state (and latent class) draw how long they stay and
where they go; recorders are told, and the patients join those who wait in the next state.
Nobody waits for anybody else: a round is the n-th stay of each patient, not a time step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray, StateArray, blocks
from lupusim.common.frozen import dataclass, remembered
from lupusim.common.rng import fill_exponential
from lupusim.model import MultiStateModel, Transition
from lupusim.model.hazards.base import constant_rate
from lupusim.records import Cohort, Recorder, Rows, Transitions


@dataclass(frozen=True, slots=True)
class _Way:
    """A way out of a state for one kind of patients, and of which kind they are after it."""

    transition: Transition
    position: int
    ratio: float
    target: int
    target_is_left: bool
    restarts: bool
    kind_after: int


@dataclass(frozen=True, slots=True)
class Exits:
    """All ways out of a state for one kind, and their rates where all are constant."""

    ways: tuple[_Way, ...]
    rates: FloatArray | None


@dataclass(frozen=True, slots=True)
class _Group:
    """Patients who draw together: of one kind, in one state, after equal time in it.

    The kinds are the latent classes under the first law, then under the second, and so on.
    """

    kind: int
    state: int
    time_in_state: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Members of a group: positions in the cohort (None for everybody) and entry times.

    Where the treatment clock can restart, also the study times when it did.
    """

    who: IntArray | None
    entry_time: FloatArray
    restart: FloatArray | None


_Front = dict[_Group, list[_Waiting]]


def simulate(
    model: MultiStateModel,
    cohort: Cohort,
    *,
    horizon: float,
    recorders: Sequence[Recorder],
    rng: np.random.Generator,
) -> None:
    """Follow every patient of a cohort from study time 0 to the horizon.

    Parameters
    ----------
    model : MultiStateModel
        The disease, under treatment if there is one.
    cohort : Cohort
        Who is followed; about 30,000 patients at a time keep all arrays in cache.
    horizon : float
        Study time (years) after which nothing is told; ``inf`` where an absorbing state
        ends every history.
    recorders : sequence of Recorder
        Whom to tell.
    rng : numpy.random.Generator
        The stream reserved for this cohort.

    Raises
    ------
    ValueError
        If the horizon is infinite and some history would never end.
    """
    if np.isinf(horizon) and not model.every_history_ends:
        raise ValueError(
            f"horizon={horizon!r} would never be reached in {model.name!r}: "
            "some states lead to no end. Give a number of years"
        )
    ways = ways_out_of(model)
    front = _enroll(model, cohort, recorders, rng)
    while front:
        following: _Front = defaultdict(list)
        for group, waiting in front.items():
            exits = ways[group.kind][group.state]
            members = _merge(waiting)
            if exits.ways and members.entry_time.size:
                step = _Step(group, exits, cohort, members)
                step.take(following, horizon, recorders, rng)
        front = following


@remembered(16)
def ways_out_of(model: MultiStateModel) -> list[list[Exits]]:
    """Return the ways out by kind and state; those closed to a kind are left out."""
    laws = model.successive_laws
    n_classes = len(model.latent_classes)
    table = []
    for number, law in enumerate(laws):
        following = min(number + 1, len(laws) - 1) * n_classes
        for position in range(n_classes):
            kinds = (number * n_classes + position, following + position)
            table.append([_exits(law, position, state, kinds) for state in law.states])
    return table


def _exits(law: MultiStateModel, class_position: int, state: str, kinds: tuple[int, int]) -> Exits:
    """Return the ways out of a state; `kinds`: of the patients before and after a restart."""
    ratios = law.class_ratios(law.latent_classes[class_position])
    ways = tuple(
        _Way(
            transition=(transition := law.transitions[k]),
            position=k,
            ratio=ratios[k],
            target=law.index(transition.to_state),
            target_is_left=bool(law.outgoing(transition.to_state)),
            restarts=(restarts := transition.to_state in law.restarts),
            kind_after=kinds[restarts],
        )
        for k in law.outgoing(state)
        if ratios[k] > 0
    )
    return Exits(ways, _constant_rates(ways))


def _constant_rates(ways: tuple[_Way, ...]) -> FloatArray | None:
    """Return the rates (per year) of ways that are all constant; None where one is not."""
    rates = []
    for way in ways:
        rate, ratio = constant_rate(way.transition.hazard), way.transition.ratio
        if rate is None or not ratio.is_constant:
            return None
        rates.append(rate * ratio.ratios[0] * way.ratio)
    return np.array(rates) if sum(rates) > 0 else None


def _enroll(
    model: MultiStateModel,
    cohort: Cohort,
    recorders: Sequence[Recorder],
    rng: np.random.Generator,
) -> _Front:
    """Draw everybody's latent class and start, tell the recorders, and form the first groups."""
    kinds = {
        _Group(number, model.index(start.state), float(start.time_in_state)): probability
        for start in model.starts
        for number, latent_class in enumerate(model.latent_classes)
        if (probability := start.probability * latent_class.probability) > 0
    }
    members = _share_out(list(kinds.values()), cohort.n_patients, rng)
    state: StateArray = np.zeros(cohort.n_patients, dtype=np.int8)
    front: _Front = {}
    for group, who in zip(kinds, members, strict=True):
        state[who] = group.state
        n_members = cohort.n_patients if isinstance(who, slice) else who.size
        everybody = None if isinstance(who, slice) else who
        restart = np.zeros(n_members) if model.restarts_matter else None
        front[group] = [_Waiting(everybody, np.zeros(n_members), restart)]
    for recorder in recorders:
        recorder.start(cohort.rows, state)
    return front


def _share_out(probabilities: list[float], n: int, rng: np.random.Generator) -> list[Rows]:
    """Draw who is of which kind; a single kind costs no random numbers."""
    if len(probabilities) == 1:
        return [slice(None)]
    cumulative = np.cumsum(probabilities)
    kind = np.searchsorted(cumulative / cumulative[-1], rng.random(n), side="right")
    return [np.flatnonzero(kind == number) for number in range(len(probabilities))]


def which_way(rates: FloatArray, n: int, rng: np.random.Generator) -> StateArray:
    """Draw by the number which of the ways, at constant rates, each of n patients takes, (n,)."""
    winner: StateArray = np.zeros(n, dtype=np.int8)
    edges = np.cumsum(rates)[:-1] / rates.sum()
    for part in blocks(n, 1) if rates.size > 1 else ():
        which = rng.random(winner[part].size)
        np.greater_equal(which, edges[0], out=winner[part].view(bool))
        for edge in edges[1:]:
            winner[part] += which >= edge
    return winner


def _merge(waiting: list[_Waiting]) -> _Waiting:
    """Join those who came into a group from different states."""
    if len(waiting) == 1:
        return waiting[0]
    who = np.concatenate([part.who for part in waiting if part.who is not None])
    entry_time = np.concatenate([part.entry_time for part in waiting])
    restarts = [part.restart for part in waiting if part.restart is not None]
    return _Waiting(who, entry_time, np.concatenate(restarts) if restarts else None)


class _Step:
    """The next step of one group of patients."""

    def __init__(self, group: _Group, exits: Exits, cohort: Cohort, waiting: _Waiting) -> None:
        self.group = group
        self.ways = exits.ways
        self.rates = exits.rates
        self.cohort = cohort
        self.who = waiting.who
        self.entry_time = waiting.entry_time
        self.restart = waiting.restart

    def take(
        self,
        following: _Front,
        horizon: float,
        recorders: Sequence[Recorder],
        rng: np.random.Generator,
    ) -> None:
        """Draw the step, tell the recorders, and let the patients join their next groups."""
        cohort = self.cohort
        alike = cohort.hazard_ratio is None and not (cohort.courses or cohort.thresholds)
        if self.rates is not None and alike:
            time, winner = self._draw_constant(self.rates, rng)
        else:
            time, winner = self._race(horizon, rng)
        time += self.entry_time
        time, winner = self._cut(time, winner, horizon)
        if time.size == 0:
            return
        targets: StateArray = np.array([way.target for way in self.ways], dtype=np.int8)
        batch = Transitions(
            rows=self._rows(),
            from_state=self.group.state,
            to_state=np.full(time.size, targets[0]) if targets.size == 1 else targets.take(winner),
            entry_time=self.entry_time,
            time=time,
        )
        for recorder in recorders:
            recorder.record(batch)
        self._send_on(following, time, winner)

    def _draw_constant(
        self, rates: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, StateArray]:
        """Draw when anything happens, then what: the same law as a race of constant hazards.

        SPEED: one exponential and one uniform number in place of an exponential for each
        way (benchmarks/engine.py).
        """
        n = self.entry_time.size
        sojourn = np.empty(n)
        for part in blocks(n, 1):
            fill_exponential(sojourn[part], rng=rng)
            sojourn[part] *= 1 / rates.sum()
        return sojourn, which_way(rates, n, rng)

    def _race(self, horizon: float, rng: np.random.Generator) -> tuple[FloatArray, StateArray]:
        """Race the competing transitions: each fires when its own threshold is reached.

        Returns the sojourn times of the (n,) members and the number of the way each takes;
        ``inf`` and 0 where none ever fires. Those who stay beyond the horizon may have any time
        and way beyond it.
        """
        n = self.entry_time.size
        sojourn = np.empty(0)
        winner: StateArray = np.zeros(n, dtype=np.int8)
        for number, way in enumerate(self.ways):
            if (own := self.cohort.thresholds.get(way.position)) is not None:
                latent = self._own_latent(way, own if self.who is None else own[self.who])
            else:
                threshold = self._threshold(way, rng.standard_exponential(n))
                latent = self._latent(way, threshold, horizon)
            if number == 0:
                sojourn = latent
                continue
            earlier = latent < sojourn
            np.copyto(winner, np.int8(number), where=earlier)
            np.minimum(sojourn, latent, out=sojourn)
        return sojourn, winner

    def _latent(self, way: _Way, threshold: FloatArray, horizon: float) -> FloatArray:
        """Return how long each would stay if this were the only way out."""
        course = self.cohort.courses.get(way.position)
        if course is None:
            return way.transition.sojourn_time(
                self.entry_time,
                threshold,
                time_in_state=self.group.time_in_state,
                restart=self.restart,
                until=horizon,
            )
        return way.transition.own_sojourn_time(
            self.entry_time,
            threshold,
            ratio=course.of(self.who),
            time_in_state=self.group.time_in_state,
            until=horizon,
        )

    def _own_latent(self, way: _Way, threshold: FloatArray) -> FloatArray:
        """Return how long until what was due from study time 0 on, on whatever path."""
        begin = np.zeros_like(self.entry_time)
        due = way.transition.sojourn_time(begin, self._threshold(way, np.array(threshold)))
        return due - self.entry_time

    def _threshold(self, way: _Way, exponential: FloatArray) -> FloatArray:
        """Divide the unit-exponential draws by what the class and the patient multiply."""
        if way.ratio != 1:
            exponential /= way.ratio
        ratio = (self.cohort.hazard_ratio or {}).get(way.position)
        if ratio is not None:
            with np.errstate(divide="ignore"):
                exponential /= ratio if self.who is None else ratio[self.who]
        return exponential

    def _cut(
        self, time: FloatArray, winner: StateArray, horizon: float
    ) -> tuple[FloatArray, StateArray]:
        """Drop those whose stay outlasts the horizon."""
        moved = time < np.inf if np.isinf(horizon) else time <= horizon
        if moved.all():
            return time, winner
        kept = np.flatnonzero(moved)
        self.who = kept if self.who is None else self.who[kept]
        self.entry_time = self.entry_time[kept]
        if self.restart is not None:
            self.restart = self.restart[kept]
        return time[kept], winner[kept]

    def _rows(self) -> Rows:
        rows = self.cohort.rows
        if self.who is None:
            return rows
        if isinstance(rows, slice):
            return self.who + rows.start if rows.start else self.who
        return rows[self.who]

    def _send_on(self, following: _Front, time: FloatArray, winner: StateArray) -> None:
        """Let those who reached a state that can be left wait there for the next round."""
        for number, way in enumerate(self.ways):
            if not way.target_is_left:
                continue
            group = _Group(way.kind_after, way.target, 0.0)
            restart = time if way.restarts else self.restart
            if self.restart is None:
                restart = None
            if len(self.ways) == 1:
                following[group].append(_Waiting(self._present(), time, restart))
                continue
            chosen = np.flatnonzero(winner == number)
            if chosen.size:
                who = chosen if self.who is None else self.who[chosen]
                restart = None if restart is None else restart[chosen]
                following[group].append(_Waiting(who, time[chosen], restart))

    def _present(self) -> IntArray:
        return np.arange(self.entry_time.size) if self.who is None else self.who
