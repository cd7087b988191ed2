"""Who does the work: this process, the cores of this machine, or a cluster (cluster.py)."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from lupusim.common.compiled.choice import share_work
from lupusim.common.frozen import dataclass
from lupusim.common.threads import ONE_THREAD
from lupusim.planning.execution.copies import (
    WHAT_IS_KEPT,
    Result,
    WorkersError,
    called_in_copies,
    can_copy,
    ctrl_c_held_back,
    leave_with_parent,
    not_started,
    spread_over_copies,
)
from lupusim.planning.execution.tasks import Done, Task, work

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

_PAYS_AFTER = 0.2  # seconds of work left; processes that are copied or there already take 0.02
_POOL_PAYS_AFTER = 4.0  # a cold start of the pool costs about three
_IDLE_SECONDS = 300  # after which idle workers go away by themselves
_SECONDS_TO_STOP = 1.0
_MOST_RESTARTS = 3  # of a pool in which a worker was killed, say for want of memory
_one_pool_at_a_time = threading.Lock()
_warm_pools: set[int] = set()  # numbers of cores for which a pool has been started

_SECONDS_BETWEEN_CALLS = 5.0  # at those who work, while nothing is finished

__all__ = ["WHAT_IS_KEPT", "Cores", "Result", "Spread", "Workers", "WorkersError", "submit_all"]

Spread = Callable[[Iterator[Task], float], Generator[Done]]
"""Takes tasks and how many seconds they would take on one core; yields them as they finish."""


class Workers(Protocol):
    """Somebody who simulates tasks."""

    def ready(self) -> AbstractContextManager[Spread]:
        """Make ready for work, and leave nothing behind afterwards."""
        ...

    def results(self, functions: Sequence[Callable[[], Result]]) -> list[Result]:
        """Return what each of some short functions returns."""
        ...


def one_by_one(functions: Sequence[Callable[[], Result]]) -> list[Result]:
    """Return what each function returns, called in this process."""
    return [function() for function in functions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """The cores of this machine; a short run stays in this process."""

    n_jobs: int = 1  # processes; -1 for one per core

    def __post_init__(self) -> None:
        if self.n_jobs == 0 or self.n_jobs < -1:
            raise ValueError(f"n_jobs={self.n_jobs!r} must be -1 (every core) or at least 1")

    @property
    def number(self) -> int:
        """How many processes that are."""
        return _usable_cores() if self.n_jobs == -1 else self.n_jobs

    @contextmanager
    def ready(self) -> Iterator[Spread]:
        """Make ready; the pool is started by the first stage that pays for it."""
        yield self._spread

    def results(self, functions: Sequence[Callable[[], Result]]) -> list[Result]:
        """Call them in several processes, where these can be copies of this one."""
        if min(len(functions), self.number) <= 1 or not can_copy():
            return one_by_one(functions)
        return called_in_copies(functions, self.number)

    def _spread(self, tasks: Iterator[Task], seconds: float) -> Generator[Done]:
        cores, copied = self.number, can_copy()
        pays_after = _PAYS_AFTER if copied or cores in _warm_pools else _POOL_PAYS_AFTER
        if cores == 1 or seconds <= pays_after:
            return _spread_here(tasks)
        return spread_over_copies(tasks, cores) if copied else _spread_over_pool(tasks, cores)


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _spread_here(tasks: Iterator[Task]) -> Generator[Done]:
    # to join what is sent to nobody would take longer than to add it up
    yield from (work(replace(task, apart=True)) for task in tasks)


def _spread_over_pool(tasks: Iterator[Task], cores: int) -> Generator[Done]:
    """Yield finished tasks from a pool of processes, which stays for the next run.

    Two threads that use loky at once can lock each other for good, hence the lock.

    Raises
    ------
    WorkersError
        If no process can be started, or they are killed again and again.
    """
    from concurrent.futures.process import BrokenProcessPool

    with _one_pool_at_a_time:
        try:
            yield from submit_all(lambda: _pool(cores), tasks, ahead=2 * cores, stop=_kill)
        except BrokenProcessPool as error:
            raise WorkersError(
                f"processes were killed {_MOST_RESTARTS + 1} times, perhaps for want of memory: "
                f"use fewer (--jobs 1). {WHAT_IS_KEPT}"
            ) from error


def _pool(cores: int) -> Executor:
    """Return the pool; its processes are started by the first call.

    Raises
    ------
    WorkersError
        If this machine lets it have none.
    """
    try:
        return _started(cores)
    except (OSError, ImportError) as error:  # no semaphores, no pipes, no memory to share
        raise not_started(error) from error


def _started(cores: int) -> Executor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no shared memory, which is told below
        from joblib.externals.loky import get_reusable_executor

    pool: Executor = get_reusable_executor(
        max_workers=cores,
        timeout=_IDLE_SECONDS,
        initializer=settle_in,
        initargs=(os.getpid(), cores),
        env=ONE_THREAD,
    )
    if os.name == "posix":
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # begun later, it would let Ctrl-C through (Python 3.11)
    with ctrl_c_held_back():
        pool.submit(os.getpid)  # starts the workers
    _warm_pools.clear()
    _warm_pools.add(cores)
    return pool


def settle_in(parent: int, n_processes: int) -> None:
    """Prepare a worker, one of so many."""
    share_work(n_processes)
    leave_with_parent(parent)


def _kill(pool: Executor) -> None:
    """Kill the pool's processes; never from a signal handler, where loky hangs."""
    options: dict[str, Any] = {"wait": True, "kill_workers": True}
    stopper = threading.Thread(target=pool.shutdown, kwargs=options, daemon=True)
    with _unheard(KeyError, "ExecutorManagerThread"):
        stopper.start()
        stopper.join(_SECONDS_TO_STOP)


@contextmanager
def _unheard(error: type[BaseException], thread: str) -> Iterator[None]:
    """Let a thread of that name die of that error without a traceback.

    loky's own does, once its processes are killed, where it finds a task in its queue that it has
    given up already (joblib 1.6).
    """
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not error or args.thread is None or args.thread.name != thread:
            before(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


def submit_all(
    start: Callable[[], Executor],
    tasks: Iterator[Task],
    *,
    ahead: int,
    stop: Callable[[Executor], None],
    do: Callable[[Task], Done] = work,
    call: Callable[[], None] = lambda: None,
) -> Generator[Done]:
    """Yield finished tasks in whatever order they finish, `ahead` of them in flight.

    Parameters
    ----------
    start : callable
        Returns the executor, or after one of its processes was killed a sound one.
    tasks : iterator of Task
        Read only as fast as they are worked off.
    ahead : int
        Tasks in flight at a time.
    stop : callable
        Ends the executor when the work is broken off.
    do : callable
        What a worker does with a task.
    call : callable
        Called now and then while nothing is finished; raises if nobody is at work any more.

    Raises
    ------
    concurrent.futures.process.BrokenProcessPool
        If workers are killed again and again.
    """
    from concurrent.futures.process import BrokenProcessPool

    executor, restarts = start(), 0
    flying: dict[Future[Done], Task] = {}
    due: list[Task] = []
    try:
        while True:
            due += islice(tasks, ahead - len(flying) - len(due))
            try:
                while due:  # a pool that is found broken here takes none
                    flying[executor.submit(do, due[0])] = due[0]
                    del due[0]
                if not flying:
                    return
                yield from _landed(flying, call)
            except BrokenProcessPool:
                restarts += 1
                if restarts > _MOST_RESTARTS:
                    raise
                executor = start()
                due, flying = [*flying.values(), *due], {}
    except BaseException:
        stop(executor)
        raise


def _landed(flying: dict[Future[Done], Task], call: Callable[[], None]) -> Iterator[Done]:
    """Yield what is finished, and take it off the list; wait for at least one."""
    from concurrent.futures import FIRST_COMPLETED, wait

    while not (
        finished := wait(flying, timeout=_SECONDS_BETWEEN_CALLS, return_when=FIRST_COMPLETED).done
    ):
        call()
    for future in finished:
        done = future.result()
        del flying[future]
        yield done
