"""The page answers its own browser alone, and touches one folder alone."""

from __future__ import annotations

import asyncio

import pytest

import lupusim
from lupusim.app.designs.drafts import Drafts
from lupusim.app.folder import StartFolder, plain_name
from lupusim.app.guard import MOST_BYTES, Gate, Guard, is_loopback
from lupusim.app.runs.jobs import Job, State
from lupusim.app.runs.past_runs import find_run, new_run, past_runs, remember
from lupusim.planning.execution.ledger import Ledger
from lupusim.scenario.document.edits import parsed


def request(*, kind="http", method="GET", path="/", query=b"", **headers):
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "path": path, "query_string": query, "headers": sent}
    return scope | ({"method": method} if kind == "http" else {})


def answer(gate, scope):
    """Return the messages that a guarded application sends; it says ok itself."""
    sent = []

    async def application(scope, _receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(application, gate)(scope, receive, send))
    return sent


OURS = Gate(port=8765)
WITH_TOKEN = Gate(port=8765, token="secret")


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"])
def test_the_names_of_this_machine_are_answered(host):
    sent = answer(OURS, request(host=host, origin=f"http://{host}"))
    assert sent[0]["status"] == 200
    policy = dict(sent[0]["headers"])[b"content-security-policy"].decode()
    assert "default-src 'self'" in policy
    assert "http" not in policy


@pytest.mark.parametrize("host", ["evil.example:8765", "127.0.0.1:80", "127.0.0.1", ""])
def test_another_name_for_this_machine_is_refused(host):
    """A page elsewhere may let its own name point to 127.0.0.1."""
    assert answer(OURS, request(host=host))[0]["status"] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:80"])
def test_a_page_from_elsewhere_is_refused(origin):
    scope = request(host="127.0.0.1:8765", origin=origin, method="POST", content_length="1")
    assert answer(OURS, scope)[0]["status"] == 403


def test_a_websocket_from_elsewhere_is_closed_before_it_opens():
    scope = request(kind="websocket", host="127.0.0.1:8765", origin="http://evil.example")
    assert answer(OURS, scope) == [{"type": "websocket.close", "code": 1008}]
    own = request(kind="websocket", host="127.0.0.1:8765", origin="http://127.0.0.1:8765")
    assert answer(OURS, own) == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(("length", "status"), [(str(MOST_BYTES + 1), 413), ("", 411), ("9", 200)])
def test_a_long_body_is_refused(length, status):
    scope = request(host="localhost:8765", method="POST", content_length=length)
    assert answer(OURS, scope)[0]["status"] == status


def test_the_token_is_taken_from_the_address_once_and_then_kept_in_a_cookie():
    assert answer(WITH_TOKEN, request(host="plan.example"))[0]["status"] == 401
    wrong = request(host="plan.example", query=b"token=guess")
    assert answer(WITH_TOKEN, wrong)[0]["status"] == 401
    right = request(host="plan.example", path="//run", query=b"token=secret&run=a")
    headers = dict(answer(WITH_TOKEN, right)[0]["headers"])
    assert headers[b"location"] == b"/run?run=a"  # never another host
    kept = headers[b"set-cookie"].decode()
    assert "HttpOnly" in kept
    assert "SameSite=Strict" in kept
    cookie = kept.partition(";")[0]
    assert answer(WITH_TOKEN, request(host="plan.example", cookie=cookie))[0]["status"] == 200
    elsewhere = request(host="plan.example", cookie=cookie, origin="http://evil.example")
    assert answer(WITH_TOKEN, elsewhere)[0]["status"] == 403


def test_which_addresses_are_this_machine():
    assert [
        is_loopback(h) for h in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "plan.example")
    ] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    return StartFolder(path=inside.resolve())


@pytest.mark.parametrize("name", ["../secret.yaml", "/etc/passwd", "link.yaml"])
def test_a_file_outside_the_folder_is_neither_read_nor_opened(folder, tmp_path, name):
    (tmp_path / "secret.yaml").write_text("schema: lupusim/scenario/1\n", encoding="utf-8")
    (folder.path / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(ValueError, match="lies outside"):
        Drafts().open_file(folder, name)


@pytest.mark.parametrize(
    "name", ["../a.yaml", "/tmp/a.yaml", "a.py", ".hidden.yaml", "a\n.yaml", ""]
)
def test_a_name_that_is_none_is_not_written(folder, name):
    with pytest.raises(ValueError, match=r"is no name for a file"):
        folder.save(name, "x")
    assert list(folder.path.iterdir()) == []


@pytest.mark.parametrize("kind", ["path", "relative", "long"])
def test_no_path_is_a_ready_made_trial(tmp_path, kind, monkeypatch):
    file = tmp_path / "secret.yaml"
    file.write_text(Drafts().open_packaged("two_rates").text)
    monkeypatch.chdir(tmp_path)
    name = {"path": str(file), "relative": "secret.yaml", "long": "y" * 2000}[kind]
    with pytest.raises(ValueError, match="comes with lupusim"):
        Drafts().open_packaged(name)
    assert Drafts().open_packaged("two_rates").name == "two_rates"


def test_an_engine_that_was_killed_is_told_in_a_sentence(folder):
    job = Job(arguments=("run", "two_rates"), folder=folder.path)
    job.said = ["UserWarning: resource_tracker: There appear to be 8 leaked semlock objects"]
    job._close(-9)
    assert job.state is State.FAILED
    assert job.said == ["The engine was ended from outside (signal 9). What was finished is kept."]


def test_a_file_is_replaced_only_as_it_was_opened(folder):
    assert folder.save("sub/a.yaml", "one") == "sub/a.yaml"
    with pytest.raises(ValueError, match="exists and was not opened here"):
        folder.save("sub/a.yaml", "two")
    (folder.path / "sub" / "a.yaml").write_text("changed elsewhere", encoding="utf-8")
    with pytest.raises(ValueError, match="exists and was not opened here"):
        folder.save("sub/a.yaml", "two", over="one")
    folder.save("sub/a.yaml", "two", over="changed elsewhere")
    assert folder.read("sub/a.yaml") == "two"


def test_a_scenario_may_not_name_files_elsewhere(folder):
    text = (
        "title: see ../notes\narms:\n  - {name: a, model: ../secret.yaml}\n  - {model: mine.yaml}\n"
    )
    found = folder.strangers(parsed(text).content, folder.path)
    assert [problem.key for problem in found] == ["arms.0.model"]


def test_runs_are_found_again_and_nothing_beside_them(folder):
    name, path = new_run(folder, "../two rates")
    remember(path, design="two_rates", arguments=("run", "two_rates"), draft="")
    assert new_run(folder, "../two rates")[0] != name
    found = find_run(folder, name)
    assert found is not None
    assert found.arguments == ("run", "two_rates")
    assert [run.name for run in past_runs(folder)] == [name]
    assert find_run(folder, "..") is None
    assert find_run(folder, "x" * 300) is None
    assert find_run(folder, "\0") is None
    assert find_run(folder, "../..") is None


def test_a_broken_note_of_a_run_is_no_error(folder):
    name, path = new_run(folder, "trial")
    (path / "asked.json").write_text("{", encoding="utf-8")
    (path / "result.json").write_text("[1]", encoding="utf-8")
    found = find_run(folder, name)
    assert found is not None
    assert found.result is None
    assert past_runs(folder) == []


def test_a_run_that_was_cancelled_knows_its_scenario_by_its_ledger(folder):
    name, path = new_run(folder, "trial")
    scenario = lupusim.load_scenario("two_rates")
    with Ledger(path) as ledger:
        ledger.begin(scenario, n_replicates=10, seed=1)
    found = find_run(folder, name)
    assert found is not None
    assert found.can_go_on
    assert found.text == scenario.text
    assert found.title == "Two rates, 30 % against 55 % at 24 weeks"
    (path / "ledger.sqlite").write_bytes(b"broken")
    assert found.text == ""
    assert found.title == ""


def test_names_are_safe_in_paths():
    assert plain_name("../../etc/passwd") == "etc_passwd"
    assert len(plain_name("x" * 1000)) == 40
