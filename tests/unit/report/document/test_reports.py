"""Reports: their numbers are the result's, no address is outside, hostile names are text."""

from __future__ import annotations

import importlib.util
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy.stats import norm

import lupusim
from lupusim.analysis.group_sequential import bounds
from lupusim.planning.theory.formula_power import FormulaPower
from lupusim.planning.theory.group_sequential import planned_bounds
from lupusim.report.document import content, files, protocol
from lupusim.report.document.evidence import characteristics_tables
from lupusim.report.document.html import as_html
from lupusim.report.document.markdown import as_markdown
from lupusim.report.document.parts import Document, Items, Listing, Section, Table, Words
from lupusim.report.document.protocol import (
    design_paragraphs,
    looks_table,
)
from lupusim.report.figures.runs import named
from lupusim.report.figures.samples import look_paths
from lupusim.report.numbers import rounded, share
from lupusim.report.run import known
from lupusim.report.run import table as tables_of_runs
from paragraphs import paragraph_of
from tolerance import SEED

HOSTILE = '<script>alert("x")</script> & | `code` #set **bold** [link](http://a.b) $1$ \\ "q"'


@pytest.fixture(scope="module")
def looks():
    return lupusim.run(lupusim.load_scenario("survival_three_looks"), 60, seed=SEED)


@pytest.fixture(scope="module")
def document(looks):
    return content.document_of(looks)


@pytest.fixture(scope="module")
def page(document):
    return as_html(document)


@pytest.fixture(scope="module")
def hostile():
    """A report whose every text tries to be markup."""
    table = Table(caption=HOSTILE, head=(HOSTILE, "n"), rows=((HOSTILE, "1"),))
    parts = (Words(text=HOSTILE, loud=True), Items(texts=(HOSTILE,)), table, Listing(text=HOSTILE))
    section = Section(title=HOSTILE, parts=parts, items=HOSTILE)
    return Document(title=HOSTILE, subtitle=HOSTILE, answer=(HOSTILE,), sections=(section,))


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data):
        self.words.append(data)


def test_a_page_loads_nothing_and_runs_nothing(page):
    found = Page(page)
    assert "script" not in found.tags
    assert "link" not in found.tags
    assert all(address.startswith(("#", "data:image/svg+xml;")) for address in found.addresses)
    assert len([a for a in found.addresses if a.startswith("data:")]) >= 4
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "@import" not in page


def test_every_picture_says_what_it_is_and_every_table_has_a_caption(page):
    found = Page(page)
    assert page.count("<img alt=") == found.tags.count("img") == found.tags.count("figcaption")
    assert found.tags.count("caption") == found.tags.count("table")


def test_the_numbers_are_those_of_the_result(looks, page):
    (point,) = looks.points
    for mean in (point.power, point.type_one_error):
        assert share(mean) in page
    assert rounded(point.tally.mean("events_control")) in page
    assert f"seed {SEED}" in page
    assert looks.versions["lupusim"] in page


def test_the_report_has_the_parts_of_ademp_and_the_estimand_first(document):
    titles = [section.title for section in document.sections]
    assert titles[0] == "Estimand of the trial"
    wanted = [
        "Aims",
        "Data-generating mechanism",
        "Estimands of the simulation",
        "Methods",
        "Performance measures",
    ]
    assert [title for title in titles if title in wanted] == wanted
    assert titles[-2:] == ["Limits", "Implementation and replication"]


def test_organized_after_never_compliant(page):
    assert "Organized after ADEMP" in page
    assert "compliant" not in page.lower()


def test_a_missing_estimand_and_missing_sources_are_loud(looks):
    bare = replace(looks, scenario=replace(looks.scenario, estimand={}, sources={}))
    sections = content.document_of(bare).sections
    loud = [p.text for s in sections for p in s.parts if isinstance(p, Words) and p.loud]
    assert any("does not state its population" in text for text in loud)
    assert any("has a source" in text for text in loud)


def test_the_table_of_looks_has_the_bounds_of_the_design(looks):
    (point,) = looks.points
    (paths,) = look_paths(point.trial, seed=SEED, n_trials=60)
    table = looks_table(point, paths)
    plan = bounds([67 / 200, 134 / 200, 1.0], alpha=0.025, spending="obrien_fleming")
    columns = dict(zip(table.head, zip(*table.rows, strict=True), strict=True))
    assert columns["z"] == tuple(f"{z:.4f}" for z in plan.efficacy)
    assert columns["p, one-sided"] == tuple(f"{norm.sf(z):.5f}" for z in plan.efficacy)
    share = plan.information_fraction
    assert columns["B"] == tuple(f"{b:.4f}" for b in plan.efficacy * np.sqrt(share))
    assert columns["spent"] == tuple(f"{a:.5f}" for a in plan.alpha_spent)
    assert columns["data cut at"][0] == "67 events (survival)"
    assert columns["bound"] == ("efficacy",) * 3


def test_futility_bounds_have_rows_of_their_own():
    scenario = lupusim.load_scenario("time_to_event")
    (point,) = lupusim.run(scenario, 20, seed=SEED).points
    (paths,) = look_paths(point.trial, seed=SEED, n_trials=60)
    table = looks_table(point, paths)
    columns = dict(zip(table.head, zip(*table.rows, strict=True), strict=True))
    assert columns["bound"] == ("efficacy", "futility", "efficacy")
    assert columns["look"] == ("1", "1", "2")
    plan = planned_bounds(point.trial)
    assert columns["spent"][1] == f"{plan.beta_spent[0]:.5f}"
    assert columns["z"][1] == f"{plan.futility[0]:.4f}"
    assert "non-binding" in paragraph_of(point)


def test_the_protocol_paragraph_says_sizes_test_level_and_looks(looks):
    said = paragraph_of(looks.points[0])
    for words in (
        "300 patients will be randomized 1:1 (150 to control, 150 to experimental)",
        "hazard ratio 0.7",
        "Tested by the log-rank test (one-sided alpha 0.025)",
        share(looks.points[0].power),
        "67 events (survival); 134 events (survival). The last analysis is at: 200 events",
        "O'Brien-Fleming-type spending",
        "If nothing is better, it stops by theory after 199.6 events, 300 patients and 33.69",
    ):
        assert words in said


def test_of_several_designs_one_is_told_whole_and_of_others_only_what_differs():
    result = lupusim.run(lupusim.load_scenario("phase2_remission_52w"), 12, seed=SEED)
    first, second, *_ = said = list(design_paragraphs(named(result)))
    assert first == f"sample size = 60: {paragraph_of(result.points[0])}"
    begin = "sample size = 120: as for sample size = 60, apart from what follows. "
    assert second.startswith(f"{begin}A total of 120 patients will be randomized")
    assert "Each patient is followed" in first
    assert not any("Each patient is followed" in words for words in said[1:])
    whole = paragraph_of(result.points[1])
    differing = second.removeprefix(begin)
    assert all(f"{sentence}." in whole for sentence in differing.removesuffix(".").split(". "))
    shared = [sentence for sentence in whole.split(". ") if sentence not in differing]
    assert all(sentence in first for sentence in shared)


def test_powers_by_several_tests_stand_together_and_every_column_has_a_heading():
    result = lupusim.run(lupusim.load_scenario("phase2_sledai_24w"), 4, seed=SEED)
    (table,) = characteristics_tables(named(result))
    assert all(table.head)
    powers = [number for number, row in enumerate(table.rows) if row[0].startswith("power (")]
    assert powers == [1, 2]  # after the patients


def test_a_long_name_of_the_first_design_is_not_repeated():
    result = lupusim.run(lupusim.load_scenario("ln_addon_crr_76w"), 12, seed=SEED)
    _, second, *_ = design_paragraphs(named(result))
    assert "as for the first design, apart from what follows. Assumed for msc" in second
    captions = [getattr(part, "caption", "") for part in content.mechanism(result).parts]
    (calendar,) = [caption for caption in captions if "calendar" in caption]
    assert calendar.startswith("Patients over calendar time")  # responses are no events


def test_a_design_of_other_rules_is_told_whole(looks):
    two = lupusim.run(lupusim.load_scenario("two_rates"), 12, seed=SEED)
    designs = [("one", looks.points[0]), ("other", two.points[0])]
    _, told = design_paragraphs(designs)
    assert told == f"other: {paragraph_of(two.points[0])}"
    (alone,) = design_paragraphs(designs[:1])
    assert alone == paragraph_of(looks.points[0])


def test_a_single_arm_has_an_exact_level_and_its_stages_once():
    result = lupusim.run(lupusim.load_scenario("single_arm_simon"), 12, seed=SEED)
    (text,) = design_paragraphs(named(result)[:1])
    assert (
        "The type I error, a claim where the rate is just that of the null hypothesis, has "
        "probability 0.0476 (exact). "
    ) in text
    captions = [getattr(part, "caption", "") for part in content.methods(result).parts]
    assert [words for words in captions if "Stages" in words] == [
        "Stages of the test, by the patients analyzed."
    ]


@pytest.mark.parametrize("name", ["cohort_5y", "single_arm_simon", "phase2_remission_52w"])
def test_other_kinds_of_trials_have_a_report(name):
    result = lupusim.run(lupusim.load_scenario(name), 12, seed=SEED)
    for point in result.points:
        assert f"{point.trial.n_patients} patients" in paragraph_of(point)
    assert as_html(content.document_of(result)).count("<section>") == 9


def test_columns_of_words_stand_on_the_left():
    rows = (("1", "67 events (survival)", "3.70", "0 (below 0.09)"), ("2", "a date", "none", "1"))
    table = Table(caption="", head=("look", "when", "z", "share"), rows=rows)
    assert [table.is_words(k) for k in range(4)] == [True, True, False, False]


def test_what_the_file_states_is_told_without_sources():
    scenario = lupusim.load_scenario("phase2_remission_52w")
    result = lupusim.run(scenario, 5, seed=SEED)
    (table,) = content.as_stated(result, ("enrollment", "dropout", "costs"), "What")
    assert table.rows == (
        ("enrollment", "sites 9, per site per month 0.12, ramp up 6 months, screen failure 0.35"),
        ("dropout", "per year 0.18, by state active 1.5"),
    )


def test_hypotheses_without_a_bound_are_said_to_have_none():
    scenario = lupusim.load_scenario("phase3_bicla_52w")
    methods = content.methods(lupusim.run(scenario, 5, seed=SEED))
    said = [p.text for p in methods.parts if isinstance(p, Words)]
    assert any("no bounds of their own" in text and "LLDAS: msc" in text for text in said)
    assert any("the last patient followed for 52 weeks" in text for text in said)


def test_an_incomplete_run_has_no_report(looks):
    with pytest.raises(ValueError, match="not complete"):
        content.document_of(replace(looks, complete=False))


def test_hostile_text_is_text_in_html(hostile):
    found = Page(as_html(hostile))
    assert "script" not in found.tags
    assert HOSTILE in "".join(found.words)


def test_hostile_text_is_text_in_markdown(hostile):
    text, _ = as_markdown(hostile, "figures")
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL).replace(files.markdown.MARK, "")
    for letter in "<>|`*[$":
        bare = re.findall(rf"(?<!\\){re.escape(letter)}", outside)
        kept = {"|": True, "*": True, ">": True}.get(letter, False)  # our own markup
        assert kept or bare == [], letter
    assert "\\<script\\>" in text


def test_hostile_text_is_text_in_word(hostile):
    docx = pytest.importorskip("docx")
    target = docx.Document(io.BytesIO(files.word.as_docx(hostile)))
    assert target.core_properties.title == HOSTILE
    (table,) = target.tables
    assert table.cell(1, 0).text == HOSTILE
    captions = [p.text for p in target.paragraphs if p.style.name == "Caption"]
    assert len(captions) == 1
    assert HOSTILE in captions[0]


def test_a_name_keeps_its_joiners_and_a_title_its_length_in_word():
    docx = pytest.importorskip("docx")
    name = "\u0645\u06cc\u200c\u062e \u00a0 e\u0301 \U0001f469\u200d\U0001f52c"
    table = Table(caption=name, head=(name, "n"), rows=((f"{name}\x00\ud800\uffff", "1"),))
    section = Section(title=name, parts=(table,), items=name)
    whole = Document(title="t" * 300, subtitle=name, answer=(), sections=(section,))
    target = docx.Document(io.BytesIO(files.word.as_docx(whole)))
    assert target.tables[0].cell(1, 0).text == name
    assert target.paragraphs[0].text == "t" * 300
    assert target.core_properties.title == "t" * 255
    if importlib.util.find_spec("typst"):
        assert files.pdf.as_pdf(whole).startswith(b"%PDF")


def test_word_tables_lie_within_the_page_and_hold_together():
    docx = pytest.importorskip("docx")
    long = Table(
        caption="c", head=("what", "why"), rows=(("key", "words and more " * 30),), wordy=True
    )
    wide = Table(caption="c", head=("a longer heading",) * 12, rows=(("1",) * 12,))
    short = Table(caption="c", head=("design", "n"), rows=(("one", "1"), ("two", "2")))
    section = Section(title="s", parts=(long, wide, short), items="i")
    whole = Document(title="t", subtitle="s", answer=(), sections=(section,))
    target = docx.Document(io.BytesIO(files.word.as_docx(whole)))
    page = target.sections[0]
    room = page.page_width - page.left_margin - page.right_margin
    for table in target.tables:
        widths = [cell.width for cell in table.rows[1].cells]
        assert sum(widths) <= room
        assert all(row.cells[0].width == widths[0] for row in table.rows)
    key, words = (cell.width for cell in target.tables[0].rows[0].cells)
    assert words > 5 * key  # not half and half
    held = [row.cells[0].paragraphs[0].paragraph_format.keep_with_next for row in table.rows]
    assert held == [True, True, None]


def test_hostile_text_is_set_in_pdf(hostile):
    pytest.importorskip("typst")
    found = files.pdf.as_pdf(hostile)
    assert found.startswith(b"%PDF")
    assert b"lupusim report" in found


def changed(file):
    """Change a word in a report, as an editor would."""
    if file.suffix != ".docx":
        file.write_bytes(file.read_bytes().replace(b"lupusim", b"my own", 1))
        return
    docx = pytest.importorskip("docx")
    target = docx.Document(str(file))
    target.paragraphs[0].add_run(" and what we discussed")
    target.save(str(file))


@pytest.mark.parametrize("ending", [".html", ".md", ".docx", ".pdf"])
def test_only_our_own_files_are_written_again(hostile, tmp_path, ending):
    if ending in (".docx", ".pdf"):
        pytest.importorskip("docx" if ending == ".docx" else "typst")
    file = tmp_path / f"report{ending}"
    file.write_text("somebody's own")
    with pytest.raises(files.StrangersFileError, match=f"{file}.*--force"):
        files.write_report(hostile, file)
    assert file.read_text() == "somebody's own"
    files.write_report(hostile, file, force=True)
    first = file.read_bytes()
    assert files.write_report(hostile, file) == file
    assert ending != ".html" or file.read_bytes() == first
    changed(file)
    before = file.read_bytes()
    with pytest.raises(files.StrangersFileError, match=f"{file}.*--force"):
        files.write_report(hostile, file)
    assert file.read_bytes() == before


def test_somebodys_figure_beside_a_report_is_left_alone(document, tmp_path):
    file, own = tmp_path / "a.md", tmp_path / "a_figures" / "figure_1.svg"
    files.write_report(document, file)
    assert files.write_report(document, file) == file
    own.write_text("<svg/>")
    with pytest.raises(files.StrangersFileError, match=r"figure_1\.svg.*--force"):
        files.write_report(document, file)
    assert own.read_text() == "<svg/>"


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.html, \.md, \.docx, \.pdf"):
        files.check_file(tmp_path / "report.odt")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(files.StrangersFileError, match="is a folder"):
        files.check_file(tmp_path / "folder.html")


def test_a_table_is_as_wide_as_its_head():
    with pytest.raises(ValueError, match="as wide as its head"):
        Table(caption="", head=("a", "b"), rows=(("1",),))


def test_what_is_simulated_is_told_of_each_design_where_designs_differ():
    result = lupusim.run(lupusim.load_scenario("phase3_bicla_52w"), 4, seed=SEED)
    table = next(part for part in content.mechanism(result).parts if isinstance(part, Table))
    told = dict(table.rows)
    assert told["arms: placebo"] == "as in bicla-control"
    for ratio in ("1.5", "2.3", "6.9"):
        assert f"hazard ratio {ratio} on active" in told[f"arms: msc, hazard ratio = {ratio}"]


def have_drawn(monkeypatch, value: float, *, mcse: float, tables: str) -> FormulaPower:
    """Let the power of a protocol be from drawn tables; return it."""
    n, method = int(tables.replace(" ", "")), f"from {tables} drawn tables"
    drawn = FormulaPower(value=value, method=method, key="drawn", mcse=mcse, n_drawn=n)
    monkeypatch.setattr(protocol, "formula_powers", lambda *_: (drawn,))
    return drawn


def test_what_drawn_tables_say_stands_with_its_error_in_the_paragraph(monkeypatch):
    result = lupusim.run(lupusim.load_scenario("two_rates"), 4, seed=SEED)
    have_drawn(monkeypatch, 0.8012, mcse=0.0021, tables="25 000")
    said = paragraph_of(result.points[0])
    assert re.search(
        r" is 0.801 \(0.002\) from 25 000 drawn tables \(from 4 simulated trials: ", said
    )
    assert re.search(r"has probability 0\.0\d{3} exact, all tables \(from simulated trials: ", said)


def test_a_simulated_power_that_is_known_better_than_drawn_tables_stands_first(monkeypatch):
    result = lupusim.run(lupusim.load_scenario("two_rates"), 400, seed=SEED)
    drawn = have_drawn(monkeypatch, 0.8, mcse=0.07, tables="30")
    said = paragraph_of(result.points[0])
    assert re.search(r" from 400 simulated trials \(from 30 drawn tables: 0.80 \(0.07\)\)", said)
    monkeypatch.setattr(known, "formula_powers", lambda *_: (drawn,))
    monkeypatch.setattr(known, "known_power", lambda *_: drawn.mean)
    rows = [
        name for name, _ in tables_of_runs.main_rows(result.points[0]) if name.startswith("power")
    ]
    assert rows[0].startswith("power (")
    assert rows[1] == "power, from 30 drawn tables"
