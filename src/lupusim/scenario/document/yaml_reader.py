"""Read a YAML file into plain objects that know their lines; the only module that knows ruamel.

The events of the parser are turned into dictionaries and lists here, not by ruamel's own
constructor: so nothing is ever built that the file did not spell out, whoever wrote it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from lupusim.common.frozen import dataclass
from lupusim.common.spelling import near
from lupusim.errors import InputError, Problem
from lupusim.scenario.document.content import is_list, is_mapping, text_keys

MAX_BYTES = 1_000_000
_OFFICE = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # how workbooks and archives begin, old and new
MAX_DEPTH = 30
MAX_NODES = 10_000
MAX_LINE = 50_000  # characters; the parser is slow on longer words
MAX_PROBLEMS = 100
_PROSE = frozenset({"title", "question", "description", "source", "estimand", "notes", "quote"})
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LONGEST_KEY = 120
_MAX_DIGITS = 15  # every whole number of 15 digits is exact as a float

Position = tuple[int, int]

# YAML 1.2, core schema, section 10.3.2: `no` is text, 1e4 is a number, 12:30 is text.
_INTEGER = re.compile(r"[-+]?[0-9]+")
ENDS_VALUE = ", and between braces a comma ends the value"
"""Why a decimal comma cannot be read in a file; of no use to who wrote no braces."""
_DECIMALS = re.compile(r"\d+( \D.*)?")  # of a number with a decimal comma
_COLON_IN_TEXT = re.compile(r"\s*(?P<key>\w+): (?P<text>[\w ,.;%()-]+: [\w ,.;%()-]+)$")
_NUMBER = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def edge_label(text: str) -> str:
    """Return `text` with exactly one space on either side of an arrow."""
    text = text.strip()
    return re.sub(r"\s*->\s*", " -> ", text) if "->" in text else text


def child_key(parent: str, name: str | int) -> str:
    """Return the dotted path of a key below another."""
    label = edge_label(str(name))
    if len(label) > _LONGEST_KEY or not label.isprintable():
        label = ascii(label)[:_LONGEST_KEY]  # a key must not paint on a terminal
    return f"{parent}.{label}" if parent else label


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's content as plain objects, and where each key stands."""

    file: Path | str  # what to call it in messages
    content: dict[str, Any]
    """Made of dict (text keys), list, str, int, float, bool and None; numbers are finite."""
    error_class: type[InputError]  # what to raise for its problems
    positions: Mapping[str, Position] = field(default_factory=dict)
    """Line and column, from 1, of each dotted key."""
    problems: tuple[Problem, ...] = ()
    """What is wrong whatever the schema: keys given twice, numbers that are none."""
    text: str = ""  # the file as it was read

    def position(self, key: str) -> Position | None:
        """Return line and column of a dotted key, or of the nearest key that holds it."""
        path = key
        while path not in self.positions and path:
            path = path.rpartition(".")[0]
        return self.positions.get(path)

    def locate(self, problem: Problem) -> Problem:
        """Return the problem with the line and column of its key."""
        if problem.line is not None or (found := self.position(problem.key)) is None:
            return problem
        return replace(problem, line=found[0], column=found[1])

    def problem(self, key: str, fault: str, fix: str) -> Problem:
        """Return a problem of one key, with its place."""
        return self.locate(Problem(key=key, fault=fault, fix=fix))


def read_document(path: str | Path, error_class: type[InputError]) -> Document:
    """Read a YAML 1.2 file.

    Parameters
    ----------
    path : str or Path
        A file of at most a megabyte, in UTF-8, with a mapping at its top.
    error_class : type of InputError
        What to raise, such as ``ScenarioError``.

    Raises
    ------
    InputError
        Of that class: the file is missing, not text, not YAML, or not a mapping; or it uses
        anchors, tags or nesting that no file of ours needs.
    """
    return parse_document(_read_text(Path(path), error_class), Path(path), error_class)


def parse_document(text: str, file: str | Path, error_class: type[InputError]) -> Document:
    """Parse YAML text; `file` is what messages call it. Raises as :func:`read_document`."""
    try:
        content, positions, problems = _parsed(text)
    except _StoppedError as stopped:
        raise error_class(file, stopped.problems) from None
    return Document(
        file=file,
        content=text_keys(content),
        error_class=error_class,
        positions=dict(positions),
        problems=problems,
        text=text,
    )


# One command reads the same packaged models many times, and the parser is slow.
@lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[dict[str, Any], dict[str, Position], tuple[Problem, ...]]:
    builder = _Builder(text=text)
    content = builder.document()
    if not isinstance(content, dict):
        fault = f"the file holds {describe(content)}, not keys and values"
        builder.stop(fault, "Write lines such as 'title: my trial'.", (1, 1))
    return content, builder.positions, tuple(builder.problems)


def describe(value: object) -> str:
    """Return what a value is, in a few words, however large it is."""
    if value is None:
        return "an empty value"
    if is_mapping(value):
        return "a mapping of keys"
    if is_list(value):
        return "a list"
    if isinstance(value, int) and abs(value) > 10**60:
        return "a huge whole number"  # its digits may be more than Python prints
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text)} characters)"


def _read_text(path: Path, error_class: type[InputError]) -> str:
    def refuse(fault: str, fix: str) -> NoReturn:
        raise error_class(path, [Problem(key="", fault=fault, fix=fix)])

    try:
        if found := _unreadable(path):
            refuse(*found)
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        refuse(f"the file cannot be read: {reason}", "Check its name and its permissions.")
    if content.startswith(_OFFICE):
        fault = "the file is a workbook, a document or an archive, not text"
        refuse(fault, "Save what it says as plain text in UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        refuse(f"the file is not text in UTF-8 (line {line})", "Save it as UTF-8.")


def _unreadable(path: Path) -> tuple[str, str] | None:
    """Return what stands against reading a file, before a byte of it is read."""
    if path.is_dir():
        return "this is a folder, not a file", "Name a file in it."
    if not path.exists():
        return "there is no such file", _file_meant(path)
    if not path.is_file():
        return "this is not an ordinary file", "Name a text file."
    if (size := path.stat().st_size) > MAX_BYTES:
        return f"the file has {size / 1e6:.1f} MB", "A file of this kind has at most 1 MB."
    return None


def _file_meant(path: Path) -> str:
    """Return which file beside a missing one is meant, or to check the path."""
    try:
        names = [other.name for other in path.parent.iterdir() if other.suffix == path.suffix]
    except OSError:
        names = []
    found = near(path.name, [name for name in names if name != path.name])  # a link to nothing
    return f"Did you mean {str(path.with_name(found[0]))!r}?" if found else "Check the path."


class _StoppedError(Exception):
    """What follows in the text cannot be trusted."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


@dataclass(slots=True, kw_only=True)
class _Builder:
    """Turns the parser's events into plain objects."""

    text: str
    positions: dict[str, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    n_nodes: int = 0

    def stop(self, fault: str, fix: str, position: Position | None, key: str = "") -> NoReturn:
        """Raise at once: what follows in the file cannot be trusted."""
        line, column = position or (None, None)
        found = Problem(key=key, fault=fault, fix=fix, line=line, column=column)
        raise _StoppedError([*self.problems, found])

    def document(self) -> object:
        """Return the content of the one document."""
        self._refuse_long_lines()
        events = self._events()
        if (first := next(events, None)) is None:
            self.stop("the file is empty", "Start it with a line 'schema: ...'.", None)
        content = self._node(first, events, "", 0)
        if (extra := next(events, None)) is not None:
            fix = "Keep one document: remove the line '---' and what follows."
            self.stop("a second document starts here", fix, _position(extra))
        return content

    def _refuse_long_lines(self) -> None:
        for number, line in enumerate(self.text.split("\n"), start=1):
            if len(line) > MAX_LINE:
                fault = f"a line has {len(line)} characters"
                self.stop(fault, f"Break it: at most {MAX_LINE}.", (number, 1))

    def _events(self) -> Iterator[Any]:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        frame = ("StreamStart", "StreamEnd", "DocumentStart", "DocumentEnd")
        try:
            for event in YAML(typ="safe", pure=True, plug_ins=[]).parse(self.text):
                if not type(event).__name__.startswith(frame):
                    yield event
        except MarkedYAMLError as error:
            self._wrong_yaml(error.problem, error.problem_mark or error.context_mark)
        except YAMLError as error:
            before = self.text[: getattr(error, "position", 0)]
            place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
            self.stop("a character here cannot stand in YAML", "Remove it.", place)

    def _wrong_yaml(self, reason: str | None, mark: Any) -> NoReturn:
        line, column = (mark.line, mark.column) if mark else (0, 0)
        lines = self.text.splitlines() or [""]
        row, begin = lines[min(line, len(lines) - 1)], max(0, column - 60)
        caret = f"\n      {row[begin : begin + 80]}\n      {' ' * (column - begin)}^"
        fault = f"this is not YAML: {reason or 'unreadable'}"
        fix = f"Often a bracket, a quote, a colon or the indentation is at fault:{caret}"
        if (reason or "").startswith("mapping values") and (text := _COLON_IN_TEXT.match(row)):
            fault = "a colon with a space stands in this text, as behind a key"
            fix = f"Put quotes around it: {text['key']}: {text['text']!r}."
        if "\t" in row[: column + 1]:
            fault = "this is not YAML: a tab stands here"
            fix = f"Use spaces:{caret}".replace("\t", "  ")
        self.stop(fault, fix, (line + 1, column + 1))

    def _node(self, event: Any, events: Iterator[Any], key: str, depth: int) -> object:
        kind = type(event).__name__.removesuffix("Event")
        self.n_nodes += 1
        self._refuse_tricks(event, kind, key, depth)
        if kind == "Scalar":
            return self._scalar(event, key)
        if kind == "SequenceStart":
            return self._sequence(events, key, depth)
        return self._mapping(events, key, depth)

    def _refuse_tricks(self, event: Any, kind: str, key: str, depth: int) -> None:
        tricks = (
            (kind == "Alias", "an alias (*) stands here", "Write the value out."),
            (bool(getattr(event, "anchor", None)), "an anchor (&) stands here", "Remove it."),
            (bool(getattr(event, "tag", None)), "a tag (!) stands here", "Remove it."),
            (depth > MAX_DEPTH, f"more than {MAX_DEPTH} levels are nested", "Nest less."),
            (self.n_nodes > MAX_NODES, f"the file has more than {MAX_NODES} values", "Shorten it."),
        )
        for found, fault, fix in tricks:
            if found:
                self.stop(fault, fix, _position(event), key)

    def _sequence(self, events: Iterator[Any], key: str, depth: int) -> list[object]:
        items: list[object] = []
        for event in events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            item_key = child_key(key, len(items))
            self.positions[item_key] = _position(event)
            items.append(self._node(event, events, item_key, depth + 1))
        return items

    def _mapping(self, events: Iterator[Any], key: str, depth: int) -> dict[str, object]:
        content: dict[str, object] = {}
        for event in events:
            if type(event).__name__ == "MappingEndEvent":
                break
            if type(event).__name__ != "ScalarEvent":
                fix = "Write a word, or put quotes around it."
                self.stop("a key must be text", fix, _position(event), key)
            self._refuse_tricks(event, "Scalar", key, depth)
            self._refuse_control(event.value, event, key)
            name = child_key(key, event.value)
            value_key = name if event.value not in content else f"{name} (again)"
            if event.value in content:
                self._report_twice(name, _position(event))
            self.positions.setdefault(value_key, _position(event))
            value = self._node(next(events), events, value_key, depth + 1)
            if value is not None or not self._is_decimal(content, event, key):
                content.setdefault(event.value, value)
        return content

    def _is_decimal(self, content: Mapping[str, object], event: Any, key: str) -> bool:
        """Return whether a key is what stands behind a decimal comma, which is reported."""
        name, begun = list(content.items())[-1] if content else ("", None)
        if not (_DECIMALS.fullmatch(event.value) and _INTEGER.fullmatch(str(begun))):
            return False
        fault = f"'{begun},{event.value}' has a comma{ENDS_VALUE}"
        fix = f"Write a point: {begun}.{event.value}."
        self._report(child_key(key, name), fault, fix, _position(event))
        return True

    def _report_twice(self, name: str, position: Position) -> None:
        first = self.positions[name][0]
        self._report(name, f"the key is given twice, first in line {first}", "Keep one.", position)

    def _report(self, key: str, fault: str, fix: str, position: Position) -> None:
        line, column = position
        found = Problem(key=key, fault=fault, fix=fix, line=line, column=column)
        self.problems.append(found)
        if len(self.problems) >= MAX_PROBLEMS:
            self.stop("so many problems are enough", "Mend these first.", position)

    def _scalar(self, event: Any, key: str) -> object:
        text: str = event.value
        self._refuse_control(text, event, key)
        if not event.implicit[0]:  # it was quoted
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text) and len(text.lstrip("+-0")) <= _MAX_DIGITS:
            return int(text)
        if _NUMBER.fullmatch(text):
            return self._number(text, event, key)
        return text

    def _refuse_control(self, text: str, event: Any, key: str) -> None:
        """Report characters that no name can show, lines and tabs outside of prose among them."""
        is_prose = event.style in {"|", ">"} or not _PROSE.isdisjoint(key.split("."))
        allowed = "\n\t" if is_prose and not key.endswith("name") else ""
        if found := next((c for c in text.strip() if is_control(c) and c not in allowed), None):
            fault = f"the control character U+{ord(found):04X} stands in this text"
            self._report(key, fault, "Remove it: names are shown as they are.", _position(event))

    def _number(self, text: str, event: Any, key: str) -> float:
        number = math.nan if "." in text and text[-1].isalpha() else float(text)
        if _INTEGER.fullmatch(text) or abs(number) == math.inf:
            return self._no_number(f"{describe(text)} is too large a number", event, key)
        if math.isnan(number):
            return self._no_number(f"{describe(text)} is not a finite number", event, key)
        return number

    def _no_number(self, fault: str, event: Any, key: str) -> float:
        self._report(key, fault, "Give a number that a trial can have.", _position(event))
        return 0.0


def is_control(character: str) -> bool:
    """Return whether a character changes how the text around it is shown, and shows nothing."""
    return unicodedata.category(character) in {"Cc", "Zl", "Zp"} or character in _BIDI


def _position(event: Any) -> Position:
    return event.start_mark.line + 1, event.start_mark.column + 1
