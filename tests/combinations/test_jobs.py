"""Any kind of trial has the same bits on one, two and three processes, and after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lupusim.common.threads import ONE_THREAD
from scenario_values import RARE_VALUES, VALUES, carriers, document

DOCUMENTS = {
    **{"a packaged one or the like: " + name: content for name, content in carriers().items()},
    **{" ".join(value): document(value) for value in VALUES + RARE_VALUES},
}
N_PARTS = 24  # of the documents; the quick suite takes a third of one
PROGRAM = """
import json, os, random, signal, sys, time, warnings
from pathlib import Path
sys.path[:0] = {path!r}
from test_jobs import DOCUMENTS
from lupusim.planning.execution import tasks, workers
from lupusim.planning.execution.copies import can_copy
from lupusim.planning.execution.ledger import Existing
from lupusim.planning.runs.run import RunOptions, run
from lupusim.scenario import scenario_from_mapping
from tolerance import SEED

part, folder = {part!r}, Path({folder!r})
workers._PAYS_AFTER = -1.0  # of seconds: processes for everything
tasks._SECONDS_PER_TASK = 0.0  # a block is a task
tasks.replicates_per_block = lambda _: 4
chance = random.Random(f"{{SEED}} {{part}}")
warnings.simplefilter("ignore")
found = []


def answer(scenario, **how):
    told = run(scenario, 30, **how).to_json()
    del told["seconds"]
    return json.dumps(told)


def killed(scenario, options, n_jobs):
    "Let a process run it that is killed at a random moment."
    child = os.fork()
    if child == 0:
        run(scenario, 30, seed=SEED, n_jobs=n_jobs, options=options)
        os._exit(0)
    time.sleep(chance.uniform(0.0, 0.25))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


for number, (name, content) in enumerate(list(DOCUMENTS.items())[part]):
    scenario = scenario_from_mapping(content)
    assert can_copy()
    one, two, three = (answer(scenario, seed=SEED, n_jobs=n) for n in (1, 2, 3))
    options = RunOptions(folder=folder / str(number), existing=Existing.RESUME)
    for n_jobs in (2, 3):
        killed(scenario, options, n_jobs)
    resumed = answer(scenario, seed=SEED, n_jobs=2, options=options)
    other = answer(scenario, seed=SEED + 1)  # negative control
    if not one == two == three == resumed != other:
        found.append(name)
print(json.dumps(found))
"""


def different(part: slice, folder: object) -> str:
    """Return the names of documents whose bits differ; in a process that has no other thread."""
    path = [*sys.path, str(Path(__file__).parent)]
    program = PROGRAM.format(path=path, part=part, folder=str(folder))
    command = [sys.executable, "-c", program]
    surroundings = os.environ | ONE_THREAD
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is copied")


def test_some_kinds_of_trials_have_the_same_bits(tmp_path):
    assert different(slice(0, None, 3 * N_PARTS), tmp_path) == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("part", range(N_PARTS))
def test_all_kinds_of_trials_have_the_same_bits(part, tmp_path):
    assert different(slice(part, None, N_PARTS), tmp_path) == "[]"
