"""The command ``lupusim run``, and its options."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, NoReturn

import click

from lupusim.cli.asking import PlotOption
from lupusim.cli.options import (
    DetailsOption,
    Format,
    FormatOption,
    OutOption,
    ScenarioArgument,
    SeedOption,
    WidthOption,
)
from lupusim.cli.parameters import Option
from lupusim.cli.session import (
    Backend,
    Events,
    begin_to_leave,
    forewarn,
    leave,
    listening,
    say_how_to_resume,
    sigterm_as_ctrl_c,
    tell_event,
    warn,
    workers_of,
)
from lupusim.cli.writing import ForceOption, if_present, save_figure, try_picture
from lupusim.common.frozen import dataclass
from lupusim.common.output import Folder, csv_text

if TYPE_CHECKING:
    from lupusim.planning.execution.progress import Listener
    from lupusim.planning.runs.precision import Precision
    from lupusim.planning.runs.results import RunResult
    from lupusim.planning.runs.run import RunOptions
    from lupusim.planning.runs.series import Estimates
    from lupusim.trial.scenario import Scenario


class Preset(StrEnum):
    """How many replicates, in plain words."""

    peek = "peek"
    rough = "rough"
    plan = "plan"
    submit = "submit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How a table is printed: all rows or what is asked first, and how wide at the most.

    `width` is None for that of the terminal, and 80 where there is none.
    """

    details: bool = False
    width: int | None = None


_AS_USUAL = Shown()


def run(
    scenario: ScenarioArgument,
    replicates: Annotated[int | None, Option(min=1, help="Simulated trials per design.")] = None,
    precision: Annotated[
        Preset | None,
        Option(help="Replicates in words: 10, 100, 1000, 100 000 per design."),
    ] = None,
    mcse: Annotated[
        float | None,
        Option(share=True, help="Simulate until every Monte Carlo standard error is this small."),
    ] = None,
    decide: Annotated[
        str | None,
        Option(help='Simulate until this is decided, such as "power > 0.8" (error 1 %).'),
    ] = None,
    max_replicates: Annotated[
        int | None,
        Option(min=1, help="Most replicates of --mcse and --decide; default 100 000."),
    ] = None,
    seed: SeedOption = None,
    jobs: Annotated[int, Option(help="Processes; -1 for one per core.")] = -1,
    backend: Annotated[Backend, Option(help="Who does the work.")] = Backend.loky,
    scheduler: Annotated[
        str | None, Option(help="Of a Dask cluster, such as tcp://10.0.0.1:8786.")
    ] = None,
    out: OutOption = None,
    resume: Annotated[
        bool, Option("--resume", help="Go on with the run that the folder holds.")
    ] = False,
    shard: Annotated[
        str | None,
        Option(metavar="I/N", help="Only this part, for array jobs; see lupusim merge."),
    ] = None,
    plain: Annotated[
        bool, Option("--plain", help="Estimate shares by counting, without control variates.")
    ] = False,
    force: ForceOption = False,
    format: FormatOption = Format.table,
    details: DetailsOption = False,
    width: WidthOption = None,
    plot: PlotOption = None,
    events: Annotated[
        Events | None,
        Option(help="Tell progress and result line by line, for programs."),
    ] = None,
) -> None:
    """Simulate a scenario: power, type I error and the rest, each with its standard error."""
    begin, shown = time.perf_counter(), Shown(details=details, width=width)
    n_replicates, rule = _amount(replicates, precision, (mcse, decide, max_replicates))
    options = _options(out, resume=resume, shard=shard, precision=rule)
    options = replace(
        options, workers=workers_of(backend, scheduler), estimates=_estimates(plain=plain)
    )

    def simulate(loaded: Scenario, listener: Listener | None) -> RunResult:
        from lupusim.planning.runs.run import run as simulate

        return simulate(
            loaded, n_replicates, seed=seed, n_jobs=jobs, listener=listener, options=options
        )

    from lupusim.planning.runs.results import InterruptedRunError
    from lupusim.scenario import load_scenario

    try_picture(plot, force)
    folder = None if out is None else run_folder(out, force=force)
    try:
        with sigterm_as_ctrl_c():
            loaded = load_scenario(scenario)
            warn(loaded)
            _forewarn(loaded, n_replicates, options, jobs)
            with listening(loaded, events) as listener:
                result = waited_for(simulate(loaded, listener), begin)
    except InterruptedRunError as interrupt:
        _leave(interrupt.partial, format, events, out=out)
    except KeyboardInterrupt:
        _leave(None, format, events, out=out)
    tell(result, format, events, shown)
    _write(result, folder, plot)


def waited_for(result: RunResult, begin: float) -> RunResult:
    """Return a result that tells the seconds since `begin`, in which all of it is worked out.

    What is known without simulation, such as powers from drawn tables, is remembered.
    """
    for point in result.points if result.complete else ():
        point.row()
    return replace(result, seconds=time.perf_counter() - begin)


def _forewarn(
    scenario: Scenario, n_replicates: int | None, options: RunOptions, n_jobs: int
) -> None:
    """Say beforehand what will take long: of a rule its first stage, of a part the whole."""
    from lupusim.planning.execution.ledger import Existing
    from lupusim.planning.execution.shards import Everything

    whole = isinstance(options.share, Everything)
    what = "this" if whole else "the whole, of which this is a part,"
    if options.existing is Existing.RESUME:
        what = "the whole, without what is kept,"
    if options.precision is not None:
        n_replicates, what = options.precision.first, "its first stage"
    forewarn(scenario, n_replicates, n_jobs if options.workers is None else 1, what=what)


def _write(result: RunResult, folder: Folder | None, plot: Path | None) -> None:
    """Write what was asked for."""
    if folder is not None:
        write_run(result, folder)
    if plot is not None:
        _draw(result, plot)


def _draw(result: RunResult, file: Path) -> None:
    """Draw a whole run; of a part there is no picture."""
    from lupusim.report.figures.runs import run_figure

    if result.complete:
        save_figure(run_figure(result), file)
    else:
        print(f"{file} is not drawn: the run is not complete", file=sys.stderr)


def _amount(
    replicates: int | None,
    preset: Preset | None,
    rule: tuple[float | None, str | None, int | None],
) -> tuple[int | None, Precision | None]:
    """Return how long to simulate: a number of replicates, or a rule."""
    from lupusim.planning.runs.precision import MOST_REPLICATES, PRESETS, Decision, TargetMcse
    from lupusim.scenario.document.amounts import shares_as_numbers

    mcse, decide, most = rule
    if sum(given is not None for given in (replicates, preset, mcse, decide)) > 1:
        raise click.BadParameter("give one of --replicates, --precision, --mcse and --decide")
    if most is not None and mcse is None and decide is None:
        raise click.BadParameter("--max-replicates goes with --mcse or --decide")
    most = MOST_REPLICATES if most is None else most
    if mcse is not None:
        return None, TargetMcse(mcse=mcse, most_replicates=most)
    if decide is not None:
        return None, Decision.parse(shares_as_numbers(decide), most_replicates=most)
    return (replicates if preset is None else PRESETS[preset.value]), None


def _options(
    out: Path | None, *, resume: bool, shard: str | None, precision: Precision | None
) -> RunOptions:
    from lupusim.planning.execution.ledger import Existing
    from lupusim.planning.execution.shards import Everything, Shard
    from lupusim.planning.runs.run import RunOptions

    if out is None and (resume or shard is not None):
        raise click.BadParameter("--resume and --shard need --out DIR")
    return RunOptions(
        folder=out,
        existing=Existing.RESUME if resume else Existing.REFUSE,
        precision=precision,
        share=Everything() if shard is None else Shard.parse(shard),
    )


def _estimates(*, plain: bool) -> Estimates:
    from lupusim.planning.runs.series import Estimates

    return Estimates.PLAIN if plain else Estimates.CONTROLLED


def _leave(
    partial: RunResult | None, format: Format, events: Events | None, *, out: Path | None
) -> NoReturn:
    """Print what was finished, and leave at once."""
    begin_to_leave()
    finished = partial is not None and bool(partial.points)
    if partial is not None and finished:
        tell(partial, format, events)
    else:
        print("nothing was finished", file=sys.stderr)
    say_how_to_resume(out, finished=finished)
    leave()


def tell(
    result: RunResult, format: Format, events: Events | None, shown: Shown = _AS_USUAL
) -> None:
    """Print a result, or the part of it that is there."""
    if events is not None:
        tell_event("result" if result.complete else "partial", result=result.to_json())
    elif format is Format.json:
        print(json.dumps(result.to_json(), indent=2))
    elif format is Format.csv:
        print(csv_text(result.operating_characteristics), end="")
        for note in result.notes:  # the table itself stays a table for programs
            print(note, file=sys.stderr)
    else:
        _print_table(result, shown)


def _print_table(result: RunResult, shown: Shown) -> None:
    from rich.console import Console

    from lupusim.report.run.table import (
        how_to_repeat,
        main_rows,
        operating_table,
        run_report,
    )

    console = Console(width=shown.width, markup=False, highlight=False)
    rows = None if shown.details else main_rows
    _say_partial(result)
    if result.complete:  # what was asked to be decided, and what to beware of, stand first
        _say_notes(result, console.width)
        console.print(run_report(result, rows))
        print(how_to_repeat(result))
        return
    if result.points:
        console.print(operating_table(result, rows))
    _say_notes(result, console.width)


def _say_partial(result: RunResult) -> None:
    if not result.complete:
        print("PARTIAL RESULT: only the replicates that are finished count; how many, see below")


def _say_notes(result: RunResult, width: int) -> None:
    for note in result.notes:
        print(fill(note, width))


def run_folder(out: Path, *, force: bool) -> Folder:
    """Return the folder of a run, once the names of its files are free there."""
    folder = Folder(out, if_present(force))
    folder.reserve(["scenario.yaml", "result.json", "summary.csv", "summary_units.csv"])
    return folder


def write_run(result: RunResult, folder: Folder) -> None:
    """Write the result of a whole run into its folder; of a part only the ledger is there."""
    if not result.complete:
        print(f"what was finished is kept in {folder.path}", file=sys.stderr)
        return
    import pandas as pd

    table = result.operating_characteristics
    units = result.units
    rows = [{"column": name, "unit": units[name]} for name in table.columns]
    folder.write("scenario.yaml", result.scenario.text)
    folder.write("result.json", json.dumps(result.to_json(), indent=2))
    folder.write("summary.csv", csv_text(table))
    folder.write("summary_units.csv", csv_text(pd.DataFrame(rows)))
    print(f"written to {folder.path}", file=sys.stderr)
