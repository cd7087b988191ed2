"""What numbers of a scenario are called, in the words of those who plan."""

from __future__ import annotations

import pytest

import lupusim
from lupusim.report.run.layout import headings, short_label
from lupusim.report.words.paths import (
    last_steps,
    naming,
    path_in_words,
    short_names,
    steps_in_words,
)
from lupusim.report.words.trials import sentences
from tolerance import SEED

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


def test_what_varies_is_told_by_the_arm_and_the_effect_it_belongs_to():
    scenario = lupusim.load_scenario("supply_stress")
    path = "arms.msc.effects.0.hazard_ratio"
    (told,) = steps_in_words([path], naming(scenario))
    assert told == ("hazard_ratio", f"{RESPONSE}, msc ({path})")
    assert dict(steps_in_words(["arms.msc.model"], path_in_words)) == {
        "model": "of msc (arms.msc.model)"
    }
    assert not list(steps_in_words(["sample_size"], path_in_words))
    two = ["arms.a.effects.0.hazard_ratio", "arms.b.effects.0.hazard_ratio"]
    names = ["hazard ratio, a", "hazard ratio, b"]  # the last step alone does not say which
    assert last_steps(two) == dict(zip(two, names, strict=True))
    assert short_names(two) == last_steps(two)
    assert list(steps_in_words(two, path_in_words)) == [
        (name, f"hazard ratio, effect 1, {name[-1]} ({path})")
        for name, path in zip(names, two, strict=True)
    ]
    of_one = ["arms.a.effects.0.hazard_ratio", "arms.a.effects.1.hazard_ratio"]
    assert list(last_steps(of_one).values()) == [
        "hazard ratio, effect 1, a",
        "hazard ratio, effect 2, a",
    ]
    assert short_label(dict.fromkeys(two, 0.5)) == "hazard ratio, a = 0.5; hazard ratio, b = 0.5"


def test_tables_and_words_say_what_varies_before_they_tell_the_first_design():
    scenario = lupusim.load_scenario("phase3_bicla_52w")
    effect = "on active to response, low disease activity or remission, msc"
    result = lupusim.run(scenario, 8, seed=SEED)
    assert headings(result).key == (f"hazard_ratio: {effect} (arms.msc.effects.0.hazard_ratio)",)
    assert sentences(scenario)[0] == (
        f"3 designs are compared, by hazard ratio {effect}: 1.5, 2.3, 6.9. "
        "The first of them is this."
    )
