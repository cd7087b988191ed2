"""Which limits a selection of arms may have."""

from __future__ import annotations

import pytest

from lupusim.simulation.adaptation import SelectArms


def test_limits_at_their_edge() -> None:
    assert SelectArms(epsilon=0.0).epsilon == 0
    assert SelectArms(keep=1).keep == 1
    with pytest.raises(ValueError, match=r"epsilon=-0\.1 must be 0 or above"):
        SelectArms(epsilon=-0.1)
    with pytest.raises(ValueError, match="keep=0 must be at least 1"):
        SelectArms(keep=0)
