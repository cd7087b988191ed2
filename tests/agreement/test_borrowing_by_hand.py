"""Success by a posterior probability with an external control, summed over every table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaln
from scipy.stats import beta, binom

from lupusim.planning.theory.power import exact_power, exact_type_one_error
from lupusim.scenario.files.scenario import scenario_from_mapping

N = (30, 60)  # control, cells
WEEKS_24 = 168 / 365.25  # years
GRID = (np.arange(800) + 0.5) / 800  # of the control's rate
SHARES = 5e-5  # the engine's shares are right to 1e-5; a table more or less is 1e-3
Part = tuple[float, float, float]  # weight, and the two parameters of a beta prior

MIXTURE = {"method": "robust_mixture", "responders": 24, "patients": 80, "weight": 0.6}
DISCOUNTED = {"method": "power_prior", "responders": 24, "patients": 80, "weight": 0.4}
CASES = [
    (MIXTURE, 0.02, 0.97, [(0.6, 24.5, 56.5), (0.4, 1.0, 1.0)]),
    (DISCOUNTED, -0.05, 0.985, [(1.0, 0.5 + 0.4 * 24, 0.5 + 0.4 * 56)]),
]


def trial(borrowing, margin, threshold):
    analysis = {"test": "posterior_difference", "prior": [0.5, 0.5], "borrowing": borrowing}
    content = {
        "schema": "lupusim/scenario/1",
        "title": "cells against a control that counts others too",
        "outcomes": {"response": {"kind": "response", "at": "24 weeks"}},
        "arms": [
            {"name": "control", "control": True, "outcomes": {"response": "32 %"}},
            {"name": "cells", "outcomes": {"response": "52 %"}},
        ],
        "allocation": "1:2",
        "enrollment": "8 per month",
        "dropout": {"per_year": 0.2, "by_arm": {"cells": 2}},
        "analysis": analysis | {"margin": margin, "threshold": threshold},
        "sample_size": sum(N),
    }
    return scenario_from_mapping(content).points[0].trial


def chance_of_success(rates, margin, threshold, parts: list[Part]) -> float:
    """Return how often P(p1 > p0 + margin) reaches the threshold."""
    control, cells = (np.arange(n + 1) for n in N)
    beats = beta.sf(np.clip(GRID + margin, 0, 1), 0.5 + cells[:, None], 0.5 + N[1] - cells[:, None])
    weight = np.array([w for w, _, _ in parts])[:, None] * np.exp(
        [betaln(a + control, b + N[0] - control) - betaln(a, b) for _, a, b in parts]
    )
    weight /= weight.sum(axis=0)
    probability = sum(
        share[:, None] * beta.pdf(GRID, a + control[:, None], b + N[0] - control[:, None]) @ beats.T
        for share, (_, a, b) in zip(weight, parts, strict=True)
    )
    tables = np.outer(*(binom.pmf(np.arange(n + 1), n, p) for n, p in zip(N, rates, strict=True)))
    return float(tables[probability / len(GRID) >= threshold].sum())


@pytest.mark.parametrize(("borrowing", "margin", "threshold", "parts"), CASES)
def test_the_exact_power_with_borrowing_is_the_sum_over_all_tables(
    borrowing, margin, threshold, parts
):
    """Who leaves first counts as a non-responder; more leave the cells."""
    found = trial(borrowing, margin, threshold)
    stay = np.exp(-WEEKS_24 * np.array([0.2, 0.4]))
    power = chance_of_success(stay * [0.32, 0.52], margin, threshold, parts)
    assert exact_power(found) == pytest.approx(power, abs=SHARES)
    if margin >= 0:
        error = chance_of_success(stay * 0.32, margin, threshold, parts)
        assert exact_type_one_error(found) == pytest.approx(error, abs=SHARES)
