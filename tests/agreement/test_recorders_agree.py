"""What recorders keep of simulated patients, against exact probabilities and expectations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.linalg import expm

from engines_compared import (
    ALWAYS_THE_SAME,
    ENGINES,
    assert_counts_agree,
    constant,
    follow,
    generator,
    lupus,
)
from lupusim.common.arrays import FloatArray
from lupusim.common.rng import stream
from lupusim.engines import exact
from lupusim.model import MultiStateModel
from lupusim.records import FirstEntry, HazardAlong, StateAt, TimeIn, TransitionLog
from lupusim.records.histories import Histories
from strategies import models, renewal_models
from tolerance import SEED, assert_within_mcse

PATIENTS = {"vector": 40_000, "events": 8_000}
N_FOR_ANY_MODEL = {"vector": 20_000, "events": 2_000}
TIMES = (0.3, 1.0, 2.5)

any_engine = pytest.mark.parametrize("engine", list(ENGINES))
any_model = pytest.mark.parametrize("model", [constant(), lupus()], ids=lambda model: model.name)


def entered_by(entry: FirstEntry) -> np.ndarray:
    """Count who has not and who has entered by each time; (n_times, 2)."""
    entered = (entry.time <= np.array(TIMES)[:, None]).sum(axis=1)
    return np.stack([entry.time.size - entered, entered], axis=1)


def two_sided(probability: FloatArray) -> FloatArray:
    """Return the probabilities of no and of yes; (n_times, 2)."""
    return np.stack([1 - probability, probability], axis=1)


@any_engine
@any_model
def test_first_entries_are_absorption_into_the_set(engine: str, model: MultiStateModel) -> None:
    relapse, n = model.index("relapse"), PATIENTS[engine]
    entry = FirstEntry([relapse], n)
    follow(engine, model, [entry], n_patients=n, horizon=TIMES[-1])
    stopped = replace(
        model, transitions=tuple(w for w in model.transitions if w.from_state != "relapse")
    )
    ever = exact.solve(stopped, TIMES).probabilities[:, relapse]
    assert_counts_agree(entered_by(entry), two_sided(ever), n_patients=n)


@any_engine
@any_model
def test_mean_time_in_a_set_is_the_area_under_its_occupancy(
    engine: str, model: MultiStateModel
) -> None:
    states, n = [model.index("active"), model.index("relapse")], PATIENTS[engine]
    time_in = TimeIn(states, 2.0, n)
    follow(engine, model, [time_in], n_patients=n, horizon=2.0)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    occupancy = exact.solve(model, 1.0 + nodes).probabilities[:, states].sum(axis=1)
    mcse = time_in.time.std() / np.sqrt(n)
    assert_within_mcse(time_in.time.mean(), float(weights @ occupancy), mcse=mcse)


@any_engine
@given(model=renewal_models())
@settings(ALWAYS_THE_SAME, max_examples=6)
def test_recorders_answer_like_the_exact_engine(engine: str, model: MultiStateModel) -> None:
    assert_recorders_agree(engine, model)


@pytest.mark.slow
@any_engine
@given(model=models())
@settings(ALWAYS_THE_SAME, max_examples=6)
def test_recorders_answer_like_the_exact_engine_on_any_model(
    engine: str, model: MultiStateModel
) -> None:
    assert_recorders_agree(engine, model)


def assert_recorders_agree(engine: str, model: MultiStateModel) -> None:
    """Compare first entries, entries after another and years in each state."""
    n = N_FOR_ANY_MODEL[engine]
    states = model.states
    one, some = {states[1]}, {states[0], states[-1]}
    first = FirstEntry([1], n)
    either = FirstEntry({0, len(states) - 1}, n)
    then = FirstEntry({0, len(states) - 1}, n, after=first)
    time_in = [TimeIn([k], TIMES[-1], n) for k in range(len(states))]
    recorders = [first, either, then, *time_in]
    follow(engine, model, recorders, n_patients=n, horizon=TIMES[-1])

    ever = exact.ever(model, one, TIMES, tolerance=1e-4)
    assert_counts_agree(entered_by(first), two_sided(ever), n_patients=n)
    ever_either = exact.ever(model, some, TIMES, tolerance=1e-4)
    assert_counts_agree(entered_by(either), two_sided(ever_either), n_patients=n)
    after = exact.ever_after(model, one, some, TIMES, tolerance=1e-4)
    both = np.where(ever > 0, np.nan_to_num(after) * ever, 0.0)
    assert_counts_agree(entered_by(then), two_sided(both), n_patients=n)
    years = np.array([recorder.time for recorder in time_in])
    expected = exact.time_in_state(model, TIMES[-1], tolerance=1e-4)
    mcse = years.std(axis=1) / np.sqrt(n)
    varies = mcse > 1e-6
    assert np.allclose(years.mean(axis=1)[~varies], expected[~varies], rtol=0, atol=1e-3)
    if varies.any():
        assert_within_mcse(years.mean(axis=1)[varies], expected[varies], mcse=mcse[varies])


@any_engine
def test_entries_after_another_follow_the_doubled_chain(engine: str) -> None:
    """Active again after a first remission: states double into not yet and already."""
    model, n = constant(), PATIENTS[engine]
    remission, active = model.index("remission"), model.index("active")
    first = FirstEntry([remission], n)
    then = FirstEntry([active], n, after=first)
    follow(engine, model, [first, then], n_patients=n, horizon=TIMES[-1])
    single, k = generator(model), len(model.states)
    double = np.zeros((2 * k + 1, 2 * k + 1))
    double[:k, :k] = double[k:-1, k:-1] = single
    double[:k, k + remission], double[:k, remission] = single[:, remission], 0.0
    double[k:-1, -1], double[k:-1, k + active] = single[:, active], 0.0
    double[remission], double[k + active] = 0.0, 0.0
    after = np.array([expm(double * time)[0, -1] for time in TIMES])
    assert_counts_agree(entered_by(then), two_sided(after), n_patients=n)


@any_engine
def test_dropout_along_the_states_is_a_killed_chain(engine: str) -> None:
    model, n = constant(), PATIENTS[engine]
    rates = np.array([0.6, 0.1, 0.9, 0.0])
    dropout = HazardAlong(rates, stream(SEED, "dropout", engine).standard_exponential(n))
    follow(engine, model, [dropout], n_patients=n, horizon=TIMES[-1])
    killed = generator(model) - np.diag(rates)
    gone = np.array([1 - expm(killed * time)[0].sum() for time in TIMES])
    struck = (dropout.time <= np.array(TIMES)[:, None]).sum(axis=1)
    counts = np.stack([n - struck, struck], axis=1)
    assert_counts_agree(counts, two_sided(gone), n_patients=n)


@any_engine
def test_the_log_and_the_state_recorder_tell_the_same_story(engine: str) -> None:
    model, n = lupus(), 2_000
    log, at = TransitionLog(n), StateAt(TIMES, n)
    follow(engine, model, [log, at], n_patients=n, horizon=TIMES[-1])
    shares = Histories(model.states, TIMES[-1], log).occupancy(TIMES).to_numpy()
    counts = np.array([np.bincount(row, minlength=len(model.states)) for row in at.states])
    assert np.allclose(shares * n, counts, rtol=0, atol=1e-9)


def test_a_set_that_forgets_a_state_is_noticed() -> None:
    """Negative control: first entry into one state, against the chance of either of two."""
    model, n = constant(), PATIENTS["vector"]
    entry = FirstEntry([model.index("relapse")], n)
    follow("vector", model, [entry], n_patients=n, horizon=TIMES[-1])
    either = 1 - exact.solve(model, TIMES).probabilities[:, :2].sum(axis=1)
    with pytest.raises(AssertionError, match="standard errors"):
        assert_counts_agree(entered_by(entry), two_sided(either), n_patients=n)
