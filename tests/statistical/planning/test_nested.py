"""The first patients of a trial have the power of a smaller trial."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import small_trials
from lupusim.planning.runs.replicates import Simulator, derived_seed
from lupusim.planning.sample_size import prefixes as nested
from lupusim.planning.sample_size.growth import EventsInProportion, Patients, Sizing
from lupusim.planning.sample_size.prefixes import Prefixes, why_not_nested
from lupusim.scenario import load_scenario
from lupusim.trial import (
    AfterPatients,
    AtCalendarTime,
    AtEvents,
    BiasedCoin,
    PoissonEnrollment,
    Population,
    Trial,
    UniformEnrollment,
    WhenAll,
)
from tolerance import SEED, assert_within_mcse

RATES = small_trials.rates((0.3, 0.5), n_patients=160)
SURVIVAL = small_trials.survival(0.6)
N_REPLICATES = 20_000
ENROLLING = PoissonEnrollment(sites=10, per_site_per_year=20.0, ramp_up=0.5)
STRATIFIED = replace(
    RATES, population=Population(factors={"sex": {"f": 0.9, "m": 0.1}}), stratify_by=("sex",)
)
CASES: dict[str, tuple[Sizing, tuple[int, ...]]] = {
    "rates": (Patients(trial=RATES), (60, 110, 160)),
    "strata": (Patients(trial=STRATIFIED), (61, 160)),
    "coin": (Patients(trial=replace(RATES, allocation=BiasedCoin(probability=0.7))), (61, 160)),
    "events": (EventsInProportion(trial=SURVIVAL), (60, 101, 160)),
    "arrivals": (EventsInProportion(trial=replace(SURVIVAL, enrollment=ENROLLING)), (60, 160)),
    "calendar": (Patients(trial=replace(SURVIVAL, cutoff=AtCalendarTime(time=2.2))), (90, 180)),
    "late": (Patients(trial=replace(RATES, enrollment=ENROLLING)), (80, 160)),
}


def prefix_powers(sizing: Sizing, sizes: tuple[int, ...]) -> list[float]:
    simulator = Simulator(seed=SEED)
    score = Prefixes(sizing=sizing, sizes=sizes)
    tally = simulator.tally(sizing.at(sizes[-1]), N_REPLICATES, score=score)
    return [tally.mean(f"reject {size}").value for size in sizes]


@pytest.mark.parametrize(
    "name", [n if n == "rates" else pytest.param(n, marks=pytest.mark.slow) for n in CASES]
)
def test_prefix_powers_are_those_of_separate_simulations(name: str) -> None:
    sizing, sizes = CASES[name]
    assert why_not_nested(sizing.trial) == ""
    for size, power in zip(sizes, prefix_powers(sizing, sizes), strict=True):
        own = Simulator(seed=derived_seed(SEED, name, size)).tally(sizing.at(size), N_REPLICATES)
        alone = own.mean("reject")
        assert 0.1 < alone.value < 0.99
        assert_within_mcse(power, alone.value, mcse=alone.mcse * math.sqrt(2))


def test_the_largest_size_is_the_separate_simulation_bit_for_bit() -> None:
    sizing, sizes = CASES["rates"]
    own = Simulator(seed=SEED).tally(sizing.at(sizes[-1]), N_REPLICATES).mean("reject")
    assert prefix_powers(sizing, sizes)[-1] == own.value


def test_uniform_times_that_are_not_stretched_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Negative control: the first half of the patients would all come in the first half.
    monkeypatch.setattr(UniformEnrollment, "of_first", lambda _, times, __: times)
    sizing, sizes = CASES["calendar"]
    own = Simulator(seed=SEED + 1).tally(sizing.at(sizes[0]), N_REPLICATES).mean("reject")
    with pytest.raises(AssertionError):
        assert_within_mcse(prefix_powers(sizing, sizes)[0], own.value, mcse=own.mcse * math.sqrt(2))


def test_stretched_times_are_uniform() -> None:
    trial = replace(RATES, n_patients=5)
    times = RATES.enrollment.times(4000, 12, rng=np.random.Generator(np.random.PCG64(SEED)))
    first = trial.enrollment.of_first(times, trial.n_patients)[:, :5]
    assert_within_mcse(first.mean(), 0.5, mcse=math.sqrt(1 / 12 / first.size))
    # Of 5 uniform times the largest has mean 5/6 and variance 5/252 (Beta(5, 1)).
    assert_within_mcse(first[:, -1].mean(), 5 / 6, mcse=math.sqrt(5 / 252 / 4000))


class Unknown:
    """A part of a trial of which nobody has said that prefixes keep it."""

    in_order = False

    def needs_first_only(self) -> bool:
        return False


def with_part(name: str, part: object) -> Trial:
    """Return a trial with any part, unchecked."""
    trial: Trial = replace(SURVIVAL)
    object.__setattr__(trial, name, part)
    return trial


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("allocation", "the allocation may depend on the size"),
        ("cutoff", "the data cutoff may depend on patients who come later"),
    ],
)
def test_a_part_that_may_know_the_size_is_refused(name: str, message: str) -> None:
    assert why_not_nested(with_part(name, Unknown())) == message


def test_what_is_not_exact_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    several = load_scenario("survival_three_looks").points[0].trial
    assert why_not_nested(several) == "the design is not fixed"
    assert why_not_nested(with_part("analysis", None)) == "there is no test"
    both = WhenAll(conditions=(AtEvents(events=9), AfterPatients(patients=9, follow_up=0.1)))
    assert why_not_nested(replace(SURVIVAL, cutoff=both, follow_up=5.0)) == ""
    monkeypatch.setattr(nested, "_KEPT_BY_PREFIX", nested._KEPT_BY_PREFIX - {"stratify_by"})
    assert why_not_nested(STRATIFIED) == "stratify_by may depend on the size"
