r"""One cohort seen several times is not several cohorts.

Counts of the same patients at several times, or of several events, hang together: treated
as independent they make standard errors 1.3 to 1.8 times too small. Here the covariance of
all counts of a cohort is taken from simulated patients at a first fit, and the likelihood
of these counts becomes normal with that covariance (generalized least squares; Liang and
Zeger 1986, Biometrika 73:13-22).

With x the yes-or-no answers of one patient to all questions, V their covariance, and
:math:`G_a` the slopes of the expected counts of target a, of :math:`n_a` patients,

.. math:: \operatorname{cov}(y_a, y_b) = G_a V G_b^T / \max(n_a, n_b),

since the smaller group is a part of the larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lupusim.arrays import FloatArray, IntArray
from lupusim.calibration.targets.counts import EverCount, Measure, OccupancyCounts, total_questions
from lupusim.calibration.targets.questions import EverAfter, EverIn, InStates, Question
from lupusim.calibration.targets.studies import Study, Target
from lupusim.calibration.targets.times import MedianTime, SurvivalCurve
from lupusim.engines.vector import simulate
from lupusim.model import MultiStateModel
from lupusim.records import Cohort, FirstEntry, StateAt
from lupusim.rng import stream

_N_PATIENTS = 40_000  # the covariance is then known to half a percent
_STEP = 1e-6
_SMALLEST = 1e-7  # of the largest eigenvalue: counts that sum to n leave one of them zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Cells of one cohort, and what turns their misfits into independent standard normals.

    Parameters
    ----------
    cells : (n_cells,) integer array
        Positions among all cells of the likelihood.
    whitening : (n_residuals, n_cells) array
        Its product with itself is the inverse covariance.
    """

    cells: IntArray
    whitening: FloatArray


def joint_studies(
    targets: Sequence[tuple[Study, Target]],
) -> list[tuple[Study, list[int]]]:
    """Return the studies that see the same patients in several targets, with their positions."""
    positions: dict[str, list[int]] = {}
    studies: dict[str, Study] = {}
    for k, (study, target) in enumerate(targets):
        if study.cohort == "one cohort" and not target.measure.is_poisson:
            positions.setdefault(study.name, []).append(k)
            studies[study.name] = study
    return [(studies[name], ks) for name, ks in positions.items() if len(ks) > 1]


def make_block(
    study: Study,
    targets: Sequence[Target],
    cells: Sequence[IntArray],
    *,
    model: MultiStateModel,
    seed: int,
) -> Block:
    """Return the block of a study's targets.

    Parameters
    ----------
    study : Study
        Whose patients they are.
    targets : sequence of Target
        Of that study.
    cells : sequence of integer arrays
        Positions of each target's cells among all.
    model : MultiStateModel
        At a first fit; its patients are simulated.
    seed : int
        Names their stream.
    """
    questions = total_questions([target.measure for target in targets])
    index = {question: k for k, question in enumerate(questions)}
    known = answers_of_patients(model, questions, n_patients=_N_PATIENTS, seed=seed)
    mean, spread = known.mean(axis=0), np.atleast_2d(np.cov(known, rowvar=False))
    slopes = []
    for target in targets:
        slope = np.zeros((target.measure.observed.size, len(questions)))
        columns = [index[question] for question in target.measure.questions]
        slope[:, columns] = _slopes(target.measure, mean[columns])
        slopes.append(slope)
    sizes = [_patients(study, target.measure) for target in targets]
    softness = [target.soft for target in targets]
    covariance = np.block(
        [
            [
                slopes[a] @ spread @ slopes[b].T / (max(sizes[a], sizes[b]) * weight)
                for b, weight in enumerate(np.sqrt(softness[a] * np.array(softness)))
            ]
            for a in range(len(targets))
        ]
    )
    return Block(cells=np.concatenate(cells), whitening=whitening(covariance))


def whitening(covariance: FloatArray) -> FloatArray:
    """Return a matrix whose product with itself is the (generalized) inverse of another."""
    eigenvalues, directions = np.linalg.eigh(covariance)
    kept = eigenvalues > _SMALLEST * eigenvalues[-1]
    return np.asarray(directions[:, kept].T / np.sqrt(eigenvalues[kept])[:, None])


def answers_of_patients(
    model: MultiStateModel, questions: Sequence[Question], *, n_patients: int, seed: int
) -> FloatArray:
    """Return each simulated patient's answers, 1 for yes; shape (n_patients, n_questions).

    Raises
    ------
    ValueError
        If a question has no yes-or-no answer.
    """
    times = sorted({question.time for question in questions})
    states = StateAt(times, n_patients)
    entries: dict[Question, FirstEntry] = {}
    recorders: list[StateAt | FirstEntry] = [states]
    for question in questions:
        if isinstance(question, EverIn | EverAfter):
            made = _listeners(model, question, n_patients)
            recorders += made
            entries[question] = made[-1]
    simulate(
        model,
        Cohort(n_patients=n_patients),
        horizon=times[-1],
        recorders=recorders,
        rng=stream(seed, "calibration", "cohort"),
    )
    columns = [_column(model, question, states, entries) for question in questions]
    return np.stack(columns, axis=-1)


def _listeners(
    model: MultiStateModel, question: EverIn | EverAfter, n_patients: int
) -> list[FirstEntry]:
    if isinstance(question, EverIn):
        return [FirstEntry(map(model.index, question.states), n_patients)]
    first = FirstEntry(map(model.index, question.first), n_patients)
    return [first, FirstEntry(map(model.index, question.then), n_patients, after=first)]


def _column(
    model: MultiStateModel,
    question: Question,
    states: StateAt,
    entries: dict[Question, FirstEntry],
) -> FloatArray:
    if question in entries:
        return np.asarray(entries[question].time <= question.time, dtype=float)
    if not isinstance(question, InStates):
        raise ValueError(f"{question!r} has no yes-or-no answer. Give the study no joint targets")
    there = states.states[np.searchsorted(states.times, question.time)]
    return np.isin(there, [model.index(state) for state in question.states]).astype(float)


def _slopes(measure: Measure, mean: FloatArray) -> FloatArray:
    """Return derivatives of expected counts by the answers; (n_cells, n_questions)."""
    moves = np.eye(mean.size) * _STEP
    return np.asarray((measure.expected(mean + moves) - measure.expected(mean - moves)).T) / (
        2 * _STEP
    )


def _patients(study: Study, measure: Measure) -> float:
    """Return how many patients stand behind a measure: its own, or the study's if conditional."""
    match measure:
        case OccupancyCounts(outside=()) | EverCount(among=(), now=None) | MedianTime(by=None):
            return float(measure.n)
        case SurvivalCurve():
            return float(measure.at_risk[0])
        case _:
            return float(study.n_patients)
