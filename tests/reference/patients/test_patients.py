"""Fits of single patients against R's survival and msm; ``make.R`` has the calls."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.fit import fit_studies
from lupusim.calibration.patients.aalen_johansen import aalen_johansen
from lupusim.calibration.patients.contributions import PanelLikelihood, StayLikelihood
from lupusim.calibration.patients.histories import Panel, Stays
from lupusim.calibration.patients.prevalence import prevalence_rows
from lupusim.calibration.patients.semi_markov_panels import SemiMarkovPanelLikelihood
from lupusim.scenario.calibrate import seconds_of_fit
from lupusim.scenario.files.calibration_block import free_model_from_mapping
from lupusim.scenario.files.patients import load_patients
from tolerance import SEED

HERE = Path(__file__).parent


def free_model(states: list[str], ways: dict[str, dict[str, object]], **rest: object) -> FreeModel:
    """Every number of every hazard is free."""
    transitions = [
        {"from": label.split(" -> ")[0], "to": label.split(" -> ")[1], "hazard": hazard}
        for label, hazard in ways.items()
    ]
    parameters = [
        {
            "name": f"{label}.{number}",
            "places": {f"{label}.{number}": 1.0},
            "transform": "log",
            "prior": {"mean": math.log(float(value)), "sd": 1.0},  # type: ignore[arg-type]
        }
        for label, hazard in ways.items()
        for number, value in hazard.items()
        if number != "family"
    ]
    covariates = [
        {
            "name": f"{name} on {label}",
            "places": {f"covariates.{name}.{label}": 1.0},
            "transform": "none",
            "prior": {"mean": 0.0, "sd": 1.0},
        }
        for name, edges in rest.get("covariates", {}).items()  # type: ignore[attr-defined]
        for label in edges
    ]
    return free_model_from_mapping(
        {
            "schema": "lupusim/model/1",
            "name": "reference",
            "states": states,
            "start": states[0],
            "transitions": transitions,
            "calibration": {"parameters": parameters + covariates},
            **rest,
        }
    )


WEIBULL = {
    "mgus -> pcm": {"family": "weibull", "shape": 1.0, "scale": 50.0},
    "mgus -> death": {"family": "weibull", "shape": 1.0, "scale": 10.0},
}
STATES = ["mgus", "pcm", "death"]


def mgus(model: FreeModel) -> StayLikelihood:
    stays = load_patients(HERE / "mgus2.csv", model.model)
    assert isinstance(stays, Stays)
    return StayLikelihood(model, stays)


def test_weibull_hazards_of_two_causes_are_those_of_survreg() -> None:
    fit = fit_studies(
        [], model := free_model(STATES, WEIBULL), seed=SEED, n_starts=2, patients=[mgus(model)]
    )
    printed = [1.184898997, 67.10307249, 0.8634869992, 12.94330771]
    np.testing.assert_allclose(fit.estimates["estimate"], printed, rtol=2e-5)
    assert fit.negative_log_likelihood == pytest.approx(634.988684222 + 3022.082021, abs=1e-5)


def test_log_hazard_ratios_of_a_covariate_are_those_of_survreg() -> None:
    edges = {"male": {"mgus -> pcm": 0.0, "mgus -> death": 0.0}}
    model = free_model(STATES, WEIBULL, covariates=edges)
    fit = fit_studies([], model, seed=SEED, n_starts=2, patients=[mgus(model)])
    printed = [-0.07849674864, 0.2259191219]
    np.testing.assert_allclose(fit.estimates["estimate"][4:], printed, atol=2e-5)
    assert fit.negative_log_likelihood == pytest.approx(634.900277152 + 3016.664053, abs=1e-5)
    assert set(fit.occupancy["state"]) == set(STATES)


def test_aalen_johansen_and_its_errors_are_those_of_survfit() -> None:
    stays = load_patients(HERE / "mgus2.csv", free_model(STATES, WEIBULL).model)
    assert isinstance(stays, Stays)
    ours = aalen_johansen(stays, 3, np.array([5.0, 10.0, 20.0]))
    printed = [
        [0.64552927676, 0.03410371297, 0.32036701027],
        [0.40446012791, 0.06372216801, 0.53181770408],
        [0.17615830792, 0.09981371594, 0.72402797614],
    ]
    np.testing.assert_allclose(ours.shares, printed, atol=1e-10)
    # survfit's are of the infinitesimal jackknife, ours Greenwood's: near, not the same.
    jackknife = [
        [0.0128851435, 0.0048892579, 0.0125673715],
        [0.0139022743, 0.0067968484, 0.0140596452],
        [0.0145404897, 0.0097848468, 0.0156063451],
    ]
    np.testing.assert_allclose(ours.errors, jackknife, rtol=0.02)


RATES = {
    "1 -> 2": 0.127870329,
    "1 -> 4": 0.042500424,
    "2 -> 1": 0.225119127,
    "2 -> 3": 0.342611294,
    "2 -> 4": 0.040210229,
    "3 -> 2": 0.130622348,
    "3 -> 4": 0.306475123,
}


def transplants() -> PanelLikelihood:
    names = ["none", "mild", "severe", "death"]
    ways = {
        " -> ".join(names[int(k) - 1] for k in edge.split(" -> ")): {
            "family": "exponential",
            "rate": r,
        }
        for edge, r in RATES.items()
    }
    model = free_model(names, ways)
    panel = load_patients(HERE / "cav.csv", model.model)
    assert isinstance(panel, Panel)
    return PanelLikelihood(model, panel)


def test_the_likelihood_of_a_panel_with_exact_deaths_is_that_of_msm() -> None:
    patients = transplants()
    at = np.log([list(RATES.values())])
    assert -2 * patients.contributions(at).sum() == pytest.approx(3968.79789305, abs=1e-6)


def test_how_long_a_fit_will_take_is_told_of_panels_without_a_formula() -> None:
    markov = transplants().free_model
    weibull = free_model(
        list(markov.model.states),
        {
            t.label: {"family": "weibull", "shape": 1.0, "scale": 1 / rate}
            for t, rate in zip(markov.model.transitions, RATES.values(), strict=True)
        },
    )
    table = HERE / "cav.csv"
    assert seconds_of_fit(["SAT0244"], "markov-sat0244") == 0
    assert seconds_of_fit([table], weibull) > 10 * seconds_of_fit([table], markov)


def test_constant_hazards_are_a_special_case_of_semi_markov_panels() -> None:
    patients = transplants()
    at = np.log([list(RATES.values())])
    ours = SemiMarkovPanelLikelihood(patients.free_model, patients.panel).contributions(at)[0]
    np.testing.assert_allclose(ours, patients.contributions(at)[0], atol=2e-4)
    assert -2 * ours.sum() == pytest.approx(3968.79789305, abs=2e-3)


def test_prevalence_in_a_panel_is_that_of_msm() -> None:
    """msm's prevalence.msm(m, times = c(1.5, 4, 8)): observed counts, expected ones."""
    patients = transplants()
    rows = prevalence_rows(patients.free_model.model, patients.panel, [1.5, 4.0, 8.0])
    observed = [[560, 4, 2, 47], [330, 37, 24, 90], [117, 44, 21, 161]]
    expected = [
        [487.42226, 68.503813, 16.826226, 40.247704],
        [279.76841, 68.573900, 38.827214, 93.830479],
        [129.81041, 39.313864, 32.908542, 140.967185],
    ]
    n = np.array([row["n"] for row in rows], dtype=float)
    seen = np.array([row["observed"] for row in rows], dtype=float)
    model = np.array([row["model"] for row in rows], dtype=float)
    np.testing.assert_allclose(n * seen, np.ravel(observed), atol=1e-9)
    np.testing.assert_allclose(model, np.ravel(expected) / n, atol=3e-5)
    assert all(row["lower"] < row["observed"] < row["upper"] for row in rows)  # type: ignore[operator]


@pytest.mark.slow
def test_intensities_of_a_panel_are_those_of_msm() -> None:
    patients = transplants()
    fit = fit_studies([], patients.free_model, seed=SEED, n_starts=4, patients=[patients])
    # msm stops within 1e-3 of the optimum; its likelihood is not above ours.
    np.testing.assert_allclose(fit.estimates["estimate"], list(RATES.values()), rtol=3e-3)
    assert 2 * fit.negative_log_likelihood == pytest.approx(3968.79789305, abs=1e-4)
