"""How results show themselves: in a few lines, and as a table."""

from __future__ import annotations

import numpy as np
import pytest

import lupusim
from lupusim.analysis import (
    cumulative_incidence,
    fisher_exact,
    gray,
    group_sequential,
    kaplan_meier,
    larger_is_better,
    logrank,
    max_combo,
    negative_binomial,
    proportion,
    risk_difference,
    simon,
    two_by_two,
    win_statistics,
)
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.common.shown import Shown
from lupusim.engines.exact import first_passage, solve
from tolerance import SEED

MANY = (40, 60)
TIME = stream(SEED).exponential(size=MANY)
EVENT, ARM = np.ones(MANY, dtype=int), np.tile([0, 1], (40, 30))
RESPONSE = (TIME > 1).astype(int)
COUNT = np.floor(3 * TIME).astype(int)
MODEL = lupusim.load_model("illness-death")

RESULTS = {
    "logrank": lambda: logrank(TIME, EVENT, ARM),
    "one logrank": lambda: logrank(TIME[0], EVENT[0], ARM[0]),
    "gray": lambda: gray(TIME, EVENT, 1 - EVENT, ARM),
    "max_combo": lambda: max_combo(TIME[:2], EVENT[:2], ARM[:2]),
    "kaplan_meier": lambda: kaplan_meier(TIME[0], EVENT[0]),
    "cumulative_incidence": lambda: cumulative_incidence(TIME, EVENT, EVENT, [0.5, 1.0]),
    "fisher_exact": lambda: fisher_exact(RESPONSE[:2], ARM[:2]),
    "risk_difference": lambda: risk_difference(RESPONSE, ARM),
    "two_by_two": lambda: two_by_two(RESPONSE, ARM),
    "proportion": lambda: proportion(RESPONSE),
    "negative_binomial": lambda: negative_binomial(COUNT, np.ones(MANY), ARM),
    "win_statistics": lambda: win_statistics([larger_is_better(TIME[:2])], ARM[:2]),
    "simon": lambda: simon(0.1, 0.3),
    "bounds": lambda: group_sequential.bounds([1, 2, 3]),
    "exit_probabilities": lambda: group_sequential.exit_probabilities(
        group_sequential.bounds([1, 2]), 2.0
    ),
    "model": lambda: MODEL,
    "solution": lambda: solve(MODEL, [1.0, 2.0]),
    "first_passage": lambda: first_passage(MODEL, "death"),
    "cohort": lambda: lupusim.load_cohort_model("sick-sicker-yearly"),
    "histories": lambda: lupusim.simulate(MODEL, n_patients=10, horizon=1.0, seed=1),
    "scenario": lambda: lupusim.load_scenario("two_rates"),
    "point": lambda: lupusim.run("two_rates", 10, seed=1).points[0],
    "trial": lambda: lupusim.simulate_trial("two_rates", seed=1),
    "decision": lambda: lupusim.load_decision("hiv"),
}


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_a_result_takes_at_most_five_lines_and_is_a_table_in_a_notebook(result):
    found = result()
    assert 0 < len(repr(found).splitlines()) <= 5
    assert max(map(len, repr(found).splitlines())) <= 120
    html = found._repr_html_()
    assert html.startswith("<")
    assert "<script" not in html


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Odd(Shown):
    name: str
    values: np.ndarray


def test_what_a_user_called_a_thing_is_escaped_and_long_arrays_are_told_by_their_shape():
    odd = Odd(name="<script>alert(1)</script>", values=np.zeros((200, 3)))
    assert "<script" not in odd._repr_html_()
    assert repr(odd) == "Odd(name=<script>alert(1)</script>, values=array of shape (200, 3))"
    assert repr(Odd(name="x", values=np.array([1.0, 0.25]))) == "Odd(name=x, values=[1, 0.25])"
