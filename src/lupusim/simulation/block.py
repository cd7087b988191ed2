"""One block of replicates: generate, cut, analyze, record."""

from __future__ import annotations

from collections.abc import Mapping

from lupusim.arrays import FloatArray
from lupusim.simulation.adaptation.arm_selection import longer_selection, select
from lupusim.simulation.adaptation.enrichment import enrich, longer_enrichment
from lupusim.simulation.adaptation.gate import hold_gate
from lupusim.simulation.adaptation.resizing import hold_resized
from lupusim.simulation.adaptation.response_adaptive import adapt, potential
from lupusim.simulation.costs import deaths, with_cost
from lupusim.simulation.generation.generation import Block, Generated, generate
from lupusim.simulation.looks.cutoffs import decision
from lupusim.simulation.looks.group_sequential import hold_looks
from lupusim.simulation.looks.multiplicity import hold_family
from lupusim.simulation.looks.shared import Alone, Shared, Shown
from lupusim.simulation.tally import Tally
from lupusim.simulation.totals import with_totals
from lupusim.simulation.true_effect import accuracy
from lupusim.trial import Trial
from lupusim.trial.adaptation.ongoing import BayesianResponse
from lupusim.trial.adaptation.two_stage import Enrichment, Gate, SelectArms

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
    first = next(iter(trials.values()))
    if isinstance(first.adaptation, BayesianResponse):
        patients = potential(first, block)
        return {name: with_cost(t, adapt(t, patients)) for name, t in trials.items()}
    if isinstance(first.adaptation, SelectArms | Enrichment):
        return {name: _staged(trial, block) for name, trial in trials.items()}
    ended = deaths(list(trials.values()), block.n_replicates * first.n_patients)
    generated = generate(first, block, listeners=ended)
    shown = Alone(generated) if len(trials) == 1 else Shared(generated)
    found = {}
    for name, trial in trials.items():
        known = with_totals(trial, generated, measured(trial, generated, shown))
        found[name] = with_cost(trial, known, generated, ended)
    return found


def _staged(trial: Trial, block: Block) -> dict[str, FloatArray]:
    """Return the quantities of trials whose further patients depend on an interim look."""
    selects = isinstance(trial.adaptation, SelectArms)
    everybody = longer_selection(trial) if selects else longer_enrichment(trial, block)
    ended = deaths([trial], block.n_replicates * everybody.n_patients)
    generated = generate(everybody, block, listeners=ended)
    stages, found = select(trial, block, generated) if selects else enrich(trial, generated)
    return with_cost(trial, found, stages.generated, ended)


def measured(
    trial: Trial, generated: Generated, shown: Alone | None = None
) -> dict[str, FloatArray]:
    """Return each quantity of every replicate, shape (n_replicates,) each.

    Parameters
    ----------
    trial : Trial
        Its rules.
    generated : Generated
        The patients.
    shown : Alone or None
        What the looks show, where other rules judge them too.
    """
    shown = Alone(generated) if shown is None else shown
    if isinstance(trial.adaptation, Gate):
        return hold_gate(trial, generated)
    if trial.adaptation is not None:
        return hold_resized(trial, generated)
    if trial.family is not None:
        return hold_family(trial, generated, shown.of_family(trial))
    if trial.interims:
        return hold_looks(trial, generated, shown.looks(trial))
    return _decided(trial, shown.fixed(trial))


def _decided(trial: Trial, shown: Shown) -> dict[str, FloatArray]:
    """Return what a fixed design decides at its single look."""
    quantities, verdict = shown
    if trial.analysis is not None and verdict is not None:
        quantities |= decision(verdict.p_value <= trial.analysis.alpha, verdict)
        quantities |= accuracy(trial, verdict)
    return quantities
