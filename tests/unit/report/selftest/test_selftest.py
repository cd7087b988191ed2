"""The selftest says that all is well where it is, and says what is not where it is not."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from lupusim import cli
from lupusim.report.document.html import as_html
from lupusim.report.selftest import (
    GROUPS,
    Comparison,
    analyses,
    document_of,
    engines,
    platform_rows,
    validate,
)
from lupusim.report.selftest.page import verdict


def one(found: float, expected: float = 1.0, tolerance: float = 0.1) -> Comparison:
    return Comparison(
        name="<b>x</b>", found=found, expected=expected, tolerance=tolerance, source="a & b"
    )


@pytest.mark.parametrize(
    ("found", "holds"),
    [(1.0, True), (1.1, True), (1.11, False), (math.nan, False), (math.inf, False)],
)
def test_a_comparison_holds_within_its_tolerance(found, holds) -> None:
    assert one(found, tolerance=0.1000001).held is holds


@pytest.fixture(scope="module")
def quick_sizes():
    """Make the simulations small; their tolerance follows the number of patients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "N_VECTOR", 20_000)
        patch.setattr(engines, "N_EVENTS", 1_000)
        patch.setattr(engines, "N_DRAWS", 20_000)
        patch.setattr(analyses, "N_REPLICATES", 300)
        yield


@pytest.fixture(scope="module")
def groups(quick_sizes):  # noqa: ARG001  # with these sizes
    return list(validate())


def test_all_comparisons_hold_here(groups) -> None:
    assert [(group.title, group.failed, group.broken) for group in groups if not group.passed] == []
    assert [group.title for group in groups] == list(GROUPS)
    assert sum(len(group.comparisons) for group in groups) >= 50
    assert verdict(groups).startswith("PASSED: all ")


def test_the_page_says_what_was_tested_and_is_closed(groups) -> None:
    page = as_html(document_of(groups, 3.0))
    for name, value in platform_rows():
        assert name in page
        assert value in page
    for group in groups:
        assert group.title in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=.https?:", page)
    assert "NO" not in re.findall(r"<td>(\w+)</td>", page)


@pytest.mark.usefixtures("quick_sizes")
def test_a_wrong_engine_is_found(monkeypatch) -> None:  # negative control
    wrong = engines.WeibullHazard.inverse_cumulative
    monkeypatch.setattr(
        engines.WeibullHazard,
        "inverse_cumulative",
        lambda hazard, level: 1.05 * wrong(hazard, level),
    )
    (found,) = validate({"samplers": engines.samplers})
    assert ["weibull" in failed.name for failed in found.failed] == [True]


@pytest.mark.usefixtures("quick_sizes")
def test_wrong_simulated_patients_are_found(monkeypatch) -> None:  # negative control
    monkeypatch.setattr(engines, "SIMULATED", ("illness-death",))
    exact = __import__("lupusim").occupancy
    monkeypatch.setattr("lupusim.occupancy", lambda model, at: exact(model, 1.2 * np.array(at)))
    (found,) = validate({"vector": engines.vector_engine})
    assert not found.passed
    assert found.failed[0].distance > 5


def test_a_wrong_test_is_found(monkeypatch) -> None:  # negative control
    monkeypatch.setattr(analyses, "_RELAPSED", (1, 1, 1, 1, *analyses._RELAPSED[4:]))
    (found,) = validate({"tests": analyses.tests})
    assert any("log-rank" in failed.name for failed in found.failed)
    assert verdict([found]).startswith("FAILED: ")


def test_what_breaks_is_told_and_escaped() -> None:
    def broken():
        yield one(1.0)
        raise RuntimeError("<script>no</script>")

    groups = list(
        validate({"good": lambda: iter([one(1.0)]), "bad": broken, "none": lambda: iter([])})
    )
    assert [group.passed for group in groups] == [True, False, False]
    page = as_html(document_of([*groups, *validate({"off": lambda: iter([one(2.0)])})], 1.0))
    assert "<script>" not in page
    assert "&lt;script&gt;no" in page
    assert "&lt;b&gt;x" in page
    assert "Does not hold" in page


def lupusim(monkeypatch, capsys, *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["lupusim", "selftest", *map(str, words)])
    code = 0
    try:
        cli.command()
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_ends_with_0_or_1_and_writes_its_page(monkeypatch, capsys, tmp_path) -> None:
    held = {"sums": lambda: iter([one(1.0)])}
    missed = {"sums": lambda: iter([one(1.0), one(2.0)])}
    file = tmp_path / "page.html"
    monkeypatch.setattr("lupusim.report.selftest.validate", lambda: validate(held))
    code, out, _ = lupusim(monkeypatch, capsys, "--out", file)
    assert code == 0
    assert "PASSED" in out
    assert file.read_text().startswith("<!doctype html>")
    monkeypatch.setattr("lupusim.report.selftest.validate", lambda: validate(missed))
    code, out, _ = lupusim(monkeypatch, capsys)
    assert code == 1
    assert "FAILED: 1 of 2 comparisons hold" in out
    assert "2, not 1" in out


def test_a_file_that_is_there_is_left_alone(monkeypatch, capsys, tmp_path) -> None:
    file = tmp_path / "page.html"
    file.write_text("mine")
    code, _, err = lupusim(monkeypatch, capsys, "--out", file)
    assert (code, file.read_text()) == (1, "mine")
    assert "--force" in err
    code, _, err = lupusim(monkeypatch, capsys, "--out", tmp_path / "page.pdf")
    assert code == 2
    assert ".html" in err
