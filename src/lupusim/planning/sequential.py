"""Trials with several looks: all looks are held, then it is seen where each trial stops.

No trial ends early while it is simulated, so one simulation can be scored under many rules,
and an early success can be compared with what the end would have shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lupusim.analysis.stopping import Crossing, at_look, crossing
from lupusim.arrays import FloatArray
from lupusim.planning.generation import Generated
from lupusim.planning.observing import analyze, conduct, cut, decision
from lupusim.records import Observation
from lupusim.trial import Analysis, AtEvents, Cutoff, Responder, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What one look shows of every replicate."""

    observation: Observation
    shown: dict[str, FloatArray]
    z: FloatArray
    information: FloatArray


def hold_looks(trial: Trial, generated: Generated) -> dict[str, FloatArray]:
    """Return the quantities of every replicate at the look where it stops.

    Besides what a fixed design gives: `n_enrolled` when it stops, `flip_flop` (stopped early
    for efficacy, would have failed at the end), and for each look, counted from 1,
    `look_K_time` (calendar, years), `look_K_information` (fraction of what was planned),
    `look_K_efficacy` and `look_K_futility` (stopped there for that).
    """
    assert trial.analysis is not None  # the trial's own checks see to both
    assert trial.stopping is not None
    looks = list(_looks(trial, trial.analysis, generated))
    information = np.stack([look.information for look in looks], axis=1)
    fraction = information / _planned(trial, information)[:, None]
    efficacy, futility = trial.stopping.bounds(fraction)
    z = np.stack([look.z for look in looks], axis=1)
    sided = trial.analysis.sided
    stop = crossing(z, efficacy, futility, sided=sided)
    names = looks[-1].shown
    found = {name: at_look([look.shown[name] for look in looks], stop.look) for name in names}
    found["reject"] = stop.reject.astype(float)
    found["flip_flop"] = _flip_flop(z[:, -1], efficacy[:, -1], stop, len(looks), sided)
    for number, look in enumerate(looks):
        found |= _of_look(number, look.observation.cutoff, fraction[:, number], stop)
    return found


def _looks(trial: Trial, analysis: Analysis, generated: Generated) -> Iterator[_Look]:
    earliest: FloatArray | float = 0.0
    for cutoff in trial.looks:
        look = _hold(trial, analysis, generated, cutoff, earliest=earliest)
        earliest = look.observation.cutoff
        yield look


def _hold(
    trial: Trial,
    analysis: Analysis,
    generated: Generated,
    cutoff: Cutoff,
    *,
    earliest: FloatArray | float,
) -> _Look:
    from scipy.special import ndtri

    observation = cut(generated, cutoff, earliest=earliest)
    outcomes = [measurement.outcome(observation) for measurement in generated.measurements]
    verdict = analyze(trial, analysis, observation, outcomes[0], sided=1)
    enrolled = observation.enrollment_time <= observation.cutoff[:, None]
    shown = conduct(trial, observation, outcomes) | decision(verdict.p_value < 0, verdict)
    return _Look(
        observation=observation,
        shown={**shown, "n_enrolled": enrolled.sum(axis=1).astype(float)},
        z=-ndtri(verdict.p_value),
        information=outcomes[0].information,
    )


def _planned(trial: Trial, information: FloatArray) -> FloatArray:
    """Return the information planned for the last look, shape (n_replicates,).

    All patients for a response at a visit, the number of events where the last look waits
    for one; otherwise what the last look of each replicate really has.
    """
    if isinstance(trial.primary, Responder):
        return np.full(len(information), float(trial.n_patients))
    if isinstance(trial.cutoff, AtEvents):
        return np.full(len(information), float(trial.cutoff.events))
    return np.maximum(information[:, -1], 1.0)


def _flip_flop(
    z: FloatArray, efficacy: FloatArray, stop: Crossing, n_looks: int, sided: int
) -> FloatArray:
    """Return where an early success would have failed at the last look."""
    fails = (np.abs(z) if sided == 2 else z) < efficacy
    return (stop.reject & (stop.look < n_looks - 1) & fails).astype(float)


def _of_look(
    number: int, cutoff: FloatArray, fraction: FloatArray, stop: Crossing
) -> dict[str, FloatArray]:
    here = stop.look == number
    held: Sequence[tuple[str, FloatArray]] = (
        ("time", np.where(np.isfinite(cutoff), cutoff, np.nan)),
        ("information", fraction),
        ("efficacy", (here & stop.reject).astype(float)),
        ("futility", (here & ~stop.reject).astype(float)),
    )
    return {f"look_{number + 1}_{name}": values for name, values in held}
