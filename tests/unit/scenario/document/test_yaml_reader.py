from pathlib import Path

import pytest

from lupusim.errors import ModelError
from lupusim.scenario.document import yaml_reader as yaml_file
from lupusim.scenario.document.yaml_reader import parse_document, read_document


def parse(text: str):
    return parse_document(text, "x.yaml", ModelError)


def test_values_follow_yaml_1_2_not_1_1() -> None:
    content = parse(
        "{a: 1e4, b: no, c: 12:30, d: true, e: ~, f: -3, g: .5, h: '1', i: 1_000}"
    ).content
    assert content == {
        "a": 1e4,
        "b": "no",
        "c": "12:30",
        "d": True,
        "e": None,
        "f": -3,
        "g": 0.5,
        "h": "1",
        "i": "1_000",
    }


def test_a_text_read_again_is_not_parsed_again_and_a_change_of_its_content_stays_there() -> None:
    text = "a: [{b: 1}]\na: 2\n"
    known = yaml_file._parsed.cache_info().hits
    first, again = parse(text), parse(text)
    assert yaml_file._parsed.cache_info().hits == known + 1
    assert again == first
    first.content["a"][0]["b"] = 5
    assert parse(text).content == again.content == {"a": [{"b": 1}]}
    assert len(again.problems) == 1


def test_every_key_knows_its_line_and_column() -> None:
    document = parse('a: 1\nb:\n  - {c: 2,\n     d: 3}\n"x->y": 0\n')
    assert document.position("a") == (1, 1)
    assert document.position("b.0.c") == (3, 6)
    assert document.position("b.0.d") == (4, 6)
    assert document.position("x -> y") == (5, 1)


def test_the_place_of_a_missing_key_is_that_of_its_parent() -> None:
    document = parse("a: 1\nb:\n  - {c: 2}\n")
    assert document.position("b.0.nothing.at.all") == (3, 5)
    assert document.position("nothing") is None


def test_a_key_in_a_message_is_short_and_paints_nothing() -> None:
    refused, *found = parse(f'"\\e[31m": .nan\n{"k" * 500}: .nan\n').problems
    assert refused.fault == "the control character U+001B stands in this text"
    assert found[0].key == r"'\x1b[31m'"
    assert len(found[1].key) == 120


def test_keys_are_text_however_they_look() -> None:
    assert parse("1: a\ntrue: b\n0.5: c").content == {"1": "a", "true": "b", "0.5": "c"}


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(path, ModelError).content == {"a": 1}


def test_all_twice_given_keys_and_impossible_numbers_are_found_together() -> None:
    found = parse("a: 1\nb: .nan\na: 2\nc: -.inf\nd: 1e400\ne: 12345678901234567\n").problems
    assert [(p.key, p.line) for p in found] == [("b", 2), ("a", 3), ("c", 4), ("d", 5), ("e", 6)]
    assert "first in line 1" in found[1].fault


def test_a_syntax_error_shows_the_line_with_a_caret() -> None:
    with pytest.raises(ModelError, match="this is not YAML") as caught:
        parse("a: 1\nb: [1, 2\nc: 3]\n")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (3, 2)
    assert problem.fix.endswith("\n      c: 3]\n       ^")


def test_a_second_document_is_refused() -> None:
    with pytest.raises(ModelError, match="line 3: a second document"):
        parse("a: 1\n---\nb: 2\n")


def test_a_control_character_is_placed() -> None:
    with pytest.raises(ModelError, match="line 2") as caught:
        parse("a: 1\nb: \x01\n")
    assert caught.value.problems[0].column == 4


def test_a_path_that_cannot_be_is_one_problem(tmp_path: Path) -> None:
    for path in ("a\0b", tmp_path / ("n" * 5000)):
        with pytest.raises(ModelError, match=r"cannot be read|no such file"):
            read_document(path, ModelError)


def test_a_device_is_no_file() -> None:
    with pytest.raises(ModelError, match="not an ordinary file"):
        read_document("/dev/zero", ModelError)


def test_a_file_of_too_many_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_file, "MAX_NODES", 50)
    with pytest.raises(ModelError, match=r"line 2, b\.1: the file has more than 50 values"):
        parse(f"a: {[1] * 46}\nb: {[1] * 5}\n")
