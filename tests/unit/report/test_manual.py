"""The manual is written as a whole or not at all."""

from __future__ import annotations

import errno
import subprocess

import pytest

from lupusim.common.output import new_folder
from lupusim.report.manual import site

FULL = "WARNING: error writing file x.html: [Errno 28] No space left on device\nTraceback\n"


def said_by_the_generator(monkeypatch, stderr):
    pytest.importorskip("furo")

    def run(command, **_):
        return subprocess.CompletedProcess(command, 2, "", stderr)

    monkeypatch.setattr(site.subprocess, "run", run)


def test_a_full_disk_is_told_as_one_and_leaves_nothing(tmp_path, monkeypatch):
    said_by_the_generator(monkeypatch, FULL)
    with (
        pytest.raises(OSError, match="No space left") as caught,
        new_folder(tmp_path / "manual") as draft,
    ):
        site.build(draft)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "manual")
    assert [*tmp_path.iterdir()] == []


def test_faults_of_pages_are_told_as_they_are(tmp_path, monkeypatch):  # negative control
    said_by_the_generator(monkeypatch, "WARNING: page 28: no such label\n")
    with pytest.raises(site.SiteError, match="page 28: no such label"):
        site.build(tmp_path)
