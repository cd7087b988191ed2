"""The one-sample log-rank test that a scenario can name, and the hazard it compares with."""

from __future__ import annotations

from dataclasses import field
from itertools import pairwise
from typing import ClassVar

import numpy as np

from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.analysis.results import normal_quantile
from lupusim.analysis.single_arm.designs import one_sample_logrank
from lupusim.analysis.verdicts import p_values
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test

_LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class TabulatedHazard:
    """A cumulative hazard, linear between tabulated times and beyond the last.

    Raises
    ------
    ValueError
        If the numbers don't fit.
    """

    times: tuple[float, ...] = (0.0, 1.0)  # years, from 0, rising; at least two
    cumulative: tuple[float, ...] = (0.0, 1.0)  # from 0, never falling

    def __post_init__(self) -> None:
        if not len(self.times) == len(self.cumulative) > 1:
            raise ValueError("times and cumulative must have the same length, at least 2")
        if self.times[0] != 0 or any(a >= b for a, b in pairwise(self.times)):
            raise ValueError("times must rise from 0")
        falls = any(a > b for a, b in pairwise(self.cumulative))
        if self.cumulative[0] != 0 or falls or not 0 < self.cumulative[-1] < np.inf:
            raise ValueError("cumulative must grow from 0 to a finite number")

    @classmethod
    def constant(cls, hazard: float) -> TabulatedHazard:
        """Return the cumulative hazard of a constant one, per year."""
        return cls(times=(0.0, 1.0), cumulative=(0.0, hazard))

    def __call__(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard at each time (years), same shape."""
        (before, last), (low, high) = self.times[-2:], self.cumulative[-2:]
        beyond = np.maximum(time - last, 0.0) * (high - low) / (last - before)
        return np.asarray(np.interp(time, self.times, self.cumulative) + beyond)


@named_test("one_sample_logrank")
@dataclass(frozen=True, slots=True, kw_only=True)
class OneSampleLogrankTest(TestMethod):
    """Events against those that a known hazard lets expect; estimates the log of their ratio."""

    effect: ClassVar = "log ratio of observed and expected events"
    outcome: ClassVar = SurvivalOutcome
    has_design: ClassVar = True
    estimated_by: ClassVar = "events observed over expected"
    n_arms: ClassVar = 1
    information_unit: ClassVar = "events"
    against: TabulatedHazard = field(default_factory=TabulatedHazard)  # the reference

    def __call__(
        self, outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        result = one_sample_logrank(outcome.time, outcome.event, self.against)
        events = outcome.information
        expected = self.against(outcome.time).sum(axis=1)
        known = (events > 0) & ~result.undefined
        ratio = np.log(np.where(known, events, 1.0) / np.where(known, expected, 1.0))
        estimate = np.where(known, ratio, np.nan)
        error = np.where(known, 1 / np.sqrt(np.maximum(events, 1.0)), np.inf)
        reach = normal_quantile(_LEVEL) * error
        return Verdict(
            **p_values(result, better, sided),
            estimate=estimate,
            standard_error=error,
            lower=np.where(known, ratio - reach, -np.inf),
            upper=np.where(known, ratio + reach, np.inf),
            undefined=result.undefined,
        )
