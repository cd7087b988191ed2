"""Doses dealt out demand by demand, in all replicates at once."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.trial.treatment.supply import NO_LOT, Arrivals, Deliveries, Demands, Stock


def dispense(stock: Stock, demands: Demands) -> Deliveries:
    """Serve demands in the order of calendar time, from the lot that expires first.

    A demand books the first lot that can serve it; as all wait equally long, the first in the
    line has the first choice, and nobody need ever be asked again. Who could only be served
    after the end of that patient's wait books nothing.

    Parameters
    ----------
    stock : Stock
        The lots; one released later never expires earlier.
    demands : Demands
        The infusions wanted.

    Examples
    --------
    Two doses, one of them on the shelf for half a year; the third patient waits in vain.

    >>> stock = Stock(doses=2, released=np.array([0.25]), expires=np.array([0.75]),
    ...               passed=np.array([[True]]))
    >>> wanted = np.array([[0.2, 0.5, 0.6]])
    >>> demands = Demands(wanted=wanted, until=wanted + 0.1, doses=np.ones((1, 3), dtype=int))
    >>> dispense(stock, demands).given.tolist()
    [[0.25, 0.5, inf]]
    """
    if demands.arrivals is not None:
        return _with_pauses(stock, demands, demands.arrivals)
    order = np.argsort(demands.wanted, axis=1, kind="stable")
    wanted, until, doses = (
        np.ascontiguousarray(np.take_along_axis(column, order, axis=1).T)
        for column in (demands.wanted, demands.until, demands.doses)
    )
    given = np.full(wanted.shape, np.inf)
    lot = np.full(wanted.shape, NO_LOT)
    shelf = _Shelf(stock, fewest=_fewest(stock, demands))
    for number in range(int(np.isfinite(wanted).sum(axis=0).max(initial=0))):
        given[number], lot[number] = shelf.serve(wanted[number], until[number], doses[number])
    deliveries = Deliveries(given=np.empty_like(demands.wanted), lot=np.empty_like(order))
    np.put_along_axis(deliveries.given, order, given.T, axis=1)
    np.put_along_axis(deliveries.lot, order, lot.T, axis=1)
    return deliveries


def _fewest(stock: Stock, demands: Demands) -> int:
    return int(demands.doses[np.isfinite(demands.wanted)].min(initial=stock.doses))


def _with_pauses(stock: Stock, demands: Demands, arrivals: Arrivals) -> Deliveries:
    """Serve demands and let patients in, whatever comes first in each replicate."""
    shelf = _Shelf(stock, fewest=_fewest(stock, demands))
    door = _Door(demands, arrivals)
    given = np.full(demands.wanted.shape, np.inf)
    lot = np.full(demands.wanted.shape, NO_LOT)
    while True:
        row, number, wanted = door.take()
        if not row.size and np.isinf(door.comes).all():
            return Deliveries(given=given, lot=lot, came=door.came)
        asked = np.full(len(given), np.inf)
        asked[row] = wanted
        until, doses = asked.copy(), np.ones(len(given), dtype=np.intp)
        until[row] += door.patience[row, number]
        doses[row] = demands.doses[row, number]
        found = shelf.serve(asked, until, doses)
        given[row, number], lot[row, number] = (part[row] for part in found)
        door.open(shelf, busy=row)


class _Door:
    """Who has been let in, what each wants next, and who comes next in each replicate.

    Whoever comes while nothing is in stock comes again when there is something; all that is
    wanted before then is served first.
    """

    def __init__(self, demands: Demands, arrivals: Arrivals) -> None:
        self.doses, self.patience = arrivals.doses, demands.patience
        n_replicates, n_patients = arrivals.times.shape
        after = arrivals.since(demands.wanted).reshape(n_replicates, n_patients, -1)
        self.each = after.shape[2]
        self.order = np.argsort(after, axis=2, kind="stable")
        nothing = np.full((n_replicates, n_patients, 1), np.inf)
        in_order = np.take_along_axis(after, self.order, axis=2)
        self.after: FloatArray = np.concatenate([in_order, nothing], axis=2)
        self.turn = np.zeros(arrivals.times.shape, dtype=np.intp)
        # SPEED: one time for each patient; searching all they will ever want takes twice as long
        self.due: FloatArray = np.full(arrivals.times.shape, np.inf)
        self.came: FloatArray = np.full(arrivals.times.shape, np.inf)
        self.times = np.concatenate([arrivals.times, nothing[:, :1, 0]], axis=1)
        self.patient = np.zeros(n_replicates, dtype=np.intp)
        self.comes = self.times[:, 0].copy()

    def take(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Return demands that come before the next patient: replicates, positions, times."""
        patient = self.due.argmin(axis=1)
        soonest = self.due[np.arange(len(patient)), patient]
        row = np.flatnonzero(np.isfinite(soonest) & (soonest <= self.comes))
        patient = patient[row]
        turn = self.turn[row, patient]
        self.turn[row, patient] += 1
        self.due[row, patient] = self.came[row, patient] + self.after[row, patient, turn + 1]
        return row, patient * self.each + self.order[row, patient, turn], soonest[row]

    def open(self, shelf: _Shelf, *, busy: IntArray) -> None:
        """Let the next patient of each replicate that is not busy in, or put that patient off."""
        there = np.isfinite(self.comes)
        there[busy] = False
        opens = shelf.opens(self.comes, self.doses, there)
        self._let_in(np.flatnonzero(there & (opens <= self.comes)))
        put_off = there & (opens > self.comes)
        self.comes[put_off] = opens[put_off]

    def _let_in(self, row: IntArray) -> None:
        patient, came = self.patient[row], self.comes[row]
        self.came[row, patient] = came
        self.due[row, patient] = came + self.after[row, patient, 0]
        self.patient[row] += 1
        self.comes[row] = self.times[row, patient + 1] + (came - self.times[row, patient])


class _Shelf:
    """What is left of each lot in each replicate; behind the last lot stands an endless one."""

    def __init__(self, stock: Stock, *, fewest: int) -> None:
        self.fewest = fewest
        self.released = np.append(stock.released, np.inf)
        self.expires = np.append(stock.expires, np.inf)
        n_lots, n_replicates = stock.passed.shape
        self.left = np.full((n_lots + 1, n_replicates), stock.doses)
        self.left[:-1] *= stock.passed
        self.replicate = np.arange(n_replicates)
        self.first = np.zeros(n_replicates, dtype=np.intp)

    def serve(
        self, wanted: FloatArray, until: FloatArray, doses: IntArray
    ) -> tuple[FloatArray, IntArray]:
        """Serve one demand of each replicate, none of which was wanted before the last one."""
        asks = np.isfinite(wanted)
        lot = self._useful(wanted, doses, asks)
        # What is of no use to the smallest demand will never be of use again.
        np.copyto(self.first, lot, where=asks & (doses == self.fewest))
        given = np.maximum(wanted, self.released[lot])
        served: BoolArray = asks & (given <= until) & (given < np.inf)
        self.left[lot[served], self.replicate[served]] -= doses[served]
        return np.where(served, given, np.inf), np.where(served, lot, NO_LOT)

    def opens(self, moment: FloatArray, doses: int, who: BoolArray) -> FloatArray:
        """Return from when on (calendar, not before `moment`) a lot in stock has so many doses."""
        lot = self._useful(moment, np.full(moment.shape, doses), who)
        return np.asarray(np.maximum(moment, self.released[lot]), dtype=float)

    def _useful(self, moment: FloatArray, doses: IntArray, who: BoolArray) -> IntArray:
        """Return the first lot that has doses left at a moment, and does not expire before."""
        lot = self.first.copy()
        searching = np.flatnonzero(who)
        while searching.size:
            searching = searching[self._is_useless(lot, moment, doses, searching)]
            lot[searching] += 1
        return lot

    def _is_useless(
        self, lot: IntArray, wanted: FloatArray, doses: IntArray, who: IntArray
    ) -> BoolArray:
        here = lot[who]
        spent = self.left[here, who] < doses[who]
        return np.asarray(spent | (self.expires[here] <= wanted[who]))
