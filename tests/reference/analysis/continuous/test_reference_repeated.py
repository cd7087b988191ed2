"""Repeated measures, counts and recurrent events against R; `repeated.R` made the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lupusim.analysis.continuous.ancova import ancova
from lupusim.analysis.continuous.mmrm import mmrm
from lupusim.analysis.counts.andersen_gill import andersen_gill
from lupusim.analysis.counts.negative_binomial import negative_binomial
from lupusim.analysis.counts.rate_ratio import rate_ratio

DATA = json.loads((Path(__file__).parent / "repeated.json").read_text())
REPEATED, COUNTS, RECURRENT = DATA["repeated"], DATA["counts"], DATA["recurrent"]
VALUES = np.array(REPEATED["values"], dtype=float)  # None becomes NaN
BASELINE = np.array(REPEATED["baseline"])[:, None]
EVENTS = np.full((len(COUNTS["count"]), max(COUNTS["count"])), np.inf)
for patient, times in enumerate(RECURRENT["times"]):
    EVENTS[patient, : len(times)] = times


def assert_adjusted(result, expected):
    adjusted = expected["adjusted"]
    np.testing.assert_allclose(result.estimate, expected["estimate"], rtol=1e-6)
    np.testing.assert_allclose(result.standard_error, adjusted["error"], rtol=1e-6)
    np.testing.assert_allclose(result.degrees, adjusted["degrees"], rtol=1e-5)


def test_the_error_of_a_known_covariance_is_noticed():  # negative control
    expected = REPEATED["expected"]
    assert expected["adjusted"]["error"] > 1.002 * expected["model_error"]


def test_repeated_measures_equal_gls_with_missing_visits():
    # R 4.2.2, nlme 3.1-162: gls(corSymm + varIdent, REML); its optimizer stops at 1e-7 or so.
    # Errors and degrees by Kenward and Roger's equations, in repeated.R.
    result, expected = mmrm(VALUES, REPEATED["arm"], BASELINE), REPEATED["expected"]
    assert 0.05 <= np.isnan(VALUES).mean() <= 0.3
    assert_adjusted(result, expected)


@pytest.mark.parametrize("number", [0, 1])
def test_a_stratum_of_which_nobody_is_left_has_no_mean_at_the_last_visits(number):
    # R 4.2.2, nlme 3.1-162: gls without the columns that the others determine (qr)
    stratum = np.arange(len(VALUES)) % 3
    lost = [2, 0][number]
    values = np.where((stratum[:, None] == lost) & (np.arange(4) > 1), np.nan, VALUES)
    result = mmrm(values, REPEATED["arm"], BASELINE, stratum=stratum)
    expected = REPEATED["gone"][number]
    assert_adjusted(result, expected)


def test_the_analysis_of_who_completed_is_noticed():  # negative control
    complete = np.isfinite(VALUES[:, -1])
    alone = ancova(VALUES[:, -1], REPEATED["arm"], BASELINE, included=complete)
    assert abs(float(alone.estimate) - REPEATED["expected"]["estimate"]) > 0.01


@pytest.mark.parametrize("kind", ["plain", "stratified"])
def test_counts_equal_glm_nb(kind):
    # R 4.2.2, MASS 7.3-58: glm.nb(count ~ arm (+ factor(stratum)) + offset(log(years)))
    stratum = COUNTS["stratum"] if kind == "stratified" else None
    result = negative_binomial(COUNTS["count"], COUNTS["years"], COUNTS["arm"], stratum=stratum)
    got = [result.estimate, result.standard_error, 1 / result.dispersion]
    expected = [COUNTS[kind][name] for name in ("estimate", "error", "theta")]
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("kind", ["plain", "stratified"])
def test_recurrent_events_equal_coxph_with_clusters(kind):
    # R 4.2.2, survival 3.5: coxph(Surv(start, stop, event) ~ arm (+ strata(stratum)), cluster = id)
    stratum = COUNTS["stratum"] if kind == "stratified" else None
    result = andersen_gill(EVENTS, COUNTS["years"], COUNTS["arm"], stratum=stratum)
    expected = [RECURRENT[kind][name] for name in ("estimate", "error")]
    np.testing.assert_allclose([result.estimate, result.standard_error], expected, rtol=1e-9)


def test_the_variance_of_independent_events_is_noticed():  # negative control
    result = andersen_gill(EVENTS, COUNTS["years"], COUNTS["arm"])
    assert abs(float(result.standard_error) / RECURRENT["plain"]["model_error"] - 1) > 0.1
    constant = rate_ratio(COUNTS["count"], COUNTS["years"], COUNTS["arm"])
    assert abs(float(result.estimate) - float(constant.estimate)) > 1e-3
