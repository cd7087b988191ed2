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
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
AXE = os.environ.get("AXE_CORE")  # path of axe.min.js, where it is installed
SHOTS = os.environ.get("APP_SCREENSHOTS")  # folder for pictures of every page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),  # one server and one browser for all
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="playwright is not installed"),
    pytest.mark.skipif(find_spec("nicegui") is None, reason="the extra 'app' is not installed"),
]

NEW = "/design/new?scenario=two_rates"
PAGES = ("/", "/disease", "/evidence", "/design", NEW, "/run", "/compare", "/report")
WITH_A_RUN = ("/run/kept", "/compare?run=kept", "/report?run=kept")
READ_AT_ONCE = {"/", NEW, "/run/kept"}  # the long suite reads all of them
WIDTHS = (390, 800, 1280)
HELD_OUT = {"region", "page-has-heading-one", "landmark-one-main"}  # of layout, not of reading
_WAIT = 60_000  # on a machine with other work


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("planning")


def lupusim(*words, **options):
    ours = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    return subprocess.Popen([sys.executable, "-m", "lupusim", *words], env=ours, **options)


@pytest.fixture(scope="module")
def kept(folder):
    """Return the folder of a run that the command has made, not the page."""
    words = ("run", "two_rates", "--replicates", "100", "--out", "runs/kept", "--jobs", "1")
    with lupusim(*words, cwd=folder, stdout=subprocess.DEVNULL) as process:
        assert process.wait(60) == 0
    return folder / "runs" / "kept"


@pytest.fixture(scope="module")
def server(folder):
    words = ("app", str(folder), "--port", "0", "--no-show")
    with lupusim(*words, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", said)[0]
        yield address
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture(scope="module")
def tab(server):
    """Return what opens a tab; all tabs share a cache, so that scripts are read once."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = browser.new_context(base_url=server, viewport={"width": 1280, "height": 900})
        context.set_default_timeout(_WAIT)
        yield lambda: watched_tab(context, own=urlsplit(server).netloc)
        browser.close()


@contextmanager
def watched_tab(context, own):
    """Open a tab that reports what it must not do: errors, and requests to elsewhere."""
    page = context.new_page()
    wrong = []

    def watch(request):
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != own:
            wrong.append(request.url)

    page.on("request", watch)
    page.on("websocket", lambda s: wrong.append(s.url) if urlsplit(s.url).netloc != own else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    yield page
    page.close()
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


def crowd():
    """Return how many want each processor, at least 1: so much longer everything takes."""
    return max(1.0, os.getloadavg()[0] / os.cpu_count())


def open_design(page, scenario):
    """Open a design and wait until it was checked: what is typed before reaches nobody."""
    page.goto(f"/design/new?scenario={scenario}")
    page.locator("button:enabled", has_text="Run the trial").wait_for()


def picture(page, name):
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def opened(page, path):
    page.goto(path)
    page.locator(".command").first.wait_for()


@pytest.mark.usefixtures("kept")
def test_every_page_opens_names_its_fields_and_fits(tab):
    fits = "() => document.documentElement.scrollWidth <= window.innerWidth"
    with tab() as page:
        for path in PAGES + WITH_A_RUN:
            opened(page, path)
            assert unlabeled(page) == [], path
            if path in READ_AT_ONCE:
                assert violations(page) == [], path
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                page.wait_for_function(fits)  # charts follow a moment later


def test_the_editor_is_named_before_the_page_is_loaded(tab):
    holds_loading = """addEventListener('DOMContentLoaded', () => {
        document.body.appendChild(new Image()).src = '/late.png';
    })"""
    late = []

    def hold(route):
        late.append(route)

    with tab() as page:
        page.route("**/late.png", hold)
        page.add_init_script(holds_loading)
        page.goto(NEW, wait_until="commit")
        editor = page.locator(".cm-content")
        editor.wait_for()
        assert page.evaluate("document.readyState") == "interactive"
        assert editor.get_attribute("aria-label") == "The scenario file"
        assert page.locator(".cm-scroller").get_attribute("tabindex") == "0"
        for route in late:
            route.fulfill(status=200, content_type="image/svg+xml", body="<svg/>")


@pytest.mark.slow
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_can_be_read(tab, scheme, width):
    with tab() as page:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        for path in PAGES + WITH_A_RUN:
            opened(page, path)
            page.wait_for_load_state("networkidle")
            assert violations(page) == [], path
            name = re.sub(r"\W+", "_", path).strip("_") or "start"
            picture(page, f"{name}_{scheme}_{width}")


def test_a_trial_from_the_first_click_to_its_power(tab):
    with tab() as page:
        page.goto("/")
        page.get_by_text("Two rates", exact=True).click()
        page.get_by_text("exact: 0.81 with 120 patients").wait_for()  # one click
        page.get_by_label("Patients in all").fill("140")
        page.get_by_text("140 patients, 1:1").wait_for()
        assert "sample_size: 140" in page.locator(".cm-content").inner_text()
        page.get_by_label("Patients in all").fill("-3")
        page.locator(".problem").filter(has_text="sample_size").wait_for()
        assert page.get_by_role("button", name="Run the trial").is_disabled()
        page.get_by_label("Patients in all").fill("140")
        page.get_by_text("140 patients, 1:1").wait_for()
        page.get_by_label("Responders, treated").fill("56")
        page.locator(".cm-line").filter(has_text=re.compile("^title: Two rates$")).wait_for()
        page.get_by_text("treated: 56 % have response").wait_for()
        page.get_by_role("button", name="Run the trial").click()
        page.wait_for_url("**/run/two_rates-1")
        page.get_by_text("What it found").wait_for()
        page.locator(".big").filter(has_text="0.8822").wait_for()  # sum over 71 x 71 tables
        assert page.get_by_text(re.compile(r"^simulated, as a check: 0\.8\d")).is_visible()
        picture(page, "run_finished")


def test_a_field_that_is_not_understood_is_marked_and_no_power_stands_beside_it(tab):
    with tab() as page:
        page.goto("/design/new?scenario=two_rates")
        known = page.get_by_text("Power before any simulation")
        known.wait_for()
        page.get_by_label("Sides").fill("two")
        page.locator(".q-field--error").get_by_text("Sides: 'two' is not understood").wait_for()
        known.wait_for(state="hidden")
        assert page.get_by_text("is not understood").count() == 1
        assert page.get_by_text("The field marked in red must be mended first").is_visible()
        assert page.get_by_role("button", name="Run the trial").is_disabled()
        page.get_by_label("Sides").fill("1")
        known.wait_for()
        assert page.locator(".q-field--error").count() == 0


def test_clicks_before_the_design_is_checked_are_one_run_of_what_stands_there(tab, folder):
    with tab() as page:
        open_design(page, "score_change")
        page.get_by_label("Patients in all").fill("30")
        page.get_by_role("button", name="Run the trial").dblclick()
        page.wait_for_url("**/run/score_change-1")
        page.get_by_text("What it found").wait_for()
        page.get_by_role("cell", name="30", exact=True).wait_for()
        assert not (folder / "runs" / "score_change-2").exists()


def test_a_run_is_found_again_compared_and_taken_away(tab, kept):
    """Also one that the command has made, not the page."""
    with tab() as page:
        page.goto("/run/kept")
        page.get_by_text("What it found").wait_for()
        page.goto("/report?run=kept")
        with page.expect_download() as sent:
            page.get_by_role("link", name="The operating characteristics").click()
        assert Path(sent.value.path()).read_bytes() == (kept / "summary.csv").read_bytes()
        page.get_by_role("button", name="Write the report").click()
        report = page.get_by_role("link", name="The report, one file to read")
        report.hover()
        assert report.evaluate("e => getComputedStyle(e).opacity") == "1"  # else contrast falls
        bar = page.locator(".q-loading-bar").first
        assert bar.get_attribute("aria-label") == "The page is loading"
        with page.expect_download() as sent:
            report.click()
        text = Path(sent.value.path()).read_text(encoding="utf-8")
        assert "Two rates, 30 % against 55 %" in text
        assert not re.search(r"(src|href)=.?https?://", text)
        page.goto("/compare")
        page.get_by_role("cell", name="kept").first.wait_for()


def test_the_file_changes_the_form_and_two_tabs_are_two(tab):
    with tab() as one, tab() as other:
        for page in (one, other):
            open_design(page, "time_to_event")
            page.get_by_label("Hazard ratio").wait_for()
        one.get_by_label("Hazard ratio").fill("0.7")
        one.locator(".cm-line").filter(has_text="hazard_ratio: 0.7").wait_for()
        assert other.get_by_label("Hazard ratio").input_value() == "0.65"
        line = one.locator(".cm-line").filter(has_text="sample_size")
        line.click()
        one.keyboard.press("End")
        one.keyboard.type("5")
        one.wait_for_function("() => document.body.innerText.includes('2805 patients, ')")
        assert one.get_by_label("Patients in all").input_value() == "2805"
        one.keyboard.press("Tab")  # goes on, and indents nothing
        assert not one.evaluate("() => !!document.activeElement.closest('.cm-content')")
        one.reload()
        one.get_by_label("Hazard ratio").wait_for()
        assert one.get_by_label("Hazard ratio").input_value() == "0.7"


def test_a_title_follows_numbers_of_the_file_once_nobody_types_there(tab):
    with tab() as page:
        open_design(page, "two_rates")
        page.get_by_label("Measured at").wait_for()
        title = page.locator(".cm-line").filter(has_text="title: ")
        page.locator(".cm-line").filter(has_text="kind: response").click()
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        for _ in "24 weeks":
            page.keyboard.press("Backspace")
        page.keyboard.type("26 weeks")
        page.wait_for_function("() => document.body.innerText.includes('response at 26 weeks')")
        assert title.inner_text() == "title: Two rates, 30 % against 55 % at 24 weeks"
        page.keyboard.press("Tab")
        page.locator(".cm-line").filter(has_text=re.compile("^title: Two rates$")).wait_for()


def test_a_run_is_cancelled_and_leaves_no_process(tab):
    with tab() as page:
        open_design(page, "event_rate")
        page.get_by_label("How many simulated trials").click()
        page.get_by_role("option", name=re.compile("100 000")).click()
        page.get_by_role("button", name="Run the trial").click()
        page.wait_for_url("**/run/event_rate-1")
        page.locator(".big").filter(has_text=re.compile(r"0\.\d")).wait_for()
        begin = time.monotonic()
        page.get_by_role("button", name="Cancel", exact=True).first.click()
        page.get_by_text("Cancelled: what was finished is kept").wait_for()
        assert time.monotonic() - begin < 2 * crowd()
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


def test_occupancy_follows_a_hazard_ratio_at_once(tab):
    with tab() as page:
        page.goto("/disease")
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
        assert seconds < 0.3 * crowd()  # 0.1 on a quiet machine
        assert page.locator(".problem:visible").count() == 0


def test_counts_are_calibrated_and_what_they_leave_open_is_said(tab):
    with tab() as page:
        page.goto("/evidence")
        page.get_by_label("Patients").first.fill("30")
        page.get_by_label("Patients").nth(4).fill("14")
        page.get_by_role("button", name="Calibrate").click()
        page.wait_for_url("**/evidence/calibration-1")
        page.get_by_text("What the counts do not settle").wait_for()
        assert page.get_by_text("The targets determine 4 combinations of 8").is_visible()
        assert page.get_by_label("Patients").first.input_value() == "30"
        picture(page, "calibration")


def test_a_file_from_elsewhere_is_checked_as_text_and_never_by_its_path(tab, folder):
    with tab() as page:
        page.goto("/design")
        text = "title: <img src=x onerror=alert(1)>\n"
        sent = {"name": "../../evil.yaml", "mimeType": "text/plain", "buffer": text.encode()}
        page.locator("input[type=file]").set_input_files(sent)
        page.wait_for_url("**/design/*")
        page.locator(".problem").filter(has_text="schema").wait_for()
        assert page.locator("img").count() == 0
        assert not list(folder.parent.glob("*.yaml"))


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [("Host", "evil.example", 421), ("Origin", "http://evil.example", 403)],
)
def test_another_name_or_a_page_from_elsewhere_is_refused(server, header, value, status):
    request = Request(f"{server}/run", headers={header: value})
    with pytest.raises(HTTPError) as refused:
        urlopen(request)
    refused.value.close()
    assert refused.value.code == status


@pytest.mark.slow
def test_what_matters_most_is_drawn(tab, kept):
    with tab() as page:
        page.goto("/run/kept")
        page.get_by_label("Responders, treated, low").wait_for()
        page.get_by_role("button", name="Find out").nth(2).click()
        page.get_by_role("cell", name="Responders, treated").wait_for()
        assert page.locator("img.diagram").count() == 2
        assert (kept / "sensitivity.svg").is_file()
