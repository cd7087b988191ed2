"""The command ``lupusim``; heavy imports happen in the command that needs them."""

from __future__ import annotations

import errno
import os
import sys
from typing import NoReturn

import click

from lupusim import __version__
from lupusim.cli.commands import Commands
from lupusim.cli.options import INPUT_IS_WRONG, INTERRUPTED

_FOLDER = "A folder is needed there, and it is a file: give another name."
_ADVICE = {
    errno.EEXIST: _FOLDER,
    errno.ENOTDIR: _FOLDER,
    errno.EACCES: "Give a folder that you may write to, or change its permissions.",
    errno.EPERM: "Give a folder that you may write to, or change its permissions.",
    errno.EROFS: "Give a folder elsewhere.",
    errno.EMFILE: "Let a process open more files, by 'ulimit -n 256' before.",
    errno.ENFILE: "End other programs: the whole machine can open no more files.",
}
"""What to do where a folder or file cannot be written, by the system's error number."""

__all__ = ["app", "command", "main"]


@click.group(
    cls=Commands,
    no_args_is_help=True,
    context_settings={"max_content_width": 100},
    epilog="What a command takes: lupusim COMMAND --help. The first to try: lupusim run two_rates",
)
@click.version_option(__version__, message="lupusim %(version)s", help="Say which version.")
def app() -> None:
    """Design trials of mesenchymal stem cells in refractory lupus."""


def main() -> None:
    """Run the command as the program that it is; nobody is waited for who may never answer."""
    from lupusim.cli.start_up import collect_seldom, load_later, take_one_thread

    collect_seldom()
    load_later()
    take_one_thread()
    try:
        command()
    except SystemExit as end:
        workers = {"distributed"} if end.code != INTERRUPTED else {"distributed", "joblib"}
        if end.code and workers & set(sys.modules):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else 1)
        raise


def command() -> None:
    """Run the command; exit 2 where the user's input is wrong, 130 when interrupted."""
    from lupusim.common.output import OutputError
    from lupusim.errors import LupusimError

    try:
        app()
    except OutputError as error:
        _end(str(error), 1)
    except (LupusimError, ValueError) as error:
        _end(str(error), INPUT_IS_WRONG)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _end(f"{where}{_explained(error)}", 1)


def _end(words: str, code: int) -> NoReturn:
    """Say why a command ends."""
    from lupusim.cli.session import say

    say(words)
    sys.exit(code)


def _explained(error: OSError) -> str:
    """Return what the system says, with what to do where that is known."""
    said = error.strerror or str(error)
    number = error.errno or 0
    if "temporary directory" in said:  # of Python's tempfile
        return f"{said}. Let TMPDIR name a folder that you may write to"
    known = number in _ADVICE and said == os.strerror(number)
    return f"{said}. {_ADVICE[number]}" if known else said
