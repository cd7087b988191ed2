"""Time bounds, analyses after stopping and multiple tests for many simulated trials.

Run ``python benchmarks/sequential.py``. One core, a line for each case: what, how many a second.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import numpy as np

from lupusim.analysis.group_sequential import (
    BetaSpending,
    WangTsiatis,
    after_stopping,
    bounds,
    exit_probabilities,
)
from lupusim.analysis.multiplicity import Graph, SequentialGraph, dunnett, hommel
from lupusim.common.rng import stream

GRAPH = Graph(
    weights=(0.5, 0.5, 0, 0),
    transitions=((0, 0.5, 0.5, 0), (0.5, 0, 0, 0.5), (0, 1, 0, 0), (1, 0, 0, 0)),
)


def report(what: str, n_done: int, call: Callable[[], object]) -> None:
    call()
    start = process_time()
    call()
    print(f"{what:60s} {n_done / (process_time() - start):12,.0f} a second")


def main() -> None:
    rng = stream(1, "benchmark", "sequential")
    looks = np.array([67, 134, 200]) + rng.integers(-30, 30, (1000, 3))
    plan = bounds([67, 134, 200])
    z, look = rng.normal(1.5, 1.5, 2000), rng.integers(1, 4, 2000)
    p_value = rng.random((10_000, 4, 3)) ** 3
    sequential = SequentialGraph(graph=GRAPH, information=[1, 2, 3])
    report("distinct information, alpha spending", 1000, lambda: bounds(looks))
    futility = BetaSpending(beta=0.1, drift=3.3)
    report("  and beta at a drift", 1000, lambda: bounds(looks, futility=futility))
    searched = BetaSpending(beta=0.1)
    report("  and the drift searched", 200, lambda: bounds(looks[:200], futility=searched))
    shape = WangTsiatis(delta=0.25)
    report("  Wang and Tsiatis", 200, lambda: bounds(looks[:200], spending=shape))
    same = np.tile([67.0, 134.0, 200.0], (10_000, 1))
    report("the same information in every trial", 10_000, lambda: bounds(same))
    drifts = np.linspace(0, 4, 1000)
    report("exit probabilities, drifts", 1000, lambda: exit_probabilities(plan, drifts))
    report(
        "p-value, estimate, interval after stopping", 2000, lambda: after_stopping(plan, look, z)
    )
    report("graph, 4 hypotheses", 10_000, lambda: GRAPH.adjusted(p_value[:, :, 0]))
    report("Hommel, 4 hypotheses", 10_000, lambda: hommel(p_value[:, :, 0]))
    report("graph over 3 looks", 10_000, lambda: sequential.rejections(p_value))
    statistic = rng.normal(size=(2000, 3))
    arms = (50, 50, 50)
    report("Dunnett z, 3 arms", 2000, lambda: dunnett(statistic, n_control=50, n_arms=arms))


if __name__ == "__main__":
    main()
