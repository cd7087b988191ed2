"""Loops over patients who are randomized one after the other."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray, StateArray
from lupusim.common.compiled.loops import loop


def minimized(
    n_cards: int, margins: list[IntArray], uniform: FloatArray, probability: float
) -> StateArray:
    """Do what `lupusim.trial.allocation.adaptive.minimized` does."""
    level = np.stack(margins).astype(np.int64)
    card = np.empty(level.shape[1:], dtype=np.int8)
    dealt = np.zeros((len(margins), int(level.max(initial=0)) + 1, n_cards), dtype=np.int64)
    _minimized(level, uniform, probability, dealt, card)
    return card


@loop("i8(i8[::1], i8)")
def _range_with(counts: IntArray, card: int) -> int:
    """Return the range of counts once a card is dealt."""
    least = most = counts[0] + (card == 0)
    for k in range(1, counts.size):
        count = counts[k] + (card == k)
        least, most = min(least, count), max(most, count)
    return int(most - least)


@loop("void(i8[::1], f8, f8[::1])")
def _favor(imbalance: IntArray, probability: float, weight: FloatArray) -> None:
    """Share the probability among the cards of least imbalance, and the rest among the others."""
    least, n_best = imbalance.min(), 0
    for card in range(imbalance.size):
        n_best += imbalance[card] == least
    n_others = max(imbalance.size - n_best, 1)
    for card in range(imbalance.size):
        best = imbalance[card] == least
        weight[card] = probability / n_best if best else (1 - probability) / n_others
        if n_best == imbalance.size:
            weight[card] = 1.0


@loop("void(i8[:, :, ::1], f8[:, ::1], f8, i8[:, :, ::1], i1[:, ::1])")
def _minimized(
    level: IntArray, uniform: FloatArray, probability: float, dealt: IntArray, card: StateArray
) -> None:
    n_factors, n_cards = level.shape[0], dealt.shape[2]
    imbalance, weight = np.empty(n_cards, np.int64), np.empty(n_cards)
    for row in range(level.shape[1]):
        dealt[:] = 0
        for patient in range(level.shape[2]):
            for one in range(n_cards):
                imbalance[one] = 0
                for factor in range(n_factors):
                    counts = dealt[factor, level[factor, row, patient]]
                    imbalance[one] += _range_with(counts, one)
            _favor(imbalance, probability, weight)
            for one in range(1, n_cards):
                weight[one] += weight[one - 1]
            reach, drawn = uniform[patient, row] * weight[n_cards - 1], 0
            for one in range(n_cards):
                drawn += reach >= weight[one]
            drawn = min(drawn, n_cards - 1)
            for factor in range(n_factors):
                dealt[factor, level[factor, row, patient], drawn] += 1
            card[row, patient] = drawn
