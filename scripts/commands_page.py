"""Write docs/reference/commands.md: every command of lupusim with its arguments and options."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, get_args

import click

from lupusim.cli import app
from lupusim.cli.parameters import taken_by

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/commands.md"
_WORDS = {str: "TEXT", int: "N", float: "NUMBER", Path: "PATH"}
_HEAD = """# Commands

What `lupusim --help` and `lupusim COMMAND --help` say. Made by `scripts/commands_page.py` from the
commands themselves. A command ends with code 0 if it did what was asked, 1 if a file could not be
written, 2 if something given is wrong, 3 if it is incomplete (parts are missing), 130 after Ctrl-C.
"""


def page() -> str:
    """Return the text of the page."""
    with click.Context(app) as context:
        commands = {name: app.get_command(context, name) for name in app.list_commands(context)}
    return _HEAD + "".join(_section(name, commands[name]) for name in sorted(commands))


def _section(name: str, command: Any) -> str:
    taken = taken_by(command.callback.__wrapped__)
    kinds = {name: get_args(annotated)[0] for name, (annotated, _) in taken.items()}
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join(
        [f"lupusim {name}", *map(_in_usage, arguments), *(["[OPTIONS]"] * any(options))]
    )
    lines = [f"\n## `lupusim {name}`", "", _cell(command.help), "", f"    {usage}", ""]
    rows = [(_metavar(p), p) for p in arguments] + [
        (_spelled(p, kinds[p.name]), p) for p in options
    ]
    if rows:
        lines += ["| argument or option | what it is | default |", "|---|---|---|"]
        lines += [f"| `{first}` | {_cell(_help(p))} | {_default(p)} |" for first, p in rows]
        lines.append("")
    return "\n".join(lines)


def _help(parameter: Any) -> str | None:
    return parameter.about.help if hasattr(parameter, "about") else parameter.help


def _in_usage(argument: Any) -> str:
    name = _metavar(argument)
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _metavar(argument: Any) -> str:
    return argument.metavar or argument.name.upper()


def _spelled(option: Any, kind: Any) -> str:
    names = "/".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    return f"{names} {option.metavar or _kind(kind)}"


def _kind(kind: Any) -> str:
    kinds = [one for one in get_args(kind) if one is not type(None)]
    if kinds:
        return _kind(kinds[0])
    if issubclass(kind, Enum):
        return "\\|".join(str(choice.value) for choice in kind)
    return _WORDS[kind]


def _default(parameter: Any) -> str:
    default = getattr(parameter.default, "value", parameter.default)
    if parameter.required:
        return "needed"
    if default is None or callable(default) or default is False or default in ([], ()):
        return ""
    if isinstance(default, bool):
        return parameter.opts[0]
    return f"`{default}`"


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
