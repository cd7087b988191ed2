"""What the page asks about a run: what matters most, and whether it would take long."""

from __future__ import annotations

import time
from functools import partial

import pytest

import lupusim
from lupusim.app.designs import checking
from lupusim.app.designs.drafts import Drafts
from lupusim.app.drawing.pictures import picture_of_run, picture_of_runs
from lupusim.app.pages.sensitivity import assumptions, over, spread, swing_row
from lupusim.app.runs.jobs import Job, State
from lupusim.planning.runs import forecast
from lupusim.planning.sensitivity.one_at_a_time import Measure, sensitivity
from lupusim.report.run.kept import KeptRunError
from lupusim.report.words.paths import path_in_words
from lupusim.scenario.files.what_if import what_if
from tolerance import SEED

KINDS = ("two_rates", "time_to_event", "score_change", "event_rate")


@pytest.mark.parametrize("name", KINDS)
def test_every_assumption_of_a_form_can_go_up_and_down(name):
    """As the command is given it."""
    text = Drafts().open_packaged(name).text
    content = checking.parsed(text).content
    asked = assumptions(text)
    assert len(asked) >= 3
    ranges = {}
    for field in asked:
        path, _, values = over(field, *spread(field.shown(content))).partition("=")
        low, high = values.split(",")
        assert low != high
        ranges[path] = [_value(low), _value(high)]
    found = sensitivity(what_if(name), ranges, measure=Measure(n_replicates=100, seed=SEED))
    called = partial(path_in_words, content=content)
    rows = [swing_row(swing, called) for swing in found.to_json()["swings"]]
    assert len({row[0] for row in rows}) == len(asked)
    assert all("arms" not in row[0] and "_" not in row[0] for row in rows)
    assert all("(" in cell for row in rows for cell in row[3:])


def _value(word):
    try:
        return float(word)
    except ValueError:
        return word


def test_a_text_that_is_no_scenario_has_no_assumptions():
    assert assumptions("a: [") == []
    assert spread("never") == ("", "")


def test_a_value_that_is_none_says_what_to_type():
    field = assumptions(Drafts().open_packaged("two_rates").text)[0]
    with pytest.raises(ValueError, match="Write one such as"):
        over(field, "few", "40")


def test_a_run_is_drawn_as_its_report_draws_it_and_of_a_broken_one_it_is_said_why_not(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "result.json").write_text("{}", encoding="utf-8")
    with pytest.raises(KeptRunError, match="it holds no result of a run"):
        picture_of_run(tmp_path)
    with pytest.raises(KeptRunError, match="it holds no result of a run"):
        picture_of_runs({"one": tmp_path})


def test_a_long_run_is_told_before_and_a_short_one_is_not(monkeypatch):
    scenario = lupusim.load_scenario("two_rates")
    assert checking.time_needed(scenario, "rough") == ""
    monkeypatch.setattr(forecast, "LONG", 1e-6)
    assert checking.time_needed(scenario, "submit").startswith("This takes about")


def test_the_time_left_is_known_by_what_came_after_the_first_trials():
    job = Job(arguments=(), folder=None, streams=True, state=State.RUNNING)
    job.began = time.monotonic() - 100.0
    assert job.seconds_left is None
    job._enter(b'{"event": "progress", "done": 500, "total": 2000}')
    assert job.seconds_left is None
    job._enter(b'{"event": "progress", "done": 1000, "total": 2000}')
    assert job.seconds_left < 5
