"""Trials decided by numbers of responders: the same bits as patient by patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.registry import TESTS
from lupusim.common.rng import stream
from lupusim.endpoints import Responder, SustainedResponder, TimeToEvent
from lupusim.model import MultiStateModel
from lupusim.model.hazards import WeibullHazard
from lupusim.simulation.block import followed, simulate
from lupusim.simulation.generation.at_visits import AtVisits
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks import counted as by_counts
from lupusim.simulation.looks.counted import counted, is_counted
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    Better,
    CovariateEffect,
    Dropout,
    EvenArrivals,
    Infusions,
    Lots,
    PermutedBlocks,
    PiecewiseEnrollment,
    Population,
    SimpleRandomization,
    UniformEnrollment,
)
from lupusim.trial.design import KnownEffect
from lupusim.trial.enrollment.base import last_times
from lupusim.trial.observation import Marker, VisitConduct
from lupusim.trial.population.covariates import NormalCovariate
from lupusim.trial.treatment.costs import Costs
from small_trials import rates
from tolerance import SEED
from trials import REMISSION, analysis, disease_trial, survival_trial, way

SMALL = rates((0.3, 0.5), n_patients=24)
LAWS = {
    "death": (way("ill", "well", 0.7), way("ill", "dead", 0.3)),
    "death and worse": (way("ill", "dead", 0.3), way("ill", "well", 0.7), way("ill", "lost", 0.2)),
    "relapse": (way("ill", "well", 0.9), way("well", "ill", 0.5)),
    "start over": (way("ill", "well", 0.9), way("ill", "dead", 0.3), way("well", "dead", 0.5)),
}


def with_law(ways, **more):
    states = tuple(dict.fromkeys(state for one in ways for state in (one.from_state, one.to_state)))
    law = MultiStateModel(name="law", states=states, transitions=ways)
    arms = tuple(replace(arm, model=law) for arm in SMALL.arms)
    well = Responder(name="well", states=("well",), at=0.5)
    values = {"primary": well, "visits": (0.25, 0.5, 1.0), **more}
    return replace(SMALL, arms=arms, **values)


def several():
    held = SustainedResponder(name="held", states=("well",), visits=(0.25, 1.0))
    worse = Responder(name="ill", states=("ill",), at=0.5, better=Better.FEWER)
    return with_law(LAWS["relapse"], secondary=(held, worse))


STRATA = Population(factors={"region": {"north": 0.3, "south": 0.7}})
RATES = PiecewiseEnrollment(breaks=(), rates_per_year=(40.0,))
COUNTED = {
    "as planned": SMALL,
    "unequal": rates((0.3, 0.5), n_patients=33, ratio=(1, 2)),
    "last block not filled": replace(SMALL, n_patients=25),
    "simple": replace(SMALL, allocation=SimpleRandomization()),
    "strata": replace(SMALL, population=STRATA, stratify_by=("region",)),
    "a number that does nothing": replace(
        SMALL, population=Population(covariates={"age": NormalCovariate(mean=40.0, sd=9.0)})
    ),
    "dropout": replace(SMALL, dropout=Dropout(per_year=0.2)),
    "dropout by arm": replace(SMALL, dropout=Dropout(per_year=0.2, by_arm={"new": 2.0})),
    "dropout at once": replace(SMALL, dropout=Dropout(hazard=WeibullHazard(shape=0.5, scale=3.0))),
    "even": replace(SMALL, enrollment=UniformEnrollment(duration=1.0, arrivals=EvenArrivals())),
    "rates": replace(SMALL, enrollment=RATES),
    "fewer": rates((0.5, 0.3), n_patients=24),
    "truth and price": replace(
        SMALL,
        costs=Costs(per_patient=3.0, per_month=1.0),
        analysis=replace(SMALL.analysis, truth=KnownEffect(value=0.2), sided=2),
    ),
    "several": several(),
    "alive or dead": with_law(
        LAWS["death"], primary=Responder(name="any", states=("ill", "well", "dead"), at=0.5)
    ),
    "still ill": with_law(LAWS["death"], primary=Responder(name="ill", states=("ill",), at=0.5)),
    "alive": with_law(
        LAWS["death"], primary=Responder(name="alive", states=("ill", "well"), at=0.5)
    ),
    **{name: with_law(ways) for name, ways in LAWS.items()},
    "not constant": with_law(
        (replace(way("ill", "well", 1.0), hazard=WeibullHazard(shape=1.5, scale=1.0)),)
    ),
}


def assert_same_bits(trial, n_blocks=2):
    """Some blocks, whose tables were met, and a last one of few trials, and arms alike."""
    assert is_counted(trial)
    for number in range(n_blocks):
        block = Block(seed=SEED, number=number, n_replicates=40 if number else 150)
        found, wanted = simulate({"": trial}, block)[""], followed({"": trial}, block)[0][""]
        assert list(found) == list(wanted)
        for name, values in wanted.items():
            assert found[name].dtype == values.dtype
            assert np.array_equal(found[name], values, equal_nan=True), name


@pytest.mark.parametrize("kind", COUNTED)
def test_counts_have_the_bits_of_patients(kind):
    assert_same_bits(COUNTED[kind])
    assert_same_bits(COUNTED[kind].null_twin(), 1)


def of_tables():
    return sorted(name for name in TESTS if TESTS[name].formula == "tables")


@pytest.mark.parametrize("name", of_tables())
def test_every_test_of_tables_says_of_each_what_it_says_of_many(name, monkeypatch):
    trial = replace(SMALL, analysis=analysis(name, truth=KnownEffect(value=0.1)))
    assert_same_bits(trial)
    monkeypatch.setattr(by_counts, "_FEW", 0)
    assert_same_bits(replace(trial))
    monkeypatch.setattr(by_counts, "_MOST_AROUND", 0)  # none but those that are asked for
    assert_same_bits(replace(trial))
    monkeypatch.setattr(by_counts, "_MOST_TABLES", 10)  # too many to be remembered
    assert_same_bits(replace(trial))


REFUSED = {
    "another test": replace(SMALL, analysis=analysis("cochran_mantel_haenszel")),
    "no test": replace(SMALL, arms=SMALL.arms[:1], analysis=None),
    "times": survival_trial(),
    "a look": replace(SMALL, cutoff=AfterPatients(patients=24, follow_up=1.0)),
    "not all": replace(SMALL, cutoff=AfterLastPatient(follow_up=0.9)),
    "a time beside it": replace(SMALL, secondary=(TimeToEvent(name="end", events=("ended",)),)),
    "a price of visits": replace(SMALL, costs=Costs(per_visit=2.0)),
    "missed visits": replace(SMALL, visit_conduct=VisitConduct(missed=0.1)),
    "a marker": replace(
        SMALL,
        marker=Marker(
            name="score",
            correlation=0.5,
            mean={"ended": 1.0, "active": 2.0},
            sd={"ended": 1.0, "active": 1.0},
        ),
    ),
    "dropout by state": replace(SMALL, dropout=Dropout(per_year=0.2, by_state={"ended": 2.0})),
    "patients differ": replace(
        SMALL,
        population=Population(
            covariates={"age": NormalCovariate(mean=40.0, sd=9.0)},
            effects=(
                CovariateEffect(covariate="age", on=(("active", "ended"),), hazard_ratio=1.1),
            ),
        ),
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_who_asks_for_more_is_followed_patient_by_patient(why):
    trial = REFUSED[why]
    assert not is_counted(trial)
    assert counted(trial) is None
    block = Block(seed=SEED, number=0, n_replicates=5)
    assert "n_enrolled" in simulate({"": trial}, block)[""]


@pytest.mark.parametrize("missed", [0.0, 0.1])
@pytest.mark.parametrize("lots", [None, Lots(doses=10, sd=0.1, raises=(("active", "remission"),))])
def test_patients_of_one_arm_who_are_treated_differently_are_followed(missed, lots):
    cells = Infusions(cells_per_kg=1e6, at=(0.0, 0.5), missed=missed, lots=lots)
    whole = disease_trial(
        primary=REMISSION, secondary=(), analysis=analysis("pooled_z"), dropout=Dropout()
    )
    arms = (whole.arms[0], replace(whole.arms[1], infusions=cells))
    trial = replace(whole, arms=arms)
    assert is_counted(trial) is (not missed and lots is None)
    if is_counted(trial):
        assert_same_bits(trial)


def test_arms_are_dealt_only_where_their_sizes_are_not_known():
    assert AtVisits(SMALL).sizes == (12, 12)
    for changed in (
        {"n_patients": 26},
        {"allocation": SimpleRandomization()},
        {"dropout": Dropout(per_year=0.1)},
        {"population": STRATA, "stratify_by": ("region",)},
    ):
        assert AtVisits(replace(SMALL, **changed)).sizes == ()
    blocks = {"allocation": PermutedBlocks(block_size=26), "n_patients": 52}
    assert AtVisits(replace(SMALL, **blocks)).sizes == (26, 26)


@pytest.mark.parametrize(
    "enrollment",
    [
        UniformEnrollment(duration=1.5),
        UniformEnrollment(duration=2.0, arrivals=EvenArrivals()),
        RATES,
    ],
)
def test_the_last_date_is_that_of_all_dates(enrollment):
    for shape in ((1, 1), (700, 120), (3, 60_000)):
        last = last_times(enrollment, *shape, rng=stream(SEED, "dates"))
        dates = enrollment.times(*shape, rng=stream(SEED, "dates"))
        assert np.array_equal(last, dates[:, -1])
