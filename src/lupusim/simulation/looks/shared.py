"""What a block of trials shows to several rules: held once, judged by each."""

from __future__ import annotations

from dataclasses import replace

from lupusim.common.arrays import FloatArray
from lupusim.simulation.fingerprint import content_hash
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.cutoffs import analyze, conduct, cut
from lupusim.simulation.looks.look_statistics import Held, Looks, Remembered
from lupusim.trial import Trial, Verdict

_ANY_LEVEL = 0.5
Shown = tuple[dict[str, FloatArray], Verdict | None]
"""What the single look of a fixed design shows, and what its test says."""


def fixed_look(trial: Trial, generated: Generated) -> Shown:
    """Hold the single look of a fixed design."""
    observation = cut(generated, trial.cutoff)
    outcomes = [measurement.outcome(observation) for measurement in generated.measurements]
    quantities = conduct(trial, observation, outcomes)
    if trial.analysis is None:
        return quantities, None
    sided = trial.analysis.sided
    return quantities, analyze(trial, trial.analysis, observation, outcomes[0], sided=sided)


class Alone:
    """Looks that one rule judges."""

    def __init__(self, generated: Generated) -> None:
        self.generated = generated

    def looks(self, trial: Trial) -> Looks:
        """Return the looks of a sequential trial."""
        return Held(trial, self.generated)

    def of_family(self, trial: Trial) -> Looks:
        """Return the looks of a trial with several hypotheses."""
        return Held(trial, self.generated)

    def fixed(self, trial: Trial) -> Shown:
        """Return the single look of a fixed design."""
        return fixed_look(trial, self.generated)


class Shared(Alone):
    """Looks that several rules judge: what they have in common is computed once."""

    def __init__(self, generated: Generated) -> None:
        super().__init__(generated)
        self._looks: dict[str, Looks] = {}
        self._of_family: dict[str, Looks] = {}
        self._fixed: dict[str, Shown] = {}

    def looks(self, trial: Trial) -> Looks:
        """Return the looks of a sequential trial."""
        key = _look_hash(trial)
        if key not in self._looks:
            self._looks[key] = Remembered(trial, self.generated)
        return self._looks[key]

    def of_family(self, trial: Trial) -> Looks:
        """Return the looks of a trial with several hypotheses."""
        key = _look_hash(trial)
        if key not in self._of_family:
            self._of_family[key] = super().of_family(trial)
        return self._of_family[key]

    def fixed(self, trial: Trial) -> Shown:
        """Return the single look of a fixed design."""
        key = _look_hash(trial)
        if key not in self._fixed:
            self._fixed[key] = super().fixed(trial)
        quantities, verdict = self._fixed[key]
        return dict(quantities), verdict


def _look_hash(trial: Trial) -> str:
    """Return a content hash of all that the looks show, whoever judges them."""
    test = replace(trial.analysis, alpha=_ANY_LEVEL, truth=None) if trial.analysis else None
    others = trial.family.hypotheses if trial.family else ()
    return content_hash(trial.looks, test, others)
