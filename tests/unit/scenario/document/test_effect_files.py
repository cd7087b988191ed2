"""Infusions and their effects as a scenario file writes them."""

import math

import pytest

from lupusim.model import PiecewiseEffect
from lupusim.scenario.document.durations import parse_duration
from lupusim.scenario.sections.effects import emax
from scenario_contents import problems, trial

MONTH = parse_duration("1 month")
ON = {"on": "healthy -> ill"}


def arms(effect, infusions=None, **more):
    cells = {"name": "cells", "effects": [{**ON, **effect}], **more}
    if infusions is not None:
        cells["infusions"] = {"cells_per_kg": 1e6, **infusions}
    return [{"name": "placebo", "control": True}, cells]


def test_pieces_are_a_ratio_that_changes_with_time_since_the_infusion():
    pieces = [
        {"until": "3 months", "hazard_ratio": 1.0},
        {"until": "12 months", "hazard_ratio": 0.5},
        {"hazard_ratio": 1.2},
    ]
    (effect,) = trial(arms=arms({"pieces": pieces})).arms[1].effects
    assert effect == PiecewiseEffect(
        on=(("healthy", "ill"),), breaks=(3 * MONTH, 12 * MONTH), ratios=(1.0, 0.5, 1.2)
    )


def test_a_further_infusion_starts_the_pieces_anew():
    effect = PiecewiseEffect(on=(("a", "b"),), breaks=(1.0, 3.0), ratios=(1.0, 0.5, 2.0))
    profile = effect.profile([2.0, 0.0])
    assert profile.breaks == (1.0, 2.0, 3.0, 5.0)
    assert profile.ratios == (1.0, 0.5, 1.0, 0.5, 2.0)


def test_before_the_first_infusion_there_is_no_effect():
    profile = PiecewiseEffect(on=(("a", "b"),), breaks=(), ratios=(0.5,)).profile([1.0])
    assert (profile.breaks, profile.ratios) == ((1.0,), (1.0, 0.5))


def test_an_effect_can_be_made_stronger_or_weaker():
    effect = PiecewiseEffect(on=(("a", "b"),), breaks=(1.0,), ratios=(0.25, 0.0))
    assert effect.raised(0.5).ratios == (0.5, 0.0)
    assert effect.hazard_ratio == 0.0
    assert PiecewiseEffect(on=(), breaks=(1.0,), ratios=(1.1, 0.5)).hazard_ratio == 0.5


@pytest.mark.parametrize("breaks", [(0.0,), (-1.0,), (2.0,)])
def test_pieces_out_of_order_are_refused(breaks):
    with pytest.raises(ValueError, match="breaks="):
        PiecewiseEffect(on=(), breaks=(*breaks, 1.0), ratios=(1.0, 1.0, 1.0))


def test_the_dose_decides_the_ratio_by_emax():
    effect = {"emax": {"log_hazard_ratio": -0.9, "ed50": 2e6}}
    (found,) = trial(arms=arms(effect, {})).arms[1].effects
    assert found.hazard_ratio == pytest.approx(math.exp(-0.3))


def test_emax_rises_from_nothing_to_its_most_the_steeper_the_larger_hill_is():
    assert emax(1.0, most=1.0, ed50=1e300, hill=2.0) < 1e-300
    assert emax(4.0, most=1.0, ed50=2.0, hill=2.0) == pytest.approx(16 / 20)
    assert emax(1e300, most=-2.0, ed50=1.0) == -2.0


def test_the_dose_can_be_varied():
    effect = {"emax": {"log_hazard_ratio": -0.9, "ed50": 2e6}}
    vary = {"arms.cells.infusions.cells_per_kg": [1e6, 4e6]}
    from lupusim.scenario import scenario_from_mapping
    from scenario_contents import content

    points = scenario_from_mapping(content(arms=arms(effect, {}), vary=vary)).points
    ratios = [point.trial.arms[1].effects[0].hazard_ratio for point in points]
    assert ratios == pytest.approx([math.exp(-0.3), math.exp(-0.6)])


def test_infusions_are_repeated_every_so_often():
    infusions = {"at": ["0 weeks", "1 month"], "every": "6 months", "number": 4}
    found = trial(arms=arms({"hazard_ratio": 2}, infusions)).arms[1].infusions
    assert found is not None
    assert found.at == pytest.approx((0.0, MONTH, 7 * MONTH, 13 * MONTH))


@pytest.mark.parametrize(
    ("effect", "infusions", "key", "words"),
    [
        ({"emax": {"log_hazard_ratio": 1, "ed50": 1}}, None, "effects.0.emax", "no dose"),
        ({"emax": {"log_hazard_ratio": 1}}, {}, "effects.0.emax.ed50", "missing"),
        (
            {"emax": {"log_hazard_ratio": 1, "ed50": 1}, "hazard_ratio": 1},
            {},
            "effects.0.hazard_ratio",
            "emax is given as well",
        ),
        ({"pieces": [{"hazard_ratio": 1}], "onset": "1 week"}, {}, "effects.0.onset", "say it"),
        (
            {"pieces": [{"hazard_ratio": 1, "until": "1 week"}]},
            {},
            "effects.0.pieces.0.until",
            "no end",
        ),
        ({"pieces": [{"hazard_ratio": 1}] * 2}, {}, "effects.0.pieces.0.until", "missing"),
        ({"pieces": []}, {}, "effects.0.pieces", "at least 1"),
        ({"hazard_ratio": 1}, {"number": 3}, "infusions.number", "needs 'every'"),
        ({"hazard_ratio": 1}, {"every": "1 month"}, "infusions.number", "missing"),
        (
            {"hazard_ratio": 1},
            {"every": "1 month", "number": 1},
            "infusions.number",
            "no more than the 1",
        ),
    ],
)
def test_what_is_wrong_with_a_treatment_is_told_with_its_key(effect, infusions, key, words):
    assert words in problems(arms=arms(effect, infusions))[f"arms.1.{key}"]
