"""The command ``lupusim merge``: the parts of a run put together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lupusim.cli.options import Format, FormatOption
from lupusim.cli.run import tell, write_run
from lupusim.errors import ScenarioError

if TYPE_CHECKING:
    from lupusim.planning.execution.ledger import Asked
    from lupusim.planning.runs.results import RunResult


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of all parts of a run.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the whole run.")],
    format: FormatOption = Format.table,
) -> None:
    """Put the parts of a run together, with the same bits as a run in one go."""
    from lupusim.planning.execution.shards import merge as merge_ledgers

    asked, seed = merge_ledgers(folders, out)
    result = _collected(out, asked, seed)
    tell(result, format, None)
    write_run(result, out)


def _collected(folder: Path, asked: Asked, seed: int) -> RunResult:
    """Return the result of what a folder's ledger holds; simulate nothing."""
    from lupusim.planning.execution.ledger import Existing
    from lupusim.planning.execution.shards import Nothing
    from lupusim.planning.runs.run import RunOptions
    from lupusim.planning.runs.run import run as simulate
    from lupusim.scenario.document.yaml_reader import parse_document
    from lupusim.scenario.files.scenario import scenario_from_document

    document = parse_document(asked.text, f"{asked.name}.yaml", ScenarioError)
    loaded = scenario_from_document(document, folder=Path(asked.folder), command=asked.command)
    options = RunOptions(folder=folder, existing=Existing.RESUME, share=Nothing())
    return simulate(loaded, asked.n_replicates, seed=seed, options=options)
