"""The command ``lupusim new``: a scenario to start from, with one's own numbers."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import click

from lupusim.cli.parameters import Argument, Option
from lupusim.common.output import OutputError, try_file, write

if TYPE_CHECKING:
    from lupusim.scenario.starters import Ask

_LIST = Option("--list", help="List the kinds, or KIND alone, with what each may be told.")
_FILE = Option("--file", help="The file to be written; default: KIND.yaml. Never overwritten.")
_SET = Option("--set", metavar="NAME=VALUE", help='A number, as --set "control=30 %"; repeat.')
_NOTHING = "none"
_HANG = 17  # characters before what an option is


def new(
    kind: Annotated[str, Argument(metavar="KIND", help="The kind of trial.")] = "",
    values: Annotated[list[str] | None, _SET] = None,
    file: Annotated[Path | None, _FILE] = None,
    list_kinds: Annotated[bool, _LIST] = False,
) -> None:
    """Write a commented scenario of a kind of trial; asks for its numbers on a terminal."""
    from lupusim.scenario.starters import STARTERS, by_name, problems_of, questions, starter_text

    asks = _on_terminal() and not values
    if list_kinds or not (kind or asks):
        _tell_kinds(kind)
        return
    if not kind:
        for name, starter in STARTERS.items():
            print(f"  {name:14} {starter.words}")
        kind = click.prompt("kind of trial", next(iter(STARTERS)))
    asked = questions(kind)
    path = file or Path(f"{kind}.yaml")
    if path.exists():
        raise OutputError(f"{path} exists already; name another by --file")
    said = _asked(kind) if asks else by_name(kind, dict(map(_pair, values or ())))
    while wrong := problems_of(kind, said, path.parent):
        _tell_wrong(wrong)
        again = [name for name in asked if any(one.option == name for one in wrong)]
        if not (asks and again):
            raise click.exceptions.Exit(2)
        said |= {name: _prompt(asked[name]) for name in again}
    try_file(path)
    write(path, starter_text(kind, said))
    _tell_written(path, _taken(asked, said), _understood(kind, said, " ".join(values or ())))


def _on_terminal() -> bool:
    return sys.stdin.isatty()


def _tell_kinds(kind: str) -> None:
    """Print each kind, or the one that is named, and what it may be told."""
    from lupusim.scenario.starters import STARTERS, questions

    if kind:
        questions(kind)  # says so where there is none
    for name, starter in STARTERS.items():
        if kind not in {"", name}:
            continue
        print(f"{name:14} {starter.words}")
        for one, ask in questions(name).items():
            usual = f" (default {ask.default})" if ask.default else ""
            line = f"    {one:12} {ask.words}{usual}"
            print(fill(line, get_terminal_size().columns, subsequent_indent=" " * _HANG))


def _asked(kind: str) -> dict[str, str]:
    """Return what is answered to the questions of a kind; to those of few trials if wanted."""
    from lupusim.scenario.starters import STARTERS

    starter = STARTERS[kind]
    said = {name: _prompt(ask) for name, ask in starter.asked.items()}
    words = f"Say more: {', '.join(starter.further)}?"
    if click.confirm(words, default=False):
        said |= {name: _prompt(ask) for name, ask in starter.further.items()}
    return said


def _prompt(ask: Ask) -> str:
    answer: str = click.prompt(ask.words, ask.default or _NOTHING)
    return answer.strip()


def _tell_wrong(wrong: Iterable[object]) -> None:
    for one in wrong:
        print(one, file=sys.stderr)
    print("nothing was written", file=sys.stderr)


def _taken(asked: Mapping[str, Ask], said: Mapping[str, str]) -> list[str]:
    """Return what was not said, so that the file has the usual; the bounds of looks if any."""
    return [
        f"{name} {ask.default}"
        for name, ask in asked.items()
        if ask.default and name not in said and (name != "efficacy" or "looks" in said)
    ]


def _understood(kind: str, said: Mapping[str, str], typed: str) -> str:
    """Return how plain numbers were taken: looks besides the last, ratios not typed as such."""
    from lupusim.scenario.starters import look_times, ratios_of

    looks = said.get("looks", _NOTHING)
    n = 0 if looks == _NOTHING else len(look_times(looks))
    before = f"looks={looks} makes {n} interim look{'s' * (n > 1)} and the last." if n else ""
    ratios = (
        f"{name}={said[name]} is taken for the {ratio.replace('_', ' ')} to the control; "
        "its own value would have a unit."
        for name, ratio in ratios_of(kind, said).items()
        if f"{ratio}=" not in typed
    )
    return " ".join(filter(None, (before, *ratios, _events_kept(kind, said))))


def _events_kept(kind: str, said: Mapping[str, str]) -> str:
    """Return that the events of the last look do not follow the patients; empty where said."""
    from lupusim.scenario.starters import questions

    events = questions(kind).get("events")
    if events is None or "size" not in said or "events" in said:
        return ""
    return (
        f"size={said['size']} leaves the {events.default} events of the last look: say events too."
    )


def _tell_written(path: Path, taken: list[str], understood: str) -> None:
    """Say what is in the file, and what may be wrong with it."""
    name = shlex.quote(str(path))
    if taken:
        print(fill(f"Not said, so taken: {', '.join(taken)}.", get_terminal_size().columns))
    if understood:
        print(understood)
    print(f"{path} is written. Now: lupusim check {name}, then lupusim run {name}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise ValueError(f"{text!r} is not NAME=VALUE. Write such as --set 'control=30 %'")
    return name.strip(), value.strip()
