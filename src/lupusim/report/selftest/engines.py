"""Engines against closed forms and against each other, and what samplers draw."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.rng import stream
from lupusim.model import MultiStateModel, Transition
from lupusim.model.hazards import (
    ExponentialHazard,
    GammaHazard,
    GeneralizedGammaHazard,
    GompertzHazard,
    Hazard,
    LoglogisticHazard,
    LognormalHazard,
    PiecewiseExponentialHazard,
    WeibullHazard,
)
from lupusim.report.selftest.comparison import Comparison, within_errors

TIMES = [0.5, 2.0, 5.0]
SIMULATED = ("illness-death", "standard-care", "msc-central")
N_VECTOR = 200_000
N_EVENTS = 20_000
N_DRAWS = 100_000
FIRST_NUMBERS = (0.44600569778630295, 0.19916397161867871, 0.020965611315554966)


def exact_engine() -> Iterator[Comparison]:
    """Compare the exact engine with formulas that need no engine."""
    from scipy.linalg import expm

    import lupusim

    model = lupusim.load_model("sick-sicker")
    generator = _generator(model)
    start = np.eye(len(model.states))[0]
    found = lupusim.occupancy(model, TIMES).to_numpy()
    right = np.stack([start @ expm(generator * time) for time in TIMES])
    yield _largest("sick-sicker, shares in all states", found, right, 1e-9, "matrix exponential")
    yield _whole_life()
    found = 81 * lupusim.occupancy("markov-sat0244", [5.0]).to_numpy()[0]
    published = np.array([31.0, 6, 22, 9, 13])
    yield _largest(
        "markov-sat0244, patients of 81 after five years", found, published, 0.01, "SAT0244 (2017)"
    )


def _whole_life() -> Comparison:
    """Return who is ill after two years where stays are Weibull: an integral over the onset."""
    from scipy.integrate import quad

    import lupusim

    onset, death = WeibullHazard(shape=1.5, scale=2.0), WeibullHazard(shape=0.8, scale=3.0)
    edges = (("well", "ill", onset), ("ill", "dead", death))
    model = MultiStateModel(
        name="semi-Markov",
        states=("well", "ill", "dead"),
        transitions=tuple(Transition(from_state=a, to_state=b, hazard=h) for a, b, h in edges),
    )

    def ill(began: float) -> float:
        at, stay = np.asarray(began), np.asarray(2.0 - began)
        density = float(onset.hazard(at)) * math.exp(-float(onset.cumulative(at)))
        return density * math.exp(-float(death.cumulative(stay)))

    return Comparison(
        name="semi-Markov illness and death, share ill after two years",
        found=float(lupusim.occupancy(model, [2.0])["ill"].iloc[0]),
        expected=quad(ill, 0, 2, epsabs=1e-12)[0],
        tolerance=1e-6,
        source="numerical integral",
    )


def _generator(model: MultiStateModel) -> FloatArray:
    places = {state: place for place, state in enumerate(model.states)}
    matrix = np.zeros((len(places), len(places)))
    for one in model.transitions:
        rate = float(one.hazard.hazard(np.asarray(1.0)))
        matrix[places[one.from_state], places[one.to_state]] += rate
    return matrix - np.diag(matrix.sum(axis=1))


def vector_engine() -> Iterator[Comparison]:
    """Compare the vectorised engine with the exact one."""
    import lupusim

    for name in SIMULATED:
        exact = lupusim.occupancy(name, TIMES).to_numpy()
        drawn = lupusim.simulate(name, N_VECTOR, TIMES[-1], seed=1).occupancy(TIMES).to_numpy()
        errors = np.sqrt(np.maximum(exact * (1 - exact), 1 / N_VECTOR) / N_VECTOR)
        yield within_errors(name, float(np.max(abs(drawn - exact) / errors)), "exact engine")


def events_engine() -> Iterator[Comparison]:
    """Compare the SimPy engine with the vectorised one."""
    import lupusim

    for name in SIMULATED:
        vector = lupusim.simulate(name, N_VECTOR, TIMES[-1], seed=2).occupancy(TIMES).to_numpy()
        events = lupusim.simulate(name, N_EVENTS, TIMES[-1], engine="events", seed=3)
        drawn = events.occupancy(TIMES).to_numpy()
        both = (N_VECTOR * vector + N_EVENTS * drawn) / (N_VECTOR + N_EVENTS)
        variance = np.maximum(both * (1 - both), 1 / N_EVENTS) * (1 / N_VECTOR + 1 / N_EVENTS)
        distance = float(np.max(abs(drawn - vector) / np.sqrt(variance)))
        yield within_errors(name, distance, "vectorised engine")


_FAMILIES: dict[str, Hazard] = {
    "exponential": ExponentialHazard(rate=0.7),
    "weibull": WeibullHazard(shape=1.7, scale=2.0),
    "gompertz": GompertzHazard(shape=0.4, rate=0.3),
    "gamma": GammaHazard(shape=2.5, rate=1.2),
    "lognormal": LognormalHazard(meanlog=0.3, sdlog=0.6),
    "loglogistic": LoglogisticHazard(shape=5.0, scale=1.5),
    "generalized_gamma": GeneralizedGammaHazard(mu=0.5, sigma=0.6, q=0.8),
    "piecewise_exponential": PiecewiseExponentialHazard(breaks=(1.0, 3.0), rates=(0.2, 0.6, 0.4)),
}


def samplers() -> Iterator[Comparison]:
    """Compare times drawn by inversion with the mean that a numerical integral gives."""
    from scipy.integrate import quad

    for name, hazard in _FAMILIES.items():
        rng = stream(1, "selftest", name)
        times = hazard.inverse_cumulative(rng.standard_exponential(N_DRAWS))

        def survival(time: float, hazard: Hazard = hazard) -> float:
            return math.exp(-float(hazard.cumulative(np.asarray(time))))

        with np.errstate(over="ignore"):  # of Gompertz' hazard, long after everybody has left
            mean = quad(survival, 0, 3, limit=200)[0] + quad(survival, 3, np.inf, limit=200)[0]
        error = float(times.std()) / math.sqrt(N_DRAWS)
        distance = abs(float(times.mean()) - mean) / error
        yield within_errors(f"{name}, mean of {N_DRAWS:,} times", distance, "numerical integral")


def random_numbers() -> Iterator[Comparison]:
    """Compare the generator's numbers with those that every platform must give."""
    drawn = stream(20260101, "selftest").random(3)
    for place, (found, right) in enumerate(zip(drawn.tolist(), FIRST_NUMBERS, strict=True), 1):
        yield Comparison(
            name=f"seed 20260101, stream 'selftest', number {place}",
            found=found,
            expected=right,
            tolerance=0.0,
            source="NumPy's SFC64, as on other platforms",
        )


def _largest(
    name: str, found: FloatArray, right: FloatArray, tolerance: float, source: str
) -> Comparison:
    place = np.unravel_index(np.argmax(abs(found - right)), found.shape)
    return Comparison(
        name=f"{name}: the one furthest off",
        found=float(found[place]),
        expected=float(right[place]),
        tolerance=tolerance,
        source=source,
    )
