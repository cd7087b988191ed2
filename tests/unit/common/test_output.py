"""Files that are written: in one step, under safe names, over nothing of the user's."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pandas as pd
import pytest

from lupusim.common.output import (
    Folder,
    IfPresent,
    OutputError,
    csv_text,
    file_stems,
    new_folder,
    try_file,
    write,
)

NAMES = [
    "CR/PR at week 52",
    "msc [high dose]",
    "β",
    "1e6/kg",
    "../../outside",
    "..",
    "",
    "con",
    "a b",
    "A_b",
    "a/b",
    "a_b-2",
    ".hidden",
    "x" * 400,
    "ν" * 400,
    "né",
    "=1+1",
    "a\\b:c*",
]


def test_names_of_files_are_single_parts_of_a_path_and_no_two_are_the_same() -> None:
    stems = file_stems(NAMES)
    assert list(stems) == NAMES
    assert len({stem.casefold() for stem in stems.values()}) == len(NAMES)
    for stem in stems.values():
        assert Path(f"{stem}.csv").name == f"{stem}.csv"
        assert not stem.startswith(".")
        assert not set(stem) & set('/\\:*?"<>|= []')
        assert 0 < len(stem.encode()) <= 110
    assert stems["β"] == "β"


def test_a_full_disk_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch) -> None:
    path = tmp_path / "result.json"
    write(path, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as told:
        write(path, "new")
    assert told.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_that_is_read_only_is_told_by_the_name_that_was_given(
    tmp_path, monkeypatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    for name in ("open", "write_bytes", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    for attempt in (lambda: write(tmp_path / "a", "1"), lambda: try_file(tmp_path / "a")):
        with pytest.raises(OSError, match="Read-only") as told:
            attempt()
        assert told.value.filename in (str(tmp_path), str(tmp_path / "a"))


def test_what_is_no_ordinary_file_is_left_as_it_is(tmp_path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / "link.svg").symlink_to(mine)
    (tmp_path / "folder.svg").mkdir()
    for name in ("link.svg", "folder.svg"):
        with pytest.raises(OutputError, match="no ordinary file"):
            write(tmp_path / name, "new")
        with pytest.raises(OutputError, match="no ordinary file"):
            try_file(tmp_path / name, IfPresent.REPLACE)
    assert mine.read_text() == "mine"
    with pytest.raises(OutputError, match="there is no folder"):
        try_file(tmp_path / "none" / "a.svg")


def test_a_folder_replaces_its_own_files_until_somebody_changes_them(tmp_path) -> None:
    folder = Folder(tmp_path / "out")
    folder.write("a.csv", "1")
    Folder(tmp_path / "out").write("a.csv", "2")
    (tmp_path / "out/a.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"a\.csv exists already"):
        Folder(tmp_path / "out").reserve(["a.csv", "b.csv"])
    with pytest.raises(OutputError, match=r"a\.csv exists already"):
        folder.write("a.csv", "3")
    assert (tmp_path / "out/a.csv").read_text() == "mine"
    Folder(tmp_path / "out", IfPresent.REPLACE).write("a.csv", "3")
    assert (tmp_path / "out/a.csv").read_text() == "3"


@pytest.mark.parametrize("known", ["", "[]", "{"])
def test_a_list_of_known_files_that_is_damaged_knows_none(tmp_path, known) -> None:
    folder = Folder(tmp_path)
    folder.write("a.csv", "1")
    (tmp_path / ".lupusim-files.json").write_text(known)
    with pytest.raises(OutputError):
        folder.write("a.csv", "1")


def test_a_new_folder_is_there_as_a_whole_or_not_at_all(tmp_path) -> None:
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "a") as draft:
        (draft / "none" / "x").write_text("1")
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        (tmp_path / "a").mkdir(exist_ok=True)  # an empty one may be there
        with new_folder(tmp_path / "a") as draft:
            (draft / "x").write_text("1")
        assert [path.name for path in tmp_path.rglob("*")] == ["a", "x"]
        (tmp_path / "a" / "x").unlink()
    (tmp_path / "a" / "mine").write_text("")
    (tmp_path / "b").symlink_to(tmp_path / "none")
    for name in ("a", "b", "a/mine"):
        with pytest.raises(OutputError, match="give another name"), new_folder(tmp_path / name):
            pass


def test_nothing_leads_out_of_a_folder(tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/adam").symlink_to(tmp_path / "elsewhere")
    for name in ("../outside.csv", "adam/adsl.csv", "/outside.csv"):
        with pytest.raises(OutputError, match="leads out of the folder"):
            Folder(tmp_path / "out").write(name, "1")
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_spreadsheet_runs_no_cell() -> None:
    table = pd.DataFrame(
        {"=name": ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-2+3", "-0.5", "msc"], "x": -1.5}
    )
    table = table.assign(kind=pd.Categorical(["=1", "b", "b", "b", "b", "b"]))
    read = pd.read_csv(io.StringIO(csv_text(table)), dtype=str)
    assert list(read.columns) == ["'=name", "x", "kind"]
    assert read.iloc[:, 0].tolist() == [
        "'=cmd|' /C calc'!A0",
        "'@SUM(1)",
        "'+1+1",
        "'-2+3",
        "-0.5",
        "msc",
    ]
    assert read["kind"][0] == "'=1"
    assert table.columns[0] == "=name"  # the table itself is left as it was
    assert csv_text(table.set_index("=name"), index=True).splitlines()[1].startswith("'=cmd")
