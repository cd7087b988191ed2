"""The page in a real browser: every page, a trial from the first click to its report."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
AXE = os.environ.get("AXE_CORE")  # path of axe.min.js, where it is installed
SHOTS = os.environ.get("APP_SCREENSHOTS")  # folder for pictures of every page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="playwright is not installed"),
    pytest.mark.skipif(find_spec("nicegui") is None, reason="the extra 'app' is not installed"),
]

NEW = "/design/new?scenario=two_rates"
PAGES = ("/", "/disease", "/evidence", "/design", NEW, "/run", "/compare", "/report")
HELD_OUT = {"region", "page-has-heading-one", "landmark-one-main"}  # of layout, not of reading
_WAIT = 15_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("planning")


@pytest.fixture(scope="module")
def server(folder):
    command = [sys.executable, "-m", "lupusim", "app", str(folder), "--port", "0", "--no-show"]
    ours = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ours) as process:
        said = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", said)[0]
        yield address
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield started
        started.close()


@contextmanager
def tab(browser, server, **options):
    """Open a tab that reports what it must not do: errors, and requests to elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    page = context.new_page()
    page.set_default_timeout(_WAIT)
    wrong = []
    own = urlsplit(server).netloc

    def watch(request):
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != own:
            wrong.append(request.url)

    page.on("request", watch)
    page.on("websocket", lambda s: wrong.append(s.url) if urlsplit(s.url).netloc != own else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    yield page
    context.close()
    assert wrong == []


def unlabeled(page):
    """Return the fields and buttons that a screen reader could not name."""
    return page.evaluate(
        """() => [...document.querySelectorAll('input, select, textarea, button, a, img')]
        .filter(e => e.offsetParent !== null && e.type !== 'hidden')
        .filter(e => !(e.getAttribute('aria-label') || e.getAttribute('alt') || e.title
            || (e.labels && [...e.labels].some(l => l.innerText.trim())) || e.innerText.trim()
            || e.closest('[aria-label]')))
        .map(e => e.outerHTML.slice(0, 200))"""
    )


def violations(page):
    """Return what axe-core finds of contrast, labels and names; none where it is missing."""
    if AXE is None:
        return []
    page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run({runOnly: ['wcag2a', 'wcag2aa']})")
    return [
        f"{v['id']}: {node['html'][:160]}"
        for v in found["violations"]
        if v["id"] not in HELD_OUT
        for node in v["nodes"]
    ]


def picture(page, name):
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_and_can_be_read(browser, server, scheme):
    with tab(browser, server, color_scheme=scheme) as page:
        for path in PAGES:
            page.goto(server + path)
            page.locator("h1").wait_for()
            page.locator(".command").first.wait_for()
            page.wait_for_load_state("networkidle")
            assert unlabeled(page) == []
            assert violations(page) == []
            name = re.sub(r"\W+", "_", path).strip("_") or "start"
            picture(page, f"{name}_{scheme}")


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_is_cut_off_at_the_side(browser, server, width):
    with tab(browser, server) as page:
        page.set_viewport_size({"width": width, "height": 900})
        for path in PAGES:
            page.goto(server + path)
            page.locator(".command").first.wait_for()
            beyond = "() => document.documentElement.scrollWidth - window.innerWidth"
            assert page.evaluate(beyond) <= 0, path


def test_a_trial_from_the_first_click_to_its_power(browser, server):
    with tab(browser, server) as page:
        page.goto(server)
        page.get_by_text("Two rates").click()
        page.get_by_text("exact: 0.81 with 120 patients").wait_for()  # one click
        page.get_by_label("Patients in all").fill("140")
        page.get_by_text("140 patients are randomized").wait_for()
        assert "sample_size: 140" in page.locator(".cm-content").inner_text()
        page.get_by_label("Patients in all").fill("-3")
        page.locator(".problem").filter(has_text="sample_size").wait_for()
        assert page.get_by_role("button", name="Run the trial").is_disabled()
        page.get_by_label("Patients in all").fill("140")
        page.get_by_text("140 patients are randomized").wait_for()
        page.get_by_role("button", name="Run the trial").click()
        page.wait_for_url("**/run/two_rates-1")
        page.get_by_text("What it found").wait_for()
        assert re.match(r"0\.8\d", page.locator(".big").inner_text())
        picture(page, "run_finished")


def test_a_run_is_found_again_compared_and_taken_away(browser, server, folder):
    """Also one that the command has made, not the page."""
    words = ["run", "two_rates", "--replicates", "100", "--out", "runs/kept", "--jobs", "1"]
    subprocess.run([sys.executable, "-m", "lupusim", *words], cwd=folder, check=True)
    with tab(browser, server, accept_downloads=True) as page:
        page.goto(f"{server}/run/kept")
        page.get_by_text("What it found").wait_for()
        page.goto(f"{server}/report?run=kept")
        with page.expect_download() as sent:
            page.get_by_role("link", name="The operating characteristics").click()
        saved = folder / "runs" / "kept" / "summary.csv"
        assert Path(sent.value.path()).read_bytes() == saved.read_bytes()
        page.get_by_role("button", name="Write the report").click()
        page.get_by_role("link", name="The report, one file to read").wait_for()
        with page.expect_download() as sent:
            page.get_by_role("link", name="The report, one file to read").click()
        report = Path(sent.value.path()).read_text(encoding="utf-8")
        assert "Two rates, 30 % against 55 %" in report
        assert not re.search(r"(src|href)=.?https?://", report)
        page.goto(f"{server}/compare")
        page.get_by_role("cell", name="kept").first.wait_for()


def test_the_file_changes_the_form_and_two_tabs_are_two(browser, server):
    with tab(browser, server) as one, tab(browser, server) as other:
        for page in (one, other):
            page.goto(f"{server}/design/new?scenario=time_to_event")
            page.get_by_label("Hazard ratio").wait_for()
        one.get_by_label("Hazard ratio").fill("0.7")
        one.locator(".cm-line").filter(has_text="hazard_ratio: 0.7").wait_for()
        assert other.get_by_label("Hazard ratio").input_value() == "0.65"
        line = one.locator(".cm-line").filter(has_text="sample_size")
        line.click()
        one.keyboard.press("End")
        one.keyboard.type("5")
        one.wait_for_function("() => document.body.innerText.includes('2 805 patients are')")
        assert one.get_by_label("Patients in all").input_value() == "2805"
        one.reload()
        one.get_by_label("Hazard ratio").wait_for()
        assert one.get_by_label("Hazard ratio").input_value() == "0.7"


def test_a_run_is_cancelled_and_leaves_no_process(browser, server):
    with tab(browser, server) as page:
        page.goto(f"{server}/design/new?scenario=event_rate")
        page.get_by_label("How many simulated trials").click()
        page.get_by_role("option", name=re.compile("100 000")).click()
        page.get_by_role("button", name="Run the trial").click()
        page.wait_for_url("**/run/event_rate-1")
        page.locator(".big").filter(has_text=re.compile(r"0\.\d")).wait_for()
        begin = time.monotonic()
        page.get_by_role("button", name="Cancel", exact=True).first.click()
        page.get_by_text("Cancelled: what was finished is kept").wait_for()
        assert time.monotonic() - begin < 2
        assert engines() == []


def engines():
    """Return the command lines of engines that still work on the run that was cancelled."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "runs/event_rate-1" in words and "--events" in words:
            found.append(words)
    return found


def test_occupancy_follows_a_hazard_ratio_at_once(browser, server):
    with tab(browser, server) as page:
        page.goto(f"{server}/disease")
        page.get_by_role("cell", name="0.463").wait_for()
        seconds = page.evaluate(
            """async () => {
              const shown = () => document.querySelector('table.plain').innerText;
              const before = shown();
              const field = document.querySelector('input[aria-label="Hazard ratio"]');
              const begin = performance.now();
              field.value = '0.5';
              field.dispatchEvent(new Event('input', {bubbles: true}));
              while (shown() === before && performance.now() - begin < 5000)
                await new Promise(r => setTimeout(r, 5));
              return (performance.now() - begin) / 1000;
            }"""
        )
        assert seconds < 1  # 0.1 on a quiet machine
        assert page.locator(".problem:visible").count() == 0


def test_counts_are_calibrated_and_what_they_leave_open_is_said(browser, server):
    with tab(browser, server) as page:
        page.goto(f"{server}/evidence")
        page.get_by_label("Patients").first.fill("30")
        page.get_by_label("Patients").nth(4).fill("14")
        page.get_by_role("button", name="Calibrate").click()
        page.wait_for_url("**/evidence/calibration-1")
        page.get_by_text("What the counts do not settle").wait_for(timeout=60_000)
        assert page.get_by_text("The targets determine 4 combinations of 8").is_visible()
        assert page.get_by_label("Patients").first.input_value() == "30"
        picture(page, "calibration")


def test_a_file_from_elsewhere_is_checked_as_text_and_never_by_its_path(browser, server, folder):
    with tab(browser, server) as page:
        page.goto(f"{server}/design")
        text = "title: <img src=x onerror=alert(1)>\n"
        sent = {"name": "../../evil.yaml", "mimeType": "text/plain", "buffer": text.encode()}
        page.locator("input[type=file]").set_input_files(sent)
        page.wait_for_url("**/design/*")
        page.locator(".problem").filter(has_text="schema").wait_for()
        assert page.locator("img").count() == 0
        assert not list(folder.parent.glob("*.yaml"))
