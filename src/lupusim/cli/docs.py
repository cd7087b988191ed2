"""The command ``lupusim docs``."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

from lupusim.cli.parameters import Option


def docs(
    port: Annotated[int, Option(min=0, max=65535, help="0 for one that is free.")] = 8764,
    show: Annotated[
        bool, Option("--show/--no-show", help="Open it in the browser at once.")
    ] = True,
    out: Annotated[
        Path | None,
        Option("--out", metavar="DIR", help="Write the site into a new folder instead."),
    ] = None,
) -> None:
    """Read the manual in the browser, offline: built on this machine, served to it alone."""
    from lupusim.report.manual import need_sphinx

    need_sphinx()
    if out is not None:
        _write(out)
        return
    with tempfile.TemporaryDirectory(prefix="lupusim-site-") as folder:
        _serve(Path(folder), port, show)


def _write(folder: Path) -> None:
    from lupusim.common.output import new_folder
    from lupusim.report.manual import build

    with new_folder(folder) as draft:
        build(draft)
    print(folder / "index.html")


def _serve(folder: Path, port: int, show: bool) -> None:
    from lupusim.report.manual import build, serve

    with serve(folder, port) as server:
        build(folder)
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"The manual is at {address} until Ctrl-C.", flush=True)
        if show:
            webbrowser.open(address)
        server.serve_forever()
