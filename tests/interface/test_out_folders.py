"""Folders for results that cannot be used: what is said, and that it is one sentence."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from lupusim import cli

RUN = ("run", "phase2_remission_52w", "--replicates", "10", "--jobs", "1", "--out")


def told(monkeypatch, capsys, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["lupusim", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    return capsys.readouterr().err


@pytest.mark.parametrize("below", ["", "/run"])
@pytest.mark.parametrize("command", [RUN, ("init",)])
def test_a_file_in_the_place_of_a_folder(monkeypatch, capsys, tmp_path, command, below) -> None:
    path = tmp_path / "file"
    path.write_text("")
    said = told(monkeypatch, capsys, *command, f"{path}{below}")
    assert said.startswith(f"{path}{below}: ")
    assert said.endswith("A folder is needed there, and it is a file: give another name.\n")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "Give a folder that you may write to, or change its permissions."),
        (errno.EROFS, "Give a folder elsewhere."),
        (errno.ENODEV, "No such device"),
    ],
)
def test_a_folder_that_may_not_be_written(monkeypatch, capsys, tmp_path, number, advice) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    said = told(monkeypatch, capsys, *RUN, str(tmp_path / "run"))
    assert said.startswith(f"{tmp_path / 'run'}: {os.strerror(number)}")
    assert said.endswith(f"{advice}\n")
