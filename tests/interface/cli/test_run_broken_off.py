"""A run that is killed, interrupted or loses a worker: nothing is lost, nothing is left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from lupusim.common.rng import stream
from lupusim.planning.execution.dask_cluster import ClusterError, DaskCluster, preflight
from lupusim.planning.runs.run import RunOptions, run
from lupusim.scenario import load_scenario
from tolerance import SEED

SCENARIO = "survival_200_events"
SECONDS_TO_STOP = 2.0
LOADED = 3.0  # a machine that does other things at the same time
AT_MOST = 300.0  # seconds: then something hangs

pytestmark = pytest.mark.slow


@pytest.fixture
def start():
    """Start a command with options, in a session of its own that ends with the test."""
    started = []

    def start_one(*options, command="run"):
        process = subprocess.Popen(
            [sys.executable, "-m", "lupusim", command, SCENARIO, *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        for left in family(process):
            left.kill()
        process.communicate()


def family(process):
    """Return the living processes that a command started, its own included."""
    found = []
    for other in psutil.process_iter():
        try:
            same = os.getsid(other.pid) == process.pid
            if same and other.status() != psutil.STATUS_ZOMBIE:
                found.append(other)
        except (psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            continue
    return found


def wait_until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.05)


def answer(text):
    told = json.loads(text)
    told.pop("seconds", None)
    return json.dumps(told)


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_three_times_a_run_resumes_to_the_same_answer(start, tmp_path, jobs):
    options = ("--replicates", 40_000, "--jobs", jobs, "--format", "json")
    whole = start(*options)
    begin = time.monotonic()
    expected = whole.communicate()[0]
    lasts = time.monotonic() - begin
    rng = stream(SEED, "kill", jobs)
    for _ in range(3):
        process = start(*options, "--out", tmp_path / "a", "--resume")
        time.sleep(float(rng.uniform(0.3, max(0.4 * lasts, 2.0))))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        wait_until(lambda: not family(process), 10.0)  # noqa: B023 - waits within its own turn
    last = start(*options, "--out", tmp_path / "a", "--resume")
    out, err = last.communicate()
    assert last.returncode == 0, err
    assert answer(out) == answer(expected)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_run_stops_soon_with_its_table_and_no_process_left(
    start, tmp_path, number, jobs
):
    process = start("--replicates", 500_000, "--jobs", jobs, "--out", tmp_path / "a")
    wait_until(lambda: process.poll() is not None or has_blocks(tmp_path / "a", 60))
    begin = time.monotonic()
    if number is signal.SIGINT:  # as a terminal does: to every process at once
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    out, err = process.communicate()
    assert time.monotonic() - begin < SECONDS_TO_STOP * LOADED
    assert process.returncode == 130
    assert out.startswith("PARTIAL RESULT")
    assert re.search(r"power \(logrank.*0\.7\d+ \(0\.0\d+\)", out)
    assert re.search(r"design: \d+ of 500000 replicates", out)
    foretold = ("note: this takes about",)  # where this machine is slow
    assert [line for line in err.splitlines() if not line.startswith(foretold)] == [
        "interrupted",
        f"finished work is kept in {tmp_path / 'a'}: the same command with --resume goes on",
    ]
    wait_until(lambda: not family(process), 3.0)


HELD_BACK = """
import signal
from pathlib import Path
from lupusim.planning.execution import workers
if __name__ == "__main__":
    pool = workers._pool(2)
    for number in pool._processes:
        text = Path(f"/proc/{number}/status").read_text()
        blocked = int(text.partition("SigBlk:")[2].split()[0], 16)
        print(bool(blocked & 1 << (signal.SIGINT - 1)))
    pool.shutdown(kill_workers=True)
"""


@pytest.mark.slow
def test_workers_see_no_ctrl_c_while_they_start(tmp_path) -> None:
    """A terminal sends it to them too, and they would print where they are."""
    (tmp_path / "held.py").write_text(HELD_BACK)
    done = subprocess.run(
        [sys.executable, tmp_path / "held.py"], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "True"], done.stderr


RATIO = "arms.experimental.effects.0.hazard_ratio"
RANGES = ("--over", f"{RATIO}=0.6,0.8", "--over", "sample_size=260,340")
QUESTIONS = {
    "size": ("--precision", 0.0005),
    "size --over": ("--over", f"{RATIO}=0.5,0.7", "--precision", 0.0005),
    "sensitivity": (*RANGES, "--replicates", 400_000),
    "sensitivity --sobol": (*RANGES, "--sobol", "--replicates", 100_000),
    "assurance": ("--effect-sd", 0.2, "--replicates", 400_000),
    "assurance --value": (
        *("--effect-sd", 0.2, "--no-effect", 0.4, "--by", "2 years"),
        *("--value", 2000, "--replicates", 40_000),
    ),
}


@pytest.mark.parametrize(("jobs", "number"), [(1, signal.SIGTERM), (2, signal.SIGINT)])
@pytest.mark.parametrize("question", QUESTIONS)
def test_an_interrupted_question_stops_soon_and_tells_what_is_finished(
    start, tmp_path, question, jobs, number
):
    options = (*QUESTIONS[question], "--jobs", jobs, "--out", tmp_path / "a")
    process = start(*options, command=question.split()[0])
    # assurance first has the power if all is as stated, which alone is no partial result
    n_pages = 320 if question == "assurance" else 120
    wait_until(lambda: process.poll() is not None or has_blocks(tmp_path / "a", n_pages))
    begin = time.monotonic()
    if number is signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    out, err = process.communicate()
    assert time.monotonic() - begin < SECONDS_TO_STOP * LOADED
    assert process.returncode == 130, err
    assert out.startswith("PARTIAL RESULT")
    assert re.search(r"\d \(\d[\d.]*\)", out)  # an estimate and its standard error
    told = [line for line in err.splitlines() if not line.startswith("note: ")]
    assert told[0] == "interrupted"
    assert "the same command with --resume goes on" in told[1]
    wait_until(lambda: not family(process), 3.0)


def has_blocks(folder, n_pages):
    """Return whether the write-ahead log of a run holds more than so many pages."""
    log = folder / "ledger.sqlite-wal"
    return log.exists() and log.stat().st_size > 4096 * n_pages


def test_an_interruption_tells_programs_what_was_finished(start):
    process = start("--replicates", 500_000, "--jobs", 1, "--events", "jsonl")
    for line in process.stdout:
        if json.loads(line)["event"] == "progress":
            break
    process.send_signal(signal.SIGTERM)
    events = [json.loads(line) for line in process.stdout]
    assert process.wait() == 130
    assert events[-1]["event"] == "partial"
    assert events[-1]["result"]["complete"] is False
    assert events[-1]["result"]["points"][0]["power_mcse"] > 0


def test_a_killed_worker_of_this_machine_costs_only_time(start, tmp_path):
    options = ("--replicates", 200_000, "--format", "json")  # few would need no processes
    process = start(*options, "--jobs", 2, "--out", tmp_path / "a")

    def workers():
        return [p for p in family(process) if p.pid != process.pid]

    wait_until(lambda: process.poll() is not None or has_blocks(tmp_path / "a", 60))
    (worker,) = workers()  # beside the process itself, which works too
    worker.kill()
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert answer(out) == answer(start(*options, "--jobs", 1).communicate()[0])


def test_the_first_block_is_finished_soon(start):
    begin = time.monotonic()
    process = start("--replicates", 100_000, "--jobs", 1, "--events", "jsonl")
    for line in process.stdout:
        if json.loads(line)["event"] == "progress":
            break
    seconds = time.monotonic() - begin
    assert seconds < 1.5 * LOADED


def sums(result):
    return [(point.tally, point.null_tally) for point in result.points]


@pytest.mark.filterwarnings("ignore")  # those of Dask about workers that we kill
def test_a_local_cluster_gives_the_bits_of_one_core_and_survives_a_killed_worker():
    distributed = pytest.importorskip("distributed")
    scenario = load_scenario(SCENARIO)
    expected = sums(run(scenario, 20_000, seed=SEED))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        workers = DaskCluster(address=cluster.scheduler_address)
        options = RunOptions(workers=workers)
        assert sums(run(scenario, 20_000, seed=SEED, options=options)) == expected
        victims = iter([next(iter(cluster.workers.values())).pid])

        def kill_one(progress):
            if progress.done > 4_000 and (pid := next(victims, None)):
                os.kill(pid, signal.SIGKILL)

        killed = run(scenario, 20_000, seed=SEED, listener=kill_one, options=options)
        assert sums(killed) == expected
        assert next(victims, None) is None


def address_in(file):
    """Return the address that a scheduler wrote into a file; None before it is all there."""
    try:
        return json.loads(file.read_text())["address"]
    except (FileNotFoundError, json.JSONDecodeError):
        return None


ASKED_OF_A_CLUSTER = {
    "run": ("--replicates", 10_000),
    "assurance": ("--effect-sd", 0.2, "--replicates", 4_000),
}


@pytest.fixture
def by_hand(tmp_path):
    """The address of a scheduler with two workers, each started by a command of Dask's."""
    distributed = pytest.importorskip("distributed")
    address_file = tmp_path / "scheduler.json"
    connect = ["--scheduler-file", str(address_file), "--host", "127.0.0.1"]
    connect += ["--dashboard-address", "127.0.0.1:0"]
    one = ["worker", *connect, "--nthreads", "1", "--local-directory", str(tmp_path)]
    started = []

    def begin(words):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started.append(subprocess.Popen([sys.executable, "-m", "dask", *words], **quiet))

    try:
        begin(["scheduler", *connect, "--port", "0"])
        wait_until(lambda: address_in(address_file), AT_MOST)
        address = address_in(address_file)
        for _ in range(2):
            begin(one)
        with distributed.Client(address, timeout=AT_MOST, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=AT_MOST)
        yield address
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


@pytest.mark.filterwarnings("ignore")
def test_scheduler_and_workers_started_by_hand_serve_the_commands(start, by_hand):
    for command, asked in ASKED_OF_A_CLUSTER.items():
        options = (*asked, "--format", "json")
        there = ("--backend", "dask", "--scheduler", by_hand)
        process = start(*options, *there, command=command)
        out, err = process.communicate(timeout=AT_MOST)
        assert process.returncode == 0, err
        here = start(*options, "--jobs", 1, command=command)
        assert answer(out) == answer(here.communicate()[0])


def test_a_cluster_that_does_not_answer_or_differs_is_refused_in_seconds(monkeypatch):
    distributed = pytest.importorskip("distributed")
    from lupusim.planning.execution import dask_cluster as cluster_module

    monkeypatch.setattr(cluster_module, "_SECONDS_TO_ANSWER", 1)
    begin = time.monotonic()
    with (
        pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        DaskCluster(address="tcp://127.0.0.1:9").ready(),
    ):
        pass
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None) as empty,
        pytest.raises(ClusterError, match="has no worker yet"),
        DaskCluster(address=empty.scheduler_address).ready(),
    ):
        pass
    assert time.monotonic() - begin < 20.0
    monkeypatch.setattr(cluster_module, "code_fingerprint", lambda: "other")
    with (
        distributed.LocalCluster(
            n_workers=1, processes=True, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        pytest.raises(ClusterError, match=r"scheduler: simulation code \w+ instead of other"),
    ):
        preflight(client)
