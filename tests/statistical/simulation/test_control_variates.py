"""What is known in law of simulated trials has that law; shares without its chance are unbiased.

Every kind of trial that has control variates is simulated, and the mean of each control, which
is 0 by the exact engine and Fourier inversion, must be 0 within its Monte Carlo error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.kinds import is_controlled
from lupusim.planning.runs.run import run
from lupusim.scenario import load_scenario
from lupusim.simulation.block import followed, replicates_per_block
from lupusim.simulation.controls import Control
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.moments import Moments
from lupusim.simulation.relabeling import is_exchangeable
from lupusim.trial import Trial
from tolerance import SEED, assert_within_mcse
from trials_with_controls import KINDS, WRONG_LAWS, n_blocks

pytestmark = pytest.mark.slow

_RUNS = 200
_PER_RUN = 1000


def simulated(trial: Trial, control: Control, n_blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Return claims and controls of so many blocks."""
    size = replicates_per_block(trial.n_patients)

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for number in range(n_blocks):
            block = Block(seed=SEED, number=number, n_replicates=size)
            found, patients = followed({"": trial}, block)
            yield found[""]["reject"], control.values(patients.generated)

    claims, controls = zip(*blocks(), strict=True)
    return np.concatenate(claims), np.concatenate(controls)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("null", [False, True], ids=["truth", "null"])
def test_what_is_known_in_law_has_that_law(kind: str, null: bool) -> None:
    trial = KINDS[kind].null_twin() if null else KINDS[kind]
    assert is_controlled(trial)
    control = control_of(trial)
    claims, values = simulated(trial, control, n_blocks(trial))
    error = np.sqrt(values.var(axis=0) / len(values) + np.diag(control.known_to))
    assert_within_mcse(values.mean(axis=0), 0.0, mcse=error)
    share, mcse = Moments.of(claims, values, control.known_to).share()
    plain = claims.std() / np.sqrt(len(claims))
    assert_within_mcse(share, claims.mean(), mcse=plain)
    assert mcse < 0.8 * plain


HONEST = [
    (kind, null, _PER_RUN)
    for kind in (
        "after the last patient",
        "at events of sites",
        "looks",
        "late differences",
        "one step of the hazard ratio, strata, looks",
        "the best of four weights",
        "curves with dropout",
        "a score, adjusted",
        "ranks of a score at two looks, unchanged where missing",
        "ranks of a score with a lowest one",
        "a response and a score",
        "shares at two looks",
        "lots on both arms, strata",
        "two doses, a response",
        "years in remission",
        "strata that act, at events",
        "a covariate that acts on several states",
        "two doses, survival on two sides",
    )
    for null in (False, True)
]
HONEST += [  # they take their time
    ("rates at two looks", False, 200),
    ("an arm that joins later", False, 400),
    ("years of sequences of treatments", False, 400),
]


@pytest.mark.parametrize(("kind", "null", "per_run"), HONEST)
def test_shares_are_unbiased_and_their_errors_honest(kind: str, null: bool, per_run: int) -> None:
    trial = KINDS[kind].null_twin() if null else KINDS[kind]
    control = control_of(trial)
    size = replicates_per_block(trial.n_patients)
    claims, values = simulated(trial, control, -(-_RUNS * per_run // size))
    whole = Moments.of(claims, values, control.known_to).share()
    parts = [slice(k * per_run, (k + 1) * per_run) for k in range(_RUNS)]
    runs = [Moments.of(claims[part], values[part], control.known_to).share() for part in parts]
    shares, errors = np.array([run or (np.nan, np.nan) for run in runs]).T
    known = np.isfinite(shares)
    assert known.mean() > 0.9  # few claims leave a share as it is
    off = (shares - whole[0])[known] / errors[known]
    assert_within_mcse(off.mean(), 0.0, mcse=1 / np.sqrt(known.sum()))
    assert_within_mcse(off.std(), 1.0, mcse=1 / np.sqrt(2 * known.sum()))
    inside = (np.abs(off) <= 1.96).mean()
    assert_within_mcse(inside, 0.95, mcse=np.sqrt(0.95 * 0.05 / known.sum()))
    assert_within_mcse(claims.mean(), whole[0], mcse=claims.std() / np.sqrt(len(claims)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_randomization_adds_what_it_would_alone(kind: str) -> None:
    twin = KINDS[kind].null_twin()
    if not is_exchangeable(twin):
        return  # each trial has patients of its own
    control = control_of(twin)
    generated = generate(twin, Block(seed=SEED, number=0, n_replicates=12))
    shape = 2, *generated.arm.shape
    labels = stream(SEED, "labels").integers(0, len(twin.arms), shape).astype(np.int8)
    for values, arm in zip(control.relabeled(generated, labels), labels, strict=True):
        alone = control.values(replace(generated, arm=arm))
        np.testing.assert_allclose(values, alone, atol=1e-12)


@pytest.mark.parametrize("what", WRONG_LAWS)
def test_a_wrong_law_is_caught(what: str) -> None:
    wrong, right = WRONG_LAWS[what]
    _, values = simulated(right, control_of(wrong), 2 * n_blocks(right))
    error = values.std(axis=0) / np.sqrt(len(values))
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(values.mean(axis=0), 0.0, mcse=error)


@pytest.mark.parametrize(
    ("name", "n_replicates"),
    [
        ("event_rate", 4_000),
        ("phase2_sledai_24w", 1_000),
        ("platform_regimens", 1_000),
        ("phase3_bicla_52w", 4_000),
        ("survival_200_events", 16_000),
        ("survival_three_looks", 16_000),
        ("time_to_event", 16_000),
        ("reinfusion_withdrawal", 16_000),
        ("score_change", 16_000),
        ("smart_msc_then_cart", 4_000),
    ],
)
def test_packaged_trials_have_the_power_that_is_counted(name: str, n_replicates: int) -> None:
    loaded = load_scenario(name)
    point = run(replace(loaded, points=loaded.points[:1]), n_replicates, seed=SEED).points[0]
    counted = point.plain
    # few sets of patients serve the trials without an effect: their claims may be too few to fit
    of_null = 0.62 if n_replicates > 10_000 else 1.0
    for known, plain, left in (
        (point.power, counted.power, 0.62),
        (point.type_one_error, counted.type_one_error, of_null),
    ):
        assert known.mcse <= left * plain.mcse
        # what was taken out is all that sets them apart
        apart = np.sqrt(plain.mcse**2 - known.mcse**2)
        assert_within_mcse(known.value, plain.value, mcse=apart)
