"""Doses dealt out event by event: lots and infusions are SimPy processes at one pharmacy."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
import simpy

from lupusim.trial.supply import NO_LOT, Deliveries, Demands, Stock

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

    def receive(self, lot: Lot, released: float) -> _Process:
        """Take a lot in at its release, and serve those who wait; then let it expire."""
        yield self.env.timeout(released)
        self.stock.append(lot)
        self.stock.sort(key=lambda one: one.expires)
        for waiting in list(self.line):
            if self._serve(waiting):
                self.line.remove(waiting)
        if math.isfinite(lot.expires):
            yield self.env.timeout(lot.expires - self.env.now)
            self.stock.remove(lot)

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
    until: float
    doses: int
    given: float = math.inf
    lot: int = NO_LOT

    def happen(self, env: simpy.Environment, pharmacy: Pharmacy) -> _Process:
        """Ask for doses when they are wanted, wait, and be infused or leave."""
        yield env.timeout(self.wanted)
        waiting = pharmacy.ask(self.doses)
        yield waiting.called | env.timeout(self.until - self.wanted)
        if waiting.called.triggered:
            self.given, self.lot = env.now, waiting.lot
        else:
            pharmacy.leave(waiting)


def dispense(stock: Stock, demands: Demands) -> Deliveries:
    """Serve demands in the order of calendar time, from the lot that expires first.

    Parameters
    ----------
    stock : Stock
        The lots.
    demands : Demands
        The infusions wanted.
    """
    deliveries = Deliveries(
        given=np.full(demands.wanted.shape, np.inf),
        lot=np.full(demands.wanted.shape, NO_LOT, dtype=np.intp),
    )
    for replicate in range(len(demands.wanted)):
        for number, infusion in _infusions(stock, demands, replicate).items():
            deliveries.given[replicate, number] = infusion.given
            deliveries.lot[replicate, number] = infusion.lot
    return deliveries


def _infusions(stock: Stock, demands: Demands, replicate: int) -> dict[int, Infusion]:
    """Return the infusions of one replicate by position, after all have happened or not."""
    env = simpy.Environment()
    pharmacy = Pharmacy(env=env)
    times = zip(stock.released.tolist(), stock.expires.tolist(), strict=True)
    for position, (released, expires) in enumerate(times):
        if stock.passed[position, replicate]:
            lot = Lot(position=position, left=stock.doses, expires=expires)
            env.process(pharmacy.receive(lot, released))
    infusions = {}
    for number in np.flatnonzero(np.isfinite(demands.wanted[replicate])).tolist():
        infusions[number] = Infusion(
            wanted=float(demands.wanted[replicate, number]),
            until=float(demands.until[replicate, number]),
            doses=int(demands.doses[replicate, number]),
        )
        env.process(infusions[number].happen(env, pharmacy))
    env.run()
    return infusions
