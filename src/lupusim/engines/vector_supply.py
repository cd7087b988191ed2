"""Doses dealt out demand by demand, in all replicates at once."""

from __future__ import annotations

import numpy as np

from lupusim.arrays import BoolArray, FloatArray, IntArray
from lupusim.trial.supply import NO_LOT, Deliveries, Demands, Stock


def dispense(stock: Stock, demands: Demands) -> Deliveries:
    """Serve demands in the order of calendar time, from the lot that expires first.

    A demand books the first lot that can serve it; as all wait equally long, the first in the
    line has the first choice, and nobody need ever be asked again. Who could only be served
    after the end of her patience books nothing.

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
    order = np.argsort(demands.wanted, axis=1, kind="stable")
    wanted, until, doses = (
        np.ascontiguousarray(np.take_along_axis(column, order, axis=1).T)
        for column in (demands.wanted, demands.until, demands.doses)
    )
    given = np.full(wanted.shape, np.inf)
    lot = np.full(wanted.shape, NO_LOT)
    asked = demands.doses[np.isfinite(demands.wanted)]
    shelf = _Shelf(stock, fewest=int(asked.min(initial=stock.doses)))
    for number in range(int(np.isfinite(wanted).sum(axis=0).max(initial=0))):
        given[number], lot[number] = shelf.serve(wanted[number], until[number], doses[number])
    deliveries = Deliveries(given=np.empty_like(demands.wanted), lot=np.empty_like(order))
    np.put_along_axis(deliveries.given, order, given.T, axis=1)
    np.put_along_axis(deliveries.lot, order, lot.T, axis=1)
    return deliveries


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
        lot = self.first.copy()
        searching = np.flatnonzero(asks)
        while searching.size:
            searching = searching[self._is_useless(lot, wanted, doses, searching)]
            lot[searching] += 1
        # What is of no use to the smallest demand will never be of use again.
        np.copyto(self.first, lot, where=asks & (doses == self.fewest))
        given = np.maximum(wanted, self.released[lot])
        served: BoolArray = asks & (given <= until) & (given < np.inf)
        self.left[lot[served], self.replicate[served]] -= doses[served]
        return np.where(served, given, np.inf), np.where(served, lot, NO_LOT)

    def _is_useless(
        self, lot: IntArray, wanted: FloatArray, doses: IntArray, who: IntArray
    ) -> BoolArray:
        here = lot[who]
        spent = self.left[here, who] < doses[who]
        return np.asarray(spent | (self.expires[here] <= wanted[who]))
