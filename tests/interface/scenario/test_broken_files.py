"""Files that are broken in every way we could think of: one clear message each, at once."""

# ruff: noqa: E501 - the tables of faults are read line by line

import os
import time
from pathlib import Path

import pytest

from lupusim.errors import InputError, ModelError, ScenarioError
from lupusim.scenario import load_model, load_scenario

MODEL = """\
schema: lupusim/model/1
name: small
states: [well, ill, death]
start: {well: 0.75, ill: 0.25}
transitions:
  - {from: well, to: ill, hazard: {family: exponential, rate: 0.5}}
  - {from: ill, to: death, hazard: {family: weibull, shape: 1.2, scale: 3.0}}
"""

SCENARIO = """\
schema: lupusim/scenario/1
title: Ill or well after a year
model: model.yaml
arms:
  - {name: placebo, control: true, allocation: 1}
  - name: cells
    allocation: 2
    effects:
      - {on: ["well -> ill"], hazard_ratio: 0.5, onset: 4 weeks}
enrollment: {sites: 9, per_site_per_month: 0.12, ramp_up: 6 months}
follow_up: 52 weeks
endpoints:
  primary: {kind: time_to_event, events: [ill, death]}
analysis: {test: logrank, alpha: 0.025, sided: 1}
sample_size: 120
"""

LOADERS = {
    "model": (load_model, MODEL, ModelError),
    "scenario": (load_scenario, SCENARIO, ScenarioError),
}
KINDS = sorted(LOADERS)


@pytest.fixture(autouse=True)
def _stop_slow_answers():
    begin = time.process_time()
    yield
    assert time.process_time() - begin < 10, "a broken file must be answered at once"


def broken(kind: str, folder: Path, content: str | bytes) -> InputError:
    """Return what loading a file of this content raises."""
    load, _, error_class = LOADERS[kind]
    folder.joinpath("model.yaml").write_text(MODEL, "utf-8")
    path = folder / "broken.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        load(path)
    assert type(caught.value) is error_class
    assert "Traceback" not in str(caught.value)
    assert str(path) in str(caught.value)
    return caught.value


def test_the_files_are_whole_before_they_are_broken(tmp_path: Path) -> None:
    for name, text in (("model.yaml", MODEL), ("scenario.yaml", SCENARIO)):
        tmp_path.joinpath(name).write_text(text, "utf-8")
    assert load_model(tmp_path / "model.yaml").states == ("well", "ill", "death")
    assert load_scenario(tmp_path / "scenario.yaml").points[0].trial.ratio == (1, 2)


@pytest.mark.parametrize(
    ("kind", "found", "written", "place", "message"),
    [
        ("model", "shape: 1.2", "shape: -1.2", (7, "transitions.1.hazard"), "shape=-1.2 must be a finite number above 0"),
        ("model", "ill: 0.25", "ill: 0.35", (4, "start"), "the probabilities sum to 1.1, not to 1"),
        ("model", "from: ill, to: death", "from: death, to: ill", (7, "transitions.1.from"), "leaves 'death', which is absorbing"),
        ("model", "[well, ill, death]", "[well, ill, death, lost]", (3, "states"), "nobody can ever reach 'lost'"),
        ("model", "name: small", "nam: small", (2, "nam"), "no such key here. Did you mean 'name'?"),
        ("model", "to: ill", "to: il", (6, "transitions.0.to"), "'il' is not a state of the model. Did you mean 'ill'?"),
        ("model", "family: weibull", "family: weibul", (7, "transitions.1.hazard.family"), "Did you mean 'weibull'?"),
        ("model", "rate: 0.5", "rate: .nan", (6, "transitions.0.hazard.rate"), "'.nan' is not a finite number"),
        ("model", "rate: 0.5", "rate: -.inf", (6, "transitions.0.hazard.rate"), "'-.inf' is not a finite number"),
        ("model", "rate: 0.5", f"rate: {'9' * 5000}", (6, "transitions.0.hazard.rate"), "is too large a number"),
        ("model", "rate: 0.5", "rate: ~", (6, "transitions.0.hazard.rate"), "an empty value is not a number"),
        ("model", "rate: 0.5", "rate: [0.5]", (6, "transitions.0.hazard.rate"), "a list is not a number"),
        ("model", "{well: 0.75, ill: 0.25}", "~", (4, "start"), "an empty value is not a start"),
        ("model", "name: small", "name: small\nname: large", (3, "name"), "the key is given twice, first in line 2"),
        ("model", "lupusim/model/1", "lupusim/scenario/1", (1, "schema"), "this is a file of another kind"),
        ("scenario", "allocation: 2", "allocation: 0", (7, "arms.1.allocation"), "0 is out of range. Give a whole number, 1 or above"),
        ("scenario", "allocation: 2", f"allocation: {10**14}", (7, "arms.1.allocation"), "at most 1000"),
        ("scenario", "follow_up: 52 weeks", "follow_up: 52", (11, "follow_up"), "52 has no unit. Write '52 weeks' or '52 months'"),
        ("scenario", "onset: 4 weeks", "onset: 4", (9, "arms.1.effects.0.onset"), "4 has no unit. Write '4 weeks' or '4 months'"),
        ("scenario", "follow_up: 52 weeks", "folow_up: 52 weeks", (11, "folow_up"), "no such key here. Did you mean 'follow_up'?"),
        ("scenario", '"well -> ill"', '"well -> il"', (9, "arms.1.effects.0.on.0"), "Did you mean 'well -> ill'?"),
        ("scenario", "hazard_ratio: 0.5", "hazard_ratio: -1", (9, "arms.1.effects.0.hazard_ratio"), "-1 is out of range. Give a number, 0 or above"),
        ("scenario", "sites: 9", "sites: null", (10, "enrollment.sites"), "an empty value is not a whole number"),
        ("scenario", "sample_size: 120", "sample_size: 1e300", (15, "sample_size"), "is not a whole number"),
        ("scenario", "sample_size: 120", "sample_size: .inf", (15, "sample_size"), "is not a finite number"),
        ("scenario", "test: logrank", "test: logrnk", (14, "analysis.test"), "Did you mean 'logrank'?"),
        ("scenario", "events: [ill, death]", "events: [ill]", (13, "endpoints.primary.competing"), "nothing is said of 'death'"),
        ("scenario", "control: true, ", "", (4, "arms"), "no arm is the control"),
        ("scenario", "control: true", "control: yes", (5, "arms.0.control"), "'yes' is neither true nor false"),
        ("scenario", "enrollment: {sites: 9, per_site_per_month: 0.12, ramp_up: 6 months}", "enrollment: [9, 0.12]", (10, "enrollment"), "a list is not a mapping"),
        ("scenario", "model: model.yaml", "model: model.yml", (3, "model"), "there is no such file"),
        ("scenario", "model: model.yaml", "model: sick-siker", (3, "model"), "Did you mean 'sick-sicker'?"),
        ("scenario", "sample_size: 120", "sample_size: 120\nsupply: {at_start: 2, lots: {dozes: 4}}", (16, "supply.lots.dozes"), "Did you mean 'doses'?"),
        ("scenario", "sample_size: 120", "sample_size: 120\nvary: {sample_sise: [80]}", (16, "vary.sample_sise"), "Did you mean 'sample_size'?"),
        ("scenario", "sample_size: 120", "sample_size: 120\nvary: {sample_size: [80, 1]}", (16, "vary.sample_size"), "1 patient is fewer than two per arm"),
    ],
)  # fmt: skip
def test_one_fault_gives_one_problem_with_its_line_and_key(
    kind: str, found: str, written: str, place: tuple[int, str], message: str, tmp_path: Path
) -> None:
    text = LOADERS[kind][1]
    assert text.count(found) >= 1
    error = broken(kind, tmp_path, text.replace(found, written, 1))
    assert [(p.line, p.key) for p in error.problems] == [place]
    assert message in str(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("", None, "the file is empty"),
        ("# only a comment\n\n", None, "the file is empty"),
        ("a: [1, 2\nb: 3\n", 2, "this is not YAML"),
        ("a: 'x\n", 2, "this is not YAML"),
        ("a: 1\n b: 2\n", 2, "this is not YAML"),
        ("a:\n\tb: 1\n", 2, "this is not YAML"),
        ("- a\n- b\n", 1, "the file holds a list, not keys and values"),
        ("forty-two", 1, "the file holds 'forty-two'"),
        ("[" * 10_000 + "]" * 10_000, 1, "more than 30 levels are nested"),
        ("{a: " * 10_000, 1, "more than 30 levels are nested"),
        ("- " * 10_000, 1, "more than 30 levels are nested"),
        ("a: 1\nb: " + "x" * 60_000, 2, "a line has 60003 characters"),
        ("a: &x [1]\nb: *x\n", 1, "an anchor (&) stands here"),
        ("a: *x\n", 1, "an alias (*) stands here"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "a tag (!) stands here"),
        ("? [a, b]\n: 1\n", 1, "a key must be text"),
        ("a: 1\n---\nb: 2\n", 3, "a second document starts here"),
        ("a: \x01", 1, "a character here cannot stand in YAML"),
        (b"a: 1\nb: \xff\xfe\n", None, "not text in UTF-8 (line 2)"),
        ("a: 1\n".encode("utf-16"), None, "not text in UTF-8 (line 1)"),
        (bytes(range(256)) * 100, None, "not text in UTF-8"),
        (b"PK\x03\x04\x14\x00", None, "a workbook, a document or an archive, not text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", None, "a workbook, a document or an archive, not text"),
        ("a: 1\n" * 1000, 101, "so many problems are enough"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_ours_is_told_before_anything_else(
    kind: str, content: str | bytes, line: int | None, message: str, tmp_path: Path
) -> None:
    error = broken(kind, tmp_path, content)
    assert error.problems[-1].line == line
    assert message in str(error)
    assert len(error.problems) == 1 or "so many" in message


@pytest.mark.parametrize("kind", KINDS)
def test_a_billion_laughs_are_not_laughed(kind: str, tmp_path: Path) -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 10)]
    error = broken(kind, tmp_path, "\n".join(lines))
    assert [(p.line, p.key) for p in error.problems] == [(1, "a0")]
    assert "an anchor (&) stands here. Remove it" in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_200_megabytes_are_refused_by_their_size(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.touch()
    os.truncate(path, 200_000_000)
    begin = time.process_time()
    with pytest.raises(LOADERS[kind][2], match=r"the file has 200\.0 MB"):
        LOADERS[kind][0](path)
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_and_a_missing_file_are_told_apart(kind: str, tmp_path: Path) -> None:
    load, _, error_class = LOADERS[kind]
    with pytest.raises(error_class, match="a folder, not a file"):
        load(tmp_path)
    with pytest.raises(error_class, match="there is no such file"):
        load(tmp_path / "nothing.yaml")
    with pytest.raises(error_class, match="nothing packaged is called 'nothing'"):
        load("nothing")


@pytest.mark.parametrize(
    ("kind", "name", "command"),
    [
        ("scenario", "msc-fading", "calibrate --model msc-fading"),
        ("model", "two_rates", "lupusim run two_rates"),
        ("scenario", "SAT0244", "lupusim calibrate SAT0244"),
    ],
)
def test_a_packaged_name_of_another_kind_is_sent_where_it_is_read(
    kind: str, name: str, command: str
) -> None:
    load, _, error_class = LOADERS[kind]
    with pytest.raises(error_class, match=f"'{name}' is .*{command}"):
        load(name)


def test_every_problem_of_a_model_is_told_where_the_scenario_names_it(tmp_path: Path) -> None:
    bad = MODEL.replace("shape: 1.2", "shape: 0").replace("name: small\n", "")
    tmp_path.joinpath("bad.yaml").write_text(bad, "utf-8")
    error = broken("scenario", tmp_path, SCENARIO.replace("model.yaml", "bad.yaml"))
    assert [(p.line, p.key) for p in error.problems] == [(3, "model"), (3, "model")]
    assert "line 6, transitions.1.hazard: shape=0.0 must be" in str(error)
    assert "name: the key is missing" in str(error)


def test_many_faults_come_in_one_message_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = SCENARIO
    for found, written in (
        ("title:", "titel:"),
        ("allocation: 2", "allocation: two"),
        ("onset: 4 weeks", "onset: 4"),
        ("sites: 9", "sites: -9"),
        ("follow_up: 52 weeks", "follow_up: 52 wekes"),
        ("[ill, death]", "[ill, deth]"),
        ("alpha: 0.025", "alpha: 2.5"),
        ("sample_size: 120", "sample_size: 12.5"),
    ):
        text = text.replace(found, written)
    error = broken("scenario", tmp_path, text)
    assert [(p.line, p.key) for p in error.problems] == [
        (2, "titel"),
        (7, "arms.1.allocation"),
        (9, "arms.1.effects.0.onset"),
        (10, "enrollment.sites"),
        (11, "follow_up"),
        (13, "endpoints.primary.competing"),
        (13, "endpoints.primary.events"),
        (14, "analysis.alpha"),
        (15, "sample_size"),
    ]


@pytest.mark.parametrize("content", ["", "a: [1", "a: &b [1]\nc: *b\n", "title: [1]\n", "\0"])
def test_the_command_answers_a_broken_file_with_exit_code_2_and_no_traceback(
    content: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from lupusim import cli

    path = tmp_path / "broken.yaml"
    path.write_text(content, "utf-8")
    monkeypatch.setattr("sys.argv", ["lupusim", "check", str(path)])
    with pytest.raises(SystemExit) as left:
        cli.command()
    printed = capsys.readouterr()
    assert left.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith(f"{path}: ")
    assert "Traceback" not in printed.err
