"""What is wrong with what was said of a new scenario, told by the names of its options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lupusim.common.frozen import dataclass
from lupusim.errors import InputError, Problem, ScenarioError
from lupusim.scenario.document.content import is_mapping, is_nested
from lupusim.scenario.document.yaml_reader import ENDS_VALUE, parse_document
from lupusim.scenario.files.scenario import scenario_from_document
from lupusim.scenario.starters.text import by_name, questions, starter_text, with_defaults

_MARK = "whatisaskedfor"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongAnswer:
    """One thing wrong with what was said."""

    option: str  # whose value it is; empty where it is of none alone
    words: str  # what is wrong, and what to write

    def __str__(self) -> str:
        return self.words


def problems_of(kind: str, values: Mapping[str, str], folder: Path) -> list[WrongAnswer]:
    """Return what is wrong with what was said of a kind; empty where it makes a scenario.

    Parameters
    ----------
    kind : str
        One of `STARTERS`.
    values : mapping of str to str
        By name what was said.
    folder : Path
        Where the file is to stand, for the models it names.

    Raises
    ------
    ValueError
        If there is no such kind, or it asks for no such value.
    """
    said, values = with_defaults(kind, values), by_name(kind, values)
    if unreadable := [name for name in values if not _is_read(kind, name, said[name])]:
        return [
            WrongAnswer(option=name, words=f"{name}={said[name]}: it cannot be read. {_like(kind)}")
            for name in unreadable
        ]
    try:
        text = starter_text(kind, values)
    except ValueError as error:
        return [WrongAnswer(option=str(error).partition("=")[0], words=f"{error}.")]
    try:
        scenario_from_document(parse_document(text, kind, ScenarioError), folder=folder)
    except InputError as error:
        homes = dict(_homes(kind, said))
        return list(dict.fromkeys(_told(problem, homes, said) for problem in error.problems))
    return []


def _like(kind: str) -> str:
    return f"Write it as 'lupusim new --list' shows those of {kind}."


def _is_read(kind: str, name: str, value: str) -> bool:
    """Return whether a text can be a value of a file, or several."""
    try:
        parse_document(f"value: [{value}]", kind, ScenarioError)  # no bracket or comment ends it
        parse_document(starter_text(kind, {name: value}), kind, ScenarioError)
    except InputError:
        return False
    except ValueError:  # which is told in words of its own
        return True
    return True


def _told(problem: Problem, homes: Mapping[str, str], said: Mapping[str, str]) -> WrongAnswer:
    """Return a problem of the file by the name of the option behind it."""
    around, _, key = problem.key.rpartition(".")
    if around == "analysis" and problem.key not in homes:
        test = f"test={said['test']}"
        fix = f"Write such as '{test}, {key}: VALUE'" if problem.fix == f"Add '{key}:'." else ""
        words = f"{test}: {key}: {problem.fault}. {f'{fix}.' if fix else problem.fix}"
        return WrongAnswer(option="test", words=words)
    option = _option(problem.key, homes, said)
    what = f"{option}={said[option]}" if option else problem.key or "together"
    return WrongAnswer(
        option=option, words=f"{what}: {problem.fault.removesuffix(ENDS_VALUE)}. {problem.fix}"
    )


def _option(key: str, homes: Mapping[str, str], said: Mapping[str, str]) -> str:
    """Return the option whose value stands at a key, around it, or alone below it."""
    around = [home for home in homes if key == home or key.startswith(f"{home}.")]
    if around:
        return homes[max(around, key=len)]
    below = {homes[home] for home in homes if key and home.startswith(f"{key}.")}
    if len(below) == 1:
        return below.pop()
    named = [part for part in key.split(".") if said.get(part)]
    return named[-1] if named else ""


def _homes(kind: str, said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the places of the file at which the value of an option stands, and the option."""
    if said["looks"]:
        yield "looks", "looks"
    for name in questions(kind):
        if said[name] and name != "looks":
            marked = f"{_MARK}, {_MARK}" if name == "second" else _MARK
            text = starter_text(kind, {**said, name: marked})
            content = parse_document(text, kind, ScenarioError).content
            yield from ((place, name) for place in _marked(content, ""))


def _marked(value: object, place: str) -> Iterator[str]:
    """Yield the places below one at which the mark stands."""
    if not is_nested(value):
        if _MARK in str(value):
            yield place
        return
    parts = value.items() if is_mapping(value) else enumerate(value)  # type: ignore[arg-type]
    for name, part in parts:
        yield from _marked(part, f"{place}.{name}" if place else str(name))
