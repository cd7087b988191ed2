"""Print a hash of three runs: the same for every version of Python and of what is needed.

Run as ``python scripts/same_bits.py``, each time by another interpreter with other packages;
docs/versions.md has the table of what was seen.
"""

import hashlib
import json
import platform
from importlib.metadata import version

import lupusim

SCENARIOS = ("two_rates", "survival_three_looks", "phase2_sri4_24w")
PACKAGES = ("numpy", "scipy", "pandas")


def digest(name: str) -> str:
    """Return a hash of all numbers of a scenario's designs; floats as they are, to the bit."""
    points = lupusim.run(lupusim.load_scenario(name), 300, seed=5).to_json()["points"]
    return hashlib.sha256(json.dumps(points, sort_keys=True).encode()).hexdigest()[:12]


if __name__ == "__main__":
    versions = [platform.python_version(), *map(version, PACKAGES)]
    print("|", " | ".join([*versions, *map(digest, SCENARIOS)]), "|")
