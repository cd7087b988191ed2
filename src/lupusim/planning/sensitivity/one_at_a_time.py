"""Which number of a scenario matters: one at a time, on common random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.output import as_json
from lupusim.planning.execution.bench import Bench, InterruptedJobsError, Job, on_bench
from lupusim.planning.runs.replicates import added_up, simulate_replicates
from lupusim.planning.theory.by_tables import (
    mean_of_tables,
    n_drawn,
    of_equal_length,
    power_by_tables,
    power_of_tables,
)
from lupusim.simulation.block import replicates_per_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.tally import Mean, Tally
from lupusim.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

_POWER = "reject"
Value: TypeAlias = float | str
WhatIf = Callable[[Mapping[str, Value]], Trial]
"""Builds the trial with other values at some paths of its scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """What one number does to a quantity between two of its values.

    Parameters
    ----------
    path : str
        Where the number stands, such as ``dropout.per_year``.
    low, high : number or str
        The two values tried, as a scenario file would say them.
    at_low, at_high : Mean
        The quantity there.
    low_change, high_change : Mean
        Its change from the scenario as it is, replicate by replicate.
    width : Mean
        From low to high, replicate by replicate.
    """

    path: str
    low: Value
    high: Value
    at_low: Mean
    at_high: Mean
    low_change: Mean
    high_change: Mean
    width: Mean

    def row(self) -> dict[str, object]:
        """Return the swing, flat: each estimate beside its ``_mcse``."""
        row: dict[str, object] = {"path": self.path, "low": self.low, "high": self.high}
        for name in ("at_low", "at_high", "low_change", "high_change", "width"):
            mean: Mean = getattr(self, name)
            row |= {name: mean.value, f"{name}_mcse": mean.mcse}
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Tornado:
    """Swings of one quantity, the widest first.

    Parameters
    ----------
    quantity : str
        Name of the quantity, as in a run's operating characteristics; ``reject`` is power.
    base : Mean
        Its mean in the scenario as it is.
    swings : tuple of Swing
        One for each number that was varied.
    n_replicates, seed : int
        Replicates of each trial (the fewest of any), and the seed they share.
    complete : bool
        Whether every number, and every replicate asked for, is in.
    missing : tuple of str
        Numbers of which nothing is finished.
    tables_per_trial : int or None
        Tables drawn of each trial; 0 where all are gone through, and the power is exact; None where
        patients are simulated.
    """

    quantity: str
    base: Mean
    swings: tuple[Swing, ...]
    n_replicates: int
    seed: int
    complete: bool = True
    missing: tuple[str, ...] = ()
    tables_per_trial: int | None = None

    @property
    def table(self) -> pd.DataFrame:
        """A row per number, the widest swing first; every estimate beside its ``_mcse``."""
        import pandas as pd

        return pd.DataFrame([swing.row() for swing in self.swings])

    def to_json(self) -> dict[str, object]:
        """Return the result as plain data; what does not exist is null."""
        rows = [as_json(swing.row()) for swing in self.swings]
        return {
            "quantity": self.quantity,
            "base": self.base.value,
            "base_mcse": self.base.mcse,
            "seed": self.seed,
            "n_replicates": self.n_replicates,
            "tables_per_trial": self.tables_per_trial,
            "complete": self.complete,
            "swings": rows,
        }


class InterruptedTornadoError(KeyboardInterrupt):
    """A sensitivity was interrupted; carries the swings seen so far as ``partial``."""

    def __init__(self, partial: Tornado) -> None:
        self.partial = partial
        super().__init__("interrupted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A quantity of a trial, measured on the same replicates whatever the trial.

    Parameters
    ----------
    quantity : str
        Name as in a run's operating characteristics: ``reject``, ``duration``, ``estimate``,
        ``response_placebo`` ...
    n_replicates : int
        Replicates of each trial, at least 2.
    seed : int
        Of the streams that all trials share.

    Raises
    ------
    ValueError
        If there are too few replicates.
    """

    quantity: str = "reject"
    n_replicates: int = 2000
    seed: int = field(default=20260101)

    def __post_init__(self) -> None:
        if self.n_replicates < 2:
            raise ValueError(f"n_replicates={self.n_replicates!r} must be at least 2")

    @property
    def is_of_power(self) -> bool:
        """Whether the power is measured."""
        return self.quantity == _POWER

    def blocks(self, trials: Sequence[Trial]) -> tuple[Block, ...]:
        """Return the blocks of replicates that all trials to be compared take."""
        size = replicates_per_block(max(trial.n_patients for trial in trials))
        return tuple(
            Block(seed=self.seed, number=k, n_replicates=min(size, self.n_replicates - begin))
            for k, begin in enumerate(range(0, self.n_replicates, size))
        )

    def of(self, trial: Trial, block: Block) -> FloatArray:
        """Return the quantity of every replicate of a block, shape (n_replicates,)."""
        shown = simulate_replicates(trial, block)
        self.check(shown)
        return shown[self.quantity].astype(float)

    def check(self, shown: Collection[str]) -> None:
        """Raise ValueError where a trial does not show the quantity."""
        if self.quantity not in shown:
            known = ", ".join(shown)
            raise ValueError(f"the trial has no {self.quantity!r} to measure; it has {known}")


def powers_by_tables(trials: Sequence[Trial], measure: Measure) -> list[FloatArray] | None:
    """Return the powers that numbers of patients say, (n_tables,) or (1,) where it is exact.

    None where they do not say one of them.
    """
    known = []
    for trial in trials:
        power = power_by_tables(trial, at_least=measure.n_replicates, seed=measure.seed)
        if power is None:
            return None
        known.append(power)
    return of_equal_length(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swung:
    """Measures a trial as it is and at both ends of a range, replicate by replicate."""

    low: Trial
    high: Trial
    measure: Measure

    def __call__(self, trial: Trial, block: Block) -> Tally:
        """Return the sums of the quantity and its changes over a block."""
        base, low, high = (self.measure.of(t, block) for t in (trial, self.low, self.high))
        return Tally.of(
            {
                "base": base,
                "at_low": low,
                "at_high": high,
                "low_change": low - base,
                "high_change": high - base,
                "width": high - low,
            }
        )


def sensitivity(
    what_if: WhatIf,
    ranges: Mapping[str, Sequence[Value]],
    *,
    measure: Measure | None = None,
    bench: Bench | None = None,
) -> Tornado:
    """Return what each number of a scenario does to its power, one at a time.

    All trials share their random numbers, so that the standard error of a difference is
    that of the replicates which really differ. Where the power of all is exact, or numbers of
    patients say it, nothing is simulated.

    Parameters
    ----------
    what_if : callable
        Builds the trial with other values at some paths; with none, the trial as it is.
    ranges : mapping of str to (low, high)
        Two values for each path, as a scenario file would say them.
    measure : Measure or None
        What to measure; default: power, in 2000 replicates.
    bench : Bench or None
        Who works; default: this process. The same bits for any.

    Returns
    -------
    Tornado
        The widest swing first.

    Raises
    ------
    ValueError
        If nothing is varied, a range does not have two values, or the trial has no such
        quantity.
    InterruptedTornadoError
        On KeyboardInterrupt; it is one.
    """
    measure = measure or Measure()
    if not ranges:
        raise ValueError("ranges is empty: name at least one path and its two values")
    for path, values in ranges.items():
        if len(values) != 2:
            raise ValueError(f"{path}: {list(values)} must be two values, low and high")
    trials = {path: [what_if({path: v}) for v in values] for path, values in ranges.items()}
    base = what_if({})
    if measure.quantity == _POWER and (known := _without_patients(base, trials, ranges, measure)):
        return known
    blocks = measure.blocks([base, *(trial for pair in trials.values() for trial in pair)])
    lines = [
        Job(trial=base, blocks=blocks, score=Swung(low=low, high=high, measure=measure)).parts()
        for low, high in trials.values()
    ]
    with on_bench(bench, 1) as working:
        try:
            return _tornado(ranges, measure, working.side_by_side(lines))
        except InterruptedJobsError as interrupt:
            partial = _tornado(ranges, measure, interrupt.finished)
            fewest = min((swing.width.n for swing in partial.swings), default=0)
            partial = replace(partial, complete=False, n_replicates=fewest)
            raise InterruptedTornadoError(partial) from interrupt


def _without_patients(
    base: Trial,
    trials: Mapping[str, Sequence[Trial]],
    ranges: Mapping[str, Sequence[Value]],
    measure: Measure,
) -> Tornado | None:
    """Return the swings of powers that numbers of patients say; None where one is not known."""
    known = powers_by_tables((base, *chain.from_iterable(trials.values())), measure)
    if known is None:
        return None
    stated, *ends = known
    swings = []
    for (path, values), low, high in zip(ranges.items(), ends[::2], ends[1::2], strict=True):
        swing = Swing(
            path=path,
            low=values[0],
            high=values[1],
            at_low=power_of_tables(low),
            at_high=power_of_tables(high),
            low_change=mean_of_tables(low - stated),
            high_change=mean_of_tables(high - stated),
            width=mean_of_tables(high - low),
        )
        swings.append(swing)
    return Tornado(
        quantity=measure.quantity,
        base=power_of_tables(stated),
        swings=tuple(sorted(swings, key=lambda swing: -abs(swing.width.value))),
        n_replicates=measure.n_replicates,
        seed=measure.seed,
        tables_per_trial=n_drawn(known),
    )


def _tornado(
    ranges: Mapping[str, Sequence[Value]], measure: Measure, finished: Sequence[Sequence[Tally]]
) -> Tornado:
    """Return the swings of the numbers of which blocks are finished."""
    swings, missing, base = [], [], Mean(value=math.nan, mcse=math.nan)
    for (path, (low, high)), tallies in zip(ranges.items(), finished, strict=True):
        if not tallies:
            missing.append(path)
        else:
            total = added_up(tallies)
            base = max(base, total.mean("base"), key=lambda mean: mean.n)
            names = [name for name in total.sums if name != "base"]
            swings.append(
                Swing(path=path, low=low, high=high, **{name: total.mean(name) for name in names})
            )
    return Tornado(
        quantity=measure.quantity,
        base=base,
        swings=tuple(sorted(swings, key=lambda swing: -abs(swing.width.value))),
        n_replicates=measure.n_replicates,
        seed=measure.seed,
        missing=tuple(missing),
    )
