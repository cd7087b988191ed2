"""Two-sided trials, and statistics that do not exist, beside looks, families and gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import fisher_exact

from lupusim.analysis.group_sequential import EfficacyAt
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Adjusted, Graphical, sequential_graph
from lupusim.analysis.outcomes import BinaryOutcome, SurvivalOutcome
from lupusim.analysis.registry import TESTS, plain_tests
from lupusim.common.arrays import FloatArray
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.simulation.adaptation import Gate, GateMeasure
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.looks.look_statistics import gather
from lupusim.trial import AfterLastPatient, Trial, Verdict
from lupusim.trial.multiplicity import Family, Hypothesis
from tolerance import SEED
from trials import analysis
from trials_adaptive import AT, adaptive_trial

BLOCK = Block(seed=SEED, number=0, n_replicates=60)
SMALL = 14  # patients: many a replicate has no response at a look, or no other
LAST_ONLY = EfficacyAt(looks=(2,), rule="obrien_fleming")


def of_outcome(kind: type) -> list[str]:
    return [name for name, test in plain_tests().items() if test.outcome is kind]


def ready(test: str) -> Callable[..., Verdict]:
    kind = TESTS[test]
    return kind.with_parameters(dict.fromkeys(kind.required, AT / 2))


def small_trial(test: str, sided: int, **changes: object) -> Trial:
    alpha = 0.05 * sided
    values = {
        "n_looks": 2,
        "n_patients": SMALL,
        "analysis": replace(analysis(test, alpha=alpha, sided=sided), test=ready(test)),
        "stopping": GroupSequential(alpha=alpha, sided=sided, efficacy=LAST_ONLY),
    }
    return adaptive_trial(None, 0.3, **{**values, **changes})


def found(trial: Trial) -> dict[str, FloatArray]:
    return simulate({"": trial}, BLOCK)[""]


@pytest.mark.parametrize("sided", [1, 2])
@pytest.mark.parametrize("test", [*of_outcome(BinaryOutcome), *of_outcome(SurvivalOutcome)])
def test_a_look_without_bounds_and_a_sequence_change_nothing(test: str, sided: int) -> None:
    changes: dict[str, object] = {}
    if TESTS[test].outcome is SurvivalOutcome:
        changes["primary"] = TimeToEvent(name="to well", events=("well",))
    two = small_trial(test, sided, **changes)
    one = replace(two, interims=(), stopping=None)
    again = replace(two.primary, name="again")
    procedure = Graphical.of(sequential_graph("fixed_sequence", 2, None), sided=sided)
    kind = TESTS[test]
    second = Hypothesis(endpoint="again", name=test, test=ready(test), effect=kind.effect)
    family = Family(procedure=procedure, hypotheses=(second,))
    first_of_two = replace(one, secondary=(again,), family=family)
    alone = found(one)
    assert not (alone["reject"] * alone["undefined"]).any()
    for other in (found(two), found(first_of_two)):
        np.testing.assert_array_equal(other["reject"], alone["reject"])
        np.testing.assert_array_equal(other["undefined"], alone["undefined"])


def test_exact_tests_have_their_own_two_sided_p_value_at_looks() -> None:
    trial = small_trial("fisher_exact", 2)
    generated = generate(trial, BLOCK)
    (seen,) = gather(trial, generated)
    for look in range(2):
        outcome = generated.measurements[0].outcome(observed(generated, seen.cutoff[:, look]))
        responders, n = (np.stack(one) for one in zip(*map(outcome.counts, (0, 1)), strict=True))
        for row in range(30):
            table = [responders[:, row], n[:, row] - responders[:, row]]
            assert seen.decisive[row, look] == pytest.approx(fisher_exact(table).pvalue)


def test_what_is_undefined_is_no_success_at_a_gate_nor_in_a_family() -> None:
    early = Responder(name="early", states=("well",), at=AT)
    rule = Hypothesis(endpoint="early", name="pooled_z", test=TESTS["pooled_z"], effect="")
    gate = Gate(early=rule, look=1, measure=GateMeasure.Z, at_least=99.0)
    trial = small_trial(
        "logistic_regression", 2, adaptation=gate, secondary=(early,), stopping=None
    )
    closed = found(trial)
    assert closed["gate_stopped"].all()  # also where the primary statistic does not exist
    assert not closed["reject"].any()
    (seen,) = gather(trial, generate(trial, BLOCK))
    assert seen.undefined[:, 0].any()
    assert not closed["undefined"].any()  # the gate decided, not the test
    twins = adaptive_trial(
        None,
        0.3,
        0.3,
        n_looks=1,
        n_patients=9,
        analysis=analysis("logistic_regression", alpha=0.1, sided=2),
        family=Family(procedure=Adjusted(method="holm")),
    )
    shown = found(twins)
    assert shown["undefined"].mean() > 0
    assert shown["reject"].mean() < 0.1


def test_a_success_on_the_final_data_is_no_flip_flop() -> None:
    trial = small_trial("pooled_z", 1, n_patients=60)
    rule = GroupSequential(alpha=0.05, efficacy="obrien_fleming")
    later = AfterLastPatient(follow_up=2 * AT)  # no response is known by then that was not before
    twice = replace(trial, interims=(trial.cutoff,), cutoff=later, stopping=rule)
    shown = found(twice)
    assert shown["look_1_efficacy"].mean() == found(trial)["reject"].mean() > 0
    assert not shown["flip_flop"].any()
