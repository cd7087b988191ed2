"""Which limits a selection of arms may have, and when an arm is proven early."""

from __future__ import annotations

import numpy as np
import pytest

from lupusim.simulation.adaptation import SelectArms
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from tolerance import SEED
from trials_staged import selection_trial


def test_limits_at_their_edge() -> None:
    assert SelectArms(epsilon=0.0).epsilon == 0
    assert SelectArms(keep=1).keep == 1
    with pytest.raises(ValueError, match=r"epsilon=-0\.1 must be 0 or above"):
        SelectArms(epsilon=-0.1)
    with pytest.raises(ValueError, match="keep=0 must be at least 1"):
        SelectArms(keep=0)


@pytest.mark.parametrize("early_alpha", [0.0, 0.005])
def test_an_arm_is_proven_at_the_look_alone_where_some_alpha_is_kept_for_it(early_alpha) -> None:
    trial = selection_trial(SelectArms(keep=1, early_alpha=early_alpha), 0.3, 0.95)
    found = simulate({"": trial}, Block(seed=SEED, number=0, n_replicates=10))[""]
    assert np.all(found["look_1_efficacy"] == (early_alpha > 0))
    assert np.all((found["n_enrolled"] == 200) == (early_alpha > 0))
    assert found["reject_dose 2"].all()
