"""Assurance by tables against sums written down from the scenario's words alone."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, optimize, stats
from scipy.linalg import expm

import lupusim
from lupusim.planning.assurance.assurance import Nesting, Worthwhile, assurance
from lupusim.planning.assurance.beliefs import ResponseGain
from lupusim.planning.assurance.effect_priors import NormalEffect, OrNoEffect
from lupusim.trial import Dropout, Trial
from lupusim.trial.observation import VisitConduct
from tolerance import assert_within_mcse

STATES = ("active", "unresponsive", "response", "flare", "death", "left")
MISSED, UNSEEN, LEAVES = 0.08, 0.07, 0.3
RATIO, SD, NO_EFFECT, GAIN = 1.7, 0.4, 0.2, 0.1
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


def _truth(z: float) -> float:
    """Return the power so many standard deviations from the middle of the prior."""
    return _power(_responds(1.0, LEAVES), _responds(RATIO * math.exp(SD * z), 1.5 * LEAVES))


def _without_dropout(ratio: float) -> float:
    return _responds(ratio, 0.0) / ((1 - MISSED) * (1 - UNSEEN))


def _by_hand() -> dict[str, float]:
    """Return what is asked of the trial under the prior, by sums over the normal distribution."""
    z = np.linspace(-8.0, 8.0, 641)
    weights = stats.norm.pdf(z) * (1 - NO_EFFECT) * (z[1] - z[0])
    powers = np.array([_truth(one) for one in z.tolist()])
    assert all(a < b for a, b in pairwise(powers))  # so quantiles are those of the ratios
    none = _power(_responds(1.0, LEAVES), _responds(1.0, 1.5 * LEAVES))
    mean = NO_EFFECT * none + weights @ powers
    spread = NO_EFFECT * none**2 + weights @ powers**2 - mean**2
    gained = _without_dropout(1.0) + GAIN
    enough = optimize.brentq(lambda x: _without_dropout(RATIO * math.exp(SD * x)) - gained, -5, 5)
    beyond = np.linspace(enough, 8.0, 641)
    rest = np.array([_truth(one) for one in beyond.tolist()]) * stats.norm.pdf(beyond)
    found = {
        "power": _truth(0.0),
        "assurance": mean,
        "parameter_share": spread / (mean * (1 - mean)),
        "worthwhile": (1 - NO_EFFECT) * stats.norm.sf(enough),
        "significant_if_worthwhile": integrate.simpson(rest, x=beyond) / stats.norm.sf(enough),
    }
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        below = stats.norm.ppf((q - NO_EFFECT) / (1 - NO_EFFECT)) if q > NO_EFFECT else -math.inf
        left = stats.norm.ppf(q / (1 - NO_EFFECT))
        found[f"power_q{100 * q:02.0f}"] = (
            _truth(left) if _truth(left) < none else max(none, _truth(max(below, -8.0)))
        )
    return found


def test_assurance_over_an_effect_is_the_sum_over_tables_and_ratios() -> None:
    scenario = lupusim.load_scenario("phase2_sri4_24w")
    point = replace(scenario.points[0], trial=_trial())
    prior = NormalEffect(mean=math.log(RATIO), sd=SD)
    found = assurance(
        replace(scenario, points=(point,)),
        effect_prior=OrNoEffect(probability=NO_EFFECT, otherwise=prior),
        nesting=Nesting(worthwhile=Worthwhile(gain=ResponseGain(), at_least=GAIN)),
    )
    expected = _by_hand()
    told = found.points[0].estimates()
    assert found.n_replicates == 0  # nothing is drawn
    assert {mean.mcse for mean in told.values()} == {0.0}
    values = {name: told[name].value for name in expected}
    assert values == pytest.approx(expected, abs=1e-6)
    effective = (expected["assurance"] - NO_EFFECT * expected["power_q25"]) / (1 - NO_EFFECT)
    with pytest.raises(AssertionError):  # as if it could not be without an effect
        assert values | {"assurance": effective} == pytest.approx(expected, abs=1e-6)


def test_draws_of_the_same_prior_agree_with_the_integral() -> None:
    scenario = lupusim.load_scenario("phase2_sri4_24w")
    scenario = replace(scenario, points=(replace(scenario.points[0], trial=_trial()),))
    normal = NormalEffect(mean=math.log(RATIO), sd=SD)
    prior = OrNoEffect(probability=NO_EFFECT, otherwise=normal)
    nesting = Nesting(worthwhile=Worthwhile(gain=ResponseGain(), at_least=GAIN))
    exact, known = (
        assurance(scenario, effect_prior=asked, n_replicates=4_000, nesting=nesting)
        for asked in (prior, _OnlyDrawn(prior))
    )
    drawn = known.points[0].estimates()
    assert known.n_replicates == 4_000
    for name, mean in exact.points[0].estimates().items():
        if drawn[name].mcse:
            assert_within_mcse(drawn[name].value, mean.value, mcse=drawn[name].mcse)
        else:
            assert drawn[name].value == pytest.approx(mean.value, abs=1e-8)


class _OnlyDrawn:
    """A prior that is known by its draws alone, as one of the user's own."""

    def __init__(self, prior: OrNoEffect) -> None:
        self.prior = prior

    def strengths(
        self, stated: float, n_draws: int, *, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        return self.prior.strengths(stated, n_draws, rng=rng)
