"""The ledger: what is committed is found again, what differs is refused, nothing is lost."""

from __future__ import annotations

import errno
import json
import math
import os
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest

from lupusim.planning.execution import ledger as ledger_module
from lupusim.planning.execution import tasks
from lupusim.planning.execution.ledger import FILE_NAME, Existing, Ledger, LedgerError
from lupusim.planning.execution.ledger_file import APPLICATION
from lupusim.planning.execution.shards import merge
from lupusim.planning.execution.tasks import Done
from lupusim.planning.runs.run import InterruptedRunError, RunOptions, run
from lupusim.planning.runs.series import Estimates
from lupusim.simulation.adaptation import base as blocks
from lupusim.simulation.fingerprint import trial_fingerprint
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.quantiles import Counts
from lupusim.simulation.tally import Tally
from tolerance import SEED
from trials import disease_trial, scenario, survival_trial

N_REPLICATES = 23  # four blocks of five and one of three


@pytest.fixture(autouse=True)
def blocks_of_five(monkeypatch):
    monkeypatch.setattr(tasks, "replicates_per_block", lambda _: 5)


@pytest.fixture
def simulated(monkeypatch):
    """Count the blocks whose patients are really simulated."""
    generated, original = [], blocks.generate

    def count(trial, block, **more):
        generated.append(block)
        return original(trial, block, **more)

    monkeypatch.setattr(blocks, "generate", count)
    return generated


def answer(result):
    told = result.to_json()
    del told["seconds"]
    return json.dumps(told)


def options(folder, existing=Existing.RESUME):
    return RunOptions(folder=folder, existing=existing)


def asked():
    return scenario(survival_trial(), disease_trial(), n_replicates=N_REPLICATES)


def stop_after(n_replicates):
    def listener(progress):
        if progress.done >= n_replicates:
            raise KeyboardInterrupt

    return listener


@pytest.mark.parametrize("stop", [1, 10, 25, 60, 4 * N_REPLICATES])
def test_a_resumed_run_gives_the_bits_of_an_uninterrupted_one(tmp_path, stop, simulated):
    whole = answer(run(asked(), seed=SEED))
    needed = len(simulated)
    with pytest.raises(InterruptedRunError) as interrupt:
        run(asked(), seed=SEED, listener=stop_after(stop), options=options(tmp_path))
    assert interrupt.value.partial.points
    assert answer(run(asked(), seed=SEED, options=options(tmp_path))) == whole
    assert len(simulated) == 2 * needed


def test_a_partial_result_says_what_is_in(tmp_path):
    with pytest.raises(InterruptedRunError) as interrupt:
        run(asked(), seed=SEED, listener=stop_after(10), options=options(tmp_path))
    partial = interrupt.value.partial
    assert not partial.complete
    assert len(partial.points) == 1
    assert math.isnan(partial.points[0].type_one_error.value)
    assert partial.to_json()["complete"] is False
    assert f"of {N_REPLICATES} replicates, with arms alike 0 of {N_REPLICATES}" in partial.notes[0]


def test_an_interruption_before_the_first_block_leaves_no_point(monkeypatch):
    def at_once(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(blocks, "generate", at_once)
    with pytest.raises(InterruptedRunError) as interrupt:
        run(asked(), seed=SEED)
    assert interrupt.value.partial.points == ()
    assert not interrupt.value.partial.complete


def test_another_design_costs_only_itself(tmp_path, simulated):
    first = scenario(survival_trial(), n_replicates=20)
    run(first, seed=SEED, options=options(tmp_path))
    assert len(simulated) == 8
    both = scenario(survival_trial(n_patients=80), survival_trial(), n_replicates=20)
    result = run(both, seed=SEED, options=options(tmp_path))
    assert len(simulated) == 16
    assert answer(result) == answer(run(both, seed=SEED))


def test_designs_with_one_null_twin_simulate_it_once(simulated):
    strong, weak = survival_trial(hazard_ratio=0.5), survival_trial(hazard_ratio=0.7)
    result = run(scenario(strong, weak, n_replicates=20), seed=SEED)
    assert len(simulated) == 4 + 4 + 4
    assert result.points[0].null_tally == result.points[1].null_tally
    alone = run(scenario(weak, n_replicates=20), seed=SEED).points[0]
    assert result.points[1].tally == alone.tally
    assert result.points[1].null_tally == alone.null_tally


def test_fewer_and_more_replicates_reuse_whole_blocks(tmp_path, simulated):
    one = scenario(survival_trial())
    run(one, 23, seed=SEED, options=options(tmp_path))
    assert len(simulated) == 10
    fewer = run(one, 10, seed=SEED, options=options(tmp_path))
    assert len(simulated) == 10
    more = run(one, 30, seed=SEED, options=options(tmp_path))
    assert len(simulated) == 14
    assert answer(fewer) == answer(run(one, 10, seed=SEED))
    assert answer(more) == answer(run(one, 30, seed=SEED))


def test_sums_come_back_to_the_last_bit(tmp_path):
    block = Block(seed=1, number=0, n_replicates=5)
    counts = {
        "n_enrolled": Counts(piles={59.0: 2, 60.0: 3}),
        "duration": Counts(piles={0.1 + 0.2: 3}, bins={-7: (2, 1e-300, 0.7)}),
        "cost": Counts(),
    }
    tally = Tally({"a": (5, 0.1 + 0.2, 1e-300), "b": (0, -0.0, math.inf)}, counts)
    done = Done(fingerprint="x", blocks=(block,), tallies=(tally,))
    with Ledger(tmp_path) as ledger:
        ledger.store(done)
        ledger.store(done)
    with Ledger(tmp_path, existing=Existing.RESUME) as ledger:
        assert list(ledger.finished("x", seed=1)) == [(block, tally)]
        assert list(ledger.finished("y", seed=1)) == []


def test_a_folder_with_a_run_is_left_alone_unless_resumed(tmp_path):
    run(asked(), seed=SEED, options=options(tmp_path))
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(LedgerError, match="holds a run already: continue it with --resume"):
        run(asked(), seed=SEED, options=options(tmp_path, Existing.REFUSE))
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_another_seed_is_refused(tmp_path):
    run(asked(), seed=SEED, options=options(tmp_path))
    with pytest.raises(LedgerError, match=f"must not be mixed: seed was {SEED}, is now 1"):
        run(asked(), seed=1, options=options(tmp_path))


def test_another_version_or_code_is_refused(tmp_path, monkeypatch):
    run(asked(), seed=SEED, options=options(tmp_path))
    real = ledger_module.versions()
    monkeypatch.setattr(ledger_module, "versions", lambda: {**real, "numpy": "1.0"})
    with pytest.raises(LedgerError, match=r"numpy version was .*, is now 1\.0"):
        run(asked(), seed=SEED, options=options(tmp_path))
    monkeypatch.setattr(ledger_module, "versions", lambda: real)
    monkeypatch.setattr(ledger_module, "code_fingerprint", lambda: "other")
    with pytest.raises(LedgerError, match=r"simulation code was .*, is now other"):
        run(asked(), seed=SEED, options=options(tmp_path))


def test_another_scenario_is_refused_even_where_null_twins_are_the_same(tmp_path):
    run(scenario(survival_trial()), 10, seed=SEED, options=options(tmp_path))
    other = scenario(survival_trial(hazard_ratio=0.6))
    with pytest.raises(LedgerError, match="the scenario has changed"):
        run(other, 10, seed=SEED, options=options(tmp_path))


def test_the_ledger_remembers_what_was_asked(tmp_path):
    text = replace(asked(), text="title: x", name="mine")
    run(text, 7, seed=SEED, options=options(tmp_path))
    run(text, 9, seed=SEED, options=options(tmp_path))
    with Ledger.reading(tmp_path) as ledger:
        assert [(a.name, a.text, a.n_replicates) for a in ledger.asked()] == [
            ("mine", "title: x", 7),
            ("mine", "title: x", 9),
        ]
        assert ledger.about()["seed"] == str(SEED)
        assert {"numpy version", "python version", "lupusim version", "simulation code"} < set(
            ledger.about()
        )


def test_a_second_process_is_told_and_harms_nothing(tmp_path):
    code = (
        "import sys; from pathlib import Path; from lupusim.planning.execution.ledger import *\n"
        "try: Ledger(Path(sys.argv[1]), existing=Existing.RESUME)\n"
        "except LedgerError as error: print(error)"
    )

    def second():
        command = [sys.executable, "-c", code, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    with Ledger(tmp_path) as ledger:
        ledger.begin(asked(), seed=SEED, n_replicates=5)
        assert "is in use by another run" in second()
        with pytest.raises(LedgerError, match="is in use by another run"):
            Ledger(tmp_path, existing=Existing.RESUME)
    assert second() == ""


def test_a_full_disk_is_one_message_and_keeps_what_was_done(tmp_path, monkeypatch):
    connect = ledger_module._connect

    def small_disk(path):
        connection = connect(path)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 3}")
        return connection

    monkeypatch.setattr(ledger_module, "_connect", small_disk)
    one = scenario(survival_trial())
    with pytest.raises(OSError, match="disk is full or failing: what was finished") as full:
        run(one, 300, seed=SEED, options=options(tmp_path))
    assert full.value.errno == errno.ENOSPC
    monkeypatch.setattr(ledger_module, "_connect", connect)
    with Ledger.reading(tmp_path) as ledger:
        name = f"{trial_fingerprint(survival_trial())} {Estimates.CONTROLLED.value}"
        kept = len(list(ledger.finished(name, seed=SEED)))
    assert kept > 0
    again = run(one, 300, seed=SEED, options=options(tmp_path))
    assert answer(again) == answer(run(one, 300, seed=SEED))


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path, monkeypatch):
    connect = ledger_module._connect

    def read_only(path):
        connect(path).close()
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        connection.execute("CREATE TABLE x (y)")
        return connection

    monkeypatch.setattr(ledger_module, "_connect", read_only)
    with pytest.raises(PermissionError, match="cannot be written"):
        Ledger(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Not a directory|exists"):
        Ledger(tmp_path / "file")


def test_a_file_that_is_no_ledger_is_one_message(tmp_path):
    (tmp_path / FILE_NAME).write_text("something else entirely, and long enough" * 100)
    with pytest.raises(LedgerError, match="is not a ledger that can be read"):
        Ledger(tmp_path, existing=Existing.RESUME)
    with pytest.raises(LedgerError, match="holds no run"):
        Ledger.reading(tmp_path / "nowhere")


def test_a_ledger_in_a_read_only_folder_can_be_read(tmp_path, monkeypatch):
    run(asked(), seed=SEED, options=options(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with Ledger.reading(tmp_path) as ledger:
        assert ledger.asked()
        block = Block(seed=1, number=0, n_replicates=5)
        with pytest.raises(PermissionError, match="cannot be written"):
            ledger.store(Done(fingerprint="x", blocks=(block,), tallies=(Tally(),)))


def change(folder, statement):
    with sqlite3.connect(folder / FILE_NAME) as connection:
        connection.execute(statement)
    connection.close()


DIGIT = "UPDATE blocks SET sums = replace(sums, '5', '6') WHERE number = 2"


@pytest.mark.parametrize("statement", [DIGIT, "UPDATE blocks SET number = 12 WHERE number = 2"])
def test_a_changed_block_is_refused_and_the_others_are_saved_by_a_merge(
    tmp_path, statement, simulated
):
    whole = answer(run(asked(), seed=SEED, options=options(tmp_path / "old")))
    change(tmp_path / "old", statement)
    with pytest.raises(LedgerError, match=r"block \d+ was changed .* of \d+ blocks are whole"):
        run(asked(), seed=SEED, options=options(tmp_path / "old"))
    said = []
    merge([tmp_path / "old"], tmp_path / "new", tell=said.append)
    assert "damaged blocks left out" in said[0]
    simulated.clear()
    assert answer(run(asked(), seed=SEED, options=options(tmp_path / "new"))) == whole
    assert {block.number for block in simulated} == {2}


def test_the_database_of_another_program_is_not_touched(tmp_path):
    change(tmp_path, "CREATE TABLE mine (a)")
    before = (tmp_path / FILE_NAME).read_bytes()
    for use in (
        lambda: Ledger(tmp_path, existing=Existing.RESUME),
        lambda: Ledger.reading(tmp_path),
    ):
        with pytest.raises(LedgerError, match="is not a ledger that can be read"):
            use()
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    (tmp_path / "other" / FILE_NAME).mkdir(parents=True)
    with pytest.raises(LedgerError, match="is no file"):
        Ledger(tmp_path / "other", existing=Existing.RESUME)


def test_a_ledger_that_was_just_begun_is_taken_over(tmp_path):
    (tmp_path / FILE_NAME).touch()
    run(asked(), seed=SEED, options=options(tmp_path))
    with Ledger.reading(tmp_path) as ledger:
        assert ledger.asked()


def test_pages_that_were_overwritten_are_one_message(tmp_path):
    run(asked(), seed=SEED, options=options(tmp_path))
    content = bytearray((tmp_path / FILE_NAME).read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(LedgerError, match="is not a ledger that can be read"):
        run(asked(), seed=SEED, options=options(tmp_path))


def test_a_part_that_was_overwritten_is_named_by_a_merge(tmp_path):
    run(asked(), seed=SEED, options=options(tmp_path / "part"))
    path = tmp_path / "part" / FILE_NAME
    with sqlite3.connect(path) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'blocks'"
        begin = (connection.execute(query).fetchone()[0] - 1) * 4096
    connection.close()
    content = bytearray(path.read_bytes())
    content[begin : begin + 4096] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"part.ledger.sqlite is not a ledger that can be read"):
        merge([tmp_path / "part"], tmp_path / "whole")


def test_a_ledger_that_names_no_seed_is_not_merged(tmp_path):
    run(asked(), seed=SEED, options=options(tmp_path / "a"))
    change(tmp_path / "a", "UPDATE about SET content = 'x' WHERE name = 'seed'")
    with pytest.raises(LedgerError, match="names no seed"):
        merge([tmp_path / "a"], tmp_path / "b")


def test_a_layout_whose_damage_is_no_text_is_told(tmp_path):
    with Ledger(tmp_path):
        pass
    path = tmp_path / "ledger.sqlite"
    content = bytearray(path.read_bytes())
    begin = content.index(b"CREATE TABLE")
    content[begin : begin + 16] = b"\xff" * 16
    path.write_bytes(bytes(content))
    with pytest.raises(LedgerError, match="not a ledger that can be read"):
        Ledger.reading(tmp_path)


def test_a_ledger_killed_in_the_making_is_made_again_as_ours(tmp_path):
    """A journal is left behind; to undo what it names leaves an empty file."""
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as begun:
        begun.execute(f"PRAGMA application_id = {APPLICATION}")
    undo_all = bytes.fromhex("d9d505f920a163d7") + struct.pack(">5I", 0, 0, 0, 512, 4096)
    path.with_name(f"{FILE_NAME}-journal").write_bytes(undo_all.ljust(512, b"\0"))
    whole = answer(run(asked(), seed=SEED))
    for _ in range(2):  # without the mark the second would be refused as another program's
        assert answer(run(asked(), seed=SEED, options=options(tmp_path))) == whole
