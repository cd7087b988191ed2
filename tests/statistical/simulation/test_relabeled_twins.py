"""Type I errors of replicates that share patients: unbiased, with honest errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Adjusted, Graphical, sequential_graph
from lupusim.common.rng import stream
from lupusim.endpoints import TimeToEvent
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.kinds import is_controlled
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks import relabeled
from lupusim.simulation.relabeling import is_exchangeable, score_relabeled
from lupusim.simulation.tally import Tally
from lupusim.trial import AtEvents, Dropout, Population, Trial
from lupusim.trial.allocation.adaptive import Minimization
from lupusim.trial.multiplicity import Family
from tolerance import SEED, assert_within_mcse
from trials import analysis, disease_trial, exponential_arm, survival_trial
from trials_of_values import value_trial

pytestmark = pytest.mark.slow

_FACTORS = Population(factors={"nephritis": {"yes": 0.3, "no": 0.7}})
_HOLM = Family(procedure=Adjusted(method="holm"))
_IN_ORDER = Family(procedure=Graphical.of(sequential_graph("fixed_sequence", 2, None)))
_LOOKS = {
    "follow_up": np.inf,
    "interims": (AtEvents(events=15), AtEvents(events=25)),
    "cutoff": AtEvents(events=40),
    "stopping": GroupSequential(alpha=0.025),
}
_THREE = tuple(exponential_arm(name, 0.8) for name in ("control", "low", "high"))
KINDS: dict[str, Trial] = {
    "log-rank": survival_trial(dropout=Dropout(per_year=0.4)),
    "log-rank of twelve": survival_trial(n_patients=12),
    "looks": survival_trial(**_LOOKS),
    "two sides": survival_trial(analysis=analysis(sided=2, alpha=0.1)),
    "strata": survival_trial(
        population=_FACTORS,
        stratify_by=("nephritis",),
        analysis=analysis(stratify_by=("nephritis",)),
    ),
    "minimization": survival_trial(
        population=_FACTORS, stratify_by=("nephritis",), allocation=Minimization(n_levels=(2,))
    ),
    "three arms": survival_trial(arms=_THREE, family=_HOLM),
    "three arms, looks": survival_trial(arms=_THREE, family=_IN_ORDER, **_LOOKS),
    "one step": survival_trial(analysis=analysis("peto"), **_LOOKS),
    "weights": survival_trial(analysis=analysis("fleming_harrington")),
    "a score": value_trial("ancova"),
    "a response and a score": value_trial("pooled_z", "response", second="ancova"),
    "shares": value_trial("fisher_exact", "response", sample_size=24),
    "everything": disease_trial(),
}


def blocks(n_blocks: int, n_replicates: int, first: int = 0) -> Iterator[Block]:
    for number in range(first, first + n_blocks):
        yield Block(seed=SEED, number=number, n_replicates=n_replicates)


def total(tallies: Iterator[Tally]) -> Tally:
    found = Tally()
    for tally in tallies:
        found.add(tally)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_type_one_errors_are_those_of_trials_with_patients_of_their_own(kind: str) -> None:
    twin = KINDS[kind].null_twin()
    assert is_exchangeable(twin)
    control = control_of(twin) if is_controlled(twin) else None
    controls = {} if control is None else {"": control}
    shared = [score_relabeled({"": twin}, (), block, controls)[""] for block in blocks(80, 1600)]
    own = total(simulate_block(twin, block) for block in blocks(50, 800, first=1000)).mean("reject")
    whole = total(iter(shared))
    for said in (whole.mean("reject"), whole.claims()):
        error = np.hypot(said.mcse, own.mcse)
        assert_within_mcse(said.value, own.value, mcse=error)
    for mean in (lambda one: one.mean("reject"), lambda one: one.claims()):
        means = [mean(one) for one in shared]
        errors = np.array([one.mcse for one in means])
        known = errors > 0  # who has no claim at all has no error
        assert known.mean() > 0.9
        off = np.array([one.value for one in means]) - mean(whole).value
        spread = np.sqrt((off[known] ** 2).mean() / (errors[known] ** 2).mean())
        assert_within_mcse(spread, 1.0, mcse=1 / np.sqrt(2 * known.sum()))


def test_looks_have_their_error_at_each_of_them() -> None:
    twin = KINDS["looks"].null_twin()
    shared = total(score_relabeled({"": twin}, (), one, {})[""] for one in blocks(100, 800))
    own = total(simulate_block(twin, block) for block in blocks(50, 800, first=1000))
    for name in ("look_1_efficacy", "look_2_efficacy", "look_3_futility"):
        ours, theirs = shared.mean(name), own.mean(name)
        error = np.hypot(ours.mcse, theirs.mcse)
        assert_within_mcse(ours.value, theirs.value, mcse=error)


def test_a_log_rank_twin_beside_a_few_lines_of_numpy() -> None:
    twin = KINDS["log-rank"].null_twin()
    shared = total(score_relabeled({"": twin}, (), one, {})[""] for one in blocks(100, 800))
    rng, n = stream(SEED, "by hand"), 40_000
    death, left = (rng.exponential(1 / rate, (n, 60)) for rate in (0.8, 0.4))
    came = rng.random((n, 60))
    until = np.minimum(left, np.minimum(2.0, came.max(axis=1, keepdims=True) + 2.0 - came))
    time, event = np.minimum(death, until), death <= until
    order = np.argsort(time, axis=1)
    event = np.take_along_axis(event, order, axis=1)
    arm = rng.permuted(np.tile([0, 1], (n, 30)), axis=1)  # as blocks of 60
    share = np.cumsum(arm[:, ::-1], axis=1)[:, ::-1] / np.arange(60, 0, -1)
    z = (event * (arm - share)).sum(axis=1) / np.sqrt((event * share * (1 - share)).sum(axis=1))
    expected = (z <= -1.959964).mean()
    mcse = np.hypot(np.sqrt(expected * (1 - expected) / n), shared.mean("reject").mcse)
    assert_within_mcse(shared.mean("reject").value, expected, mcse=mcse)


def test_arms_that_differ_would_be_caught() -> None:
    trial = survival_trial()
    assert not is_exchangeable(trial)
    block = Block(seed=SEED, number=0, n_replicates=4000)
    own, shared = simulate_block(trial, block), score_relabeled({"": trial}, (), block, {})[""]
    error = np.hypot(own.mean("reject").mcse, shared.mean("reject").mcse)
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_within_mcse(shared.mean("reject").value, own.mean("reject").value, mcse=error)


def test_errors_of_trials_taken_for_independent_would_be_too_small() -> None:
    """Twelve patients: what is claimed of them depends on who they are."""
    twin = replace(KINDS["log-rank of twelve"], cutoff=AtEvents(events=6)).null_twin()
    whole = total(score_relabeled({"": twin}, (), one, {})[""] for one in blocks(50, 800))
    mean = whole.mean("reject")
    assert mean.mcse > np.sqrt(mean.value * (1 - mean.value) / mean.n)


def test_times_of_two_endpoints_are_worked_out_at_once() -> None:
    other = TimeToEvent(name="again", events=("death",))
    family = KINDS["a response and a score"].family
    assert family is not None
    trial = survival_trial(
        secondary=(other,),
        family=replace(
            family,
            hypotheses=tuple(
                replace(one, endpoint="again", test=survival_trial().analysis.test)
                for one in family.hypotheses
            ),
        ),
    )
    twin = trial.null_twin()
    block = Block(seed=SEED, number=0, n_replicates=4000)
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relabeled, "gather", lambda *_: calls.append(1))
        shared = score_relabeled({"": twin}, (), block, {})[""].mean("reject")
    assert not calls
    own = simulate_block(twin, block).mean("reject")
    assert_within_mcse(shared.value, own.value, mcse=np.hypot(shared.mcse, own.mcse))
