"""Copies of a process beside it: the same bits, none left behind, killed ones are made good."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lupusim.common.threads import ONE_THREAD
from lupusim.planning.execution.copies import can_copy

PROGRAM = """
import os, pickle, signal, sys, threading, time
from dataclasses import replace
from pathlib import Path

sys.path[:0] = {path!r}
import small_trials
from lupusim.errors import LupusimError
from lupusim.planning.execution import copies
from lupusim.planning.execution.copies import WorkersError, can_copy, spread_over_copies
from lupusim.planning.execution.tasks import Task, blocks_of, work
from lupusim.simulation.block import simulate_block

TRIAL = small_trials.rates((0.2, 0.5), n_patients=100)
ME = os.getpid()


def tasks(score=simulate_block, n=40):
    (first,) = blocks_of(TRIAL, 1, seed=1)
    for k in range(n):
        block = replace(first, number=k, n_replicates=50)
        yield Task(fingerprint=str(k), trial=TRIAL, blocks=(block,), score=score)


def children():
    return [p for p in Path("/proc").glob("[0-9]*/stat") if parent(p) == ME]


def parent(stat):
    try:
        return int(stat.read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def sums(found):
    return {{done.fingerprint: done.tallies[0].sums for done in found}}


def seen():
    return len(list(FOLDER.iterdir()))


def wait_for(n):  # so that copies have their share, however slow the machine is
    end = time.monotonic() + 20
    while seen() < n and time.monotonic() < end:
        time.sleep(0.001)


def kept(trial, block):
    if os.getpid() != ME:
        (FOLDER / str(os.getpid())).touch()
    wait_for(wanted)
    return simulate_block(trial, block)


def dies_once(trial, block):
    if os.getpid() == ME:
        wait_for(1)
    elif not seen():
        (FOLDER / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return simulate_block(trial, block)


def dies(trial, block):
    if os.getpid() != ME:
        os.kill(os.getpid(), signal.SIGKILL)
    return simulate_block(trial, block)


def refuses(trial, block):
    if os.getpid() != ME:
        (FOLDER / "asked").touch()
        raise LupusimError("asked too much")
    wait_for(1)
    return simulate_block(trial, block)


def interrupted(trial, block):
    if os.getpid() != ME:
        time.sleep(0.1)  # so that there is something left for whoever is interrupted
    elif block.number > 10:
        raise KeyboardInterrupt
    return simulate_block(trial, block)


FOLDER = Path(sys.argv[1])
"""
BODIES = {
    "the same bits by one, two and three processes, each of which works": """
here = sums(map(work, tasks()))
assert can_copy()
for cores, wanted in ((1, 0), (2, 1), (3, 3)):
    assert sums(spread_over_copies(tasks(kept), cores)) == here, cores
    assert seen() == wanted
    assert not children() and can_copy()
""",
    "a killed copy costs only time": """
assert sums(spread_over_copies(tasks(dies_once), 3)) == sums(map(work, tasks()))
assert seen() == 1 and not children()
""",
    "where every copy is killed this process does it all": """
assert sums(spread_over_copies(tasks(dies), 3)) == sums(map(work, tasks()))
assert not children()
""",
    "what a copy refuses is told": """
try:
    list(spread_over_copies(tasks(refuses), 2))
except LupusimError as error:
    assert str(error) == "asked too much"
else:
    raise AssertionError("nobody saw it")
assert not children()
""",
    "an interruption leaves no copy behind": """
try:
    list(spread_over_copies(tasks(interrupted), 3))
except KeyboardInterrupt:
    assert not children()
else:
    raise AssertionError("it went on")
""",
    "more tasks than are handed out at once": """
copies._AT_ONCE = 7
assert sums(spread_over_copies(tasks(), 2)) == sums(map(work, tasks()))
""",
    "what copies finish may be larger than their pipe": """
copies._enlarge = lambda _: None
blocks = tuple(block for task in tasks(n=400) for block in task.blocks)
(one,) = tasks(n=1)
long = [replace(one, fingerprint=name, blocks=blocks) for name in "abcd"]
assert len(pickle.dumps(work(long[0]))) > 2**17
found = {done.fingerprint: done for done in spread_over_copies(iter(long), 2)}
assert sorted(found) == list("abcd")
assert all(found[name].tallies == found["a"].tallies for name in found)
""",
    "functions are called in copies, in whatever order; what a killed one had is called again": """
wanted = 2


def answer(k):
    if os.getpid() != ME:
        (FOLDER / str(os.getpid())).touch()
        if k % 3 == 2 and not (FOLDER / "died").exists():
            (FOLDER / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    wait_for(wanted)
    return None if k == 4 else k


expected = [0, 1, 2, 3, None, *range(5, 12)]
assert copies.called_in_copies([lambda k=k: answer(k) for k in range(12)], 3) == expected
assert seen() >= 2 and not children()
""",
    "a process with another thread is not copied": """
done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()
assert not can_copy()
done.set()
thread.join()
assert can_copy()
""",
    "who cannot be started is told of": """
from multiprocessing.context import ForkProcess
def start(self):
    raise OSError(11, "Resource temporarily unavailable")
ForkProcess.start = start
try:
    list(spread_over_copies(tasks(), 2))
except WorkersError as error:
    assert "--jobs 1" in str(error), error
else:
    raise AssertionError("nobody saw it")
""",
}


@pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")
@pytest.mark.parametrize("what", BODIES)
def test_copies(what, tmp_path):
    """Pytest's own processes may have threads: each case is a process of its own."""
    program = PROGRAM.format(path=sys.path) + BODIES[what]
    command = [sys.executable, "-c", program, str(tmp_path)]
    surroundings = os.environ | ONE_THREAD
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_elsewhere_no_process_is_copied(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not can_copy()
