"""An engine that waits: it has its packages loaded before anybody asks for something.

``python -m lupusim.cli.standby`` reads one line of JSON, ``{"folder": ..., "arguments": [...]}``,
and is from then on that command, started in that folder. A program that keeps one waiting gets
its first answer without the second that the packages take to load.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module

_USED_BY_MOST = (
    "lupusim.planning.execution.workers",
    "lupusim.planning.runs.run",
    "lupusim.planning.theory.power",
    "lupusim.report.run.table",
    "lupusim.report.run.kept",
    "lupusim.report.document.content",
    "lupusim.scenario",
    "lupusim.cli",
)


def main() -> None:
    """Load, wait for one command, and run it; leave where the waiting ends without one."""
    from lupusim.cli.start_up import take_one_thread

    take_one_thread()  # before NumPy is loaded: a process with one thread can be copied
    for module in _USED_BY_MOST:
        import_module(module)
    asked = sys.stdin.readline()
    if asked:
        _become(json.loads(asked))


def _become(asked: dict[str, object]) -> None:
    from lupusim.cli import main as command

    os.chdir(str(asked["folder"]))
    arguments = asked["arguments"]
    assert isinstance(arguments, list)  # as the program that asks writes it
    sys.argv = ["lupusim", *map(str, arguments)]
    command()


if __name__ == "__main__":
    main()
