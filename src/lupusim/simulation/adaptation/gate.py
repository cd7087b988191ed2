"""Trials that stop at an interim look where an early endpoint does not show enough."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.group_sequential.stopping import Crossing, crossing
from lupusim.arrays import BoolArray, FloatArray
from lupusim.simulation.adaptation.benefit import judged_benefit
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.looks.evidence import Evidence, described_at, gather
from lupusim.simulation.looks.group_sequential import estimates_at, of_look, planned_information
from lupusim.trial import Trial, Verdict
from lupusim.trial.adaptation.two_stage import Gate, GateMeasure


def hold_gate(trial: Trial, generated: Generated) -> dict[str, FloatArray]:
    """Return the quantities of every replicate of a trial with a `Gate`.

    As of a sequential trial, without flip-flops; besides, `gate_reached` (not stopped before),
    `gate_stopped`, and `false_stop`: stopped by the gate, and would have succeeded later.
    """
    rule, analysis = trial.adaptation, trial.analysis
    assert isinstance(rule, Gate)
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
    trial: Trial, seen: Evidence, fraction: FloatArray
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
