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
from lupusim.app.drawing.frame import words_of_line
from lupusim.app.folder import StartFolder
from lupusim.app.pages.questions import assurance_words, size_words
from lupusim.app.runs.jobs import Job, Jobs, State
from lupusim.app.runs.launch import STREAM
from lupusim.app.runs.results import (
    names_in_words,
    point_name,
    powers,
    powers_in_words,
    table_of,
)
from lupusim.scenario import load_scenario, packaged_names
from lupusim.scenario.document.edits import parsed, with_value
from lupusim.scenario.document.yaml_writer import block

RELAPSE = ("arms", 1, "outcomes", "relapse")
DRIFT = "population.effects.0.hazard_ratio"
RATIO = "arms.msc.effects.0.hazard_ratio"
TO_COMPARE = "To compare: hazard ratio, "
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
        ("two_rates", "Dropout", "10 % in 24 weeks", ("dropout",), "10 % in 24 weeks"),
        ("event_rate", "Dropout", "8 % in 1 year", ("dropout",), "8 % in 1 year"),
        ("time_to_event", "Hazard ratio", "0.7", (*RELAPSE, "hazard_ratio"), 0.7),
        ("time_to_event", "Events in all", "200", ("looks", 1, "when", "events"), 200),
        ("score_change", "Mean change, treated", "-8", (*SCORE, "24 weeks"), -8),
        ("event_rate", "Events, control", "2", ("arms", 0, "outcomes", "flares"), "2 per year"),
        ("two_rates", "Sizes to compare", "90, 60", ("vary",), {"sample_size": [60, 90]}),
        ("phase3_bicla_52w", TO_COMPARE + "msc", "1.5; 3", ("vary", RATIO), [1.5, 3]),
        ("null_and_drift", TO_COMPARE + "population", "0.57, 1", ("vary", DRIFT), [0.57, 1]),
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


def test_a_dropout_within_a_time_is_in_the_form_with_its_own_unit():
    content = {"outcomes": {}, "arms": [], "dropout": "10 % in 24 weeks"}
    dropout = field_of(content, "Dropout")
    assert dropout.shown(content) == "10 % in 24 weeks"
    assert [dropout.unit_beside(shown) for shown in ("10 % in 24 weeks", "15")] == ["", "% a year"]
    with pytest.raises(ValueError, match=r"^Dropout: '10 in a year' is not understood"):
        dropout.read("10 in a year")


def changed(name, *typed):
    """Return what a packaged design says after the form's fields were filled in, one by one."""
    draft = Drafts().open_packaged(name)
    for label, value in typed:
        field = field_of(parsed(draft.text).content, label)
        draft.write(field, field.read(value))
    return parsed(draft.text).content


@pytest.mark.parametrize(
    ("name", "typed", "title"),
    [
        ("two_rates", [("Responders, treated", "60")], "Two rates"),
        ("score_change", [("Standard deviation", "9")], "Score change"),
        ("time_to_event", [("Hazard ratio", "0.7")], "Time to relapse, two looks"),
        ("two_rates", [("Patients in all", "140")], "Two rates, 30 % against 55 % at 24 weeks"),
        ("phase3_bicla_52w", [("Patients in all", "400")], "Phase 3, group sequential, BICLA at "
         "week 52"),
        ("phase3_bicla_52w", [("Patients in all", "400"), ("Sides", "2")], "Phase 3, group "
         "sequential"),
    ],
)  # fmt: skip
def test_a_title_does_not_tell_the_numbers_that_stood_there_before(name, typed, title):
    assert changed(name, *typed)["title"] == title


def test_a_question_and_an_estimand_of_other_numbers_are_not_told():
    before = parsed(Drafts().open_packaged("two_rates").text).content
    after = changed("two_rates", ("Measured at", "52 weeks"))
    assert "question" not in after
    assert set(before["estimand"]) - set(after["estimand"]) == {"variable"}
    after = changed("two_rates", ("Responders, control", "35"))
    assert "question" not in after
    assert after["estimand"] == before["estimand"]
    after = changed("two_rates", ("Enrollment", "12"))
    assert after["question"] == before["question"]


def test_a_packaged_design_is_known_by_its_title_where_a_file_holds_it():
    text = Drafts().open_packaged("two_rates").text
    draft = Drafts().add(name="mine", text=block(parsed(text).content), file="mine.yaml")
    assert draft.write(field_of(parsed(draft.text).content, "Responders, control"), "35 %")
    assert parsed(draft.text).content["title"] == "Two rates"
    assert Drafts().add(name="mine", text="a: [").told == {}
    assert Drafts().add(name="mine", text="title: Mine, 30 %").told == {}


@pytest.mark.parametrize(
    ("name", "edits", "title"),
    [
        ("two_rates", [("55 %}", "60 %}")], "Two rates"),
        ("two_rates", [("[100,", "[110,")], "Two rates, 30 % against 55 % at 24 weeks"),
        ("two_rates", [("alpha: 0.025", "alpha: 0.02")], "Two rates"),
        ("two_rates", [("seed: 2", "seed: 3")], "Two rates, 30 % against 55 % at 24 weeks"),
        ("two_rates", [("30 %}", "30 %, ["), ("30 %, [", "35 %}")], "Two rates"),
        ("two_rates", [("55 %}", "60 %}"), ("24 weeks}", "26 weeks}")], "Two rates"),
        ("two_rates", [("title: Two", "title: My two"), ("55 %}", "60 %}")],
         "My two rates, 30 % against 55 % at 24 weeks"),
    ],
)  # fmt: skip
def test_a_title_follows_the_text_too(name, edits, title):
    draft = Drafts().open_packaged(name)
    assert not draft.agree()
    for old, new in edits:
        assert old in draft.text
        draft.text = draft.text.replace(old, new)
        draft.agree()
    assert parsed(draft.text).content["title"] == title
    assert not draft.agree()


def test_a_field_and_the_text_are_changed_one_after_the_other():
    draft = Drafts().open_packaged("two_rates")
    draft.text = draft.text.replace("55 %}", "60 %}")
    field = field_of(parsed(draft.text).content, "Patients in all")
    assert draft.write(field, field.read("140"))
    content = parsed(draft.text).content
    assert (content["title"], content["sample_size"]) == ("Two rates", 140)
    assert not draft.agree()


def test_words_that_somebody_wrote_stay():
    draft = Drafts().open_packaged("two_rates")
    draft.text = with_value(draft.text, ("title",), "Mine, 30 % against 55 %")
    field = field_of(parsed(draft.text).content, "Responders, control")
    assert draft.write(field, field.read("35"))
    assert not draft.write(field, field.read("35"))
    assert parsed(draft.text).content["title"] == "Mine, 30 % against 55 %"
    assert "question" not in parsed(draft.text).content


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


def test_a_text_of_several_lines_is_replaced_or_removed_and_the_rest_stays():
    text = "a: 1  # one\nwhy: >\n  so\n\n  it is\nin:\n  b: [1,\n    2]\n  c: x, y\nd: 2\n"
    assert with_value(text, ("in", "b"), None) == text.replace("  b: [1,\n    2]\n", "")
    assert with_value(text, ("why",), None) == text.replace("why: >\n  so\n\n  it is\n", "")
    assert with_value(text, ("in", "c"), "z, w") == text.replace("x, y", '"z, w"')
    assert with_value("why: >\n  so\n  be\nd: 2 # two\n", ("why",), None) == "d: 2 # two\n"
    assert with_value("why: >\n  so\nd: 2 # two\n", ("why",), "b") == "why: b\nd: 2 # two\n"


def test_problems_of_a_text_carry_their_line(tmp_path):
    folder = StartFolder(path=tmp_path.resolve())
    text = Drafts().open_packaged("two_rates").text.replace("pooled_z", "poled_z")
    found = check(text, folder=folder, beside=folder.path, name="a.yaml")
    assert found.scenario is None
    assert "pooled_z" in found.problems[0].fix
    assert found.problems[0].line == text[: text.index("poled_z")].count("\n") + 1
    assert check("a: [", folder=folder, beside=folder.path, name="a.yaml").problems


def test_power_is_known_before_any_simulation_where_a_formula_is():
    assert [(name, words) for name, _, words in known_power(load_scenario("two_rates"))] == [
        ("100 patients", "exact"),
        ("120 patients", "exact"),
        ("160 patients", "exact"),
    ]
    names = [name for name, _, _ in known_power(load_scenario("single_arm_simon"))]
    assert names[:2] == ["model = msc-central", "model = msc-durable"]
    assert known_power(load_scenario("score_change")) == []


def found(**columns):
    point = {"n_patients": 1200, "n_replicates": 1000, "power": 0.8, "power_mcse": 0.0126}
    return point | {"type_one_error": None, "duration": None} | columns


def test_what_is_known_exactly_stands_before_what_was_simulated():
    heads, rows = table_of([("", found(power_exact=0.80604)), ("b", found(power_theory=0.79))])
    known = ["Patients", "Power without simulation", "Power"]
    assert heads == ["Design", *known, "Trials simulated"]  # what none of them has is left out
    assert rows[0][2:4] == ["0.8060 exact", "0.80 (0.01)"]
    assert rows[1][:4] == ["b", "1 200", "0.7900 formula", "0.80 (0.01)"]
    heads, rows = table_of([("", found(power_exact=0.80604)), ("b", found())])
    assert heads[1:4] == ["Patients", "Exact power", "Power"]
    assert [row[2] for row in rows] == ["0.8060", ""]
    assert table_of([("", found())])[0][1:3] == ["Patients", "Power"]
    exact, simulated = powers({"points": [found(power_exact=0.8160), found(), found(power=None)]})
    assert (exact.in_words, simulated.in_words) == ("exact power 0.82", "power 0.80 (0.01)")
    assert powers_in_words([simulated]) == "power 0.80 (0.01)"
    assert powers_in_words([exact, simulated]) == "2 designs, power 0.80 (0.01) to 0.82"
    assert powers_in_words([]) == "no test"


def test_without_a_test_what_was_measured_stands_there_and_no_power():
    seen = {"response_msc": 0.24, "response_msc_mcse": 0.002, "response_msc_sd": 0.05}
    assert table_of([("", found(power=None, power_mcse=None, **seen))]) == (
        ["Design", "Patients", "Trials simulated", "Responders, msc"],
        [["the design", "1 200", "1 000", "0.240 (0.002)"]],
    )
    assert "Responders, msc" not in table_of([("", found(**seen))])[0]


def test_an_assurance_says_of_which_of_several_designs_it_is():
    known = {"assurance": 0.5, "assurance_mcse": 0.01, "tables_per_draw": None}
    points = [found(design_point={"sample_size": n}, **known) for n in (80, 90)]
    one, other = assurance_words({"points": points}).splitlines()
    assert one.startswith("patients in all = 80: 1 200 patients: chance of success 0.50 (0.01)")
    assert other.startswith("patients in all = 90: ")
    assert assurance_words({"points": points[:1]}).startswith("1 200 patients: ")


def test_a_design_is_called_by_what_varies_and_a_line_says_of_whom_it_is():
    path = "arms.msc.effects.0.hazard_ratio"
    content = parsed(Drafts().open_packaged("phase3_bicla_52w").text).content
    point = found(design_point={path: 1.5})
    assert point_name(point, "bicla") == "bicla · hazard ratio = 1.5"
    assert list(names_in_words([point], content)) == [
        f"Hazard ratio: on active to response, low disease activity or remission, msc ({path})."
    ]
    two = found(design_point={path: 1.5, "arms.msc.effects.1.hazard_ratio": 0.8})
    assert point_name(two) == "hazard ratio, effect 1, msc = 1.5; hazard ratio, effect 2, msc = 0.8"
    assert list(names_in_words([found()], content)) == []
    drift = {"population.effects.0.hazard_ratio": 0.57, path: 1.3}
    assert point_name(found(design_point=drift)) == (
        "hazard ratio, population = 0.57; hazard ratio, msc = 1.3"
    )
    content = parsed(Drafts().open_packaged("null_and_drift").text).content
    assert list(names_in_words([found(design_point=drift)], content)) == [
        "Hazard ratio, population: hazard ratio on active to response, population "
        "(population.effects.0.hazard_ratio).",
        f"Hazard ratio, msc: hazard ratio on active to response, msc ({path}).",
    ]


def test_a_card_opens_one_size_and_every_other_number_that_varies():
    drafts = Drafts()
    assert "vary" not in drafts.open_packaged("two_rates", one_size=True).text
    bicla = drafts.open_packaged("phase3_bicla_52w", one_size=True)
    assert "\nvary: {arms.msc.effects.0.hazard_ratio: [1.5, 2.3, 6.9]}" in bicla.text


def test_the_form_has_the_effects_of_a_trial_by_states_but_for_those_that_vary():
    content = parsed(Drafts().open_packaged("phase3_bicla_52w").text).content
    labels = [field.label for field in fields_of(content)]
    assert "Hazard ratio 2, msc" in labels
    assert "Hazard ratio 1, msc" not in labels  # its values stand under vary
    field = field_of(content, "Hazard ratio 2, msc")
    assert "to flare, msc; 1 is no effect" in field.help
    assert (field.shown(content), field.read("0.7")) == ("0.81", 0.7)
    assert {"Sites", "Enrollment of a site", "Dropout rate"} <= set(labels)


def test_lines_of_a_command_break_between_its_words():
    line = "lupusim sensitivity a.yaml --over 'x=27 %,33 %'  --force"
    assert "".join(words_of_line(line)) == line
    assert "--over " in words_of_line(line)
    assert words_of_line("") == []


def test_drawn_tables_stand_before_what_was_simulated_and_are_no_exact_power():
    drawn = {"power_drawn": 0.8012, "power_drawn_mcse": 0.0009, "n_drawn_tables": 200_000}
    heads, rows = table_of([("", found(**drawn))])
    assert "Power (drawn tables)" in heads
    assert "Exact power" not in heads
    assert "0.8012 (0.0009)" in rows[0]
    (known,) = powers({"points": [found(**drawn)]})
    assert (known.best, known.of) == ("0.8012 (0.0009)", "from drawn tables")
    assert known.in_words == "power 0.8012 (0.0009)"
    assert known.check.startswith("simulated, as a check: ")
    few = drawn | {"power_drawn_mcse": 0.1, "n_drawn_tables": 16}
    heads, _ = table_of([("", found(**few))])
    assert heads.index("Power") < heads.index("Power (drawn tables)")
    (known,) = powers({"points": [found(**few)]})
    assert known.of == ""
    assert known.check == "from drawn tables, as a check: 0.8 (0.1)"
    all_claim = found(power_drawn=1.0, power_drawn_mcse=0.0, n_drawn_tables=50_000)
    assert "1 (above 0.99992)" in table_of([("", all_claim)])[1][0]
    answer = {"n_patients": 120, "interval": [118, 122], "power": 0.81, "power_mcse": 0.006}
    assert size_words(answer | drawn) == (
        "120 patients in all (between 118 and 122): power 0.8012 (0.0009) of drawn tables, "
        "simulated as a check 0.810 (0.006)."
    )


def test_the_answer_of_a_size_tells_the_exact_power_first():
    answer = {"n_patients": 120, "interval": [120, 120], "power": 0.81, "power_mcse": 0.006}
    assert size_words(answer) == "120 patients in all: power 0.810 (0.006)."
    events = size_words(answer | {"interval": [118, 122], "n_events": 81})
    assert events.startswith("120 patients in all (between 118 and 122), with the data cut at 81")
    known = size_words(answer | {"power_exact": 0.806004})
    assert known == "120 patients in all: exact power 0.8060, simulated as a check 0.810 (0.006)."


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


def test_no_file_of_the_folder_is_loaded_in_place_of_a_module(tmp_path, monkeypatch):
    (tmp_path / "html.py").write_text("raise SystemExit('not the module')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    async def one():
        jobs = Jobs()
        words = ("run", "two_rates", "--replicates", "5", "--jobs", "1")
        job = jobs.start("one", Job(arguments=words, folder=tmp_path))
        while not job.state.is_over:
            await asyncio.sleep(0.01)
        await jobs.stop()
        return job

    job = asyncio.run(one())
    assert job.state is State.DONE, job.said


def names_of(process_ids):
    """Return the command lines of processes that are still there."""
    files = (Path(f"/proc/{one}/cmdline") for one in process_ids)
    return " ".join(f.read_bytes().decode(errors="replace") for f in files if f.exists())
