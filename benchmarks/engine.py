"""How fast the vectorised engine is, beside what no program could do without.

Run: ``python benchmarks/engine.py``. Prints, from the same run: sojourns a second on a
five-state model with Weibull hazards, and the time that drawing the same random numbers and
raising them to their powers takes alone; patients a second with the full history; and the
five-state model with constant hazards beside a batch written by hand (`by_hand.py`). Times
are process CPU seconds, the best of several repeats; on a busy machine trust the ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import by_hand
import numpy as np
from models import CONSTANT, FIVE_STATES, constant_rates

from lupusim.common.rng import stream
from lupusim.engines import vector
from lupusim.model import MultiStateModel
from lupusim.records import Cohort, Recorder, StateAt, TransitionLog

N_PATIENTS = 300_000
BLOCK = 60_000
REPEATS = 7


def best_seconds(job: Callable[[int], object]) -> float:
    """Return the least CPU time of several repeats."""
    seconds = []
    for repeat in range(REPEATS):
        begin = time.process_time()
        job(repeat)
        seconds.append(time.process_time() - begin)
    return min(seconds)


def follow(
    model: MultiStateModel, horizon: float, listen: Callable[[], Recorder], seed: int
) -> list[Recorder]:
    recorders = []
    for begin in range(0, N_PATIENTS, BLOCK):
        recorders.append(listen())
        vector.simulate(
            model,
            Cohort(n_patients=BLOCK),
            horizon=horizon,
            recorders=recorders[-1:],
            rng=stream(seed, begin),
        )
    return recorders


def log() -> Recorder:
    return TransitionLog(BLOCK)


def count_draws(seed: int) -> tuple[int, int]:
    """Return how many sojourns and how many Weibull draws one pass over the patients takes."""
    ways = np.array([len(FIVE_STATES.outgoing(state)) for state in FIVE_STATES.states])
    sojourns = draws = 0
    for recorder in follow(FIVE_STATES, 10.0, log, seed):
        assert isinstance(recorder, TransitionLog)
        entered = np.concatenate([recorder.initial, recorder.columns()["to_state"]])
        sojourns += int((ways[entered] > 0).sum())
        draws += int(ways[entered].sum())
    return sojourns, draws


def draw_only(draws: int, seed: int) -> None:
    """Draw the random numbers and raise them to their powers; nothing else."""
    rng = stream(seed, "floor")
    for begin in range(0, draws, BLOCK):
        rng.standard_exponential(min(BLOCK, draws - begin)) ** 0.8


def weibull_report() -> None:
    sojourns, draws = count_draws(0)
    engine = best_seconds(lambda seed: follow(FIVE_STATES, 10.0, log, seed))
    floor = best_seconds(lambda seed: draw_only(draws, seed))
    print(f"five states, Weibull hazards, {N_PATIENTS:,} patients, full history")
    print(f"  {sojourns / engine:12,.0f} sojourns/s  {N_PATIENTS / engine:12,.0f} patients/s")
    print(f"  {engine / floor:.2f} times the drawing of its {draws:,} random powers alone")


def constant_report() -> None:
    rates = constant_rates()

    def final_state() -> Recorder:
        return StateAt([5.0], BLOCK)

    hand = best_seconds(lambda s: by_hand.five_states(N_PATIENTS, rates, 5.0, stream(s, "h")))
    ours = best_seconds(lambda seed: follow(CONSTANT, 5.0, final_state, seed))
    logged = best_seconds(lambda seed: follow(CONSTANT, 5.0, log, seed))
    recorders = follow(CONSTANT, 5.0, log, 0)
    moves = sum(r.columns()["time"].size for r in recorders if isinstance(r, TransitionLog))
    print(f"case E: five states, constant hazards, {moves / N_PATIENTS:.1f} moves a patient")
    print(f"  by hand, final state  {N_PATIENTS / hand:12,.0f} patients/s")
    print(f"  lupusim, final state  {N_PATIENTS / ours:12,.0f} patients/s  {hand / ours:.2f} x")
    print(f"  lupusim, whole log    {N_PATIENTS / logged:12,.0f} patients/s  {hand / logged:.2f} x")


if __name__ == "__main__":
    weibull_report()
    constant_report()
