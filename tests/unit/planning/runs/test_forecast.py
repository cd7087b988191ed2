"""How long a run would take is known before it begins."""

from __future__ import annotations

import threading
import time

import pytest

from lupusim.analysis.proportions import unconditional_exact
from lupusim.planning.execution.tasks import Done, Task
from lupusim.planning.runs import forecast as module
from lupusim.planning.runs.forecast import Forecast, at_work, forecast
from lupusim.scenario import load_scenario


def takes(monkeypatch: pytest.MonkeyPatch, *, once: float = 0.0, each: float = 0.0) -> list[int]:
    """Let each trial take so long, and the first so much more; return what was simulated."""
    asked: list[int] = []

    def work(task: Task) -> Done:
        n = task.blocks[0].n_replicates
        seconds = each * n + (0 if asked else once)
        asked.append(n)
        return Done(fingerprint="", blocks=task.blocks, tallies=(), seconds=seconds)

    monkeypatch.setattr(module, "work", work)
    return asked


def test_a_run_takes_what_its_trials_take(monkeypatch: pytest.MonkeyPatch) -> None:
    takes(monkeypatch, each=0.5)
    scenario = load_scenario("survival_200_events")
    found = forecast(scenario, 1000, n_jobs=2)
    assert found.seconds == pytest.approx(0.5 * 1000 / 2 * len(module._some_tasks(scenario)[0]))
    assert found.words().startswith("this takes about")


def test_what_is_done_once_is_not_counted_for_every_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = takes(monkeypatch, once=100.0, each=0.001)
    found = forecast(load_scenario("survival_200_events"), 1000)
    assert found.words() == ""
    assert asked[0] == 1
    assert found.n_timed == 1


def test_what_is_slow_is_not_tried_more_than_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = takes(monkeypatch, each=2.0)
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    forecast(load_scenario("survival_200_events"), 1000)
    assert set(asked[:-1]) == {1}


def test_every_sixth_of_many_designs_stands_for_its_neighbors() -> None:
    scenario = load_scenario("phase2_remission_52w")
    tasks, each = module._some_tasks(scenario)
    assert each == 1.0
    sizes = {task.trial.n_patients for task in tasks}
    assert sizes == {point.trial.n_patients for point in scenario.points}


def test_a_forecast_says_how_long_how_large_and_what_for() -> None:
    made = Forecast(seconds=900, bytes=2.5e9, cores=2, n_timed=8, parts=("the test (barnard)",))
    assert made.words("each") == (
        "each takes about 15 minutes and about 2.5 GB in each of them with 2 processes (judged by "
        "8 trials a design), most of it for the test (barnard)"
    )
    assert Forecast(seconds=59, bytes=9e8, cores=1, n_timed=1).words() == ""


def test_what_a_thread_is_at_is_seen_from_another() -> None:
    own = load_scenario("two_rates").points[0].trial

    def repeat() -> None:
        end = time.monotonic() + 1
        while time.monotonic() < end and not seen:
            forecast(load_scenario("two_rates"), 1)

    seen: set[str] = set()
    thread = threading.Thread(target=repeat)
    thread.start()
    while thread.is_alive():
        seen |= {at_work(thread.ident or 0)} - {""}
        time.sleep(0.001)
    assert seen
    assert at_work(-1) == ""
    assert module._what("the test", own).startswith(" (")


def test_memory_grows_with_the_trials_of_a_block() -> None:
    tasks, _ = module._some_tasks(load_scenario("two_rates"))
    few, many = module._memory(tasks, 8, 8), module._memory(tasks, 8, 800)
    assert 0 < few < many


def test_processes_of_no_number_are_refused() -> None:
    with pytest.raises(ValueError, match="n_jobs=0"):
        forecast(load_scenario("two_rates"), 10, n_jobs=0)


BARNARD = """schema: lupusim/scenario/1
title: Barnard's test of many patients
outcomes: {response: {kind: response, at: 24 weeks}}
arms:
  - {name: control, control: true, outcomes: {response: 30 %}}
  - {name: treated, outcomes: {response: 36 %}}
ALLOCATION
enrollment: 100 per month
analysis: {test: barnard, alpha: 0.025, sided: 1}
sample_size: 2000
simulation: {replicates: 1000, seed: 1}
"""


@pytest.mark.parametrize(
    ("allocation", "least", "most"),
    [("1:1", 1, 1), ("{method: simple}", 1600 / 2, 2000 / 2)],
    # pairs of arm sizes of a trial and of its null twin, by process
)
def test_all_tables_of_large_arms_are_told_before_they_are_worked_out(
    allocation, least, most, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(unconditional_exact, "_seconds_per_table", lambda _: 1e-4)
    monkeypatch.setattr(unconditional_exact, "_Ordered", None)  # or it would be worked out
    file = tmp_path / "barnard.yaml"
    file.write_text(BARNARD.replace("ALLOCATION", f"allocation: {allocation}"))
    found = forecast(load_scenario(file), n_jobs=2)
    each = 3 * 1001**2 * 1e-4  # better, worse, and both ways
    assert 0.95 * least * each < found.seconds < 1.1 * most * each + 30
    assert found.parts == ("the test (barnard, 2,000 patients a trial)",)
    assert 1e8 < found.bytes < 1e9


def test_how_long_a_table_takes_is_known_from_few_of_its_probabilities() -> None:
    order = unconditional_exact._z_less
    begin = time.perf_counter()
    unconditional_exact._p_value_table.__wrapped__(250, 251, order)
    took = (time.perf_counter() - begin) / (251 * 252)
    assert 0.1 < unconditional_exact._seconds_per_table(order) / took < 10
