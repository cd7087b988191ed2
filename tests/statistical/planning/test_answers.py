"""Sizes, assurance and differences against exact or closed-form values."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.stats import binom, norm

import small_trials
from lupusim.common.rng import stream
from lupusim.planning.assurance.assurance import assurance
from lupusim.planning.assurance.effect_priors import NormalEffect, OrNoEffect
from lupusim.planning.sample_size import search
from lupusim.planning.sample_size.exact import ExactPowers
from lupusim.planning.sample_size.growth import Patients, designs
from lupusim.planning.sample_size.options import Search
from lupusim.planning.sample_size.probit_line import NORMAL, Batch, fit_line
from lupusim.planning.sample_size.search import find_size
from lupusim.planning.sensitivity.one_at_a_time import Measure, sensitivity
from lupusim.planning.theory.drawn import controls, tables
from lupusim.scenario import load_scenario
from lupusim.simulation import fingerprint
from lupusim.simulation.fingerprint import content_hash
from lupusim.trial import BiasedCoin, Dropout
from tolerance import SEED, assert_within_mcse

SHARES = (0.3, 0.55)


def exact_power(n_patients: int, shares: tuple[float, float]) -> float:
    """Sum the binomial probabilities of every table that the pooled z test calls significant."""
    n = n_patients // 2
    control, new = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    pooled = (control + new) / (2 * n)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (new - control) / n / np.sqrt(2 * pooled * (1 - pooled) / n)
    chance = np.outer(*(binom.pmf(np.arange(n + 1), n, share) for share in shares))
    return float(chance[norm.sf(z) <= 0.025].sum())


def test_the_confirmed_power_is_the_exact_power():
    found = find_size(
        Patients(trial=small_trials.rates(SHARES, n_patients=80)), 0.9, search=Search(seed=SEED)
    )
    # Where the size is no multiple of the block of 4 the arms may differ by a pair: 0.002 at most.
    expected = exact_power(found.n_patients, SHARES)
    assert_within_mcse(found.power, expected, mcse=math.hypot(found.power_mcse, 0.0005))


def test_the_size_reaches_the_power_by_the_exact_sum_and_a_smaller_one_does_not():
    found = find_size(
        Patients(trial=small_trials.rates(SHARES, n_patients=80)), 0.8, search=Search(seed=SEED)
    )
    assert exact_power(found.n_patients, SHARES) > 0.8 - 4 * found.power_mcse
    assert exact_power(round(0.9 * found.n_patients), SHARES) < 0.8


def test_a_power_for_another_effect_is_told_apart():
    # Negative control: a share of 0.52 instead of 0.55.
    found = find_size(
        Patients(trial=small_trials.rates(SHARES, n_patients=80)), 0.9, search=Search(seed=SEED)
    )
    with pytest.raises(AssertionError):
        assert_within_mcse(
            found.power, exact_power(found.n_patients, (0.3, 0.52)), mcse=found.power_mcse
        )


def test_the_interval_of_a_line_holds_the_truth_in_95_of_100_searches():
    rng = stream(SEED, "lines")
    truth, n_searches = 100.0, 1000
    sizes = np.array([88, 92, 96, 98, 102, 104, 108, 112])
    power = norm.cdf(1.2816 + 0.3241 * (np.sqrt(sizes) - 10))  # through (0, -1.96)
    held = 0
    for _ in range(n_searches):
        batches = [
            Batch(size=int(n), n_replicates=1500, n_rejected=int(k))
            for n, k in zip(sizes, rng.binomial(1500, power), strict=True)
        ]
        near = float(rng.uniform(94, 106))
        low, high = fit_line(batches, near=near, probit=1.2816, alpha=0.025).interval(1.2816)
        held += low <= truth <= high
    assert_within_mcse(held / n_searches, 0.95, mcse=math.sqrt(0.95 * 0.05 / n_searches))


N_SEARCHES, PRECISION = 200, 0.04


@pytest.fixture(scope="module")
def searched():
    """Searches that take the power of their sizes for unknown, each from a seed of its own."""
    sizing = Patients(trial=small_trials.rates(SHARES, n_patients=80))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExactPowers, "smallest", lambda *_: None)
        patch.setattr(search, "answer_by_tables", lambda _: None)
        return [
            find_size(sizing, 0.8, search=Search(seed=SEED + k, precision=PRECISION, curve_at=()))
            for k in range(N_SEARCHES)
        ]


def smallest(power: float) -> int:
    return next(n for n in range(60, 200, 2) if exact_power(n, SHARES) >= power)


@pytest.mark.slow
def test_the_interval_of_a_search_holds_the_exact_size_in_95_of_100_searches(searched):
    def share_that_holds(size: int) -> float:
        return sum(low <= size <= high for low, high in (one.interval for one in searched)) / len(
            searched
        )

    mcse = math.sqrt(0.95 * 0.05 / N_SEARCHES)
    assert_within_mcse(share_that_holds(smallest(0.8)), 0.95, mcse=mcse)
    with pytest.raises(AssertionError):  # negative control: the size for another power
        assert_within_mcse(share_that_holds(smallest(0.85)), 0.95, mcse=mcse)


@pytest.mark.slow
def test_the_power_printed_of_a_size_is_no_better_than_its_exact_power(searched):
    """Fresh replicates confirm; only where they fall short is a size raised and confirmed anew.

    Of 300 searches each, 96 % (this design) and 98 % (log-rank) of the intervals held the power,
    and 3 and 1 % fell short of it by more than 1 %.
    """

    def held(shares: tuple[float, float]) -> float:
        exact = {n: exact_power(n, shares) for n in {one.n_patients for one in searched}}
        # as above, arms may differ by a pair
        limits = [1.959964 * math.hypot(one.power_mcse, 0.0005) for one in searched]
        misses = [abs(one.power - exact[one.n_patients]) for one in searched]
        return float(np.mean(np.array(misses) <= limits))

    mcse = math.sqrt(0.95 * 0.05 / N_SEARCHES)
    assert_within_mcse(held(SHARES), 0.95, mcse=mcse)
    with pytest.raises(AssertionError):  # negative control: the power for another share
        assert_within_mcse(held((0.3, 0.53)), 0.95, mcse=mcse)
    excess = [
        (one.power - exact_power(one.n_patients, SHARES)) / one.power_mcse for one in searched
    ]
    assert_within_mcse(float(np.mean(excess)), 0.0, mcse=1 / math.sqrt(N_SEARCHES))


@pytest.mark.slow
def test_no_more_than_2_5_of_100_sizes_are_too_small_by_more_than_the_precision(searched):
    """Limits of the search have half the width of the precision; teeth are 0.005 high."""
    larger = [math.ceil(one.n_patients * (1 + PRECISION) / 2) * 2 for one in searched]
    short = np.mean([exact_power(size, SHARES) < 0.8 - 0.005 for size in larger])
    assert short <= 0.025 + 4 * math.sqrt(0.025 * 0.975 / N_SEARCHES)
    smaller = [round(size * 0.9 / 2) * 2 for size in larger]  # negative control
    assert np.mean([exact_power(size, SHARES) < 0.8 - 0.005 for size in smaller]) > 0.5


def power_by_coin(n_patients: int) -> float:
    """Sum over the numbers on each arm, by Efron's chain of coin 2/3, and over their tables."""
    chance = np.ones(1)  # of each number on the new arm
    for n in range(n_patients):
        on_new = np.arange(n + 1)
        goes = np.select([2 * on_new < n, 2 * on_new > n], [2 / 3, 1 / 3], 0.5)
        chance = np.append(chance * (1 - goes), 0.0) + np.append(0.0, chance * goes)
    power = 0.0
    for n_new in np.flatnonzero(chance > 1e-9):
        sizes = n_patients - n_new, n_new
        control, new = np.ix_(*(np.arange(n + 1) for n in sizes))
        pooled = (control + new) / n_patients
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(pooled * (1 - pooled) * (1 / sizes[0] + 1 / sizes[1]))
            z = (new / sizes[1] - control / sizes[0]) / error
        tables = binom.pmf(control, sizes[0], SHARES[0]) * binom.pmf(new, sizes[1], SHARES[1])
        power += chance[n_new] * tables[norm.sf(z) <= 0.025].sum()
    return float(power)


@pytest.mark.slow
@pytest.mark.parametrize("precision", [0.04, 0.015])
def test_the_interval_by_drawn_tables_holds_the_exact_size(precision, monkeypatch):
    """Each search with tables from streams of its own, as another trial would have them."""
    sizing = Patients(trial=small_trials.rates(SHARES, n_patients=80))
    monkeypatch.setattr(ExactPowers, "smallest", lambda *_: None)
    n_searches, wanted = 100, Search(seed=SEED, precision=precision, curve_at=())
    found = []
    for k in range(n_searches):
        for module in (tables, controls):
            monkeypatch.setattr(module, "SEED", SEED + k)
        monkeypatch.setattr(fingerprint, "trial_fingerprint", partial(content_hash, k))
        found.append(find_size(sizing, 0.8, search=wanted))

    def share_that_holds(size: int) -> float:
        limits = [one.interval for one in found]
        return sum(low <= size <= high for low, high in limits) / n_searches

    mcse = math.sqrt(0.95 * 0.05 / n_searches)
    right = share_that_holds(smallest(0.8))
    assert right > 0.95 - 4 * mcse  # limits are whole turns of the ratio: they may hold more
    assert share_that_holds(smallest(0.8 + 2 * precision)) < 0.95 - 4 * mcse  # negative control
    z = [
        (one.drawn_power.value - exact_power(one.n_patients, SHARES)) / one.drawn_power.mcse
        for one in found
    ]
    assert_within_mcse(float(np.mean(z)), 0.0, mcse=1 / math.sqrt(n_searches))
    assert_within_mcse(float(np.std(z)), 1.0, mcse=1 / math.sqrt(2 * n_searches))


@pytest.mark.slow
def test_the_interval_holds_the_size_where_power_goes_up_and_down_from_size_to_size():
    """By 0.016 between odd and even sizes; of 250 searches 93 % held it, of others' seeds."""
    trial = replace(
        small_trials.rates(SHARES, n_patients=80), allocation=BiasedCoin(probability=2 / 3)
    )
    n_searches = 60
    limits = [
        find_size(
            Patients(trial=trial), 0.8, search=Search(seed=SEED + k, precision=0.03, curve_at=())
        ).interval
        for k in range(n_searches)
    ]
    size = next(n for n in range(100, 140) if power_by_coin(n) >= 0.8)
    mcse = math.sqrt(0.95 * 0.05 / n_searches)
    assert_within_mcse(float(np.mean([a <= size <= b for a, b in limits])), 0.95, mcse=mcse)
    more = float(np.mean([a <= 1.05 * size <= b for a, b in limits]))  # negative control
    with pytest.raises(AssertionError):
        assert_within_mcse(more, 0.95, mcse=mcse)


@pytest.mark.slow
def test_the_interval_of_a_search_that_takes_known_chance_out_holds_the_size():
    """A log-rank test, each replicate of which tells as much as five that are counted.

    The size is that of all searches together, which is known eight times as well.
    """
    (_, sizing), *_ = designs(load_scenario("survival_200_events"))
    n_searches = 60
    found = [
        find_size(sizing, 0.8, search=Search(seed=SEED + k, precision=0.03, curve_at=()))
        for k in range(n_searches)
    ]
    sizes = np.array([one.size for one in found])
    events = round(sizes.mean() * 1.001)
    limits = [one.interval for one in found]
    patients = sizing.at(events).n_patients
    mcse = math.sqrt(0.95 * 0.05 / n_searches)
    held = np.mean([low <= patients <= high for low, high in limits])
    assert_within_mcse(float(held), 0.95, mcse=mcse)
    more = sizing.at(round(1.06 * events)).n_patients  # negative control: 6 % more events
    others = np.mean([low <= more <= high for low, high in limits])
    with pytest.raises(AssertionError):
        assert_within_mcse(float(others), 0.95, mcse=mcse)
    # the power printed lies about the line of power by size as far off as its error says
    power, error = (
        np.array([getattr(one, name) for one in found]) for name in ("power", "power_mcse")
    )
    z = 0.8416 + (np.sqrt(sizes / events) - 1) * (0.8416 + 1.96)
    off = (power - norm.cdf(z)) / error
    assert_within_mcse(float(off.std(ddof=1)), 1.0, mcse=1 / math.sqrt(2 * n_searches))
    assert np.mean([one.n_replicates for one in found]) < 4_000


@pytest.mark.slow
def test_assurance_over_a_normal_prior_is_its_closed_form():
    r"""With d events the power is Phi(-log(HR) sqrt(d) / 2 - 1.96), Schoenfeld (1981).

    Averaged over log(HR) ~ N(m, s): Phi((-m sqrt(d) / 2 - 1.96) / sqrt(1 + s^2 d / 4)).
    """
    mean, sd, events = math.log(0.75), 0.15, 300
    result = assurance(
        small_trials.scenario(small_trials.survival(0.75)),
        effect_prior=NormalEffect(mean=mean, sd=sd),
        seed=SEED,
        n_replicates=12_000,
    )
    drift = math.sqrt(events) / 2
    expected = NORMAL.cdf((-mean * drift - 1.959964) / math.hypot(1, sd * drift))
    found = result.points[0]
    assert_within_mcse(found.assurance.value, expected, mcse=found.assurance.mcse)
    assert abs(found.assurance.value - found.power.value) > 4 * found.assurance.mcse
    share = found.distribution.parameter_share
    z = stream(SEED, "prior").standard_normal(200_000)
    power = norm.cdf((-mean - sd * z) * drift - 1.959964)
    assert_within_mcse(share.value, power.var() / (expected * (1 - expected)), mcse=share.mcse)


def test_assurance_with_a_point_at_no_effect_is_the_mixture_of_power_and_level():
    trial = small_trials.rates(SHARES, n_patients=80)
    result = assurance(
        small_trials.scenario(trial),
        effect_prior=OrNoEffect(probability=0.4),
    )
    expected = 0.6 * exact_power(80, SHARES) + 0.4 * exact_power(80, (0.3, 0.3))
    found = result.points[0].assurance
    assert (found.value, found.mcse) == (pytest.approx(expected, abs=1e-9), 0.0)


def test_the_standard_error_of_a_paired_difference_is_its_spread_over_seeds():
    def build(values):
        trial = small_trials.rates(SHARES, n_patients=80)
        dropout = Dropout(per_year=values.get("dropout", 0.1))
        return replace(trial, dropout=dropout, allocation=BiasedCoin())  # no exact power

    swings = [
        sensitivity(
            build, {"dropout": (0.05, 0.25)}, measure=Measure(n_replicates=200, seed=SEED + k)
        ).swings[0]
        for k in range(60)
    ]
    spread = np.std([swing.width.value for swing in swings], ddof=1)
    told = np.mean([swing.width.mcse for swing in swings])
    assert_within_mcse(spread / told, 1.0, mcse=1 / math.sqrt(2 * 59))
    unpaired = np.mean([math.hypot(s.at_low.mcse, s.at_high.mcse) for s in swings])
    with pytest.raises(AssertionError):  # negative control: the error without pairing
        assert_within_mcse(spread / unpaired, 1.0, mcse=1 / math.sqrt(2 * 59))
