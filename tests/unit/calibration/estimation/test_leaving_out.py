"""A study left out takes its cells with it; the covariances of the others stay theirs."""

from __future__ import annotations

import numpy as np

from lupusim.calibration.estimation.comparison import leave_one_out
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.scenario.files.calibration_block import load_free_model
from lupusim.scenario.files.evidence import load_study
from tolerance import SEED


def test_deviances_of_studies_alone_sum_to_that_of_all_whatever_is_joint() -> None:
    free_model = load_free_model("msc-durable")
    studies = [load_study(name) for name in ("SAT0244", "wen-2019", "wang-2014")]
    point = free_model.prior_mean
    joint = Likelihood(free_model, studies).joined(point, seed=SEED)
    assert joint.blocks  # wen-2019 sees the same patients twice
    alone = [
        Likelihood(free_model, [s]).joined(point, seed=SEED)
        if s.name == "wen-2019"
        else Likelihood(free_model, [s])
        for s in studies
    ]
    deviances = [2 * (a.negative_log_likelihood(point[None])[0] - a.saturated) for a in alone]
    whole = 2 * (joint.negative_log_likelihood(point[None])[0] - joint.saturated)
    np.testing.assert_allclose(sum(deviances), whole, rtol=1e-9)
    left_out = leave_one_out(joint, point)
    assert set(left_out) == {s.name for s in studies}
    independent = leave_one_out(Likelihood(free_model, studies), point)
    # The two counts of wen-2019 hang together: its own deviance changes when that is known.
    assert abs(left_out["wen-2019"] - independent["wen-2019"]) > 0.01
