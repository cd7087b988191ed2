"""Sizes of a trial that ends at a date: nobody is tried who could not come by then."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from lupusim.planning.solving.goal import Goal
from lupusim.planning.solving.results import NotReachedError
from lupusim.planning.solving.search import Effort, find_value
from lupusim.scenario.files.number_at import NumberInFile, number_at

TRIAL = """schema: lupusim/scenario/1
title: Relapse by a date
outcomes:
  relapse: {kind: time_to_event}
arms:
  - {name: control, control: true, outcomes: {relapse: 14 months}}
  - {name: treated, outcomes: {relapse: {hazard_ratio: 0.65}}}
enrollment: 12 per month
looks:
  - {when: {calendar_time: 30 months}}
analysis: {test: logrank}
sample_size: 280
"""
COME = stats.poisson(12 * 30)  # patients who come in 30 months


@pytest.fixture
def size(tmp_path: Path) -> NumberInFile:
    file = tmp_path / "trial.yaml"
    file.write_text(TRIAL, encoding="utf-8")
    return number_at(file, ["sample_size"])


@pytest.mark.parametrize(("between", "most"), [(None, 1), ((100.0, 9000.0), 2)])
def test_no_size_is_tried_that_nobody_could_enroll(
    size: NumberInFile, between: tuple[float, float] | None, most: int
) -> None:
    """Of sizes that not one trial in 10^9 could enroll one at most is tried: the next one."""
    with pytest.raises(NotReachedError) as told:
        find_value(size.number(between), Goal(target=0.99), Effort(seed=1, n_replicates=200))
    words = str(told.value)
    assert "More patients would come too late: the last look is held by month 30" in words
    above, _ = size.number(between).rungs()
    assert sum(value > COME.isf(1e-9) for value in above) == most - 1
    assert max(above) > 0.9 * COME.mean()


def test_sizes_that_can_be_enrolled_are_all_in_time(size: NumberInFile) -> None:
    number = size.number(None)
    assert number.in_time(COME.mean())
    assert not number.in_time(2 * COME.mean())
    assert number.in_time(number.stated)
