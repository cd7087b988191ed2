"""Single patients against R's flexsurv and mstate; ``make_multistate.R`` has the calls.

On ebmt4 (2279 patients after transplantation, six states) and mgus2, to the digits printed there.
"""

from __future__ import annotations

import csv
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from lupusim.calibration.estimation.parameters import (
    FreeModel,
    FreeParameter,
    NormalPrior,
    Transform,
)
from lupusim.calibration.fit import fit_studies
from lupusim.calibration.patients.aalen_johansen import aalen_johansen
from lupusim.calibration.patients.contributions import StayLikelihood
from lupusim.calibration.patients.histories import CENSORED, Stays
from lupusim.common.arrays import FloatArray
from lupusim.model import CLOCKS, MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard
from lupusim.model.hazards.base import FAMILIES
from lupusim.scenario.files.patients import load_patients
from tolerance import SEED

HERE = Path(__file__).parent
YEAR = 365.2425
NAMES = {
    "exp": "exponential",
    "weibull": "weibull",
    "gompertz": "gompertz",
    "llogis": "loglogistic",
    "lnorm": "lognormal",
    "gamma": "gamma",
    "gengamma": "generalized_gamma",
}
WAYS = {
    "ebmt4": (
        "tx -> rec, tx -> ae, tx -> relapse, tx -> death, rec -> both, rec -> relapse, "
        "rec -> death, ae -> both, ae -> relapse, ae -> death, both -> relapse, both -> death"
    ),
    "mgus2": "mgus -> pcm, mgus -> death",
}
UNITS = {"ebmt4": "days", "mgus2": "years"}
SEEN: dict[str, tuple[MultiStateModel, Stays]] = {}


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def seen(data: str) -> tuple[MultiStateModel, Stays]:
    """Return a model with the data's states, and the stays; read once."""
    if data not in SEEN:
        pairs = [label.split(" -> ") for label in WAYS[data].split(", ")]
        states = list(dict.fromkeys(state for pair in pairs for state in pair))
        model = MultiStateModel(
            name=data,
            states=tuple(
                sorted(states, key=lambda s: (s in ("relapse", "death"), states.index(s)))
            ),
            transitions=tuple(
                Transition(from_state=a, to_state=b, hazard=ExponentialHazard(rate=0.1))
                for a, b in pairs
            ),
        )
        stays = load_patients(HERE / f"{data}.csv", model, unit=UNITS[data])
        assert isinstance(stays, Stays)
        SEEN[data] = model, stays
    return SEEN[data]


def one_way(row: dict[str, str]) -> tuple[FreeModel, StayLikelihood, FloatArray]:
    """Return one transition alone, its patients, and flexsurv's estimates on the free scales."""
    model, stays = seen(row["data"])
    origin, target = row["transition"].split(" -> ")
    family = FAMILIES[NAMES[row["family"]]]
    names = [field.name for field in fields(family)]  # type: ignore[arg-type]
    values = np.array([float(row[key]) for key in ("first", "second", "third")[: len(names)]])
    at = dict(zip(names, values.tolist(), strict=True))
    unbounded = {"meanlog", "mu", "q"} | ({"shape"} if row["family"] == "gompertz" else set())
    alone = MultiStateModel(
        name="one way",
        states=(origin, target),
        transitions=(
            Transition(
                from_state=origin,
                to_state=target,
                hazard=family(**at),
                clock=CLOCKS[row["clock"]],
            ),
        ),
    )
    parameters = tuple(
        FreeParameter(
            name=name,
            places={f"{origin} -> {target}.{name}": 1.0},
            transform=Transform.NONE if name in unbounded else Transform.LOG,
            prior=NormalPrior(mean=0.0, sd=3.0),
        )
        for name in names
    )
    here = stays.state == model.index(origin)
    likelihood = StayLikelihood(
        free := FreeModel(model=alone, parameters=parameters),
        Stays(
            patient=np.arange(here.sum()),
            state=np.zeros(here.sum(), dtype=int),
            to=np.where(stays.to[here] == model.index(target), 1, CENSORED),
            entered=stays.entered[here],
            begin=stays.begin[here],
            end=stays.end[here],
        ),
    )
    is_free = [p.transform is Transform.NONE for p in parameters]
    return free, likelihood, np.where(is_free, values, np.log(np.where(is_free, 1.0, values)))


FLEXSURV = rows("flexsurv.csv")


@pytest.mark.parametrize("row", FLEXSURV, ids=lambda r: f"{r['transition']} {r['family']}")
def test_estimates_and_likelihoods_are_those_of_flexsurv(row: dict[str, str]) -> None:
    free, likelihood, at = one_way(row)
    step = 1e-4 * np.eye(at.size)
    found = likelihood.contributions(np.vstack([at, at + step, at - step])).sum(axis=1)
    assert found[0] == pytest.approx(float(row["loglik"]), rel=1e-10, abs=1e-7)
    # The top of ours is there too: Newton's step from there, axis by axis, is small.
    up, down = found[1:].reshape(2, -1)
    away = (up - down) / 2e-4 / ((2 * found[0] - up - down) / 1e-8)
    assert np.abs(away).max() < 2e-3
    assert free.names[0]


@pytest.mark.slow
@pytest.mark.parametrize("k", [6, 9, 13, 22, 29, 34])
def test_the_search_ends_where_flexsurv_does(k: int) -> None:
    free, likelihood, at = one_way(FLEXSURV[k])
    fit = fit_studies([], free, seed=SEED, n_starts=4, patients=[likelihood])
    np.testing.assert_allclose(fit.best.free, at, atol=1e-3)
    assert -fit.negative_log_likelihood == pytest.approx(float(FLEXSURV[k]["loglik"]), abs=1e-5)


def test_aalen_johansen_and_greenwood_are_those_of_mstate() -> None:
    model, stays = seen("ebmt4")
    printed = rows("probtrans.csv")
    times = np.array([float(row["times"]) for row in printed]) * (1 / YEAR)  # as they are read
    ours = aalen_johansen(stays, 6, times)
    shares, errors = (
        np.array([[float(row[f"{name}{k}"]) for k in range(1, 7)] for row in printed])
        for name in ("pstate", "se")
    )
    assert model.states == ("tx", "rec", "ae", "both", "relapse", "death")
    np.testing.assert_allclose(ours.shares, shares, atol=1e-11)
    np.testing.assert_allclose(ours.errors, errors, rtol=1e-9)
