"""The command ``lupusim merge``: the parts of a run put together."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import click

from lupusim.cli.options import INCOMPLETE, Format, FormatOption
from lupusim.cli.parameters import Argument, Option
from lupusim.cli.planning.run import run_folder, tell, write_run
from lupusim.cli.writing import ForceOption


def merge(
    folders: Annotated[
        list[Path], Argument(metavar="DIR...", help="Folders of all parts of a run.")
    ],
    out: Annotated[Path, Option("--out", help="Folder for the whole run.")],
    force: ForceOption = False,
    format: FormatOption = Format.table,
) -> None:
    """Put the parts of a run together, with the same bits as a run in one go.

    Ends with code 3 where parts are missing: they are named.
    """
    from lupusim.planning.execution.ledger_file import LedgerError, OtherRunError
    from lupusim.planning.execution.shards import merge as merge_ledgers
    from lupusim.report.run.kept import collected

    folder = run_folder(out, force=force)
    asked, seed = merge_ledgers(folders, out, tell=lambda words: print(words, file=sys.stderr))
    try:
        result = collected(out, asked, seed)
    except OtherRunError as error:
        raise LedgerError(
            f"the parts were simulated by other versions or code, whose sums must not be read by "
            f"these ({error.different}). Merge them with that installation of lupusim, or simulate "
            "them again by this one"
        ) from None
    tell(result, format, None)
    write_run(result, folder)
    if not result.complete:
        raise click.exceptions.Exit(INCOMPLETE)
