"""What a release needs: one version everywhere, and known licenses."""

from __future__ import annotations

import shutil

from lupusim import __version__
from manual_pages import ROOT, script

CHECK = script("release_check")


def test_the_version_is_the_same_everywhere() -> None:
    assert set(CHECK.versions(ROOT).values()) == {__version__}


def test_a_version_that_differs_is_seen(tmp_path) -> None:
    for name in CHECK.versions(ROOT):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    file = tmp_path / "CITATION.cff"
    file.write_text(file.read_text().replace(f"version: {__version__}", "version: 9.9"))
    assert CHECK.versions(tmp_path)["CITATION.cff"] == "9.9"


def test_what_is_needed_of_others_is_followed_through_their_needs() -> None:
    found = CHECK.needed("nicegui")
    assert {"nicegui", "fastapi", "starlette", "anyio"} <= found
    assert "pytest" not in found


def test_licenses_are_found_with_their_texts() -> None:
    assert "BSD" in CHECK.license_of(CHECK.distribution("numpy"))
    text = CHECK.license_text("simpy")
    assert "simpy 4" in text
    assert "Permission is hereby granted" in text


def test_a_comparison_that_the_page_on_validation_lacks_is_seen(tmp_path) -> None:
    (tmp_path / "docs/reference").mkdir(parents=True)
    (tmp_path / "tests" / "reference").mkdir(parents=True)
    (tmp_path / "docs/reference/validation.md").write_text("`tests/reference/test_old.py`\n")
    for name in ("old", "new"):
        (tmp_path / "tests" / "reference" / f"test_{name}.py").write_text("")
    assert CHECK.untold(tmp_path) == ["tests/reference/test_new.py"]
