"""Counts of the same patients have one likelihood: by hand, and where they were wrong before."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import beta

from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.fit import fit_studies
from lupusim.calibration.targets.counts import (
    EverAfterCount,
    EverCount,
    Measure,
    OccupancyCounts,
)
from lupusim.calibration.targets.replication import replicate
from lupusim.calibration.targets.times import EventRate, MedianTime, SurvivalCurve
from lupusim.common.rng import stream
from lupusim.errors import EvidenceError
from lupusim.model import MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard
from studies_for_tests import chain_model, free_rates, study
from tolerance import SEED

SLOW, FAST = 0.1, 0.4
MODEL = chain_model(ExponentialHazard(rate=SLOW), ExponentialHazard(rate=FAST))
FREE = free_rates(MODEL)
TRUTH = np.log([SLOW, FAST])
CRITICAL = 3.841458820694124


def well(time: float, count: float, n: float = 6) -> OccupancyCounts:
    return OccupancyCounts(time=time, counts={("well",): count}, n=n)


def alive(time: float, count: float, n: float = 6) -> SurvivalCurve:
    return SurvivalCurve(states=("death",), times=(time,), survival=(count / n,), at_risk=(n,))


def height(*measures: object, n: int = 6, cohort: str = "one cohort") -> float:
    likelihood = Likelihood(FREE, [study(*measures, n_patients=n, cohort=cohort)])  # type: ignore[arg-type]
    return float(likelihood.negative_log_likelihood(TRUTH)[0])


def state(time: float, start: int = 0) -> np.ndarray:
    """Shares well, ill and dead."""
    if start == 1:
        return np.array([0, math.exp(-FAST * time), 1 - math.exp(-FAST * time)])
    first = math.exp(-SLOW * time)
    second = SLOW / (FAST - SLOW) * (math.exp(-SLOW * time) - math.exp(-FAST * time))
    return np.array([first, second, 1 - first - second])


def paths(first: float, second: float) -> np.ndarray:
    """Probabilities of being in each pair of states at two times, by hand."""
    later = np.array([state(second - first, k) if k < 2 else [0, 0, 1] for k in range(3)])
    return state(first)[:, None] * later


def test_two_looks_and_survival_are_the_sum_over_every_patients_every_path() -> None:
    p = paths(2.0, 5.0)
    total = 0.0
    for courses in itertools.combinations_with_replacement(range(9), 6):
        table = np.bincount(courses, minlength=9).reshape(3, 3)
        if table[0].sum() == 4 and table[:, 0].sum() == 3 and table[:, 2].sum() == 2:
            ways = math.factorial(6) / np.prod([math.factorial(k) for k in table.ravel()])
            total += ways * np.prod(p**table)
    assert height(well(2.0, 4), well(5.0, 3), alive(5.0, 4)) == pytest.approx(-math.log(total))


def test_a_denominator_that_nothing_else_says_is_no_evidence() -> None:
    """Two shares of the ever ill: trinomial given 4 ill, whatever the probability of being ill."""
    both = EverAfterCount(time=5.0, first=("ill",), then=("death",), count=2, n=4)
    median = MedianTime(states=("ill",), median=2.0, by=5.0, n=4)
    first, second = paths(2.0, 5.0), state(5.0)
    ever = 1 - second[0]
    p = np.zeros((2, 2))  # ill by 2 or later, dead by 5 or not; given ill by 5
    p[0] = [first[1, 1] + first[1, 2] + first[2, 2], 0]
    p[0] = [first[1, 2] + first[2, 2], first[1, 1]]
    p[1] = [second[2] - p[0, 0], second[1] - p[0, 1]]
    p /= ever
    total = sum(
        math.factorial(4)
        / (math.factorial(k) ** 2 * math.factorial(2 - k) ** 2)
        * p[0, 0] ** k
        * p[0, 1] ** (2 - k)
        * p[1, 0] ** (2 - k)
        * p[1, 1] ** k
        for k in range(3)
    )
    assert height(both, median) == pytest.approx(-math.log(total))


def test_counts_that_say_the_same_twice_say_it_once() -> None:
    once = height(alive(5.0, 4), well(2.0, 4))
    dead = OccupancyCounts(time=5.0, counts={("death",): 2}, n=6)
    assert height(alive(5.0, 4), dead, well(2.0, 4)) == pytest.approx(once)


def test_targets_of_different_softness_share_the_likelihood_by_the_chain_rule() -> None:
    measures = (well(2.0, 4), alive(5.0, 4))
    whole = study(*measures, n_patients=6, cohort="one cohort")
    soft = replace(whole, targets=(whole.targets[0], replace(whole.targets[1], soft=0.25)))
    ours = Likelihood(FREE, [soft]).negative_log_likelihood(TRUTH)[0]
    p = state(2.0)[0]
    first = -math.log(math.comb(6, 4) * p**4 * (1 - p) ** 2)
    assert ours == pytest.approx(first + 0.25 * (height(*measures) - first))


def test_softer_targets_at_the_same_time_take_their_paths_from_all_of_them() -> None:
    whole = study(well(5.0, 3), alive(5.0, 4), n_patients=6, cohort="one cohort")
    soft = replace(whole, targets=(whole.targets[0], replace(whole.targets[1], soft=0.25)))
    (cohort,) = Likelihood(FREE, [soft]).cohorts
    assert cohort.parts[0] is not None
    alone = replace(cohort, parts=(None, None))
    points = TRUTH + np.array([[0.0, 0.0], [0.3, -0.2]])
    for ours, own in zip(cohort.residuals(points), alone.residuals(points), strict=True):
        np.testing.assert_allclose(ours, own, atol=1e-10)


def two_rates() -> MultiStateModel:
    edges = (("active", "remission", 5.0), ("remission", "relapse", 0.1))
    deaths = tuple((origin, "death", 0.02) for origin in ("active", "remission", "relapse"))
    return MultiStateModel(
        name="remission",
        states=("active", "remission", "relapse", "death"),
        transitions=tuple(
            Transition(from_state=o, to_state=t, hazard=ExponentialHazard(rate=r))
            for o, t, r in (*edges, *deaths)
        ),
    )


def remission(*times: float, count: float, n: float) -> list[object]:
    seen = [OccupancyCounts(time=t, counts={("remission",): count}, n=n) for t in times]
    return [*seen, alive(times[-1], n, n)]


def test_eight_of_eight_in_remission_allow_a_fifth_of_relapses_a_year() -> None:
    """The profile over the rate of remission by hand: all are there at 6 and at 15 months."""
    model = two_rates()
    base = free_rates(model)
    death = replace(
        base.parameters[2],
        name="death",
        places={f"{t.label}.rate": 1.0 for t in model.transitions[2:]},
    )
    free = replace(base, parameters=(*base.parameters[:2], death))
    measures = remission(0.5, 1.25, count=8, n=8)
    fit = fit_studies([study(*measures, n_patients=8, cohort="one cohort")], free, seed=SEED)  # type: ignore[arg-type]

    def objection(relapse: float) -> float:
        def minus(log_rate: float) -> float:
            rate = math.exp(log_rate)
            early = rate / (rate - relapse) * -math.expm1(-(rate - relapse) * 0.5)
            return 2 * 8 * (1.25 * (relapse + 1e-4) - math.log(early))

        return float(minimize_scalar(minus, bounds=(1, 6), method="bounded").fun)

    limit = brentq(lambda r: objection(r) - objection(1e-4) - CRITICAL, 0.05, 0.5)
    assert fit.profiles[1].upper == pytest.approx(limit, rel=0.01)
    assert limit == pytest.approx(0.204, abs=0.001)


def test_no_death_of_26_is_one_multinomial_with_those_in_remission() -> None:
    model = two_rates()
    base = free_rates(model)
    death = replace(
        base.parameters[2],
        name="death",
        places={f"{t.label}.rate": 1.0 for t in model.transitions[2:]},
    )
    free = replace(base, parameters=(base.parameters[1], death))
    together = remission(5.0, count=16, n=26)
    fit = fit_studies([study(*together, n_patients=26, cohort="one cohort")], free, seed=SEED)  # type: ignore[arg-type]
    # Nobody dead of 26: 2 x 26 x 5 x rate = 3.84, all else refitted.
    assert fit.profiles[1].upper == pytest.approx(CRITICAL / 260, rel=0.02)
    # Clopper and Pearson's limit of 0 of 26: the chance of nobody dying is 0.025 there.
    exact = -math.log1p(-beta.ppf(0.975, 1, 26)) / 5
    assert fit.profiles[1].exact_limit == pytest.approx(exact, rel=0.01)
    assert fit.estimates["exact_limit"][1] == fit.profiles[1].exact_limit
    assert (
        f"(exact, as of nothing seen: {fit.profiles[1].exact_limit:.3g})"
        in fit.estimates["verdict"][1]
    )
    assert math.isnan(fit.profiles[0].exact_limit)


def test_all_of_twelve_have_an_exact_lower_limit() -> None:
    model = chain_model(ExponentialHazard(rate=0.3), states=("well", "ill"))
    seen = OccupancyCounts(time=1.0, counts={("ill",): 12}, n=12)
    fit = fit_studies([study(seen, n_patients=12)], free_rates(model), seed=SEED)
    (profile,) = fit.profiles
    assert profile.unbounded == ("above",)
    assert -math.expm1(-profile.exact_limit) == pytest.approx(beta.ppf(0.025, 12, 1), rel=0.005)
    (row,) = fit.estimate_rows()
    assert (row["lower"], row["exact_limit"]) == (profile.lower, profile.exact_limit)
    said = f"at least {profile.lower:.3g} (exact, as of everybody: {profile.exact_limit:.3g});"
    assert row["verdict"].startswith(said)


def test_deaths_given_a_second_time_per_person_year_are_counted_once() -> None:
    model = chain_model(ExponentialHazard(rate=0.02), states=("alive", "death"))
    rate = EventRate(origin=("alive",), to=("death",), events=13, person_years=371.8, until=5.0)
    fits = [
        fit_studies(
            [study(*some, n_patients=81, cohort="one cohort")], free_rates(model), seed=SEED
        )
        for some in ([alive(5.0, 68, 81)], [alive(5.0, 68, 81), rate])
    ]
    assert fits[1].profiles[0].lower == pytest.approx(fits[0].profiles[0].lower)
    assert any("count the same events already" in sentence for sentence in fits[1].statements)
    assert fits[1].targets["soft"].tolist() == [1.0, 0.0]
    wrong = replace(rate, events=21)
    with pytest.raises(EvidenceError, match=r"21 events are those.*at least 8 patients"):
        Likelihood(
            free_rates(model),
            [study(alive(5.0, 68, 81), wrong, n_patients=81, cohort="one cohort")],
        )


DEATHS = EventRate(origin=("alive",), to=("death",), events=10, person_years=290, until=5.0)
CENSORED = SurvivalCurve(
    states=("death",), times=(1.0, 3.0, 5.0), survival=(0.96, 0.9, 0.84), at_risk=(81, 70, 50)
)
DEAD = OccupancyCounts(time=5.0, counts={("death",): 13}, n=81)


@pytest.mark.parametrize(
    ("kept", "again"),
    [
        (DEATHS, DEATHS),
        (DEATHS, replace(DEATHS, events=6, person_years=190, until=3.0)),
        (CENSORED, DEATHS),
        (alive(5.0, 68, 81), CENSORED),
        (DEAD, CENSORED),
        (OccupancyCounts(time=5.0, counts={("alive",): 68}, n=81), CENSORED),
        (alive(4.0, 70, 81), replace(DEATHS, events=13, person_years=371.8)),
        (alive(5.0, 81, 81), replace(DEATHS, events=0, person_years=405)),
    ],
)
def test_events_of_the_same_patients_inform_once(kept: Measure, again: Measure) -> None:
    free = free_rates(chain_model(ExponentialHazard(rate=0.02), states=("alive", "death")))
    alone, both, apart = (
        fit_studies([study(*some, n_patients=81, cohort=cohort)], free, seed=SEED)
        for some, cohort in (
            ([kept], "one cohort"),
            ([again, kept], "one cohort"),
            ([again, kept], "separate patients"),
        )
    )
    assert both.profiles[0].upper == alone.profiles[0].upper
    assert both.targets["soft"].tolist().count(0.0) == both.targets["soft"].size - (
        alone.targets["soft"].size
    )
    assert any("count the same events already" in sentence for sentence in both.statements)
    assert apart.profiles[0].upper < both.profiles[0].upper  # patients of their own inform twice


def test_stays_and_the_moves_that_end_them_inform_once() -> None:
    free = free_rates(chain_model(ExponentialHazard(rate=SLOW), ExponentialHazard(rate=FAST)))
    stay = MedianTime(states=("ill",), median=1.7, n=40, by=5.0, is_stay=True)
    ends = EventRate(origin=("ill",), to=("death",), events=20, person_years=50, until=5.0)
    begins = replace(ends, origin=("well",), to=("ill",), person_years=200)
    likelihood = Likelihood(free, [study(ends, begins, stay, n_patients=90, cohort="one cohort")])
    assert [target.measure for _, target in likelihood.targets] == [begins, stay]


def test_a_denominator_of_those_followed_leaves_its_target_alone() -> None:
    """Four of the 50 ever ill were not followed: no contradiction, and no part of the table."""
    measures = (
        EverCount(time=5.0, states=("ill",), count=50, n=200),
        EverAfterCount(time=5.0, first=("ill",), then=("death",), count=20, n=46),
        alive(5.0, 176, 200),
        well(2.0, 170, 200),
    )
    likelihood = Likelihood(FREE, [study(*measures, cohort="one cohort")])
    assert likelihood.cohorts[0].cells.tolist() == [0, 1, 4, 5, 6, 7]
    too_many = replace(measures[1], n=60)
    with pytest.raises(EvidenceError, match="no patients who move as 'chain'"):
        Likelihood(FREE, [study(measures[0], too_many, *measures[2:], cohort="one cohort")])


def test_counts_that_the_model_can_not_have_are_refused_with_their_size() -> None:
    """Nobody who has left comes back: 150 well after 120 is 30 too many."""
    with pytest.raises(EvidenceError, match="at least 30 patients"):
        Likelihood(FREE, [study(well(1.0, 120, 200), well(2.0, 150, 200), cohort="one cohort")])


def test_looks_beyond_count_are_taken_one_after_the_other() -> None:
    """Each look names every state, so that each given the last is the whole likelihood."""
    model = MultiStateModel(
        name="there and back",
        states=("a", "b"),
        transitions=(
            Transition(from_state="a", to_state="b", hazard=ExponentialHazard(rate=0.5)),
            Transition(from_state="b", to_state="a", hazard=ExponentialHazard(rate=0.5)),
        ),
    )
    looks = [OccupancyCounts(time=0.3 * k, counts={("a",): 3}, n=4) for k in range(1, 14)]
    likelihood = Likelihood(free_rates(model), [study(*looks, n_patients=4, cohort="one cohort")])
    assert len(likelihood.cohorts[0].terms) == 13
    ours = likelihood.negative_log_likelihood(np.log([[0.5, 0.5]]))[0]
    stays, leaves = (1 + math.exp(-0.3)) / 2, (1 - math.exp(-0.3)) / 2
    first = 4 * stays**3 * leaves
    # Three stay and one stays away; or two stay, one leaves and the one away comes.
    later = stays**4 + 3 * stays**2 * leaves**2
    assert ours == pytest.approx(-math.log(first) - 12 * math.log(later))


def test_new_patients_of_a_cohort_have_the_counts_that_its_likelihood_expects() -> None:
    likelihood = Likelihood(
        FREE, [study(well(2.0, 4), alive(5.0, 4), n_patients=6, cohort="one cohort")]
    )
    rng = stream(SEED, "redrawn")
    drawn = [replicate(likelihood, TRUTH, rng=rng).cohorts[0].terms[0] for _ in range(100)]
    counts = np.array([[margin.count for margin in term.margins] for term in drawn])
    expected = 6 * np.array([state(2.0)[0], state(5.0)[2]])
    spread = np.sqrt(expected * (1 - expected / 6) / 100)
    assert (np.abs(counts.mean(axis=0) - expected) < 4 * spread).all()
