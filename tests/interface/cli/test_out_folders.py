"""Folders for results that cannot be used: what is said, and that it is one sentence."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from pathlib import Path

import pytest

from lupusim import cli
from lupusim.planning.execution.ledger import Ledger

RUN = ("run", "phase2_remission_52w", "--replicates", "10", "--jobs", "1", "--out")


def told(monkeypatch, capsys, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["lupusim", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.command()
    assert left.value.code == 1
    return capsys.readouterr().err


CASES = [
    (RUN[:-1], "scenario.yaml"),
    (RUN[:-1], "result.json"),
    (("calibrate", "--draws", "0"), "calibration.html"),
    (("calibrate", "--draws", "0"), "markov-sat0244.yaml"),
    (("calibrate",), "markov-sat0244.draws.npz"),
    (("trial", "phase2_remission_52w"), "patients.csv"),
    (("trial", "phase2_remission_52w"), "adam/adsl.csv"),
    (("size", "phase2_remission_52w"), "size.csv"),
    (("assurance", "phase2_remission_52w", "--no-effect", "0.2"), "assurance.json"),
    (("sensitivity", "phase2_remission_52w", "--over", "sample_size=60,90"), "scenario.yaml"),
]


@pytest.mark.parametrize(("command", "name"), CASES)
def test_what_lupusim_did_not_write_is_left_alone(
    monkeypatch, capsys, tmp_path, command, name
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    said = told(monkeypatch, capsys, *command, "--out", str(tmp_path))
    assert said.count("\n") == 1 or command[0] == "size"
    assert f"{path} exists already" in said
    assert "--force" in said
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    "command",
    [
        ("size", "phase2_remission_52w", "--plot"),
        ("assurance", "phase2_remission_52w", "--no-effect", "0.2", "--plot"),
        ("sensitivity", "phase2_remission_52w", "--over", "sample_size=60,90", "--plot"),
        ("decide", "hiv", "--plot"),
        ("draw", "illness-death", "--plot"),
        ("draw", "illness-death", "--picture", "occupancy", "--plot"),
    ],
)
def test_a_picture_that_cannot_be_written_is_refused_first(
    monkeypatch, capsys, tmp_path, command
) -> None:
    path = tmp_path / "mine.svg"
    path.write_text("mine")
    assert "--force" in told(monkeypatch, capsys, *command, str(path))
    assert path.read_text() == "mine"
    assert "no folder" in told(monkeypatch, capsys, *command, str(tmp_path / "none" / "a.svg"))


def test_force_replaces_what_is_there(monkeypatch, tmp_path) -> None:
    (tmp_path / "summary.csv").write_text("mine")
    monkeypatch.setattr(sys, "argv", ["lupusim", *RUN, str(tmp_path), "--force"])
    with pytest.raises(SystemExit) as left:
        cli.command()
    assert left.value.code == 0
    assert "power" in (tmp_path / "summary.csv").read_text()


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


def test_where_there_is_no_temporary_folder(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "none")])
    with Ledger(tmp_path):
        pass
    said = told(monkeypatch, capsys, "report", str(tmp_path))
    assert said.startswith("No usable temporary directory found")
    assert said.endswith("Let TMPDIR name a folder that you may write to\n")


def test_whoever_calls_the_command_goes_on_beside_a_cluster(tmp_path, monkeypatch, capsys) -> None:
    """Only the program itself ends at once where a cluster's threads may never end."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    (tmp_path / "scenario.yaml").write_text("mine", encoding="utf-8")
    assert "scenario.yaml" in told(monkeypatch, capsys, *RUN, str(tmp_path))
