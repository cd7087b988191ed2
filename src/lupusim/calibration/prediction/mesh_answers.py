"""Answers by marching over a mesh: for any model, with hazards on any clock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.calibration.prediction.enlarged_chain import Chain, chain_groups
from lupusim.calibration.prediction.mesh import N_PANELS, course, make_kernels, mesh_edges
from lupusim.calibration.targets.questions import Question
from lupusim.common.arrays import FloatArray
from lupusim.model import Hazard, MultiStateModel


def answer_on_mesh(
    model: MultiStateModel,
    questions: Sequence[Question],
    hazards: Sequence[Sequence[Hazard]],
    *,
    ratios: FloatArray,
    shares: FloatArray,
    n_panels: int = N_PANELS,
) -> FloatArray:
    """Return the answers of models that differ in their numbers only.

    Parameters
    ----------
    model : MultiStateModel
        States, transitions, starts.
    questions : sequence of Question
        What to answer.
    hazards : sequence, a transition each, of sequences of Hazard
        One for each model, or one for all.
    ratios : (n_models, n_classes, n_transitions) array
        What multiplies the hazards.
    shares : (n_models, n_classes) array
        Probabilities of the classes.
    n_panels : int
        Of the coarser of two meshes; most of its error is taken away by the finer one, so
        that probabilities are right to about 1e-4.

    Returns
    -------
    (n_models, n_questions) array
        Probabilities, numbers of moves, or years.
    """
    answers = np.empty((len(shares), len(questions)))
    late = [k for k, question in enumerate(questions) if question.time > 0]
    times = np.unique([questions[k].time for k in late])
    if late:
        coarse, fine = (
            _on_mesh(model, [questions[k] for k in late], hazards, ratios, shares, edges)
            for edges in (mesh_edges(model, times, n) for n in (n_panels, 2 * n_panels))
        )
        answers[:, late] = fine + (fine - coarse) / 3
    for chain, positions, readouts in chain_groups(model, questions):
        for position, readout in zip(positions, readouts, strict=True):
            if questions[position].time == 0:
                answers[:, position] = chain.start @ readout
    return answers


def _on_mesh(
    model: MultiStateModel,
    questions: Sequence[Question],
    hazards: Sequence[Sequence[Hazard]],
    ratios: FloatArray,
    shares: FloatArray,
    edges: FloatArray,
) -> FloatArray:
    kernels = make_kernels(model, hazards, ratios=ratios, edges=edges)
    answers = np.empty((len(shares), len(questions)))
    for chain, positions, readouts in chain_groups(model, questions):
        there = course(model, chain, kernels, edges=edges)
        there = _with_years(chain, there, edges).reshape(*shares.shape, *there.shape[1:])
        for position, readout in zip(positions, readouts, strict=True):
            panel = int(np.searchsorted(edges, questions[position].time)) - 1
            answers[:, position] = ((there[:, :, panel] @ readout) * shares).sum(axis=1)
    return answers


def _with_years(chain: Chain, there: FloatArray, edges: FloatArray) -> FloatArray:
    """Fill the last entry with the years spent in the counted ones."""
    if chain.counted:
        inside = there[..., list(chain.counted)].sum(axis=-1)
        begun = np.full((len(inside), 1), chain.start[list(chain.counted)].sum())
        ends = np.concatenate([begun, inside], axis=1)
        there[..., -1] = np.cumsum((ends[:, 1:] + ends[:, :-1]) / 2 * np.diff(edges), axis=1)
    return there
