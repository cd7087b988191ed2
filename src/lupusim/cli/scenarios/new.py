"""The command ``lupusim new``: a scenario to start from, with one's own numbers."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import click

from lupusim.cli.parameters import Argument, Option
from lupusim.common.output import OutputError, try_file, write

_LIST = Option("--list", help="List the kinds, with what each may be told.")
_FILE = Option("--file", help="The file to be written; default: KIND.yaml. Never overwritten.")
_SET = Option("--set", metavar="NAME=VALUE", help='A number, as --set "control=30 %"; repeat.')


def new(
    kind: Annotated[str, Argument(metavar="KIND", help="The kind of trial.")] = "",
    values: Annotated[list[str] | None, _SET] = None,
    file: Annotated[Path | None, _FILE] = None,
    list_kinds: Annotated[bool, _LIST] = False,
) -> None:
    """Write a commented scenario of a kind of trial; asks for its numbers on a terminal."""
    from lupusim.scenario.files.starters import STARTERS, questions, starter_text

    if list_kinds or not kind:
        for name, starter in STARTERS.items():
            print(f"{name:14} {starter.words}")
            for one, (question, default) in questions(name).items():
                print(f"    {one:12} {question} (default {default})")
        return
    asked = questions(kind)
    said = dict(map(_pair, values or ()))
    if sys.stdin.isatty() and not values:
        said = {n: click.prompt(question, default) for n, (question, default) in asked.items()}
    text = starter_text(kind, said)
    path = file or Path(f"{kind}.yaml")
    _check(text, path)
    if path.exists():
        raise OutputError(f"{path} exists already; name another by --file")
    try_file(path)
    write(path, text)
    name = shlex.quote(str(path))
    if untold := [f"{one} {default}" for one, (_, default) in asked.items() if one not in said]:
        print(f"Not said, so taken: {', '.join(untold)}.")
    print(f"{path} is written. Now: lupusim check {name}, then lupusim run {name}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise ValueError(f"{text!r} is not NAME=VALUE. Write such as --set 'control=30 %'")
    return name.strip(), value.strip()


def _check(text: str, path: Path) -> None:
    """Read the scenario before it is written, so that what was typed wrong is told."""
    from lupusim.errors import ScenarioError
    from lupusim.scenario.document.yaml_reader import parse_document
    from lupusim.scenario.files.scenario import scenario_from_document

    scenario_from_document(parse_document(text, path, ScenarioError), folder=path.parent)
