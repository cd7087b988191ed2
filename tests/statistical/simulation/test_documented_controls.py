"""What the page says of control variates is of every kind, honest, and measured once more."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tolerance import assert_within_mcse
from trials_with_controls import KINDS, WRONG_LAWS, n_blocks

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))
import controls_page as controls

_ANOTHER = 1000  # round, of other random numbers


def rows_of(what: str) -> dict[str, list[str]]:
    """Return the cells of a table of the page, by kind."""
    title = f"\n{controls.TITLES[what]}\n"
    section = controls.PAGE.read_text("utf-8").split(title)[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:2] == "| "]
    return {kind: cells for kind, *cells in lines[1:]}


def test_every_kind_has_its_row_and_no_number_is_further_off_than_chance_brings():
    rows = rows_of(controls.POWER)
    assert list(rows) == list(KINDS)
    errors = rows_of(controls.ERROR)
    quick = {kind for kind, trial in KINDS.items() if controls.FEWER[n_blocks(trial)] == 1}
    assert quick <= set(errors) <= set(KINDS)
    for kind, cells in [*rows.items(), *errors.items()]:
        assert "**" not in " ".join(cells), kind


def test_every_wrong_law_is_caught():
    rows = rows_of(controls.WRONG)
    assert list(rows) == list(WRONG_LAWS)
    assert all("**" in " ".join(cells) for cells in rows.values())


@pytest.mark.slow
@pytest.mark.parametrize("what", [controls.POWER, controls.ERROR])
@pytest.mark.parametrize("kind", ["dropout", "one step of the hazard ratio", "a score, two to one"])
def test_what_is_measured_once_more_is_what_the_page_says(what, kind):
    share, _, _, _, _, _, n_runs = rows_of(what)[kind]
    runs = controls.measured(what, kind, _ANOTHER)
    again, errors = np.transpose(runs.known)
    error = np.sqrt((errors**2).mean() * (1 / len(again) + 1 / int(n_runs)))
    assert_within_mcse(again.mean(), float(share), mcse=np.hypot(error, 0.0005))  # as it is shown


@pytest.mark.slow
def test_a_wrong_law_would_stand_out_in_another_round():
    kind = "log-rank: a weaker effect"
    row = controls.measured(controls.WRONG, kind, _ANOTHER).row(wrong=True)
    assert abs(row.bias) > controls.FAR
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(row.law, 0.0, mcse=1.0)
