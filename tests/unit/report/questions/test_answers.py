"""Sentences of answers."""

from __future__ import annotations

import pandas as pd
import pytest

from lupusim.report.questions.answers import value_sentence


@pytest.mark.parametrize(
    ("sizes", "among"),
    [((81, 81, 81), ""), ((60, 81, 75, 60), " (not told apart from 60, 75)"), ((81,), "")],
    ids=["designs of one size", "sizes near each other", "one design"],
)
def test_a_size_that_is_worth_most_is_told_beside_other_sizes(sizes, among):
    values = {"n_patients": sizes, "net_value": 1.0, "evsi_mcse": 0.1}
    table = pd.DataFrame(values)
    table.loc[table["n_patients"].to_numpy().argmax(), "net_value"] = 1.1
    told = value_sentence(table)
    assert told == f"81 patients are worth most, 1.1 (0.1) after their cost{among}."
