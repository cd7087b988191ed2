"""What a scenario means, in words: what an endpoint is, and what is assumed of patients."""

from __future__ import annotations

import pytest

from lupusim import load_scenario
from lupusim.endpoints import SustainedResponder
from lupusim.report.run.table import condition_of
from lupusim.report.words.trials import endpoint_in_words, what_it_means


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("phase2_remission_52w", "partial remission or complete remission at 52 weeks"),
        ("two_rates", ""),  # its name says it: no file has these states
        ("survival_200_events", ""),
    ],
)
def test_an_endpoint_of_states_says_which_and_when(name, states):
    scenario = load_scenario(name)
    trial = scenario.points[0].trial
    told = f"{trial.primary.name} ({states})" if states else trial.primary.name
    assert endpoint_in_words(trial.primary, trial) == told
    assert f"Primary endpoint: {trial.primary.name} ({states}" in what_it_means(scenario)


def test_a_response_at_several_visits_says_from_when_on():
    trial = load_scenario("phase2_remission_52w").points[0].trial
    held = SustainedResponder(name="held", states=("complete_remission",), visits=(0.25, 0.5, 1.0))
    words = "held (complete remission at each visit from 3 months to 1 year)"
    assert endpoint_in_words(held, trial) == words


def test_who_leaves_within_52_weeks_is_not_told_beside_a_year():
    words = what_it_means(load_scenario("phase3_bicla_52w"))
    assert "16.5 of 100 leave within a year (" in words
    assert "within 52 weeks;" not in words.partition("leave within a year")[2].partition(".")[0]


def test_of_designs_with_several_models_the_arms_are_told_apart():
    trials = [point.trial for point in load_scenario("ln_addon_crr_76w").points]
    assert condition_of(trials) == (
        "placebo patients fare as in nephritis-control, or as in nephritis-relapsed-control, and "
        "msc patients fare as in nephritis-control with the stated effects, or as in "
        "nephritis-relapsed-control with the stated effects"
    )
