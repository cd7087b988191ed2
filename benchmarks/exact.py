"""Time, error and stated bound of the exact engine on the five-state Weibull model.

Run: ``python benchmarks/exact.py``. The model is the common one of the peers' comparison:
5 states, 11 Weibull transitions on reset clocks, 10 years.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lupusim.engines.exact import CALIBRATION_STEPS, ever_after, solve, time_in_state
from lupusim.model import Clock, MultiStateModel, PiecewiseRatio, Transition
from lupusim.model.hazards import WeibullHazard

TIMES = [1.0, 2.0, 5.0, 10.0]
WEIBULLS = [
    ("active", "partial", 1.2, 0.6),
    ("active", "complete", 1.4, 1.2),
    ("active", "death", 1.0, 8.0),
    ("partial", "complete", 1.3, 0.9),
    ("partial", "relapse", 0.9, 1.8),
    ("partial", "death", 1.0, 15.0),
    ("complete", "relapse", 0.8, 4.0),
    ("complete", "death", 1.0, 30.0),
    ("relapse", "partial", 1.1, 0.9),
    ("relapse", "complete", 1.2, 2.0),
    ("relapse", "death", 1.1, 5.0),
]


def five_states() -> MultiStateModel:
    """Return the benchmark model."""
    return MultiStateModel(
        name="five-states",
        states=("active", "partial", "complete", "relapse", "death"),
        transitions=tuple(
            Transition(from_state=a, to_state=b, hazard=WeibullHazard(shape=k, scale=s))
            for a, b, k, s in WEIBULLS
        ),
    )


def milliseconds(call: Callable[[], object], repeats: int = 40) -> float:
    """Return the time of a call: the fastest, since other jobs on the machine only add to it."""
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return 1e3 * min(times)


def main() -> None:
    model = five_states()
    reference = solve(model, TIMES, tolerance=1e-9)
    print(f"{'n_steps':>8} {'ms':>8} {'error':>9} {'bound':>9}")
    for n_steps in (32, 64, 128, 256, 512, 1024, 2048, 4096):
        solution = solve(model, TIMES, n_steps=n_steps)
        error = np.abs(solution.probabilities - reference.probabilities).max()
        elapsed = milliseconds(lambda n=n_steps: solve(model, TIMES, n_steps=n))
        mark = " <- CALIBRATION_STEPS" if n_steps == CALIBRATION_STEPS else ""
        print(f"{n_steps:8d} {elapsed:8.2f} {error:9.1e} {solution.error_bound:9.1e}{mark}")
    forward = replace(
        model, transitions=tuple(replace(t, clock=Clock.FORWARD) for t in model.transitions)
    )
    ratio = PiecewiseRatio(breaks=(0.1, 1.5), ratios=(1.0, 2.0, 1.0))
    first, second, *others = model.transitions
    treated = replace(model, transitions=(first, replace(second, ratio=ratio), *others))
    for name, call in {
        "reset clocks, tolerance 1e-6": lambda: solve(model, TIMES),
        "forward clocks, tolerance 1e-6": lambda: solve(forward, TIMES),
        "treated, 1 year, tolerance 1e-4": lambda: solve(treated, [1.0], tolerance=1e-4),
        "treated, 1 year, tolerance 1e-6": lambda: solve(treated, [1.0]),
        "ever after, calibration steps": lambda: ever_after(
            model, "complete", "relapse", TIMES, n_steps=CALIBRATION_STEPS
        ),
        "time in state, tolerance 1e-6": lambda: time_in_state(model, 10.0),
    }.items():
        print(f"{name:34s} {milliseconds(call, 3):9.2f} ms")


if __name__ == "__main__":
    main()
