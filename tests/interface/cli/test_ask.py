"""``lupusim ask``: every question, and what it needs."""

from __future__ import annotations

import csv
import io
import json
import math
from functools import partial

import pytest

import lupusim as library


@pytest.fixture
def ask(lupusim):
    return partial(lupusim, "ask")


def rows(ask, *arguments: str):
    code, out, err = ask(*arguments, "--format", "json")
    assert code == 0, err
    return json.loads(out)["rows"]


def test_probabilities_are_those_of_the_library(ask) -> None:
    (row,) = rows(ask, "sick-sicker", "probabilities", "--at", "10 years", "--from", "sick")
    model = library.load_model("sick-sicker")
    expected = library.transition_probabilities(model, 10.0).loc["sick"]
    assert [row[s] for s in model.states] == pytest.approx(expected.tolist())


def test_years_and_stays_are_those_of_the_library(ask) -> None:
    model = library.load_model("sick-sicker")
    (row,) = rows(ask, "sick-sicker", "time", "--until", "5 years", "--discount", "3%")
    expected = library.time_in_state(model, 5.0, discount=0.03)
    assert list(row.values()) == pytest.approx(expected.tolist())
    (row,) = rows(ask, "sick-sicker", "visits", "--from", "sick")
    assert list(row.values()) == pytest.approx(library.visits(model, start="sick").tolist())


def test_what_does_not_exist_is_null_in_json(ask) -> None:
    (row,) = rows(ask, "sick-sicker", "time")
    assert row["dead"] is None


def test_first_passage_is_told_of_every_start(ask) -> None:
    found = rows(ask, "sick-sicker", "first-passage", "--to", "sicker", "--at", "5 years")
    assert [row["from_state"] for row in found] == ["healthy", "sick", "sicker", "dead"]
    assert found[2]["mean_years"] == 0
    assert 0 < found[0]["by_5_years"] < found[0]["ever"] < 1


def test_life_can_be_told_of_one_start(ask) -> None:
    (row,) = rows(ask, "sick-sicker", "life", "--from", "sicker")
    assert row["years"] == pytest.approx(50)


def test_a_table_of_a_model_with_classes_names_them(ask) -> None:
    code, out, _ = ask("msc-durable", "sojourn")
    assert code == 0
    assert "non responder" in out
    code, out, _ = ask("msc-durable", "next", "--format", "csv")
    table = list(csv.DictReader(io.StringIO(out)))
    assert {row["class"] for row in table} == {"responder", "non_responder"}
    assert all(math.isfinite(float(row["death"])) for row in table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["probabilities"], "need --at"),
        (["first-passage"], "needs --to"),
        (["probabilities", "--at", "1 year", "--from", "sickk"], "Did you mean 'sick'"),
        (["visits", "--from", "well"], "is not in model 'sick-sicker'"),
        (["time", "--discount", "a lot"], "is no rate"),
        (["time", "--discount", "300%"], "out of range"),
        (["time", "--until", "5"], "has no unit"),
        (["never"], "first-passage"),
    ],
)
def test_what_is_missing_or_wrong_is_said(ask, arguments, message) -> None:
    code, out, err = ask("sick-sicker", *arguments)
    assert code == 2
    assert out == ""
    assert message in " ".join(err.replace("│", " ").split())


def test_a_trace_of_either_kind_of_model(lupusim) -> None:
    _, out, _ = lupusim("cohort", "sick-sicker-yearly", "--cycles", "5", "--format", "json")
    last = json.loads(out)["rows"][-1]
    assert [round(last[s], 3) for s in ("healthy", "sick", "sicker", "dead")] == [
        0.707,
        0.206,
        0.072,
        0.015,
    ]
    _, out, _ = lupusim("cohort", "sick-sicker", "--cycles", "12", "--cycle", "1 month")
    assert "0.886958" in out
    code, _, err = lupusim("cohort", "sick-sicker", "--cycles", "12")
    assert (code, "add --cycle" in " ".join(err.replace("│", " ").split())) == (2, True)
    code, _, err = lupusim("cohort", "hiv-chancellor", "--cycles", "2", "--cycle", "1 month")
    assert code == 2
    assert "has its own cycle" in " ".join(err.replace("│", " ").split())


def test_no_generator_is_said_in_words(lupusim) -> None:
    code, out, _ = lupusim("generator", "sick-sicker-yearly")
    assert code == 0
    assert "No continuous-time model" in out
    _, out, _ = lupusim("generator", "hiv-chancellor", "--format", "json")
    assert json.loads(out)["exists"] is False
