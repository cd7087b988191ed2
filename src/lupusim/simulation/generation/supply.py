"""Which infusion of which patient gets a dose, when, and of which lot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, StateArray
from lupusim.common.frozen import dataclass
from lupusim.simulation.generation.patients import Streams
from lupusim.simulation.quantities import of_arm
from lupusim.trial import Arm, Trial
from lupusim.trial.treatment.supply import Arrivals, Deliveries, Demands, Dispense, Stock, Supply


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """The supply of a block of trials, as it went.

    Arrays of infusions have the shape (n_replicates, n_patients, n_infusions); the last axis
    counts the infusions of the arm's course, in the order of its `at`.
    """

    supply: Supply  # what was planned
    stock: Stock  # the lots of all replicates
    demands: Demands  # what infusions asked for
    deliveries: Deliveries  # what they got
    members: Mapping[str, BoolArray]
    """Who is on each arm that draws on it; (n_replicates, n_patients)."""
    enrollment_time: FloatArray
    """Calendar times (years) of randomization, pauses included; (n_replicates, n_patients)."""
    late: FloatArray | None = None
    """Years by which pauses put each patient's randomization off; None without pauses;
    (n_replicates, n_patients)."""

    @property
    def wait(self) -> FloatArray:
        """Years that each infusion given was late; ``inf`` where none was given."""
        given, wanted = self.deliveries.given, self.demands.wanted
        wait = np.full(given.shape, np.inf)
        return np.asarray(np.subtract(given, wanted, out=wait, where=np.isfinite(given)))

    def study_times(self, arm: Arm) -> FloatArray:
        """Return when an arm's patients have its infusions, shape (n_infusions, n_patients).

        Study times (years), of all patients of all replicates as if they were on the arm;
        ``inf`` where none was given.
        """
        at = arm.infusions.at if arm.infusions else ()
        return np.stack([time + self.wait[..., k].ravel() for k, time in enumerate(at)])

    def potency(self, *, rng: np.random.Generator) -> FloatArray:
        """Draw the potency of each lot, and return that of each infusion; normal, sd 1."""
        n_lots, n_replicates = self.stock.passed.shape
        # The last row stands for no lot.
        potency = np.zeros((n_lots + 1, n_replicates))
        potency[:-1] = rng.standard_normal((n_lots, n_replicates))
        replicate = np.arange(n_replicates)[:, None, None]
        return np.asarray(potency[self.deliveries.lot, replicate])

    def quantities(self, end: FloatArray) -> dict[str, FloatArray]:
        """Return what the supply did up to the end of each trial (calendar time, years).

        Infusions are counted as wanted, on time, delayed and missed, and their mean wait
        (years) is over those given; `ran_out` is whether any was missed. Where several arms
        draw on the supply, `infusions_missed_ARM` says whose are missed. No more lots are
        started once the last infusion has been given or missed; of those that passed their
        test, each dose was given, has expired, or is left at the end of the trial. Where
        enrollment pauses, `enrollment_paused` is for how long (years), all pauses together.
        """
        given, until = self.deliveries.given, self.demands.until
        by_end = end[:, None, None]
        got = given <= by_end
        wait = self.wait
        missed = np.isinf(given) & (until <= by_end)
        counts = {
            "infusions_wanted": self.demands.wanted <= by_end,
            "infusions_on_time": got & (wait == 0),
            "infusions_delayed": got & (wait > 0),
            "infusions_missed": missed,
        }
        found = {name: which.sum(axis=(1, 2)).astype(float) for name, which in counts.items()}
        with np.errstate(invalid="ignore"):
            found["infusion_wait"] = np.where(got, wait, 0.0).sum(axis=(1, 2)) / got.sum(
                axis=(1, 2)
            )
        for name, belongs in self.members.items() if len(self.members) > 1 else ():
            misses = (missed & belongs[..., None]).sum(axis=(1, 2))
            found[of_arm("infusions_missed", name)] = misses.astype(float)
        found["ran_out"] = missed.any(axis=(1, 2)).astype(float)
        if self.late is not None:
            came = self.enrollment_time <= end[:, None]
            found["enrollment_paused"] = np.where(came, self.late, 0.0).max(axis=1)
        last = np.where(np.isfinite(given), given, np.where(np.isfinite(until), until, 0.0))
        return found | self._lots(end, np.minimum(last.max(axis=(1, 2)), end), got)

    def _lots(self, end: FloatArray, closed: FloatArray, got: BoolArray) -> dict[str, FloatArray]:
        """Return what became of the lots that were started before the supply `closed`."""
        passed = self.stock.passed
        made = self.stock.released - self.supply.lots.lead_time
        started = made[:, None] <= closed
        place = self.deliveries.lot[got] * passed.shape[1] + np.nonzero(got)[0]
        used = np.bincount(place, weights=self.demands.doses[got], minlength=passed.size)
        used = used.reshape(passed.shape)
        unused = np.where(passed & started, self.stock.doses - used, 0.0)
        expired = self.stock.expires[:, None] <= end
        counts = {
            "lots_made": started,
            "lots_failed": started & ~passed,
            "doses_given": used,
            "doses_expired": np.where(expired, unused, 0.0),
            "doses_left": np.where(expired, 0.0, unused),
        }
        return {name: values.sum(axis=0).astype(float) for name, values in counts.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Who is on which arm, from when to when."""

    arm: StateArray  # arm of each patient; (n_replicates, n_patients)
    enrollment_time: FloatArray
    """Calendar times (years) of randomization; (n_replicates, n_patients)."""
    leaves: FloatArray
    """Study times (years) after which no infusion is wanted; (n_replicates, n_patients)."""


def supply_trial(
    trial: Trial, presence: Presence, *, dispense: Dispense, streams: Streams
) -> Supplied | None:
    """Let a block of trials have its supply; None for a trial whose doses are always there.

    Doses are dealt out before anybody's disease is known: a patient who dies, or whose dropout
    depends on the state, has a dose set aside all the same. Who is known to have dropped out
    wants none, and leaves the line.
    """
    supply = trial.supply
    if supply is None:
        return None
    demands = _demands(trial, supply, presence, streams)
    stock, dealt = _dealt(supply, presence, demands, dispense=dispense, streams=streams)
    enrollment_time = presence.enrollment_time
    late = None
    if dealt.came is not None:
        late = dealt.came - enrollment_time
        wanted = dealt.came[..., None] + (demands.wanted - enrollment_time[..., None])
        until = np.where(np.isfinite(wanted), wanted + demands.patience, np.inf)
        enrollment_time = dealt.came
        demands = Demands(wanted=wanted, until=until, doses=demands.doses)
    shape = demands.wanted.shape
    drawing = [(k, arm.name) for k, arm in enumerate(trial.arms) if arm.name in supply.draws]
    return Supplied(
        supply=supply,
        stock=stock,
        demands=demands,
        deliveries=Deliveries(given=dealt.given.reshape(shape), lot=dealt.lot.reshape(shape)),
        members={name: presence.arm == k for k, name in drawing},
        enrollment_time=enrollment_time,
        late=late,
    )


def _dealt(
    supply: Supply,
    presence: Presence,
    demands: Demands,
    *,
    dispense: Dispense,
    streams: Streams,
) -> tuple[Stock, Deliveries]:
    """Return the lots that a block may need, and who got doses of them and when."""
    arrivals = None
    if supply.pauses:
        most = max(supply.draws.values())
        arrivals = Arrivals(times=presence.enrollment_time, doses=most)
    flat = Demands(
        wanted=_in_line(demands.wanted),
        until=_in_line(demands.until),
        doses=demands.doses.reshape(len(demands.doses), -1),
        arrivals=arrivals,
    )
    n_replicates = len(demands.wanted)
    until = float(np.where(np.isfinite(demands.until), demands.until, 0.0).max(initial=0.0))
    if arrivals is not None:
        until = max(until, float(presence.enrollment_time.max()))
    while True:
        stock = supply.stock(n_replicates, until, rng=streams("supply"))
        dealt = dispense(stock, flat)
        if dealt.came is None or (last := _last(presence, demands, dealt.came)) <= until:
            return stock, dealt
        # Lots started later are of no use to who came before: once all is within, all is told.
        until = 2 * (last if np.isfinite(last) else until + supply.lots.lead_time)


def _last(presence: Presence, demands: Demands, came: FloatArray) -> float:
    """Return the calendar time of the last randomization, or end of waiting; inf for never."""
    start = presence.enrollment_time
    until = np.where(np.isfinite(demands.until), demands.until, start[..., None])
    return float((came + (until.max(axis=2) - start)).max())


def _in_line(times: FloatArray) -> FloatArray:
    return times.reshape(len(times), -1)


def _demands(trial: Trial, supply: Supply, presence: Presence, streams: Streams) -> Demands:
    arms = [(k, arm) for k, arm in enumerate(trial.arms) if arm.name in supply.draws]
    most = max(len(times_of(arm)) for _, arm in arms)
    wanted = np.full((*presence.arm.shape, most), np.inf)
    doses = np.ones(wanted.shape, dtype=np.intp)
    for number, arm in arms:
        belongs = presence.arm == number
        doses[belongs] = supply.draws[arm.name]
        given = infusions_given(arm, presence.arm.size, streams=streams)
        for k, time in enumerate(times_of(arm)):
            here = belongs & given[:, k].reshape(belongs.shape) & (presence.leaves > time)
            wanted[here, k] = presence.enrollment_time[here] + time
    leaves = (presence.enrollment_time + presence.leaves)[..., None]
    until = np.where(np.isfinite(wanted), np.minimum(wanted + supply.patience, leaves), np.inf)
    return Demands(wanted=wanted, until=until, doses=doses)


def times_of(arm: Arm) -> Sequence[float]:
    """Return the study times (years) of an arm's infusions."""
    return arm.infusions.at if arm.infusions else ()


def infusions_given(arm: Arm, n_patients: int, *, streams: Streams) -> BoolArray:
    """Return which of an arm's infusions everybody would have, shape (n_patients, n_infusions)."""
    infusions = arm.infusions
    n_infusions = len(infusions.at) if infusions else 0
    if infusions is None or not infusions.missed:
        return np.ones((n_patients, n_infusions), dtype=bool)
    draws = streams(f"missed {arm.name}").random((n_patients, n_infusions))
    return np.asarray(draws >= infusions.missed)
