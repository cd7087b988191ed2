"""The command ``lupusim bundle``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import click

from lupusim.cli.asking import JobsOption
from lupusim.cli.options import SeedOption
from lupusim.cli.parameters import Argument, Option
from lupusim.cli.reporting.report import ForceOption, ReplicatesOption, result_of


def bundle(
    run: Annotated[
        str,
        Argument(
            metavar="RUN",
            help="A folder written by lupusim run --out, or a scenario to run now; with --verify "
            "a bundle.",
        ),
    ],
    out: Annotated[
        Path | None, Option(help="A file ending in .zip; default: the run's name.")
    ] = None,
    verify: Annotated[
        bool, Option("--verify", help="Run a bundle again, and compare every number.")
    ] = False,
    replicates: ReplicatesOption = None,
    seed: SeedOption = None,
    jobs: JobsOption = -1,
    force: ForceOption = False,
) -> None:
    """Pack a run into one archive that others can run again, or check one bit for bit."""
    if verify:
        if out is not None or replicates is not None or seed is not None or force:
            raise click.BadParameter("--verify takes a bundle and --jobs, nothing else")
        _verify(Path(run), jobs)
        return
    from lupusim.report.bundle import check_bundle_file, write_bundle
    from lupusim.report.figures.style import need_plotting
    from lupusim.report.run.kept import folder_of_scenario

    need_plotting()
    file = Path(f"{Path(run).stem}.zip") if out is None else out
    check_bundle_file(file, force=force)
    result = result_of(run, replicates=replicates, seed=seed, jobs=jobs)
    folder = folder_of_scenario(run)
    print(f"written: {write_bundle(result, folder, file, force=force)}")


def _verify(path: Path, jobs: int) -> None:
    """Say whether a bundle gives the same bits here; exit 1 if not."""
    from lupusim.report.bundle import verify

    if not path.is_file():
        raise click.BadParameter(f"{path} is no file: --verify takes a bundle (.zip)")
    found = verify(path, n_jobs=jobs)
    for line in found.surroundings:
        print(f"note: {line}", file=sys.stderr)
    if found.differences:
        for line in found.differences:
            print(line, file=sys.stderr)
        print(f"{path}: NOT the same: see above", file=sys.stderr)
        raise click.exceptions.Exit(1)
    print(f"{path}: the same, bit for bit ({found.n_numbers} numbers)")
