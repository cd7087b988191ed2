"""Doses dealt out event by event: lots and infusions are SimPy processes at one pharmacy."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import field

import numpy as np
import simpy

from lupusim.common.frozen import dataclass
from lupusim.trial.treatment.supply import NO_LOT, Arrivals, Deliveries, Demands, Stock

_Process = Generator[simpy.Event, object, None]


@dataclass(slots=True, kw_only=True)
class Lot:
    """A lot in stock: its position, the doses left, and when they expire (calendar, years)."""

    position: int
    left: int
    expires: float


@dataclass(slots=True, kw_only=True)
class Waiting:
    """An infusion in the line: the doses it takes, the event of being called, to which lot."""

    doses: int
    called: simpy.Event
    lot: int = NO_LOT


@dataclass(slots=True, kw_only=True)
class Pharmacy:
    """Keeps released lots, and the line of those who wait for one."""

    env: simpy.Environment
    stock: list[Lot] = field(default_factory=list)
    line: list[Waiting] = field(default_factory=list)
    delivery: simpy.Event = field(init=False)

    def __post_init__(self) -> None:
        self.delivery = self.env.event()

    def receive(self, lot: Lot, released: float) -> _Process:
        """Take a lot in at its release, and serve those who wait; then let it expire."""
        yield self.env.timeout(released)
        self.stock.append(lot)
        self.stock.sort(key=lambda one: one.expires)
        for waiting in list(self.line):
            if self._serve(waiting):
                self.line.remove(waiting)
        self.delivery.succeed()
        self.delivery = self.env.event()
        if math.isfinite(lot.expires):
            yield self.env.timeout(lot.expires - self.env.now)
            self.stock.remove(lot)

    def has(self, doses: int) -> bool:
        """Return whether a lot in stock has so many doses."""
        return any(lot.left >= doses and lot.expires > self.env.now for lot in self.stock)

    def ask(self, doses: int) -> Waiting:
        """Join the line; the event has already happened where a lot is in stock."""
        waiting = Waiting(doses=doses, called=self.env.event())
        if not self._serve(waiting):
            self.line.append(waiting)
        return waiting

    def leave(self, waiting: Waiting) -> None:
        """Leave the line."""
        self.line.remove(waiting)

    def _serve(self, waiting: Waiting) -> bool:
        """Take its doses from the lot that expires first, and call; return whether it could."""
        for lot in self.stock:
            if lot.left >= waiting.doses and lot.expires > self.env.now:
                lot.left -= waiting.doses
                waiting.lot = lot.position
                waiting.called.succeed()
                return True
        return False


@dataclass(slots=True, kw_only=True)
class Infusion:
    """One planned infusion, and what became of it."""

    wanted: float
    patience: float
    doses: int
    given: float = math.inf
    lot: int = NO_LOT

    def happen(self, env: simpy.Environment, pharmacy: Pharmacy) -> _Process:
        """Ask for doses when they are wanted, wait, and be infused or leave."""
        yield env.timeout(max(self.wanted - env.now, 0.0))
        waiting = pharmacy.ask(self.doses)
        if waiting.called.triggered:
            self.given, self.lot = self.wanted, waiting.lot
            return
        yield waiting.called | env.timeout(self.patience)
        if waiting.called.triggered:
            self.given, self.lot = env.now, waiting.lot
        else:
            pharmacy.leave(waiting)


@dataclass(slots=True, kw_only=True)
class Patient:
    """One patient who comes while there are doses, and the infusions then due."""

    comes: float
    infusions: list[Infusion]
    came: float = math.inf


def let_in(
    env: simpy.Environment, pharmacy: Pharmacy, patients: list[Patient], doses: int
) -> _Process:
    """Let patients in one after another; the clock of enrollment stands while nothing is there."""
    late = 0.0
    for patient in patients:
        yield env.timeout(max(patient.comes + late - env.now, 0.0))
        patient.came = patient.comes + late
        while not pharmacy.has(doses):
            patient.came = math.inf
            yield pharmacy.delivery
            patient.came = env.now
        late = patient.came - patient.comes
        for infusion in patient.infusions:
            infusion.wanted += patient.came
            env.process(infusion.happen(env, pharmacy))


def dispense(stock: Stock, demands: Demands) -> Deliveries:
    """Serve demands in the order of calendar time, from the lot that expires first.

    Parameters
    ----------
    stock : Stock
        The lots.
    demands : Demands
        The infusions wanted, and by whom where enrollment pauses.
    """
    arrivals = demands.arrivals
    deliveries = Deliveries(
        given=np.full(demands.wanted.shape, np.inf),
        lot=np.full(demands.wanted.shape, NO_LOT, dtype=np.intp),
        came=None if arrivals is None else np.full(arrivals.times.shape, np.inf),
    )
    for replicate in range(len(demands.wanted)):
        env = simpy.Environment()
        pharmacy = _pharmacy(env, stock, replicate)
        infusions = _infusions(demands, replicate)
        patients: list[Patient] = []
        if arrivals is None:
            for infusion in infusions.values():
                env.process(infusion.happen(env, pharmacy))
        else:
            patients = _patients(arrivals, infusions, demands.wanted.shape[1], replicate)
            env.process(let_in(env, pharmacy, patients, arrivals.doses))
        env.run()
        for number, infusion in infusions.items():
            deliveries.given[replicate, number] = infusion.given
            deliveries.lot[replicate, number] = infusion.lot
        if deliveries.came is not None:
            deliveries.came[replicate] = [patient.came for patient in patients]
    return deliveries


def _pharmacy(env: simpy.Environment, stock: Stock, replicate: int) -> Pharmacy:
    """Return the pharmacy of one replicate, to which its lots come."""
    pharmacy = Pharmacy(env=env)
    times = zip(stock.released.tolist(), stock.expires.tolist(), strict=True)
    for position, (released, expires) in enumerate(times):
        if stock.passed[position, replicate]:
            lot = Lot(position=position, left=stock.doses, expires=expires)
            env.process(pharmacy.receive(lot, released))
    return pharmacy


def _infusions(demands: Demands, replicate: int) -> dict[int, Infusion]:
    """Return the infusions of one replicate by position, before any has happened.

    Where enrollment pauses, each is `wanted` so long after its patient has come.
    """
    due, patience = demands.wanted, demands.patience
    if demands.arrivals is not None:
        due = demands.arrivals.since(due)
    return {
        number: Infusion(
            wanted=float(due[replicate, number]),
            patience=float(patience[replicate, number]),
            doses=int(demands.doses[replicate, number]),
        )
        for number in np.flatnonzero(np.isfinite(demands.wanted[replicate])).tolist()
    }


def _patients(
    arrivals: Arrivals, infusions: dict[int, Infusion], n_demands: int, replicate: int
) -> list[Patient]:
    """Return the patients of one replicate in the order in which they come."""
    times = arrivals.times[replicate].tolist()
    patients = [Patient(comes=time, infusions=[]) for time in times]
    for number, infusion in infusions.items():
        patients[number * len(patients) // n_demands].infusions.append(infusion)
    return patients
