"""What planners write by mistake: one message for one mistake, with what to write there."""

# ruff: noqa: E501 - the table of mistakes is read line by line

from __future__ import annotations

from pathlib import Path

import pytest

from lupusim.errors import ScenarioError
from lupusim.planning.theory.expected_times import warnings_of
from lupusim.scenario import load_scenario
from lupusim.scenario.files.packaged import find_packaged
from lupusim.scenario.starters import starter_text

ENDPOINT_MISSING = "endpoints: {primary: {kind: responder, states: [remission], at: 52 weeks}}"
MISTAKES = [
    # packaged scenario, what stands there, what is written instead, key, what the message says
    ("two_rates", "size: 120\n", "size: [120, 90]\n", "sample_size", "vary: {sample_size: [120, 90]}"),
    ("two_rates", "size: 120\n", "size: 120 patients\n", "sample_size", "Write 120."),
    ("two_rates", "size: 120\n", "size: 120.0\n", "sample_size", "Write 120."),
    ("two_rates", "size: 120\n", "size: 1,200\n", "sample_size", "without commas: 1200"),
    ("two_rates", "sample_size: 120\n", "", "sample_size", "Add 'sample_size:'"),
    ("two_rates", "alpha: 0.025", "alpha: 2.5", "analysis.alpha", "Write 0.025 if 2.5 % is meant."),
    ("two_rates", "alpha: 0.025", "alpha: '0,025'", "analysis.alpha", "not a comma: 0.025."),
    ("two_rates", "pooled_z", "chi-square", "analysis.test", "Did you mean 'pooled_z'?"),
    ("two_rates", "pooled_z", "CMH", "analysis.test", "'cochran_mantel_haenszel'?"),
    ("two_rates", "pooled_z", "[pooled_z, boschloo]", "analysis.test", "vary: {analysis.test: [pooled"),
    ("two_rates", "{response: 30 %}", "{response: 30}", "arms.0.outcomes.response", "Write '30 %' or 0.3"),
    ("two_rates", "{response: 30 %}", "{respons: 30 %}", "arms.0.outcomes.respons", "Did you mean 'response'"),
    ("two_rates", "at: 24 weeks", "at: 24 wk", "outcomes.response.at", "Write days, weeks, months or years"),
    ("two_rates", "at: 24 weeks", "at: 2027-03-01", "outcomes.response.at", "is a date. Write a time since randomization"),
    ("two_rates", "10 per month", "ten per month", "enrollment", "Write such as 10 per month."),
    ("two_rates", "enrollment: 10 per month\n", "", "enrollment", "such as 'enrollment: 10 per month'"),
    ("two_rates", "replicates: 4000", "replicates: 4k", "simulation.replicates", "Write 4000."),
    ("two_rates", "allocation: 1:1", "\tallocation: 1:1", "", "Use spaces:"),
    ("two_rates", "schema: lupusim/scenario/1\n", "", "schema", "Add 'schema: lupusim/scenario/1' as"),
    ("two_rates", "lupusim/scenario/1", "lupusim/model/1", "schema", "under 'model:' in a scenario"),
    ("two_rates", "title: ", "# ", "title", "Add 'title:'"),
    ("two_rates", "analysis: ", "# ", "analysis", "analysis: {test: logrank, alpha: 0.025, sided: 1}"),
    ("two_rates", "arms:\n", "arm:\n", "arm", "Did you mean 'arms'?"),
    ("time_to_event", "15 % a year", "15 %", "dropout", "Write 15 % a year, or such as 15 % in 24"),
    ("time_to_event", "hazard_ratio: ", "hr: ", "arms.1.outcomes.relapse.hr", "Did you mean 'hazard_ratio'?"),
    ("time_to_event", "hazard_ratio: ", "hazard ratio: ", "arms.1.outcomes.relapse.hazard ratio", "'hazard_ratio'?"),
    ("time_to_event", "{events: 120}", "120 events", "looks.0.when", "Write {events: 120}."),
    ("time_to_event", "{events: 180}", "{calendar_time: 2027-12-31}", "looks.1.when.calendar_time", "is a date"),
    ("phase2_remission_52w", "allocation: 2", "allocation: '2:1'", "arms.1.allocation", "such as 2, or one ratio"),
    ("two_rates", "kind: ", "kindd: ", "outcomes.response.kindd", "Did you mean 'kind'?"),
    ("survival_three_looks", "kind: uniform", "kindd: uniform", "enrollment.kindd", "Did you mean 'kind'?"),
    ("survival_three_looks", "kind: uniform", "kind: xyz", "enrollment.kind", "Valid: piecewise, regions,"),
    ("phase3_bicla_52w", "BILAG flares, kind: event_count", "BILAG flares, kind: xyz", "endpoints.secondary.2.kind", "Valid: "),
    ("phase2_remission_52w", "endpoints:", "# endpoints:", "endpoints", ENDPOINT_MISSING),
]  # fmt: skip


def written(name: str, old: str, new: str, tmp_path: Path) -> Path:
    """Return a packaged scenario with one thing changed; comments out what stood below."""
    text = find_packaged("scenarios", name, ScenarioError).read_text()
    if old == "15 % a year":
        text = text.replace("10 % a year", old)
    assert old in text
    before, after = text.split(old, 1)
    if new.startswith("# "):  # comment out the whole section
        rest, commented = after.split("\n"), []
        while len(rest) > 1 and rest[1].startswith(" "):
            commented.append(f"#{rest.pop(1)}")
        after = "\n".join([rest[0], *commented, *rest[1:]])
    path = tmp_path / "mine.yaml"
    path.write_text(before + new + after)
    return path


@pytest.mark.parametrize(("name", "old", "new", "key", "words"), MISTAKES)
def test_one_mistake_has_one_message_that_says_what_to_write(
    name: str, old: str, new: str, key: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(written(name, old, new, tmp_path))
    (problem,) = caught.value.problems
    assert problem.key == key
    assert words in str(problem)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("10 % a year", "15", "write 0.15 if 15 % is meant"),
        ("alpha: 0.025", "alpha: 0.4", "write 0.04 if 4 % is meant"),
        ("hazard_ratio: 0.65", "hazard_ratio: 65", "write 0.65 if 65 % is meant"),
    ],
)
def test_a_number_that_is_possible_and_rarely_meant_is_told_once(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    (line,) = warnings_of(load_scenario(written("time_to_event", old, new, tmp_path)))
    assert words in line


def test_dropout_in_words_may_stand_below_its_key_and_enrollment_of_all_sites_too(
    tmp_path: Path,
) -> None:
    path = written("time_to_event", "10 % a year", "{per_year: 10 % a year}", tmp_path)
    path.write_text(path.read_text().replace("12 per month", "{per_month: 12}"))
    mine, packaged = load_scenario(path), load_scenario("time_to_event")
    assert mine.points[0].trial.dropout == packaged.points[0].trial.dropout
    assert mine.points[0].trial.enrollment == packaged.points[0].trial.enrollment


_TRIAL = """schema: lupusim/scenario/1
title: Relapse
outcomes:
  relapse: {kind: time_to_event}
arms:
  - {name: control, control: true, outcomes: {relapse: 14 months}}
  - {name: treated, outcomes: {relapse: {hazard_ratio: 0.65}}}
allocation: 1:1
enrollment: 12 per month
analysis: {test: logrank, alpha: 0.025, sided: 1}
looks:
  - {when: {events: 120}, efficacy: {spending: obrien_fleming}}
  - {when: {events: 180}}
sample_size: 280
"""


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("outcomes:\n", "outcome:\n", "Did you mean 'outcomes'?"),
        ("sample_size:", "samplesize:", "Did you mean 'sample_size'?"),
        ("sample_size:", "n:", "Did you mean 'sample_size'?"),
        ("sample_size: 280", "sample_size: '280'", "Write 280, without quotes."),
        ("analysis:", "analyses:", "Did you mean 'analysis'?"),
        ("kind: time_to_event", "kind: survival", "Did you mean 'time_to_event'?"),
        ("14 months", "14,5 months", "Write a point: 14.5 months."),
        ("hazard_ratio: 0.65", "hazard_ratio: 0,65", "Write a point: 0.65."),
        ("alpha: 0.025", "alpha: 0,025", "Write a point: 0.025."),
        ("title: Relapse", "title: Relapse: a trial", "title: 'Relapse: a trial'."),
        ("{events: 180}", "{date: 36 months}", "Did you mean 'calendar_time'?"),
        ("{events: 120}", "{events: 66 %}", "Give a whole number, 1 or above."),
        ("relapse: 14 months", "relapse: {survival: 60 %}", "at: the key is missing. Add 'at:'."),
    ],
)
def test_one_slip_has_one_message_with_what_to_write(tmp_path, right, wrong, told):
    assert right in _TRIAL
    file = tmp_path / "trial.yaml"
    file.write_text(_TRIAL.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    (problem,) = caught.value.problems
    assert str(problem).splitlines()[0].endswith(told)


def test_a_rate_of_patients_is_a_rate(tmp_path):
    file = tmp_path / "trial.yaml"
    file.write_text(_TRIAL.replace("12 per", "12 patients per"), encoding="utf-8")
    assert load_scenario(file).points[0].trial.enrollment.per_site_per_year == 144.0


@pytest.mark.parametrize("bound", ["{z: low}", "{spending: pocock, beta: low}", "{p: low}"])
def test_a_bound_for_giving_up_that_is_no_number_is_told_with_its_line(bound, tmp_path) -> None:
    text = starter_text("two_rates", {"looks": "1", "futility": "0"})
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace("{z: 0}", bound), encoding="utf-8")
    with pytest.raises(ScenarioError) as told:
        load_scenario(file)
    (problem,) = told.value.problems
    assert problem.fault == "'low' is not a number"
    assert problem.line == 9


@pytest.mark.parametrize("method", ["hochberg", "hommel", "dunnett", "holm"])
def test_two_sides_that_give_up_are_refused_with_their_line(method, tmp_path):
    file = tmp_path / "two_doses.yaml"
    text = find_packaged("scenarios", "two_rates", ScenarioError).read_text(encoding="utf-8")
    analysis = (
        f"analysis: {{test: pooled_z, alpha: 0.05, sided: 2, multiplicity: {{method: {method}}}}}"
    )
    text = text.replace("analysis: {test: pooled_z, alpha: 0.025, sided: 1}", analysis)
    text = text.replace("allocation: 1:1", "  - {name: more, outcomes: {response: 60 %}}")
    text += "looks: [{when: {patients: 60, followed: 24 weeks}, futility: {z: 0}}, {when: {last_patient: 24 weeks}}]\n"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"line \d+, looks\.0: a two-sided test cannot stop"):
        load_scenario(file)
