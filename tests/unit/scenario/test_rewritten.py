"""A file with the numbers that were found is the trial that is meant, its words kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lupusim.common.frozen import dataclass
from lupusim.planning.sample_size.growth import Patients, sizing_of
from lupusim.scenario import load_scenario
from lupusim.scenario.document.edits import with_value
from lupusim.scenario.files.number_at import number_at
from lupusim.scenario.files.packaged import find_packaged
from lupusim.scenario.rewritten import sized, solved
from lupusim.trial import Trial


def source(name: str) -> str:
    return find_packaged("scenarios", name, ValueError).read_text()


def one_design(name: str, folder: Path) -> Path:
    """Write a packaged scenario without what it varies."""
    path = folder / f"{name}.yaml"
    path.write_text(with_value(source(name), ("vary",), None))
    return path


@pytest.mark.parametrize("factor", [0.6, 1.7])
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("two_rates", ()),
        ("time_to_event", (("looks", 0), ("looks", 1))),
        ("regimen_adaptive", (("looks", 0), ("looks", 1))),
        ("platform_regimens", ()),
        ("reinfusion_withdrawal", ()),
    ],
)
def test_all_that_grows_with_the_trial_grows_in_the_file(
    name: str, counts: tuple[tuple[str, int], ...], factor: float, tmp_path: Path
) -> None:
    given = one_design(name, tmp_path)
    scenario = load_scenario(given)
    sizing = sizing_of(scenario.points[0].trial)
    size = int(sizing.start * factor) // sizing.step * sizing.step
    written = tmp_path / "sized.yaml"
    written.write_text(sized(given, scenario, sizing, path=written).text(size, "this"))
    (point,) = load_scenario(written).points
    assert point.trial.n_patients == sizing.at(size).n_patients
    before, after = (load_scenario(file).points[0].trial for file in (given, written))
    for _, look in counts:
        grown = (before.looks[look].scaled(size / sizing.start), after.looks[look])
        assert grown[0] == grown[1]
    for line in given.read_text().splitlines():
        assert "#" not in line or line.partition("#")[2] in written.read_text()
    assert load_scenario(written).title == scenario.title


@pytest.mark.parametrize(
    ("name", "line"),
    [("selection_by_events", "first_events: 120"), ("sizes_that_follow", "planned: 150")],
)
def test_counts_of_a_rule_grow_too(name: str, line: str, tmp_path: Path) -> None:
    given = Path(__file__).parents[3] / "docs" / "examples" / f"{name}.yaml"
    scenario = load_scenario(given)
    sizing = sizing_of(scenario.points[0].trial)
    size = sizing.start * 3 // 2
    assert line in sized(given, scenario, sizing, path=tmp_path / "a.yaml").text(size, "this")


def test_a_size_that_is_varied_is_varied_no_more_and_the_first_line_says_what_was_found(
    tmp_path: Path,
) -> None:
    given, written = tmp_path / "a.yaml", tmp_path / "b.yaml"
    other = "{sample_size: [80, 90], dropout.per_year: [0.2]}"
    given.write_text(f"{source('score_change')}".replace("vary:", "# was:") + f"vary: {other}\n")
    scenario = load_scenario(given)
    sizing = sizing_of(scenario.points[0].trial)
    draft = sized(given, scenario, sizing, path=written)
    written.write_text(draft.text(120, "once"))
    assert load_scenario(written).points[0].values == {"dropout.per_year": 0.2}
    again = sized(written, load_scenario(written), sizing, path=given).text(200, "twice")
    assert again.startswith("# Found by lupusim: twice\nschema:")
    assert "once" not in again


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Trials that grow in a way that no file says."""

    trial: Trial
    unit = "patients"
    keys = ("sample_size",)
    start, step, smallest = 100, 2, 4

    def largest(self, max_patients: int) -> int:
        return max_patients

    def at(self, size: int) -> Trial:
        grown = Patients(trial=self.trial).at(size)
        return replace(grown, arms=(grown.arms[0], replace(grown.arms[1], name="other")))


def test_what_no_file_can_say_is_refused_before_the_search(tmp_path: Path) -> None:
    scenario = load_scenario("two_rates")
    sizing = Elsewhere(trial=scenario.points[0].trial)
    with pytest.raises(ValueError, match="another trial than the one that is meant"):
        sized("two_rates", scenario, sizing, path=tmp_path / "a.yaml")


def test_a_model_beside_the_scenario_is_missed_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(find_packaged("models", "survival", ValueError).read_text())
    given = tmp_path / "a.yaml"
    given.write_text(source("survival_200_events").replace("model: survival", "model: own.yaml"))
    scenario = load_scenario(given)
    sizing = sizing_of(scenario.points[0].trial)
    assert "events: 201" in sized(given, scenario, sizing, path=tmp_path / "b.yaml").text(201, "")
    (tmp_path / "sub").mkdir()
    with pytest.raises(ValueError, match="into the folder of the scenario"):
        sized(given, scenario, sizing, path=tmp_path / "sub" / "b.yaml")


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("dropout.per_year", 0.123456789, "dropout: {per_year: 0.123457}"),
        ("dropout", 12.5, "dropout: 12.5 % a year"),
        ("arms.treated.outcomes.relapse.hazard_ratio", 0.7, "hazard_ratio: 0.7"),
        ("arms.treated.allocation", 2, "allocation: 2"),
        ("looks.1.when.events", 200, "- {when: {events: 200}}"),
    ],
)
def test_a_number_that_was_solved_stands_in_the_file(
    path: str, value: float, line: str, tmp_path: Path
) -> None:
    asked = number_at("time_to_event", [path])
    written = tmp_path / "a.yaml"
    written.write_text(solved("time_to_event", asked, path=written).text(value, "it"))
    assert line in written.read_text()
    (point,) = load_scenario(written).points
    said = asked.stated.written(float(f"{value:.6g}"))
    assert point.trial == asked.build({path: said})
    kept = [text for text in source("time_to_event").splitlines() if text.startswith("enrollment")]
    assert kept[0] in written.read_text()
