"""Trials with a supply: the price of dealing out doses, and of everybody's own infusion times.

Run ``python benchmarks/supply.py``. One core, process CPU seconds, the best of several repeats.
"""

from __future__ import annotations

from dataclasses import replace
from time import process_time

from lupusim import load_scenario
from lupusim.model import TreatmentEffect
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation import treatment as treating
from lupusim.simulation.generation.generation import Block
from lupusim.trial import Arm, Infusions, Trial

REPEATS = 3
N_REPLICATES = 2000
FADING = TreatmentEffect(
    on=(("active", "response"),), hazard_ratio=6.0, lasts=0.2, half_life=0.1
)  # 26 pieces for each infusion


def trials_a_second(trial: Trial) -> float:
    """Return the speed on the best of several repeats."""
    best = float("inf")
    for number in range(REPEATS):
        begin = process_time()
        simulate_block(trial, Block(seed=1, number=number, n_replicates=N_REPLICATES))
        best = min(best, process_time() - begin)
    return N_REPLICATES / best


def twice(arm: Arm) -> Arm:
    """Return an arm of two infusions whose effect fades."""
    infusions = Infusions(cells_per_kg=1e6, at=(0.0, 0.1))
    return replace(arm, infusions=infusions, effects=(FADING,))


def main() -> None:
    scarce = replace(load_scenario("supply_stress").points[-1].trial, n_patients=120)
    plain = replace(scarce, supply=None)
    fading = replace(scarce, arms=(scarce.arms[0], twice(scarce.arms[1])))
    print("supply_stress, 120 patients, lots of two, 27 % fail")
    print(f"  without a supply {trials_a_second(plain):8,.0f} trials/s")
    print(f"  with it          {trials_a_second(scarce):8,.0f} trials/s")
    print("two infusions, an effect of 26 pieces; breaks of all patients followed together")
    for treating._BREAKS_AT_ONCE in (50_000, 100_000, 200_000, 400_000, 1_000_000):
        print(f"  {treating._BREAKS_AT_ONCE:9,} {trials_a_second(fading):8,.0f} trials/s")


if __name__ == "__main__":
    main()
