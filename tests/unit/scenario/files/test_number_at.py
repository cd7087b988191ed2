"""Numbers of a file, in the unit they are written in."""

from __future__ import annotations

import pytest

from lupusim.scenario.files.number_at import number_at
from lupusim.scenario.files.variation import replaced, value_at


@pytest.mark.parametrize(
    ("path", "value", "unit", "whole"),
    [
        ("dropout", 10, "% a year", False),
        ("dropout.per_year", 0.1053605, "", False),
        ("arms.control.outcomes.relapse", 14, "months", False),
        ("arms.treated.outcomes.relapse.hazard_ratio", 0.65, "", False),
        ("looks.0.when.events", 120, "", True),
        ("sample_size", 280, "", True),
        ("enrollment", 12, "per month", False),
        ("analysis.sided", 1, "", True),
    ],
)
def test_a_number_keeps_its_unit(path: str, value: float, unit: str, whole: bool) -> None:
    found = number_at("time_to_event", [path]).stated
    assert (found.value, found.unit, found.whole) == (pytest.approx(value), unit, whole)
    assert found.parse(found.in_words("3")) == 3
    written = found.written(found.value + 1)
    assert str(written).removeprefix(found.before or "").startswith(f"{found.value + 1:.6g}"[:3])


def test_a_name_with_dots_is_one_step_of_a_path() -> None:
    content = {"arms": [{"name": "1.5 mg", "x.y": 3, "x": {"y": 4}}, {"name": "1", "5": 7}]}
    assert value_at(content, "arms.1.5 mg") == content["arms"][0]
    assert value_at(content, "arms.1.5 mg.x.y") == 4
    assert value_at(content, "arms.0.x.y") == 4
    assert value_at({"x.y": 3}, "x.y") == 3
    assert value_at(content, "arms.1.5") == 7
    assert value_at(content, "arms.2.5") is None
    assert replaced(content, {"arms.1.5 mg.x": 2})["arms"][0] == {
        "name": "1.5 mg",
        "x.y": 3,
        "x": 2,
    }


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("dropot", "nothing at 'dropot'. Did you mean 'dropout"),
        ("allocation", "no single number at 'allocation'"),
        ("analysis.test", "no single number at 'analysis.test'"),
        ("looks.0", "Did you mean|Valid"),
    ],
)
def test_what_is_no_number_is_refused(path: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        number_at("time_to_event", [path])
