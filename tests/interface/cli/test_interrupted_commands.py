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


NOTHING_KEPT = (
    "nothing is kept; lupusim run --out DIR keeps what is finished, and DIR can be given here"
)
SIMULATED = ("lupusim.planning.runs.run", "run")
REPORT = (*SIMULATED, ["report", "two_rates", "--jobs", "1"], [NOTHING_KEPT])
OTHERS = [
    (*REPORT, "SIGINT"),
    ("lupusim.report.selftest", "validate", ["selftest"], [], "SIGTERM"),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in (
            (*REPORT, "SIGTERM"),
            (*SIMULATED, ["bundle", "two_rates", "--jobs", "1"], [NOTHING_KEPT], "SIGINT"),
            (*SIMULATED, ["compare", "two_rates", "--jobs", "1"], [NOTHING_KEPT], "SIGTERM"),
            ("lupusim.scenario", "load_scenario", ["check", "two_rates"], [], "SIGTERM"),
        )
    ),
]


@pytest.mark.parametrize(("module", "function", "words", "said", "number"), OTHERS)
def test_other_commands_stop_as_well(tmp_path, module, function, words, said, number) -> None:
    code = STRUCK.format(module=module, function=function, words=words, number=number)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines() == ["interrupted", *said]
    assert list(tmp_path.iterdir()) == []


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
