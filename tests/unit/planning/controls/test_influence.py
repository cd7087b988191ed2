"""What each patient adds: beside the change of the statistic itself when one patient is moved."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from lupusim.analysis.outcomes import SurvivalOutcome
from lupusim.planning.controls.influence import Watched, influence
from lupusim.planning.controls.patients import CELLS, PatientLaw, means
from lupusim.trial import Better, TestMethod
from tolerance import SEED
from trials import analysis

N = 3000
YEARS = 2.0
HAZARD = np.array([0.8, 0.65])  # of the event, control first


def assert_follows(
    method: TestMethod, outcome: SurvivalOutcome, rival: float, alike: float
) -> None:
    """Compare a statistic with what each patient adds to it, under constant hazards."""
    edges = np.linspace(0.0, YEARS, CELLS + 1)
    whole = HAZARD + rival
    event = -np.diff(np.exp(-whole[:, None] * edges), axis=1) * (HAZARD / whole)[:, None]
    law = PatientLaw(width=edges[1], event=event, exit=np.zeros_like(event))
    watched = Watched(patients=np.full((2, edges.size), N / 2))
    found = influence(method, law, watched, at_events=False, null=0.0)
    arm, time = outcome.arm, outcome.time
    verdict = method(
        outcome, better=Better.FEWER, sided=1, stratum=np.zeros(arm.shape, dtype=np.int8)
    )
    cell = np.minimum((time / edges[1]).astype(int), CELLS - 1)
    adds = np.where(outcome.event, found.adds.on_event[arm, cell], found.adds.at_cut[arm, -1])
    nearly = found.mean + (adds - means(law, found.adds)[arm, -1]).sum(axis=1)
    z = -ndtri(verdict.p_better) * method.benefit_sign(Better.FEWER)
    # what is left out is of the order of one over the root of the number of patients, and how
    # the weights of late or early events follow the survival that is seen
    assert np.abs(nearly - z).max() < 0.1
    assert np.corrcoef(nearly, z)[0, 1] > alike


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("logrank", {}),
        ("peto", {}),
        ("fleming_harrington", {"rho": 1.0, "gamma": 0.0}),
        ("magirr_burman", {"until": 0.5}),
        ("restricted_mean", {"until": 1.5}),
        ("survival_difference", {"at": 1.5}),
    ],
)
def test_sums_of_influences_follow_the_statistic(test: str, words: dict[str, float]) -> None:
    method = analysis(test).test.with_parameters(words) if words else analysis(test).test
    rng = np.random.default_rng(SEED)
    arm = np.tile(np.arange(N) % 2, (60, 1)).astype(np.int8)
    time = rng.exponential(1 / HAZARD[arm])
    outcome = SurvivalOutcome(time=np.minimum(time, YEARS), event=time <= YEARS, arm=arm)
    assert_follows(method, outcome, rival=0.0, alike=0.9995)


@pytest.mark.parametrize(
    "test", ["gray", "subdistribution_logrank", "fine_gray_weighted", "incidence_difference"]
)
def test_who_had_a_competing_event_stays_at_risk(test: str) -> None:
    rng, rival = np.random.default_rng(SEED), 0.4
    arm = np.tile(np.arange(N) % 2, (40, 1)).astype(np.int8)
    time, other = rng.exponential(1 / HAZARD[arm]), rng.exponential(1 / rival, arm.shape)
    seen = (time <= YEARS) & (time < other)
    outcome = SurvivalOutcome(
        time=np.minimum(np.minimum(time, other), YEARS),
        event=seen,
        arm=arm,
        competing=(other <= YEARS) & ~seen,
        possible=np.full(arm.shape, YEARS),
    )
    assert_follows(analysis(test).test, outcome, rival, alike=0.999)
