"""The page for teachers: its examples run, its files can be read, what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lupusim
import lupusim.economics
from lupusim.errors import InputError
from lupusim.scenario import (
    cohort_model_from_mapping,
    decision_from_mapping,
    model_from_mapping,
)
from lupusim.scenario.document.yaml_reader import read_document

PAGE = Path(__file__).parents[2] / "docs/guides/teaching.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(3))
def test_the_files_can_be_read(number: int, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(FILES[number])
    content = read_document(path, InputError).content
    read = (model_from_mapping, cohort_model_from_mapping, decision_from_mapping)[number]
    assert read(content)


def test_what_the_table_names_is_there() -> None:
    rows = [line.split("|") for line in TEXT.splitlines() if line.startswith("|")]
    here = " ".join(row[2] for row in rows if len(row) == 5)
    names = set(re.findall(r"`(\w+)\(", here))
    assert len(names) > 15
    methods = {"_".join(n.split()) for n in re.findall(r"`\.(\w+)\(", here)}
    known = {*lupusim.__all__, *lupusim.economics.__all__}
    assert sorted(names - known - methods - {"exp"}) == []
