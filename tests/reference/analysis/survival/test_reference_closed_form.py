"""Closed forms against published tables, rpact and enumeration."""

from __future__ import annotations

from itertools import pairwise
from math import log

import numpy as np
import pytest
from scipy import integrate, stats

from lupusim.analysis.power import EventTimes, lachin_foulkes_power, schoenfeld_power
from lupusim.analysis.single_arm.designs import exact_binomial, simon

# Simon (1989), Controlled Clinical Trials 10, 1-10, table 1 (P1 - P0 = 0.20), alpha 0.05 and
# beta 0.20: P0, optimal r1/n1, r/n, EN(P0), minimax r1/n1, r/n, EN(P0)
SIMON = [
    (0.05, (0, 9, 2, 17, 12.0), (0, 12, 2, 16, 13.8)),
    (0.10, (1, 10, 5, 29, 15.0), (1, 15, 5, 25, 19.5)),
    (0.20, (3, 13, 12, 43, 20.6), (4, 18, 10, 33, 22.3)),
    (0.30, (5, 15, 18, 46, 23.6), (6, 19, 16, 39, 25.7)),
    (0.50, (8, 15, 26, 43, 23.5), (12, 23, 23, 37, 27.7)),
]


@pytest.mark.parametrize(("null", "optimal", "minimax"), SIMON)
def test_two_stage_designs_equal_simons_table(null, optimal, minimax):
    designs = simon(null, null + 0.2, alpha=0.05, power=0.8, most_patients=60)
    for design, expected in ((designs.optimal, optimal), (designs.minimax, minimax)):
        found = (design.first_responders, design.first_n, design.responders, design.n)
        assert found == expected[:4]
        assert round(design.expected_n, 1) == expected[4]


# `closed_form.R` printed events and patients; months there, months here.
def arms(**columns):
    hazard = log(2) / 12
    control = EventTimes(hazard=hazard, cutoff=24.0, **columns)
    return control, EventTimes(hazard=0.7 * hazard, cutoff=24.0, **columns)


def test_events_and_patients_equal_those_of_rpact():
    control, experimental = arms(dropout=-log(0.95) / 12, accrual_breaks=(0.0, 12.0))
    events = 330.377913964
    assert schoenfeld_power(0.7, events) == pytest.approx(0.9, abs=1e-11)
    chance = (control.event_probability() + experimental.event_probability()) / 2
    assert events / chance == pytest.approx(592.992213354, rel=1e-9)


def test_events_and_patients_of_two_to_one_with_changing_accrual_equal_those_of_rpact():
    control, experimental = arms(accrual_breaks=(0.0, 6.0, 12.0), accrual_rates=(10.0, 30.0))
    events = 277.635492616
    assert schoenfeld_power(0.7, events, allocation=2.0) == pytest.approx(0.8, abs=1e-11)
    chance = (control.event_probability() + 2 * experimental.event_probability()) / 3
    assert events / chance == pytest.approx(529.140725447, rel=1e-9)


def test_lachin_and_foulkes_without_censoring_is_the_comparison_of_two_means():
    # Everybody's event is seen: phi is the squared hazard, and log hazards have variance 1/n.
    columns = {"cutoff": 1e6, "accrual_breaks": (0.0, 1.0)}
    control, experimental = (EventTimes(hazard=h, **columns) for h in (1.0, 0.7))
    za, zb = stats.norm.ppf([0.975, 0.9])
    needed = (za * np.sqrt(0.85**2 * 4) + zb * np.sqrt(2 + 2 * 0.49)) ** 2 / 0.09
    power = lachin_foulkes_power(needed, control, experimental)
    assert power == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize("allocation", [1.0, 2.0])
def test_lachin_and_foulkes_with_censoring_is_their_formula_with_integrated_chances(allocation):
    # Enrolled evenly over a year, followed to year 3; the arms differ in dropout, too.
    columns = {"cutoff": 3.0, "accrual_breaks": (0.0, 1.0)}
    control = EventTimes(hazard=0.3, dropout=0.05, **columns)
    experimental = EventTimes(hazard=0.2, dropout=0.15, **columns)

    def variance(hazard, dropout):
        def seen(entry):
            return stats.expon.cdf((3 - entry) * (hazard + dropout)) * hazard / (hazard + dropout)

        return hazard**2 / integrate.quad(seen, 0, 1)[0]

    one, other = allocation / (1 + allocation), 1 / (1 + allocation)
    null = variance(one * 0.2 + other * 0.3, one * 0.15 + other * 0.05) / (one * other)
    under_effect = variance(0.2, 0.15) / one + variance(0.3, 0.05) / other
    za, zb = stats.norm.ppf([0.975, 0.8])
    needed = (za * np.sqrt(null) + zb * np.sqrt(under_effect)) ** 2 / 0.01
    power = lachin_foulkes_power(needed, control, experimental, allocation=allocation)
    assert power == pytest.approx(0.8, abs=1e-9)


def test_one_sample_test_equals_scipys():
    response = np.arange(40) < 18
    for side in ("less", "greater", "two-sided"):
        expected = stats.binomtest(18, 40, 0.3, side).pvalue
        p_value = getattr(exact_binomial(response, 0.3), "p_" + side.replace("-", "_"))
        np.testing.assert_allclose(p_value, expected, rtol=1e-10)


def test_a_weaker_design_is_noticed():  # negative control
    assert simon(0.1, 0.3, power=0.75, most_patients=40).optimal.n != 29
    assert abs(schoenfeld_power(0.71, 330.377913964) - 0.9) > 0.01


# rpact 3.3.4: getSampleSizeSurvival(alpha = 0.025, sided = 1, beta = 0.1, hazardRatio = ,
# lambda2 = 0.3, accrualTime = c(0, 0.5, 2), accrualIntensity = c(0.1, 0.3), followUpTime = 1.5,
# dropoutRate1 = 0.05, dropoutRate2 = 0.05, dropoutTime = 1): maxNumberOfSubjects and ...OfEvents
SURVIVAL = [
    (0.6, 404.1124300, 161.0685919),
    (0.7, 787.6655073, 330.3779140),
    (0.8, 1923.2181818, 844.0876165),
]


@pytest.mark.parametrize(("ratio", "patients", "events"), SURVIVAL)
def test_patients_with_piecewise_enrollment_and_dropout_equal_those_of_rpact(
    ratio, patients, events
):
    columns = {
        "cutoff": 3.5,
        "dropout": -log(0.95),
        "accrual_breaks": (0.0, 0.5, 2.0),
        "accrual_rates": (0.1, 0.3),
    }
    control = EventTimes(hazard=0.3, **columns)
    experimental = EventTimes(hazard=0.3 * ratio, **columns)
    assert schoenfeld_power(ratio, events) == pytest.approx(0.9, abs=1e-9)
    chance = (control.event_probability() + experimental.event_probability()) / 2
    assert events / chance == pytest.approx(patients, rel=1e-9)


@pytest.mark.parametrize("follow_up", [0.4, 1.2, 2.5, 9.0])
def test_an_own_end_of_follow_up_hides_later_events(follow_up):
    one = EventTimes(
        hazard=0.6,
        dropout=0.1,
        cutoff=3.0,
        accrual_breaks=(0.0, 0.5, 2.0),
        accrual_rates=(1.0, 3.0),
        follow_up=follow_up,
    )

    def seen(entry):
        watched = min(3.0 - entry, follow_up)
        return 0.6 / 0.7 * -np.expm1(-0.7 * watched) * (1.0 if entry < 0.5 else 3.0)

    edges = sorted({0.0, 0.5, 2.0, min(max(3.0 - follow_up, 0.0), 2.0)})
    total = sum(integrate.quad(seen, lo, hi)[0] for lo, hi in pairwise(edges))
    assert one.event_probability() == pytest.approx(total / (0.5 + 4.5), rel=1e-9)


def test_what_no_formula_takes_is_refused():
    with pytest.raises(ValueError, match="follow_up"):
        EventTimes(hazard=1.0, cutoff=2.0, follow_up=0.0)
    alike = EventTimes(hazard=1.0, cutoff=2.0)
    with pytest.raises(ValueError, match="both hazards"):
        lachin_foulkes_power(100, alike, alike)
