"""What numbers of a scenario are called, in the words of those who plan."""

from __future__ import annotations

import pytest

import lupusim
from lupusim.report.words.paths import naming, path_in_words

RESPONSE = "on active to response"


@pytest.mark.parametrize(
    ("scenario", "path", "words"),
    [
        ("two_rates", "arms.1.outcomes.response", "responders, treated"),
        ("time_to_event", "arms.control.outcomes.relapse", "median time, control"),
        ("time_to_event", "arms.1.outcomes.relapse.hazard_ratio", "hazard ratio, treated"),
        ("time_to_event", "looks.1.when.events", "events, look 2"),
        ("score_change", "arms.1.outcomes.score.24 weeks", "mean change at 24 weeks, treated"),
        ("score_change", "outcomes.score.sd", "score standard deviation"),
        ("event_rate", "sample_size", "patients in all"),
        ("supply_stress", "arms.msc.effects.0.hazard_ratio", f"hazard ratio {RESPONSE}, msc"),
        ("supply_stress", "dropout.per_year", "dropout per year"),
        ("supply_stress", "analysis.alpha", "alpha"),
    ],
)
def test_a_number_is_called_by_the_names_of_its_arm_look_and_effect(scenario, path, words):
    assert naming(lupusim.load_scenario(scenario))(path) == words


def test_without_the_file_arms_and_effects_have_numbers():
    assert path_in_words("arms.1.effects.0.hazard_ratio") == "hazard ratio, effect 1, arm 2"
    assert path_in_words("arms.dose.outcomes.response") == "response, dose"


def test_a_name_with_dots_stays_whole():
    content = {"arms": [{"name": "dose 1.5 x", "allocation": 2}]}
    assert path_in_words("arms.dose 1.5 x.allocation", content) == "allocation, dose 1.5 x"
