"""The command ``lupusim selftest``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from lupusim.cli.parameters import Option
from lupusim.cli.writing import ForceOption, if_present

if TYPE_CHECKING:
    from lupusim.report.selftest import Checked

FAILED = 1


def selftest(
    out: Annotated[
        Path | None, Option("--out", help="Write the page, a file ending in .html.")
    ] = None,
    force: ForceOption = False,
) -> None:
    """Check this installation: versions, engines, tests and bounds against known numbers."""
    from lupusim.common.output import try_file
    from lupusim.report.selftest import validate

    if out is not None:
        if out.suffix.lower() not in (".html", ".htm"):
            raise click.BadParameter(f"the page is written as .html, not as {out.name!r}")
        try_file(out, if_present(force))
    began = time.perf_counter()
    groups: list[Checked] = []
    for group in validate():
        groups.append(group)
        held = len(group.comparisons) - len(group.failed)
        print(f"{'holds' if group.passed else 'FAILS'}  {group.title} ({held})", flush=True)
        for one in group.failed:
            print(f"       {one.name}: {one.found:.10g}, not {one.expected:.10g}")
        if group.broken:
            print(f"       stopped by {group.broken}")
    _finish(groups, out, time.perf_counter() - began)


def _finish(groups: list[Checked], out: Path | None, seconds: float) -> None:
    from lupusim.report.selftest.page import document_of, verdict

    print(verdict(groups))
    if out is not None:
        from lupusim.common.output import write
        from lupusim.report.document.html import as_html

        write(out, as_html(document_of(groups, seconds)))
        print(f"written: {out}")
    if not all(group.passed for group in groups):
        raise click.exceptions.Exit(FAILED)
