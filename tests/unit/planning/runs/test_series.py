"""Which trials without an effect share their patients, and how large samples behind a run are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lupusim.analysis.proportions.beta_binomial import BetaPrior
from lupusim.analysis.proportions.posterior_tests import PosteriorDifferenceTest
from lupusim.planning.controls import kinds
from lupusim.planning.controls.kinds import sample_growth
from lupusim.planning.controls.sampled import pairs
from lupusim.planning.execution.ledger import Existing
from lupusim.planning.runs.replicates import simulate_block
from lupusim.planning.runs.run import RunOptions, run
from lupusim.planning.runs.series import more_precise, series_of
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.relabeling import score_relabeled
from lupusim.trial import Trial
from lupusim.trial.scenario import DesignPoint, Scenario
from tolerance import SEED
from trials import survival_trial
from trials_of_values import value_trial
from trials_of_wins import win_trial

KNOWN = BetaPrior(alphas=(50.0,), betas=(150.0,))


def posterior(**priors: BetaPrior) -> Trial:
    trial = value_trial("pooled_z", "response", sample_size=12)
    test = PosteriorDifferenceTest(threshold=0.8, **priors)
    return replace(trial, analysis=replace(trial.analysis, test=test, alpha=0.2))


@pytest.mark.parametrize(("priors", "shares"), [({}, True), ({"control_prior": KNOWN}, False)])
def test_patients_are_shared_unless_a_prior_compares_them_with_others(priors, shares):
    point = DesignPoint(values={}, trial=posterior(**priors))
    power, error = more_precise(series_of(point), 100, controlled=False)
    assert not power.relabeled
    assert error.relabeled == shares


def test_with_what_is_known_of_others_a_claim_is_mostly_the_patients():
    twin = posterior(control_prior=KNOWN).null_twin()
    blocks = [Block(seed=SEED, number=number, n_replicates=400) for number in range(60)]
    shared = [score_relabeled({"": twin}, (), one, {})[""].mean("reject").value for one in blocks]
    alone = [simulate_block(twin, one).mean("reject").value for one in blocks]
    assert np.var(shared) > 1.4 * np.var(alone)


def test_a_sample_grows_with_the_run_but_not_where_all_share_it() -> None:
    wins = win_trial(n_patients=1000)
    asked = (100, 9_000, 10_000, 40_000, 10**9)
    assert [sample_growth(wins, n) for n in asked] == [1, 1, 4, 16, 64]
    assert {sample_growth(wins.null_twin(), n) for n in asked} == {1}
    assert sample_growth(survival_trial(), 10**6) == 1  # its law is exact
    point = series_of(DesignPoint(values={}, trial=wins))
    (short, twin), (long, same) = (more_precise(point, n) for n in (9_000, 10_000))
    assert short.fingerprint != long.fingerprint  # other sums, which do not go together
    assert (short.growth, long.growth) == (1, 4)
    assert twin.fingerprint == same.fingerprint


def test_a_longer_run_has_a_larger_sample_of_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pairs, "_DRAWN", 1_000)
    monkeypatch.setattr(pairs, "_PATIENTS", 600)
    monkeypatch.setattr(kinds, "_SHORT", 8_000)
    trial = win_trial(n_patients=40)
    words = {"name": "long", "title": "A long run", "question": ""}
    points = (DesignPoint(values={}, trial=trial),)
    asked = Scenario(**words, points=points, n_replicates=1_000, seed=SEED)
    short = run(asked, 500, options=RunOptions(folder=tmp_path)).points[0]
    again = RunOptions(folder=tmp_path, existing=Existing.RESUME)
    resumed, alone = run(asked, options=again).points[0], run(asked).points[0]
    assert resumed.power == alone.power
    small, large = (np.diag(one.tally.moments.known_to).max() for one in (short, alone))
    assert large < 0.6 * small
