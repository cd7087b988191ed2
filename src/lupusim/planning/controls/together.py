"""Whether no arm of several claims an effect: a product of steps of sums that share the control."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.planning.controls.parts import LookSum
from lupusim.planning.theory.sums import NODES, SCALE, frequencies, n_nodes, step_means
from lupusim.simulation.controls import Together
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.trial import Trial
from lupusim.trial.enrollment.arm_periods import arms_change

_REACH, _PARTS = 6.5, 53  # standard deviations of what controls add, and points within them
_FADED = 1e-4  # of the law of what controls add, at the highest frequency: beyond it nothing is


def is_together(trial: Trial, sums: Sequence[tuple[Comparison, LookSum]]) -> bool:
    """Return whether several arms of many patients are compared once.

    Parameters
    ----------
    trial : Trial
        Whose sums they are.
    sums : sequence of (Comparison, LookSum)
        Of the comparisons whose law is known; a product of sampled ones is left out.
    """
    arms = [one.arm for one, _ in sums]
    alone = len({one.endpoint for one, _ in sums}) == 1 and len(set(arms)) == len(arms) > 1
    exact = all(one.slopes is None for _, one in sums)
    kept = exact and not (trial.interims or trial.rule.changes or arms_change(trial.arms))
    return alone and kept and n_nodes(trial.n_patients) == NODES


def together(
    sums: Sequence[tuple[Comparison, LookSum]], at: Sequence[FloatArray]
) -> Together | None:
    r"""Return the product of the steps of several arms, and its mean; None where that is rough.

    What controls add to the sum of one arm is nearly a multiple of what they add to another's,
    so that given :math:`c`, what they add to the first, arms are independent, and

    .. math:: E \prod_k h(s_k - a_k) = \int f(c) \prod_k E\,h(b_k c + r_k - a_k)\,dc

    (where both sides claim, :math:`h(s_k - a_k) - h(s_k - a'_k)` for :math:`h(s_k - a_k)`)
    with :math:`r_k` from the patients of the arm, and :math:`f` by Fourier inversion.

    Parameters
    ----------
    sums : sequence of (Comparison, LookSum)
        Of each arm.
    at : sequence of (2, n_steps) arrays
        Between which sums each claims nothing.
    """
    (_, first), *_ = sums
    size = math.sqrt(float(first.variances[0]))
    slopes = np.sqrt([one.variances[0] / first.variances[0] for _, one in sums])
    nodes = frequencies(size)
    control = size * np.linspace(-_REACH, _REACH, _PARTS)
    law = np.exp(first.law(nodes)[:, 0])
    if np.abs(law[:, -1]).max() > _FADED:
        return None
    waves = np.exp(-1j * nodes[:, None] * control)
    weight = (law @ waves).real * ((nodes[1] - nodes[0]) / math.pi * (control[1] - control[0]))
    product = np.ones((*weight.shape, at[0].shape[1]))
    for (_, one), slope, between in zip(sums, slopes, at, strict=True):
        low, high = (_below(one, ends - slope * control[:, None]) for ends in between)
        product *= high - low
    return Together(
        sums=[one.sum for _, one in sums],
        arms=[one.arm for one, _ in sums],
        slopes=slopes,
        between=np.stack(at),
        scale=SCALE,
        means=np.einsum("dj,djs->ds", weight, product),
    )


def _below(one: LookSum, ends: FloatArray) -> FloatArray:
    """Return the mean of a step of what an arm's patients add, (n_draws, *shape of the ends)."""
    if np.isinf(ends).all():
        return np.full((1, *ends.shape), float(ends.max() > 0))
    nodes = frequencies(math.sqrt(float(one.variances[1])))
    found = step_means(one.law(nodes)[:, 1], nodes, ends.ravel(), SCALE)
    return found.reshape(len(found), *ends.shape)
