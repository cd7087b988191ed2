"""Trials that stop at an interim look where an early endpoint does not show enough."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import ClassVar

import numpy as np

from lupusim.analysis.group_sequential.stopping import Crossing, crossing
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.errors import Problem
from lupusim.simulation.adaptation.base import Conducted, Followed, OnceFollowed
from lupusim.simulation.adaptation.benefit import judged_benefit
from lupusim.simulation.adaptation.early_endpoint import early_problems
from lupusim.simulation.generation.generation import Block, Generated
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.looks.group_sequential import estimates_at, of_look, planned_information
from lupusim.simulation.looks.look_statistics import LookStatistics, described_at, gather
from lupusim.simulation.totals import with_totals
from lupusim.trial import Trial, Verdict
from lupusim.trial.adaptation import ADAPTATIONS, Row
from lupusim.trial.multiplicity import Hypothesis


class GateMeasure(Enum):
    """What of an early endpoint a gate is about."""

    Z = "z"
    ESTIMATE = "estimate"
    """On the test's own scale, positive where the experimental arm is better."""
    POSTERIOR = "posterior"
    """Probability of a benefit, by a normal approximation that knew nothing before."""


@ADAPTATIONS.register("gate")
@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(OnceFollowed):
    """Stop for futility at a look where an early endpoint does not show enough.

    The last look does not count on it: the error can only become smaller.

    Parameters
    ----------
    early : Hypothesis
        The early endpoint and its test.
    measure : GateMeasure
        What is judged.
    at_least : float
        What it must reach.
    look : int
        At which interim look, counted from 1.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from lupusim.analysis.registry import TESTS
    >>> from lupusim.trial.multiplicity import Hypothesis
    >>> early = Hypothesis(endpoint="response", name="early", test=TESTS["pooled_z"], effect="")
    >>> Gate(early=early, measure=GateMeasure.Z, at_least=0.5).look
    1
    """

    keeps_bounds: ClassVar[bool] = True
    takes_supply: ClassVar[bool] = True
    shares_patients: ClassVar[bool] = True

    early: Hypothesis
    measure: GateMeasure
    at_least: float
    look: int = 1

    def __post_init__(self) -> None:
        if not math.isfinite(self.at_least):
            raise ValueError(f"at_least={self.at_least!r} must be a finite number")
        if self.measure is GateMeasure.POSTERIOR and not 0 < self.at_least < 1:
            raise ValueError(f"at_least={self.at_least!r} must be a probability between 0 and 1")
        if self.look < 1:
            raise ValueError(f"look={self.look!r} must be at least 1")

    def early_tests(self) -> tuple[tuple[str, Hypothesis], ...]:
        """Return the early endpoint's test."""
        return (("adaptation", self.early),)

    def problems(self, trial: Trial) -> Iterator[Problem]:
        """Yield what is wrong with a trial that has a gate."""
        if len(trial.arms) != 2 or trial.analysis is None or trial.family is not None:
            fault = "a gate needs a trial of two arms and one test"
            fix = "Remove further arms and hypotheses, or add the analysis."
            yield Problem(key="adaptation", fault=fault, fix=fix)
        if trial.analysis is not None and trial.analysis.truth is not None:
            fault = "bias and coverage after a gate are not computed"
            yield Problem(key="analysis.true_effect", fault=fault, fix="Remove it.")
        if self.look > len(trial.interims):
            fault = (
                f"there is no interim look {self.look}: {len(trial.interims)} come before the last"
            )
            yield Problem(
                key="adaptation.look", fault=fault, fix="Add a look, or name an earlier one."
            )
            return
        yield from early_problems("adaptation.endpoint", trial, self.early, look=self.look)
        if self.early.test.has_margin:
            fault = "a gate is about a benefit, and its test has a margin"
            yield Problem(key="adaptation.test", fault=fault, fix="Use a test without one.")

    def in_words(self, trial: Trial) -> Iterator[str]:
        """Yield what an early endpoint must show for the trial to go on."""
        what = {
            GateMeasure.Z: "z is",
            GateMeasure.ESTIMATE: f"estimate ({self.early.effect}, in favor of the treatment) is",
            GateMeasure.POSTERIOR: "posterior probability of a benefit is",
        }[self.measure]
        yield (
            f"At look {self.look} the trial stops for futility unless the {what} {self.at_least:g} "
            f"or more for {self.early.endpoint} ({self.early.name.replace('_', ' ')}). The last "
            "analysis does not count on this rule, which can only lower the type I error."
        )

    def conduct(self, trial: Trial, block: Block, patients: Followed) -> Conducted:
        """Return how trials go that the gate may stop."""
        generated = patients.generated
        found = hold_gate(trial, self, generated)
        return Conducted(with_totals(trial, generated, found), generated)

    def decision_words(self, trial: Trial, found: Mapping[str, FloatArray], look: int) -> str:
        """Return the gate at which one trial stops, in words."""
        stops = look == self.look and found["gate_stopped"][0] > 0
        return f"the gate ({self.early.endpoint})" if stops else ""

    def rows(self, trial: Trial) -> Iterator[Row]:
        """Yield how often the gate stops trials."""
        yield Row(words=f"stopped by the gate ({self.early.endpoint})", quantity="gate_stopped")
        words = f"... and would have succeeded ({self.early.endpoint})"
        yield Row(words=words, quantity="false_stop")
        words = "stopped by the gate, no effect"
        yield Row(words=words, quantity="gate_stopped", no_effect=True)


def hold_gate(trial: Trial, rule: Gate, generated: Generated) -> dict[str, FloatArray]:
    """Return the quantities of every replicate of a trial with a `Gate`.

    As of a sequential trial, without flip-flops; besides, `gate_reached` (not stopped before),
    `gate_stopped`, and `false_stop`: stopped by the gate, and would have succeeded later.
    """
    analysis = trial.analysis
    assert analysis is not None
    (seen,) = gather(trial, generated)
    z = seen.z.copy()
    fraction = seen.held_until / planned_information(trial, seen.information)[:, None]
    efficacy, futility = bounds_of_looks(trial, seen, fraction)
    without = crossing(z, efficacy, futility, sided=analysis.sided)
    gate = rule.look - 1
    fails = ~passed(trial, rule, generated, seen.cutoff[:, gate])
    futility = futility.copy()
    futility[fails, gate] = np.inf
    z[fails & np.isnan(z[:, gate]), gate] = -np.inf  # the gate closes whatever the test says
    stop = crossing(z, efficacy, futility, sided=analysis.sided)
    row = np.arange(len(z))
    found = described_at(trial, generated, seen.cutoff[row, stop.look])
    found |= {
        "reject": stop.reject.astype(float),
        "estimate": seen.estimate[row, stop.look],
        "undefined": seen.undefined[row, stop.look].astype(float),
        "n_enrolled": seen.n_enrolled[row, stop.look],
    }
    found |= _at_the_gate(stop, without, gate, fails)
    found["undefined"] *= 1 - found["gate_stopped"]  # there the gate decides, not the test
    shown = np.where(seen.skipped, np.nan, fraction)
    for number in range(z.shape[1]):
        found |= of_look(number, seen.look_time[:, number], shown[:, number], stop)
        found |= estimates_at(number, seen, stop.look)
    return found


def _at_the_gate(
    stop: Crossing, without: Crossing, gate: int, fails: BoolArray
) -> dict[str, FloatArray]:
    stopped = (stop.look == gate) & ~stop.reject & fails
    return {
        "gate_reached": (stop.look >= gate).astype(float),
        "gate_stopped": stopped.astype(float),
        "false_stop": (stopped & without.reject).astype(float),
    }


def bounds_of_looks(
    trial: Trial, seen: LookStatistics, fraction: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of the looks; without any, the level's quantile at the last look."""
    if trial.stopping is not None:
        return seen.bounds(trial.stopping, fraction)
    from scipy.special import ndtri

    assert trial.analysis is not None
    efficacy = np.full(fraction.shape, np.inf)
    efficacy[:, -1] = -ndtri(trial.analysis.alpha / trial.analysis.sided)
    return efficacy, np.full(fraction.shape, -np.inf)


def passed(trial: Trial, rule: Gate, generated: Generated, cutoff: FloatArray) -> BoolArray:
    """Return which replicates pass the gate, held at a cutoff; (n_replicates,)."""
    names = [endpoint.name for endpoint in trial.endpoints]
    number = names.index(rule.early.endpoint)
    outcome = generated.measurements[number].outcome(observed(generated, cutoff))
    verdict: Verdict = rule.early.test(
        outcome,
        better=trial.endpoints[number].better,
        sided=1,
        stratum=np.zeros(generated.arm.shape, dtype=np.intp),
    )
    z, benefit = judged_benefit(verdict, outcome, trial.endpoints[number].better)
    if rule.measure is GateMeasure.ESTIMATE:
        return np.asarray(benefit >= rule.at_least)
    if rule.measure is GateMeasure.POSTERIOR:
        from scipy.special import ndtr

        return np.asarray(ndtr(z) >= rule.at_least)
    return np.asarray(z >= rule.at_least)
