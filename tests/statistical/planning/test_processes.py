"""Planning answers are the same bits on one process and on two."""

from __future__ import annotations

import pytest

import small_trials
from lupusim.planning.assurance import assurance as assuring
from lupusim.planning.assurance.effect_priors import NormalEffect
from lupusim.planning.execution import workers as parallel
from lupusim.planning.execution.bench import bench
from lupusim.planning.sample_size.search import sample_size
from lupusim.planning.sensitivity.one_at_a_time import Measure, sensitivity
from tolerance import SEED

SCENARIO = small_trials.scenario(small_trials.survival(0.6))


@pytest.fixture(autouse=True)
def _a_pool_for_everything(monkeypatch):
    monkeypatch.setattr(parallel, "_POOL_PAYS_AFTER", 0.0)


@pytest.mark.slow
def test_a_size_is_the_same_on_two_processes():
    one, two = (
        sample_size(SCENARIO, 0.8, seed=SEED, n_jobs=n_jobs, precision=0.1) for n_jobs in (1, 2)
    )
    assert one.to_json() == two.to_json()
    assert one.curve.equals(two.curve)
    other = sample_size(SCENARIO, 0.8, seed=SEED + 1, precision=0.1)  # negative control
    assert other.to_json() != one.to_json()


@pytest.mark.slow
def test_an_assurance_is_the_same_on_two_processes():
    one, two = (
        assuring.assurance(
            SCENARIO,
            effect_prior=NormalEffect(mean=-0.4, sd=0.2),
            seed=SEED,
            n_replicates=2000,
            nesting=assuring.Nesting(n_jobs=n_jobs),
        )
        for n_jobs in (1, 2)
    )
    assert one.to_json() == two.to_json()


@pytest.mark.slow
def test_a_tornado_is_the_same_on_two_processes():
    def build(values):
        return small_trials.survival(values.get("ratio", 0.6))

    found = []
    for n_jobs in (1, 2):
        with bench(parallel.Cores(n_jobs=n_jobs)) as here:
            measure = Measure(n_replicates=3000, seed=SEED)
            swings = sensitivity(build, {"ratio": (0.5, 0.7)}, measure=measure, bench=here)
            found.append(swings.to_json())
    assert found[0] == found[1]
