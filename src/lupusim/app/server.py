"""Serve the page: its addresses, who may ask for them, and how it begins and ends."""

from __future__ import annotations

import secrets
import socket
import sys
import webbrowser
from pathlib import Path

from nicegui import app, ui
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from lupusim.app.drawing.frame import page, panel
from lupusim.app.folder import StartFolder
from lupusim.app.guard import Gate, Guard, is_loopback
from lupusim.app.pages import (
    comparing,
    design,
    disease,
    evidence,
    opening,
    reporting,
    running,
    start,
)
from lupusim.app.runs.past_runs import find_run
from lupusim.app.site import Site
from lupusim.common.frozen import dataclass
from lupusim.errors import LupusimError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the page is served."""

    folder: Path  # whose files it may read and write
    host: str = "127.0.0.1"
    """Address to listen on; another than this machine's own is guarded by a token."""
    port: int = 0  # 0 for one that is free
    open_browser: bool = True  # whether to show it at once


def serve(options: Options) -> None:
    """Serve the page until it is stopped.

    Raises
    ------
    ValueError
        If the folder or the port cannot be used.
    """
    folder = options.folder.resolve()
    if not folder.is_dir():
        raise ValueError(f"{options.folder}: is no folder. Name one that exists")
    port = _free_port(options.host, options.port)
    token = "" if is_loopback(options.host) else secrets.token_urlsafe(24)
    site = Site(folder=StartFolder(path=folder))
    add_pages(site)
    app.add_middleware(Guard, gate=Gate(port=port, token=token))
    app.on_startup(site.jobs.engines.keep_one)
    app.on_shutdown(site.jobs.stop)
    app.on_startup(lambda: _announce(options, port, token))
    ui.run(
        host=options.host,
        port=port,
        title="lupusim",
        language="en-US",
        reload=False,
        reconnect_timeout=_SECONDS_AWAY,
        show=False,
        tailwind=False,
        favicon=_ICON,
        show_welcome_message=False,
        uvicorn_logging_level="error",
    )


_SECONDS_AWAY = 30.0  # a machine that simulates answers late: then no page is drawn anew
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" '
    'rx="7" fill="#0a6a72"/><path d="M7 23 L13 15 L18 18 L25 8" fill="none" stroke="#fff" '
    'stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)


def _free_port(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            words = error.strerror or str(error)
            raise ValueError(f"--port {port} on {host}: {words}. Give another, or 0") from None
        return int(listener.getsockname()[1])


def _announce(options: Options, port: int, token: str) -> None:
    host = options.host if is_loopback(options.host) else socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    address = f"http://{host}:{port}/" + (f"?token={token}" if token else "")
    print(f"lupusim is at {address}  (Ctrl-C ends it)", flush=True)
    if token:
        words = "Others can reach this machine: whoever has the token can read and write the folder"
        print(words, file=sys.stderr, flush=True)
    if options.open_browser:
        webbrowser.open(address)


def add_pages(site: Site) -> None:
    """Give every page its address."""
    _add_start(site)
    _add_designs(site)
    _add_runs(site)


def _add_start(site: Site) -> None:
    @ui.page("/")
    def _start() -> None:
        start.draw(site)

    @ui.page("/disease")
    def _disease() -> None:
        disease.draw(site)

    @ui.page("/evidence")
    def _evidence() -> None:
        evidence.draw(site, None)

    @ui.page("/evidence/{name}")
    def _calibration(name: str) -> None:
        evidence.draw(site, find_run(site.folder, name))


def _add_designs(site: Site) -> None:
    @ui.page("/design")
    def _choice() -> None:
        opening.draw_choice(site)

    @ui.page("/design/new")
    def _new(scenario: str = "", file: str = "", all: str = "") -> Response | None:
        try:
            if file:
                draft = site.drafts.open_file(site.folder, file)
            else:
                draft = site.drafts.open_packaged(scenario, one_size=not all)
        except (LupusimError, ValueError, OSError) as wrong:
            _missing("Design", str(wrong), "/design", "Open a design")
            return None
        return RedirectResponse(f"/design/{draft.id}", status_code=303)

    @ui.page("/design/{id}")
    def _design(id: str) -> None:
        draft = site.drafts.get(id)
        if draft is None:
            words = "This design is no longer open: the server was started anew."
            _missing("Design", words, "/design", "Open a design")
        else:
            design.draw(site, draft)


def _add_runs(site: Site) -> None:
    @ui.page("/run")
    def _runs() -> None:
        running.draw_list(site)

    @ui.page("/run/{name}")
    def _run(name: str) -> None:
        found = find_run(site.folder, name)
        if found is None:
            _missing(
                "Run", f"There is no run {name[:60]!r} in this folder.", "/run", "See all runs"
            )
        else:
            running.draw(site, found)

    @ui.page("/compare")
    def _compare(run: str = "") -> None:
        comparing.draw(site, run)

    @ui.page("/report")
    def _report(run: str = "") -> None:
        reporting.draw(site, run)

    @app.get("/download/{name}/{file}")
    def _download(name: str, file: str) -> Response:
        found = find_run(site.folder, name)
        if found is None or file not in reporting.FILES or not (found.folder / file).is_file():
            return PlainTextResponse("There is no such file.", status_code=404)
        return FileResponse(found.folder / file, filename=f"{name}-{file}")


def _missing(here: str, words: str, address: str, link: str) -> None:
    with page(here, "Not found"), panel():
        ui.label(words).style("white-space: pre-wrap")
        ui.link(link, address).classes("plain")
