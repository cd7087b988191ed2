"""Type I error of the tests a scenario can name, from whole simulated trials without an effect.

What a trial adds to a test (dropout, visits, strata) must leave its level near the nominal one; how
near it is by itself is in ``test_documented_levels.py``.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    SurvivalOutcome,
)
from lupusim.analysis.registry import TESTS, plain_tests
from lupusim.endpoints import (
    EventCount,
    Hierarchy,
    MarkerChange,
    OrdinalState,
    Responder,
    TimeInStates,
    TimeToEvent,
)
from lupusim.planning.runs.replicates import Simulator
from lupusim.trial import Analysis, Better, Dropout, PermutedBlocks, Population
from lupusim.trial.endpoints import MissingChange
from lupusim.trial.observation import Marker
from tolerance import SEED, assert_within_mcse
from trials import disease_trial

N_REPLICATES = 10_000
DEATH = TimeToEvent(name="death", events=("death",))
RELAPSE = TimeToEvent(name="relapse", events=("relapse",), competing=("death",))
RANKS = OrdinalState(
    name="rank", ranking=(("death",), ("relapse",), ("active",), ("remission",)), at=1.0
)
PRIMARY = {
    BinaryOutcome: Responder(name="remission", states=("remission",), at=1.0),
    SurvivalOutcome: TimeToEvent(name="relapse or death", events=("relapse", "death")),
    NumberOutcome: RANKS,
    CountOutcome: EventCount(name="relapses", events=("relapse",)),
    HierarchicalOutcome: Hierarchy(
        name="all",
        levels=(
            DEATH,
            RELAPSE,
            TimeInStates(name="years", states=("remission",), until=1.0, better=Better.MORE),
        ),
    ),
}
ALIVE = ("active", "remission", "relapse")
# What a test asks of its trial beyond the kind of outcome.
PARTICULAR = {
    "mmrm": {
        "primary": MarkerChange(name="change", at=1.0, missing=MissingChange.LEFT_OUT),
        "marker": Marker(
            name="score",
            mean=dict(zip(ALIVE, (11.0, 4.0, 10.0), strict=True)),
            sd=dict.fromkeys(ALIVE, 3.0),
            correlation=0.5,
        ),
    }
}
# No lower limit for exact tests, which keep below their level by nature, and for the negative
# binomial model, whose counts never vary less than Poisson's: those of relapses, each of which
# needs a remission before, do.
CONSERVATIVE = {"fisher_exact", "boschloo", "barnard", "negative_binomial"}
# How far from 0.025 the size of an asymptotic test may be with 120 patients, beyond noise;
# what a planner must know is in the documentation of each test.
ALLOWANCE = 0.004


def null_trial(name, **changes):
    kind = TESTS[name]
    parameters = {parameter: {"until": 0.8, "at": 0.8}[parameter] for parameter in kind.required}
    changes = {**PARTICULAR.get(name, {}), **changes}
    primary = changes.pop("primary", PRIMARY[kind.outcome])
    assert primary.outcome is kind.outcome
    values = {
        "primary": primary,
        "secondary": (),
        "n_patients": 120,
        "dropout": Dropout(per_year=0.1),
        "analysis": Analysis(
            name=name,
            test=kind.with_parameters(parameters),
            effect=kind.effect,
            stratify_by=() if kind.strata == "none" else ("nephritis",),
        ),
        "population": Population(factors={"nephritis": {"yes": 0.4, "no": 0.6}}),
    }
    trial = disease_trial(**{**values, **changes})
    equal = tuple(replace(arm, allocation=1) for arm in trial.arms)
    return replace(trial, arms=equal, allocation=PermutedBlocks(block_size=4)).null_twin()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(plain_tests()))
def test_type_one_error_is_at_its_level(name):
    found = Simulator(seed=SEED).tally(null_trial(name), N_REPLICATES).mean("reject").value
    mcse = math.sqrt(0.025 * 0.975 / N_REPLICATES)
    if name in CONSERVATIVE:
        assert found <= 0.025 + 4 * mcse
    else:
        assert abs(found - 0.025) <= ALLOWANCE + 4 * mcse


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fine_gray", "subdistribution_logrank", "incidence_difference"])
def test_type_one_error_is_at_its_level_where_death_competes(name):
    trial = null_trial(name, primary=RELAPSE)
    found = Simulator(seed=SEED).tally(trial, N_REPLICATES).mean("reject").value
    assert abs(found - 0.025) <= ALLOWANCE + 4 * math.sqrt(0.025 * 0.975 / N_REPLICATES)


def test_a_log_rank_test_is_at_its_level():
    n = 4000
    found = Simulator(seed=SEED).tally(null_trial("logrank"), n).mean("reject").value
    assert_within_mcse(found, 0.025, mcse=math.sqrt(0.025 * 0.975 / n))


def test_negative_control_a_level_of_5_percent_is_noticed():
    n = 4000
    trial = null_trial("logrank")
    lax = Analysis(
        name="logrank", test=trial.analysis.test, effect=trial.analysis.effect, alpha=0.05
    )
    found = Simulator(seed=SEED).tally(disease_trial(analysis=lax).null_twin(), n).mean("reject")
    assert found.value > 0.025 + 8 * math.sqrt(0.025 * 0.975 / n)
