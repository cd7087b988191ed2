"""How commands run: signals, progress, who does the work."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, NoReturn

import click

from lupusim.cli.options import INTERRUPTED

if TYPE_CHECKING:
    from lupusim.planning.execution.progress import Listener, Progress
    from lupusim.planning.execution.workers import Workers
    from lupusim.trial.scenario import Scenario

_SECONDS_BETWEEN_EVENTS = 0.1
_SECONDS_UNTOLD = 10


class Backend(StrEnum):
    """Who does the work."""

    loky = "loky"
    dask = "dask"


class Events(StrEnum):
    """How progress is told to programs."""

    jsonl = "jsonl"


def say(words: str) -> None:
    """Print on standard error; on a terminal no word is broken at the end of a line."""
    if sys.stderr.isatty():
        words = in_columns(words, shutil.get_terminal_size().columns)
    print(words, file=sys.stderr)


def in_columns(words: str, width: int) -> str:
    r"""Return lines no longer than a width, but for words that are; what is indented stays so.

    Examples
    --------
    >>> in_columns("file.yaml: 1 problem\n  arms: there are none. Add some.", 24).split("\n")
    ['file.yaml: 1 problem', '  arms: there are none.', '    Add some.']
    """
    return "\n".join(
        fill(
            line,
            width,
            subsequent_indent=f"{line[: len(line) - len(line.lstrip())]}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in words.split("\n")
    )


def warn(scenario: Scenario) -> None:
    """Say on standard error which looks are not to be expected, or not before the last one."""
    from lupusim.planning.theory.expected_times import warnings_of

    for line in warnings_of(scenario):
        say(f"warning: {line}")


@contextmanager
def patience(seconds: float, words: str, doing: str = "getting ready") -> Iterator[None]:
    """Say on standard error what this thread is at, where it is not done after some seconds.

    Parameters
    ----------
    seconds : float
        Of waiting without a word.
    words : str
        What is said before that.
    doing : str
        What it is at where it is none of the parts of a simulation.
    """
    thread = threading.get_ident()

    def tell() -> None:
        from lupusim.planning.runs.forecast import at_work

        say(f"note: {words}, now at: {at_work(thread) or doing}")

    timer = threading.Timer(seconds, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # a process without other threads can be copied


def forewarn(
    scenario: Scenario,
    n_replicates: int | None,
    n_jobs: int,
    *,
    what: str = "this",
    simulates: Callable[[], bool] = lambda: True,
) -> None:
    """Say on standard error what will take more than a minute or a gigabyte, and why.

    Parameters
    ----------
    scenario : Scenario
        Whose designs are simulated.
    n_replicates : int or None
        Of each design; None for the scenario's own number.
    n_jobs : int
        Processes; -1 for one per core.
    what : str
        Of what the time is told.
    simulates : callable
        Whether anything is simulated at all: nothing is told of what is known exactly.
    """
    words = f"an estimate of the time takes more than {_SECONDS_UNTOLD} s itself"
    with patience(_SECONDS_UNTOLD, words):
        if not simulates():
            return
        from lupusim.planning.runs.forecast import forecast

        words = forecast(scenario, n_replicates, n_jobs=n_jobs).words(what)
    if words:
        say(f"note: {words}")


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Handle SIGTERM as Ctrl-C; anything more in a handler can hang."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def workers_of(backend: Backend, scheduler: str | None) -> Workers | None:
    """Return the cluster that was named; None for the cores of this machine."""
    if (backend is Backend.dask) != (scheduler is not None):
        raise click.BadParameter("--backend dask and --scheduler ADDRESS go together")
    if scheduler is None:
        return None
    from lupusim.planning.execution.dask_cluster import DaskCluster

    return DaskCluster(address=scheduler)


def begin_to_leave() -> None:
    """Say that the work was interrupted; what is printed next is not interrupted again."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    print("interrupted", file=sys.stderr)


def say_how_to_resume(out: Path | None, *, finished: bool = True) -> None:
    """Say where finished work is kept and how to go on; `finished` if there is any of this run."""
    if out is None:
        words = "nothing is kept; with --out DIR it would be, and --resume goes on from there"
    elif not finished:
        words = f"what {out} holds is kept: the same command with --resume goes on"
    else:
        words = f"finished work is kept in {out}: the same command with --resume goes on"
    print(words, file=sys.stderr)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let work that keeps nothing be interrupted by Ctrl-C or SIGTERM: say so, and leave."""
    try:
        with sigterm_as_ctrl_c():
            yield
    except KeyboardInterrupt:
        begin_to_leave()
        print("nothing was finished, and nothing is kept", file=sys.stderr)
        leave()


def leave() -> NoReturn:
    """Leave at once, with the exit code of an interruption."""
    sys.stdout.flush()
    sys.stderr.flush()
    if {"joblib", "distributed"} & set(sys.modules):
        from multiprocessing import util

        # what an exit at once leaves out: locks of workers are given back, or a tracker warns
        util._run_finalizers(0)  # type: ignore[attr-defined]
        os._exit(INTERRUPTED)  # their hooks could wait for workers that have gone
    raise click.exceptions.Exit(INTERRUPTED)


def tell_event(kind: str, **content: object) -> None:
    """Print one line of JSON for the program that listens."""
    print(json.dumps({"event": kind, **content}), flush=True)


@contextmanager
def listening(scenario: Scenario, events: Events | None) -> Iterator[Listener | None]:
    """Tell the progress to programs or, on a terminal, to people; nothing in a pipe."""
    if events is not None:
        tell_event("started", scenario=scenario.name, n_points=len(scenario.points))
        yield _event_listener()
    elif sys.stderr.isatty():
        with _bar(scenario) as listener:
            yield listener
    else:
        yield None


def _event_listener() -> Listener:
    """Return a listener that prints a line now and then, and one when all is done."""
    latest = -_SECONDS_BETWEEN_EVENTS

    def tell(state: Progress) -> None:
        nonlocal latest
        now = time.monotonic()
        if now - latest < _SECONDS_BETWEEN_EVENTS and state.done < state.total:
            return
        latest = now
        power = {} if state.power is None else {"power": state.power.value}
        mcse = {} if state.power is None else {"power_mcse": state.power.mcse}
        tell_event("progress", done=state.done, total=state.total, **power, **mcse)

    return tell


@contextmanager
def _bar(scenario: Scenario) -> Iterator[Listener]:
    """Show a bar with the running power on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from lupusim.report.numbers import share

    words = TextColumn("{task.description}")
    columns = (words, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # drawn when something is told, by no thread of its own: a process with one is not copied
    with Bar(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        task = bar.add_task(scenario.name, total=None)

        def show(state: Progress) -> None:
            power = f", power {share(state.power)}" if state.power else ""
            said = scenario.name + power
            bar.update(
                task, total=state.total, completed=state.done, description=said, refresh=True
            )

        yield show
        if bar.tasks[task].total is None:  # what was computed has had nothing to count
            bar.update(task, visible=False)
