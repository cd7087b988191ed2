"""``lupusim merge`` takes what belongs together, says what is missing, and ends accordingly."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from lupusim import cli
from lupusim.planning.execution.ledger_file import signed


def lupusim(monkeypatch, capsys, *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["lupusim", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        cli.command()
    return (int(left.value.code or 0), *capsys.readouterr())


def test_a_merge_that_is_not_complete_ends_with_code_3(monkeypatch, capsys, tmp_path) -> None:
    run = ("run", "two_rates", "--replicates", "5000", "--jobs", "1", "--out")
    for k in (1, 2):
        assert lupusim(monkeypatch, capsys, *run, tmp_path / f"{k}", "--shard", f"{k}/2")[0] == 0
    merge = ("merge", tmp_path / "1", "--out", tmp_path / "all")
    code, out, err = lupusim(monkeypatch, capsys, *merge)
    assert code == 3
    assert "of 5000 replicates" in out
    assert "finished is kept" in err
    merge = ("merge", tmp_path / "1", tmp_path / "2", "--out", tmp_path / "all")
    assert lupusim(monkeypatch, capsys, *merge)[0] == 0
    damage(tmp_path / "2")
    merge = ("merge", tmp_path / "1", tmp_path / "2", "--out", tmp_path / "again")
    code, _, err = lupusim(monkeypatch, capsys, *merge)
    assert code == 3
    assert f"{tmp_path / '2'}: 1 damaged blocks left out" in err


def begun(monkeypatch, capsys, folder: Path) -> Path:
    run = ("run", "two_rates", "--replicates", "200", "--jobs", "1", "--out")
    assert lupusim(monkeypatch, capsys, *run, folder, "--shard", "1/2")[0] == 0
    return folder


@pytest.mark.parametrize("sums", ["null", "[1]", "[{},{}]", '[{"power":[1]},{}]', "[[1],{}]"])
def test_a_block_with_a_right_checksum_and_no_sums_is_damaged(
    monkeypatch, capsys, tmp_path, sums
) -> None:
    part = begun(monkeypatch, capsys, tmp_path / "1")
    with sqlite3.connect(part / "ledger.sqlite") as connection:
        row = connection.execute("SELECT trial, number, n_replicates FROM blocks").fetchone()
        where = "trial = ? AND number = ? AND n_replicates = ?"
        connection.execute(
            f"UPDATE blocks SET sums = ?, checksum = ? WHERE {where}",
            (sums, signed(*row, sums)[-1], *row),
        )
    connection.close()
    code, _, err = lupusim(monkeypatch, capsys, "merge", part, "--out", tmp_path / "all")
    assert code == 3
    assert "1 damaged blocks left out" in err


def test_a_merge_into_one_of_the_parts_is_refused(monkeypatch, capsys, tmp_path) -> None:
    part = begun(monkeypatch, capsys, tmp_path / "1")
    before = (part / "ledger.sqlite").read_bytes()
    code, _, err = lupusim(monkeypatch, capsys, "merge", part, "--out", tmp_path / "x" / ".." / "1")
    assert code == 2
    assert "is itself one of the parts" in err
    assert (part / "ledger.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    "program",
    [
        "CREATE TRIGGER t AFTER INSERT ON blocks BEGIN DELETE FROM blocks; END",
        "CREATE VIEW v AS SELECT * FROM blocks",
    ],
)
def test_a_ledger_that_does_something_by_itself_is_refused(
    monkeypatch, capsys, tmp_path, program
) -> None:
    part = begun(monkeypatch, capsys, tmp_path / "1")
    with sqlite3.connect(part / "ledger.sqlite") as connection:
        connection.execute(program)
    connection.close()
    code, _, err = lupusim(monkeypatch, capsys, "merge", part, "--out", tmp_path / "all")
    assert code == 2
    assert "no ledger of lupusim's" in err
    run = ("run", "two_rates", "--replicates", "200", "--jobs", "1", "--out", part, "--resume")
    assert lupusim(monkeypatch, capsys, *run)[0] == 2


def damage(folder: Path) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        connection.execute(
            "UPDATE blocks SET sums = sums || ' ' WHERE (trial, number) IN "
            "(SELECT trial, number FROM blocks LIMIT 1)"
        )
    connection.close()


def test_parts_of_other_code_are_not_said_to_be_in_the_new_folder(
    monkeypatch, capsys, tmp_path
) -> None:
    part = begun(monkeypatch, capsys, tmp_path / "1")
    with sqlite3.connect(part / "ledger.sqlite") as connection:
        connection.execute("UPDATE about SET content = 'x' WHERE name = 'simulation code'")
    connection.close()
    code, _, err = lupusim(monkeypatch, capsys, "merge", part, "--out", tmp_path / "all")
    assert code == 2
    assert err.startswith("the parts were simulated by other versions or code")
    assert "simulation code was x" in err
    assert "another folder" not in err
