"""What a NumPy user would write by hand for the cases of the benchmarks: no toolkit, no reuse.

The bar for the toolkit: its own user's batch code, one batch of trials at a time.
"""

from __future__ import annotations

import numpy as np

BOUND = 1.959963984540054
LOOKS = {67: 3.70023, 134: 2.50411, 200: 1.99373}  # rpact: Lan-DeMets O'Brien-Fleming, 0.025


def fixed_design(n_trials: int, rng: np.random.Generator, *, chunk: int = 500) -> float:
    """Case A: log-rank at 200 events in 150 + 150 patients; return the power."""
    rejected = 0
    arm = np.repeat([0, 1], 150)
    rate = np.log(2) / 12 * np.where(arm == 1, 0.7, 1.0)
    for begin in range(0, n_trials, chunk):
        size = (min(chunk, n_trials - begin), 300)
        entry = rng.uniform(0, 24, size)
        event_time = rng.standard_exponential(size) / rate
        dropout = rng.standard_exponential(size) / (-np.log(0.95) / 12)
        is_event = event_time <= dropout
        time = np.minimum(event_time, dropout)
        calendar = np.where(is_event, entry + time, np.inf)
        cutoff = np.partition(calendar, 199, axis=1)[:, 199:200]
        seen = cutoff - entry
        is_event &= time <= seen
        time = np.minimum(time, seen)
        time[seen <= 0] = -1.0
        order = np.argsort(time, axis=1)
        event = np.take_along_axis(is_event & (seen > 0), order, axis=1)
        experimental = arm[order]
        at_risk = np.arange(300, 0, -1)
        at_risk_experimental = np.cumsum(experimental[:, ::-1], axis=1)[:, ::-1]
        share = at_risk_experimental / at_risk
        excess = (event * (experimental - share)).sum(axis=1)
        variance = (event * share * (1 - share)).sum(axis=1)
        rejected += int((excess / np.sqrt(variance) <= -BOUND).sum())
    return rejected / n_trials


def three_looks(n_trials: int, rng: np.random.Generator, *, chunk: int = 500) -> float:
    """Case B: the same patients, looks at 67, 134 and 200 events; return the power."""
    rejected = 0
    arm = np.repeat([0, 1], 150)
    rate = np.log(2) / 12 * np.where(arm == 1, 0.7, 1.0)
    at_risk = np.arange(300, 0, -1)
    for begin in range(0, n_trials, chunk):
        size = (min(chunk, n_trials - begin), 300)
        entry = rng.uniform(0, 24, size)
        event_time = rng.standard_exponential(size) / rate
        dropout = rng.standard_exponential(size) / (-np.log(0.95) / 12)
        is_event = event_time <= dropout
        exit_time = np.minimum(event_time, dropout)
        calendar = np.sort(np.where(is_event, entry + exit_time, np.inf), axis=1)
        crossed = np.zeros(size[0], dtype=bool)
        for n_events, bound in LOOKS.items():
            seen = calendar[:, n_events - 1 : n_events] - entry
            time = np.minimum(exit_time, seen)
            order = np.argsort(time, axis=1)
            event = np.take_along_axis(is_event & (exit_time <= seen), order, axis=1)
            experimental = arm[order]
            share = np.cumsum(experimental[:, ::-1], axis=1)[:, ::-1] / at_risk
            excess = (event * (experimental - share)).sum(axis=1)
            variance = (event * share * (1 - share)).sum(axis=1)
            crossed |= excess / np.sqrt(variance) <= -bound
        rejected += int(crossed.sum())
    return rejected / n_trials


def two_endpoints(n_trials: int, rng: np.random.Generator, *, chunk: int = 500) -> float:
    """Case C: illness-death, log-ranks of two endpoints at 180 events of the first; either wins."""
    rejected = 0
    arm = np.repeat([0, 1], 150)
    ill = np.where(arm == 1, 0.04, 0.06)
    dead = np.where(arm == 1, 0.018, 0.02)
    dead_after = np.where(arm == 1, 0.075, 0.08)
    at_risk = np.arange(300, 0, -1)
    for begin in range(0, n_trials, chunk):
        size = (min(chunk, n_trials - begin), 300)
        entry = rng.uniform(0, 12 / 365.25, size)
        first = rng.standard_exponential(size) / (ill + dead)
        goes_on = rng.random(size) * (ill + dead) < ill
        death = first + goes_on * rng.standard_exponential(size) / dead_after
        cutoff = np.partition(entry + first, 179, axis=1)[:, 179:180]
        z = []
        for event_time in (first, death):
            seen = np.maximum(cutoff - entry, 0.0) + 1e-9  # the last event counts, however rounded
            order = np.argsort(np.minimum(event_time, seen), axis=1)
            event = np.take_along_axis(event_time <= seen, order, axis=1)
            experimental = arm[order]
            share = np.cumsum(experimental[:, ::-1], axis=1)[:, ::-1] / at_risk
            excess = (event * (experimental - share)).sum(axis=1)
            z.append(excess / np.sqrt((event * share * (1 - share)).sum(axis=1)))
        rejected += int((np.minimum(*z) <= -BOUND).sum())
    return rejected / n_trials


def two_rates(n_trials: int, rng: np.random.Generator, *, chunk: int = 1000) -> float:
    """Case D: patient by patient, 0.32 against 0.15 in 60 + 60, pooled z; return the power."""
    rejected = 0
    for begin in range(0, n_trials, chunk):
        size = (min(chunk, n_trials - begin), 60)
        new = (rng.random(size) < 0.32).sum(axis=1) / 60
        control = (rng.random(size) < 0.15).sum(axis=1) / 60
        pooled = (new + control) / 2
        error = np.sqrt(pooled * (1 - pooled) * 2 / 60)
        rejected += int(np.count_nonzero((error > 0) & (new - control >= 1.959964 * error)))
    return rejected / n_trials


def five_states(
    n_patients: int, rates: np.ndarray, horizon: float, rng: np.random.Generator
) -> np.ndarray:
    """Case E: final state of everybody in a constant-hazard model, all patients at once.

    `rates` is the (n_states, n_states) matrix of rates per year, 0 on its diagonal.
    """
    totals = rates.sum(axis=1)
    steps = np.cumsum(rates, axis=1) / np.maximum(totals, 1e-300)[:, None]
    state = np.zeros(n_patients, dtype=np.int8)
    time = np.zeros(n_patients)
    alive = np.arange(n_patients)
    while alive.size:
        present = state[alive]
        time[alive] += rng.standard_exponential(alive.size) / totals[present]
        alive = alive[time[alive] <= horizon]
        present = state[alive]
        which = rng.random(alive.size)
        state[alive] = (which[:, None] >= steps[present]).sum(axis=1)
        alive = alive[totals[state[alive]] > 0]
    return state
