"""Start what a page asks for: a run, a question about it, a calibration, a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lupusim.app.designs.checking import check
from lupusim.app.designs.drafts import Draft
from lupusim.app.folder import RUNS
from lupusim.app.runs.jobs import Job
from lupusim.app.runs.past_runs import PastRun, new_run, remember
from lupusim.app.site import Site
from lupusim.common.output import write

STREAM = ("--events", "jsonl")
PRESETS = {
    "rough": "100 trials: gross errors show",
    "plan": "1000 trials: for planning",
    "submit": "100 000 trials: for a protocol",
}
"""Words of ``lupusim run --precision``, and what each is for."""


def start_run(site: Site, draft: Draft, precision: str) -> str:
    """Start a run of a design and return its name.

    Raises
    ------
    ValueError
        If the design cannot be run from where it would lie.
    """
    name, folder = new_run(site.folder, draft.name)
    design = _lying_somewhere(site, draft, folder)
    arguments = ("run", design, "--precision", precision, "--out", f"{RUNS}/{name}")
    remember(folder, design=design, arguments=arguments, draft=draft.id)
    site.jobs.start(name, _streaming(site, arguments))
    return name


def go_on(site: Site, run: PastRun) -> None:
    """Go on with a run that was broken off."""
    more = () if "--resume" in run.arguments else ("--resume",)
    arguments = run.arguments or ("run", run.design, "--out", f"{RUNS}/{run.name}")
    site.jobs.start(run.name, _streaming(site, (*arguments, *more)))


def ask(site: Site, name: str, arguments: Sequence[str]) -> Job:
    """Start a command that answers once, at its end."""
    return site.jobs.start(name, Job(arguments=tuple(arguments), folder=site.folder.path))


def tell(site: Site, name: str, arguments: Sequence[str]) -> Job:
    """Start a command that answers in words alone."""
    folder = site.folder.path
    return site.jobs.start(name, Job(arguments=tuple(arguments), folder=folder, for_programs=()))


def _streaming(site: Site, arguments: tuple[str, ...]) -> Job:
    return Job(arguments=arguments, folder=site.folder.path, for_programs=STREAM, streams=True)


def _lying_somewhere(site: Site, draft: Draft, folder: Path) -> str:
    """Return how a command names the design, after writing it into the run's folder if need be."""
    named = draft.command_name
    if draft.is_saved or named == draft.packaged:
        return named
    checked = check(draft.text, folder=site.folder, beside=folder, name=f"{draft.name}.yaml")
    if checked.scenario is None:
        folder.rmdir()
        raise ValueError(
            "The design names a file by a path that starts at its own folder: save it first."
        )
    path = folder / f"{draft.name}.yaml"
    write(path, draft.text)
    return site.folder.shown(path)
