"""The page on the format names all that a scenario file can say."""

import re
from pathlib import Path

from lupusim.analysis.registry import TESTS
from lupusim.errors import ScenarioError
from lupusim.scenario import load_scenario, packaged_names
from lupusim.scenario.document.section import Section

PAGE = Path(__file__).parents[4] / "docs" / "scenario_files.md"


def names_of_the_page():
    return set(re.findall(r"`(\w+)", PAGE.read_text(encoding="utf-8")))


def test_every_test_of_an_analysis_is_on_the_page():
    assert TESTS.keys() - names_of_the_page() == set()


def test_every_key_that_is_looked_for_in_the_packaged_scenarios_is_on_the_page(monkeypatch):
    asked = set()
    finish = Section.finish

    def listen(section):
        if section.place.document.error_class is ScenarioError:
            asked.update(section.asked)
        finish(section)

    monkeypatch.setattr(Section, "finish", listen)
    states = set()
    for name in packaged_names("scenarios"):
        states.update(load_scenario(name).points[0].trial.states)
    assert {"test", "infusions", "when"} <= asked
    assert asked - names_of_the_page() - states == set()
