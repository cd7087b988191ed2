"""Parts of a run, put together: the bits of the whole."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lupusim.planning.execution import tasks
from lupusim.planning.execution.ledger import Existing, Ledger, LedgerError
from lupusim.planning.execution.shards import Everything, Nothing, Shard, merge
from lupusim.planning.execution.tasks import Done
from lupusim.planning.runs.run import RunOptions, run
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.tally import Tally
from tolerance import SEED
from trials import scenario, survival_trial

N_REPLICATES = 33


@pytest.fixture(autouse=True)
def blocks_of_five(monkeypatch):
    monkeypatch.setattr(tasks, "replicates_per_block", lambda _: 5)


def asked():
    trials = (survival_trial(), survival_trial(n_patients=80))
    return replace(scenario(*trials, n_replicates=N_REPLICATES), text="title: mine")


def answer(result):
    told = result.to_json()
    del told["seconds"]
    return json.dumps(told)


def run_part(folder, share, *, seed=SEED, of=None):
    return run(of or asked(), seed=seed, options=RunOptions(folder=folder, share=share))


def test_every_block_belongs_to_exactly_one_shard():
    shards = [Shard.parse(f"{number}/4") for number in range(1, 5)]
    for number in range(20):
        block = Block(seed=1, number=number, n_replicates=5)
        assert sum(shard.takes(block) for shard in shards) == 1
        assert Everything().takes(block)
        assert not Nothing().takes(block)


@pytest.mark.parametrize("count", [1, 3, 9])
def test_merged_shards_give_the_bits_of_the_whole(tmp_path, count):
    folders = [tmp_path / str(number) for number in range(count)]
    for number, folder in enumerate(folders, 1):
        part = run_part(folder, Shard(number=number, count=count))
        assert part.complete == (count == 1)
    merged, seed = merge(list(reversed(folders)), tmp_path / "all")
    assert (merged.text, merged.n_replicates, seed) == ("title: mine", N_REPLICATES, SEED)
    options = RunOptions(folder=tmp_path / "all", existing=Existing.RESUME, share=Nothing())
    assert answer(run(asked(), seed=SEED, options=options)) == answer(run(asked(), seed=SEED))


def test_shards_can_be_merged_as_they_come_in(tmp_path):
    for number in (1, 2):
        run_part(tmp_path / str(number), Shard(number=number, count=2))
    options = RunOptions(folder=tmp_path / "all", existing=Existing.RESUME, share=Nothing())
    merge([tmp_path / "2"], tmp_path / "all")
    first = run(asked(), seed=SEED, options=options)
    assert not first.complete
    assert "15 of 33 replicates" in first.notes[0]
    merge([tmp_path / "1"], tmp_path / "all")
    merge([tmp_path / "1"], tmp_path / "all")
    assert answer(run(asked(), seed=SEED, options=options)) == answer(run(asked(), seed=SEED))


def test_parts_of_different_runs_are_not_merged(tmp_path):
    run_part(tmp_path / "1", Shard(number=1, count=2))
    run_part(tmp_path / "seed", Shard(number=2, count=2), seed=2)
    run_part(tmp_path / "text", Shard(number=2, count=2), of=replace(asked(), text="another"))
    options = RunOptions(folder=tmp_path / "n", share=Shard(number=2, count=2))
    run(asked(), 34, seed=SEED, options=options)
    for other, word in (("seed", "seed"), ("text", "scenario"), ("n", "number of replicates")):
        with pytest.raises(LedgerError, match=f"is a part of another run: {word} differ"):
            merge([tmp_path / "1", tmp_path / other], tmp_path / "all")
    assert not (tmp_path / "all").exists()
    merge([tmp_path / "1"], tmp_path / "all")
    with pytest.raises(LedgerError, match="is a part of another run: seed differ"):
        merge([tmp_path / "seed"], tmp_path / "all")


def test_a_folder_without_a_run_cannot_be_merged(tmp_path):
    with pytest.raises(LedgerError, match="holds no run"):
        merge([tmp_path], tmp_path / "all")
    Ledger(tmp_path).close()
    with pytest.raises(LedgerError, match="holds no run"):
        merge([tmp_path], tmp_path / "all")


def test_blocks_that_contradict_each_other_are_not_merged(tmp_path):
    for name, total in (("a", 1.0), ("b", 2.0)):
        with Ledger(tmp_path / name) as ledger:
            ledger.begin(asked(), seed=SEED, n_replicates=5)
            block = Block(seed=SEED, number=0, n_replicates=5)
            tally = Tally({"duration": (5, total, total)})
            ledger.store(Done(fingerprint="x", blocks=(block,), tallies=(tally,)))
    with pytest.raises(LedgerError, match="block 0 differs from the same block"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")


@pytest.mark.parametrize("text", ["3", "0/3", "4/3", "a/b", "1/0", "-1/3", "1/2/3"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a shard|must lie between"):
        Shard.parse(text)
