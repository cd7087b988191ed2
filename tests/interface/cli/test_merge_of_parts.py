"""``lupusim merge`` takes what belongs together, says what is missing, and ends accordingly."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from lupusim import cli


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


def damage(folder: Path) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        connection.execute(
            "UPDATE blocks SET sums = sums || ' ' WHERE (trial, number) IN "
            "(SELECT trial, number FROM blocks LIMIT 1)"
        )
    connection.close()
