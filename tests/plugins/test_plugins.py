"""A package that adds one of several kinds, really installed."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import lupusim
from tolerance import assert_within_mcse

HERE = Path(__file__).parent / "lupusim_example"


def install(site: Path, entry_points: dict[str, dict[str, str]]) -> Path:
    """Put the package where an installer puts it, with the metadata that Python looks up."""
    shutil.copytree(HERE / "lupusim_example", site / "lupusim_example")
    metadata = site / "lupusim_example-0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: lupusim-example\nVersion: 0.1\n"
    )
    lines = [
        line
        for group, points in entry_points.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return site


def python(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python where the package is installed."""
    source = Path(lupusim.__file__).parents[1]
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(source)])},
        capture_output=True,
        text=True,
        check=False,
    )


def lupusim_command(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return python(site, "-m", "lupusim", *arguments)


@pytest.fixture(scope="module")
def offered() -> dict[str, dict[str, str]]:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    points: dict[str, dict[str, str]] = project["entry-points"]
    return points


@pytest.fixture(scope="module")
def site(tmp_path_factory, offered):
    return install(tmp_path_factory.mktemp("site"), offered)


def answer(site: Path, scenario: Path) -> dict[str, float]:
    """Return what a run of a scenario says."""
    checked = lupusim_command(site, "check", scenario)
    assert checked.returncode == 0, checked.stderr
    ran = lupusim_command(site, "run", scenario, "--format", "json")
    assert ran.returncode == 0, ran.stderr
    point: dict[str, float]
    (point,) = json.loads(ran.stdout)["points"]
    return point


def test_the_docs_show_the_package_as_it_is():
    page = (Path(__file__).parents[2] / "docs/guides/plugins.md").read_text()
    for path in (HERE / "pyproject.toml", HERE / "scenario.yaml", *HERE.glob("*/[a-z]*.py")):
        assert path.read_text().strip() in page, path.name


def test_every_file_of_the_package_is_short():
    lengths = {path.name: len(path.read_text().splitlines()) for path in HERE.glob("*/*.py")}
    assert len(lengths) == 6
    assert max(lengths.values()) <= 60, lengths


def test_a_package_that_is_installed_is_known_to_every_registry(site, offered):
    code = (
        "from lupusim.analysis.registry import TESTS\nfrom lupusim.endpoints import ENDPOINTS\n"
        "from lupusim.model import CLOCKS, FAMILIES\n"
        "from lupusim.simulation.adaptation import ADAPTATIONS\n"
        "print([n for r in (FAMILIES, CLOCKS, ENDPOINTS, TESTS, ADAPTATIONS) for n in r])"
    )
    told = python(site, "-c", code)
    assert all(repr(name) in told.stdout for points in offered.values() for name in points)


ON_ITS_CLOCK = """
schema: lupusim/model/1
name: on a clock of its own
states: [well, ill, dead]
transitions:
  - {from: well, to: ill, hazard: {family: exponential, rate: 0.8}}
  - {from: ill, to: dead, clock: half_reset, hazard: {family: weibull, shape: 2.2, scale: 1.5}}
"""
ASKED = """
import sys
import numpy as np
import lupusim
from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.targets.questions import InStates
from lupusim.scenario.files.model_writer import model_to_mapping
model = lupusim.load_model(sys.argv[1])
assert model_to_mapping(model)["transitions"][1]["clock"] == "half_reset"
print(lupusim.occupancy(model, [1.0, 2.5], tolerance=1e-4)["dead"].tolist())
fixed = FreeModel(model=model, parameters=())
asked = [InStates(states=("dead",), time=time) for time in (1.0, 2.5)]
print(Family(fixed, asked).answers(np.zeros((1, 0)))[0].tolist())
for engine in ("vector", "events"):
    found = lupusim.simulate(model, n_patients=4000, horizon=2.5, engine=engine, seed=1)
    print(found.occupancy([1.0, 2.5])["dead"].tolist())
"""


def test_a_hazard_on_a_clock_of_its_own_is_the_same_to_every_engine(site, tmp_path):
    """Entered at e, dead by t: one minus exp of H(e / 2) - H(t - e / 2), here by quadrature."""
    path = tmp_path / "model.yaml"
    path.write_text(ON_ITS_CLOCK)
    told = python(site, "-c", ASKED, path)
    assert told.returncode == 0, told.stderr
    exact, fitted, *simulated = map(json.loads, told.stdout.splitlines())

    def dead(t: float) -> float:
        gone = lambda e: -np.expm1((e / 2 / 1.5) ** 2.2 - ((t - e / 2) / 1.5) ** 2.2)  # noqa: E731
        return float(quad(lambda e: 0.8 * math.exp(-0.8 * e) * gone(e), 0.0, t)[0])

    right = np.array([dead(1.0), dead(2.5)])
    assert exact == pytest.approx(right, abs=1e-4)
    assert fitted == pytest.approx(right, abs=2e-5)  # what a calibration answers with
    for shares in simulated:
        assert_within_mcse(np.array(shares), right, mcse=np.sqrt(right * (1 - right) / 4000))


@pytest.mark.parametrize(
    ("group", "value", "fault"),
    [
        ("lupusim.tests", "lupusim_example.nowhere:Test", "No module named"),
        ("lupusim.hazards", "lupusim_example.ever_in:EverIn", "has no hazard, cumulative"),
        ("lupusim.endpoints", "lupusim_example.arcsine:Missing", "AttributeError"),
        ("lupusim.adaptations", "lupusim_example.lomax:LomaxHazard", "has no conduct"),
        ("lupusim.enrollments", "lupusim_example.lomax:LomaxHazard", "has no times"),
    ],
)
def test_a_broken_package_is_named_in_one_message(tmp_path, offered, group, value, fault):
    broken = offered | {group: offered.get(group, {}) | {"odd": value}}
    text = (HERE / "scenario.yaml").read_text().replace("model.yaml", str(HERE / "model.yaml"))
    asking = tmp_path / "asking.yaml"  # for an enrollment that lupusim does not have
    asking.write_text(text.replace("kind: uniform", "kind: odd") if "enroll" in group else text)
    told = lupusim_command(install(tmp_path / "site", broken), "check", asking)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr + told.stdout
    assert "the package 'lupusim-example' offers the" in told.stderr
    assert fault in told.stderr
    assert "'odd'" in told.stderr


def test_a_name_that_lupusim_has_is_not_taken_away(tmp_path, offered):
    taken = offered["lupusim.tests"] | {"pooled_z": "lupusim_example.arcsine:ArcsineTest"}
    site = install(tmp_path / "site", offered | {"lupusim.tests": taken})
    told = lupusim_command(site, "check", HERE / "scenario.yaml")
    assert told.returncode == 2
    assert "'pooled_z' is the name of another test" in told.stderr


def test_one_scenario_file_uses_all_that_the_package_adds(site):
    found = answer(site, HERE / "scenario.yaml")
    assert 0 < found["enlarged"] < 1
    assert found["size"] == pytest.approx(100 * (1 + found["enlarged"]))
    assert found["estimate"] < 0


def test_without_the_rule_shares_and_power_are_those_worked_out_by_hand(site, tmp_path):
    shutil.copy(HERE / "model.yaml", tmp_path)
    lines = (HERE / "scenario.yaml").read_text().splitlines()
    fixed = [line for line in lines if not line.startswith(("adaptation", "looks", "  - {when"))]
    (tmp_path / "fixed.yaml").write_text("\n".join(fixed))
    found = answer(site, tmp_path / "fixed.yaml")
    control, cells = 1 - 1.5**-1.5, 1 - 1.5**-0.75  # 1 - (1 + t)^-shape, t half a year
    for name, share in (("placebo", control), ("cells", cells)):
        error = math.sqrt(share * (1 - share) / (400 * 100))
        assert_within_mcse(found[f"response_{name}"], share, mcse=error)
    angles = np.arcsin(np.sqrt([control, cells]))
    power = float(norm.cdf((angles[0] - angles[1]) / math.sqrt(0.5 / 100) - norm.ppf(0.975)))
    assert abs(found["power"] - power) < 4 * found["power_mcse"] + 0.01  # nearly normal


def test_the_combination_suite_takes_the_test_in_by_itself(site):
    suite = Path(__file__).parents[1] / "combinations" / "test_subsets.py"
    told = python(site, "-m", "pytest", "-q", "-x", "-p", "no:xdist", "-k", "arcsine", suite)
    assert told.returncode == 0, told.stdout
    assert "passed" in told.stdout
