"""Which number matters over its whole range, alone and with others: Sobol indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.common.sobol import sobol_points
from lupusim.planning.execution.bench import Bench, InterruptedJobsError, Job, on_bench
from lupusim.planning.runs.replicates import added_up
from lupusim.planning.sensitivity.one_at_a_time import Measure, Value, WhatIf, powers_by_tables
from lupusim.planning.theory.by_tables import n_drawn
from lupusim.simulation.tally import Mean, Tally

if TYPE_CHECKING:
    import pandas as pd

_RESAMPLES = 50
_SALTELLI = 4096
_TRIALS_PER_TERM = 8
_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SobolIndices:
    """Shares of the variance of a quantity over the ranges of some numbers.

    Parameters
    ----------
    paths : tuple of str
        The numbers.
    first_order, total : (n_paths,) arrays
        Share explained by a number alone, and with its interactions.
    first_order_mcse, total_mcse : (n_paths,) arrays
        Their standard errors: simulation and choice of points, by bootstrap.
    explained : float
        Share of the variance of new points' means that the surface explains
        (cross-validated). Where it is well below 1, more replicates or a narrower range help.
    mean, standard_deviation : float
        Of the quantity over the ranges, on the surface.
    n_trials : int
        Designs that were simulated.
    complete : bool
        Whether every design asked for is in.
    tables_per_trial : int or None
        Tables drawn of each design; 0 where all are gone through, and the power is exact; None
        where patients are simulated.
    """

    paths: tuple[str, ...]
    first_order: FloatArray
    first_order_mcse: FloatArray
    total: FloatArray
    total_mcse: FloatArray
    explained: float
    mean: float
    standard_deviation: float
    n_trials: int
    complete: bool = True
    tables_per_trial: int | None = None

    @property
    def table(self) -> pd.DataFrame:
        """A row per number, the largest total first; every estimate beside its ``_mcse``."""
        import pandas as pd

        table = pd.DataFrame(
            {
                "path": self.paths,
                "first_order": self.first_order,
                "first_order_mcse": self.first_order_mcse,
                "total": self.total,
                "total_mcse": self.total_mcse,
            }
        )
        return table.sort_values("total", ascending=False, ignore_index=True, kind="stable")

    def to_json(self) -> dict[str, object]:
        """Return the result as plain data."""
        return {
            "indices": self.table.to_dict("records"),
            "explained": self.explained,
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
            "n_trials": self.n_trials,
            "tables_per_trial": self.tables_per_trial,
            "complete": self.complete,
        }


class InterruptedSobolError(KeyboardInterrupt):
    """Sobol indices were interrupted; carries what the designs that are finished say.

    Parameters
    ----------
    partial : SobolIndices or None
        Of the designs that are complete; None where they are too few for a surface.
    designs : pandas.DataFrame
        The numbers of each design that was begun, `n_replicates`, and the quantity as `mean`
        and `mean_mcse`.
    """

    def __init__(self, partial: SobolIndices | None, designs: pd.DataFrame) -> None:
        self.partial = partial
        self.designs = designs
        super().__init__("interrupted")


def sobol(
    what_if: WhatIf,
    ranges: Mapping[str, tuple[float, float]],
    *,
    measure: Measure | None = None,
    n_trials: int | None = None,
    bench: Bench | None = None,
) -> SobolIndices:
    """Return Sobol indices of a quantity over independent, uniform ranges of some numbers.

    Designs are spread over the ranges by a scrambled Sobol sequence and simulated on common
    random numbers, or their power computed where numbers of patients say it; a full quadratic
    surface is fitted to their means, and scipy's ``sobol_indices`` integrates the surface. So the
    noise of a simulation is averaged out
    instead of being taken for interaction.

    Parameters
    ----------
    what_if : callable
        Builds the trial with other values at some paths.
    ranges : mapping of str to (float, float)
        Low and high of at least two plain numbers. Where the scenario takes whole numbers
        only, they are rounded.
    measure : Measure or None
        What to measure; default: power, in 2000 replicates of each design.
    n_trials : int or None
        Designs to simulate; default eight for each term of the surface.
    bench : Bench or None
        Who works; default: this process. The same bits for any.

    Returns
    -------
    SobolIndices
        With standard errors, and how well the surface explains new points.

    Raises
    ------
    ValueError
        If a range is not increasing, there are fewer than two, or too few designs.
    InterruptedSobolError
        On KeyboardInterrupt; it is one.

    References
    ----------
    Saltelli et al. (2010), *Computer Physics Communications* 181:259: the estimators. Sudret
    (2008), *Reliability Engineering and System Safety* 93:964: indices from a surface.
    """
    measure = measure or Measure()
    bounds = _bounds(ranges)
    fewest = _fewest_trials(len(bounds))
    n_trials = _TRIALS_PER_TERM * fewest // 2 if n_trials is None else n_trials
    if n_trials < fewest:
        raise ValueError(f"n_trials={n_trials!r} must be at least {fewest}")
    rows = _designs(what_if, ranges, n_trials, measure.seed)
    trials = [what_if(row) for row in rows]
    if measure.is_of_power and (known := powers_by_tables(trials, measure)) is not None:
        means = np.array([one.mean() for one in known])
        indices = _found(rows, means, bounds, measure=measure)
        return replace(indices, tables_per_trial=n_drawn(known))
    blocks = measure.blocks(trials)
    with on_bench(bench, 1) as working:
        try:
            finished = working.tallies([Job(trial=trial, blocks=blocks) for trial in trials])
        except InterruptedJobsError as interrupt:
            found = zip(rows, interrupt.finished, strict=True)
            begun = [(row, tallies) for row, tallies in found if tallies]
            raise _interrupted(begun, bounds, measure=measure, n_blocks=len(blocks)) from interrupt
    return _found(rows, _means(finished, measure), bounds, measure=measure)


def _fewest_trials(n_paths: int) -> int:
    """Return how many designs a surface needs at least: two for each of its terms."""
    return 2 * int(_basis(np.zeros((1, n_paths))).shape[1])


def _designs(
    what_if: WhatIf, ranges: Mapping[str, tuple[float, float]], n_trials: int, seed: int
) -> list[dict[str, Value]]:
    """Return the numbers of designs that are spread over the ranges."""
    bounds = _bounds(ranges)
    # A Sobol sequence is balanced at powers of 2; the first points of it are still spread well.
    n_doublings = int(n_trials - 1).bit_length()
    points = sobol_points(len(bounds), n_doublings, rng=stream(seed, "Sobol designs"))[:n_trials]
    values = bounds[:, 0] + points * (bounds[:, 1] - bounds[:, 0])
    whole = {p for p, (low, high) in ranges.items() if _takes_whole_numbers(what_if, p, low, high)}
    return [
        {p: round(v) if p in whole else v for p, v in zip(ranges, row, strict=True)}
        for row in values.tolist()
    ]


def _found(
    rows: Sequence[Mapping[str, Value]], means: FloatArray, bounds: FloatArray, *, measure: Measure
) -> SobolIndices:
    """Return the indices of the surface through the means of some designs."""
    values = np.array([list(row.values()) for row in rows], dtype=float)
    points = (values - bounds[:, 0]) / (bounds[:, 1] - bounds[:, 0])
    return _indices(tuple(rows[0]), 2 * points - 1, means, measure.seed)


def _means(designs: Sequence[Sequence[Tally]], measure: Measure) -> FloatArray:
    return np.array([_mean(tallies, measure).value for tallies in designs])


def _mean(tallies: Sequence[Tally], measure: Measure) -> Mean:
    total = added_up(tallies)
    measure.check(total.sums)
    return total.mean(measure.quantity)


def _interrupted(
    begun: Sequence[tuple[Mapping[str, Value], Sequence[Tally]]],
    bounds: FloatArray,
    *,
    measure: Measure,
    n_blocks: int,
) -> InterruptedSobolError:
    """Return what the designs say of which blocks are finished."""
    import pandas as pd

    shown: list[dict[str, object]] = []
    for row, tallies in begun:
        mean = _mean(tallies, measure)
        known = {"n_replicates": mean.n, "mean": mean.value, "mean_mcse": mean.mcse}
        shown.append({**row, **known})
    whole = [(row, tallies) for row, tallies in begun if len(tallies) == n_blocks]
    partial = None
    if len(whole) >= _fewest_trials(len(bounds)):
        rows, finished = [row for row, _ in whole], [tallies for _, tallies in whole]
        of_whole = _found(rows, _means(finished, measure), bounds, measure=measure)
        partial = replace(of_whole, complete=False)
    return InterruptedSobolError(partial, pd.DataFrame(shown))


def _bounds(ranges: Mapping[str, tuple[float, float]]) -> FloatArray:
    if len(ranges) < 2:
        raise ValueError("give at least two ranges: one number has all the variance")
    for path, (low, high) in ranges.items():
        if not low < high:
            raise ValueError(f"{path}: the range from {low!r} to {high!r} is not increasing")
    return np.array(list(ranges.values()), dtype=float)


def _takes_whole_numbers(what_if: WhatIf, path: str, low: float, high: float) -> bool:
    """Return whether a number, whose range is one of whole numbers, refuses others."""
    if not (float(low).is_integer() and float(high).is_integer()):
        return False
    try:
        what_if({path: low + 0.5})
    except ValueError:
        return True
    return False


def _basis(points: FloatArray) -> FloatArray:
    """Return constant, linear, square and product terms, shape (n_points, n_terms)."""
    columns = [np.ones(len(points)), *points.T]
    pairs = combinations_with_replacement(range(points.shape[1]), 2)
    columns += [points[:, j] * points[:, k] for j, k in pairs]
    return np.stack(columns, axis=1)


def _surface(points: FloatArray, means: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.lstsq(_basis(points), means)[0], dtype=np.float64)


def _indices(
    paths: tuple[str, ...], points: FloatArray, means: FloatArray, seed: int
) -> SobolIndices:
    first_order, total, mean, deviation = _of_surface(_surface(points, means), len(paths), seed)
    rng = stream(seed, "Sobol bootstrap")
    again: list[tuple[FloatArray, FloatArray]] = []
    for _ in range(_RESAMPLES):
        rows = rng.integers(len(points), size=len(points))
        again.append(_of_surface(_surface(points[rows], means[rows]), len(paths), seed)[:2])
    spread = np.array(again).std(axis=0)
    return SobolIndices(
        paths=paths,
        first_order=first_order,
        first_order_mcse=spread[0],
        total=total,
        total_mcse=spread[1],
        explained=_cross_validated(points, means),
        mean=mean,
        standard_deviation=deviation,
        n_trials=len(points),
    )


def _of_surface(
    coefficients: FloatArray, n_paths: int, seed: int
) -> tuple[FloatArray, FloatArray, float, float]:
    """Return first-order and total indices of a surface, its mean and standard deviation."""
    from scipy.stats import sobol_indices, uniform

    heights: list[FloatArray] = []

    def height(points: FloatArray) -> FloatArray:
        flat = points.reshape(n_paths, -1)
        heights.append(_basis(flat.T) @ coefficients)
        return heights[-1].reshape(points.shape[1:]).copy()  # scipy centers it in place

    found = sobol_indices(
        func=height,
        n=_SALTELLI,
        dists=[uniform(-1, 2)] * n_paths,
        rng=stream(seed, "Sobol indices"),
    )
    sample = np.concatenate(heights)
    return found.first_order, found.total_order, float(sample.mean()), float(sample.std())


def _cross_validated(points: FloatArray, means: FloatArray) -> float:
    fold: IntArray = np.arange(len(points)) % _FOLDS
    missed = 0.0
    for held_out in range(_FOLDS):
        kept = fold != held_out
        guess = _basis(points[~kept]) @ _surface(points[kept], means[kept])
        missed += float(((means[~kept] - guess) ** 2).sum())
    return 1 - missed / float(((means - means.mean()) ** 2).sum())
