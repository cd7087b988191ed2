"""How the engines are compared: the share of patients in each state, at several times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, Phase, settings

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.rng import stream
from lupusim.engines import events, vector
from lupusim.model import Clock, Hazard, MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard, GammaHazard, LognormalHazard, WeibullHazard
from lupusim.records import Cohort, Recorder, StateAt
from tolerance import SEED, assert_within_mcse

ALWAYS_THE_SAME = settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking would simulate for minutes
    suppress_health_check=list(HealthCheck),
)
"""Examples that don't change from run to run."""

Engine = Callable[..., None]

ENGINES: Mapping[str, Engine] = {"vector": vector.simulate, "events": events.simulate}
"""The engines that draw random numbers."""

_RARE = 25  # expected patients below which a count is too skewed for its standard error


def follow(
    engine: str,
    model: MultiStateModel,
    recorders: Sequence[Recorder],
    *,
    n_patients: int,
    horizon: float,
    hazard_ratio: FloatArray | None = None,
    purpose: str = "agreement",
) -> None:
    """Let an engine tell recorders of a cohort, by a stream of its own for each purpose."""
    ENGINES[engine](
        model,
        Cohort(
            n_patients=n_patients,
            hazard_ratio=None if hazard_ratio is None else dict(enumerate(hazard_ratio)),
        ),
        horizon=horizon,
        recorders=recorders,
        rng=stream(SEED, purpose, engine),
    )


def occupancy_counts(
    engine: str,
    model: MultiStateModel,
    times: Sequence[float],
    *,
    n_patients: int,
    hazard_ratio: FloatArray | None = None,
    purpose: str = "agreement",
) -> IntArray:
    """Return how many of an engine's patients are in each state; shape (n_times, n_states)."""
    at = StateAt(times, n_patients)
    follow(
        engine,
        model,
        [at],
        n_patients=n_patients,
        horizon=max(times),
        hazard_ratio=hazard_ratio,
        purpose=purpose,
    )
    n_states = len(model.states)
    return np.array([np.bincount(row, minlength=n_states) for row in at.states])


def assert_counts_agree(counts: IntArray, probabilities: FloatArray, *, n_patients: int) -> None:
    """Fail where counts of patients don't fit their probabilities.

    A share has the standard error sqrt(p (1 - p) / n). Where p or 1 - p is too small for
    that (fewer than 25 patients expected) the count is compared on the scale of Freeman and
    Tukey (1950), Annals of Mathematical Statistics 21, 607-611, where its standard error is
    1 at most; where p is 0 or 1 the count must be exact.
    """
    p = np.clip(probabilities, 0.0, 1.0)
    expected = n_patients * p
    certain = np.minimum(expected, n_patients - expected) < 1e-6
    assert (counts[certain] == np.round(expected[certain])).all(), (counts, expected)
    rare = np.minimum(p, 1 - p) * n_patients < _RARE
    few = np.where(p < 0.5, counts, n_patients - counts)[rare]
    expected_few = n_patients * np.minimum(p, 1 - p)[rare]
    if rare.any():
        assert_within_mcse(np.sqrt(few) + np.sqrt(few + 1), np.sqrt(4 * expected_few + 1), mcse=1.0)
    if not rare.all():
        common = p[~rare]
        mcse = np.sqrt(common * (1 - common) / n_patients)
        assert_within_mcse(counts[~rare] / n_patients, common, mcse=mcse)


def assert_engines_agree(one: IntArray, other: IntArray, *, n_patients: tuple[int, int]) -> None:
    """Fail where the counts of two engines don't fit one probability.

    The standard error of the difference is that of two shares with the pooled probability.
    """
    n, m = n_patients
    pooled = (one + other) / (n + m)
    common = np.minimum(pooled, 1 - pooled) * min(n, m) >= _RARE
    mcse = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))[common]
    if common.any():
        assert_within_mcse((one / n)[common], (other / m)[common], mcse=mcse)


def with_hazard(model: MultiStateModel, position: int, hazard: Hazard) -> MultiStateModel:
    """Return the model with one hazard exchanged."""
    ways = list(model.transitions)
    ways[position] = replace(ways[position], hazard=hazard)
    return replace(model, transitions=tuple(ways))


def lupus() -> MultiStateModel:
    """Five states, four families: an invented model with several events a patient."""
    hazards = {
        ("active", "partial"): WeibullHazard(shape=1.2, scale=0.6),
        ("active", "complete"): WeibullHazard(shape=1.4, scale=1.2),
        ("active", "death"): ExponentialHazard(rate=0.125),
        ("partial", "complete"): LognormalHazard(meanlog=-0.3, sdlog=0.8),
        ("partial", "relapse"): WeibullHazard(shape=0.9, scale=1.8),
        ("complete", "relapse"): WeibullHazard(shape=0.8, scale=4.0),
        ("relapse", "partial"): GammaHazard(shape=1.3, rate=1.2),
        ("relapse", "death"): WeibullHazard(shape=1.1, scale=5.0),
    }
    return MultiStateModel(
        name="lupus",
        states=("active", "partial", "complete", "relapse", "death"),
        transitions=tuple(
            Transition(from_state=a, to_state=b, hazard=hazard)
            for (a, b), hazard in hazards.items()
        ),
    )


def constant(*, clock: Clock = Clock.RESET) -> MultiStateModel:
    """Three causes with constant hazards; the matrix exponential knows the answer."""
    rates = {
        ("active", "remission"): 1.2,
        ("active", "relapse"): 0.5,
        ("active", "death"): 0.1,
        ("remission", "relapse"): 0.6,
        ("remission", "death"): 0.05,
        ("relapse", "active"): 1.5,
        ("relapse", "death"): 0.15,
    }
    return MultiStateModel(
        name="constant",
        states=("active", "remission", "relapse", "death"),
        transitions=tuple(
            Transition(from_state=a, to_state=b, hazard=ExponentialHazard(rate=rate), clock=clock)
            for (a, b), rate in rates.items()
        ),
    )


def generator(model: MultiStateModel, ratios: FloatArray | None = None) -> FloatArray:
    """Return the matrix of constant hazards, (n_states, n_states), apart from all engines."""
    matrix = np.zeros((len(model.states),) * 2)
    multiplier = np.ones(len(model.transitions)) if ratios is None else ratios
    for way, ratio in zip(model.transitions, multiplier, strict=True):
        a, b = model.index(way.from_state), model.index(way.to_state)
        rate = float(way.hazard.hazard(np.array(1.0))) * ratio
        matrix[a, b] += rate
        matrix[a, a] -= rate
    return matrix
