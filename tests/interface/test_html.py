"""Everything that lupusim writes as HTML: text stays text, nothing comes from outside.

A page sets a content security policy before anything that it could hold back; what a notebook
shows has none of its own, and holds neither script nor picture.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

import lupusim
from lupusim.report.calibration.page import page
from lupusim.report.document.content import document_of
from lupusim.report.document.html import as_html
from lupusim.report.manual.policy import guarded
from lupusim.report.selftest import Checked
from lupusim.report.selftest.comparison import Comparison
from lupusim.report.selftest.page import document_of as selftested
from tolerance import SEED

HOSTILE = "<img src=http://a.b/c onerror=alert(1)>"
"""Stands in every name and text that a file may give."""
DATA = Path(lupusim.__file__).parent / "data"
EMPTY = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Page(HTMLParser):
    """What a browser would do with a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words, self.addresses, self.handlers, self.tags = "", [], [], []
        self.policy, self.before_policy, self.scripts = "", [], []
        self.inside: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        elif not self.policy and tag not in ("html", "head", "meta"):
            self.before_policy.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        for name in ("src", "href", "action", "xlink:href", "data", "srcset", "style"):
            self.addresses += [given[name]] if given.get(name) else []
        if tag not in EMPTY:
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data):
        if self.inside[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.inside[-1:] == ["style"]:
            self.addresses += re.findall(r"url\([^)]*\)|@import \S+", data)
        else:
            self.words += data


SCENARIO = f"""
schema: lupusim/scenario/1
title: "{HOSTILE} title"
question: "{HOSTILE} question"
outcomes:
  "{HOSTILE} response": {{kind: response, at: 24 weeks}}
population: {{strata: {{"{HOSTILE} stratum": {{"{HOSTILE} level": 0.5, other: 0.5}}}}}}
arms:
  - {{name: "{HOSTILE} control", control: true, outcomes: {{"{HOSTILE} response": 30 %}}}}
  - name: "{HOSTILE} treated"
    outcomes: {{"{HOSTILE} response": 55 %}}
    source: "{HOSTILE} source"
enrollment: 10 per month
analysis: {{test: pooled_z, alpha: 0.025, sided: 1}}
sample_size: 40
simulation: {{replicates: 40, seed: 1}}
estimand: {{population: "{HOSTILE} population", summary measure: "{HOSTILE} measure"}}
"""


@cache
def hostile_run(folder: Path) -> lupusim.RunResult:
    (folder / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    return lupusim.run(lupusim.load_scenario(folder / "s.yaml"))


@cache
def hostile_fit(folder: Path):
    text = (DATA / "models" / "markov-sat0244.yaml").read_text(encoding="utf-8")
    text = text[: text.index("  result:")].replace(
        "name: markov-sat0244", f'name: "{HOSTILE} model"'
    )
    text = re.sub(r'"([^"]*)partial_remission', rf'"\1{HOSTILE} state', text)  # within quotes
    text = text.replace("partial_remission", f'"{HOSTILE} state"')
    (folder / "m.yaml").write_text(text, encoding="utf-8")
    (folder / "e.yaml").write_text(EVIDENCE, encoding="utf-8")
    return lupusim.calibrate(folder / "e.yaml", model=folder / "m.yaml", seed=SEED)


EVIDENCE = f"""
schema: lupusim/evidence/1
name: "{HOSTILE} study"
description: "{HOSTILE} description"
citation: "{HOSTILE} citation"
n_patients: 81
targets:
  - name: "{HOSTILE} target"
    kind: occupancy
    sets: [literal]
    at: 5 years
    n: 81
    counts: {{active: 31, "{HOSTILE} state": 6, complete_remission: 22, relapse: 9, death: 13}}
    how_known: read
    quote: "{HOSTILE} quote"
    source: "{HOSTILE} source"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("html")


def selftest_page() -> str:
    one = Comparison(name=HOSTILE, found=1.0, expected=1.0, tolerance=0.1, source=HOSTILE)
    group = Checked(title=HOSTILE, comparisons=(one,), broken=HOSTILE)
    return as_html(selftested([group], 1.0))


PAGES = {
    "report": lambda folder: as_html(document_of(hostile_run(folder), target=0.8)),
    "calibration": lambda folder: page(hostile_fit(folder)),
    "selftest": lambda _: selftest_page(),
}
SHOWN = {
    "scenario": lambda folder: hostile_run(folder).scenario,
    "design": lambda folder: hostile_run(folder).scenario.points[0].trial,
    "run": hostile_run,
    "trial": lambda folder: lupusim.simulate_trial(hostile_run(folder).scenario),
    "model": lambda folder: hostile_fit(folder).model,
    "fit": hostile_fit,
    "cycles": lambda folder: lupusim.in_cycles(hostile_fit(folder).model, 0.5),
    "histories": lambda folder: lupusim.simulate(hostile_fit(folder).model, 9, 5.0, seed=SEED),
}


def refuse_the_hostile(found: Page) -> None:
    """Fail where a name became markup, or where anything comes from outside or is run."""
    assert HOSTILE in found.words
    assert found.handlers == []
    assert "script" not in found.tags
    assert all(re.match(r"#|data:image/|(?!.*url)", str(a)) for a in found.addresses)
    assert not any("//" in str(address).partition(",")[0] for address in found.addresses)


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_takes_names_for_text_and_has_a_policy(kind, folder) -> None:
    found = Page(PAGES[kind](folder))
    refuse_the_hostile(found)
    assert found.policy.startswith("default-src 'none'")
    assert not {"script-src", "connect-src"} & set(re.split(r"[ ;]+", found.policy))
    assert "http" not in found.policy
    assert found.before_policy == []


@pytest.mark.parametrize("kind", SHOWN)
def test_what_a_notebook_shows_takes_names_for_text(kind, folder) -> None:
    refuse_the_hostile(Page(SHOWN[kind](folder)._repr_html_()))


def test_markup_is_seen() -> None:  # negative control
    with pytest.raises(AssertionError):
        refuse_the_hostile(Page(f"<p>{HOSTILE}</p>"))


def test_every_writer_of_html_is_asked_here() -> None:
    """A new file with markup in it belongs in a list above; the browser app has its own tests."""
    known = {
        "calibration/fit.py", "common/shown.py", "model/multistate.py",
        "planning/assurance/results.py", "planning/runs/results.py",
        "planning/sample_size/results.py", "planning/solving/results.py",
        "records/histories.py", "report/document/html.py", "report/manual/policy.py",
        "simulation/patient_level/tables.py", "trial/design.py", "trial/scenario.py",
    }  # fmt: skip
    source, formulas = DATA.parent, "report/manual/formulas.py"
    makes = re.compile(r"to_html\(|<(?:p|td|html|head|table|div)\b")
    found = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if makes.search(path.read_text(encoding="utf-8"))
    }
    assert {name for name in found if not name.startswith("app/")} - {formulas} == known


def test_a_page_of_the_manual_runs_its_own_scripts_alone() -> None:
    inline = "\n  go();\n"
    text = f'<html><head><meta charset="utf-8"></head><script>{inline}</script></html>'
    found = Page(guarded(text))
    digest = b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in found.policy
    assert found.policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in found.policy
    assert re.search(r"script-src[^;]*unsafe", found.policy) is None
    with pytest.raises(ValueError, match="no <head>"):
        guarded("<p>")
