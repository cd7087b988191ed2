"""Diagrams: boxes apart, arrows around boxes, words on them; courses and decisions drawn."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

import lupusim
from lupusim.economics import Exact, evaluate, incremental_analysis, psa, tornado
from lupusim.model import MultiStateModel, Transition
from lupusim.model.cycles import CohortModel, Move
from lupusim.model.hazards import ExponentialHazard
from lupusim.report import economics
from lupusim.report.models.courses import patient_bars, stacked_occupancy, trace_figure
from lupusim.report.models.diagram import cohort_diagram, model_diagram
from lupusim.report.models.layout import HEIGHT, WIDTH, label_places, laid_out
from lupusim.scenario import packaged_names
from lupusim.scenario.files.decision import load_decision

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", ["sick-sicker", "msc-fading", "smart-refractory", "survival"])
def test_a_diagram_shows_every_state_and_every_way(name: str) -> None:
    model = lupusim.load_model(name)
    svg = model_diagram(model)
    told = " ".join(words(svg))
    for state in model.states:
        assert state.replace("_", " ") in told
    assert svg.count("marker-end") == len(model.transitions)
    assert svg == model_diagram(model)


def test_a_diagram_tells_classes_clocks_and_effects() -> None:
    fading = " ".join(words(model_diagram(lupusim.load_model("msc-fading"))))
    assert "% responder" in fading
    assert "weibull" in fading
    forward = " ".join(words(model_diagram(lupusim.load_model("smart-refractory"))))
    assert "* on study time" in forward


def test_a_cohort_model_is_drawn_with_its_probabilities() -> None:
    told = words(cohort_diagram(lupusim.load_cohort_model("hiv-chancellor")))
    assert "0.202" in told
    assert any("cycle of 1 year" in line for line in told)
    changing = Move(from_state="a", to_state="b", probabilities=(0.1, 0.2))
    model = CohortModel(name="x", states=("a", "b"), cycle=0.5, moves=(changing,))
    assert "0.1 ..." in words(cohort_diagram(model))


def test_names_that_mean_something_in_svg_are_only_words() -> None:
    way = Transition(from_state="<a&b>", to_state="'c'", hazard=ExponentialHazard(rate=1.0))
    model = MultiStateModel(name="odd", states=("<a&b>", "'c'"), transitions=(way,))
    assert "<a&b>" in words(model_diagram(model))


def test_too_many_states_are_refused() -> None:
    states = tuple(f"s{k}" for k in range(13))
    ways = tuple(
        Transition(from_state=a, to_state=b, hazard=ExponentialHazard(rate=1.0))
        for a, b in pairwise(states)
    )
    with pytest.raises(ValueError, match="too many to read"):
        model_diagram(MultiStateModel(name="long", states=states, transitions=ways))


CHAINS = {
    "chain": (5, [(k, k + 1) for k in range(4)]),
    "to death": (6, [(k, k + 1) for k in range(4)] + [(k, 5) for k in range(5)]),
    "both ways": (4, [(a, b) for a in range(4) for b in range(4) if a not in {b, 3}]),
    "eight": (8, [(k, k + 1) for k in range(6)] + [(k, 7) for k in range(7)] + [(3, 0)]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_no_arrow_runs_through_a_box_and_no_boxes_meet(name: str) -> None:
    n, ways = CHAINS[name]
    layout = laid_out(n, ways, starts=[0])
    for k in range(n):
        for other in range(k):
            off = np.abs(layout.centers[k] - layout.centers[other])
            assert off[0] > WIDTH + 20 or off[1] > HEIGHT + 20
    for curve, way in zip(layout.curves, ways, strict=True):
        for state in range(n):
            if state not in way:
                off = np.abs(curve - layout.centers[state])
                assert not ((off[:, 0] < WIDTH / 2) & (off[:, 1] < HEIGHT / 2)).any()
    places = label_places(layout, [(40.0, 16.0)] * len(ways))
    for place in places:
        off = np.abs(place - layout.centers)
        assert not ((off[:, 0] < WIDTH / 2) & (off[:, 1] < HEIGHT / 2)).any()


def test_courses_are_drawn_with_every_state() -> None:
    model = lupusim.load_model("illness-death")
    stacked = stacked_occupancy(lupusim.occupancy(model, [0.0, 1.0, 2.0]), title="x")
    assert len(stacked.axes[0].collections) == 3
    histories = lupusim.simulate(model, 30, 5.0, seed=1)
    bars = patient_bars(histories, n_patients=5)
    stays = histories.stays()
    n_states = len(model.states)  # one more patch of each, for the legend
    assert len(bars.axes[0].patches) == (stays["patient"] < 5).sum() + n_states
    trace = lupusim.trace(lupusim.load_cohort_model("sick-sicker-yearly"), 5)
    legend = trace_figure(trace, cycle=1.0, patients=1000).axes[0].get_legend()
    assert legend is not None
    assert [re.sub(r"\D", "", t.get_text()) for t in legend.get_texts()] == [
        "707",
        "206",
        "72",
        "15",
    ]
    shares = trace_figure(trace, cycle=1.0).axes[0].get_legend()
    assert shares is not None
    assert "0.707" in shares.get_texts()[0].get_text()


def test_decisions_are_drawn() -> None:
    decision = load_decision("sick-sicker")
    table = incremental_analysis(evaluate(decision.strategies, decision.horizon))
    plain = economics.decision_figure(decision, table, None)
    assert any("62,785" in text.get_text() for text in plain.axes[0].texts)
    draws = decision.draws(8, seed=1)
    analysis = psa(decision.make, draws, decision.horizon, method=Exact())
    curve = economics.decision_figure(decision, table, analysis)
    assert len(curve.axes[0].lines) == 5
    assert len(economics.plane_figure(analysis).axes[0].lines) == 5
    bars = tornado(
        decision.make,
        draws,
        decision.horizon,
        pair=("standard of care", "B"),
        willingness_to_pay=1e5,
    )
    assert len(economics.benefit_tornado(bars).axes[0].patches) == 2 * len(bars)


def test_every_packaged_cohort_model_has_a_diagram() -> None:
    for name in packaged_names("cohorts"):
        assert cohort_diagram(lupusim.load_cohort_model(name)).startswith("<svg")
