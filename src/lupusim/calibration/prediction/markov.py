r"""Answers for models whose hazards are constant in pieces of study time, many models at once.

The generator of an enlarged chain (:mod:`lupusim.calibration.prediction.enlarged_chain`) is
linear in the rates,

.. math:: Q = C + \sum_k r_k B_k,

so that a whole stack of parameter vectors costs a few batched matrix products. This is
what makes a fit take a tenth of a second (``benchmarks/calibration.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.calibration.prediction.enlarged_chain import Chain, chain_groups
from lupusim.calibration.targets.questions import Question
from lupusim.common.arrays import FloatArray
from lupusim.model import MultiStateModel, Transition
from lupusim.model.hazards.base import constant_rate, steps

_TAYLOR_ORDER = 14  # with a norm of 1/2 the remainder is below 1e-16


def is_piecewise_constant(transition: Transition) -> bool:
    """Return whether the hazard depends on study time alone, and in steps."""
    hazard = transition.hazard
    in_steps = constant_rate(hazard) is not None or steps(hazard) is not None
    return in_steps and transition.is_markov


def answer_markov(
    model: MultiStateModel,
    questions: Sequence[Question],
    *,
    rates: FloatArray,
    shares: FloatArray,
) -> FloatArray:
    """Return the answers of models that differ in their numbers only.

    Parameters
    ----------
    model : MultiStateModel
        States, transitions, starts and breaks; every hazard constant in pieces of study time.
    questions : sequence of Question
        What to answer.
    rates : (n_pieces, n_models, n_classes, n_transitions) array
        Hazards per year, class by class; see :func:`piecewise_rates`.
    shares : (n_models, n_classes) array
        Probabilities of the classes.

    Returns
    -------
    (n_models, n_questions) array
        Probabilities, or years for :class:`TimeBeforeMove`; absolute error below 1e-12.
    """
    answers = np.empty((rates.shape[1], len(questions)))
    breaks = rate_breaks(model)
    for chain, positions, readouts in chain_groups(model, questions):
        times = np.array([questions[p].time for p in positions])
        occupancy = _propagate(chain, rates, breaks=breaks, times=times)
        for column, (position, readout) in enumerate(zip(positions, readouts, strict=True)):
            answers[:, position] = ((occupancy[column] @ readout) * shares).sum(axis=1)
    return answers


def rate_breaks(model: MultiStateModel) -> FloatArray:
    """Return the study times at which any rate changes; shape (n_pieces - 1,)."""
    breaks: set[float] = set()
    for transition in model.transitions:
        breaks |= set(transition.ratio.breaks)
        breaks |= set(steps(transition.hazard) or ())
    return np.array(sorted(time for time in breaks if time > 0))


def piecewise_rates(model: MultiStateModel) -> FloatArray:
    """Return each transition's hazard in each piece, without class; (n_pieces, n_transitions)."""
    begins = np.concatenate([[0.0], rate_breaks(model)])
    columns = [t.hazard.hazard(begins) * t.ratio.at(begins) for t in model.transitions]
    return np.stack(columns, axis=-1)


def _propagate(
    chain: Chain, rates: FloatArray, *, breaks: FloatArray, times: FloatArray
) -> FloatArray:
    """Return the chain's occupancy; shape (n_times, n_models, n_classes, d)."""
    stops = np.unique(np.concatenate([times, breaks[breaks < times.max(initial=0.0)]]))
    n_models, n_classes = rates.shape[1:3]
    now = np.broadcast_to(chain.start, (n_models, n_classes, chain.size))
    slopes, constant = chain.rate_slopes, chain.constant
    reached = {0.0: now}
    begin = 0.0
    for stop in stops[stops > 0]:
        piece = rates[int(np.searchsorted(breaks, begin, side="right"))]
        generator = constant + np.tensordot(piece, slopes, axes=1)
        now = (now[..., None, :] @ exponential(generator * (stop - begin)))[..., 0, :]
        reached[float(stop)] = now
        begin = stop
    return np.stack([reached[float(time)] for time in times])


def exponential(matrices: FloatArray) -> FloatArray:
    """Return the exponential of each matrix of a stack; shape (..., d, d).

    Scaling and squaring around a Taylor polynomial (Moler and Van Loan 2003, SIAM Review
    45:3, method 3), all matrices with one scaling: batched products beat a loop over
    better approximants twentyfold at this size.
    """
    norm = float(np.abs(matrices).sum(axis=-1).max(initial=0.0))
    squarings = max(0, int(np.ceil(np.log2(max(norm, 1e-300)))) + 1)
    scaled = matrices / 2.0**squarings
    identity = np.eye(matrices.shape[-1])
    result = identity + scaled / _TAYLOR_ORDER
    for order in range(_TAYLOR_ORDER - 1, 0, -1):
        result = identity + (scaled @ result) / order
    for _ in range(squarings):
        result = result @ result
    return result
