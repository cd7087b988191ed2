"""How the planning commands work: options they share, where they simulate, how they end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from lupusim.cli.options import Format, FormatOption, OutOption, WidthOption
from lupusim.cli.parameters import Option
from lupusim.cli.session import (
    Backend,
    begin_to_leave,
    forewarn,
    leave,
    listening,
    patience,
    say_how_to_resume,
    sigterm_as_ctrl_c,
    workers_of,
)
from lupusim.cli.writing import ForceOption, if_present
from lupusim.common.frozen import dataclass
from lupusim.common.output import Folder, as_json, csv_text

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

    from lupusim.planning.execution.bench import Bench
    from lupusim.trial import Trial
    from lupusim.trial.scenario import Scenario

JobsOption = Annotated[int, Option(help="Processes; -1 for one per core.")]


def _ready_to_draw(file: Path | None) -> Path | None:
    """Check, before any work, that a picture can be drawn and written; None for no picture."""
    if file is not None:
        from lupusim.report.figures.style import check_ending, need_plotting

        check_ending(file)
        need_plotting()
    return file


PlotOption = Annotated[
    Path | None,
    Option("--plot", help="Also draw it: a file ending in .svg or .png.", callback=_ready_to_draw),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a command works, as its options say."""

    jobs: JobsOption = -1
    backend: Annotated[Backend, Option(help="Who does the work.")] = Backend.loky
    scheduler: Annotated[
        str | None, Option(help="Of a Dask cluster, such as tcp://10.0.0.1:8786.")
    ] = None
    out: OutOption = None
    resume: Annotated[
        bool, Option("--resume", help="Take over the finished work that the folder holds.")
    ] = False

    def folder(self, name: str, *, force: bool) -> Folder | None:
        """Return the folder of an answer, once the names of its files are free; None for none."""
        if self.out is None:
            return None
        folder = Folder(self.out, if_present(force))
        folder.reserve(["scenario.yaml", f"{name}.json", f"{name}.csv"])
        return folder

    @contextmanager
    def bench(self, scenario: Scenario, seed: int) -> Iterator[Bench]:
        """Make a bench ready for questions about a scenario."""
        from lupusim.planning.execution.bench import Notebook, bench
        from lupusim.planning.execution.ledger import Existing
        from lupusim.planning.execution.workers import Cores

        workers = workers_of(self.backend, self.scheduler) or Cores(n_jobs=self.jobs)
        if self.resume and self.out is None:
            raise click.BadParameter("--resume needs --out DIR")
        notebook = None
        if self.out is not None:
            existing = Existing.RESUME if self.resume else Existing.REFUSE
            notebook = Notebook(folder=self.out, existing=existing, scenario=scenario)
        with (
            listening(scenario, None) as listener,
            bench(workers, seed=seed, notebook=notebook, listener=listener) as ready,
        ):
            yield ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How a command prints and writes its answer, as its options say."""

    force: ForceOption = False
    format: FormatOption = Format.table
    width: WidthOption = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command found, in every form it can be printed in."""

    content: Any  # plain data
    table: Callable[[], pd.DataFrame]  # makes rows for programs, where they are asked for
    shown: RenderableType  # the table for people, or several
    sentence: str  # what it means
    units: Mapping[str, str] = field(default_factory=dict)
    """Of numbers that are another thing, or none, in a run."""

    @classmethod
    def of_table(cls, title: str, table: pd.DataFrame, form: str, **told: Any) -> Answer:
        """Return a table with numbers in one form; `told` is `content` and `sentence`."""
        from lupusim.report.numbers import cell
        from lupusim.report.tables import AnswerTable

        shown = AnswerTable(title)
        for name, kind in table.dtypes.items():
            words = str(name).replace("_", " ")
            shown.add_column(words, justify="right" if kind.kind in "fi" else "left")
        for row in table.itertuples(index=False):
            shown.add_row(*(cell(value, form).replace("_", " ") for value in row))
        return cls(table=lambda: table, shown=shown, **told)

    def tell(self, format: Format, width: int | None = None) -> None:
        """Print it, a table in lines of so many characters; None for those of the terminal."""
        if format is Format.json:
            print(self._json())
        elif format is Format.csv:
            print(csv_text(self.table()), end="")
        else:
            from rich.console import Console

            console = Console(width=width, markup=False, highlight=False)
            console.print(*filter(None, (self.sentence, self.shown)), sep="\n")

    def with_units(self, trial: Trial) -> Answer:
        """Return the answer with the unit of each of its numbers beside its plain data."""
        from lupusim.report.questions.units import units_of

        units = units_of(self.content, trial, self.units)
        return replace(self, content={"units": units, **self.content})

    def _json(self) -> str:
        return json.dumps(as_json(self.content), indent=2, allow_nan=False)

    def write(self, folder: Folder, name: str) -> None:
        """Write it into a folder that holds the finished work."""
        folder.write(f"{name}.json", self._json())
        folder.write(f"{name}.csv", csv_text(self.table()))
        print(f"written to {folder.path}", file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Partly:
    """How a question answers with what was finished before its own kind of interruption."""

    kind: type[KeyboardInterrupt]  # what the question raises when it is interrupted
    answer: Callable[[Any], Answer | None]
    """Makes the answer of it; None where nothing was finished."""

    def answer_to(self, interrupt: KeyboardInterrupt) -> Answer | None:
        """Return the answer; None where the interruption came before the question's work."""
        return self.answer(interrupt) if isinstance(interrupt, self.kind) else None


_MINUTE = 60.0
NOTHING = Partly(KeyboardInterrupt, lambda _: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a command asks about a scenario, and how it answers."""

    name: str  # of the command; its files in the folder are called so
    scenario: Scenario  # what it is about
    seed: int  # of the simulation
    place: Place  # where it works
    output: Output  # how it prints and writes
    n_replicates: int
    """Simulated for each design, or many times so many: to tell beforehand what takes long."""
    simulates: Callable[[], bool] = lambda: True
    """Whether the answer is simulated, and not known exactly."""

    @classmethod
    def opened(cls, name: str, scenario: str, *, seed: int | None, **options: Any) -> Question:
        """Return a command's question about a scenario file; without a seed by the file's own.

        `options` are `place`, `output` and `n_replicates`.
        """
        from lupusim.scenario import load_scenario

        loaded = load_scenario(scenario)
        seed = loaded.seed if seed is None else seed
        return cls(name=name, scenario=loaded, seed=seed, **options)

    def ask(
        self,
        find: Callable[[Bench], Any],
        answer: Callable[[Any], Answer],
        partly: Partly = NOTHING,
    ) -> Any:
        """Return what is found, after printing and writing it; if interrupted, leave.

        Parameters
        ----------
        find : callable
            Takes the bench and simulates.
        answer : callable
            Makes what is printed of what was found.
        partly : Partly
            Makes it of what was finished before an interruption.
        """
        folder = self.place.folder(self.name, force=self.output.force)
        try:
            with sigterm_as_ctrl_c(), self.place.bench(self.scenario, self.seed) as bench:
                self._forewarn()
                with patience(
                    _MINUTE, "no answer after a minute", "simulation, by other processes"
                ):
                    found = find(bench)
        except KeyboardInterrupt as interrupt:
            begin_to_leave()
            self._tell_part(partly.answer_to(interrupt))
            leave()
        told = answer(found).with_units(self.scenario.points[0].trial)
        told.tell(self.output.format, self.output.width)
        if folder is not None:
            folder.write("scenario.yaml", self.scenario.text)
            told.write(folder, self.name)
        return found

    def _forewarn(self) -> None:
        what = f"every {self.n_replicates:,} trials of each design"
        forewarn(
            self.scenario, self.n_replicates, self.place.jobs, what=what, simulates=self.simulates
        )

    def _tell_part(self, part: Answer | None) -> None:
        if part is None:
            print("nothing was finished", file=sys.stderr)
        else:
            if self.output.format is Format.table:
                print("PARTIAL RESULT: only what was finished counts")
            part.tell(self.output.format, self.output.width)
        say_how_to_resume(self.place.out, finished=part is not None)


def values_of(words: str) -> tuple[str, list[Any]]:
    """Return a path and its values, numbers where they look like numbers."""
    path, equals, values = words.partition("=")
    parts = [part.strip() for part in values.replace(":", ",").split(",")]
    if not equals or not path.strip() or not all(parts):
        raise ValueError(f"--over {words!r} must be a path and its values: 'sample_size=80,160'")
    return path.strip(), [_value(part) for part in parts]


def _value(word: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
