"""A Dask cluster as workers; the only file that knows Dask (extra ``cluster``)."""

from __future__ import annotations

import importlib.util
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from lupusim.common.frozen import dataclass
from lupusim.errors import LupusimError
from lupusim.planning.execution.tasks import Done, Task, work
from lupusim.planning.execution.workers import (
    WHAT_IS_KEPT,
    Result,
    Spread,
    one_by_one,
    submit_all,
)
from lupusim.simulation.fingerprint import code_fingerprint, versions

if TYPE_CHECKING:
    from distributed import Client

_SECONDS_TO_ANSWER = 8
_SECONDS_WITHOUT_WORKERS = 40.0
_RETRIES = 5  # of a task whose worker died
_TASKS_PER_THREAD = 3

T = TypeVar("T")


class ClusterError(LupusimError):
    """A cluster cannot be used: nobody answers, or somebody has other software."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskCluster:
    """A running Dask cluster.

    Raises
    ------
    ClusterError
        When made ready: if the extra ``cluster`` is not installed, nobody answers within eight
        seconds, there is no worker, or Python, NumPy or lupusim differ somewhere. At work: if
        the scheduler is gone, all workers are, or one that came later has other software.
    """

    address: str  # of the scheduler, such as ``tcp://10.0.0.1:8786``

    @contextmanager
    def ready(self) -> Iterator[Spread]:
        """Connect and check every machine before anything is simulated."""
        client = self._connected()
        try:
            preflight(client)
            yield lambda tasks, _: self._spread(client, tasks)
        finally:
            # by a thread: a client waits long for a scheduler that has gone
            threading.Thread(target=client.close, kwargs={"timeout": 1}, daemon=True).start()

    def results(self, functions: Sequence[Callable[[], Result]]) -> list[Result]:
        """Call them here: they are done before a cluster has heard of them."""
        return one_by_one(functions)

    def _connected(self) -> Client:
        if importlib.util.find_spec("distributed") is None:
            raise ClusterError("a cluster needs Dask: pip install 'lupusim[cluster]'")
        from distributed import Client

        _silence()

        def connect() -> Client:
            return Client(self.address, timeout=0.9 * _SECONDS_TO_ANSWER, set_as_default=False)

        nobody = f"no Dask scheduler answers at {self.address} within {_SECONDS_TO_ANSWER} s"
        return answered(connect, f"{nobody}: see that it runs there, and that no wall is between")

    def _spread(self, client: Client, tasks: Iterator[Task]) -> Generator[Done]:
        """Yield what the cluster finishes; say in one message why it does not."""
        from distributed import KilledWorker

        threads = sum(client.nthreads().values())
        watch = _Watch(client=client, address=self.address)
        try:
            yield from submit_all(
                lambda: _executor(client),
                tasks,
                ahead=_TASKS_PER_THREAD * max(threads, 2),
                stop=_cancel,
                do=CheckedWork(wanted=_wanted()),
                call=watch,
            )
        except KilledWorker as error:
            raise ClusterError(
                f"the workers of {self.address} are killed again and again, perhaps for want of "
                f"memory: look at their logs. {WHAT_IS_KEPT}"
            ) from error
        except (CancelledError, OSError, ImportError) as error:
            raise ClusterError(f"{_gone(self.address)}. {WHAT_IS_KEPT}") from error


def _gone(address: str) -> str:
    return f"the Dask scheduler at {address} does not answer any more"


def _silence() -> None:
    """Let Dask keep its logs to itself: what they tell is told in one message."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def answered(ask: Callable[[], T], words: str) -> T:
    """Return the answer to a question that may never be answered.

    Parameters
    ----------
    ask : callable
        Asks; it runs in a thread that is left alone if it is late.
    words : str
        What to say then, or where asking fails.

    Raises
    ------
    ClusterError
        After eight seconds, or as soon as asking fails.
    """
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(ask())
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return found.result(timeout=_SECONDS_TO_ANSWER)
    except ClusterError:
        raise
    except Exception as error:
        raise ClusterError(words) from error


@dataclass(slots=True, kw_only=True)
class _Watch:
    """Sees that the scheduler answers, and has workers."""

    client: Client  # connected to it
    address: str  # as it was named
    _alone_since: float | None = None

    def __call__(self) -> None:
        """Raise ClusterError where nothing can be finished any more."""
        there = answered(lambda: self.client.sync(self.client.scheduler.identity), self._words)
        now = time.monotonic()
        if there["workers"]:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        elif now - self._alone_since > _SECONDS_WITHOUT_WORKERS:
            raise ClusterError(f"the cluster at {self.address} has no worker left. {WHAT_IS_KEPT}")

    @property
    def _words(self) -> str:
        return f"{_gone(self.address)}. {WHAT_IS_KEPT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedWork:
    """Works off a task on a machine that has the same software; one that came late as well.

    Raises
    ------
    ClusterError
        When called where anything differs.
    """

    wanted: Mapping[str, str]  # versions, and the fingerprint of the code

    def __call__(self, task: Task) -> Done:
        """Return the finished task."""
        if (found := _wanted()) != self.wanted:
            raise ClusterError(
                f"a worker that came later has other software: {_difference(found, self.wanted)}. "
                f"{WHAT_IS_KEPT}"
            )
        return work(task)


@cache
def _wanted() -> dict[str, str]:
    """Return what must be the same everywhere."""
    return {**versions(), "simulation code": code_fingerprint()}


def _executor(client: Client) -> Executor:
    executor: Executor = client.get_executor(pure=False, retries=_RETRIES)
    return executor


def _cancel(executor: Executor) -> None:
    executor.shutdown(wait=False)


def preflight(client: Client) -> None:
    """Compare Python, NumPy and lupusim on the scheduler and every worker with ours.

    A cluster on which the package is missing would otherwise hang for ever, and one with
    another version would mix different numbers.

    Raises
    ------
    ClusterError
        If anything differs; every machine that does is named.
    """
    try:
        client.wait_for_workers(1, timeout=_SECONDS_TO_ANSWER)
    except TimeoutError as error:
        raise ClusterError(
            f"the cluster has no worker yet (waited {_SECONDS_TO_ANSWER} s)"
        ) from error
    probe = _make_probe()
    wanted = {**versions(), "simulation code": code_fingerprint()}
    silent = f"some machine of the cluster does not answer within {_SECONDS_TO_ANSWER} s"
    found = dict(answered(lambda: dict(client.run(probe, on_error="return")), silent))
    found["scheduler"] = answered(lambda: client.run_on_scheduler(probe), silent)
    wrong = [
        f"{place}: {_difference(answer, wanted)}"
        for place, answer in found.items()
        if answer != wanted
    ]
    if wrong:
        raise ClusterError(
            "the cluster does not have the software of this machine; install the same Python, "
            "NumPy and lupusim everywhere:\n  " + "\n  ".join(wrong)
        )


def _make_probe() -> Any:
    """Return a function that travels by value, since the package may be missing over there."""

    def probe() -> dict[str, str] | str:
        try:
            from lupusim.simulation import fingerprint
        except ImportError as error:
            return f"lupusim is missing or older ({error})"
        code = fingerprint.code_fingerprint()
        return {**fingerprint.versions(), "simulation code": code}

    return probe


def _difference(answer: object, wanted: Mapping[str, str]) -> str:
    if not isinstance(answer, dict):
        return str(answer)
    parts = (
        f"{name} {answer.get(name, 'none')} instead of {content}"
        for name, content in wanted.items()
        if answer.get(name) != content
    )
    return ", ".join(parts)
