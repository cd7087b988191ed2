"""The command ``lupusim app``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from lupusim.cli.parameters import Argument, Option


def app(
    folder: Annotated[
        Path, Argument(metavar="[DIR]", help="Whose files the page may read and write.")
    ] = Path(),
    port: Annotated[int, Option(min=0, max=65535, help="0 for one that is free.")] = 8765,
    host: Annotated[
        str, Option(help="Another than this machine's own is guarded by a token.")
    ] = "127.0.0.1",
    show: Annotated[
        bool, Option("--show/--no-show", help="Open it in the browser at once.")
    ] = True,
) -> None:
    """Plan a trial in the browser, on this machine alone: nothing is sent elsewhere."""
    if find_spec("nicegui") is None:
        raise ValueError('the page needs more: pip install "lupusim[app]"')
    from lupusim.app.server import Options, serve

    serve(Options(folder=folder, host=host, port=port, open_browser=show))
