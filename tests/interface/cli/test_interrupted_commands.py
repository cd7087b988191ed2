"""Commands that keep nothing: on a signal they stop soon, say so, and end with 130."""

from __future__ import annotations

import subprocess
import sys

import pytest

STRUCK = """
import os, signal, sys
import {module} as module
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
def struck(*_, **__):
    os.kill(os.getpid(), signal.{number})
    import time
    time.sleep(30)
module.{function} = struck
from lupusim import cli
sys.argv = ["lupusim", *{words!r}]
cli.main()
"""
COMMANDS = [
    ("lupusim.scenario.calibrate", "calibrate", ["calibrate"]),
    (
        "lupusim.planning.thresholds",
        "confirmed_threshold",
        ["threshold", "two_rates", "--key", "analysis.alpha"],
    ),
    ("lupusim.economics", "evaluate", ["decide", "hiv"]),
]


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(("module", "function", "words"), COMMANDS)
def test_a_signal_is_told_and_ends_with_130(module, function, words, number) -> None:
    code = STRUCK.format(module=module, function=function, words=words, number=number)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=25, check=False
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines() == ["interrupted", "nothing was finished, and nothing is kept"]
    assert done.stdout == ""
