"""The diagram of a model among the figures of a report."""

import pytest

import lupusim
from lupusim.report.document import content
from lupusim.report.document.parts import Picture
from lupusim.report.figures.states import states_figure
from lupusim.report.models.diagram import drawn_model
from tolerance import SEED


def test_every_state_and_every_hazard_stands_in_the_figure():
    model = lupusim.load_model("markov-sat0244")
    (axes,) = states_figure(model).axes
    said = [text.get_text().replace("\n", " ") for text in axes.texts]
    drawn = drawn_model(model)
    assert {state.replace("_", " ") for state in model.states} <= set(said)
    assert {" ".join(lines) for lines in drawn.labels} <= set(said)
    assert "hazards per year; time in years" in said


@pytest.mark.parametrize(("name", "n"), [("phase2_remission_52w", 2), ("two_rates", 0)])
def test_a_report_draws_the_models_that_patients_follow_not_stated_outcomes(name, n):
    result = lupusim.run(lupusim.load_scenario(name), 4, seed=SEED)
    parts = content.mechanism(result).parts
    captions = [part.caption for part in parts if isinstance(part, Picture)]
    assert sum("moves between them" in caption for caption in captions) == n
