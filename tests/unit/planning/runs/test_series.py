"""Which trials without an effect share their patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.proportions.beta_binomial import BetaPrior
from lupusim.analysis.proportions.posterior_tests import PosteriorDifferenceTest
from lupusim.planning.runs.replicates import simulate_block
from lupusim.planning.runs.series import more_precise, series_of
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.relabeling import score_relabeled
from lupusim.trial import Trial
from lupusim.trial.scenario import DesignPoint
from tolerance import SEED
from trials_of_values import value_trial

KNOWN = BetaPrior(alphas=(50.0,), betas=(150.0,))


def posterior(**priors: BetaPrior) -> Trial:
    trial = value_trial("pooled_z", "response", sample_size=12)
    test = PosteriorDifferenceTest(threshold=0.8, **priors)
    return replace(trial, analysis=replace(trial.analysis, test=test, alpha=0.2))


@pytest.mark.parametrize(("priors", "shares"), [({}, True), ({"control_prior": KNOWN}, False)])
def test_patients_are_shared_unless_a_prior_compares_them_with_others(priors, shares):
    point = DesignPoint(values={}, trial=posterior(**priors))
    power, error = more_precise(series_of(point), controlled=False)
    assert not power.relabeled
    assert error.relabeled == shares


def test_with_what_is_known_of_others_a_claim_is_mostly_the_patients():
    twin = posterior(control_prior=KNOWN).null_twin()
    blocks = [Block(seed=SEED, number=number, n_replicates=400) for number in range(60)]
    shared = [score_relabeled({"": twin}, (), one, {})[""].mean("reject").value for one in blocks]
    alone = [simulate_block(twin, one).mean("reject").value for one in blocks]
    assert np.var(shared) > 1.4 * np.var(alone)
