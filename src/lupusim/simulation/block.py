"""One block of replicates: generate, cut, analyze, record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lupusim.common.arrays import FloatArray
from lupusim.common.compiled.choice import work_ahead
from lupusim.simulation.adaptation import rule_of
from lupusim.simulation.costs import with_cost
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.counted import counted
from lupusim.simulation.tally import Tally
from lupusim.trial import Trial

# SPEED: a block costs a millisecond by itself; beyond this, arrays leave the cache for good
# (benchmarks/cases.py: a fifth more trials a second than with a quarter of it).
PATIENTS_PER_BLOCK = 240_000


def replicates_per_block(n_patients: int) -> int:
    """Return how many replicates of a trial make a block."""
    return max(1, PATIENTS_PER_BLOCK // n_patients)


def simulate_block(trial: Trial, block: Block) -> Tally:
    """Return the sums over one block of simulated trials."""
    return Tally.of(simulate({"": trial}, block)[""])


def simulate(trials: Mapping[str, Trial], block: Block) -> dict[str, dict[str, FloatArray]]:
    """Return each quantity of every replicate, shape (n_replicates,) each, trial by trial.

    Patients are generated once and judged by the rules of each trial.

    Parameters
    ----------
    trials : mapping of str to Trial
        By name; all of one group (:func:`~lupusim.simulation.scoring.grouped`).
    block : Block
        Which replicates.
    """
    if len(trials) > 1:
        return followed(trials, block)[0]
    ((name, trial),) = trials.items()
    counts = counted(trial)
    if counts is None:
        return followed(trials, block)[0]
    work_ahead(block.n_replicates * trial.n_patients)
    return {name: counts.found(block)}


def followed(
    trials: Mapping[str, Trial], block: Block
) -> tuple[dict[str, dict[str, FloatArray]], Any]:
    """Return the same with the patients, as the rule of the trials follows them."""
    first = next(iter(trials.values()))
    work_ahead(block.n_replicates * first.n_patients)
    patients = rule_of(first).patients(tuple(trials.values()), block)
    found = {}
    for name, trial in trials.items():
        conducted = rule_of(trial).conduct(trial, block, patients)
        found[name] = with_cost(trial, *conducted, patients.ended)
    return found, patients
