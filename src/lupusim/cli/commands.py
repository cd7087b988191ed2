"""The commands of ``lupusim`` by name: each is imported when it is asked for."""

from __future__ import annotations

import difflib
import sys
from importlib import import_module

import click

from lupusim.cli.options import INTERRUPTED
from lupusim.cli.parameters import command_of
from lupusim.cli.session import sigterm_as_ctrl_c

_HOMES = {
    "run": "planning.run",
    "merge": "planning.merge",
    "size": "planning.size",
    "solve": "planning.solve",
    "new": "scenarios.new",
    "show": "scenarios.show",
    "check": "scenarios.show",
    "assurance": "planning.assurance",
    "sensitivity": "planning.assurance",
    "threshold": "planning.threshold",
    "calibrate": "models.calibrate",
    "ask": "models.ask",
    "cohort": "models.cohort",
    "generator": "models.cohort",
    "decide": "models.decide",
    "draw": "models.draw",
    "report": "reporting.report",
    "compare": "reporting.compare",
    "bundle": "reporting.bundle",
    "app": "page",
    "docs": "docs",
    "selftest": "selftest",
    "list": "scenarios.packaged",
    "init": "scenarios.packaged",
    "occupancy": "models.occupancy",
    "trial": "planning.trial",
}
"""Of each command the module whose function has its name, in the order of the help."""

_FUNCTIONS = {"list": "list_packaged"}
"""Of commands whose function cannot have their name."""


class Commands(click.Group):
    """The commands, imported when they are asked for: start-up is paid each time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return the names of all commands, in the order of the help."""
        return list(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command by its name; None where there is none."""
        if cmd_name not in self.commands and cmd_name in _HOMES:
            home = import_module(f"lupusim.cli.{_HOMES[cmd_name]}")
            function = getattr(home, _FUNCTIONS.get(cmd_name, cmd_name))
            self.add_command(command_of(function, cmd_name))
        return self.commands.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the words name, or say which is meant."""
        if args and not args[0].startswith("-") and args[0] not in _HOMES:
            near = difflib.get_close_matches(args[0], _HOMES, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that the words name; say it where it is broken off."""
        try:
            with sigterm_as_ctrl_c():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise click.exceptions.Exit(INTERRUPTED) from None
