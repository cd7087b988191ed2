"""Trials that follow rules: looks, many rules on one simulation.

Run ``python benchmarks/rules.py``. One core, process CPU seconds, the best of several repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import process_time

from lupusim import load_scenario
from lupusim.analysis.group_sequential import FutilityBounds
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.endpoints import Responder
from lupusim.model import MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard
from lupusim.simulation.adaptation import Against, BayesianResponse, Shares
from lupusim.simulation.block import replicates_per_block, simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.scoring import Pair, score_block
from lupusim.trial import AfterPatients, Arm, Trial, UniformEnrollment

N_BLOCKS = 20
REPEATS = 5


def seconds(call: Callable[[Block], object], n_replicates: int) -> float:
    """Return CPU seconds of one block, the best of several repeats."""
    best = float("inf")
    for _ in range(REPEATS):
        begin = process_time()
        for number in range(N_BLOCKS):
            call(Block(seed=1, number=number, n_replicates=n_replicates))
        best = min(best, (process_time() - begin) / N_BLOCKS)
    return best


def trial_of(name: str) -> Trial:
    return load_scenario(name).points[0].trial


def case_b() -> None:
    one, three = trial_of("survival_200_events"), trial_of("survival_three_looks")
    n = replicates_per_block(one.n_patients)
    single = seconds(lambda block: simulate_block(one, block), n)
    looks = seconds(lambda block: simulate_block(three, block), n)
    print("case B: 300 patients, three looks at 67, 134, 200 events")
    print(f"  one look {n / single:10,.0f} trials/s")
    print(f"  three    {n / looks:10,.0f} trials/s  {single / looks:.2f} x")


def one_more_rule() -> None:
    trial = trial_of("survival_three_looks")
    n = replicates_per_block(trial.n_patients)
    others = {
        f"rule {k}": replace(
            trial,
            stopping=GroupSequential(
                alpha=0.02 + 0.0005 * k,
                futility=FutilityBounds(z=(0.0, 0.5)),
                efficacy="pocock",
            ),
        )
        for k in range(20)
    }
    rules = {"first": trial, **others}
    pairs = [Pair(later=name, first="first") for name in others]
    alone = seconds(lambda block: score_block({"first": trial}, [], block), n)
    together = seconds(lambda block: score_block(rules, pairs, block), n)
    more = (together - alone) / len(others)
    print("one more rule on the same patients and tests, and its paired differences")
    print(f"  {100 * more / alone:.1f} % of the simulation")


def response_adaptive() -> None:
    heals = ExponentialHazard(rate=1.43)
    way = Transition(from_state="ill", to_state="well", hazard=heals)
    model = MultiStateModel(name="response", states=("ill", "well"), transitions=(way,))
    shares = Shares(power=1.0, grows=True, least=0.1, most=0.8)
    looks = [AfterPatients(patients=n, follow_up=0.25) for n in range(16, 289, 16)]
    trial = Trial(
        arms=tuple(Arm(name=name, model=model) for name in ("control", "low", "high")),
        n_patients=300,
        enrollment=UniformEnrollment(duration=2.0),
        primary=Responder(name="response", states=("well",), at=0.25),
        visits=(0.25,),
        follow_up=0.25,
        interims=tuple(looks[:17]),
        cutoff=AfterPatients(patients=300, follow_up=0.25),
        adaptation=BayesianResponse(success=1.1, against=Against.ALL, shares=shares),
    )
    n = replicates_per_block(trial.n_patients)
    each = seconds(lambda block: simulate_block(trial, block), n)
    print("response-adaptive, 3 arms, 300 patients, 18 looks, none stops early")
    print(f"  {n / each:10,.0f} trials/s")


if __name__ == "__main__":
    case_b()
    one_more_rule()
    response_adaptive()
