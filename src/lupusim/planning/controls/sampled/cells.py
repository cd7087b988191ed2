"""The law of a sum over cells in which patients are, and when all is known of them."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
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
    """The law of a sum over so many patients of each kind, in each of some enrollments."""

    rows: IntArray  # of a sample: kinds of patients on the control, and on the arm; (2, n_kinds)
    sample: SampledLaw
    adds: FloatArray  # of these kinds; (2, n_kinds, n_cells + 1)
    sizes: FloatArray  # patients of each; (n_draws, 2, n_kinds)

    def variances(self) -> FloatArray:
        """Return the variance of what patients of control and arm add, each of mean 0; (2,)."""
        squares = (self.sample.chance[self.rows] * self.adds**2).sum(axis=2)
        return np.asarray((self.sizes.mean(axis=0) * squares).sum(axis=1))

    def __call__(self, nodes: FloatArray) -> ComplexArray:
        """Return the logarithms of the characteristic functions, (n_draws, 2, n_nodes)."""
        one = np.log(self._of_one(self._waves(nodes)))
        return np.asarray(np.einsum("dak,akn->dan", self.sizes, one))

    def _of_one(self, waves: ComplexArray) -> ComplexArray:
        return np.asarray((self.sample.chance[self.rows][:, :, None] @ waves)[:, :, 0])

    def _waves(self, nodes: FloatArray) -> ComplexArray:
        return np.asarray(np.exp(1j * self.adds[..., None] * nodes))

    def slopes(self, nodes: FloatArray, thresholds: FloatArray, scale: float) -> FloatArray:
        """Return by how much the means of steps move with the chance of each cell.

        Returns
        -------
        (n_rows, n_cells + 1, n_steps) array
        """
        waves, whole = self._waves(nodes), np.exp(self(nodes).sum(axis=1))
        moved = np.einsum("dak,dn->akn", self.sizes, whole) / len(whole) / self._of_one(waves)
        return self._in_rows(step_slopes(waves * moved[:, :, None], nodes, thresholds, scale))

    def of_part(self, part: int, nodes: FloatArray, weights: ComplexArray) -> FloatArray:
        """Return by how much numbers move that hang on one part's law, as `StepSlopes` asks."""
        waves, whole = self._waves(nodes), np.exp(self(nodes)[:, part])
        by_kind = np.einsum("dk,dn,dnm->knm", self.sizes[:, part], whole, weights) / len(whole)
        of_part = waves[part] @ (by_kind / self._of_one(waves)[part][:, :, None])
        found = np.zeros((2, *of_part.shape))
        found[part] = of_part.real
        return self._in_rows(found)

    def _in_rows(self, of_kinds: FloatArray) -> FloatArray:
        found = np.zeros((*self.sample.chance.shape, of_kinds.shape[-1]))
        found[self.rows] = of_kinds
        return found


def of_arms(arm: int, sample: SampledLaw, adds: FloatArray, sizes: FloatArray) -> CellLaw:
    """Return the law where patients of an arm are of one kind.

    Parameters
    ----------
    arm : int
        That is compared with the control.
    sample : SampledLaw
        By arm.
    adds, sizes : (2, n_cells + 1), (n_draws, 2) arrays
        What patients of control and arm add, and how many there are.
    """
    rows = np.array([[0], [arm]])
    return CellLaw(rows=rows, sample=sample, adds=adds[:, None], sizes=sizes[:, :, None])
