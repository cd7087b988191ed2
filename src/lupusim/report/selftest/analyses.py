"""Tests, bounds and powers against published numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lupusim.report.selftest.comparison import Comparison, within_errors

# Freireich et al. (1963), Blood 21:699: weeks of remission of 21 pairs of patients with leukemia.
_PLACEBO = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)
_TREATED = (6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35)
_RELAPSED = (1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)
# Student (1908), Biometrika 6:1: hours of sleep gained on two drugs.
_SLEEP = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
_SLEEP_TOO = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)
# Bickel, Hammel and O'Connell (1975), Science 187:398: admitted and not, men then women, by
# department.
_ADMITTED = (
    (512, 313, 89, 19),
    (353, 207, 17, 8),
    (120, 205, 202, 391),
    (138, 279, 131, 244),
    (53, 138, 94, 299),
    (22, 351, 24, 317),
)
_R = "R 4.2.2, survival 3.5-3"
N_REPLICATES = 5000


def tests() -> Iterator[Comparison]:
    """Compare tests with what R and the literature print for published data."""
    yield from _survival_tests()
    yield from _tests_of_means()
    yield from _tests_of_proportions()


def _survival_tests() -> Iterator[Comparison]:
    from lupusim.analysis import cox, kaplan_meier, logrank

    time = np.array(_PLACEBO + _TREATED, dtype=float)
    event = np.array((1,) * 21 + _RELAPSED)
    arm = np.repeat([0, 1], 21)
    found = logrank(time, event, arm)
    yield _close("log-rank chi-square, leukemia", float(found.z) ** 2, 16.7929409892, _R)
    ratio = cox(time, event, arm)
    yield _close("Cox log hazard ratio, leukemia", float(ratio.estimate), -1.57212514883, _R)
    yield _close("its standard error", float(ratio.standard_error), 0.412396717709, _R)
    curve = kaplan_meier(np.array(_TREATED, dtype=float), np.array(_RELAPSED), [10.0, 23.0])
    for week, survival, right in zip(
        (10, 23), curve.survival, (128 / 170, 0.448179271709), strict=True
    ):
        yield _close(f"Kaplan-Meier, week {week}", float(survival), right, _R)


def _tests_of_means() -> Iterator[Comparison]:
    from lupusim.analysis import pooled_t_test, welch_test, wilcoxon

    values, arm = np.array(_SLEEP + _SLEEP_TOO), np.repeat([0, 1], 10)
    for name, test, right in (
        ("Student's t", pooled_t_test, 0.0791867142159),
        ("Welch's t", welch_test, 0.0793941401874),
        ("Wilcoxon's rank sum", wilcoxon, 0.063722250155),
    ):
        yield _close(
            f"{name}, two-sided p, sleep", float(test(values, arm).p_two_sided), right, "R 4.2.2"
        )


def _tests_of_proportions() -> Iterator[Comparison]:
    from lupusim.analysis import cochran_mantel_haenszel, fisher_exact, risk_difference, simon

    tea = fisher_exact(*_patients((3, 1, 1, 3)))
    yield _close(
        "Fisher's exact, the lady tasting tea", float(tea.p_greater), 17 / 70, "Fisher (1935)"
    )
    interval = risk_difference(*_patients((56, 14, 48, 32)))
    source = "Newcombe (1998), table II, method 10"
    yield _printed(
        "Newcombe's interval, 56/70 - 48/80, lower", float(interval.lower), 0.0524, source
    )
    yield _printed("the same, upper", float(interval.upper), 0.3339, source)
    each = [_patients(table) for table in _ADMITTED]
    admitted, men = (np.concatenate([one[k] for one in each]) for k in (0, 1))
    department = np.repeat(range(6), [sum(table) for table in _ADMITTED])
    found = cochran_mantel_haenszel(admitted, men, department)
    yield _close(
        "Cochran-Mantel-Haenszel chi-square", float(found.z) ** 2, 1.52460666044, "R 4.2.2"
    )
    yield _close(
        "Mantel-Haenszel odds ratio", math.exp(float(found.estimate)), 0.904696828259, "R 4.2.2"
    )
    design = simon(0.05, 0.25, alpha=0.05, power=0.8).optimal
    for name, number, right in zip(
        ("r1", "n1", "r", "n"),
        (design.first_responders, design.first_n, design.responders, design.n),
        (0, 9, 2, 17),
        strict=True,
    ):
        yield _close(
            f"Simon's optimal design, 5 % against 25 %, {name}",
            number,
            right,
            "Simon (1989), table 1",
        )


def _patients(table: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return response and arm of each patient: experimental yes and no, control yes and no."""
    return np.repeat([1, 0, 1, 0], table), np.repeat([1, 1, 0, 0], table)


def bounds() -> Iterator[Comparison]:
    """Compare bounds and sizes with tables and other programs."""
    from lupusim.analysis import group_sequential as sequential

    looks = np.arange(1, 6)
    tables = "Jennison and Turnbull (2000), tables 2.1 and 2.3"
    for name, delta, right in (("Pocock", 0.5, 2.413), ("O'Brien and Fleming", 0.0, 2.040)):
        rule = sequential.WangTsiatis(delta=delta)
        last = float(sequential.bounds(looks, alpha=0.05, sided=2, spending=rule).efficacy[-1])
        yield _printed(f"{name}, five looks, last bound", last, right, tables)
    design = sequential.bounds([67, 134, 200], alpha=0.025, spending="obrien_fleming")
    three = "rpact 4.5, gsDesign 3.11, lrstat 0.3.3"
    for look, right in enumerate((3.70023, 2.50411, 1.99373)):
        name = f"O'Brien-Fleming spending, look {look + 1} of 3"
        yield _printed(name, float(design.efficacy[look]), right, three)
    drift = -math.log(0.7) * math.sqrt(200 / 4)
    power = sequential.exit_probabilities(design, drift).power
    yield _printed(
        "power of these looks at hazard ratio 0.7", float(power), 0.707106, "rpact 3.3.4"
    )
    setting = sequential.SurvivalSetting(
        control_hazard=[math.log(2) / 12],
        hazard_ratio=0.7,
        enrollment_time=24,
        dropout_hazard=-math.log(0.95) / 12,
    )
    size = sequential.survival_size(design, setting, follow_up=12, power=0.9)
    yield _printed("patients for power 0.9", float(size.n_patients), 521.984942, "rpact 3.3.4")
    other = sequential.survival_size(
        design, setting, follow_up=12, power=0.9, method=sequential.LachinFoulkes()
    )
    yield Comparison(
        name="the same by Lachin and Foulkes",
        found=float(other.n_patients),
        expected=520.882,
        tolerance=520.882 * 1.2e-4,  # gsDesign's own
        source="gsDesign 3.11",
    )


def powers() -> Iterator[Comparison]:
    """Compare the power and the level of a simulated trial with the sum over all tables."""
    import lupusim

    result = lupusim.run("two_rates", N_REPLICATES, seed=1, n_jobs=1)
    for point in result.points:
        row: dict[str, Any] = point.row()
        for name in ("power", "type_one_error"):
            away = abs(row[name] - row[f"{name}_exact"]) / row[f"{name}_mcse"]
            said = f"two_rates, {row['n_patients']} patients, {name.replace('_', ' ')}"
            yield within_errors(said, away, "sum over all tables")


def _close(name: str, found: float, expected: float, source: str) -> Comparison:
    """Compare with a number that is given to ten digits or more."""
    tolerance = 1e-9 * max(1.0, abs(expected))
    return Comparison(
        name=name, found=float(found), expected=float(expected), tolerance=tolerance, source=source
    )


def _printed(name: str, found: float, expected: float, source: str) -> Comparison:
    """Compare with a number as printed: half a unit of its last digit."""
    digits = len(repr(expected).partition(".")[2])
    tolerance = 0.5000001 * 10.0**-digits
    return Comparison(name=name, found=found, expected=expected, tolerance=tolerance, source=source)
