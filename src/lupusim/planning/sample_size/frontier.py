"""The designs worth choosing between: each at the size that reaches the power."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.planning.execution.bench import on_bench
from lupusim.planning.runs.replicates import tested
from lupusim.planning.sample_size.growth import Sizing, designs
from lupusim.planning.sample_size.options import Search, check_target
from lupusim.planning.sample_size.results import InterruptedSearchError, PowerNotReachedError
from lupusim.planning.sample_size.search import find_size
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial
from lupusim.trial.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

Cost = Callable[[Trial], float]
"""What it costs to hold a trial, in any currency."""
Row = dict[str, object]
"""What a design needs, by the names of a table's columns."""


class InterruptedFrontierError(KeyboardInterrupt):
    """A frontier was interrupted.

    Parameters
    ----------
    rows : list of dict
        The designs that are finished.
    values : mapping of str to object
        What distinguishes the design that was in work.
    search : InterruptedSearchError or None
        What was seen of it; None where nothing was.
    """

    def __init__(
        self,
        rows: list[Row],
        values: Mapping[str, object],
        search: InterruptedSearchError | None,
    ) -> None:
        self.rows = rows
        self.values = values
        self.search = search
        super().__init__("interrupted")

    @property
    def partial(self) -> pd.DataFrame | None:
        """The designs that are finished as a table; None where none is."""
        return table_of(self.rows) if self.rows else None


def sizes(
    scenario: Scenario, power: float = 0.9, *, cost: Cost | None = None, search: Search
) -> pd.DataFrame:
    """Return every design of a scenario at its smallest sufficient size, with what it costs.

    All searches share their seed.

    Parameters
    ----------
    scenario : Scenario
        Its design points; those that differ in size alone count once.
    power : float
        Target.
    cost : callable or None
        Cost of a trial; default what its scenario states, else its patients.
    search : Search
        How far and how precisely to look for each size.

    Returns
    -------
    pandas.DataFrame
        A row per design, in their order: what varies, `n_patients`, `n_patients_low` and
        `n_patients_high` (95 %), `power` (exact, or of drawn tables, where it is), `duration`
        (years to the data cutoff), each with its ``_mcse``, `cost` with its own, and
        `on_frontier`: no other design is both cheaper and shorter. A design that does not reach
        the power has no cost, no duration, and the power at the limit.

    Raises
    ------
    ValueError
        If a design has no test, or the power is not between its level and 1.
    InterruptedFrontierError
        On KeyboardInterrupt; it is one.
    """
    return table_of(sized(scenario, power, cost=cost, search=search))


def sized(
    scenario: Scenario, power: float = 0.9, *, cost: Cost | None = None, search: Search
) -> list[Row]:
    """Return the rows of :func:`sizes` as plain data; what does not exist is NaN."""
    rows: list[Row] = []
    check_designs(scenario, power)
    with on_bench(search.bench, search.n_jobs) as bench:
        working = replace(search, bench=bench, curve_at=())  # a design's row shows no curve
        for values, sizing in designs(scenario):
            try:
                rows.append({**values, **_sized(sizing, power, cost, working)})
            except KeyboardInterrupt as interrupt:
                seen = interrupt if isinstance(interrupt, InterruptedSearchError) else None
                raise InterruptedFrontierError(_complete(rows), values, seen) from interrupt
    return _complete(rows)


def check_designs(scenario: Scenario, power: float) -> None:
    """Raise ValueError where a design of a scenario cannot be asked for a power."""
    for _, sizing in designs(scenario):
        check_target(tested(sizing.trial), power)


def _sized(sizing: Sizing, power: float, cost: Cost | None, search: Search) -> Row:
    """Return what a design needs to reach the power, or its power at the limit."""
    try:
        found = find_size(sizing, power, search=search)
    except PowerNotReachedError as error:
        limit = {"n_patients": sizing.at(error.size).n_patients, "power": error.power.value}
        return {**limit, "power_mcse": error.power.mcse}
    spent = found.cost or Mean(value=float(found.n_patients), mcse=0.0)
    if cost is not None:
        spent = Mean(value=cost(sizing.at(found.size)), mcse=0.0)
    return {
        "n_patients": found.n_patients,
        "n_patients_low": found.interval[0],
        "n_patients_high": found.interval[1],
        "power": found.best_known_power.value,
        "power_mcse": found.best_known_power.mcse,
        "duration": found.duration.value,
        "duration_mcse": found.duration.mcse,
        "cost": spent.value,
        "cost_mcse": spent.mcse,
    }


def table_of(rows: list[Row]) -> pd.DataFrame:
    """Return designs as a table, a row for each."""
    import pandas as pd

    return pd.DataFrame(rows)


def _complete(rows: list[Row]) -> list[Row]:
    """Return the rows with all columns, and whether each is on the frontier."""
    if not rows:
        return []
    columns = _columns(rows)
    complete = [{name: row.get(name, math.nan) for name in columns} for row in rows]
    spent = np.array([[row["cost"], row["duration"]] for row in complete], dtype=float)
    for row, best in zip(complete, _undominated(spent), strict=True):
        row["on_frontier"] = bool(best)
    return complete


def _columns(rows: list[Row]) -> list[str]:
    """Return all columns in the order of a complete row."""
    complete = ("n_patients", "n_patients_low", "n_patients_high", "power", "power_mcse")
    last = (*complete, "duration", "duration_mcse", "cost", "cost_mcse")
    return [*(name for name in rows[0] if name not in last), *last]


def _undominated(spent: FloatArray) -> BoolArray:
    """Return which rows no other row matches in everything and betters in something."""
    known: BoolArray = np.all(np.isfinite(spent), axis=1)
    no_worse = np.all(spent[:, None] <= spent, axis=2)
    better = np.any(spent[:, None] < spent, axis=2)
    beaten = (no_worse & better & known[:, None]).any(axis=0)
    return np.asarray(known & ~beaten)
