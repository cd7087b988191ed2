"""README and the manual: links lead somewhere, and examples and commands do what is shown."""

from __future__ import annotations

import doctest
import re
import urllib.request
from importlib import import_module
from threading import Thread

import click
import pytest

import lupusim
from lupusim import cli
from lupusim.analysis.registry import TESTS
from lupusim.report.manual import SiteError, build, need_sphinx, root_of_pages, serve, sources
from manual_pages import (
    LINKED,
    PAGES,
    ROOT,
    broken_links,
    commands,
    name_of,
    script,
    sessions,
    words_of,
)

with click.Context(cli.app) as _context:
    COMMANDS = {
        name: cli.app.get_command(_context, name) for name in cli.app.list_commands(_context)
    }
QUICK = ("README.md", "docs/guides/teaching.md")
EXAMPLES = [p for p in PAGES if ">>> " in p.read_text(encoding="utf-8")]
SESSIONS = [p for p in PAGES if list(sessions(p.read_text(encoding="utf-8")))]
ALIKE = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


TESTS_NAMED = re.compile(r"`(?:\w+ )?((?:tests/[\w/]+/)?test_\w+\.py)`")


def marked(pages, quick=()):
    return [
        pytest.param(p, id=name_of(p), marks=[] if name_of(p) in quick else [pytest.mark.slow])
        for p in pages
    ]


def test_every_link_inside_leads_somewhere() -> None:
    found = {name_of(page): broken_links(page) for page in LINKED}
    assert {name: links for name, links in found.items() if links} == {}


def test_a_link_that_leads_nowhere_is_found(tmp_path, monkeypatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n\n[a](nowhere.md) [b](#two) [c](#one) [d](page.md#one)\n")
    monkeypatch.setattr("manual_pages.ROOT", tmp_path)
    assert broken_links(page) == ["nowhere.md", "#two"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_of_a_page_is_one_with_such_options(page) -> None:
    faults = [
        fault for line in commands(page.read_text(encoding="utf-8")) if (fault := wrong(line))
    ]
    assert faults == []


def wrong(line: str) -> str:
    """Return what is wrong with a command as a page spells it; empty if nothing."""
    first, *words = words_of(line) or [""]
    if first.startswith("-") or first == "COMMAND":
        return ""
    if first not in COMMANDS:
        return f"{line}: there is no command {first!r}"
    known = {"--help"}
    for option in COMMANDS[first].params:
        known |= {*option.opts, *option.secondary_opts}
    unknown = [w for w in words if w.startswith("--") and w.split("=")[0] not in known]
    return f"{line}: {first} has no {', '.join(unknown)}" if unknown else ""


def test_a_wrong_command_is_found() -> None:
    assert "no command 'rum'" in wrong("lupusim rum two_rates")
    assert "--replicate" in wrong("lupusim run two_rates --replicate 10")
    assert wrong("lupusim run SCENARIO [--replicates N] ...") == ""


@pytest.mark.parametrize("page", marked(EXAMPLES, QUICK))
def test_examples_print_what_the_page_shows(page) -> None:
    result = doctest.testfile(str(page), module_relative=False, optionflags=ALIKE)
    assert result.attempted >= 1
    assert result.failed == 0


@pytest.mark.slow
def test_readme_shows_the_powers_of_the_packaged_trial() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = r"^│ (\d+) +│ +(0\.\d+) │ (0\.\d+) \(0\.\d+\) │ +(0\.\d+) │ (0\.\d+) \("
    shown = re.findall(rows, text, flags=re.MULTILINE)
    result = lupusim.run("phase2_remission_52w", n_jobs=1)
    table = result.operating_characteristics
    digits = {"power_exact": 4, "power": 3, "type_one_error_exact": 4, "type_one_error": 3}
    columns = [[f"{value:.{n}f}" for value in table[name]] for name, n in digits.items()]
    assert list(zip(table["sample_size"].astype(str), *columns, strict=True)) == shown


@pytest.mark.parametrize("page", marked(SESSIONS))
def test_commands_print_what_the_page_shows(page, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for shown in sessions(page.read_text(encoding="utf-8")):
        out = ""
        for line in shown.commands:
            assert line.startswith("lupusim "), f"{line}: only lupusim's commands are run"
            out = printed(line, monkeypatch, capsys)
        if shown.output:
            alike = doctest.OutputChecker().check_output(shown.output, out, ALIKE)
            assert alike, f"{shown.commands[-1]}\nprints\n{out}\nand the page shows\n{shown.output}"


def printed(line: str, monkeypatch, capsys) -> str:
    monkeypatch.setattr("sys.argv", ["lupusim", *words_of(line)])
    code = 0
    try:
        cli.command()
    except SystemExit as end:
        code = end.code or 0
    said = capsys.readouterr()
    assert code == 0, f"{line}: code {code}\n{said.err}"
    return said.out


@pytest.mark.parametrize("name", ["commands_page", "methods_of_tests"])
def test_a_page_that_a_script_writes_is_current(name) -> None:
    made = script(name)
    assert made.PAGE.read_text(encoding="utf-8") == made.page(), f"run scripts/{name}.py"


def test_every_registered_test_has_its_method() -> None:
    text = (ROOT / "docs/reference/methods_of_tests.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## `(\w+)`$", text, flags=re.MULTILINE)) == set(TESTS)
    for part in ("formula", "assumes", "source", "checked in"):
        assert text.count(f"- {part}: ") == len(TESTS)


def test_validation_tells_of_tests_that_are_there() -> None:
    """That none is missing is asked before a release: writing the page takes minutes."""
    text = (ROOT / "docs/reference/validation.md").read_text(encoding="utf-8")
    named = re.findall(r"^`(tests/\S+\.py)`$", text, flags=re.MULTILINE)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


@pytest.mark.slow
def test_the_site_has_every_page_and_loads_nothing_from_elsewhere(site) -> None:
    for page in PAGES[1:]:
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).is_file()
    assert len(list((site / "notebooks").glob("0*.html"))) == 7
    reference = (site / "python" / "lupusim.analysis.html").read_text(encoding="utf-8")
    assert "two_by_two" in reference
    assert "<math" in reference
    loads = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=["'](https?:[^"']+)""")
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert loads.findall(text) == [], page.name
        assert "Content-Security-Policy\" content=\"default-src 'none'; script-src 'self'" in text
    assert (site / "searchindex.js").stat().st_size > 10_000


@pytest.mark.slow
def test_the_site_is_served_to_this_machine(site) -> None:
    with serve(site, 0) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        host, port = server.server_address
        with urllib.request.urlopen(f"http://{host}:{port}/search.html") as answer:
            page = answer.read().decode()
        server.shutdown()
        thread.join()
    assert host == "127.0.0.1"
    assert "searchtools.js" in page


@pytest.mark.slow
def test_a_fault_in_a_page_is_an_error(tmp_path) -> None:
    root = tmp_path / "root"
    for name in ("docs/_static", "notebooks"):
        (root / name).mkdir(parents=True)
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        (root / name).write_text(f"# {name}\n")
    index = "# Manual\n\n```{toctree}\n:glob:\nCHANGELOG\nCONTRIBUTING\npython/*\n```\n"
    (root / "docs" / "index.md").write_text(index)
    (root / "docs" / "_static" / "site.css").write_text("")
    assert build(tmp_path / "right", root=root).is_file()
    (root / "docs" / "index.md").write_text(index + "\n[gone](gone.md)\n")
    with pytest.raises(SiteError, match=r"index.md:10: .*gone.md"):
        build(tmp_path / "wrong", root=root)


def test_what_builds_the_manual_is_named_where_it_is_missing(monkeypatch) -> None:
    monkeypatch.setattr("lupusim.report.manual.site.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r'pip install "lupusim\[docs\]"'):
        need_sphinx()


def test_pages_lie_in_the_package_or_the_checkout(tmp_path, monkeypatch) -> None:
    assert (root_of_pages() / "docs" / "index.md").is_file()
    monkeypatch.setattr(sources, "_PACKAGED", tmp_path / "none")
    monkeypatch.setattr(sources, "_CHECKOUT", tmp_path)
    with pytest.raises(FileNotFoundError, match="pages of the manual"):
        root_of_pages()


def test_the_manual_is_written_into_a_new_folder_only(tmp_path, monkeypatch, capsys) -> None:
    pytest.importorskip("sphinx")
    (tmp_path / "mine.txt").write_text("mine")
    monkeypatch.setattr("sys.argv", ["lupusim", "docs", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        cli.command()
    assert end.value.code == 1
    assert "give another name" in capsys.readouterr().err
    assert import_module("os").listdir(tmp_path) == ["mine.txt"]


def test_every_file_of_tests_that_a_page_names_is_there():
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    known = files | {name.rpartition("/")[2] for name in files}
    named = {name for page in PAGES for name in TESTS_NAMED.findall(page.read_text("utf-8"))}
    assert len(named) > 20
    assert named - known == set()
