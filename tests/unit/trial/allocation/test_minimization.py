"""Minimization, patient after patient as one would do it with a table of counts."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.trial.allocation.adaptive import minimized
from tolerance import SEED


def by_hand(n_cards: int, levels: list[list[int]], uniform: list[float], probability: float):
    """Return the cards of one trial; `levels` are those of each patient."""
    counts: dict[tuple[int, int, int], int] = {}
    cards = []
    for own, number in zip(levels, uniform, strict=True):
        ranges = []
        for card in range(n_cards):
            after = [
                [counts.get((f, level, k), 0) + (k == card) for k in range(n_cards)]
                for f, level in enumerate(own)
            ]
            ranges.append(sum(max(one) - min(one) for one in after))
        best = [one == min(ranges) for one in ranges]
        n_best = sum(best)
        if n_best == n_cards:
            chances = [1 / n_cards] * n_cards
        else:
            others = (1 - probability) / (n_cards - n_best)
            chances = [probability / n_best if one else others for one in best]
        card = int(sum(number >= np.cumsum(chances[:-1])))
        for f, level in enumerate(own):
            counts[f, level, card] = counts.get((f, level, card), 0) + 1
        cards.append(card)
    return cards


@pytest.mark.parametrize("n_cards", [2, 3])
@pytest.mark.parametrize(("n_factors", "probability"), [(1, 1.0), (2, 0.8), (4, 0.6)])
def test_everybody_gets_the_card_that_evens_the_margins(n_cards, n_factors, probability):
    rng = np.random.default_rng(SEED)
    margins = [rng.integers(1 + k, size=(20, 40)) for k in range(1, n_factors + 1)]
    uniform = rng.random((40, 20))
    found = minimized(n_cards, margins, uniform, probability)
    for trial, cards in enumerate(found.tolist()):
        levels = [[int(margin[trial, who]) for margin in margins] for who in range(40)]
        assert cards == by_hand(n_cards, levels, uniform[:, trial].tolist(), probability)
    assert len({tuple(cards) for cards in found.tolist()}) > 1
