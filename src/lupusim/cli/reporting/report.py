"""The command ``lupusim report``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from lupusim.cli.asking import JobsOption
from lupusim.cli.options import SeedOption
from lupusim.cli.parameters import Argument, Option
from lupusim.cli.session import begin_to_leave, forewarn, leave, listening, sigterm_as_ctrl_c

if TYPE_CHECKING:
    from lupusim.planning.runs.results import RunResult

_NOTHING_KEPT = (
    "nothing is kept; lupusim run --out DIR keeps what is finished, and DIR can be given here"
)

RunArgument = Annotated[
    str,
    Argument(
        metavar="RUN", help="A folder written by lupusim run --out, or a scenario to run now."
    ),
]
ReplicatesOption = Annotated[
    int | None, Option(min=1, help="Simulated trials per design, of a scenario run now.")
]
ForceOption = Annotated[
    bool, Option("--force", help="Write over a file that lupusim has not written.")
]


def report(
    run: RunArgument,
    out: Annotated[
        Path | None,
        Option(
            help="A file ending in .html, .md, .docx or .pdf; default: report.html in the folder."
        ),
    ] = None,
    target: Annotated[
        float | None, Option(share=True, help="Power that is wanted, to be marked.")
    ] = None,
    protocol: Annotated[
        bool,
        Option(
            "--protocol", help="Only what the statistics section of a protocol needs: two pages."
        ),
    ] = False,
    replicates: ReplicatesOption = None,
    seed: SeedOption = None,
    jobs: JobsOption = -1,
    force: ForceOption = False,
) -> None:
    """Write a report of a run: one file to send, laid out for planners and reviewers."""
    from lupusim.report.document.files import check_file

    file = _file(run, "protocol" if protocol else "report") if out is None else out
    check_file(file, force=force)
    result = result_of(run, replicates=replicates, seed=seed, jobs=jobs)

    from lupusim.report.document.files import write_report

    if protocol:
        from lupusim.report.document.for_protocol import protocol_of as document_of
    else:
        from lupusim.report.document.content import document_of
    print(f"written: {write_report(document_of(result, target=target), file, force=force)}")


def _file(run: str, what: str) -> Path:
    folder = Path(run)
    return folder / f"{what}.html" if folder.is_dir() else Path(f"{folder.stem}-{what}.html")


def result_of(run: str, *, replicates: int | None, seed: int | None, jobs: int) -> RunResult:
    """Return the result that a folder keeps, or that of a scenario run now.

    Raises
    ------
    KeptRunError
        If the folder holds no whole run that can be read.
    """
    if Path(run).is_dir():
        if replicates is not None or seed is not None:
            raise click.BadParameter("--replicates and --seed are for a scenario, not a folder")
        from lupusim.report.run.kept import load_run

        return load_run(run)
    from lupusim.cli.planning.run import waited_for
    from lupusim.planning.runs.run import run as simulate
    from lupusim.scenario import load_scenario

    begin = time.perf_counter()
    loaded = load_scenario(run)
    try:
        with sigterm_as_ctrl_c(), listening(loaded, None) as listener:
            forewarn(loaded, replicates, jobs)
            result = simulate(loaded, replicates, seed=seed, n_jobs=jobs, listener=listener)
            result = waited_for(result, begin)
    except KeyboardInterrupt:
        begin_to_leave()
        print(_NOTHING_KEPT, file=sys.stderr)
        leave()
    print(f"{run}: {result.seconds:.1f} s", file=sys.stderr)
    return result
