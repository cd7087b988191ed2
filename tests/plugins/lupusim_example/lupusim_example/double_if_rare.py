"""An adaptation: twice the patients where, of all arms together, few respond."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.common.arrays import FloatArray
from lupusim.errors import Problem
from lupusim.simulation.adaptation.sample_size import Resizes, size_problems
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.looks.look_statistics import LookStatistics
from lupusim.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleIfRare(Resizes):
    """Double the size at the last interim look if the rate of all arms is below `rate`."""

    rate: float

    def problems(self, trial: Trial) -> Iterator[Problem]:
        """Yield what is wrong with the rule in a trial."""
        yield from size_problems(trial, self.planned)
        if trial.primary.due_time is None or trial.primary.outcome is not BinaryOutcome:
            fault = "the rate of all arms needs a response at a study time"
            yield Problem(key="adaptation.kind", fault=fault, fix="Use another endpoint.")

    def wanted(
        self,
        trial: Trial,
        generated: Generated,
        seen: LookStatistics,
        planned: tuple[FloatArray, FloatArray],
    ) -> FloatArray:
        """Return the size, (n_replicates,)."""
        del trial, planned
        outcome = generated.measurements[0].outcome(observed(generated, seen.cutoff[:, -2]))
        known = np.maximum(outcome.included.sum(axis=1), 1)
        rate = (outcome.response & outcome.included).sum(axis=1) / known
        return np.where(rate < self.rate, 2.0 * self.planned, 1.0 * self.planned)

    def last_z(
        self, seen: LookStatistics, final: LookStatistics, fraction: FloatArray
    ) -> FloatArray:
        """Return z of the last look, of all patients alike: the size knew of no arm."""
        del seen, fraction
        return np.asarray(final.z[:, -1])
