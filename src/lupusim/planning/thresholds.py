"""Find the threshold of a rule that gives the asked type I error, and how well it is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.planning.adaptation import adapt, potential
from lupusim.planning.blocks import measured, simulate
from lupusim.planning.generation import Block, generate
from lupusim.planning.null_hypothesis import WITHIN_THE_MARGIN, error_quantity
from lupusim.planning.replicates import derived_seed
from lupusim.planning.run import run
from lupusim.planning.scenario import DesignPoint, Scenario
from lupusim.planning.scoring import generation_hash
from lupusim.planning.shared_looks import Shared
from lupusim.planning.tally import Mean
from lupusim.planning.tasks import blocks_of
from lupusim.trial import Trial
from lupusim.trial.rules_adaptive import BayesianResponse, BlindedSize, PromisingZone

_RESOLUTION = 1e-4  # of the way between the ends: far below what replicates leave open
_TWO_SIDED_95 = 1.959964
_MOST_KEPT = 10_000_000  # patients, about a gigabyte: more are generated anew for each threshold
Design = Callable[[float], Trial]
"""Returns the trial of a threshold; only its rule may depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A threshold that gives a type I error.

    Parameters
    ----------
    threshold : float
        The most lenient found whose simulated error is at most the one asked.
    lower, upper : float
        Between these the error is within 1.96 standard errors of the asked one: what the
        number of replicates leaves open.
    type_one_error : Mean
        Error at the threshold, on the replicates that it was found on.
    """

    threshold: float
    lower: float
    upper: float
    type_one_error: Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedThreshold:
    """A threshold that gives a type I error, with what a fresh run found of it.

    Parameters
    ----------
    found : Calibrated
        The search.
    alpha : float
        Type I error asked.
    power, type_one_error : Mean
        At the threshold, of replicates that the search has not seen.
    n_replicates : int
        Of the search and, once more, of the confirmation.
    seed : int
        Of the search; the confirmation has streams of its own.
    """

    found: Calibrated
    alpha: float
    power: Mean
    type_one_error: Mean
    n_replicates: int
    seed: int

    def row(self) -> dict[str, float]:
        """Return all of it, flat: each estimate beside its ``_mcse``."""
        found = self.found
        return {
            "alpha": self.alpha,
            "threshold": found.threshold,
            "threshold_lower": found.lower,
            "threshold_upper": found.upper,
            "type_one_error": self.type_one_error.value,
            "type_one_error_mcse": self.type_one_error.mcse,
            "power": self.power.value,
            "power_mcse": self.power.mcse,
            "type_one_error_in_search": found.type_one_error.value,
            "type_one_error_in_search_mcse": found.type_one_error.mcse,
            "n_replicates": self.n_replicates,
            "seed": self.seed,
        }


def confirmed_threshold(
    design: Design,
    between: tuple[float, float],
    *,
    alpha: float,
    n_replicates: int,
    seed: int,
    n_jobs: int = 1,
) -> ConfirmedThreshold:
    """Find a threshold, and simulate the trial that has it anew.

    The error at the threshold is fitted to the replicates of the search, so it is no estimate
    of what the threshold gives; that of a fresh run is.

    Parameters
    ----------
    design, between, n_replicates, seed
        As for :func:`calibrate_threshold`.
    alpha : float
        Type I error asked.
    n_jobs : int
        Processes of the confirmation; -1 for one per core.

    Raises
    ------
    ValueError
        As :func:`calibrate_threshold`.
    """
    found = calibrate_threshold(
        design, between, type_one_error=alpha, n_replicates=n_replicates, seed=seed
    )
    point = DesignPoint(values={}, trial=design(found.threshold))
    scenario = Scenario(name="confirmation", title="", question="", points=(point,))
    fresh = derived_seed(seed, "threshold, confirmed")
    (result,) = run(scenario, n_replicates, seed=fresh, n_jobs=n_jobs).points
    assert result.power is not None  # it has a null twin: the search checked
    assert result.type_one_error is not None
    return ConfirmedThreshold(
        found=found,
        alpha=alpha,
        power=result.power,
        type_one_error=result.type_one_error,
        n_replicates=n_replicates,
        seed=seed,
    )


def calibrate_threshold(
    design: Design,
    between: tuple[float, float],
    *,
    type_one_error: float,
    n_replicates: int,
    seed: int,
) -> Calibrated:
    """Return the threshold of a rule at which the null twin is rejected as often as asked.

    All thresholds see the same patients, so the error never rises as the rule gets stricter,
    and bisection finds it. Patients are simulated once where the rule doesn't decide who comes.

    Parameters
    ----------
    design : callable
        Returns the trial of a threshold; only its rule may depend on it. A higher threshold
        must always reject less often, as a posterior probability does, or always more often,
        as a level does.
    between : tuple of two floats
        Thresholds between which to look, the lower one first.
    type_one_error : float
        Asked, between 0 and 1.
    n_replicates, seed : int
        Simulated null trials.

    Raises
    ------
    ValueError
        If the error is not the asked one anywhere between the thresholds, the trials differ
        in more than their rule, or they have no null twin.
    """
    low, high = between
    if not low < high:
        raise ValueError(f"between {low:g} and {high:g} there is nothing: the lower one first")
    judge = _Judge(design, between, n_replicates, seed=seed)
    ends = judge.share(low), judge.share(high)
    if not min(ends) <= type_one_error <= max(ends):
        raise ValueError(
            f"the type I error is {ends[0]:.4g} at {low:g} and {ends[1]:.4g} at {high:g}: "
            f"{type_one_error:g} does not lie between"
        )
    lenient, strict = (low, high) if ends[0] >= ends[1] else (high, low)
    spread = _TWO_SIDED_95 * math.sqrt(type_one_error * (1 - type_one_error) / n_replicates)
    asked = [type_one_error + d for d in (0.0, spread, -spread)]
    found = [judge.root(lenient, strict, error) for error in asked]
    share = judge.share(found[0])
    mcse = math.sqrt(share * (1 - share) / n_replicates)
    return Calibrated(
        threshold=found[0],
        lower=min(found),
        upper=max(found),
        type_one_error=Mean(value=share, mcse=mcse, n=n_replicates),
    )


class _Judge:
    """Null trials, simulated once where that is possible, and judged at any threshold."""

    def __init__(
        self, design: Design, between: tuple[float, float], n_replicates: int, *, seed: int
    ) -> None:
        trials = [design(threshold) for threshold in between]
        if not all(trial.has_null_twin for trial in trials):
            raise ValueError(
                "the trial has no null twin, in which the arms are alike: a threshold is found "
                "where a test or a rule compares arms"
            )
        if any(error_quantity(trial) is None for trial in trials):
            raise ValueError(WITHIN_THE_MARGIN)
        self.design = design
        self.n_replicates = n_replicates
        first, last = (trial.null_twin() for trial in trials)
        blocks = blocks_of(first, n_replicates, seed=seed)
        kept = n_replicates * first.n_patients <= _MOST_KEPT
        judge = _rejections_at_once if kept and _share_patients(first, last) else _rejections_anew
        self._rejections = [judge(first, block) for block in blocks]
        self._known: dict[float, float] = {}

    def share(self, threshold: float) -> float:
        """Return the share of null trials that are rejected."""
        if threshold not in self._known:
            trial = self.design(threshold).null_twin()
            found = np.concatenate([rejections(trial) for rejections in self._rejections])
            self._known[threshold] = float(found.sum()) / self.n_replicates
        return self._known[threshold]

    def root(self, lenient: float, strict: float, error: float) -> float:
        """Return the most lenient threshold found whose share is at most `error`."""
        resolution = _RESOLUTION * abs(strict - lenient)
        way = math.copysign(1.0, strict - lenient)
        beyond = [way * t for t, share in self._known.items() if share > error]
        low = max(beyond, default=way * lenient)
        within = [way * t for t, share in self._known.items() if share <= error]
        high = min((t for t in within if t > low), default=way * strict)
        while high - low > resolution:
            middle = (low + high) / 2
            if self.share(way * middle) > error:
                low = middle
            else:
                high = middle
        return way * high


def _share_patients(first: Trial, last: Trial) -> bool:
    """Return whether trials can judge the same patients; raise if more than a rule differs."""
    kinds = BayesianResponse | PromisingZone | BlindedSize | None
    if generation_hash(first) == generation_hash(last):
        return isinstance(first.adaptation, kinds)
    alike = [
        generation_hash(replace(trial, adaptation=first.adaptation)) for trial in (first, last)
    ]
    if alike[0] != alike[1]:
        raise ValueError("the trials of two thresholds differ in more than their rule")
    return False


Rejections = Callable[[Trial], FloatArray]
"""Returns which null trials of a block a rule rejects, (n_replicates,)."""


def _rejections_at_once(first: Trial, block: Block) -> Rejections:
    """Generate a block, which every threshold then judges."""
    if isinstance(first.adaptation, BayesianResponse):
        patients = potential(first, block)
        return lambda trial: adapt(trial, patients)["reject"]
    generated = generate(first, block)
    shown = Shared(generated)
    return lambda trial: measured(trial, generated, shown)["reject"]


def _rejections_anew(first: Trial, block: Block) -> Rejections:
    """Generate a block at each threshold: always the same patients, as far as they come."""
    del first
    return lambda trial: simulate({"": trial}, block)[""]["reject"]
