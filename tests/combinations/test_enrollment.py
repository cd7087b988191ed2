"""Every kind of enrollment beside every screening, design and arrival pattern it may meet."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lupusim.common.arrays import FloatArray
from lupusim.scenario import scenario_from_mapping
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block, generate
from lupusim.trial import Trial
from lupusim.trial.enrollment import ARRIVALS, ENROLLMENTS
from lupusim.trial.enrollment.randomization import candidates_of
from lupusim.trial.population.screening import Screened
from scenario_contents import content
from tolerance import SEED, assert_within_mcse

N_REPLICATES = 60
N_PATIENTS = 48
SITES = {"sites": 4, "per_site_per_month": 1.5}
KINDS: dict[str, dict[str, Any]] = {
    "poisson": {**SITES, "ramp_up": "3 months"},
    "piecewise": {"breaks": ["2 months", "5 months"], "per_month": [4, 0, 8]},
    "regions": {
        "regions": [SITES, {**SITES, "opens": "2 months", "closes": "9 months"}],
        "pauses": [{"begins": "3 months", "ends": "4 months"}],
    },
    "uniform": {"duration": "8 months"},
}
"""One example of each kind; a new kind needs one too."""

ONE_TEST = {"sledai": {"mean": 8, "sd": 3}, "eligible": [{"sledai": 9}]}
SCREENINGS: dict[str, dict[str, Any]] = {
    "everybody": {},
    "failures": {"enrollment": {"screen_failure": 0.3}},
    "one test": {"population": {"screening": ONE_TEST}},
    "three tests": {
        "population": {
            "screening": {**ONE_TEST, "tests": 3, "every": "4 weeks", "correlation": 0.5}
        }
    },
}
EFFECT = {"on": ["healthy -> ill"], "hazard_ratio": 0.5}
ARMS = [{"name": "placebo", "control": True}, {"name": "cells", "effects": [EFFECT]}]
COMMON: dict[str, Any] = {"follow_up": "6 months", "visits": ["3 months"], "arms": ARMS}
RESPONSE = {"primary": {"kind": "responder", "states": ["healthy"], "at": "3 months"}}
CELLS = {"name": "cells", "infusions": {"cells_per_kg": 1e6}, "effects": [EFFECT]}
DESIGNS: dict[str, dict[str, Any]] = {
    "fixed": {},
    "strata": {
        "population": {"strata": {"sex": {"f": 0.9, "m": 0.1}}},
        "allocation": {"stratify_by": ["sex"]},
    },
    "strata of a score": {
        "population": {
            "covariates": {"age": {"mean": 40, "sd": 10}},
            "cuts": {"old": {"covariate": "age", "at": [40], "levels": ["no", "yes"]}},
        },
        "allocation": {"method": "minimization", "probability": 0.8, "stratify_by": ["old"]},
    },
    "looks": {
        "endpoints": RESPONSE,
        "analysis": {"test": "pooled_z"},
        "looks": [
            {"when": {"patients": 24, "followed": "3 months"}, "efficacy": {"z": 2.8}},
            {"when": {"last_patient": "3 months"}, "efficacy": {"z": 2.0}},
        ],
    },
    "platform": {
        "arms": [*ARMS, {"name": "late", "joins": {"patients": 16}, "effects": [EFFECT]}],
        "endpoints": RESPONSE,
        "analysis": {"test": "pooled_z", "multiplicity": {"method": "holm"}},
    },
    "adaptive": {
        "endpoints": RESPONSE,
        "analysis": None,
        "looks": [
            {"when": {"patients": 24, "followed": "3 months"}},
            {"when": {"last_patient": "3 months"}},
        ],
        "adaptation": {"kind": "bayesian_response", "success": 0.9},
    },
    "size chosen later": {
        "endpoints": RESPONSE,
        "analysis": {"test": "pooled_z"},
        "looks": [
            {"when": {"patients": 20, "followed": "3 months"}},
            {"when": {"patients": 40, "followed": "3 months"}},
        ],
        "adaptation": {"kind": "blinded_size", "planned": 40, "difference": 0.3, "power": 0.8},
    },
    "pauses": {
        "arms": [ARMS[0], CELLS],
        "supply": {
            "lots": {"doses": 6, "every": "2 months"},
            "at_start": 1,
            "while_empty": "pause_enrollment",
        },
    },
    "drift": {
        "population": {"drift": {"on": "healthy -> ill", "hazard_ratio_per_year": 1.3}},
        "cost": {"per_screened": 1.0},
    },
}


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    """Return mappings as one, key by key."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, dict) and isinstance(whole.get(key), dict)
            whole[key] = merged(whole[key], value) if both else value
    return whole


def trial_of(kind: str, screening: str, design: str, arrivals: str) -> Trial:
    enrollment = {"enrollment": {"kind": kind, "arrivals": arrivals, **KINDS[kind]}}
    whole = merged(enrollment, SCREENINGS[screening], DESIGNS[design])
    whole = content(sample_size=N_PATIENTS, **{**COMMON, **whole})
    return scenario_from_mapping(whole).points[0].trial


def test_every_registered_kind_has_an_example() -> None:
    assert set(KINDS) == set(ENROLLMENTS)


PAIRS = list(itertools.product(KINDS, SCREENINGS, DESIGNS))


@pytest.mark.parametrize("arrivals", ARRIVALS)
@pytest.mark.parametrize(("kind", "screening", "design"), PAIRS)
def test_as_many_as_planned_are_randomized_in_order_and_candidates_come_at_their_rate(
    kind: str, screening: str, design: str, arrivals: str
) -> None:
    trial = trial_of(kind, screening, design, arrivals)
    block = Block(seed=SEED, number=0, n_replicates=N_REPLICATES)
    found = simulate({"": trial}, block)[""]
    n = found["n_enrolled"].astype(int)
    assert (n == N_PATIENTS).all() if not trial.interims else (n <= N_PATIENTS).all()
    generated = generate(trial, block)
    time = generated.enrollment_time
    assert time.shape == (N_REPLICATES, N_PATIENTS)
    assert np.isfinite(time).all()
    assert (time >= 0).all()
    assert (np.diff(time, axis=1) >= 0).all()
    assert (found["duration"] + 1e-9 >= time[np.arange(N_REPLICATES), n - 1]).all()
    screened = generated.patients.screened
    if screened is not None:
        assert_screened(found, screened, arrivals)
    elif kind != "uniform" and design != "pauses":  # a period is not at a rate
        number = candidates_of(trial).expected(time[:, -1])
        if arrivals == "even":
            assert number == pytest.approx(N_PATIENTS)
        else:
            mcse = np.sqrt(N_PATIENTS / N_REPLICATES)
            assert_within_mcse(number.mean(), float(N_PATIENTS), mcse=mcse)


def assert_screened(found: dict[str, FloatArray], screened: Screened, arrivals: str) -> None:
    """Candidates are counted until enrollment ends, and are as many as the rate says."""
    last = screened.randomized[:, -1]
    ends = np.where(found["n_enrolled"] < N_PATIENTS, found["duration"], last)
    if "size" in found:  # chosen while patients come
        row = np.arange(N_REPLICATES)
        ends = screened.randomized[row, found["size"].astype(int) - 1]
    counted = [(first <= end).sum() for first, end in zip(screened.first_tests, ends, strict=True)]
    assert (found["screened"] == counted).all()
    gap = found["screened"] - found["screened_expected"]
    if arrivals == "even":  # as many as were expected have come, to the one
        assert (np.abs(gap + 0.5) <= 0.5 + 1e-6).all()
    else:
        mcse = np.sqrt(found["screened_expected"].mean() / N_REPLICATES)
        assert_within_mcse(gap.mean(), 0.0, mcse=mcse)
    if "cost" in found:
        assert found["cost"] == pytest.approx(found["screened"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_that_lets_everybody_in_at_once_is_no_screening(kind: str) -> None:
    """The times of a rate do not change; those of a period have the same mean pace."""
    everybody = trial_of(kind, "everybody", "fixed", "random")
    screened = trial_of(kind, "one test", "fixed", "random")
    screening = screened.population.screening
    assert screening is not None
    easy = replace(screening, activity=replace(screening.activity, sledai_mean=100.0))
    whole = replace(screened, population=replace(screened.population, screening=easy))
    block = Block(seed=SEED, number=0, n_replicates=4000)
    last = [generate(t, block).enrollment_time[:, -1] for t in (everybody, whole)]
    mcse = np.sqrt((last[0].var() + last[1].var()) / 4000)
    expected = last[0].mean()
    if kind == "uniform":
        expected = 8 / 12
        mcse = last[1].std() / np.sqrt(4000)
    assert_within_mcse(last[1].mean(), expected, mcse=mcse)
    if kind == "uniform":  # candidates come the faster, the fewer are eligible
        return
    # negative control: a rule that half of the candidates fail
    half = generate(screened, block).enrollment_time[:, -1]
    with pytest.raises(AssertionError):
        assert_within_mcse(half.mean(), expected, mcse=mcse)
