"""One simulation, many rules: patients are generated once and judged by any number of rules.

Rules may differ in looks, bounds, tests and levels. Their differences are paired: both rules
see the same patients, so a difference is known far better than either power.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass, remembered
from lupusim.simulation.block import followed
from lupusim.simulation.controls import Control
from lupusim.simulation.fingerprint import content_hash
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.tally import Tally
from lupusim.trial import Trial
from lupusim.trial.population.covariates import WEIGHT

COMPARED = ("reject", "n_enrolled", "duration", "cost")
"""Quantities whose differences between rules are kept."""
_NONE: Mapping[str, Control] = MappingProxyType({})
_RULES = {"cutoff", "interims", "stopping", "analysis", "family", "adaptation", "costs"}


@remembered(64)
def generation_hash(trial: Trial) -> str:
    """Return a content hash of all that the patients of a trial depend on.

    Trials with the same hash generate the same patients from the same block, and can be judged
    together: only looks, bounds, tests, levels and rules for the size are left out. Whatever
    else a trial has is not known to be a rule, and so is not left out.

    Where the rule chooses each patient's arm, patients are followed on every arm, up to the
    looks: such trials share with their like alone, and only if they look at the same times.
    """
    names = trial.__dataclass_fields__.keys() - _RULES
    parts = [getattr(trial, name) for name in sorted(names)]
    parts.append(WEIGHT in trial.numbers_needed)  # drawn only where it is asked for
    return content_hash(*trial.rule.generation(trial), *parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two trials that share their patients, compared replicate by replicate."""

    later: str
    first: str
    """`later` and `first`: fingerprints of the trials; differences are later minus first."""

    @property
    def key(self) -> str:
        """How sums of the differences are named."""
        return f"{self.later} - {self.first}"


def score_block(
    trials: Mapping[str, Trial],
    pairs: Sequence[Pair],
    block: Block,
    controls: Mapping[str, Control] = _NONE,
) -> dict[str, Tally]:
    """Generate one block; return the sums of each trial, and of the differences of each pair.

    Parameters
    ----------
    trials : mapping of str to Trial
        Of one group, by fingerprint.
    pairs : sequence of Pair
        Among them.
    block : Block
        Which replicates.
    controls : mapping of str to Control
        Control variates of those trials that have some.
    """
    found, patients = followed(trials, block)
    tallies = {name: Tally.of(quantities) for name, quantities in found.items()}
    for name, control in controls.items():
        tallies[name].moments = control.moments(found[name]["reject"], patients.generated)
    for pair in pairs:
        tallies[pair.key] = Tally.of(differences(found[pair.later], found[pair.first]))
    return tallies


@dataclass(frozen=True, slots=True, kw_only=True)
class Controlled:
    """Makes the sums of a block of one trial, with those of its control variates."""

    control: Control  # of the trial

    def __call__(self, trial: Trial, block: Block) -> Tally:
        """Return the sums over one block of simulated trials."""
        return score_block({"": trial}, (), block, {"": self.control})[""]


def differences(
    later: Mapping[str, FloatArray], first: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Return the differences between the replicates of two trials, of what is compared."""
    return {
        f"{name}_difference": later[name] - first[name]
        for name in COMPARED
        if name in later and name in first
    }
