"""Whether no arm of several claims an effect: a product of steps of sums that share the control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.planning.controls.kinds import is_sum_of_numbers
from lupusim.planning.controls.lots import n_frequencies
from lupusim.planning.controls.parts import LookSum
from lupusim.planning.controls.sampled.samples import Drawn
from lupusim.planning.theory.sums import NODES, SCALE, ComplexArray, frequencies, turned
from lupusim.simulation.controls import Together
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.trial import Trial
from lupusim.trial.enrollment.arm_periods import arms_change

_REACH, _PARTS = 6.5, 53  # standard deviations of what controls add, and points within them
_FADED = 1e-4  # of the law of what controls add, at the highest frequency: beyond it nothing is


def is_together(trial: Trial, sums: Sequence[tuple[Comparison, LookSum]]) -> bool:
    """Return whether several arms of many patients are compared once.

    Mean years have no product: steps of each arm alone tell as much of them, and cost half.

    Parameters
    ----------
    trial : Trial
        Whose sums they are.
    sums : sequence of (Comparison, LookSum)
        Of the comparisons whose law is known.
    """
    if any(is_sum_of_numbers(trial, one) for one, _ in sums):
        return False
    arms = [one.arm for one, _ in sums]
    alone = len({one.endpoint for one, _ in sums}) == 1 and len(set(arms)) == len(arms) > 1
    kept = not (trial.interims or trial.rule.changes or arms_change(trial.arms))
    return alone and kept and n_frequencies(trial) == NODES


def together(
    sums: Sequence[tuple[Comparison, LookSum]], at: Sequence[FloatArray]
) -> tuple[Together, Drawn] | None:
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

    Returns
    -------
    Together, Drawn
        The product, and what its mean owes to a sample.
    """
    (_, first), *_ = sums
    size = math.sqrt(float(first.variances[0]))
    slopes = np.sqrt([one.variances[0] / first.variances[0] for _, one in sums])
    nodes = frequencies(size)
    control = size * np.linspace(-_REACH, _REACH, _PARTS)
    law = np.exp(first.law(nodes)[:, 0])
    if np.abs(law[:, -1]).max() > _FADED:
        return None
    width = (nodes[1] - nodes[0]) / math.pi * (control[1] - control[0])
    waves = width * np.exp(-1j * nodes[:, None] * control)
    arms = [
        _Unclaimed(one, ends[:, None] - slope * control[:, None])
        for (_, one), slope, ends in zip(sums, slopes, at, strict=True)
    ]
    weight = (law @ waves).real[:, :, None]
    means = (weight * _product(arms)).sum(axis=1)
    drawn = Drawn(n_steps=means.shape[1])
    if first.slopes is not None:
        moved = first.slopes.of_part(0, nodes, np.einsum("nj,djs->dns", waves, _product(arms)))
        for number, arm in enumerate(arms):
            moved += arm.moved(weight * _product(arms[:number] + arms[number + 1 :]))
        drawn = replace(drawn, sample=first.slopes.sample, slopes=moved)
    product = Together(
        sums=[one.sum for _, one in sums],
        arms=[one.arm for one, _ in sums],
        slopes=slopes,
        between=np.stack(at),
        scale=SCALE,
        means=means,
    )
    return product, drawn


class _Unclaimed:
    """Means of the steps of one arm, at some values of what controls add.

    Parameters
    ----------
    one : LookSum
        Of the arm.
    ends : (2, n_parts, n_steps) array
        Between which sums of its own patients nothing is claimed.
    """

    def __init__(self, one: LookSum, ends: FloatArray) -> None:
        self._slopes, self._nodes = one.slopes, frequencies(math.sqrt(float(one.variances[1])))
        low, high = (_turned(self._nodes, end) for end in ends)
        self._turned = high - low
        always = np.where(np.isfinite(ends), 0.5, ends > 0)
        law = np.exp(one.law(self._nodes)[:, 1])
        waves = np.tensordot(law, self._turned, axes=1)
        self.mean = np.asarray(always[1] - always[0] - waves.imag)  # (n_draws, n_parts, n_steps)

    def moved(self, weight: FloatArray) -> FloatArray:
        """Return by how much sums of the means with a weight move with the chances of cells.

        Parameters
        ----------
        weight : (n_draws, n_parts, n_steps) array

        Returns
        -------
        (n_arms, n_cells + 1, n_steps) array
        """
        assert self._slopes is not None  # of a sampled law there are some
        weights = 1j * np.einsum("djs,njs->dns", weight, self._turned)
        return self._slopes.of_part(1, self._nodes, weights)


def _product(arms: Sequence[_Unclaimed]) -> FloatArray:
    return np.asarray(np.prod([arm.mean for arm in arms], axis=0))


def _turned(nodes: FloatArray, ends: FloatArray) -> ComplexArray:
    """Return what a characteristic function is to be multiplied by, (n_nodes, *shape of ends)."""
    if np.isinf(ends).all():
        return np.zeros((nodes.size, *ends.shape), dtype=complex)
    return turned(nodes, ends.ravel(), SCALE).reshape(-1, *ends.shape)
