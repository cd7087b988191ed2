"""What is measured turn by turn: code by hand, then lupusim in several ways, on one core.

A busy machine slows all that is in a turn, so that ratios are taken turn by turn.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from lupusim import run
from lupusim.common.rng import stream
from lupusim.planning.controls import building
from lupusim.planning.runs.results import RunResult
from lupusim.planning.runs.run import RunOptions
from lupusim.planning.runs.series import Estimates
from lupusim.simulation.tally import reduction
from lupusim.trial.scenario import Scenario

PLAIN = RunOptions(estimates=Estimates.PLAIN)
POWER = "{}, power alone"
Speeds = Mapping[str, Sequence[float]]
"""Trials a second of each turn, by who did them: hand, plain, default, fast, fast plain; and what
of them is worth power."""


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Let compiled forms be used or not."""
    before = os.environ.get("LUPUSIM_BACKEND")
    os.environ["LUPUSIM_BACKEND"] = name
    try:
        yield
    finally:
        os.environ.pop("LUPUSIM_BACKEND")
        if before is not None:
            os.environ["LUPUSIM_BACKEND"] = before


def worth(result: RunResult) -> tuple[float, float]:
    """Return as how many counted trials power and type I error of a run are known."""
    (point,) = result.points
    power, error = point.power, point.type_one_error
    assert power is not None
    assert error is not None
    return power.n / reduction(power), error.n / reduction(error)


def seconds_of(call: Callable[[], object]) -> float:
    """Return the processor seconds of a call."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def in_turns(
    scenario: Scenario, by_hand: Callable[..., float], n: int, turns: int, ways: Sequence[str]
) -> Speeds:
    """Return the speeds of each turn; the first one imports, compiles and warms up."""
    both = [name for way in ways for name in (way, POWER.format(way))]
    found: dict[str, list[float]] = {way: [] for way in ("hand", *both)}
    options = {way: PLAIN if "plain" in way else RunOptions() for way in ways}
    for turn in range(turns + 1):
        by_way = {"hand": n / seconds_of(lambda: by_hand(n, stream(turn, "by hand")))}  # noqa: B023
        for way in ways:
            building._known.clear()
            with backend("numba" if "fast" in way else "numpy"):
                begin = time.process_time()
                result = run(scenario, n, seed=turn, options=options[way], n_jobs=1)
                seconds = time.process_time() - begin
                power, error = worth(result)
                by_way[way] = (power + error) / seconds
                by_way[POWER.format(way)] = power / seconds
        for way, speed in by_way.items():
            found[way] += [speed] if turn else []
    return found


def told(values: Sequence[float], form: str) -> str:
    """Return the median and the range, to three digits where they are large."""
    shown = [float(f"{value:.3g}") for value in (statistics.median(values), *values)]
    middle, low, high = shown[0], min(shown[1:]), max(shown[1:])
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def ratios(speeds: Speeds, way: str) -> str:
    """Return how many times as fast as the code by hand, turn by turn."""
    return told([a / b for a, b in zip(speeds[way], speeds["hand"], strict=True)], ".2f")
