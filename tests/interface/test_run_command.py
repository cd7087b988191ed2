"""``lupusim run`` and ``lupusim merge``: precision, folders, events, exit codes."""

from __future__ import annotations

import json
import time

import pytest

from lupusim.planning.runs import results

SCENARIO = "survival_200_events"


def answer(text):
    told = json.loads(text)
    del told["seconds"]
    return told


def test_a_run_folder_is_resumed_and_never_overwritten(lupusim, tmp_path):
    run = ("run", SCENARIO, "--replicates", 2000, "--format", "json", "--out", tmp_path / "a")
    code, first, err = lupusim(*run)
    assert code == 0
    assert f"written to {tmp_path / 'a'}" in err
    names = {path.name for path in (tmp_path / "a").glob("[!.]*")}
    tables = {"summary.csv", "summary_units.csv"}
    assert names == {"ledger.sqlite", "result.json", "scenario.yaml", *tables}
    code, out, err = lupusim(*run)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "--resume" in err
    code, again, _ = lupusim(*run, "--resume")
    assert code == 0
    assert answer(again) == answer(first)
    code, out, err = lupusim(*run, "--resume", "--seed", 1)
    assert (code, out) == (2, "")
    assert "must not be mixed" in err


def test_a_changed_scenario_file_is_refused_but_another_size_is_welcome(lupusim, tmp_path):
    (file,) = lupusim("init", tmp_path)[1].split("\n")[0:1] or [""]
    path = tmp_path / "phase2_remission_52w.yaml"
    assert file
    text = path.read_text()
    run = ("run", path, "--replicates", 20, "--format", "json", "--out", tmp_path / "a")
    assert lupusim(*run)[0] == 0
    assert "sample_size: [60, 120, 180, 240]" in text
    path.write_text(text.replace("sample_size: [60, 120, 180, 240]", "sample_size: [75, 120]"))
    code, out, _ = lupusim(*run, "--resume")
    assert code == 0
    assert [p["n_patients"] for p in json.loads(out)["points"]] == [75, 120]
    path.write_text(text.replace("follow_up: 52 weeks", "follow_up: 53 weeks"))
    code, out, err = lupusim(*run, "--resume")
    assert (code, out) == (2, "")
    assert "the scenario has changed" in err


def test_shards_merged_are_the_whole(lupusim, tmp_path):
    options = ("run", SCENARIO, "--replicates", 2000, "--format", "json")
    for number in (1, 2):
        folder = tmp_path / str(number)
        code, out, err = lupusim(*options, "--out", folder, "--shard", f"{number}/2")
        assert code == 0
        assert json.loads(out)["complete"] is False
        assert f"what was finished is kept in {folder}" in err
        assert [path.name for path in folder.iterdir()] == ["ledger.sqlite"]
    folders = (tmp_path / "2", tmp_path / "1")
    code, out, _ = lupusim("merge", *folders, "--out", tmp_path / "all", "--format", "json")
    assert code == 0
    assert answer(out) == answer(lupusim(*options)[1])
    assert answer((tmp_path / "all" / "result.json").read_text()) == answer(out)


def test_a_part_is_labelled_in_every_format(lupusim, tmp_path):
    options = ("run", SCENARIO, "--replicates", 2000, "--shard", "1/2")
    code, out, _ = lupusim(*options, "--out", tmp_path / "a")
    assert code == 0
    assert out.startswith("PARTIAL RESULT")
    assert "design: 1200 of 2000 replicates" in out
    assert "tries" not in out
    code, out, err = lupusim(*options, "--out", tmp_path / "b", "--format", "csv")
    assert code == 0
    assert out.count("\n") == 2
    assert "design: 1200 of 2000 replicates" in err


@pytest.mark.parametrize(("word", "n"), [("peek", 10), ("rough", 100), ("plan", 1000)])
def test_precision_in_words(lupusim, word, n):
    out = lupusim("run", SCENARIO, "--precision", word, "--format", "json")[1]
    assert json.loads(out)["points"][0]["n_replicates"] == n


def test_precision_in_numbers_and_the_maximum(lupusim):
    told = json.loads(lupusim("run", SCENARIO, "--mcse", 0.02, "--format", "json")[1])
    assert told["points"][0]["power_mcse"] <= 0.02
    code, out, _ = lupusim("run", SCENARIO, "--mcse", 0.001, "--max-replicates", 300)
    assert code == 0
    assert "is what the maximum of 300 replicates gives" in " ".join(out.split())
    told = json.loads(lupusim("run", SCENARIO, "--decide", "power > 0.5", "--format", "json")[1])
    (note,) = told["notes"]
    assert note == "design: power > 0.5: yes (error at most 0.01)"
    out = lupusim("run", SCENARIO, "--decide", "power > 0.5")[1]
    assert out.startswith(f"{note}\n")  # what was asked, before all else


def test_the_seconds_told_are_those_of_powers_by_tables_too(lupusim, monkeypatch):
    known = []

    def slow(*of):  # once: what tables say is remembered
        if not known:
            time.sleep(1.5)
            known.append(of)
        return {}

    monkeypatch.setattr(results, "formula_columns", slow)
    code, out, _ = lupusim("run", "two_rates", "--replicates", 10, "--format", "json")
    assert code == 0
    assert 1.5 < json.loads(out)["seconds"] < 60


def test_events_are_one_json_object_a_line(lupusim):
    code, out, err = lupusim("run", SCENARIO, "--replicates", 1000, "--events", "jsonl")
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert events[0] == {"event": "started", "scenario": SCENARIO, "n_points": 1}
    assert events[-1]["event"] == "result"
    progress = [event for event in events if event["event"] == "progress"]
    assert len(progress) == len(events) - 2 >= 2
    assert [e["done"] for e in progress] == sorted(e["done"] for e in progress)
    assert progress[-1]["done"] == progress[-1]["total"] == 2000
    assert all(0 <= e["power"] <= 1 and e["power_mcse"] > 0 for e in progress)
    assert events[-1]["result"]["points"][0]["power"] == progress[-1]["power"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--precision", "peek", "--replicates", 10), "give one of"),
        (("--mcse", 0.1, "--decide", "power > 0.8"), "give one of"),
        (("--max-replicates", 10), "goes with --mcse"),
        (("--decide", "power is high"), "is not a statement to decide"),
        (("--mcse", 0), "must be a number above 0"),
        (("--resume",), "need --out"),
        (("--shard", "1/2"), "need --out"),
        (("--shard", "3/2", "--out", "x"), "must lie between"),
        (("--shard", "1/2", "--out", "x", "--mcse", 0.1), "cannot look at the precision"),
        (("--backend", "dask"), "go together"),
        (("--scheduler", "tcp://x"), "go together"),
        (("--jobs", 0), "n_jobs=0"),
    ],
)
def test_what_does_not_fit_together_ends_with_code_2(lupusim, tmp_path, arguments, message):
    arguments = [tmp_path / "x" if a == "x" else a for a in arguments]
    code, out, err = lupusim("run", SCENARIO, *arguments)
    assert (code, out) == (2, "")
    assert message in " ".join(err.replace("│", " ").split())
    assert not (tmp_path / "x").exists()


def test_folders_without_a_run_cannot_be_merged(lupusim, tmp_path):
    code, out, err = lupusim("merge", tmp_path, "--out", tmp_path / "all")
    assert (code, out) == (2, "")
    assert "holds no run" in err
