"""Copies of this process that work beside it: they know all that it has loaded and learned.

A copy is there within some milliseconds (fork), where a new process imports everything first. Only
a process that has no other thread is copied: a lock that another holds would never be free again.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from lupusim.common.compiled.choice import share_work
from lupusim.common.memory import release_freed_memory
from lupusim.errors import LupusimError
from lupusim.planning.execution.tasks import Done, Task, work

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

Asked = TypeVar("Asked")
Result = TypeVar("Result")
_AT_ONCE = 1_000  # tasks whose numbers fit into the smallest pipe, of 4,096 bytes
_BYTES = 4  # of a number
_LOOKS, _SECONDS_TO_END = 5, 0.002  # the system keeps a thread a moment longer than Python
_LARGE = 2**20  # bytes of a pipe: what a copy finishes waits there while this process works
WHAT_IS_KEPT = (
    "What is finished is kept if a folder was given (--out); the same with --resume goes on from it"
)


class WorkersError(LupusimError):
    """The processes of this machine cannot be used: they don't start, or are killed."""


def not_started(error: Exception) -> WorkersError:
    """Return what is told where this machine lets no further process start."""
    return WorkersError(
        f"no further process can be started here ({error}): work in one with --jobs 1. "
        f"{WHAT_IS_KEPT}"
    )


def can_copy() -> bool:
    """Return whether this process may be copied: on Linux, where it has no other thread."""
    if sys.platform != "linux":
        return False
    processes = sys.modules.get("multiprocessing.process")  # else it is nobody's child
    if processes is not None and processes.current_process().daemon:
        return False
    with suppress(OSError):
        for _ in range(_LOOKS):
            if len(os.listdir("/proc/self/task")) == 1:
                return True
            if threading.active_count() > 1:
                return False
            time.sleep(_SECONDS_TO_END)
    return False


def spread_over_copies(tasks: Iterator[Task], cores: int) -> Generator[Done]:
    """Yield finished tasks of this process and of copies beside it, `cores` in all.

    The copies end with the tasks. What one had that was killed is done again, and as this process
    always does some itself, there is an end to it.

    Raises
    ------
    WorkersError
        If a copy cannot be started.
    """
    left = dict(enumerate(islice(tasks, _AT_ONCE)))
    while left:
        for number, done in _side_by_side(left, cores, work):
            del left[number]
            yield done
        more = islice(tasks, _AT_ONCE - len(left))
        left = dict(enumerate([*left.values(), *more]))


def called_in_copies(functions: Sequence[Callable[[], Result]], cores: int) -> list[Result]:
    """Return what each function returns, called in this process or in a copy of it.

    Raises
    ------
    WorkersError
        If a copy cannot be started.
    """
    asked = dict(enumerate(functions[:_AT_ONCE]))
    found = dict(_side_by_side(asked, cores, _call))
    return [found[k] if k in found else function() for k, function in enumerate(functions)]


def _call(function: Callable[[], Result]) -> Result:
    return function()


def _side_by_side(
    tasks: Mapping[int, Asked], cores: int, do: Callable[[Asked], Result]
) -> Generator[tuple[int, Result]]:
    """Yield what is finished with its number; what killed copies had is left out."""
    queue, end = os.pipe()
    os.write(end, b"".join(number.to_bytes(_BYTES, "little") for number in tasks))
    os.close(end)  # so that who finds it empty knows that nothing follows
    copies: list[ForkProcess] = []
    arrivals: list[Connection] = []
    try:
        share_work(min(cores, len(tasks)))
        for _ in range(min(cores, len(tasks)) - 1):
            _start_copy(partial(_work_off, tasks, do, queue), copies, arrivals)
        for number in _numbers(queue):
            yield number, do(tasks[number])
            yield from _arrived(arrivals, 0.0)
        while arrivals:
            yield from _arrived(arrivals, None)
    finally:
        share_work(1)
        for copy in copies:
            copy.kill()
            copy.join()
        for arrival in arrivals:
            arrival.close()
        os.close(queue)


def _start_copy(
    work_off: Callable[[Connection], None], copies: list[ForkProcess], arrivals: list[Connection]
) -> None:
    from multiprocessing import get_context

    context = get_context("fork")
    try:
        receiver, sender = context.Pipe(duplex=False)
        arrivals.append(receiver)
        _enlarge(sender)
        copy = context.Process(target=work_off, args=(sender,), daemon=True)
        with ctrl_c_held_back():
            copy.start()
    except OSError as error:
        raise not_started(error) from error
    sender.close()  # so that this process sees when the copy is gone
    copies.append(copy)


def _enlarge(sender: Connection) -> None:
    """Let a pipe hold more; where it may not, a copy waits until somebody reads."""
    import fcntl

    with suppress(OSError):
        fcntl.fcntl(sender.fileno(), fcntl.F_SETPIPE_SZ, _LARGE)


def _numbers(queue: int) -> Iterator[int]:
    """Yield numbers of tasks until there are no more; each is given to one process alone."""
    while number := os.read(queue, _BYTES):
        yield int.from_bytes(number, "little")


def _work_off(
    tasks: Mapping[int, Asked], do: Callable[[Asked], Any], queue: int, sender: Connection
) -> None:
    """Do in a copy whatever task is next, and send what is finished, or why it is not."""
    from multiprocessing import parent_process

    parent = parent_process()
    assert parent is not None
    leave_with_parent(parent.pid or 0)
    release_freed_memory()
    for number in _numbers(queue):
        try:
            sender.send((number, do(tasks[number]), None))
        except Exception as error:
            sender.send((number, None, error))
            return


def _arrived(arrivals: list[Connection], seconds: float | None) -> Iterator[tuple[int, Any]]:
    """Yield what copies have sent, after so many seconds at the most; forget who is gone."""
    from multiprocessing.connection import wait

    ready = wait(arrivals, seconds)
    for arrival in [one for one in arrivals if one in ready]:
        try:
            number, done, error = arrival.recv()
        except (EOFError, OSError):  # it has done its share, or was killed
            arrivals.remove(arrival)
            arrival.close()
            continue
        if error is not None:
            raise error
        yield number, done


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """Let Ctrl-C wait; processes that are started meanwhile never see one.

    A terminal sends it to workers that still start, and they would print where they were.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_with_parent(parent: int) -> None:
    """Leave Ctrl-C to the parent of this process, and never outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
