"""One block of replicates: generate, cut, analyze, record."""

from __future__ import annotations

from lupusim.arrays import FloatArray
from lupusim.planning.adaptation import adapt, potential
from lupusim.planning.adaptation_size import hold_resized
from lupusim.planning.families import hold_family
from lupusim.planning.generation import Block, Generated, generate
from lupusim.planning.observing import analyze, conduct, cut, decision
from lupusim.planning.sequential import hold_looks
from lupusim.planning.tally import Tally
from lupusim.planning.truth import accuracy
from lupusim.trial import Trial
from lupusim.trial.rules_adaptive import BayesianResponse

# SPEED: a block costs a millisecond by itself; beyond this, arrays leave the cache for good
# (benchmarks/cases.py: a fifth more trials a second than with a quarter of it).
PATIENTS_PER_BLOCK = 240_000


def replicates_per_block(n_patients: int) -> int:
    """Return how many replicates of a trial make a block."""
    return max(1, PATIENTS_PER_BLOCK // n_patients)


def simulate_block(trial: Trial, block: Block) -> Tally:
    """Return the sums over one block of simulated trials."""
    if isinstance(trial.adaptation, BayesianResponse):
        return Tally.of(adapt(trial, potential(trial, block)))
    return score(trial, generate(trial, block))


def score(trial: Trial, generated: Generated) -> Tally:
    """Cut, analyze and record trials that were generated for this design or one like it."""
    quantities = measured(trial, generated)
    if (screened := generated.patients.screened) is not None:
        quantities |= screened.quantities(trial.n_patients)
    return Tally.of(quantities)


def measured(trial: Trial, generated: Generated) -> dict[str, FloatArray]:
    """Return each quantity of every replicate, shape (n_replicates,) each."""
    if trial.adaptation is not None:
        return hold_resized(trial, generated)
    if trial.family is not None:
        return hold_family(trial, generated)
    return hold_looks(trial, generated) if trial.interims else _fixed(trial, generated)


def _fixed(trial: Trial, generated: Generated) -> dict[str, FloatArray]:
    """Return what the single look of a fixed design shows."""
    observation = cut(generated, trial.cutoff)
    outcomes = [measurement.outcome(observation) for measurement in generated.measurements]
    quantities = conduct(trial, observation, outcomes)
    if trial.analysis is not None:
        sided = trial.analysis.sided
        verdict = analyze(trial, trial.analysis, observation, outcomes[0], sided=sided)
        quantities |= decision(verdict.p_value <= trial.analysis.alpha, verdict)
        quantities |= accuracy(trial, verdict)
    return quantities
