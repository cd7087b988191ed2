"""What a command may import: start-up is paid each time."""

from __future__ import annotations

import json
import subprocess
import sys

CHECK = """
import json, sys
sys.argv = ["lupusim", "check", "two_rates"]
from lupusim.cli import main
try:
    main()
except SystemExit:
    pass
print()
print(json.dumps(sorted(sys.modules)))
"""
NOT_FOR_A_CHECK = (
    "IPython",
    "dask",
    "emcee",
    "joblib",
    "lupusim.app",
    "lupusim.calibration",
    "lupusim.economics",
    "lupusim.engines.exact.solution",
    "lupusim.planning.assurance",
    "lupusim.planning.execution",
    "lupusim.planning.runs",
    "lupusim.planning.sample_size",
    "lupusim.report.figures",
    "lupusim.report.run",
    "matplotlib",
    "nicegui",
    "pandas",
    "rich",
    "scipy",
    "simpy",
    "sqlite3",
)


def test_a_check_imports_neither_what_simulates_nor_what_draws():
    done = subprocess.run(
        [sys.executable, "-c", CHECK], capture_output=True, text=True, check=True, timeout=120
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    named = [name for name in loaded if name.startswith(NOT_FOR_A_CHECK)]
    assert named == []
    assert "lupusim.scenario.files.scenario" in loaded
    assert len([name for name in loaded if name.startswith("lupusim")]) < 340
