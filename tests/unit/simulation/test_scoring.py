"""One simulation, many rules: the same bits as each trial alone, differences paired."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from lupusim.analysis.group_sequential import FutilityBounds, HaybittlePeto
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.endpoints import TimeToEvent
from lupusim.planning.execution import tasks
from lupusim.planning.execution.ledger import Existing
from lupusim.planning.execution.shards import Nothing, Shard, merge
from lupusim.planning.runs.precision import TargetMcse
from lupusim.planning.runs.results import RunResult
from lupusim.planning.runs.run import InterruptedRunError, RunOptions, run
from lupusim.simulation.adaptation import Against, BayesianResponse, PromisingZone
from lupusim.simulation.adaptation import base as blocks
from lupusim.simulation.block import simulate, simulate_block
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.scoring import Pair, generation_hash, score_block
from lupusim.simulation.tally import Tally
from lupusim.trial import AtEvents, Trial
from lupusim.trial.adaptation import Facts
from lupusim.trial.multiplicity import Family, Hypothesis
from lupusim.trial.scenario import DesignPoint, Scenario
from tolerance import SEED
from trials import analysis, survival_trial
from trials_adaptive import adaptive_trial

N_REPLICATES = 23  # four blocks of five and one of three


def trial(**changes: object) -> Trial:
    values = {
        "interims": (AtEvents(events=20),),
        "cutoff": AtEvents(events=40),
        "stopping": GroupSequential(alpha=0.025),
        "follow_up": np.inf,
        "hazard_ratio": 0.6,
    }
    return survival_trial(**{**values, **changes})


FIXED = trial(interims=(), stopping=None)
LOOSE = trial(interims=(), stopping=None, analysis=analysis(alpha=0.2))
STRICT = trial(stopping=GroupSequential(alpha=0.025, efficacy=HaybittlePeto(bound=3.0)))
POCOCK = trial(stopping=GroupSequential(alpha=0.025, efficacy="pocock"))
FUTILE = trial(stopping=GroupSequential(alpha=0.025, futility=FutilityBounds(z=(0.0,))))
RULES = {
    "plain": trial(),
    "strict": STRICT,
    "pocock": POCOCK,
    "futile": FUTILE,
    "fixed": FIXED,
    "loose": LOOSE,
}


def family(method: str) -> Trial:
    test = analysis()
    hypothesis = Hypothesis(endpoint="again", name="logrank", test=test.test, effect=test.effect)
    return trial(
        interims=(),
        stopping=None,
        secondary=(TimeToEvent(name="again", events=("death",)),),
        family=Family(procedure=Adjusted(method=method), hypotheses=(hypothesis,)),
    )


def bayesian(success: float) -> Trial:
    rule = BayesianResponse(success=success, against=Against.CONTROL)
    return adaptive_trial(rule, 0.5, n_looks=3, n_patients=60)


def resized(least: float | None) -> Trial:
    late = GroupSequential(alpha=0.05)
    zone = None if least is None else PromisingZone(planned=30, least=least, power=0.9)
    return trial(adaptation=zone, stopping=late)


GROUPS = {
    "looks": RULES,
    "families": {name: family(name) for name in ("bonferroni", "fixed_sequence")},
    "adaptive allocation": {"0.9": bayesian(0.9), "0.99": bayesian(0.99)},
    "sizes": {str(least): resized(least) for least in (None, 0.1, 0.4)},
}


def grouped(trials: list[Trial]) -> list[list[int]]:
    """Return the positions of trials that share their patients, group by group."""
    groups: dict[str, list[int]] = {}
    for number, one in enumerate(trials):
        groups.setdefault(generation_hash(one), []).append(number)
    return list(groups.values())


@pytest.mark.parametrize("name", GROUPS)
def test_trials_judged_together_have_the_bits_of_each_alone(name: str) -> None:
    rules = GROUPS[name]
    assert len(grouped(list(rules.values()))) == 1
    for block in (Block(seed=SEED, number=k, n_replicates=40) for k in range(2)):
        for key, quantities in simulate(rules, block).items():
            assert Tally.of(quantities) == simulate_block(rules[key], block)


def test_trials_share_patients_only_where_nothing_but_rules_differs() -> None:
    larger = trial(n_patients=80)
    assert grouped([trial(), larger, STRICT, FIXED]) == [[0, 2, 3], [1]]
    assert generation_hash(trial()) != generation_hash(replace(trial(), follow_up=3.0))


def test_adaptive_allocation_shares_patients_with_its_like_at_the_same_looks_alone() -> None:
    one, other = bayesian(0.9), bayesian(0.99)
    later = replace(one, interims=one.interims[1:])
    plain = replace(one, adaptation=None, interims=(), analysis=analysis("pooled_z"))
    assert grouped([one, other, later, plain]) == [[0, 1], [2], [3]]


def test_an_unknown_adaptation_shares_patients_only_where_it_is_the_same() -> None:
    @dataclass(frozen=True)
    class New(Facts):
        """Nothing that is known here."""

    @dataclass(frozen=True)
    class Other(Facts):
        """Another one."""

    def with_rule(kind: type[Facts]) -> Trial:
        changed = trial()
        object.__setattr__(changed, "adaptation", kind())
        return changed

    assert grouped([trial(), with_rule(New), with_rule(Other), with_rule(New)]) == [
        [0],
        [1, 3],
        [2],
    ]


def test_differences_are_taken_replicate_by_replicate() -> None:
    block = Block(seed=SEED, number=0, n_replicates=2_000)
    sums = score_block(RULES, [Pair(later="pocock", first="plain")], block)
    difference = sums["pocock - plain"].mean("reject_difference")
    plain, pocock = sums["plain"].mean("reject"), sums["pocock"].mean("reject")
    assert difference.value == pytest.approx(pocock.value - plain.value)
    assert 0 < difference.mcse < 0.5 * np.hypot(plain.mcse, pocock.mcse)
    apart = sums["pocock"].mean("duration").value - sums["plain"].mean("duration").value
    assert sums["pocock - plain"].mean("duration_difference").value == pytest.approx(apart)


# the runner


def asked(*names: str) -> Scenario:
    points = tuple(DesignPoint(values={"rule": name}, trial=RULES[name]) for name in names)
    return Scenario(
        name="s", title="S", question="", points=points, n_replicates=N_REPLICATES, seed=SEED
    )


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> list[Block]:
    """Count the blocks whose patients are generated; blocks are of five."""
    monkeypatch.setattr(tasks, "replicates_per_block", lambda _: 5)
    seen, original = [], blocks.generate

    def count(trial: Trial, block: Block, **more: object) -> object:
        seen.append(block)
        return original(trial, block, **more)

    monkeypatch.setattr(blocks, "generate", count)
    return seen


def answer(result: RunResult) -> str:
    told = result.to_json()
    del told["seconds"]
    return json.dumps(told)


def options(folder: Path, **more: object) -> RunOptions:
    return RunOptions(folder=folder, existing=Existing.RESUME, **more)


def test_one_more_rule_generates_no_patient(generated: list[Block]) -> None:
    result = run(asked(*RULES))
    assert len(generated) == 5 + 5  # under the truth, and with both arms alike
    for point in result.points:
        alone = run(asked(str(point.values["rule"]))).points[0]
        assert (point.power, point.type_one_error) == (alone.power, alone.type_one_error)
        counted, alone = point.plain, alone.plain
        assert (counted.tally, counted.null_tally) == (alone.tally, alone.null_tally)


def test_every_design_point_is_compared_with_the_first_that_shares_its_patients() -> None:
    larger = DesignPoint(values={"rule": "larger"}, trial=trial(n_patients=80))
    scenario = asked("plain", "strict", "fixed")
    result = run(replace(scenario, points=(larger, *scenario.points)))
    big, plain, strict, fixed = result.points
    assert big.compared is plain.compared is None
    for point in (strict, fixed):
        assert point.compared.values == {"rule": "plain"}
        found = point.compared.differences()
        assert list(found) == ["power", "type_one_error", "n_enrolled", "duration"]
        assert found["power"].value == pytest.approx(point.power.value - plain.power.value)
        error = point.type_one_error.value - plain.type_one_error.value
        assert found["type_one_error"].value == pytest.approx(error)


@pytest.mark.parametrize("stop", [1, 10, 60, 100, 130])
def test_a_resumed_run_of_many_rules_gives_the_bits_of_an_uninterrupted_one(
    tmp_path: Path, stop: int, generated: list[Block]
) -> None:
    def listener(progress: object) -> None:
        if progress.done >= stop:
            raise KeyboardInterrupt

    whole = answer(run(asked("plain", "strict", "fixed")))
    with pytest.raises(InterruptedRunError):
        run(asked("plain", "strict", "fixed"), listener=listener, options=options(tmp_path))
    assert answer(run(asked("plain", "strict", "fixed"), options=options(tmp_path))) == whole
    assert len(generated) == 2 * 10
    assert answer(run(asked("plain", "strict", "fixed"), options=options(tmp_path))) == whole
    assert len(generated) == 2 * 10


def test_a_rule_that_is_finished_is_not_counted_anew(
    tmp_path: Path, generated: list[Block]
) -> None:
    run(asked("plain"), options=options(tmp_path))
    assert len(generated) == 10
    both = run(asked("plain", "strict"), options=options(tmp_path))
    assert len(generated) == 20
    assert answer(both) == answer(run(asked("plain", "strict")))


def test_parts_of_a_run_of_many_rules_add_up_to_the_whole(
    tmp_path: Path, generated: list[Block]
) -> None:
    folders = [tmp_path / str(k) for k in range(3)]
    for number, folder in enumerate(folders, start=1):
        share = Shard(number=number, count=3)
        part = run(asked("plain", "strict"), options=options(folder, share=share))
        assert not part.complete
    merge(folders, tmp_path / "all")
    merged = run(asked("plain", "strict"), options=options(tmp_path / "all", share=Nothing()))
    assert merged.complete
    assert answer(merged) == answer(run(asked("plain", "strict")))
    assert len(generated) == 2 * 10


@pytest.mark.usefixtures("generated")
def test_a_precision_is_reached_rule_by_rule() -> None:
    precision = TargetMcse(mcse=0.05, most_replicates=200, first=20)
    result = run(asked("plain", "strict", "loose"), options=RunOptions(precision=precision))
    for point in result.points:
        assert point.power.mcse <= 0.05 or point.n_replicates == 200
        assert point.type_one_error.mcse <= 0.05
        alone = run(asked(str(point.values["rule"])), point.n_replicates).points[0]
        assert (point.power, point.type_one_error) == (alone.power, alone.type_one_error)
        counted, alone = point.plain, alone.plain
        assert (counted.tally, counted.null_tally) == (alone.tally, alone.null_tally)
    for one in result.points[1:]:
        assert one.compared.tally.sums["reject_difference"][0] == one.n_replicates


@pytest.mark.slow
def test_processes_do_not_change_the_bits_of_many_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    from lupusim.planning.execution import workers as parallel

    monkeypatch.setattr(parallel, "_POOL_PAYS_AFTER", 0.0)
    scenario = asked(*RULES)
    here = run(scenario, 20_000, n_jobs=1)
    assert answer(run(scenario, 20_000, n_jobs=2)) == answer(here)
    assert here.points[0].n_replicates == 20_000
