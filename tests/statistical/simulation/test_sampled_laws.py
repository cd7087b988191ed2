"""Where a law comes from a sample of patients, its error is in that of the shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.endpoints import TimeInStates
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.sampled import floors, numbers, pairs, samples
from lupusim.simulation.block import followed
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.moments import Moments
from lupusim.trial import AtCalendarTime, Trial
from tolerance import SEED, assert_within_mcse
from trials import analysis
from trials_of_wins import EFFECT, RANKS, two_doses, win_trial
from trials_with_controls import GOING_OVER

pytestmark = pytest.mark.slow

_RUNS = 200
_PER_RUN = 200
_PER_RUN_OF_ARMS = 400  # their controls are more
_FEW = 9_000  # patients of a sample, about as many as of a run, so that both errors count
YEARS = TimeInStates(name="years", states=("remission",), until=1.0)
DATED = win_trial(n_patients=60, cutoff=AtCalendarTime(time=1.7))
_FEWER = 2_000  # where the exact engine knows most of their states


@pytest.mark.parametrize(
    ("trial", "facts"),
    [
        (win_trial(n_patients=60), True),
        (win_trial(n_patients=60), False),
        (win_trial("wilcoxon", primary=RANKS, n_patients=60), False),
        (two_doses(analysis("win_odds")), False),
        (win_trial(analysis=analysis("wilcoxon", alpha=0.2), primary=YEARS, n_patients=60), True),
        (DATED, False),
        (win_trial("wilcoxon", primary=RANKS, n_patients=60, arms=GOING_OVER), False),
    ],
    ids=[
        "wins",
        "wins, no state known",
        "ranks, no state known",
        "two doses, no state known",
        "years",
        "wins by a date",
        "ranks where patients go over",
    ],
)
def test_shares_are_unbiased_and_their_errors_honest(
    trial: Trial, facts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, number in (
        (pairs, "_DRAWN", _FEWER if facts else _FEW),
        (pairs, "_DRAWN_OF_RANKS", _FEW),
        (pairs, "_PATIENTS", 600),  # who tell cells apart
        (pairs, "_TIMES", 1),
        (numbers, "_DRAWN", _FEWER),
        (floors, "_TIMES", 4),
    ):
        monkeypatch.setattr(module, name, number)
    per_run = _PER_RUN if len(trial.arms) == 2 else _PER_RUN_OF_ARMS
    known = samples.shares_of_facts(trial, np.array([1.0])) if facts else None
    monkeypatch.setattr(samples, "shares_of_facts", lambda *_: known)
    runs, claimed, known_to = [], [], 0.0
    for run in range(_RUNS):
        block = Block(seed=SEED, number=run, n_replicates=per_run)
        found, patients = followed({"": trial}, block)
        control = control_of(trial, seed=run)
        values, claims = control.values(patients.generated), found[""]["reject"]
        share = Moments.of(claims, values, control.known_to).share()
        assert share is not None
        runs.append(share)
        claimed.append(claims.mean())
        known_to += float((np.diag(control.known_to) * per_run / values.var(axis=0)).max())
    assert known_to / _RUNS > (0.05 if facts else 0.5)  # of the trials' own: it counts
    shares, errors = np.array(runs).T
    assert shares.std() < 0.85 * np.std(claimed)
    off = (shares - shares.mean()) / errors
    assert_within_mcse(off.std(), 1.0, mcse=1 / np.sqrt(2 * _RUNS))
    assert_within_mcse((np.abs(off) <= 1.96).mean(), 0.95, mcse=np.sqrt(0.95 * 0.05 / _RUNS))
    apart = np.array(claimed) - shares  # what was taken out has mean 0
    assert_within_mcse(apart.mean(), 0.0, mcse=apart.std() / np.sqrt(_RUNS))


@pytest.mark.parametrize(
    ("right", "ratio"),
    [
        (win_trial(), 0.5),
        (DATED, 0.5),
        (win_trial("wilcoxon", primary=RANKS), 0.5),
        (win_trial("wilcoxon", primary=YEARS), 0.6),  # a hazard ratio of 0.45 moves it less
    ],
    ids=["wins", "wins by a date", "ranks", "years"],
)
def test_a_wrong_law_of_pairs_is_caught(right: Trial, ratio: float) -> None:
    weaker = replace(right.arms[1], effects=(replace(EFFECT, hazard_ratio=ratio),))
    wrong = control_of(replace(right, arms=(right.arms[0], weaker)))
    block = Block(seed=SEED, number=0, n_replicates=3000)
    _, patients = followed({"": right}, block)
    values = wrong.values(patients.generated)
    error = np.sqrt(values.var(axis=0) / len(values) + np.diag(wrong.known_to))
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(values.mean(axis=0), 0.0, mcse=error)
