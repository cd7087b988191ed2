"""The form and the file follow each other; counts become evidence; jobs begin and end."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from lupusim.app.designs.checking import check, known_power
from lupusim.app.designs.counts import Count, counts_of, evidence_content
from lupusim.app.designs.drafts import Drafts
from lupusim.app.designs.fields import fields_of
from lupusim.app.designs.texts import parsed, with_value
from lupusim.app.folder import StartFolder
from lupusim.app.runs.jobs import Job, Jobs, State
from lupusim.app.runs.launch import STREAM
from lupusim.scenario import load_scenario, packaged_names

RELAPSE = ("arms", 1, "outcomes", "relapse")
SCORE = ("arms", 1, "outcomes", "score")


def field_of(content, label):
    return next(field for field in fields_of(content) if field.label == label)


@pytest.mark.parametrize("name", packaged_names("scenarios"))
def test_what_a_field_shows_it_writes_back(name):
    draft = Drafts().open_packaged(name)
    content = parsed(draft.text).content
    fields = fields_of(content)
    assert len({field.label for field in fields}) == len(fields)
    for field in fields:
        shown = field.shown(content)
        assert with_value(draft.text, field.path, field.read(shown)) == draft.text


@pytest.mark.parametrize(
    ("name", "label", "typed", "path", "stands"),
    [
        ("two_rates", "Responders, treated", "60", ("arms", 1, "outcomes", "response"), "60 %"),
        ("two_rates", "Level", "5 %", ("analysis", "alpha"), 0.05),
        ("time_to_event", "Hazard ratio", "70%", (*RELAPSE, "hazard_ratio"), 0.7),
        ("two_rates", "Dropout", "12.5", ("dropout",), "12.5 % a year"),
        ("time_to_event", "Hazard ratio", "0.7", (*RELAPSE, "hazard_ratio"), 0.7),
        ("time_to_event", "Events in all", "200", ("looks", 1, "when", "events"), 200),
        ("score_change", "Mean change, treated", "-8", (*SCORE, "24 weeks"), -8),
        ("event_rate", "Events, control", "2", ("arms", 0, "outcomes", "flares"), "2 per year"),
        ("two_rates", "Sizes to compare", "90, 60", ("vary",), {"sample_size": [60, 90]}),
    ],
)  # fmt: skip
def test_a_typed_value_changes_its_line_alone(name, label, typed, path, stands):
    draft = Drafts().open_packaged(name)
    field = field_of(parsed(draft.text).content, label)
    assert field.path == path
    changed = with_value(draft.text, field.path, field.read(typed))
    found = parsed(changed).content
    for step in path:
        found = found[step]
    assert found == stands
    before, after = draft.text.splitlines(), changed.splitlines()
    differing = [a for a, b in zip(before, after, strict=False) if a != b]
    assert len(differing) + abs(len(after) - len(before)) == 1
    folder = StartFolder(path=Path.cwd())
    assert check(changed, folder=folder, beside=folder.path, name="a.yaml").scenario is not None


def test_an_empty_optional_field_leaves_the_file():
    text = Drafts().open_packaged("event_rate").text
    field = field_of(parsed(text).content, "Dropout")
    assert "dropout" not in parsed(with_value(text, field.path, field.read(""))).content


def test_what_is_wrong_is_told_with_its_field():
    content = parsed(Drafts().open_packaged("two_rates").text).content
    with pytest.raises(ValueError, match=r"^Sides: 'two' is not understood\. Write 1 or 2$"):
        field_of(content, "Sides").read("two")


@pytest.mark.parametrize("typed", ["", "many", "nan", "1e99"])
def test_a_field_says_what_to_type(typed):
    content = parsed(Drafts().open_packaged("two_rates").text).content
    with pytest.raises(ValueError, match=r"Write one such as|randomized"):
        field_of(content, "Patients in all").read(typed)


def test_a_text_that_cannot_be_changed_in_place_is_laid_out_anew():
    text = "analysis:\n  test: pooled_z\nvary:\n  sample_size:\n    - 1\n    - 2\nsample_size: 5\n"
    changed = with_value(text, ("vary",), None)
    assert parsed(changed).content == {"analysis": {"test": "pooled_z"}, "sample_size": 5}


def test_problems_of_a_text_carry_their_line(tmp_path):
    folder = StartFolder(path=tmp_path.resolve())
    text = Drafts().open_packaged("two_rates").text.replace("pooled_z", "poled_z")
    found = check(text, folder=folder, beside=folder.path, name="a.yaml")
    assert found.scenario is None
    assert "pooled_z" in found.problems[0].fix
    assert found.problems[0].line == text[: text.index("poled_z")].count("\n") + 1
    assert check("a: [", folder=folder, beside=folder.path, name="a.yaml").problems


def test_power_is_known_before_any_simulation_where_a_formula_is():
    assert [(n, words) for n, _, words in known_power(load_scenario("two_rates"))] == [
        (100, "exact"),
        (120, "exact"),
        (160, "exact"),
    ]
    assert known_power(load_scenario("score_change")) == []


def counts(*rows):
    return [
        Count(kind=kind, state=state, years=5, count=count, n=81) for kind, state, count in rows
    ]


def test_counts_at_one_time_are_one_table():
    found = evidence_content(
        counts(("in", "active", 68), ("in", "death", 13), ("ever", "relapse", 9))
    )
    assert [target["kind"] for target in found["targets"]] == ["occupancy", "ever"]
    assert found["targets"][0]["counts"] == {"active": 68, "death": 13}


def test_counts_come_back_from_their_evidence_file():
    typed = counts(("in", "active", 68), ("in", "death", 13), ("ever", "relapse", 9))
    assert counts_of(evidence_content(typed)) == typed


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "There is no row"),
        ([("in", "death", 13), ("in", "death", 14)], "stands twice"),
        ([("in", "death", 81), ("in", "active", 81)], "81"),
    ],
)
def test_counts_that_cannot_be_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        evidence_content(counts(*rows))


@pytest.mark.parametrize("row", [{"count": None}, {"count": 1.5}, {"count": 82}, {"years": 0}])
def test_a_row_says_what_to_type(row):
    whole = {"kind": "in", "state": "death", "years": 5, "count": 13, "n": 81}
    with pytest.raises(ValueError, match="type"):
        Count.typed(whole | row)


async def gone(leader, *, before):
    """Return whether a group of processes ends in time: the system takes a while to bury them."""
    while time.monotonic() < before:
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return True
        await asyncio.sleep(0.05)
    return False


def test_a_run_tells_its_progress_and_is_cancelled_within_two_seconds(tmp_path):
    """No process of its group is left; the next in line then works."""

    async def both():
        jobs = Jobs()
        arguments = ("run", "two_rates", "--replicates", "10000000", "--jobs", "2")
        long = jobs.start(
            "long", Job(arguments=arguments, folder=tmp_path, for_programs=STREAM, streams=True)
        )
        waits = jobs.start("next", Job(arguments=("size", "two_rates"), folder=tmp_path))
        while not long.steps:
            await asyncio.sleep(0.05)
        leader = long.process_id
        assert waits.state is State.WAITING
        await waits.cancel()
        begin = time.monotonic()
        await long.cancel()
        assert time.monotonic() - begin < 2
        while long.process_id is not None:
            await asyncio.sleep(0.02)
        assert await gone(leader, before=begin + 4)
        assert (long.state, waits.state) == (State.CANCELLED, State.CANCELLED)
        wrong = jobs.start("wrong", Job(arguments=("size", "no_such"), folder=tmp_path))
        while not wrong.state.is_over:
            await asyncio.sleep(0.05)
        assert wrong.state is State.FAILED
        assert "no_such" in "\n".join(wrong.said)

    asyncio.run(both())


def test_an_engine_that_waits_does_the_next_command_and_another_takes_its_place(tmp_path):
    async def two():
        jobs, leaders = Jobs(), set()
        await jobs.engines.keep_one()
        try:
            for name in ("one", "two"):
                words = ("run", "two_rates", "--replicates", "5", "--jobs", "1")
                job = jobs.start(name, Job(arguments=words, folder=tmp_path))
                while not job.state.is_over:
                    await asyncio.sleep(0.01)
                    leaders.add(job.process_id)
                assert job.state is State.DONE, job.said
                assert len(job.result["points"]) == 3
        finally:
            await jobs.stop()
        leaders.discard(None)
        assert all([await gone(leader, before=time.monotonic() + 4) for leader in leaders])
        return leaders

    assert len(asyncio.run(two())) == 2
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    assert not children.exists() or "standby" not in names_of(children.read_text().split())


def names_of(process_ids):
    """Return the command lines of processes that are still there."""
    files = (Path(f"/proc/{one}/cmdline") for one in process_ids)
    return " ".join(f.read_bytes().decode(errors="replace") for f in files if f.exists())
