"""Find the threshold of a rule that gives the asked type I error, and how well it is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.planning.adaptation import Potential, adapt, potential
from lupusim.planning.evidence import Remembered
from lupusim.planning.generation import Generated, generate
from lupusim.planning.scoring import generation_hash
from lupusim.planning.sequential import hold_looks
from lupusim.planning.tally import Mean
from lupusim.planning.tasks import blocks_of
from lupusim.trial import Trial
from lupusim.trial.rules_adaptive import BayesianResponse

_RESOLUTION = 1e-4  # of the way between the ends: far below what replicates leave open
_TWO_SIDED_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A threshold that gives a type I error.

    Parameters
    ----------
    threshold : float
        The lowest found whose simulated error is at most the one asked.
    lower, upper : float
        Where the error would be the asked one plus and minus 1.96 standard errors: what the
        number of replicates leaves open.
    type_one_error : Mean
        Error at the threshold, on the replicates that it was found on.
    """

    threshold: float
    lower: float
    upper: float
    type_one_error: Mean


def calibrate_threshold(
    design: Callable[[float], Trial],
    between: tuple[float, float],
    *,
    type_one_error: float,
    n_replicates: int,
    seed: int,
) -> Calibrated:
    """Return the threshold of a rule at which the null twin is rejected as often as asked.

    Patients are simulated once; every threshold judges the same ones, so the error never
    rises with the threshold and bisection finds it.

    Parameters
    ----------
    design : callable
        Returns the trial of a threshold; only its rule may depend on it. A higher threshold
        must reject less often.
    between : tuple of two floats
        Thresholds between which to look.
    type_one_error : float
        Asked, between 0 and 1.
    n_replicates, seed : int
        Simulated null trials.

    Raises
    ------
    ValueError
        If the error is not the asked one anywhere between the thresholds, or the trials
        differ in more than their rule.
    """
    low, high = between
    judge = _Judge(design, low, n_replicates, seed=seed)
    if generation_hash(design(high)) != generation_hash(design(low)):
        raise ValueError("the trials of two thresholds differ in more than their rule")
    ends = judge.share(low), judge.share(high)
    if not ends[0] >= type_one_error >= ends[1]:
        raise ValueError(
            f"the type I error is {ends[0]:.4g} at {low:g} and {ends[1]:.4g} at {high:g}: "
            f"{type_one_error:g} does not lie between"
        )
    spread = _TWO_SIDED_95 * np.sqrt(type_one_error * (1 - type_one_error) / n_replicates)
    found = [judge.root(between, type_one_error + d) for d in (0.0, spread, -spread)]
    share = judge.share(found[0])
    mcse = float(np.sqrt(share * (1 - share) / n_replicates))
    return Calibrated(
        threshold=found[0],
        lower=found[1],
        upper=found[2],
        type_one_error=Mean(value=share, mcse=mcse),
    )


class _Judge:
    """Null trials, simulated once and judged at any threshold."""

    def __init__(
        self, design: Callable[[float], Trial], threshold: float, n_replicates: int, *, seed: int
    ) -> None:
        self.design = design
        trial = design(threshold).null_twin()
        self.n_replicates = n_replicates
        blocks = list(blocks_of(trial, n_replicates, seed=seed))
        self.potential: list[Potential] = []
        self.looks: list[tuple[Generated, Remembered]] = []
        if isinstance(trial.adaptation, BayesianResponse):
            self.potential = [potential(trial, block) for block in blocks]
        else:
            generated = [generate(trial, block) for block in blocks]
            self.looks = [(one, Remembered(trial, one)) for one in generated]
        self.known: dict[float, float] = {}

    def share(self, threshold: float) -> float:
        """Return the share of null trials that are rejected."""
        if threshold not in self.known:
            trial = self.design(threshold)
            found: list[FloatArray] = [adapt(trial, one)["reject"] for one in self.potential]
            found += [hold_looks(trial, *one)["reject"] for one in self.looks]
            self.known[threshold] = float(np.concatenate(found).sum()) / self.n_replicates
        return self.known[threshold]

    def root(self, between: tuple[float, float], error: float) -> float:
        """Return the lowest threshold found whose share is at most `error`."""
        reach = between[1] - between[0]
        low = max((t for t, share in self.known.items() if share > error), default=between[0])
        above = [t for t, share in self.known.items() if share <= error and t > low]
        high = min(above, default=between[1])
        while high - low > _RESOLUTION * reach:
            middle = (low + high) / 2
            if self.share(middle) > error:
                low = middle
            else:
                high = middle
        return high
