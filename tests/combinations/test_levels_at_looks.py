"""Every registered test at two and at four looks holds the level that it has at one look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    SurvivalOutcome,
)
from lupusim.analysis.registry import TESTS, plain_tests
from lupusim.common.arrays import FloatArray
from lupusim.endpoints import (
    EventCount,
    Hierarchy,
    MarkerChange,
    OrdinalState,
    Responder,
    TimeToEvent,
)
from lupusim.endpoints.marker_change import MissingChange
from lupusim.model import MultiStateModel
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block
from lupusim.trial import (
    Analysis,
    Arm,
    AtCalendarTime,
    Trial,
    UniformEnrollment,
    Verdict,
)
from lupusim.trial.observation import Marker
from tolerance import SEED
from trials import way

ALPHA, N_PATIENTS, AT = 0.05, 200, 0.5
STATES = ("well", "flare", "death")
LAW = MultiStateModel(
    name="flares",
    states=STATES,
    transitions=(
        way("well", "flare", 1.2),
        way("flare", "well", 6.0),
        way("well", "death", 0.3),
    ),
)
WELL = {"well": 3.0, "flare": 6.0, "death": 8.0}
MARKER = Marker(name="score", mean=WELL, sd=dict.fromkeys(STATES, 2.0), correlation=0.5)
DEATH = TimeToEvent(name="death", events=("death",))
FLARE = TimeToEvent(name="flare", events=("flare",), competing=("death",))
EVERY = TimeToEvent(name="flare or death", events=("flare", "death"))
ENDPOINTS = {
    BinaryOutcome: Responder(name="response", states=("well",), at=AT),
    SurvivalOutcome: FLARE,
    NumberOutcome: MarkerChange(name="change", at=AT, missing=MissingChange.LEFT_OUT),
    CountOutcome: EventCount(name="flares", events=("flare",)),
    HierarchicalOutcome: Hierarchy(name="wins", levels=(DEATH, FLARE)),
}
RANKS = OrdinalState(name="rank", ranking=(("death",), ("flare",), ("well",)), at=AT)
OTHER = {"proportional_odds": RANKS, "restricted_mean": EVERY, "survival_difference": EVERY}
FEW, OF_TABLES = 30, {"boschloo", "barnard"}  # all tables are enumerated
SLOW = {"boschloo", "barnard", "mmrm", "win_ratio", "win_odds", "net_benefit"}
DATES = {2: (1.1, 2.0), 4: (0.9, 1.2, 1.5, 2.0)}  # patients come in the first year
RULES = ("pocock", "obrien_fleming")


def ready(name: str) -> Callable[..., Verdict]:
    kind = TESTS[name]
    return kind.with_parameters(dict.fromkeys(kind.required, AT))


def null_trial(name: str) -> Trial:
    """One look, at 2 years, and no difference."""
    kind = TESTS[name]
    primary = OTHER.get(name, ENDPOINTS[kind.outcome])
    return Trial(
        arms=(Arm(name="control", model=LAW), Arm(name="cells", model=LAW)),
        n_patients=FEW if name in OF_TABLES else N_PATIENTS,
        enrollment=UniformEnrollment(duration=1.0),
        cutoff=AtCalendarTime(time=2.0),
        primary=primary,
        marker=MARKER,
        visits=(0.0, AT / 2, AT),
        analysis=Analysis(name=name, test=ready(name), effect=kind.effect, alpha=ALPHA),
        follow_up=1.5,
    )


def rejections(name: str, n_looks: int, rule: str, n_replicates: int) -> tuple[FloatArray, ...]:
    """Return where a trial with these looks rejects, and where the same with one look does."""
    block = Block(seed=SEED, number=0, n_replicates=n_replicates)
    one = null_trial(name)
    interims = tuple(AtCalendarTime(time=date) for date in DATES[n_looks][:-1])
    several = replace(one, interims=interims, stopping=GroupSequential(alpha=ALPHA, efficacy=rule))
    found = (simulate({"": trial}, block)[""]["reject"] for trial in (several, one))
    return tuple(found)


def holds_its_level(name: str, n_looks: int, rule: str, n_replicates: int) -> None:
    several, one = rejections(name, n_looks, rule, n_replicates)
    apart = several - one
    mcse = max(apart.std() / np.sqrt(n_replicates), 1 / n_replicates)
    assert apart.mean() <= 4 * mcse, f"{several.mean():.4f} at looks, {one.mean():.4f} at one"


CASES = [(name, n, rule) for name in plain_tests() for n in DATES for rule in RULES]


@pytest.mark.parametrize("name", plain_tests())
def test_the_level_at_two_looks_is_no_more_than_at_one(name: str) -> None:
    holds_its_level(name, 2, "pocock", 40 if name in SLOW else 150)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n_looks", "rule"), CASES)
def test_the_level_at_looks_in_many_trials(name: str, n_looks: int, rule: str) -> None:
    holds_its_level(name, n_looks, rule, 1_000 if name in SLOW else 4_000)


def test_negative_control_looks_at_the_bound_of_one_look_are_caught() -> None:
    class _Each(GroupSequential):
        def bounds(self, information: FloatArray) -> tuple[FloatArray, FloatArray]:
            return np.full(information.shape, 1.645), np.full(information.shape, -np.inf)

    one = null_trial("logrank")
    interims = tuple(AtCalendarTime(time=date) for date in DATES[4][:-1])
    many = replace(one, interims=interims, stopping=_Each(alpha=ALPHA))
    block = Block(seed=SEED, number=0, n_replicates=400)
    apart = simulate({"": many}, block)[""]["reject"] - simulate({"": one}, block)[""]["reject"]
    assert apart.mean() > 4 * apart.std() / 20
