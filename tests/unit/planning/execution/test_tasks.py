"""How work is cut into tasks: every block once, little left for one worker after the others."""

from __future__ import annotations

import heapq
import time
from dataclasses import replace

import pytest

import small_trials
from lupusim.planning.execution.tasks import Task, begun, blocks_of, in_goes, timed_work, work
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.relabeling import PER_SET
from lupusim.simulation.tally import Tally
from lupusim.trial import Trial

TRIAL = small_trials.rates((0.2, 0.5), n_patients=100)


def task(n_blocks: int, name: str = "one") -> Task:
    (first,) = blocks_of(TRIAL, 100, seed=1)
    numbers = range(n_blocks)
    blocks = tuple(type(first)(seed=1, number=k, n_replicates=100) for k in numbers)
    return Task(fingerprint=name, trial=TRIAL, blocks=blocks)


def test_every_block_is_in_one_go_in_its_order() -> None:
    jobs = [(task(103, "one"), 0.01), (task(7, "other"), 0.5), (task(3, "quick"), 0.0)]
    goes = list(in_goes(jobs))
    for job, _ in jobs:
        mine = [block for go in goes if go.fingerprint == job.fingerprint for block in go.blocks]
        assert tuple(mine) == job.blocks
    assert all(len(go.blocks) == 1 for go in goes if go.fingerprint == "other")


@pytest.mark.parametrize("n_workers", [2, 4])
@pytest.mark.parametrize("seconds", [0.02, 0.03])
def test_workers_end_nearly_together(n_workers: int, seconds: float) -> None:
    ends = [0.0] * n_workers
    n_blocks = round(4.0 / seconds)
    longest = 0
    for go in in_goes([(task(n_blocks), seconds)]):
        longest = max(longest, len(go.blocks))
        heapq.heappush(ends, heapq.heappop(ends) + seconds * len(go.blocks))
    assert longest == int(0.2 / seconds)
    assert max(ends) - min(ends) <= 2 * seconds


def asleep(trial: Trial, block: Block) -> Tally:
    del trial, block
    time.sleep(0.1)
    return Tally()


def test_time_spent_waiting_makes_no_task_smaller() -> None:
    done, seconds = timed_work(replace(task(1), score=asleep))
    assert done.seconds > 0.09
    assert seconds < 0.05


@pytest.mark.parametrize(
    ("n_replicates", "n_blocks", "expected"),
    [(1_600, 4, 100), (1_600, 3, 1_600), (999, 4, 999)],  # of 100 patients
)
def test_of_several_large_blocks_a_part_of_one_tells_the_time(
    n_replicates: int, n_blocks: int, expected: int
) -> None:
    seen: list[int] = []

    def noted(trial: Trial, block: Block) -> Tally:
        seen.append(block.n_replicates)
        return asleep(trial, block)

    first = Block(seed=1, number=0, n_replicates=n_replicates)
    blocks = tuple(replace(first, number=k) for k in range(3))
    asked = replace(task(1), blocks=blocks, score=noted)
    done, rest, seconds = begun(asked, n_blocks)
    assert set(seen) == {expected}
    assert [block for one in done for block in one.blocks] + list(rest.blocks) == list(blocks)
    assert len(done) == (expected == n_replicates)
    assert seconds < 0.05 * n_replicates / expected


def test_a_task_says_how_many_patients_are_simulated() -> None:
    assert task(3).n_patients == 3 * 100 * 100
    assert replace(task(3), relabeled=True).n_patients == 3 * 100 * 100 // PER_SET


def test_where_the_clock_of_the_processor_has_not_ticked_that_on_the_wall_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "thread_time", lambda: 5.0)
    _, seconds = timed_work(replace(task(1), score=asleep))
    assert seconds > 0.09


def test_what_blocks_count_is_together_unless_somebody_keeps_it_apart() -> None:
    several = replace(task(3), others={"other": TRIAL})
    apart, together = work(several), work(replace(several, apart=False))
    for key, tallies in apart.by_key.items():
        whole, in_first = Tally(), together.by_key[key]
        for tally in tallies:
            whole.add(tally)
        assert all(tally.counts for tally in tallies)
        assert in_first[0].counts == whole.counts
        assert not any(tally.counts for tally in in_first[1:])
