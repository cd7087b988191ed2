"""One engine process for each thing asked: its progress, its end, and how it is stopped.

The page never computes a trial itself, so that it answers while one runs, and so that stopping
is ending a process. One process works at a time; whoever comes later waits in line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import field
from enum import Enum
from pathlib import Path
from typing import Any

from lupusim.common.frozen import dataclass
from lupusim.common.output import as_object

_SECONDS_TO_LEAVE = 1.0  # after these an engine that was asked to stop is ended
_LONGEST_LINE = 2**26
_LINES_KEPT = 40
_ENDED = "The engine was ended from outside"


class State(Enum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self in {State.DONE, State.CANCELLED, State.FAILED}


@dataclass(frozen=True, slots=True)
class Step:
    """The running power at one moment."""

    done: int  # simulated trials finished
    power: float
    mcse: float
    """`power` and `mcse`: of the design being simulated, and its Monte Carlo standard error."""


@dataclass(slots=True, kw_only=True)
class Job:
    """A command that works in a process of its own."""

    arguments: tuple[str, ...]  # of ``lupusim``, without what only programs need
    folder: Path  # where it starts
    for_programs: tuple[str, ...] = ("--format", "json")
    """Further arguments, by which it answers in JSON."""
    streams: bool = False  # whether it tells its progress line by line
    state: State = State.WAITING
    done: int = 0
    total: int = 0
    steps: list[Step] = field(default_factory=list)
    result: dict[str, Any] | None = None
    said: list[str] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    _first: tuple[float, int] | None = None
    _process: asyncio.subprocess.Process | None = None

    @property
    def seconds(self) -> float:
        """How long it has worked, or did."""
        if not self.began:
            return 0.0
        return (self.ended or time.monotonic()) - self.began

    @property
    def seconds_left(self) -> float | None:
        """How long it will work on; None while that is not known."""
        if self._first is None or self.state is not State.RUNNING:
            return None
        began, before = self._first  # what came first waited for the processes to start
        if self.done == before:
            return None
        return (time.monotonic() - began) * (self.total - self.done) / (self.done - before)

    @property
    def process_id(self) -> int | None:
        """Of the process while there is one."""
        return self._process.pid if self._process else None

    async def work(self, turn: asyncio.Semaphore, engines: Engines) -> None:
        """Wait for a turn, then run the command to its end."""
        async with turn:
            if self.state is not State.WAITING:
                return
            self.state, self.began = State.RUNNING, time.monotonic()
            try:
                await self._run(engines)
            finally:
                self.ended = time.monotonic()

    async def _run(self, engines: Engines) -> None:
        self._process = process = await engines.take()
        assert process.stdin is not None
        arguments = [*self.arguments, *self.for_programs]
        asked = {"folder": str(self.folder), "arguments": arguments}
        with contextlib.suppress(ConnectionError):  # it has died: heard below
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.write_eof()
            await process.stdin.drain()
        try:
            await asyncio.gather(self._hear(process), self._hear_complaints(process))
            code = await process.wait()
        finally:
            _end_group(process.pid)
            self._process = None
        self._close(code)

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        if self.streams:
            async for line in process.stdout:
                self._enter(line)
        else:
            self._take(await process.stdout.read())

    async def _hear_complaints(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self.said = [*self.said, line.decode(errors="replace").rstrip()][-_LINES_KEPT:]

    def _enter(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return
        if event.get("event") == "progress":
            self.done, self.total = int(event["done"]), int(event["total"])
            self._first = self._first or (time.monotonic(), self.done)
            self._step(event)
        elif event.get("event") in {"result", "partial"}:
            self.result = event["result"]

    def _step(self, event: dict[str, Any]) -> None:
        """Keep the running power where it has moved: trials without effect don't move it."""
        if "power" not in event:
            return
        step = Step(self.done, event["power"], event["power_mcse"])
        latest = self.steps[-1] if self.steps else None
        if latest is None or (latest.power, latest.mcse) != (step.power, step.mcse):
            self.steps.append(step)

    def _take(self, answer: bytes) -> None:
        try:
            found = json.loads(answer)
        except ValueError:
            found = {"text": answer.decode(errors="replace")}
        self.result = as_object(found) or {"rows": found}

    def _close(self, code: int) -> None:
        if self.state is State.CANCELLED:
            return
        if code < 0:  # and what others said when it went does not matter
            self.said = [f"{_ENDED} (signal {-code}). What was finished is kept."]
        worked = code == 0 and self.result is not None
        self.state = State.DONE if worked else State.FAILED

    async def cancel(self) -> None:
        """Stop it, and wait until its process has gone: at most a second, then it is ended."""
        if self.state.is_over:
            return
        self.state = State.CANCELLED
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _SECONDS_TO_LEAVE)
        except TimeoutError:
            _end_group(process.pid)


def _end_group(leader: int) -> None:
    """End what a process has left behind: its workers are of its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


class Engines:
    """Processes that become a command; one can wait with its packages loaded.

    A process takes more than a second to load its packages: after :meth:`keep_one` one is always
    ready before it is asked for.
    """

    def __init__(self) -> None:
        self._waiting: asyncio.subprocess.Process | None = None
        self._keeps = False

    async def keep_one(self) -> None:
        """Let one wait, from now on."""
        self._keeps = True
        await self.refill()

    async def refill(self) -> None:
        """Start another in the place of one that was taken, where one is kept."""
        if self._keeps and self._waiting is None:
            self._waiting = await self._start()
            if not self._keeps:  # it was stopped meanwhile
                await self.stop()

    async def take(self) -> asyncio.subprocess.Process:
        """Return the one that waits, or one that is started now."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting.returncode is None:
            return waiting
        return await self._start()

    async def stop(self) -> None:
        """End the one that waits, and keep none."""
        self._keeps = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            _end_group(waiting.pid)
            await waiting.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no module of the folder that the server was started in stands for another
            "-m",
            "lupusim.cli.standby",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )


class Jobs:
    """The jobs of a server, by name; one at a time works."""

    def __init__(self) -> None:
        self.engines = Engines()
        self._jobs: dict[str, Job] = {}
        self._turn = asyncio.Semaphore(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, job: Job) -> Job:
        """Put a job in line and return it; a job of this name that is over is replaced."""
        known = self._jobs.get(name)
        if known is not None and not known.state.is_over:
            return known
        self._jobs[name] = job
        task = asyncio.get_running_loop().create_task(self._work(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def _work(self, job: Job) -> None:
        await job.work(self._turn, self.engines)
        await self.engines.refill()

    def get(self, name: str) -> Job | None:
        """Return a job, or None where this server knows none of the name."""
        return self._jobs.get(name)

    async def stop(self) -> None:
        """Stop all of them, and what waits for the next."""
        await self.engines.stop()
        await asyncio.gather(*(job.cancel() for job in self._jobs.values()))
        await asyncio.gather(*self._tasks, return_exceptions=True)


def command_line(arguments: Sequence[str]) -> str:
    """Return a command as one types it in a shell.

    Examples
    --------
    >>> command_line(["run", "my trial.yaml", "--replicates", "100"])
    "lupusim run 'my trial.yaml' --replicates 100"
    """
    import shlex

    return shlex.join(["lupusim", *arguments])
