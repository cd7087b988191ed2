"""Find the threshold of a rule that gives the asked type I error, and how well it is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.execution.tasks import blocks_of
from lupusim.planning.runs.replicates import derived_seed
from lupusim.planning.runs.run import run
from lupusim.planning.theory.counts.repeated import SharedTables
from lupusim.planning.theory.power import exact_type_one_error
from lupusim.planning.theory.single_arm import exact_level
from lupusim.simulation.adaptation import rule_of
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.null_hypothesis import WITHIN_THE_MARGIN, error_quantity
from lupusim.simulation.quantities import at_look
from lupusim.simulation.scoring import generation_hash
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial
from lupusim.trial.scenario import DesignPoint, Scenario

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
        Error at the threshold, on the replicates or tables that it was found on; of one arm's rate
        it is exact.
    n_tables : int
        Tables that were drawn for the search; 0 where patients are simulated, or all tables gone
        through.
    """

    threshold: float
    lower: float
    upper: float
    type_one_error: Mean
    n_tables: int = 0


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
    never_reached : mapping of int to Mean
        In what share of those each look (from 1) was never reached; without those always reached.
    n_replicates : int
        Of the search, unless its tables say all, and once more of the confirmation.
    seed : int
        Of the search; the confirmation has streams of its own.
    """

    found: Calibrated
    alpha: float
    power: Mean
    type_one_error: Mean
    never_reached: Mapping[int, Mean]
    n_replicates: int
    seed: int

    @property
    def is_exact(self) -> bool:
        """Whether the type I error is known without simulation."""
        return self.type_one_error.n == 0

    def row(self) -> dict[str, float]:
        """Return all of it, flat: each estimate beside its ``_mcse``."""
        found = self.found
        looks = {at_look("never_reached", look): mean for look, mean in self.never_reached.items()}
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
            **{name: mean.value for name, mean in looks.items()},
            **{f"{name}_mcse": mean.mcse for name, mean in looks.items()},
            "n_replicates": self.n_replicates,
            "n_tables": found.n_tables,
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
    assert result.power is not None  # something is tested: the search checked
    assert result.type_one_error is not None
    never = {k: result.never_reached(k) for k in range(1, len(result.trial.looks) + 1)}
    return ConfirmedThreshold(
        found=found,
        alpha=alpha,
        power=result.power,
        type_one_error=result.type_one_error,
        never_reached={k: mean for k, mean in never.items() if mean.value > 0},
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
    and bisection finds it. Patients are simulated once where the rule doesn't decide who is
    enrolled, and not at all where the test sees counts of responders alone: there the error is
    exact, or if tables are too many, that of tables which are drawn once for all thresholds.

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
    trials = (design(low), design(high))
    judge = _judge(design, trials, n_replicates, seed=seed)
    ends = judge.share(low), judge.share(high)
    if not min(ends) <= type_one_error <= max(ends):
        raise ValueError(
            f"the type I error is {ends[0]:.4g} at {low:g} and {ends[1]:.4g} at {high:g}: "
            f"{type_one_error:g} does not lie between. Look elsewhere (--between)"
        )
    lenient, strict = (low, high) if ends[0] >= ends[1] else (high, low)
    threshold = _root(judge, (lenient, strict), type_one_error)
    spread = _TWO_SIDED_95 * judge.mcse(type_one_error, threshold)
    near = (type_one_error + spread, type_one_error - spread)
    found = [threshold, *(_root(judge, (lenient, strict), error) for error in near)]
    share = judge.share(threshold)
    mcse = judge.mcse(share, threshold)
    return Calibrated(
        threshold=threshold,
        lower=min(found),
        upper=max(found),
        type_one_error=Mean(value=share, mcse=mcse, n=judge.n_replicates),
        n_tables=judge.n_tables,
    )


def _judge(
    design: Design, trials: tuple[Trial, Trial], n_replicates: int, *, seed: int
) -> _Exact | _Tables | _Patients:
    """Return who tells the error of any threshold: all tables, drawn ones, or patients."""
    if all(_level(trial) is not None for trial in trials):
        return _Exact(design, trials)
    quantity = _false_claim(trials)
    first, last = (trial.null_twin() for trial in trials)
    if _share_patients(first, last):
        try:
            return _Tables(design, quantity, first, SharedTables(at_least=n_replicates, seed=seed))
        except (NoExactSolutionError, ArithmeticError):
            pass
    return _Patients(design, quantity, (first, last), n_replicates, seed=seed)


def _false_claim(trials: tuple[Trial, Trial]) -> str:
    """Return what of null trials is a false claim; refuse trials that have none."""
    if not all(trial.has_null_twin for trial in trials):
        raise ValueError(
            "the trial has no null twin, in which the arms are identical: a threshold is found "
            "where a test or a rule compares arms, or tests the rate of one"
        )
    quantity = error_quantity(trials[0])
    if quantity is None or error_quantity(trials[1]) is None:
        raise ValueError(WITHIN_THE_MARGIN)
    return quantity


def _level(trial: Trial) -> float | None:
    """Return the exact probability of a false claim; None where it is not known."""
    found = exact_level(trial)
    return exact_type_one_error(trial) if found is None else found


class _Exact:
    """Errors of a test that sees counts of responders alone, by enumeration."""

    n_replicates = n_tables = 0

    def __init__(self, design: Design, trials: tuple[Trial, Trial]) -> None:
        _share_patients(*trials)
        self.design = design
        self.known: dict[float, float] = {}

    def share(self, threshold: float) -> float:
        """Return the probability of a false claim."""
        if threshold not in self.known:
            level = _level(self.design(threshold))
            assert level is not None  # only the rule may depend on the threshold
            self.known[threshold] = level
        return self.known[threshold]

    @staticmethod
    def mcse(share: float, threshold: float) -> float:
        """Return 0: nothing is left to chance."""
        del share, threshold
        return 0.0


class _Tables:
    """Null trials as numbers of patients, drawn once and judged at any threshold."""

    def __init__(self, design: Design, quantity: str, first: Trial, tables: SharedTables) -> None:
        self.design, self.quantity, self.tables = design, quantity, tables
        tables.share(first, quantity)  # refuses what tables do not say
        self.n_replicates = self.n_tables = tables.n_tables
        self.known: dict[float, float] = {}
        self.errors: dict[float, float] = {}

    def share(self, threshold: float) -> float:
        """Return the share of null tables with a false claim, known chance taken out."""
        if threshold not in self.known:
            trial = self.design(threshold).null_twin()
            found = self.tables.share(trial, self.quantity)
            self.known[threshold], self.errors[threshold] = found.value, found.mcse
        return self.known[threshold]

    def mcse(self, share: float, threshold: float) -> float:
        """Return the standard error of the share at a threshold that was tried."""
        del share
        return self.errors[threshold]


class _Patients:
    """Null trials, simulated once where that is possible, and judged at any threshold."""

    n_tables = 0

    def __init__(
        self,
        design: Design,
        quantity: str,
        ends: tuple[Trial, Trial],
        n_replicates: int,
        *,
        seed: int,
    ) -> None:
        self.design, self.quantity = design, quantity
        self.n_replicates = n_replicates
        first, last = ends
        blocks = blocks_of(first, n_replicates, seed=seed)
        kept = n_replicates * first.n_patients <= _MOST_KEPT
        judge = _found_at_once if kept and _share_patients(first, last) else _found_anew
        self._judges = [judge(first, block) for block in blocks]
        self.known: dict[float, float] = {}

    def share(self, threshold: float) -> float:
        """Return the share of null trials with a false claim."""
        if threshold not in self.known:
            trial = self.design(threshold).null_twin()
            found = np.concatenate([judge(trial)[self.quantity] for judge in self._judges])
            self.known[threshold] = float(found.sum()) / self.n_replicates
        return self.known[threshold]

    def mcse(self, share: float, threshold: float) -> float:
        """Return the standard error of a share of the null trials, whatever the threshold."""
        del threshold
        return math.sqrt(share * (1 - share) / self.n_replicates)


def _root(judge: _Exact | _Tables | _Patients, between: tuple[float, float], error: float) -> float:
    """Return the most lenient threshold found, lenient end first, with at most this error."""
    lenient, strict = between
    resolution = _RESOLUTION * abs(strict - lenient)
    way = math.copysign(1.0, strict - lenient)
    beyond = [way * t for t, share in judge.known.items() if share > error]
    low = max(beyond, default=way * lenient)
    within = [way * t for t, share in judge.known.items() if share <= error]
    high = min((t for t in within if t > low), default=way * strict)
    while high - low > resolution:
        middle = (low + high) / 2
        if judge.share(way * middle) > error:
            low = middle
        else:
            high = middle
    return way * high


def _share_patients(first: Trial, last: Trial) -> bool:
    """Return whether trials can judge the same patients; raise if more than a rule differs."""
    if generation_hash(first) == generation_hash(last):
        return first.rule.shares_patients
    alike = [
        generation_hash(replace(trial, adaptation=first.adaptation)) for trial in (first, last)
    ]
    if alike[0] != alike[1]:
        raise ValueError("the trials of two thresholds differ in more than their rule")
    return False


Judged = Callable[[Trial], Mapping[str, FloatArray]]
"""Returns what a rule finds in the null trials of a block."""


def _found_at_once(first: Trial, block: Block) -> Judged:
    """Generate a block, which every threshold then judges."""
    patients = rule_of(first).patients((first, first), block)  # several will judge them
    return lambda trial: rule_of(trial).conduct(trial, block, patients).found


def _found_anew(first: Trial, block: Block) -> Judged:
    """Generate a block at each threshold: always the same patients, as far as they come."""
    del first
    return lambda trial: simulate({"": trial}, block)[""]
