"""Shares as planners type them: ``90 %``, ``90%``, ``90`` and ``0.9`` are one number."""

from __future__ import annotations

import json

import click
import pytest

from lupusim.cli import app
from lupusim.scenario import load_scenario
from lupusim.scenario.document.amounts import typed_share
from lupusim.scenario.files.number_at import StatedNumber
from lupusim.scenario.starters import starter_text


@pytest.mark.parametrize("words", ["90 %", "90%", "90", "0.9", " 90 percent "])
def test_a_share_is_read_as_it_is_typed(words: str) -> None:
    assert typed_share(words) == 0.9


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("0,9", "Write a point, not a comma: 0.9"),
        ("150", "is not from 0 to 100 %"),
        ("-5 %", "is not from 0 to 100 %"),
        ("most", "Write such as 30 % or 0.3"),
        ("nan", "is not a share"),
    ],
)
def test_what_is_no_share_is_told_with_what_to_write(words: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix):
        typed_share(words)


def test_every_power_alpha_and_probability_of_a_command_is_a_share() -> None:
    context = click.Context(app)
    kinds = {
        (name, option.name): option.type.name
        for name in app.list_commands(context)
        if (command := app.get_command(context, name)) is not None
        for option in command.params
    }
    shares = {key for key, kind in kinds.items() if kind == "_share"}
    asked = {"power", "alpha", "target", "no_effect", "mcse"}
    assert shares >= {key for key in kinds if key[1] in asked}
    assert ("size", "power") in shares


def test_sizes_for_90_percent_are_those_for_09(lupusim) -> None:
    answers = [
        json.loads(lupusim("size", "two_rates", "--power", words, "--format", "json")[1])
        for words in ("90 %", "0.9")
    ]
    assert answers[0]["n_patients"] == answers[1]["n_patients"]


def test_a_comma_is_answered_before_anything_is_simulated(lupusim) -> None:
    code, out, err = lupusim("size", "two_rates", "--power", "0,9")
    assert (code, out) == (2, "")
    assert "'--power': '0,9' is not a share. Write a point, not a comma: 0.9." in err


def test_statements_and_ends_may_have_percentages(lupusim) -> None:
    words = ("--decide", "power > 60 %", "--jobs", 1, "--format", "json")
    decided = json.loads(lupusim("run", "two_rates", *words)[1])
    assert "sample_size = 100: power > 0.6: yes (error at most 0.01)" in decided["notes"]
    assert StatedNumber(value=0.3).parse("40 %") == 0.4
    assert StatedNumber(value=30, before="", after=" %").parse("40 %") == 40


@pytest.mark.parametrize("nobody", ["none", "0 %", "0"])
def test_nobody_leaves_where_a_new_scenario_is_told_so(nobody: str, tmp_path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(starter_text("two_rates", {"dropout": nobody}), encoding="utf-8")
    assert load_scenario(file).points[0].trial.dropout.per_year == 0
