"""The law of a sum over cells in which patients are, and when all is known of them."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.parts import in_arms
from lupusim.planning.controls.sampled.samples import SampledLaw
from lupusim.planning.theory.sums import ComplexArray, step_slopes
from lupusim.trial import Endpoint, Trial


def due_at_looks(trial: Trial, endpoint: Endpoint) -> list[int | None]:
    """Return of how many patients, in their order, all is known at each look; None for chance."""
    due = due_time(trial, endpoint)
    return [look.patients_known(due, trial.n_patients) for look in trial.looks]


def due_time(trial: Trial, endpoint: Endpoint) -> float:
    """Return when all is known of a patient, study time (years)."""
    if endpoint.due_time is None:
        return trial.follow_up
    return min(endpoint.due_time + trial.visit_conduct.window, trial.follow_up)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellLaw:
    """The law of a sum over so many patients of each arm, in each of some enrollments."""

    arm: int  # that is compared with the control
    sample: SampledLaw
    adds: FloatArray  # of control and arm; (2, n_cells + 1)
    sizes: FloatArray  # patients of both; (n_draws, 2)

    @property
    def chance(self) -> FloatArray:
        """Chance of each cell, of control and arm; (2, n_cells + 1)."""
        return self.sample.chance[[0, self.arm]]

    def __call__(self, nodes: FloatArray) -> ComplexArray:
        """Return the logarithms of the characteristic functions, (n_draws, 2, n_nodes)."""
        return np.asarray(self.sizes[:, :, None] * np.log(self._of_one(nodes)))

    def _of_one(self, nodes: FloatArray) -> ComplexArray:
        return np.stack([c @ w for c, w in zip(self.chance, self._waves(nodes), strict=True)])

    def _waves(self, nodes: FloatArray) -> ComplexArray:
        return np.asarray(np.exp(1j * self.adds[:, :, None] * nodes))

    def slopes(self, nodes: FloatArray, thresholds: FloatArray, scale: float) -> FloatArray:
        """Return by how much the means of steps move with the chance of each cell.

        Returns
        -------
        (n_arms, n_cells + 1, n_steps) array
        """
        one = self._of_one(nodes)
        whole = np.exp(self(nodes).sum(axis=1))
        moved = (self.sizes[:, :, None] * whole[:, None]).mean(axis=0) / one
        of_pair = step_slopes(self._waves(nodes) * moved[:, None], nodes, thresholds, scale)
        return in_arms(of_pair, self.arm, len(self.sample.chance))

    def of_part(self, part: int, nodes: FloatArray, weights: ComplexArray) -> FloatArray:
        """Return by how much numbers move that hang on one part's law, as `StepSlopes` asks."""
        one, size = self._of_one(nodes)[part], self.sizes[:, part, None]
        moved = (size * np.exp(self(nodes)[:, part]))[:, :, None] * weights
        found = np.zeros((*self.sample.chance.shape, weights.shape[2]))
        of_part = self._waves(nodes)[part] @ (moved.mean(axis=0) / one[:, None])
        found[self.arm if part else 0] = of_part.real
        return found
