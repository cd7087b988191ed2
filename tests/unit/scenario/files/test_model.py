from pathlib import Path

import numpy as np
import pytest

from lupusim.common.output import IfPresent, OutputError
from lupusim.errors import ModelError
from lupusim.model import (
    FAMILIES,
    Clock,
    LatentClass,
    MultiStateModel,
    Start,
    Transition,
    TreatmentEffect,
)
from lupusim.scenario import (
    load_model,
    load_model_document,
    model_from_mapping,
    model_to_mapping,
    packaged_names,
    write_model,
)
from lupusim.scenario.document.yaml_reader import parse_document

PARAMETERS = {
    "exponential": {"rate": 0.3},
    "weibull": {"shape": 0.7, "scale": 12.0},
    "gompertz": {"shape": -0.1, "rate": 1e-5},
    "gamma": {"shape": 2.0, "rate": 1.0},
    "lognormal": {"meanlog": -1.0, "sdlog": 0.5},
    "loglogistic": {"shape": 1.5, "scale": 2.0},
    "generalized_gamma": {"mu": 0.1, "sigma": 0.9, "q": -0.5},
    "piecewise_exponential": {"breaks": [0.5, 1], "rates": [2.0, 1.0, 0.5]},
}


def mapping(**changes: object) -> dict[str, object]:
    content: dict[str, object] = {
        "schema": "lupusim/model/1",
        "name": "small",
        "states": ["well", "ill", "death"],
        "transitions": [
            {"from": "well", "to": "ill", "hazard": {"family": "exponential", "rate": 1}},
            {
                "from": "ill",
                "to": "death",
                "hazard": {"family": "weibull", "shape": 1.2, "scale": 3},
            },
        ],
    }
    return {**content, **changes}


def problems(**changes: object) -> dict[str, str]:
    with pytest.raises(ModelError) as caught:
        model_from_mapping(mapping(**changes))
    return {p.key: f"{p.fault}. {p.fix}" for p in caught.value.problems}


def test_of_states_that_are_no_words_nothing_further_is_said() -> None:
    assert set(problems(states=[1, 2, 3])) == {"states.0", "states.1", "states.2"}


def test_a_number_in_quotes_is_to_be_written_without() -> None:
    ways = [{"from": "well", "to": "ill", "hazard": {"family": "exponential", "rate": "0.5"}}]
    found = problems(states=["well", "ill"], start="well", transitions=ways)
    assert found["transitions.0.hazard.rate"] == "'0.5' is not a number. Write 0.5, without quotes."


def test_every_packaged_model_loads_and_is_called_like_its_file() -> None:
    for name in packaged_names("models"):
        assert load_model(name).name == name


def test_the_rates_of_sick_sicker_are_those_of_the_tutorial() -> None:
    # Alarid-Escudero et al. 2023, Medical Decision Making 43(1):3-20: r_HS1 0.15, r_HD 0.002,
    # r_S1H 0.5, r_S1S2 0.105, hazard ratios of death 3 and 10.
    rates = {
        t.label: t.hazard.hazard(np.array(1.0)).item()
        for t in load_model("sick-sicker").transitions
    }
    assert rates == pytest.approx(
        {
            "healthy -> sick": 0.15,
            "healthy -> dead": 0.002,
            "sick -> healthy": 0.5,
            "sick -> sicker": 0.105,
            "sick -> dead": 3 * 0.002,
            "sicker -> dead": 10 * 0.002,
        }
    )


def test_all_families_are_read_by_their_parameters() -> None:
    assert set(PARAMETERS) == set(FAMILIES)
    for family, values in PARAMETERS.items():
        way = {"from": "a", "to": "b", "hazard": {"family": family, **values}}
        model = model_from_mapping(mapping(states=["a", "b"], transitions=[way]))
        assert model.transitions[0].hazard == FAMILIES[family](**values)


def test_the_clock_of_the_model_holds_unless_a_transition_has_its_own() -> None:
    ways = mapping()["transitions"]
    assert isinstance(ways, list)
    model = model_from_mapping(
        mapping(clock="forward", transitions=[{**ways[0], "clock": "reset"}, ways[1]])
    )
    assert [t.clock for t in model.transitions] == [Clock.RESET, Clock.FORWARD]


@pytest.mark.parametrize(
    ("start", "starts"),
    [
        ("ill", (Start(state="ill"),)),
        (
            {"well": 0.75, "ill": 0.25},
            (Start(state="well", probability=0.75), Start(state="ill", probability=0.25)),
        ),
        (
            [
                {"state": "ill", "probability": 0.5, "time_in_state": "6 months"},
                {"state": "well", "probability": 0.5},
            ],
            (
                Start(state="ill", probability=0.5, time_in_state=0.5),
                Start(state="well", probability=0.5),
            ),
        ),
    ],
)
def test_a_start_is_a_state_or_shares_or_a_list(start: object, starts: object) -> None:
    ways = [
        {"from": a, "to": b, "hazard": {"family": "exponential", "rate": 1}}
        for a, b in [("well", "ill"), ("ill", "well"), ("ill", "death")]
    ]
    assert model_from_mapping(mapping(start=start, transitions=ways)).starts == starts


def test_spaces_around_an_arrow_do_not_matter() -> None:
    classes = [
        {"name": "a", "probability": 0.5, "hazard_ratios": {"well->ill": 0}},
        {"name": "b", "probability": 0.5, "hazard_ratios": {"  well  ->ill ": 2}},
    ]
    read = model_from_mapping(mapping(classes=classes)).classes
    assert [c.hazard_ratios for c in read] == [{("well", "ill"): 0}, {("well", "ill"): 2}]


def test_the_calibration_block_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    block = {"free": {"well -> ill.rate": {"prior": "lognormal", "sd": 1.5}}, "note": [1, "two"]}
    write_model(model_from_mapping(mapping()), path, calibration=block)
    assert load_model_document(path).content["calibration"] == block


def test_a_written_model_reads_back_equal(tmp_path: Path) -> None:
    model = MultiStateModel(
        name="all of it",
        description="colons: and 'quotes', \"both\" # no comment",
        source=("SAT0244", "10.1/x: y"),
        states=("a", "b 2", "yes", "null", "déjà vu", "1"),
        transitions=tuple(
            Transition(
                from_state=a,
                to_state=b,
                hazard=FAMILIES[family](**PARAMETERS[family]),
                clock=Clock.FORWARD if family == "gamma" else Clock.RESET,
            )
            for (a, b), family in zip(
                [
                    ("a", "b 2"),
                    ("a", "yes"),
                    ("b 2", "yes"),
                    ("yes", "null"),
                    ("null", "déjà vu"),
                    ("a", "1"),
                    ("b 2", "1"),
                    ("b 2", "a"),
                ],
                FAMILIES,
                strict=True,
            )
        ),
        starts=(
            Start(state="a", probability=1 / 3, time_in_state=0.5),
            Start(state="a", probability=2 / 3),
        ),
        classes=(
            LatentClass(name="r", probability=0.1, hazard_ratios={("a", "b 2"): 0.1 + 0.2}),
            LatentClass(name="n", probability=0.9),
        ),
        covariates={"age": {("a", "yes"): -0.25}},
        absorbing=("1",),
    )
    path = tmp_path / "m.yaml"
    write_model(model, path, comments=["made by a test", "", "with # signs"])
    assert path.read_text("utf-8").startswith("# made by a test\n#\n# with # signs\nschema:")
    assert load_model(path) == model
    assert model_from_mapping(model_to_mapping(model)) == model
    with pytest.raises(OutputError, match="exists already"):
        write_model(model, path)
    write_model(model, path, if_present=IfPresent.REPLACE)
    assert path.read_text("utf-8").startswith("schema:")


def test_a_treated_model_is_not_written(tmp_path: Path) -> None:
    model = model_from_mapping(mapping())
    treated = model.treated([TreatmentEffect(on=(("well", "ill"),), hazard_ratio=0.5)])
    with pytest.raises(ValueError, match="treatment effect"):
        write_model(treated, tmp_path / "m.yaml")


def test_a_misspelled_packaged_model_is_answered_with_the_nearest() -> None:
    with pytest.raises(ModelError, match="Did you mean 'sick-sicker'"):
        load_model("sick-siker")


def test_all_problems_of_the_schema_and_of_the_model_come_together() -> None:
    document = parse_document(
        """schema: lupusim/model/1
name: x
states: [a, b, death]
start: {a: 0.5, b: 0.4}
clok: reset
transitions:
  - {from: a, to: c, hazard: {family: weibul, shape: -1, scale: 2}}
  - {from: a, to: b, hazard: {family: weibull, shape: -1, scale: 2, rate: 1}}
  - {from: death, to: b, hazard: {family: weibull, shape: -1, scale: 3}}
  - {from: b, hazard: 3}
classes:
  - {name: r, probability: 0.4, hazard_ratios: {"a->b": 0, a: 3}}
  - {name: n, probability: 0.4}
covariates:
""",
        "x.yaml",
        ModelError,
    )
    from lupusim.scenario.files.model import model_from_document

    with pytest.raises(ModelError) as caught:
        model_from_document(document)
    assert [(p.line, p.key) for p in caught.value.problems] == [
        (4, "start"),
        (5, "clok"),
        (7, "transitions.0.to"),
        (7, "transitions.0.hazard.family"),
        (8, "transitions.1.hazard.rate"),
        (9, "transitions.2.from"),
        (9, "transitions.2.hazard"),
        (10, "transitions.3.to"),
        (10, "transitions.3.hazard"),
        (11, "classes"),
        (12, "classes.0.hazard_ratios.a"),
        (14, "covariates"),
    ]


def test_a_file_of_another_kind_is_told_as_that_and_nothing_else() -> None:
    found = problems(schema="lupusim/scenario/1", states=[], stats=3)
    assert list(found) == ["schema"]
    assert "this is a file of another kind: 'lupusim/scenario/1'" in found["schema"]


def test_each_wrong_value_is_answered_with_what_is_allowed() -> None:
    for schema in ("lupusim/model/2", "lupus"):
        assert "Write 'schema: lupusim/model/1'" in problems(schema=schema)["schema"]
    assert problems(clock="rset")["clock"].endswith("Did you mean 'reset'?")
    assert problems(clock=3)["clock"].endswith("Valid: forward, reset.")
    assert "is not a start" in problems(start=3)["start"]
    assert "has 0 items" in problems(states=[])["states"]
    assert (
        "has no unit"
        in problems(start=[{"state": "well", "probability": 1, "time_in_state": 3}])[
            "start.0.time_in_state"
        ]
    )
    assert "out of range" in problems(start={"well": 2, "ill": -1})["start.ill"]


def test_a_state_nobody_reaches_is_named_once_the_ways_are_right() -> None:
    found = problems(states=["well", "ill", "death", "lost"])
    assert found == {
        "states": "nobody can ever reach 'lost'. "
        "Add a transition or a start that leads there, or remove the state."
    }
