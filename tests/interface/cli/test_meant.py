"""What was meant by a word that a command does not know."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "two_rates", "--replicates", "10k"), "'10k' is not a whole number. Write 10000."),
        (("run", "two_rates", "--replicates", "many"), "Write a number such as 1000."),
        (("run", "two_rates", "--jobs", "two"), "'two' is not a whole number."),
        (("run", "two_rates", "--replicates", "-1"), "-1 is not in the range"),
        (("run", "two_rates", "--set", "dropout=20 %"), "by 'lupusim sensitivity'"),
        (("size", "two_rates", "--target", "0.9"), "Did you mean '--power'?"),
        (("new", "two_rates", "--out", "mine.yaml"), "Did you mean '--file'?"),
        (("run", "two_rates", "--output", "mine"), "Did you mean '--out'?"),
        (
            ("new", "two_rates", "--control", "30 %"),
            "Say it by --set, such as --set 'control=VALUE'",
        ),
        (("new", "two_rates", "control=30 %"), "Say it by --set, such as --set 'control=VALUE'"),
        (("new", "two_rates", "more"), "unexpected extra argument (more)"),
        (("run", "two_rates", "--replicate", "3"), "--replicates"),
    ],
)
def test_a_wrong_word_is_told_with_what_says_it(arguments, told, lupusim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = lupusim(*arguments)
    assert (code, out) == (2, "")
    assert told in " ".join(err.split())
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_told_with_the_one_beside_it(lupusim, tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text("schema: lupusim/scenario/1\n")
    err = "".join(lupusim("check", tmp_path / "min.yaml")[1:])
    assert f"Did you mean '{tmp_path / 'mine.yaml'}'?" in err
    err = "".join(lupusim("check", tmp_path / "nowhere" / "other.yaml")[1:])
    assert "Check the path." in err


def test_help_tells_no_range_where_there_is_none(lupusim) -> None:
    said = lupusim("run", "--help")[1]
    assert "--jobs" in said
    assert "None" not in said


@pytest.mark.parametrize(
    ("name", "meant"),
    [("standard-car", "standard-care"), ("SAT02444", "SAT0244"), ("two_rate", "two_rates")],
)
@pytest.mark.parametrize("command", ["show", "check"])
def test_a_name_of_any_kind_is_meant(command, name, meant, lupusim) -> None:
    code, _, err = lupusim(command, name)
    assert code == 2
    assert f"Did you mean {meant!r}?" in err


def test_on_a_terminal_no_word_of_a_message_is_broken(lupusim, monkeypatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    code, _, err = lupusim("run", "nosuch")
    assert code == 2
    assert max(map(len, err.splitlines())) <= 40
    assert err.splitlines()[1] == "  file: nothing packaged is called"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    plain = lupusim("run", "nosuch")[2]
    assert len(plain.splitlines()) == 2  # in a pipe a problem is a line
    assert err.split() == plain.split()
