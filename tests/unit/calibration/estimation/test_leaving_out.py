"""A study left out takes its counts with it."""

from __future__ import annotations

import numpy as np

from lupusim.calibration.estimation.comparison import leave_one_out
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.scenario.files.calibration_block import load_free_model
from lupusim.scenario.files.evidence import load_study


def test_deviances_of_studies_alone_sum_to_that_of_all_whatever_is_joint() -> None:
    free_model = load_free_model("msc-durable")
    studies = [load_study(name) for name in ("SAT0244", "wen-2019", "wang-2014")]
    point = free_model.prior_mean
    joint = Likelihood(free_model, studies)
    assert joint.cohorts  # wen-2019 sees the same patients twice
    alone = [Likelihood(free_model, [s]) for s in studies]
    misfits = [one.misfit(point[None])[0] for one in alone]
    np.testing.assert_allclose(sum(misfits), joint.misfit(point[None])[0], rtol=1e-9)
    assert set(leave_one_out(joint, point)) == {s.name for s in studies}
