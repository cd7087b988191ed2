"""The bench: jobs, ledger, interruption, progress."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import small_trials
from lupusim.planning import frontier as frontiers
from lupusim.planning.assurance import Nesting, assurance
from lupusim.planning.assurance_results import InterruptedAssuranceError
from lupusim.planning.bench import Bench, InterruptedJobsError, Notebook, bench
from lupusim.planning.effect_priors import NormalEffect, OrNoEffect
from lupusim.planning.frontier import InterruptedFrontierError, frontier
from lupusim.planning.ledger import Existing, LedgerError
from lupusim.planning.parallel import Cores
from lupusim.planning.replicates import Simulator, added_up
from lupusim.planning.results import Progress
from lupusim.planning.run import RunOptions, run
from lupusim.planning.sample_size import Search, find_size
from lupusim.planning.sensitivity import InterruptedTornadoError, Measure, Value, sensitivity
from lupusim.planning.size_results import InterruptedSearchError, SampleSize
from lupusim.planning.sizing import Patients
from lupusim.planning.sobol import sobol
from lupusim.planning.tasks import Done, Task, work
from lupusim.trial import Dropout, Trial
from tolerance import SEED

RATES = small_trials.rates((0.2, 0.5), n_patients=100)
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
    expected = find_size(Patients(trial=RATES), 0.8, search=QUICK)
    with bench(Cores(), seed=SEED, notebook=notebook(tmp_path)) as here:
        stopping = replace(here, spread=stopped_after(0).spread)
        with pytest.raises(InterruptedSearchError) as caught:
            find_size(Patients(trial=RATES), 0.8, search=replace(QUICK, bench=stopping))
    assert {"n_patients", "n_replicates", "power", "power_mcse"} == set(caught.value.powers)
    with bench(Cores(), seed=SEED, notebook=notebook(tmp_path)) as here:
        found = find_size(Patients(trial=RATES), 0.8, search=replace(QUICK, bench=here))
    assert found.to_json() == expected.to_json()
    assert found.curve.equals(expected.curve)
    with bench(Cores(), seed=SEED, notebook=notebook(tmp_path)) as here:
        again = replace(QUICK, bench=replace(here, spread=none_left))
        assert find_size(Patients(trial=RATES), 0.8, search=again).to_json() == expected.to_json()


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
    trial: Trial = replace(RATES, dropout=Dropout(per_year=float(values.get("dropout", 0.1))))
    return trial


def test_an_interrupted_tornado_has_the_swings_that_are_finished() -> None:
    measure = Measure(n_replicates=6000, seed=SEED)
    ranges = {"dropout": (0.0, 0.3), "other": (0.0, 1.0)}
    with pytest.raises(InterruptedTornadoError) as caught:
        sensitivity(build, ranges, measure=measure, bench=stopped_after(1))
    assert [swing.path for swing in caught.value.partial.swings] == ["dropout"]
    assert not caught.value.partial.to_json()["complete"]
    with pytest.raises(InterruptedJobsError):
        sobol(build, ranges, measure=measure, n_trials=12, bench=stopped_after(1))


def test_an_interrupted_frontier_has_the_designs_that_are_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = small_trials.scenario(RATES, small_trials.rates((0.2, 0.6)))
    with pytest.raises(InterruptedFrontierError) as caught:
        frontier(scenario, 0.8, search=replace(QUICK, bench=stopped_after(0)))
    assert caught.value.partial is None

    def only_the_first(sizing: Patients, power: float, *, search: Search) -> SampleSize:
        if sizing.trial != RATES:
            raise KeyboardInterrupt
        return find_size(sizing, power, search=search)

    monkeypatch.setattr(frontiers, "find_size", only_the_first)
    with pytest.raises(InterruptedFrontierError) as caught:
        frontier(scenario, 0.8, search=QUICK)
    assert caught.value.partial is not None
    assert caught.value.partial["design"].tolist() == [0]


def test_progress_counts_replicates_up_to_all_that_was_asked() -> None:
    told: list[Progress] = []
    with bench(Cores(), listener=told.append) as here:
        Simulator(seed=SEED, bench=here).tally(RATES, 6000)
        Simulator(seed=SEED, bench=here).tally(RATES, 10)
    assert (told[-1].done, told[-1].total) == (6010, 6010)
    assert [state.done for state in told] == sorted(state.done for state in told)
