"""Time the answers a planner waits for: sizes, assurance, what matters.

Run ``python benchmarks/planning.py``. One core, process CPU seconds; a line for each question.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from lupusim import load_scenario
from lupusim.planning.assurance.assurance import Assurance, Nesting, Worthwhile, assurance
from lupusim.planning.assurance.beliefs import Beliefs, ResponseGain
from lupusim.planning.assurance.effect_priors import NormalEffect, OrNoEffect
from lupusim.planning.runs.replicates import simulate_replicates
from lupusim.planning.sample_size.results import SampleSize
from lupusim.planning.sample_size.search import sample_size
from lupusim.planning.sensitivity.one_at_a_time import Measure, sensitivity
from lupusim.planning.sensitivity.sobol import sobol
from lupusim.scenario.files.what_if import what_if
from lupusim.simulation.generation.generation import Block

RATIO = "arms.experimental.effects.0.hazard_ratio"


def timed(what: str, call: Callable[[], object]) -> None:
    begin = time.process_time()
    answer = call()
    seconds = time.process_time() - begin
    print(f"{what:52s} {seconds:7.2f} s  {told(answer)}")


def told(answer: object) -> str:
    if isinstance(answer, SampleSize):
        limits = "{} to {}".format(*answer.interval)
        return f"{answer.n_patients} patients ({limits}), {answer.n_replicates:,} replicates"
    if isinstance(answer, Assurance):
        return ", ".join(f"{point.assurance.value:.3f}" for point in answer.points)
    return ""


def sizes() -> None:
    for name in ("phase2_remission_52w", "survival_200_events"):
        scenario = load_scenario(name)
        for power in (0.8, 0.9):
            question = f"size of {name}, power {power}"
            timed(question, lambda s=scenario, p=power: sample_size(s, p))


def beliefs() -> None:
    nesting = Nesting(worthwhile=Worthwhile(gain=ResponseGain(), at_least=0.1))
    phase2, survival = load_scenario("phase2_remission_52w"), load_scenario("survival_200_events")
    timed(
        "assurance of four sizes, point at no effect",
        lambda: assurance(phase2, effect_prior=OrNoEffect(probability=0.3), nesting=nesting),
    )
    prior = NormalEffect(mean=-0.36, sd=0.15)
    timed("assurance, 2,000 draws of a normal prior", lambda: assurance(survival, (), prior))


def what_matters() -> None:
    build = what_if("survival_200_events")
    ranges = {"dropout.per_year": (0.0, 0.3), RATIO: (0.6, 0.8)}
    timed("tornado of two numbers, 2,000 replicates", lambda: sensitivity(build, ranges))
    measure = Measure(n_replicates=500)
    timed("Sobol indices of two numbers, 48 designs", lambda: sobol(build, ranges, measure=measure))


def cost_of_a_draw() -> None:
    """Show why draws get ten replicates each, and alike draws share a block."""
    trial = load_scenario("survival_200_events").points[0].trial
    truth = Beliefs().truth(trial, 0, 0.9)
    for n_replicates in (1, 10, 100):

        def fifty(n: int = n_replicates) -> None:
            for number in range(50):
                simulate_replicates(truth, Block(seed=1, number=number, n_replicates=n))

        timed(f"50 blocks of {n_replicates} replicates", fifty)


def main() -> None:
    sizes()
    beliefs()
    what_matters()
    cost_of_a_draw()


if __name__ == "__main__":
    main()
