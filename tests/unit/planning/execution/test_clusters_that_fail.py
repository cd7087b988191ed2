"""Whoever does not answer, or is killed, is told of in one message and in seconds."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest

from lupusim.planning.execution import dask_cluster, workers
from lupusim.planning.execution.dask_cluster import CheckedWork, ClusterError, DaskCluster, answered
from lupusim.planning.execution.tasks import Done, Task
from lupusim.planning.execution.workers import WorkersError, _spread_over_pool, submit_all
from trials import survival_trial


@pytest.fixture
def mute() -> Iterator[str]:
    """Yield the address of somebody who accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def test_a_scheduler_that_never_answers_is_given_up(
    mute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(dask_cluster, "_SECONDS_TO_ANSWER", 0.5)
    with (
        pytest.raises(ClusterError, match=f"no Dask scheduler answers at {mute}"),
        DaskCluster(address=mute).ready(),
    ):
        pass


def test_an_answer_comes_through_and_a_refusal_keeps_its_words() -> None:
    def refuse() -> None:
        raise ClusterError("other software")

    def fail() -> None:
        raise OSError("gone")

    assert answered(lambda: 5, "nobody") == 5
    with pytest.raises(ClusterError, match="other software"):
        answered(refuse, "nobody")
    with pytest.raises(ClusterError, match="nobody"):
        answered(fail, "nobody")


def test_a_worker_that_joins_later_must_have_the_same_software() -> None:
    task = Task(fingerprint="", trial=survival_trial(), blocks=())
    with pytest.raises(ClusterError, match=r"came later has other software: numpy \S+ instead of"):
        CheckedWork(wanted={**dask_cluster._wanted(), "numpy": "0.1"})(task)


class _Broken(Executor):
    """Its processes are killed whatever they do."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:  # type: ignore[override]
        future: Future[Any] = Future()
        future.set_exception(BrokenProcessPool("killed"))
        return future

    def shutdown(self, **_: Any) -> None:  # type: ignore[override]
        """There is nothing to end."""


def test_processes_that_are_killed_again_and_again_end_in_one_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "_started", lambda _: _Broken())
    task = Task(fingerprint="", trial=survival_trial(), blocks=())
    with pytest.raises(WorkersError, match="killed 4 times"):
        list(_spread_over_pool(iter([task]), 2))


def test_a_machine_without_shared_memory_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: int) -> Executor:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(workers, "_started", fails)
    with pytest.raises(WorkersError, match=r"Read-only file system.*--jobs 1"):
        list(_spread_over_pool(iter([]), 2))


class _Idle(Executor):
    """Never finishes anything."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:  # type: ignore[override]
        return Future()


def test_while_nothing_is_finished_it_is_asked_who_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_SECONDS_BETWEEN_CALLS", 0.01)
    calls: list[float] = []

    def call() -> None:
        calls.append(time.monotonic())
        if len(calls) == 3:
            raise ClusterError("no worker left")

    stopped = threading.Event()
    task = Task(fingerprint="", trial=survival_trial(), blocks=())
    spread: Iterator[Done] = submit_all(
        _Idle, iter([task]), ahead=2, stop=lambda _: stopped.set(), call=call
    )
    with pytest.raises(ClusterError, match="no worker left"):
        next(spread)
    assert stopped.is_set()


def test_a_cluster_without_workers_is_waited_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        scheduler = type("Scheduler", (), {"identity": None})
        workers: dict[str, str] = {}  # noqa: RUF012 - a stand-in

        def sync(self, _: object) -> dict[str, Any]:
            return {"workers": self.workers}

    watch = dask_cluster._Watch(client=Client(), address="tcp://there")  # type: ignore[arg-type]
    watch()
    watch()
    Client.workers = {"one": ""}
    watch()
    Client.workers = {}
    watch()
    monkeypatch.setattr(dask_cluster, "_SECONDS_WITHOUT_WORKERS", -1.0)
    with pytest.raises(ClusterError, match="has no worker left"):
        watch()
