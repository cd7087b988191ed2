"""``lupusim report``, ``bundle`` and ``compare``: from a kept run to what is sent."""

from __future__ import annotations

import json
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

import lupusim
from lupusim import cli
from lupusim.report.run.kept import load_run
from tolerance import SEED


@pytest.fixture
def call(lupusim):
    return lupusim


def commanded(*words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lupusim", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.command()
    assert not ended.value.code


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory):
    """A run that a folder keeps, of a scenario beside a model file of its own."""
    above = tmp_path_factory.mktemp("kept")
    folder = above / "mine"
    (folder / "models").mkdir(parents=True)
    source = Path(lupusim.__file__).parent / "data"
    shutil.copy(source / "models" / "survival.yaml", folder / "models" / "own.yaml")
    text = (source / "scenarios" / "survival_three_looks.yaml").read_text(encoding="utf-8")
    (folder / "trial.yaml").write_text(text.replace("model: survival", "model: models/own.yaml"))
    words = ("--replicates", "40", "--jobs", "1", "--out", above / "run")
    commanded("run", folder / "trial.yaml", *words)
    return above / "run"


@pytest.fixture
def kept(kept_once, tmp_path):
    """A copy of it, to be written into."""
    return shutil.copytree(kept_once, tmp_path / "run")


@pytest.fixture(scope="module")
def bundled_once(kept_once, tmp_path_factory):
    """The bundle of that run."""
    file = tmp_path_factory.mktemp("bundled") / "b.zip"
    commanded("bundle", kept_once, "--out", file)
    return file


@pytest.fixture
def bundled(bundled_once, tmp_path):
    """A copy of it."""
    return shutil.copy(bundled_once, tmp_path / "b.zip")


def test_a_kept_run_is_the_run_itself_and_stays_as_it_is(kept):
    before = {p.name: p.read_bytes() for p in kept.iterdir()}
    found = load_run(kept)
    assert {p.name: p.read_bytes() for p in kept.iterdir()} == before
    plain = json.loads(json.dumps(found.to_json()))
    assert plain == json.loads((kept / "result.json").read_text())


def test_designs_with_replicates_by_a_rule_are_read_as_they_were(call, tmp_path):
    out = tmp_path / "ruled"
    code, _, err = call(
        "run",
        "two_rates",
        "--mcse",
        "0.05",
        "--jobs",
        "1",
        "--out",
        out,
        "--max-replicates",
        "2000",
    )
    assert code == 0, err
    wanted = json.loads((out / "result.json").read_text())
    found = load_run(out)
    assert json.loads(json.dumps(found.to_json()))["points"] == wanted["points"]
    assert found.asked == "--mcse 0.05 --max-replicates 2000"


def test_a_report_of_a_kept_run_stands_in_its_folder(call, kept):
    code, out, err = call("report", kept)
    assert code == 0, err
    assert str(kept / "report.html") in out
    page = (kept / "report.html").read_text(encoding="utf-8")
    result = json.loads((kept / "result.json").read_text())
    assert f"{result['points'][0]['power_theory']:.4f}" in page
    assert "lupusim run scenario.yaml --replicates 40" in page
    code, _, err = call("report", kept)  # ours is written again
    assert code == 0, err


def test_what_is_no_whole_run_is_said_in_words(call, tmp_path, kept):
    code, _, err = call("report", tmp_path)
    assert code == 2
    assert "holds no run" in err
    code, _, err = call("report", kept, "--replicates", "10")
    assert code == 2
    assert "not a folder" in err
    code, _, err = call(
        "run", "two_rates", "--shard", "1/2", "--out", tmp_path / "part", "--jobs", "1"
    )
    code, _, err = call("report", tmp_path / "part")
    assert code == 2
    assert "part of a run" in err


@pytest.mark.parametrize("command", ["report", "bundle", "compare"])
def test_the_answer_of_another_command_is_no_part_of_a_run(call, tmp_path, command):
    asked = ["--over", "dropout.per_year=0.1,0.2", "--replicates", "100", "--jobs", "1"]
    code, _, err = call("sensitivity", "two_rates", *asked, "--out", tmp_path / "answer")
    assert code == 0, err
    code, _, err = call(command, tmp_path / "answer")
    assert code == 2
    assert "the answer of lupusim sensitivity" in err
    assert "--resume" not in err


def test_somebody_elses_file_is_left_alone(call, kept_once, tmp_path):
    file = tmp_path / "theirs.html"
    file.write_text("their work")
    code, _, err = call("report", kept_once, "--out", file)
    assert code == 2
    assert "theirs.html" in err
    assert "--force" in err
    assert file.read_text() == "their work"


def test_a_bundle_gives_the_same_bits(call, kept_once, bundled, tmp_path):
    again = tmp_path / "b2.zip"
    code, _, err = call("bundle", kept_once, "--out", again)
    assert code == 0, err
    assert bundled.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(bundled) as archive:
        names = archive.namelist()
        assert {"report.html", "results/result.json", "environment.txt", "README.txt"} <= set(names)
        assert {"inputs/trial.yaml", "inputs/models/own.yaml"} <= set(names)
        assert str(tmp_path) not in archive.read("inputs/trial.yaml").decode()
    code, out, err = call("bundle", bundled, "--verify", "--jobs", "1")
    assert code == 0, err
    assert "the same, bit for bit" in out


def _changed(file, target, name, change):
    """Copy a bundle with one file changed, and its hash as well."""
    import hashlib

    with zipfile.ZipFile(file) as archive:
        found = {n: archive.read(n) for n in archive.namelist()}
    found[name] = change(found[name])
    manifest = json.loads(found["bundle.json"])
    manifest["sha256"][name] = hashlib.sha256(found[name]).hexdigest()
    found["bundle.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for n, content in found.items():
            archive.writestr(n, content)


def test_a_bundle_that_was_changed_is_found_out(call, bundled, tmp_path):
    bad = tmp_path / "bad.zip"
    _changed(bundled, bad, "inputs/trial.yaml", lambda text: text.replace(b"0.7}", b"0.6}"))
    code, _, err = call("bundle", bad, "--verify", "--jobs", "1")
    assert code == 1
    assert "power was" in err
    assert "NOT the same" in err
    with zipfile.ZipFile(bad, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("inputs/trial.yaml", b"title: another")
    code, _, err = call("bundle", bad, "--verify")
    assert code == 2
    assert "hash differs" in err


def rewritten(file, target, *, manifest=None, files=None, spoil=None):
    """Copy a bundle with another manifest, other files (with their hashes), or other bytes."""
    import hashlib

    with zipfile.ZipFile(file) as archive:
        found = {n: archive.read(n) for n in archive.namelist()}
    told = json.loads(found.pop("bundle.json"))
    for name, content in (files or {}).items():
        found[name] = content
        told["sha256"][name] = hashlib.sha256(content).hexdigest()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("bundle.json", json.dumps(told | (manifest or {})))
        for n, content in found.items():
            archive.writestr(n, content)
    if spoil is not None:
        target.write_bytes(spoil(target.read_bytes()))


DEEP = b"[" * 100_000 + b"]" * 100_000
HOSTILE_BUNDLES = {
    "outside": ({"files": {"../../outside.txt": b"x"}}, "outside of itself"),
    "absolute": ({"files": {"/tmp/outside.txt": b"x"}}, "outside of itself"),
    "windows": ({"files": {"a\\..\\..\\b": b"x"}}, "outside of itself|hash|missing"),
    "no seed": ({"manifest": {"seed": "1"}}, "seed is '1'"),
    "seed below": ({"manifest": {"seed": -1}}, "seed"),
    "no hashes": ({"manifest": {"sha256": []}}, r"sha256 is \[\]"),
    "other scenario": ({"manifest": {"scenario": "inputs/none.yaml"}}, "lacks a scenario"),
    "no files": ({"manifest": {"sha256": {}}}, "no part of a bundle"),
    "versions": ({"manifest": {"versions": None}}, "versions is None"),
    "result": ({"files": {"results/result.json": b"[1]"}}, "no result of a run"),
    "points": ({"files": {"results/result.json": b'{"points": [{"power": 1}]}'}}, "no result"),
    "deep": ({"files": {"results/result.json": DEEP}}, "damaged"),
    "bad bytes": ({"spoil": lambda b: b.replace(b"replicates", b"rEplicates")}, "CRC|hash"),
    "cut": ({"spoil": lambda b: b[: len(b) // 2]}, "is no bundle"),
}


@pytest.mark.parametrize("kind", HOSTILE_BUNDLES)
def test_a_hostile_bundle_is_refused_in_words(call, bundled, tmp_path, kind):
    bad = tmp_path / "bad.zip"
    how, words = HOSTILE_BUNDLES[kind]
    rewritten(bundled, bad, **how)
    code, _, err = call("bundle", bad, "--verify", "--jobs", "1")
    assert code == 2
    assert re.search(words, err)
    assert not (tmp_path.parent / "outside.txt").exists()
    before = bad.read_bytes()
    if kind in ("cut", "bad bytes", "no hashes"):
        assert call("bundle", "two_rates", "--out", bad)[0] == 2  # before anything is simulated
        assert bad.read_bytes() == before


def test_a_bundle_with_a_file_of_somebody_else_in_it_is_left_alone(call, bundled):
    with zipfile.ZipFile(bundled, "a") as archive:
        archive.writestr("my notes.txt", b"what we discussed")
    code, _, err = call("bundle", "two_rates", "--out", bundled)
    assert code == 2
    assert "--force" in err


def test_the_scenario_of_a_bundle_names_no_file_of_this_machine(call, bundled, tmp_path):
    (tmp_path / "mine.yaml").write_text("schema: lupusim/model/1\n")
    with zipfile.ZipFile(bundled) as archive:
        text = archive.read("inputs/trial.yaml")
    own = str(tmp_path / "mine.yaml").encode()
    rewritten(
        bundled,
        tmp_path / "bad.zip",
        files={"inputs/trial.yaml": text.replace(b"models/own.yaml", own)},
    )
    assert own in zipfile.ZipFile(tmp_path / "bad.zip").read("inputs/trial.yaml")
    code, _, err = call("bundle", tmp_path / "bad.zip", "--verify", "--jobs", "1")
    assert code == 2
    assert "absolute path" in err


def test_what_is_no_bundle_is_left_alone(call, kept_once, tmp_path):
    file = tmp_path / "theirs.zip"
    file.write_text("their work")
    code, _, err = call("bundle", kept_once, "--out", file)
    assert code == 2
    assert "--force" in err
    assert file.read_text() == "their work"
    code, _, err = call("bundle", file, "--verify")
    assert code == 2
    assert "is no bundle" in err


def test_runs_stand_beside_each_other(call, kept_once, tmp_path):
    plot = tmp_path / "compared.svg"
    arguments = ("two_rates", "--replicates", "20", "--seed", str(SEED), "--jobs", "1")
    code, out, err = call("compare", kept_once, *arguments, "--plot", plot, "--width", "200")
    assert code == 0, err
    assert plot.read_text(encoding="utf-8").startswith("<?xml")
    lines = [line.split("│") for line in out.splitlines() if line.startswith("│")]
    power = next(line for line in lines if line[1].strip() == "power")
    assert [bool(cell.strip()) for cell in power[2:6]] == [True] * 4  # one and three designs
    code, out, err = call("compare", kept_once, *arguments, "--format", "csv")
    head, *rows = out.splitlines()
    assert head.startswith("run,seed,")
    assert [row.split(",")[0] for row in rows] == ["run", *["two_rates"] * 3]
    code, out, err = call("compare", kept_once, *arguments, "--format", "json")
    assert set(json.loads(out)) == {"run", "two_rates"}


def test_run_draws_what_it_found(call, tmp_path):
    file = tmp_path / "power.svg"
    code, _, err = call("run", "two_rates", "--replicates", "100", "--jobs", "1", "--plot", file)
    assert code == 0, err
    assert file.is_file()
    code, out, err = call("run", "two_rates", "--plot", tmp_path / "power.pdf")
    assert code == 2
    assert "must end in .png or .svg" in err
    assert out == ""
