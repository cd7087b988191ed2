"""Print a hash of three runs: the same for every version of Python and of what is needed.

Run as ``python scripts/same_bits.py``, each time by another interpreter with other packages;
CONTRIBUTING.md has the table of what was seen. Trials are counted (``--plain``): what the exact
engine knows of them, matrix exponentials among it, may move in the last bit with SciPy.
"""

import hashlib
import json
import platform
from importlib.metadata import version

import lupusim
from lupusim.planning.runs.run import RunOptions
from lupusim.planning.runs.series import Estimates

SCENARIOS = ("two_rates", "survival_three_looks", "phase2_sri4_24w")
PACKAGES = ("numpy", "scipy", "pandas")


def digest(name: str) -> str:
    """Return a hash of all numbers of a scenario's designs; floats as they are, to the bit."""
    counted = RunOptions(estimates=Estimates.PLAIN)
    run = lupusim.run(lupusim.load_scenario(name), 300, seed=5, options=counted)
    points = run.to_json()["points"]
    return hashlib.sha256(json.dumps(points, sort_keys=True).encode()).hexdigest()[:12]


if __name__ == "__main__":
    versions = [platform.python_version(), *map(version, PACKAGES)]
    print("|", " | ".join([*versions, *map(digest, SCENARIOS)]), "|")
