"""A pool that is stopped says nothing of how its own thread ends, but all of anything else."""

import threading

import pytest

from lupusim.planning.execution.workers import _kill


class Pool:
    """Stopped, its thread dies of an error."""

    def __init__(self, error: BaseException, thread: str) -> None:
        self.error, self.thread = error, thread

    def shutdown(self, **_: object) -> None:
        def die() -> None:
            raise self.error

        manager = threading.Thread(target=die, name=self.thread)
        manager.start()
        manager.join()


@pytest.mark.parametrize(
    ("error", "thread", "heard"),
    [
        (KeyError(20), "ExecutorManagerThread", False),
        (OSError("no pipe"), "ExecutorManagerThread", True),
        (KeyError(20), "another", True),
    ],
)
def test_only_the_pools_own_end_is_not_told(error, thread, heard, capsys):
    before, threading.excepthook = threading.excepthook, threading.__excepthook__
    try:
        _kill(Pool(error, thread))
    finally:
        threading.excepthook = before
    assert (type(error).__name__ in capsys.readouterr().err) is heard
