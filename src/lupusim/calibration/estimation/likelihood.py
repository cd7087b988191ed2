"""The likelihood of published counts, as residuals whose squares sum to the deviance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.prediction.renewal import N_PANELS
from lupusim.calibration.targets.counts import total_questions
from lupusim.calibration.targets.repeated_looks import Block, joint_studies, make_block
from lupusim.calibration.targets.studies import Role, Study, Target, model_lacks
from lupusim.errors import EvidenceError, Problem

_COARSE = 12  # panels
_SMALLEST = 1e-12  # expected share below which a cell counts as impossible, but finitely so


def deviance_residuals(observed: FloatArray, expected: FloatArray) -> FloatArray:
    r"""Return signed roots of :math:`2 (n \log(n / \mu) - n + \mu)`; shape of `expected`.

    Near :math:`\mu = n` the root is taken of a series, because the difference of the two
    sides would lose half of the digits just where the search ends.
    """
    n = np.broadcast_to(observed, expected.shape)
    safe = np.where(n > 0, n, 1.0)
    gap = (expected - n) / safe
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = np.sqrt(np.maximum(2 * safe * (gap - np.log1p(gap)), 0.0))
    series = np.sqrt(safe) * np.abs(gap) * np.sqrt(1 - gap * 2 / 3 + gap**2 / 2)
    some = np.where(np.abs(gap) < 1e-3, series, exact) * np.sign(gap)
    return np.asarray(np.where(n > 0, some, np.sqrt(2 * np.maximum(expected, 0.0))))


class Likelihood:
    """How probable the targets are, as a function of the free parameters.

    Parameters
    ----------
    free_model : FreeModel
        The model, its free parameters and the name of its target set.
    studies : sequence of Study
        Where the targets are.
    n_panels : int
        Grid of the renewal equations, where hazards run on time in state.
    blocks : sequence of Block
        Cells of the same patients, with their covariance; the others are independent.

    Raises
    ------
    EvidenceError
        If a target names a state that the model lacks, or if no target is left to fit.
    """

    def __init__(
        self,
        free_model: FreeModel,
        studies: Sequence[Study],
        *,
        n_panels: int = N_PANELS,
        blocks: Sequence[Block] = (),
    ) -> None:
        self.free_model = free_model
        self.studies = tuple(studies)
        self.n_panels = n_panels
        self.blocks = tuple(blocks)
        chosen = free_model.target_set
        names = " + ".join(study.name for study in studies)
        if problems := model_lacks(studies, free_model.model, chosen):
            raise EvidenceError(names, problems)
        self.targets: tuple[tuple[Study, Target], ...] = tuple(
            (study, target) for study in studies for target in study.chosen(chosen)
        )
        if not self.targets:
            fault = f"no target of the set {chosen!r} is there to be fitted"
            fix = "Name a study that has one, or change the model's 'target_set'."
            raise EvidenceError(names, [Problem(key="", fault=fault, fix=fix)])
        self.checks: tuple[tuple[Study, Target], ...] = tuple(
            (study, target) for study in studies for target in study.chosen(chosen, Role.CHECK)
        )
        measures = [target.measure for _, target in self.targets]
        self.family = Family(free_model, total_questions(measures), n_panels=n_panels)
        index = {question: k for k, question in enumerate(self.family.questions)}
        self._columns = [[index[q] for q in measure.questions] for measure in measures]
        self.observed = np.concatenate([np.empty(0), *(m.observed for m in measures)])
        self.denominators = np.concatenate([np.empty(0), *(m.denominators for m in measures)])
        self.weights = np.concatenate(
            [np.empty(0), *(np.full(t.measure.observed.size, t.soft) for _, t in self.targets)]
        )
        self._alone = np.ones(self.observed.size, dtype=bool)
        for block in self.blocks:
            self._alone[block.cells] = False
        self.is_poisson = np.concatenate(
            [np.empty(0, bool), *(np.full(m.observed.size, m.is_poisson) for m in measures)]
        )

    def coarse(self) -> Likelihood:
        """Return the same likelihood on the coarsest grid: probabilities wrong by up to 1e-3."""
        return Likelihood(self.free_model, self.studies, n_panels=_COARSE, blocks=self.blocks)

    def joined(self, free: FloatArray, *, seed: int) -> Likelihood:
        """Return the likelihood in which targets of the same patients are joint.

        Parameters
        ----------
        free : (n_parameters,) array
            A first fit, at which patients are simulated.
        seed : int
            Names their stream.
        """
        ends = np.cumsum([target.measure.observed.size for _, target in self.targets])
        cells = np.split(np.arange(self.observed.size), ends[:-1])
        model = self.free_model.model_at(free)
        blocks = [
            make_block(
                study,
                [self.targets[k][1] for k in positions],
                [cells[k] for k in positions],
                model=model,
                seed=seed,
            )
            for study, positions in joint_studies(self.targets)
        ]
        return Likelihood(self.free_model, self.studies, n_panels=self.n_panels, blocks=blocks)

    def expected(self, free: FloatArray) -> FloatArray:
        """Return expected counts, shape (n, n_cells), at vectors of shape (n, n_parameters)."""
        answers = self.family.answers(np.atleast_2d(free))
        cells = [
            target.measure.expected(answers[:, columns])
            for (_, target), columns in zip(self.targets, self._columns, strict=True)
        ]
        expected = np.concatenate(cells, axis=-1)
        return np.maximum(expected, _SMALLEST * self.denominators)

    def residuals(self, free: FloatArray) -> FloatArray:
        """Return weighted deviance residuals; shape (n, n_cells).

        Half the sum of their squares is the distance of the negative log likelihood from
        the smallest value that any model could reach.
        """
        expected = self.expected(free)
        alone = self._alone
        raw = deviance_residuals(self.observed[alone], expected[:, alone])
        joint = [
            (expected[:, block.cells] - self.observed[block.cells]) @ block.whitening.T
            for block in self.blocks
        ]
        return np.concatenate([raw * np.sqrt(self.weights[alone]), *joint], axis=-1)

    @property
    def saturated(self) -> float:
        """The smallest negative log likelihood that any model could reach, without constants.

        For a multinomial it is minus the sum of ``n log(n / N)``; joint blocks, being normal,
        add nothing.
        """
        n = self.observed
        share = np.where(self.is_poisson, n, n / self.denominators)
        logs = np.log(np.where(n > 0, share, 1.0))
        kernel = -n * logs + np.where(self.is_poisson, n, 0.0)
        return float((self.weights * kernel)[self._alone].sum())

    def negative_log_likelihood(self, free: FloatArray) -> FloatArray:
        """Return the kernel of minus the log likelihood; shape (n,)."""
        return np.asarray(self.saturated + 0.5 * (self.residuals(free) ** 2).sum(axis=-1))

    def log_prior(self, free: FloatArray) -> FloatArray:
        """Return the log density of the prior without its constant; shape (n,)."""
        distance = (np.atleast_2d(free) - self.free_model.prior_mean) / self.free_model.prior_sd
        return np.asarray(-0.5 * (distance**2).sum(axis=-1))

    def log_posterior(self, free: FloatArray) -> FloatArray:
        """Return the log density of the posterior without its constant; shape (n,).

        Parameters
        ----------
        free : (n, n_parameters) array
            Vectors on the unbounded scales; ``-inf`` beyond the bounds of the search.
        """
        low, high = self.free_model.bounds.T
        inside = np.all((free >= low) & (free <= high), axis=1)
        heights = np.full(len(free), -np.inf)
        if inside.any():
            within = free[inside]
            heights[inside] = self.log_prior(within) - self.negative_log_likelihood(within)
        return heights

    def jacobian(self, free: FloatArray, *, step: float = 1e-5) -> FloatArray:
        """Return derivatives of the residuals at one vector; shape (n_cells, n_parameters).

        Central differences; all vectors are answered in one stack.
        """
        moves = np.eye(free.size) * step
        stacked = self.residuals(np.concatenate([free + moves, free - moves]))
        return np.asarray((stacked[: free.size] - stacked[free.size :]).T / (2 * step))
