"""Group-sequential designs against tables, other programs and another integral."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from lupusim.analysis.group_sequential import (
    BetaSpending,
    LachinFoulkes,
    SurvivalSetting,
    WangTsiatis,
    after_stopping,
    bounds,
    exit_probabilities,
    inflation_factor,
    integration,
    repeated_interval,
    survival_size,
)


@pytest.mark.parametrize(
    ("delta", "n_looks", "constant"),
    [
        # Jennison and Turnbull (2000), Table 2.1: Pocock, two-sided 0.05
        (0.5, 2, 2.178),
        (0.5, 3, 2.289),
        (0.5, 4, 2.361),
        (0.5, 5, 2.413),
        (0.5, 10, 2.555),
        # Table 2.3: O'Brien and Fleming, two-sided 0.05
        (0.0, 2, 1.977),
        (0.0, 3, 2.004),
        (0.0, 4, 2.024),
        (0.0, 5, 2.040),
        (0.0, 10, 2.087),
        # Table 2.9: Wang and Tsiatis, two-sided 0.05
        (0.25, 2, 2.038),
        (0.25, 3, 2.083),
        (0.25, 4, 2.113),
        (0.25, 5, 2.136),
    ],
)
def test_constants_are_those_of_jennison_and_turnbull(delta, n_looks, constant):
    looks = np.arange(1, n_looks + 1)
    design = bounds(looks, alpha=0.05, sided=2, spending=WangTsiatis(delta=delta))
    assert design.efficacy[-1] == pytest.approx(constant, abs=5.1e-4)


@pytest.mark.parametrize(
    ("delta", "n_looks", "factor"),
    [
        # Jennison and Turnbull (2000), Tables 2.2 and 2.4: maximum size over that of one look,
        # two-sided 0.05, power 0.9
        (0.5, 2, 1.100),
        (0.5, 5, 1.207),
        (0.0, 2, 1.007),
        (0.0, 5, 1.026),
    ],
)
def test_inflation_is_that_of_jennison_and_turnbull(delta, n_looks, factor):
    looks = np.arange(1, n_looks + 1)
    design = bounds(looks, alpha=0.05, sided=2, spending=WangTsiatis(delta=delta))
    assert inflation_factor(design, 0.9) == pytest.approx(factor, abs=6e-4)


def test_three_looks_at_67_134_and_200_events_as_rpact_gsdesign_and_lrstat_print_them():
    design = bounds([67, 134, 200], alpha=0.025, spending="obrien_fleming")
    np.testing.assert_allclose(design.efficacy, [3.70023, 2.50411, 1.99373], atol=5e-6)
    drift = -np.log(0.7) * np.sqrt(200 / 4)
    assert exit_probabilities(design, drift).power == pytest.approx(0.707106, abs=5e-7)


def _case_b() -> SurvivalSetting:
    return SurvivalSetting(
        control_hazard=[np.log(2) / 12],
        hazard_ratio=0.7,
        enrollment_time=24,
        dropout_hazard=-np.log(0.95) / 12,
    )


def test_patients_events_and_times_of_a_survival_design_are_those_of_rpact():
    # rpact 3.3.4: d <- getDesignGroupSequential(informationRates=c(67,134,200)/200, alpha=0.025,
    # beta=0.1, typeOfDesign="asOF"); getSampleSizeSurvival(d, hazardRatio=0.7, median2=12,
    # accrualTime=c(0,24), followUpTime=12, dropoutRate1=0.05, dropoutRate2=0.05, dropoutTime=12)
    size = survival_size(bounds([67, 134, 200]), _case_b(), follow_up=12, power=0.9)
    assert size.n_patients == pytest.approx(521.984942, abs=1e-5)
    np.testing.assert_allclose(size.n_events, [112.0117818, 224.0235636, 334.3635278], rtol=1e-8)
    np.testing.assert_allclose(size.calendar_time, [16.67336474, 25.16190134, 36], rtol=1e-7)


def test_piecewise_hazards_enrollment_and_unequal_arms_are_those_of_rpact():
    # the same d; getSampleSizeSurvival(d, lambda2=c(0.02,0.05,0.08),
    # piecewiseSurvivalTime=c(0,6,18), hazardRatio=0.6, accrualTime=c(0,6,24),
    # accrualIntensity=c(0.1,0.3), accrualIntensityType="relative", followUpTime=9,
    # dropoutRate1=0.1, dropoutRate2=0.1, dropoutTime=12, allocationRatioPlanned=2)
    setting = SurvivalSetting(
        control_hazard=[0.02, 0.05, 0.08],
        breaks=[6, 18],
        hazard_ratio=0.6,
        enrollment_time=24,
        enrollment_breaks=[6],
        enrollment_rates=[0.1, 0.3],
        dropout_hazard=-np.log(0.9) / 12,
        allocation=2,
    )
    size = survival_size(bounds([67, 134, 200]), setting, follow_up=9, power=0.9)
    assert size.n_patients == pytest.approx(456.9604984, abs=1e-5)
    assert size.n_events[-1] == pytest.approx(183.388153, abs=1e-6)
    # rpact's search for the times stops at 5e-5
    np.testing.assert_allclose(size.calendar_time, [20.50850554, 27.09736516, 33], atol=1e-4)


def test_lachin_and_foulkes_patients_are_those_of_gsdesign():
    # gsDesign 3.11 gsSurv, default tol = 1.2e-4: 520.882 patients and 333.657 events
    size = survival_size(
        bounds([67, 134, 200]), _case_b(), follow_up=12, power=0.9, method=LachinFoulkes()
    )
    assert size.n_patients == pytest.approx(520.882, rel=1.2e-4)
    assert size.n_events[-1] == pytest.approx(333.657, rel=1.2e-4)


# rpact 3.3.4, one-sided 0.025, means with known variance, 300 patients; x is
# getAnalysisResults(d, getDataset(cumulativeN=, cumulativeMeans=, cumulativeStDevs=),
# normalApproximation=TRUE): finalPValues, medianUnbiasedEstimates, the bounds of the final
# confidence interval, and repeatedConfidenceIntervalLowerBounds at that look.
STOPPED = [
    # typeOfDesign="asOF", informationRates=c(1/3,2/3,1)
    (
        "obrien_fleming",
        (100, 200, 300),
        1,
        3.9,
        (4.809634402e-05, 0.39, 0.1940036015, 0.5859963985),
    ),
    (
        "obrien_fleming",
        (100, 200, 300),
        2,
        2.7,
        (0.003513552191, 0.1908049333, 0.05210823529, 0.3294349642),
    ),
    (
        "obrien_fleming",
        (100, 200, 300),
        3,
        2.1,
        (0.02012020519, 0.1197584395, 0.005368548638, 0.2334193168),
    ),
    (
        "obrien_fleming",
        (100, 200, 300),
        3,
        0.4,
        (0.3445843417, 0.02309312281, -0.0900659064, 0.1362519246),
    ),
    # typeOfDesign="asP", informationRates=c(0.3,0.7,1)
    ("pocock", (90, 210, 300), 1, 2.5, (0.006209665326, 0.2635231383, 0.05692479425, 0.4701214824)),
    ("pocock", (90, 210, 300), 2, 2.7, (0.01272318615, 0.1768951994, 0.02436931204, 0.3164943713)),
    (
        "pocock",
        (90, 210, 300),
        3,
        2.1,
        (0.03035502653, 0.1156786283, -0.005576052418, 0.2310720466),
    ),
]


@pytest.mark.parametrize(("spending", "n", "look", "z", "expected"), STOPPED)
def test_analysis_after_stopping_is_that_of_rpact(spending, n, look, z, expected):
    found = after_stopping(bounds(n, spending=spending), look, z)
    assert found.p_value == pytest.approx(expected[0], rel=1e-6)
    seen = [found.estimate, found.lower, found.upper]
    np.testing.assert_allclose(seen, expected[1:], atol=2e-6)


@pytest.mark.parametrize(
    ("spending", "n", "look", "z", "lower"),
    [
        ("obrien_fleming", (100, 200, 300), 1, 3.9, 0.01896971937),
        ("obrien_fleming", (100, 200, 300), 2, 2.7, 0.01333408708),
        ("obrien_fleming", (100, 200, 300), 3, 2.1, 0.006174906691),
        ("pocock", (90, 210, 300), 3, 2.1, -0.01190397477),
    ],
)
def test_repeated_intervals_are_those_of_rpact(spending, n, look, z, lower):
    found = repeated_interval(bounds(n, spending=spending), z, look=look)
    assert found[0] == pytest.approx(lower, abs=2e-6)


@pytest.mark.parametrize("drift", [0.0, 2.5])
def test_crossing_probabilities_are_those_of_the_multivariate_normal_distribution(drift):
    information = np.array([0.3, 0.55, 0.8, 1.0])
    design = bounds(information, futility=BetaSpending(beta=0.2, binding=True))
    ended = exit_probabilities(design, drift)
    ratio = np.minimum.outer(information, information) / np.maximum.outer(information, information)
    mean = drift * np.sqrt(information)
    for look in range(1, 4):  # still going after this look
        going = multivariate_normal(
            mean=mean[:look], cov=np.sqrt(ratio[:look, :look]), abseps=1e-7, releps=1e-7
        ).cdf(design.efficacy[:look], lower_limit=design.futility[:look])
        stopped = (ended.efficacy + ended.futility)[:look].sum()
        assert stopped == pytest.approx(1 - going, abs=5e-7)


@pytest.mark.parametrize(
    ("information", "spending"),
    [
        ([0.2, 0.5, 0.6, 0.95, 1], "obrien_fleming"),
        ([0.1, 0.9, 0.901, 1], "pocock"),
        (range(1, 21), "obrien_fleming"),
    ],
)
def test_half_the_panel_width_changes_nothing(monkeypatch, information, spending):
    coarse = bounds(information, spending=spending).efficacy
    monkeypatch.setattr(integration, "_PANEL", 2.0)
    np.testing.assert_allclose(bounds(information, spending=spending).efficacy, coarse, atol=1e-11)


def test_too_wide_panels_would_be_seen(monkeypatch):  # negative control
    fine = bounds([1, 2, 3]).efficacy
    monkeypatch.setattr(integration, "_PANEL", 40.0)
    assert np.abs(bounds([1, 2, 3]).efficacy - fine).max() > 1e-7
