"""The site served to this machine alone."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"


class _Quiet(SimpleHTTPRequestHandler):
    """Answers with files and writes no log of requests."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def serve(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a folder's files, bound to 127.0.0.1 and not yet running.

    Parameters
    ----------
    folder : Path
        What it serves.
    port : int
        0 for one that is free.

    Raises
    ------
    OSError
        If the port is taken.

    Examples
    --------
    >>> with serve(Path("."), 0) as server:
    ...     server.server_address[0]
    '127.0.0.1'
    """
    return ThreadingHTTPServer((LOOPBACK, port), partial(_Quiet, directory=str(folder)))
