"""The bench: jobs, ledger, interruption, progress."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import small_trials
from lupusim.planning.assurance.assurance import Nesting, assurance
from lupusim.planning.assurance.beliefs import Beliefs
from lupusim.planning.assurance.effect_priors import NormalEffect, OrNoEffect
from lupusim.planning.assurance.results import InterruptedAssuranceError
from lupusim.planning.assurance.value_of_information import (
    Decision,
    InterruptedValueError,
    information_value,
)
from lupusim.planning.execution.bench import Bench, InterruptedJobsError, Notebook, bench
from lupusim.planning.execution.ledger import Existing, LedgerError
from lupusim.planning.execution.progress import Progress
from lupusim.planning.execution.tasks import Done, Task, work
from lupusim.planning.execution.workers import Cores
from lupusim.planning.runs.replicates import Simulator, added_up
from lupusim.planning.runs.run import RunOptions, run
from lupusim.planning.sample_size import frontier as frontiers
from lupusim.planning.sample_size.frontier import InterruptedFrontierError, sizes
from lupusim.planning.sample_size.growth import Patients
from lupusim.planning.sample_size.options import Search
from lupusim.planning.sample_size.results import InterruptedSearchError, SampleSize
from lupusim.planning.sample_size.search import find_size
from lupusim.planning.sensitivity.one_at_a_time import (
    InterruptedTornadoError,
    Measure,
    Value,
    sensitivity,
)
from lupusim.planning.sensitivity.sobol import InterruptedSobolError, sobol
from lupusim.report.questions.answers import interrupted_sentence
from lupusim.trial import BiasedCoin, Dropout, Trial
from tolerance import SEED

RATES = small_trials.rates((0.2, 0.5), n_patients=100)
SEARCHED = replace(RATES, allocation=BiasedCoin())  # no exact power
SURVIVAL = small_trials.survival(0.6)
SCENARIO = small_trials.scenario(RATES)
QUICK = Search(seed=SEED, precision=0.1)


def notebook(folder: Path, existing: Existing = Existing.RESUME) -> Notebook:
    return Notebook(folder=folder, existing=existing, scenario=SCENARIO)


def backwards(tasks: Iterator[Task], seconds: float) -> Generator[Done]:
    """Finish the last task first."""
    del seconds
    yield from map(work, reversed(list(tasks)))


def none_left(tasks: Iterator[Task], seconds: float) -> Generator[Done]:
    """Refuse to work: everything should be in the ledger."""
    del seconds
    yield from (pytest.fail(f"block {task.blocks} was simulated again") for task in tasks)


def stopped_after(n_tasks: int) -> Bench:
    """Return a bench whose workers are interrupted after some tasks in all."""
    left = iter(range(n_tasks))

    def spread(tasks: Iterator[Task], seconds: float) -> Generator[Done]:
        del seconds
        for task in tasks:
            if next(left, None) is None:
                raise KeyboardInterrupt
            yield work(task)

    return Bench(spread=spread)


def test_sums_do_not_depend_on_who_finishes_first() -> None:
    job = Simulator(seed=SEED).job(RATES, 9000)
    assert len(job.blocks) == 4
    with bench(Cores()) as here:
        expected = here.tallies([job])
    assert Bench(spread=backwards).tallies([job]) == expected


def test_finished_blocks_come_from_the_ledger_also_those_of_a_run(tmp_path: Path) -> None:
    run(SCENARIO, 5000, seed=SEED, options=RunOptions(folder=tmp_path))
    job = Simulator(seed=SEED).job(RATES, 5000)
    with bench(Cores(), seed=SEED, notebook=notebook(tmp_path)) as here:
        first = replace_spread(here).tallies([job])
    assert first[0][0].sums["reject"] == added_up(first[0][:1]).sums["reject"]
    with (
        pytest.raises(LedgerError, match="holds a run already"),
        bench(Cores(), seed=SEED, notebook=notebook(tmp_path, Existing.REFUSE)),
    ):
        pass


def replace_spread(here: Bench) -> Bench:
    return replace(here, spread=none_left)


def test_a_search_that_was_interrupted_goes_on_to_the_same_answer(tmp_path: Path) -> None:
    expected = find_size(Patients(trial=SEARCHED), 0.8, search=QUICK)
    with bench(Cores(), seed=SEED, notebook=notebook(tmp_path)) as here:
        stopping = replace(here, spread=stopped_after(5).spread)
        with pytest.raises(InterruptedSearchError) as caught:
            find_size(Patients(trial=SEARCHED), 0.8, search=replace(QUICK, bench=stopping))
    assert {"n_patients", "n_replicates", "power", "power_mcse"} == set(caught.value.powers)
    assert caught.value.near is not None
    n_patients, low, high = caught.value.near
    assert low <= n_patients <= high
    assert caught.value.to_json()["interval_so_far"] == [low, high]
    assert f"points to {n_patients} patients" in interrupted_sentence(caught.value)
    early = InterruptedSearchError(0.8, caught.value.powers)
    assert "interval_so_far" not in early.to_json()
    assert "points to no size yet" in interrupted_sentence(early)
    with bench(Cores(), seed=SEED, notebook=notebook(tmp_path)) as here:
        found = find_size(Patients(trial=SEARCHED), 0.8, search=replace(QUICK, bench=here))
    assert found.to_json() == expected.to_json()
    assert found.curve.equals(expected.curve)
    with bench(Cores(), seed=SEED, notebook=notebook(tmp_path)) as here:
        again = replace(QUICK, bench=replace(here, spread=none_left))
        assert (
            find_size(Patients(trial=SEARCHED), 0.8, search=again).to_json() == expected.to_json()
        )


def test_an_interrupted_assurance_tells_what_is_finished_and_resumes(tmp_path: Path) -> None:
    prior = OrNoEffect(probability=0.2, otherwise=NormalEffect(mean=-0.5, sd=0.2))
    scenario = small_trials.scenario(SURVIVAL)

    def found(nesting: Nesting) -> dict[str, object]:
        return assurance(
            scenario, effect_prior=prior, seed=SEED, n_replicates=2000, nesting=nesting
        ).to_json()

    expected = found(Nesting())
    book = replace(notebook(tmp_path), scenario=scenario)
    with bench(Cores(), seed=SEED, notebook=book) as here:
        stopping = replace(here, spread=stopped_after(2).spread)
        with pytest.raises(InterruptedAssuranceError) as caught:
            found(Nesting(bench=stopping))
    assert not caught.value.partial.complete
    with bench(Cores(), seed=SEED, notebook=book) as here:
        assert found(Nesting(bench=here)) == expected
    with bench(Cores(), seed=SEED, notebook=book) as here:
        assert found(Nesting(bench=replace(here, spread=none_left))) == expected


def build(values: Mapping[str, Value]) -> Trial:
    dropout = Dropout(per_year=float(values.get("dropout", 0.1)))
    trial: Trial = replace(SEARCHED, dropout=dropout)
    return trial


def test_an_interrupted_tornado_has_the_swings_that_are_finished() -> None:
    measure = Measure(n_replicates=6000, seed=SEED)
    ranges = {"dropout": (0.0, 0.3), "other": (0.0, 1.0)}
    with pytest.raises(InterruptedTornadoError) as caught:
        sensitivity(build, ranges, measure=measure, bench=stopped_after(1))
    partial = caught.value.partial
    assert [swing.path for swing in partial.swings] == ["dropout"]
    assert partial.missing == ("other",)
    assert partial.n_replicates == 2400  # one block
    assert not partial.to_json()["complete"]
    with pytest.raises(InterruptedTornadoError) as caught:
        sensitivity(build, ranges, measure=measure, bench=stopped_after(2))
    assert caught.value.partial.missing == ()


def test_interrupted_indices_are_those_of_the_designs_that_are_complete() -> None:
    measure = Measure(n_replicates=200, seed=SEED)
    ranges = {"dropout": (0.0, 0.3), "other": (0.0, 1.0)}

    def stopped(n_tasks: int) -> InterruptedSobolError:
        with pytest.raises(InterruptedSobolError) as caught:
            sobol(build, ranges, measure=measure, n_trials=16, bench=stopped_after(n_tasks))
        return caught.value

    early = stopped(10)
    assert early.partial is None
    assert early.designs["n_replicates"].tolist() == 11 * [200]
    assert (early.designs["mean_mcse"] > 0).all()
    late = stopped(12).partial
    assert late is not None
    assert (late.n_trials, late.complete) == (13, False)


def test_an_interrupted_value_of_data_is_that_of_the_draws_that_are_finished() -> None:
    beliefs = Beliefs(effect=OrNoEffect(probability=0.5))
    decision = Decision(gain=gain_of_a_third, cost=no_cost)
    smaller = replace(SEARCHED, n_patients=40)  # of neither a table is drawn

    def stopped(n_tasks: int) -> InterruptedValueError:
        with pytest.raises(InterruptedValueError) as caught:
            information_value(
                [SEARCHED, smaller],
                beliefs=beliefs,
                decision=decision,
                n_draws=120,
                seed=SEED,
                bench=stopped_after(n_tasks),
            )
        return caught.value

    first, second = stopped(0).partial, stopped(3).partial
    assert first is not None
    assert first[["n_patients", "n_draws"]].to_numpy().tolist() == [[100, 50]]
    assert second is not None
    assert second["n_draws"].tolist() == [100, 100]
    assert (second["perfect_information"] > 0).all()


def gain_of_a_third(trial: Trial) -> float:
    return 1 / 3 if trial.arms[1].model != trial.arms[0].model else -1 / 3


def no_cost(trial: Trial) -> float:
    del trial
    return 0.0


def test_lines_of_jobs_go_on_together() -> None:
    lines = [Simulator(seed=SEED + k).job(RATES, n).parts() for k, n in enumerate((9000, 24_000))]
    assert [len(line) for line in lines] == [4, 10]
    with bench(Cores()) as here:
        expected = [here.tallies(line) for line in lines]
        assert here.side_by_side(lines) == [[one[0] for one in line] for line in expected]
    with pytest.raises(InterruptedJobsError) as caught:
        stopped_after(7).side_by_side(lines)
    assert [len(line) for line in caught.value.finished] == [2, 5]
    long = Simulator(seed=SEED).job(RATES, 24_000 * 5)
    assert [len(part.blocks) for part in long.parts()] == 16 * [3] + [2]


def test_an_interrupted_frontier_has_the_designs_that_are_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = small_trials.scenario(SEARCHED, small_trials.rates((0.2, 0.6)))
    with pytest.raises(InterruptedFrontierError) as caught:
        sizes(scenario, 0.8, search=replace(QUICK, bench=stopped_after(0)))
    assert caught.value.partial is None
    assert caught.value.search is not None
    assert caught.value.values == {"design": 0}

    def only_the_first(sizing: Patients, power: float, *, search: Search) -> SampleSize:
        if sizing.trial != SEARCHED:
            raise KeyboardInterrupt
        return find_size(sizing, power, search=search)

    monkeypatch.setattr(frontiers, "find_size", only_the_first)
    with pytest.raises(InterruptedFrontierError) as caught:
        sizes(scenario, 0.8, search=QUICK)
    assert caught.value.partial is not None
    assert caught.value.partial["design"].tolist() == [0]


def test_progress_counts_replicates_up_to_all_that_was_asked() -> None:
    told: list[Progress] = []
    with bench(Cores(), listener=told.append) as here:
        Simulator(seed=SEED, bench=here).tally(RATES, 6000)
        Simulator(seed=SEED, bench=here).tally(RATES, 10)
    assert (told[-1].done, told[-1].total) == (6010, 6010)
    assert [state.done for state in told] == sorted(state.done for state in told)
