"""What a command may import: start-up is paid each time."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

COMMAND = """
import json, sys
sys.argv = ["lupusim", *sys.argv[1:]]
from lupusim.cli import main
try:
    main()
except SystemExit:
    pass
print()
print(json.dumps(sorted(sys.modules)))
"""
NOT_FOR_SHOWING = (
    "IPython",
    "dask",
    "emcee",
    "joblib",
    "lupusim.app",
    "lupusim.calibration",
    "lupusim.economics",
    "importlib.metadata",
    "lupusim.analysis.competing_risks",
    "lupusim.analysis.continuous",
    "lupusim.analysis.group_sequential",
    "lupusim.analysis.counts",
    "lupusim.analysis.multiplicity",
    "lupusim.analysis.ordinal",
    "lupusim.analysis.single_arm",
    "lupusim.endpoints.hierarchy",
    "lupusim.engines.exact",
    "lupusim.engines.vector",
    "lupusim.planning.assurance",
    "lupusim.planning.execution",
    "lupusim.planning.runs",
    "lupusim.planning.sample_size",
    "lupusim.report.figures",
    "lupusim.report.run",
    "lupusim.scenario.analysis.bounds",
    "lupusim.scenario.analysis.multiplicity",
    "lupusim.scenario.analysis.special_tests",
    "lupusim.scenario.sections.rules",
    "lupusim.simulation.adaptation",
    "matplotlib",
    "nicegui",
    "numba",
    "pandas",
    "pydantic",
    "rich",
    "scipy",
    "simpy",
    "sqlite3",
    "typer",
)
NOT_FOR_A_RUN = (
    "IPython",
    "dask",
    "emcee",
    "lupusim.app",
    "lupusim.calibration",
    "lupusim.economics",
    "matplotlib",
    "multiprocessing",
    "nicegui",
    "numba",
    "pandas",
    "pydantic",
    "scipy.optimize",
    "scipy.stats",
    "typer",
)


def _loaded(*words):
    """Return the modules that a command has imported when it ends."""
    command = [sys.executable, "-c", COMMAND, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("command", ["check", "show"])
def test_two_rates_are_checked_and_shown_without_what_simulates_and_what_draws(command):
    loaded = _loaded(command, "two_rates")
    assert [name for name in loaded if name.startswith(NOT_FOR_SHOWING)] == []
    assert "lupusim.scenario.files.scenario" in loaded
    assert len([name for name in loaded if name.startswith("lupusim")]) < 206
    assert [name for name in loaded if name.startswith("lupusim.cli.planning.")] == []


def test_a_check_that_simulates_a_few_trials_imports_no_more_than_that():
    loaded = _loaded("check", "score_change")
    assert [name for name in loaded if name.startswith(NOT_FOR_A_RUN)] == []
    assert "lupusim.planning.runs.direction_check" in loaded
    assert [name for name in loaded if name.startswith(("lupusim.report.run", "rich"))] == []


def test_a_run_imports_no_table_of_pandas_and_no_distribution_of_scipy():
    loaded = _loaded("run", "two_rates", "--replicates", "20", "--jobs", "1")
    assert [name for name in loaded if name.startswith(NOT_FOR_A_RUN)] == []
    assert "lupusim.planning.runs.run" in loaded


def test_a_size_imports_no_table_of_pandas_and_no_distribution_of_scipy():
    loaded = _loaded("size", "two_rates", "--power", "0.8", "--jobs", "1")
    unasked = (*NOT_FOR_A_RUN, "lupusim.planning.assurance", "lupusim.planning.sensitivity")
    assert [name for name in loaded if name.startswith(unasked)] == []
    assert "lupusim.planning.sample_size.search" in loaded


@pytest.mark.parametrize(
    "words",
    [
        ("size", "two_rates", "--power", "0.6", "--over", "analysis.alpha=0.05,0.1"),
        ("solve", "two_rates", "--for", "arms.treated.outcomes.response"),
    ],
    ids=lambda words: words[0],
)
def test_other_answers_are_printed_without_a_table_of_pandas(words):
    loaded = _loaded(*words, "--jobs", "1")
    assert [name for name in loaded if name.startswith(("pandas", "matplotlib"))] == []


EVERY_NAME = """
import importlib, json, pkgutil
from lupusim.analysis.registry import TESTS
from lupusim.endpoints import ENDPOINTS
from lupusim.simulation.adaptation import ADAPTATIONS
import lupusim.analysis, lupusim.endpoints, lupusim.simulation
registries = (TESTS, ENDPOINTS, ADAPTATIONS)
offered = [sorted(one) for one in registries]
for package in (lupusim.analysis, lupusim.endpoints, lupusim.simulation):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
print(json.dumps([offered, [sorted(one) for one in registries]]))
"""


def test_every_name_that_a_module_registers_is_known_before_it_is_imported():
    command = [sys.executable, "-c", EVERY_NAME]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    offered, registered = json.loads(done.stdout)
    assert offered == registered
    assert [len(names) for names in offered] == [42, 9, 6]


COLLECTIONS = """
import gc, sys
seen = []
gc.callbacks.append(lambda phase, told: seen.append(told["generation"]))
sys.argv = ["lupusim", "size", "two_rates", "--power", "0.8", "--jobs", "1"]
from lupusim.cli import main
try:
    main()
except SystemExit:
    pass
print()
print(seen.count(2))
"""


def test_no_garbage_is_looked_for_among_all_objects_of_a_short_command():
    command = [sys.executable, "-c", COLLECTIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "0"
