"""Save a design into the folder, and open another."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import events, ui

from lupusim.app.designs.drafts import Draft
from lupusim.app.drawing.frame import Command, action, box, page, panel
from lupusim.app.site import Site
from lupusim.scenario.document.yaml_reader import MAX_BYTES
from lupusim.scenario.files.packaged import packaged_descriptions

_PICK = "() => document.querySelector('.q-uploader__input').click()"


def opening(site: Site, draft: Draft, saved: Callable[[], None]) -> None:
    """Draw what saves a design; `saved` is called after it was."""
    with panel("Save"), box("line"):
        name = ui.input(label="File name", value=draft.file or f"{draft.name}.yaml")
        name.props("outlined dense").style("width: 320px; max-width: 100%")
        name.props["hint"] = f"In {site.folder.path}"

        def save() -> None:
            typed = (name.value or "").strip()
            over = draft.saved if typed == draft.file else ""
            draft.agree()
            try:
                draft.file = site.folder.save(typed, draft.text, over=over)
            except (ValueError, OSError) as wrong:
                ui.notify(str(wrong), type="negative", close_button="Close", timeout=0)
                return
            draft.saved = draft.text
            saved()
            ui.notify(f"Saved as {draft.file}", type="positive")

        action("Save the file").on_click(save)
        ui.link("Open another design", "/design").classes("plain")


def draw_choice(site: Site) -> None:
    """Draw the page that opens a design: of the folder, packaged, or sent by the browser."""
    lead = "Open one of your own files, one that comes with lupusim, or one from elsewhere."
    with page("Design", "Open a design", lead):
        with box("two"):
            with panel("Files in this folder"):
                files = site.folder.scenario_files()
                if not files:
                    ui.label(f"There is no scenario file in {site.folder.path} yet.")
                for name in files:
                    ui.link(name, f"/design/new?file={name}").classes("plain")
            with panel("A file from elsewhere"):
                _upload(site)
        with panel("Ready-made trials"), box("two"):
            for name, words in packaged_descriptions("scenarios").items():
                with ui.element("div"):
                    address = f"/design/new?scenario={name}&all=1"
                    ui.link(words or name, address).classes("plain")
                    ui.label(name).classes("muted small")
        Command("lupusim list")


def _upload(site: Site) -> None:
    async def take(sent: events.UploadEventArguments) -> None:
        content = await sent.file.read()
        try:
            if len(content) > MAX_BYTES:
                raise ValueError("The file is larger than a megabyte, and no scenario.")
            text = content.decode("utf-8")
        except ValueError as wrong:
            words = "The file is no text." if isinstance(wrong, UnicodeDecodeError) else str(wrong)
            ui.notify(words, type="negative", close_button="Close", timeout=0)
            return
        draft = site.drafts.add(name=sent.file.name.removesuffix(".yaml"), text=text)
        ui.navigate.to(f"/design/{draft.id}")

    ui.label("A scenario file (.yaml) of at most a megabyte. Its path is not kept.")
    sender = ui.upload(
        label="Choose a scenario file",
        on_upload=take,
        max_file_size=MAX_BYTES,
        max_files=1,
        auto_upload=True,
        on_rejected=lambda: ui.notify("Only one .yaml file, up to a megabyte", type="negative"),
    )
    sender.props('accept=".yaml,.yml"').style("display: none")
    action("Choose a file").on("click", js_handler=_PICK)
