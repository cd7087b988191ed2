"""Two proportions against R; `proportions.R` made the numbers.

Miettinen and Nurminen's tests are there worked out from their definition. (statsmodels
0.14.6 gives other score intervals for a difference; its likelihood is not the largest.)
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lupusim.analysis.proportions.cochran_mantel_haenszel import cochran_mantel_haenszel
from lupusim.analysis.proportions.fisher_exact import fisher_exact_of
from lupusim.analysis.proportions.proportion import proportion_of
from lupusim.analysis.proportions.risk_difference import (
    risk_difference_of,
    risk_difference_score_of,
)
from lupusim.analysis.proportions.risk_ratio import (
    odds_ratio_of,
    risk_ratio_of,
    risk_ratio_score_of,
)
from lupusim.analysis.proportions.two_by_two import TwoByTwo
from lupusim.analysis.proportions.unconditional_exact import barnard_of, boschloo_of

EXPECTED = json.loads((Path(__file__).parent / "proportions.json").read_text())
TABLES = EXPECTED["tables"]


def tables(*rows):
    responders, n, control_responders, control_n = np.array(rows, dtype=float).T
    return TwoByTwo(
        responders=responders, n=n, control_responders=control_responders, control_n=control_n
    )


def column(*keys):
    values = TABLES
    for key in keys:
        values = [value[key] for value in values]
    return np.array([np.nan if value == {} else value for value in values], dtype=float)


ALL = tables(*[entry["table"] for entry in TABLES])


def test_score_test_of_a_difference_follows_its_definition():
    result = risk_difference_score_of(ALL, margin=-0.1)
    np.testing.assert_allclose(result.z, column("z_margin"), rtol=1e-10)
    np.testing.assert_allclose(result.lower, column("lower"), atol=1e-10)
    np.testing.assert_allclose(result.upper, column("upper"), atol=1e-10)
    np.testing.assert_allclose(risk_difference_score_of(ALL).z, column("z_zero"), rtol=1e-10)


def test_score_test_of_a_ratio_follows_its_definition():
    result = risk_ratio_score_of(ALL, margin=0.8)
    np.testing.assert_allclose(result.z, column("z_ratio"), rtol=1e-10)
    for bound, name in ((result.lower, "ratio_lower"), (result.upper, "ratio_upper")):
        known = np.isfinite(column(name))
        np.testing.assert_allclose(bound[known], column(name)[known], atol=1e-10)
        assert np.isinf(bound[~known]).all()


def test_fisher_equals_fisher_test():
    result = fisher_exact_of(ALL)
    np.testing.assert_allclose(result.p_less, column("fisher", "less"), rtol=1e-10)
    np.testing.assert_allclose(result.p_greater, column("fisher", "greater"), rtol=1e-10)
    np.testing.assert_allclose(result.p_two_sided, column("fisher", "two_sided"), rtol=1e-10)


def test_pooled_z_equals_prop_test():
    np.testing.assert_allclose(risk_difference_of(ALL).z ** 2, column("pooled_chisq"), rtol=1e-10)


def test_exact_interval_equals_binom_test():
    result = proportion_of(ALL.responders, ALL.n)
    expected = np.array([entry["exact_interval"] for entry in TABLES])
    np.testing.assert_allclose(result.lower, expected[:, 0], rtol=1e-10)
    np.testing.assert_allclose(result.upper, expected[:, 1], rtol=1e-10)


@pytest.mark.parametrize("place", range(len(EXPECTED["strata"])))
def test_cochran_mantel_haenszel_equals_mantelhaen_test(place):
    entry = EXPECTED["strata"][place]
    response, arm, stratum = [], [], []
    for number, (x, n, x0, n0) in enumerate(entry["table"]):
        response += [1] * x + [0] * (n - x) + [1] * x0 + [0] * (n0 - x0)
        arm += [1] * n + [0] * n0
        stratum += [f"stratum {number}"] * (n + n0)
    result = cochran_mantel_haenszel(response, arm, stratum)
    np.testing.assert_allclose(result.z**2, entry["chisq"], rtol=1e-10)
    np.testing.assert_allclose(result.estimate, entry["log_odds_ratio"], rtol=1e-10)
    np.testing.assert_allclose([result.lower, result.upper], entry["interval"], rtol=1e-9)


# scipy 1.17.1, scipy.stats.newcombe has no equal there: statsmodels.stats.proportion
# confint_proportions_2indep(x, n, x0, n0, method="newcomb", compare="diff"), 0.14.6
NEWCOMBE = {
    (12, 30, 5, 28): (-0.013508334460106741, 0.42444160943690523),
    (3, 10, 0, 12): (-0.009430994163461492, 0.6032218525388546),
    (10, 10, 5, 10): (0.11736746745022197, 0.7634069094874361),
}


def test_newcombe_interval_equals_that_of_statsmodels():
    result = risk_difference_of(tables(*NEWCOMBE))
    np.testing.assert_allclose(np.stack([result.lower, result.upper], 1), [*NEWCOMBE.values()])


@pytest.mark.parametrize("table", [(7, 12, 1, 15), (4, 9, 4, 8), (15, 20, 9, 20)])
def test_boschloo_equals_that_of_scipy(table):
    x, n, x0, n0 = table
    cells = [[x, x0], [n - x, n0 - x0]]
    result = boschloo_of(tables(table))
    for side in ("less", "greater", "two-sided"):
        expected = stats.boschloo_exact(cells, side, n=64).pvalue
        p_value = getattr(result, "p_" + side.replace("-", "_"))
        np.testing.assert_allclose(p_value, expected, rtol=2e-5)


@pytest.mark.parametrize("table", [(7, 12, 1, 15), (4, 9, 4, 8), (15, 20, 9, 20)])
def test_barnard_equals_enumeration(table):
    # By its definition; scipy 1.17.1's barnard_exact misses ties of |z| in the first table.
    x, n, x0, n0 = table
    every, every0 = np.mgrid[0 : n + 1, 0 : n0 + 1]
    pooled = (every + every0) / (n + n0)
    spread = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-9))
    z = (every / n - every0 / n0) / spread / np.sqrt(1 / n + 1 / n0)
    regions = {
        "p_less": z <= z[x, x0] + 1e-9,
        "p_greater": z >= z[x, x0] - 1e-9,
        "p_two_sided": np.abs(z) >= np.abs(z[x, x0]) - 1e-9,
    }
    result = barnard_of(tables(table))
    p = np.linspace(0, 1, 4001)
    binomial, binomial0 = (stats.binom.pmf(np.arange(m + 1), m, p[:, None]) for m in (n, n0))
    for name, region in regions.items():
        size = np.einsum("pi,pj,ij->p", binomial, binomial0, region).max()
        np.testing.assert_allclose(getattr(result, name), size, rtol=2e-5)


def test_wald_tests_of_ratios_equal_their_formulas():
    # log(RR) and log(OR) of 12/30 against 5/28 with Katz's and Woolf's variance, by hand
    table = tables((12, 30, 5, 28))
    np.testing.assert_allclose(risk_ratio_of(table).estimate, np.log(12 / 30 * 28 / 5))
    np.testing.assert_allclose(
        risk_ratio_of(table).standard_error, np.sqrt(1 / 12 - 1 / 30 + 1 / 5 - 1 / 28)
    )
    np.testing.assert_allclose(odds_ratio_of(table).estimate, np.log(12 * 23 / (18 * 5)))
    np.testing.assert_allclose(
        odds_ratio_of(table).standard_error, np.sqrt(1 / 12 + 1 / 18 + 1 / 5 + 1 / 23)
    )


def test_one_responder_more_is_noticed():  # negative control
    shifted = tables(
        *[
            (x - 1 if x == n else x + 1, n, y, m)
            for x, n, y, m in (entry["table"] for entry in TABLES)
        ]
    )
    assert (np.abs(risk_difference_score_of(shifted).z - column("z_zero")) > 0.05).all()
    assert (np.abs(fisher_exact_of(shifted).p_two_sided - column("fisher", "two_sided")) > 0).any()
