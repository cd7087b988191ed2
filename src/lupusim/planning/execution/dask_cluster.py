"""A Dask cluster as workers; the only file that knows Dask (extra ``cluster``)."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lupusim.errors import LupusimError
from lupusim.planning.execution.tasks import Done, Task
from lupusim.planning.execution.workers import Spread, submit_all
from lupusim.simulation.fingerprint import code_fingerprint, versions

if TYPE_CHECKING:
    from distributed import Client

_SECONDS_TO_ANSWER = 10
_RETRIES = 5  # of a task whose worker died
_TASKS_PER_THREAD = 3


class ClusterError(LupusimError):
    """A cluster cannot be used: nobody answers, or somebody has other software."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskCluster:
    """A running Dask cluster.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    ClusterError
        When made ready: if the extra ``cluster`` is not installed, nobody answers within ten
        seconds, there is no worker, or Python, NumPy or lupusim differ somewhere.
    """

    address: str

    @contextmanager
    def ready(self) -> Iterator[Spread]:
        """Connect and check every machine before anything is simulated."""
        with _connected(self.address) as client:
            preflight(client)

            def spread(tasks: Iterator[Task], seconds: float) -> Generator[Done]:
                del seconds
                threads = sum(client.nthreads().values())
                ahead = _TASKS_PER_THREAD * max(threads, 2)
                yield from submit_all(lambda: _executor(client), tasks, ahead=ahead, stop=_cancel)

            yield spread


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    if importlib.util.find_spec("distributed") is None:
        raise ClusterError("a cluster needs Dask: pip install 'lupusim[cluster]'")
    from distributed import Client

    try:
        client = Client(address, timeout=_SECONDS_TO_ANSWER, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} within {_SECONDS_TO_ANSWER} s: {error}"
        ) from error
    with client:
        yield client


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
    found: dict[str, Any] = dict(client.run(probe, on_error="return"))
    found["scheduler"] = client.run_on_scheduler(probe)
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


def _difference(answer: object, wanted: dict[str, str]) -> str:
    if not isinstance(answer, dict):
        return str(answer)
    parts = (
        f"{name} {answer.get(name, 'none')} instead of {content}"
        for name, content in wanted.items()
        if answer.get(name) != content
    )
    return ", ".join(parts)
