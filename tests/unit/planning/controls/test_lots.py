"""Lots of unequal potency: the law of what their patients add, beside lots that NumPy draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controls_seen import assert_pays
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.model import MultiStateModel, TreatmentEffect
from lupusim.planning.controls import building, lots
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.kinds import why_counted
from lupusim.planning.controls.lots import LotPatients, lot_patients, luck
from lupusim.planning.runs.how_known import how_known
from lupusim.planning.theory.sums import MANY_NODES, NODES
from lupusim.simulation.block import followed
from lupusim.simulation.generation.generation import Block
from lupusim.trial import Arm, Dropout, Infusions, Population, Trial
from lupusim.trial.looks import AfterPatients
from lupusim.trial.population.drift import Drift
from lupusim.trial.treatment.arms import Lots, Switch
from tolerance import SEED, assert_within_mcse
from trials import counted, way

RATE, RATIO, SD, DOSES, N = 0.5, 1.6, 0.7, 8, 100
EDGE = ("ill", "remission")
MODEL = MultiStateModel(
    name="healing", states=("ill", "remission"), transitions=(way(*EDGE, RATE),), absorbing=()
)
LOTS = Lots(doses=DOSES, sd=SD, raises=(EDGE,))
CELLS = Infusions(cells_per_kg=1e6, at=(0.0, 0.25), lots=LOTS)
BETTER = TreatmentEffect(on=(EDGE,), hazard_ratio=RATIO)
NEW = Arm(name="cells", model=MODEL, infusions=CELLS, effects=(BETTER,))


def lot_trial(**changes: object) -> Trial:
    """Return a trial of two arms, cells from lots of four patients each."""
    arms = Arm(name="placebo", model=MODEL), NEW
    return counted(**{"arms": arms, "n_patients": N, "allocation": None, **changes})


def responders(rng: np.random.Generator, n_trials: int, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Return responders of both arms at one year, by lots of four patients."""
    control = rng.binomial(N // 2, 1 - np.exp(-RATE), n_trials)
    n_lots = -(-(N // 2) // 4)
    potency = np.repeat(sd * rng.standard_normal((n_trials, n_lots)), 4, axis=1)[:, : N // 2]
    healed = rng.exponential(size=potency.shape) < RATE * RATIO * np.exp(potency)
    return control, healed.sum(axis=1)


def test_the_mean_of_a_step_is_that_of_lots_that_are_drawn() -> None:
    (score,) = control_of(lot_trial()).scores
    n_trials, rng = 100_000, np.random.default_rng(SEED)

    def apart(sd: float) -> tuple[np.ndarray, np.ndarray]:
        both = responders(rng, n_trials, sd)
        sums = sum(
            (N // 2 - had) * adds[0] + had * adds[1]
            for had, adds in zip(both, score.sum.adds, strict=True)
        )
        steps = 1 / (1 + np.exp((sums[:, None] - score.thresholds) / score.scale))
        return steps.mean(axis=0), steps.std(axis=0) / np.sqrt(n_trials)

    known = score.means.mean(axis=0)
    found, error = apart(SD)
    assert_within_mcse(found, known, mcse=error)
    found, error = apart(0.0)
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(found, known, mcse=error)


def test_the_variance_is_that_within_lots_and_between() -> None:
    rng = np.random.default_rng(SEED)
    chance, weight = np.array([[0.2, 0.5, 0.8], [0.4, 0.5, 0.7]]), np.array([0.3, 0.5, 0.2])
    two = LotPatients(
        weight=weight, kinds=np.array([[3.0, 1.0], [0.0, 2.0]]), lots=np.array([[2.0, 1.0]])
    )
    n = 200_000
    total = np.zeros(n)
    for kind in two.kinds[[0, 0, 1]].astype(int):
        node = rng.choice(3, p=weight, size=n)
        total += rng.binomial(kind[0], chance[0, node]) + rng.binomial(kind[1], chance[1, node])
    found = (total - total.mean()) ** 2
    known = two.variance(chance, chance * (1 - chance))
    assert_within_mcse(found.mean(), known, mcse=found.std() / np.sqrt(n))


def test_lots_are_filled_in_the_order_of_the_arm() -> None:
    classes = np.array([[0, -1, 1, 0, -1, 1, 1, 0, 0], [1, 1, 1, 1, 0, -1, -1, -1, -1]])
    found = lot_patients(NEW, classes, 2, np.ones(1))
    for row, filled in enumerate(([[2, 2], [2, 1]], [[0, 4], [1, 0]])):
        held = {tuple(kind): n for kind, n in zip(found.kinds, found.lots[row], strict=True) if n}
        held.pop((0.0, 0.0), None)
        assert held == {tuple(map(float, lot)): 1.0 for lot in filled}
    assert lot_patients(lot_trial().arms[0], classes, 2, np.ones(1)) is None


def test_lots_that_are_alike_are_one_potency() -> None:
    alike = replace(NEW, infusions=replace(CELLS, lots=replace(LOTS, sd=0.0)))
    trial = lot_trial(arms=(lot_trial().arms[0], alike))
    (same,), weight = luck(trial)
    assert same is trial
    assert weight.tolist() == [1.0]


@pytest.mark.parametrize(("doses", "sd"), [(2, 1.5), (16, 0.6), (48, 1.0), (100, 1.0), (30, 1.5)])
def test_twice_as_many_potencies_say_the_same(
    doses: int, sd: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = replace(NEW, infusions=replace(CELLS, lots=replace(LOTS, doses=doses, sd=sd)))

    def means() -> np.ndarray:
        trial = lot_trial(arms=(lot_trial().arms[0], new))
        return control_of(trial).scores[0].means.mean(axis=0)

    found, n_nodes = means(), lots._n_nodes
    monkeypatch.setattr(lots, "_MOST_NODES", 300)
    monkeypatch.setattr(lots, "_n_nodes", lambda trial: 2 * n_nodes(trial))
    np.testing.assert_allclose(means(), found, atol=1e-6)


def test_a_sum_over_two_lots_is_asked_at_more_frequencies(monkeypatch: pytest.MonkeyPatch) -> None:
    new = replace(NEW, infusions=replace(CELLS, lots=replace(LOTS, doses=100, sd=0.9)))

    def means() -> np.ndarray:
        trial = lot_trial(arms=(lot_trial().arms[0], new))
        return control_of(trial).scores[0].means.mean(axis=0)

    found = means()
    monkeypatch.setattr(building, "n_frequencies", lambda _: 2 * MANY_NODES)
    np.testing.assert_allclose(means(), found, atol=1e-6)
    monkeypatch.setattr(building, "n_frequencies", lambda _: NODES)
    assert np.abs(means() - found).max() > 1e-5


@pytest.mark.parametrize("null", [False, True], ids=["truth", "null"])
def test_known_chance_of_lots_is_taken_out(null: bool) -> None:
    trial = lot_trial(dropout=Dropout(per_year=0.2))
    trial = trial.null_twin() if null else trial
    control = control_of(trial)
    found, patients = followed({"": trial}, Block(seed=SEED, number=0, n_replicates=4_000))
    values = control.values(patients.generated)
    assert_pays(control, values, found[""]["reject"], at_most=0.4)


def test_lots_beside_what_is_not_known_are_counted() -> None:
    lucky = "patients of one lot share their luck"
    control, new = lot_trial().arms
    missed = replace(new, infusions=replace(CELLS, missed=0.2))
    assert why_counted(lot_trial()) == ""
    assert why_counted(lot_trial(arms=(control, missed))) == lucky
    wild = replace(new, infusions=replace(CELLS, lots=replace(LOTS, doses=200, sd=1.5)))
    assert why_counted(lot_trial(arms=(control, wild))) == lucky
    early = AfterPatients(patients=40, follow_up=1.0)
    looks = lot_trial(interims=(early,), stopping=GroupSequential(alpha=0.2))
    assert why_counted(looks) == lucky
    drift = Drift(on=(EDGE,), hazard_ratio_per_year=1.2)
    assert why_counted(lot_trial(population=Population(drift=(drift,)))) == "prognosis drifts"


def test_no_sums_over_all_tables_are_promised_where_there_are_none() -> None:
    control, new = lot_trial().arms
    again = replace(new, infusions=replace(CELLS, lots=None, again_on=("remission",)))
    rescued = replace(new, infusions=None, switch=Switch(on=("remission",), arm=control))
    assert "known chance taken out" in how_known([lot_trial()])
    for arm in (again, rescued):
        assert "trials are counted" in how_known([lot_trial(arms=(control, arm))])
    alike = replace(new, infusions=replace(CELLS, lots=None))
    assert "exact" in how_known([lot_trial(arms=(control, alike))])
