"""The likelihood of published counts, as residuals whose squares sum to the deviance."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from lupusim.calibration.estimation.cohorts import Cohort, joint_positions, make_cohort
from lupusim.calibration.estimation.contradictions import counted_twice, impossible_targets
from lupusim.calibration.estimation.joint_counts import deviance_residuals
from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.patients.contributions import PatientLikelihood
from lupusim.calibration.prediction.renewal import N_PANELS
from lupusim.calibration.prediction.stays import StayFamily
from lupusim.calibration.targets.counts import Measure, total_questions
from lupusim.calibration.targets.studies import Study, Target, model_lacks
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.errors import EvidenceError, Problem

_COARSE = 12  # panels
_STEP = 1e-5  # of central differences, on the free scale
_SMALLEST = 1e-12  # expected share below which a cell counts as impossible, but finitely so


Pairs: TypeAlias = tuple[tuple[Study, Target], ...]


def _fitted(studies: Sequence[Study], free_model: FreeModel) -> tuple[Pairs, Pairs]:
    """Return the targets to be fitted, and those whose events others of them count already."""
    fitted: list[tuple[Study, Target]] = []
    repeated: list[tuple[Study, Target]] = []
    for study in studies:
        chosen = study.chosen(free_model.target_set)
        twice = counted_twice(study, chosen, free_model.model)
        fitted += [(study, target) for target in chosen if target not in twice]
        repeated += [(study, target) for target in twice]
    return tuple(fitted), tuple(repeated)


class _Asked:
    """What some measures ask of a model, sorted once for all parameter vectors."""

    def __init__(self, free_model: FreeModel, measures: Sequence[Measure], n_panels: int) -> None:
        questions = total_questions(measures)
        at = {question: k for k, question in enumerate(questions)}
        self.family = StayFamily(free_model, questions, n_panels=n_panels)
        self.measures = [
            (one, [at[q] for q in one.questions], _SMALLEST * one.denominators) for one in measures
        ]

    def expected(self, free: FloatArray) -> FloatArray:
        """Return expected counts, (n, n_cells), at vectors of shape (n, n_parameters)."""
        answers = self.family.answers(free)
        cells = [
            np.maximum(measure.expected(answers[:, columns]), least)
            for measure, columns, least in self.measures
        ]
        return np.concatenate(cells, axis=-1)


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

    patients : sequence of PatientLikelihood
        Single patients, independent of all that is published.

    Raises
    ------
    EvidenceError
        If a target names a state that the model lacks, if no target is left to fit, or if the
        counts of a cohort contradict each other.
    """

    def __init__(
        self,
        free_model: FreeModel,
        studies: Sequence[Study],
        *,
        n_panels: int = N_PANELS,
        patients: Sequence[PatientLikelihood] = (),
    ) -> None:
        self.free_model = free_model
        self.studies = tuple(studies)
        self.n_panels = n_panels
        self.patients = tuple(patients)
        self._asked: dict[tuple[tuple[int, ...], int], _Asked] = {}
        chosen = free_model.target_set
        names = " + ".join(study.name for study in studies)
        if problems := model_lacks(studies, free_model.model):
            raise EvidenceError(names, problems)
        if not (self.patients or any(study.chosen(chosen) for study in studies)):
            fault = f"no target of the set {chosen!r} is there to be fitted"
            fix = "Name a study that has one, or change the model's 'target_set'."
            raise EvidenceError(names, [Problem(key="", fault=fault, fix=fix)])
        if problems := impossible_targets(studies, free_model.model, chosen):
            raise EvidenceError(names, problems)
        self.targets, self.repeated = _fitted(studies, free_model)
        self.checks: tuple[tuple[Study, Target], ...] = self.repeated + tuple(
            (study, target) for study in studies for target in study.left_out(chosen)
        )
        measures = [target.measure for _, target in self.targets]
        self.observed = np.concatenate([np.empty(0), *(m.observed for m in measures)])
        self.denominators = np.concatenate([np.empty(0), *(m.denominators for m in measures)])
        self.weights = np.concatenate(
            [np.empty(0), *(np.full(t.measure.observed.size, t.soft) for _, t in self.targets)]
        )
        self.is_poisson = np.concatenate(
            [np.empty(0, bool), *(np.full(m.observed.size, m.is_poisson) for m in measures)]
        )
        self.cohorts: tuple[Cohort, ...] = self._joined()
        self._alone, self._alone_ones = self._standing_alone()

    def _joined(self) -> tuple[Cohort, ...]:
        """Return the joint likelihoods of targets that count the same patients."""
        ends = np.cumsum([target.measure.observed.size for _, target in self.targets])
        cells = np.split(np.arange(self.observed.size), ends[:-1])
        made = (
            make_cohort(
                study,
                [self.targets[k][1] for k in positions],
                [self.observed[cells[k]] for k in positions],
                cells=[cells[k] for k in positions],
                free_model=self.free_model,
            )
            for study, positions in joint_positions(self.targets)
        )
        return tuple(cohort for cohort in made if cohort is not None)

    def _standing_alone(self) -> tuple[BoolArray, tuple[int, ...]]:
        """Return which cells are independent of all others, (n_cells,), and which targets."""
        alone = np.ones(self.observed.size, dtype=bool)
        for cohort in self.cohorts:
            alone[cohort.cells] = False
        ends = np.cumsum([target.measure.observed.size for _, target in self.targets], dtype=int)
        return alone, tuple(np.flatnonzero(alone[ends - 1]).tolist())

    @property
    def alone_targets(self) -> Pairs:
        """The targets that are independent of all others."""
        return tuple(self.targets[k] for k in self._alone_ones)

    def coarse(self) -> Likelihood:
        """Return the same likelihood on the coarsest grid: probabilities wrong by up to 1e-3."""
        coarse = copy.copy(self)
        coarse.n_panels = _COARSE
        coarse.cohorts = tuple(cohort.coarse() for cohort in self.cohorts)
        coarse.patients = tuple(patients.coarse() for patients in self.patients)
        return coarse

    def few(self) -> Likelihood | None:
        """Return the coarse likelihood with some of the patients; None where all cost little."""
        parts = [patients.few() for patients in self.patients]
        if all(part is None for part in parts):
            return None
        few = self.coarse()
        few.patients = tuple(p or q for p, q in zip(parts, few.patients, strict=True))
        return few

    def bent(self) -> Likelihood:
        """Return the likelihood that is bent alike: its single patients are those of the coarse."""
        bent = copy.copy(self)
        bent.patients = tuple(patients.coarse() for patients in self.patients)
        return bent

    def with_counts(self, observed: FloatArray) -> Likelihood:
        """Return the likelihood of other counts, (n_cells,), in the place of those published."""
        other = copy.copy(self)
        other.observed = observed
        other.cohorts = other._joined()
        other._alone, other._alone_ones = other._standing_alone()
        return other

    def expected(self, free: FloatArray) -> FloatArray:
        """Return expected counts, shape (n, n_cells), at vectors of shape (n, n_parameters)."""
        return self._expected(np.atleast_2d(free), tuple(range(len(self.targets))))

    def is_impossible(self, free: FloatArray) -> BoolArray:
        """Return at which vectors (n, n_parameters) something was seen that can't be; (n,)."""
        floor = self.expected(free) <= _SMALLEST * self.denominators * (1 + 1e-9)
        return np.asarray((floor & (self.observed > 0)).any(axis=-1))

    def expected_alone(self, free: FloatArray) -> FloatArray:
        """Return expected counts of the targets that stand alone; (n, n_cells of theirs)."""
        return self._expected(free, self._alone_ones)

    def _expected(self, free: FloatArray, ones: tuple[int, ...]) -> FloatArray:
        """Return expected counts of some targets, by position. SPEED: what they ask is kept."""
        if (ones, self.n_panels) not in self._asked:
            measures = [self.targets[k][1].measure for k in ones]
            self._asked[ones, self.n_panels] = _Asked(self.free_model, measures, self.n_panels)
        return self._asked[ones, self.n_panels].expected(free)

    def residuals(self, free: FloatArray) -> FloatArray:
        """Return weighted residuals; shape (n, n_residuals).

        Half the sum of their squares is minus the log likelihood up to a constant. Those of
        the misfit come first: deviance residuals of counts that stand alone, then those of
        cohorts.
        """
        fits, rests = self._parted(free)
        return np.concatenate([fits, rests], axis=-1)

    def _parted(self, free: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return residuals that measure a misfit, and those of cohorts that don't."""
        free, alone = np.atleast_2d(free), self._alone
        fits, rests = [np.empty((len(free), 0))], [np.empty((len(free), 0))]
        if alone.any():
            own = self.expected_alone(free)
            raw = deviance_residuals(self.observed[alone], own)
            fits.append(raw * np.sqrt(self.weights[alone]))
        for cohort in self.cohorts:
            own, rest = cohort.residuals(free)
            fits.append(own)
            rests.append(rest)
        return np.concatenate(fits, axis=-1), np.concatenate(rests, axis=-1)

    def misfit(self, free: FloatArray) -> FloatArray:
        """Return half the deviance: how far models are from expecting every count; shape (n,)."""
        return np.asarray(0.5 * (self._parted(free)[0] ** 2).sum(axis=-1))

    @property
    def saturated_alone(self) -> float:
        """The smallest that counts which stand alone could reach, without constants.

        For a multinomial it is minus the sum of ``n log(n / N)``.
        """
        n = self.observed
        share = np.where(self.is_poisson, n, n / self.denominators)
        logs = np.log(np.where(n > 0, share, 1.0))
        kernel = -n * logs + np.where(self.is_poisson, n, 0.0)
        return float((self.weights * kernel)[self._alone].sum())

    def negative_log_likelihood(self, free: FloatArray) -> FloatArray:
        """Return minus the log likelihood; shape (n,).

        Of counts that stand alone the kernel, of cohorts with all constants.
        """
        return self.height(self.residuals(free), self.of_patients(free))

    def height(self, residuals: FloatArray, of_patients: FloatArray) -> FloatArray:
        """Return minus the log likelihood where it has such parts, (n, ...) each; shape (n,)."""
        constant = self.saturated_alone + sum(cohort.constant for cohort in self.cohorts)
        published = constant + 0.5 * (residuals**2).sum(axis=-1)
        return np.asarray(published - of_patients.sum(axis=-1))

    def of_patients(self, free: FloatArray) -> FloatArray:
        """Return the log likelihood of each single patient; shape (n, n_patients)."""
        free = np.atleast_2d(free)
        found = [patients.contributions(free) for patients in self.patients]
        return np.concatenate([np.empty((len(free), 0)), *found], axis=1)

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

    def with_slopes(self, free: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the residuals at one vector and their derivatives, as :meth:`jacobian` has them.

        SPEED: in one stack, which costs little more than the residuals alone.
        """
        moves = np.eye(free.size) * _STEP
        points = np.concatenate([free[None], free + moves, free - moves])
        stacked = np.hstack([self.residuals(points), self.of_patients(points)])
        here, there = stacked[0], stacked[1:]
        return here, np.asarray((there[: free.size] - there[free.size :]).T / (2 * _STEP))

    def jacobian(self, free: FloatArray) -> FloatArray:
        """Return derivatives of the residuals at one vector; shape (n_residuals, n_parameters).

        Central differences. The scores of single patients follow: their squares, too, sum to an
        information.
        """
        return self.with_slopes(free)[1]
