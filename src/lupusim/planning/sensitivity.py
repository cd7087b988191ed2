"""Which number of a scenario matters: one at a time, on common random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.planning.blocks import replicates_per_block
from lupusim.planning.generation import Block
from lupusim.planning.replicates import simulate_replicates
from lupusim.planning.tally import Mean
from lupusim.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

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
        Replicates of each trial, and the seed they share.
    """

    quantity: str
    base: Mean
    swings: tuple[Swing, ...]
    n_replicates: int
    seed: int

    @property
    def table(self) -> pd.DataFrame:
        """A row per number, the widest swing first; every estimate beside its ``_mcse``."""
        import pandas as pd

        return pd.DataFrame([swing.row() for swing in self.swings])

    def to_json(self) -> dict[str, object]:
        """Return the result as plain data; what does not exist is null."""
        rows = [
            {
                k: None if isinstance(v, float) and math.isnan(v) else v
                for k, v in swing.row().items()
            }
            for swing in self.swings
        ]
        return {
            "quantity": self.quantity,
            "base": self.base.value,
            "base_mcse": self.base.mcse,
            "seed": self.seed,
            "n_replicates": self.n_replicates,
            "swings": rows,
        }


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

    def __call__(self, trial: Trial, *, per_block: int) -> FloatArray:
        """Return the quantity of every replicate, shape (n_replicates,).

        `per_block` replicates go together; trials to be compared must take the same.
        """
        blocks = [
            Block(seed=self.seed, number=k, n_replicates=min(per_block, self.n_replicates - begin))
            for k, begin in enumerate(range(0, self.n_replicates, per_block))
        ]
        shown = [simulate_replicates(trial, block) for block in blocks]
        if self.quantity not in shown[0]:
            known = ", ".join(shown[0])
            raise ValueError(f"the trial has no {self.quantity!r} to measure; it has {known}")
        return np.concatenate([one[self.quantity] for one in shown]).astype(float)


def sensitivity(
    what_if: WhatIf,
    ranges: Mapping[str, Sequence[Value]],
    *,
    measure: Measure | None = None,
) -> Tornado:
    """Return what each number of a scenario does to its power, one at a time.

    All trials share their random numbers, so that the standard error of a difference is
    that of the replicates which really differ.

    Parameters
    ----------
    what_if : callable
        Builds the trial with other values at some paths; with none, the trial as it is.
    ranges : mapping of str to (low, high)
        Two values for each path, as a scenario file would say them.
    measure : Measure or None
        What to measure; default: power, in 2000 replicates.

    Returns
    -------
    Tornado
        The widest swing first.

    Raises
    ------
    ValueError
        If nothing is varied, a range does not have two values, or the trial has no such
        quantity.
    """
    measure = measure or Measure()
    if not ranges:
        raise ValueError("ranges is empty: name at least one path and its two values")
    for path, values in ranges.items():
        if len(values) != 2:
            raise ValueError(f"{path}: {list(values)} must be two values, low and high")
    trials = {path: [what_if({path: v}) for v in values] for path, values in ranges.items()}
    base_trial = what_if({})
    all_trials = [base_trial, *(trial for pair in trials.values() for trial in pair)]
    per_block = replicates_per_block(max(trial.n_patients for trial in all_trials))
    base = measure(base_trial, per_block=per_block)
    swings = []
    for path, (low, high) in ranges.items():
        at_low, at_high = (measure(trial, per_block=per_block) for trial in trials[path])
        swings.append(
            Swing(
                path=path,
                low=low,
                high=high,
                at_low=_mean(at_low),
                at_high=_mean(at_high),
                low_change=_mean(at_low - base),
                high_change=_mean(at_high - base),
                width=_mean(at_high - at_low),
            )
        )
    return Tornado(
        quantity=measure.quantity,
        base=_mean(base),
        swings=tuple(sorted(swings, key=lambda swing: -abs(swing.width.value))),
        n_replicates=measure.n_replicates,
        seed=measure.seed,
    )


def _mean(values: FloatArray) -> Mean:
    """Return the mean over the replicates that have a value."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return Mean(value=math.nan, mcse=math.nan)
    return Mean(value=float(known.mean()), mcse=float(known.std() / math.sqrt(known.size)))
