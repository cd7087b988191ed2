"""Model files with cycles, life tables, time units and effects of their own."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

import pytest

import lupusim
from lupusim.errors import ModelError
from lupusim.model import Clock
from lupusim.scenario import cohort_model_from_mapping, model_from_mapping, packaged_names
from lupusim.scenario.files.calibration_block import free_model_from_mapping

TABLE = "Age,Total\n60,0.01\n61,0.02\n62,0.04\n"


def write(folder: Path, text: str) -> Path:
    (folder / "table.csv").write_text(TABLE)
    path = folder / "model.yaml"
    path.write_text("schema: lupusim/model/1\nname: test\n" + textwrap.dedent(text))
    return path


CYCLES = """\
cycle: 6 months
states: [well, ill, dead]
transitions:
  - {from: well, to: ill, probability: {by_cycle: [0.1, 0.2]}, among_survivors: true}
  - {from: well, to: dead, rate: {table: table.csv, column: Total, from_age: 60, times: 2}}
  - {from: ill, to: dead, rate: {by_cycle: [0.5, 1.5]}}
  - {from: ill, to: well, probability: 0.1}
effects:
  - {on: ["well -> ill"], relative_risk: 0.5, lasts: 1 year}
  - {on: ["ill -> dead"], hazard_ratio: 0.5}
"""


def test_a_cohort_model_is_read_with_everything_that_it_may_have(tmp_path: Path) -> None:
    model = lupusim.load_cohort_model(write(tmp_path, CYCLES))
    matrices = model.matrices(5)
    deaths = [1 - math.exp(-0.5 * 2 * rate) for rate in (0.01, 0.01, 0.02, 0.02, 0.04)]
    assert matrices[:, 0, 2].tolist() == pytest.approx(deaths)
    falls = [p * (1 - d) for p, d in zip([0.05, 0.1, 0.2, 0.2, 0.2], deaths, strict=True)]
    assert matrices[:, 0, 1].tolist() == pytest.approx(falls)
    assert matrices[:2, 1, 2].tolist() == pytest.approx(
        [1 - math.exp(-0.125), 1 - math.exp(-0.375)]
    )


@pytest.mark.parametrize("name", packaged_names("cohorts"))
def test_packaged_cohort_models_move_everybody_somewhere(name: str) -> None:
    model = lupusim.load_cohort_model(name)
    assert lupusim.trace(model, 60).sum(axis=1).tolist() == pytest.approx([1.0] * 61)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("probability: 0.1}", "probability: 4.62}", 9, "out of range"),
        ("rate: {by_cycle: [0.5, 1.5]}", "hazard: 1", 8, "moves by probabilities"),
        ("{from: ill, to: well, ", "{from: ill, to: well, rate: 1, ", 9, "Keep one of the two"),
        ("table.csv", "tables.csv", 7, "cannot be read: No such file"),
        ("column: Total", "column: Totals", 7, "Did you mean 'Total'"),
        ("from_age: 60", "from_age: 40", 7, "begins at age 60"),
        ("cycle: 6 months", "cycle: 6", 3, "has no unit"),
        ("to: well, probability: 0.1", "to: wel, probability: 0.1", 9, "Did you mean 'well'"),
        ('["well -> ill"]', '["well -> il"]', 11, "Did you mean 'well -> ill'"),
        ("relative_risk: 0.5", "relative_risk: 0.5, hazard_ratio: 2", 11, "Keep one of the two"),
        ("relative_risk: 0.5", "relative_risk: 50", None, "sum to"),
    ],
)
def test_what_is_wrong_in_a_cohort_file_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, message: str
) -> None:
    assert old in CYCLES
    path = write(tmp_path, CYCLES.replace(old, new))
    with pytest.raises(ModelError) as caught:
        lupusim.load_cohort_model(path)
    problems = [p for p in caught.value.problems if message in str(p)]
    assert problems, str(caught.value)
    if line is not None:
        assert problems[0].line == line


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "has no rows"),
        ("Age,Total\n60,a\n", "no number"),
        ("Age,Total\n60,0.1\n60,0.2\n", "ages must increase"),
        ("Age,Total\n60,-0.1\n", "be 0 or above"),
    ],
)
def test_a_broken_life_table_is_told(tmp_path: Path, table: str, message: str) -> None:
    path = write(tmp_path, CYCLES)
    (tmp_path / "table.csv").write_text(table)
    with pytest.raises(ModelError, match=message):
        lupusim.load_cohort_model(path)


def test_the_other_kind_of_model_is_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path, CYCLES)
    with pytest.raises(ModelError, match="line 3, cycle: a model that moves in cycles"):
        lupusim.load_model(path)
    with pytest.raises(ModelError, match="this is a cohort model"):
        lupusim.load_model("hiv-chancellor")
    with pytest.raises(ModelError, match=r"cycle: the key is missing\. Add 'cycle:'"):
        cohort_model_from_mapping(
            {
                "schema": "lupusim/model/1",
                "name": "none",
                "states": ["a", "b"],
                "transitions": [{"from": "a", "to": "b", "probability": 0.1}],
            }
        )


def test_a_life_table_in_a_continuous_model_is_mortality_by_age(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """\
        states: [well, ill, dead]
        time_unit: months
        transitions:
          - {from: well, to: ill, hazard: {family: exponential, rate: 0.01}}
          - from: well
            to: dead
            hazard: {family: life_table, table: table.csv, column: Total, from_age: 60.5, times: 3}
          - {from: ill, to: dead, hazard: {family: weibull, shape: 1.0, scale: 24}}
        """,
    )
    model = lupusim.load_model(path)
    death = model.transitions[1]
    assert death.clock is Clock.FORWARD
    assert death.hazard.breaks == (0.5, 1.5)
    assert death.hazard.rates == pytest.approx((0.03, 0.06, 0.12))
    alone = math.exp(-(0.5 * 0.03 + 0.06 + 0.5 * 0.12) - 2 * 12 * 0.01)
    assert lupusim.occupancy(model, [2.0])["well"].item() == pytest.approx(alone, abs=1e-6)
    assert lupusim.sojourn_times(model)["mean"]["ill"] == pytest.approx(2.0)
    text = path.read_text().replace("times: 3}", "times: 3}\n    clock: reset")
    path.write_text(text)
    with pytest.raises(ModelError, match="a life table runs on age"):
        lupusim.load_model(path)


PLAIN = {
    "schema": "lupusim/model/1",
    "name": "plain",
    "states": ["well", "dead"],
    "transitions": [
        {"from": "well", "to": "dead", "hazard": {"family": "exponential", "rate": 0.1}}
    ],
}


def test_a_model_may_have_an_effect_of_limited_time() -> None:
    effect = {"on": ["well -> dead"], "hazard_ratio": 0.5, "lasts": "2 years"}
    model = model_from_mapping({**PLAIN, "effects": [effect]})
    alive = lupusim.occupancy(model, [2.0, 5.0])["well"].tolist()
    assert alive == pytest.approx([math.exp(-0.1), math.exp(-0.1 - 0.3)], abs=1e-6)
    pieces = [{"hazard_ratio": 0.5, "until": "2 years"}, {"hazard_ratio": 1.0}]
    same = model_from_mapping({**PLAIN, "effects": [{"on": "well -> dead", "pieces": pieces}]})
    assert lupusim.occupancy(same, [2.0, 5.0])["well"].tolist() == alive
    wrong = {"on": ["well -> ded"], "hazard_ratio": 0.5}
    with pytest.raises(ModelError, match="Did you mean 'well -> dead'"):
        model_from_mapping({**PLAIN, "effects": [wrong]})


FADING = {"on": ["well -> dead"], "hazard_ratio": 0.5, "half_life": "1 year"}
CYCLED = {
    **{key: PLAIN[key] for key in ("schema", "name", "states")},
    "cycle": "1 year",
    "transitions": [{"from": "well", "to": "dead", "probability": 0.1}],
}


@pytest.mark.parametrize(
    ("read", "content"), [(model_from_mapping, PLAIN), (cohort_model_from_mapping, CYCLED)]
)
def test_an_effect_fades_only_if_it_lasts_for_a_time(read, content) -> None:
    read({**content, "effects": [{**FADING, "lasts": "1 year"}]})
    with pytest.raises(ModelError, match="an effect that lasts for good cannot fade"):
        read({**content, "effects": [FADING]})


def test_effects_and_units_of_a_model_are_refused_where_they_would_be_lost() -> None:
    block = {
        "parameters": [
            {
                "name": "death",
                "places": {"well -> dead.rate": 1},
                "transform": "log",
                "prior": {"family": "normal", "mean": 0, "sd": 1},
            }
        ]
    }
    effect = {"on": ["well -> dead"], "hazard_ratio": 0.5}
    free_model_from_mapping({**PLAIN, "calibration": block})
    with pytest.raises(ModelError, match="is no model for a calibration"):
        free_model_from_mapping({**PLAIN, "calibration": block, "effects": [effect]})
    with pytest.raises(ModelError, match="counts in years"):
        free_model_from_mapping({**PLAIN, "calibration": block, "time_unit": "months"})
    with pytest.raises(ModelError, match="Did you mean 'months'"):
        model_from_mapping({**PLAIN, "time_unit": "month"})
