"""One simulation, many rules: the same numbers as each trial alone, differences paired."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.families import Adjusted
from lupusim.analysis.group_sequential import FutilityBounds, HaybittlePeto
from lupusim.analysis.stopping import GroupSequential
from lupusim.planning.run import run
from lupusim.planning.scoring import Rules, generation_hash, grouped, score_rules
from lupusim.trial import AtEvents, TimeToEvent, Trial
from lupusim.trial.rules import Family, Hypothesis
from tolerance import SEED
from trials import analysis, scenario, survival_trial


def trial(**changes: object) -> Trial:
    values = {
        "interims": (AtEvents(events=20),),
        "cutoff": AtEvents(events=40),
        "stopping": GroupSequential(alpha=0.025),
        "follow_up": np.inf,
        "hazard_ratio": 0.6,
    }
    return survival_trial(**{**values, **changes})


FIXED = trial(interims=(), stopping=None)
STRICT = trial(stopping=GroupSequential(alpha=0.025, efficacy=HaybittlePeto(bound=3.0)))
FUTILE = trial(stopping=GroupSequential(alpha=0.025, futility=FutilityBounds(z=(0.0,))))


def test_every_rule_gives_what_its_trial_gives_alone() -> None:
    rules = {"plain": trial(), "strict": STRICT, "futile": FUTILE, "fixed": FIXED}
    scored = score_rules(rules, 700, seed=SEED)
    for name, one in rules.items():
        alone = run(scenario(one), 700, seed=SEED).points[0].tally
        for quantity in alone.sums:
            np.testing.assert_allclose(
                scored.mean(name, quantity).value, alone.mean(quantity).value, rtol=1e-12
            )


def test_a_paired_difference_is_known_better_than_two_powers_apart() -> None:
    scored = score_rules({"plain": trial(), "strict": STRICT}, 2_000, seed=SEED)
    plain, strict = scored.mean("plain", "reject"), scored.mean("strict", "reject")
    difference = scored.difference("strict", "reject")
    assert difference.value == pytest.approx(strict.value - plain.value)
    assert 0 < difference.mcse < 0.5 * np.hypot(plain.mcse, strict.mcse)
    assert scored.difference("plain", "reject").value == 0


def test_rules_of_several_hypotheses_are_scored_too() -> None:
    other = TimeToEvent(name="again", events=("death",))
    test = analysis()
    hypothesis = Hypothesis(endpoint="again", name="logrank", test=test.test, effect=test.effect)
    families = {
        name: trial(
            interims=(),
            stopping=None,
            secondary=(other,),
            family=Family(procedure=Adjusted(method=name), hypotheses=(hypothesis,)),
        )
        for name in ("bonferroni", "fixed_sequence")
    }
    scored = score_rules(families, 500, seed=SEED)
    assert scored.difference("fixed_sequence", "reject").value >= 0


def test_trials_share_patients_only_where_nothing_but_rules_differs() -> None:
    larger = trial(n_patients=80)
    assert grouped([trial(), larger, STRICT, FIXED]) == [[0, 2, 3], [1]]
    assert generation_hash(trial()) != generation_hash(replace(trial(), follow_up=3.0))
    with pytest.raises(ValueError, match="differ in more"):
        Rules(trials=(trial(), larger))
