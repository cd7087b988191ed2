"""The command, called in the test's own process."""

from __future__ import annotations

import sys

import pytest

from lupusim import cli


@pytest.fixture
def lupusim(monkeypatch, capsys):
    """Run the command in this process; return exit code, standard output, standard error."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["lupusim", *map(str, arguments)])
        code = 0
        try:
            cli.command()
        except SystemExit as left:
            code = left.code or 0
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return call
