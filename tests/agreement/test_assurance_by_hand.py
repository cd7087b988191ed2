"""Assurance by tables against sums written down from the scenario's words alone."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

import lupusim
from lupusim.planning.assurance.assurance import assurance
from lupusim.planning.assurance.effect_priors import NormalEffect, OrNoEffect
from lupusim.trial import Dropout, Trial
from lupusim.trial.observation import VisitConduct
from tolerance import SEED, assert_within_mcse

STATES = ("active", "unresponsive", "response", "flare", "death", "left")
MISSED, UNSEEN, LEAVES = 0.08, 0.07, 0.3
RATIO, SD, NO_EFFECT = 1.7, 0.4, 0.2
PATIENTS = (40, 80)  # control, cells: blocks are whole


def _trial() -> Trial:
    """Return the packaged trial with visits that are missed and misread, and unequal dropout."""
    trial = lupusim.load_scenario("phase2_sri4_24w").points[0].trial
    assert trial.analysis is not None
    return replace(
        trial,
        n_patients=sum(PATIENTS),
        visit_conduct=VisitConduct(missed=MISSED, misread={"response": {"unresponsive": UNSEEN}}),
        dropout=Dropout(per_year=LEAVES, by_state={"flare": 0.5}, by_arm={"msc": 1.5}),
    )


def _responds(ratio: float, leaves: float) -> float:
    """Return the chance to be seen in response at week 24, by matrix exponential."""
    rates = {
        ("active", "response"): 5.379787 * ratio,
        ("active", "unresponsive"): 6.620213,
        ("active", "flare"): 0.9166124,
        ("unresponsive", "flare"): 0.9166124,
        ("response", "flare"): 0.4308078,
        ("flare", "active"): 12.0,
    }
    for state in STATES[:4]:
        rates[state, "death"] = 0.0056
        rates[state, "left"] = leaves * (0.5 if state == "flare" else 1.0)
    matrix = np.zeros((6, 6))
    for (begin, end), rate in rates.items():
        matrix[STATES.index(begin), STATES.index(end)] = rate
    matrix -= np.diag(matrix.sum(axis=1))
    seen = expm(matrix * 24 * 7 / 365.2425)[0, STATES.index("response")]
    return float(seen) * (1 - MISSED) * (1 - UNSEEN)


def _power(control: float, cells: float) -> float:
    """Return the power of Miettinen and Nurminen's test without a margin, by all tables."""
    n0, n1 = PATIENTS
    x0, x1 = np.arange(n0 + 1)[:, None], np.arange(n1 + 1)[None, :]
    pooled = (x0 + x1) / (n0 + n1)
    variance = pooled * (1 - pooled) * (1 / n0 + 1 / n1) * (n0 + n1) / (n0 + n1 - 1)
    with np.errstate(invalid="ignore"):
        z = (x1 / n1 - x0 / n0) / np.sqrt(variance)
    claims = np.nan_to_num(z, nan=-1.0) >= stats.norm.isf(0.025)
    law = [stats.binom.pmf(x.ravel(), n, p) for x, n, p in ((x0, n0, control), (x1, n1, cells))]
    return float(law[0] @ claims @ law[1])


def _by_hand() -> tuple[float, float, list[float]]:
    """Return power as stated, assurance, and the power's quartiles, under the prior."""
    control = _responds(1.0, LEAVES)
    middles = (np.arange(400) + 0.5) / 400
    ratios = RATIO * np.exp(SD * stats.norm.ppf(middles))
    powers = np.array([_power(control, _responds(ratio, 1.5 * LEAVES)) for ratio in ratios])
    none = _power(control, _responds(1.0, 1.5 * LEAVES))
    assert all(a < b for a, b in pairwise(powers))  # so quantiles are those of the ratios
    assert (powers < none).mean() * (1 - NO_EFFECT) < 0.25 < NO_EFFECT + (powers < none).mean()
    above = [
        float(np.interp((q - NO_EFFECT) / (1 - NO_EFFECT), middles, powers)) for q in (0.5, 0.75)
    ]
    stated = _power(control, _responds(RATIO, 1.5 * LEAVES))
    return stated, NO_EFFECT * none + (1 - NO_EFFECT) * float(powers.mean()), [none, *above]


def test_assurance_over_an_effect_is_the_sum_over_tables_and_ratios() -> None:
    scenario = lupusim.load_scenario("phase2_sri4_24w")
    point = replace(scenario.points[0], trial=_trial())
    prior = NormalEffect(mean=math.log(RATIO), sd=SD)
    found = assurance(
        replace(scenario, points=(point,)),
        effect_prior=OrNoEffect(probability=NO_EFFECT, otherwise=prior),
        seed=SEED,
        n_replicates=40_000,
    ).points[0]
    stated, average, quartiles = _by_hand()
    assert found.power.value == pytest.approx(stated, abs=1e-9)
    assert_within_mcse(found.assurance.value, average, mcse=found.assurance.mcse)
    told = found.estimates()
    assert told["power_q25"].value == pytest.approx(quartiles[0], abs=1e-9)  # without an effect
    for name, expected in zip(("power_q50", "power_q75"), quartiles[1:], strict=True):
        assert_within_mcse(told[name].value, expected, mcse=told[name].mcse)
    effective = (average - NO_EFFECT * quartiles[0]) / (1 - NO_EFFECT)
    with pytest.raises(AssertionError):  # as if it could not be without an effect
        assert_within_mcse(found.assurance.value, effective, mcse=found.assurance.mcse)
