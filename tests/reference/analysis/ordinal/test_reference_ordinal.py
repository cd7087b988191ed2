"""The proportional odds model against R's polr; `ordinal.R` made the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lupusim.analysis.ordinal.proportional_odds import proportional_odds

HERE = Path(__file__).parent
DATA = json.loads((HERE.parent / "data.json").read_text())
EXPECTED = json.loads((HERE / "ordinal.json").read_text())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_common_odds_ratio_equals_polr(name):
    # polr stops at a relative change of its deviance, and takes its Hessian by differences.
    result = proportional_odds(DATA[name]["stratum"], DATA[name]["arm"])
    np.testing.assert_allclose(result.estimate, EXPECTED[name]["estimate"], rtol=1e-5)
    np.testing.assert_allclose(result.standard_error, EXPECTED[name]["standard_error"], rtol=1e-4)


def test_the_order_reversed_is_noticed():  # negative control
    stratum = 5 - np.array(DATA["lung"]["stratum"])
    result = proportional_odds(stratum, DATA["lung"]["arm"])
    assert abs(float(result.estimate) - EXPECTED["lung"]["estimate"]) > 0.01
