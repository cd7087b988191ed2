"""The evidence: type counts, calibrate a model, see the fit and what is not identified."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from nicegui import ui

from lupusim.app.designs.counts import Count, counts_of, evidence_content
from lupusim.app.drawing.charts import targets
from lupusim.app.drawing.frame import Command, action, box, page, panel, problems, table
from lupusim.app.folder import RUNS
from lupusim.app.runs.jobs import Job, State, command_line
from lupusim.app.runs.launch import ask
from lupusim.app.runs.past_runs import PastRun, new_run, remember
from lupusim.app.site import Site
from lupusim.common.output import read_object, write
from lupusim.errors import InputError
from lupusim.scenario.document.edits import parsed
from lupusim.scenario.document.yaml_writer import block

_MODELS = {
    "markov-sat0244": "markov-sat0244: constant hazards, five states",
    "msc-central": "msc-central: early relapses or none",
    "msc-durable": "msc-durable: responders stay well",
    "msc-fading": "msc-fading: the effect fades",
    "standard-care": "standard-care: without the cells",
}
_FIRST = (
    Count(kind="in", state="active", years=5.0, count=31, n=81),
    Count(kind="in", state="partial_remission", years=5.0, count=6, n=81),
    Count(kind="in", state="complete_remission", years=5.0, count=22, n=81),
    Count(kind="in", state="relapse", years=5.0, count=9, n=81),
    Count(kind="in", state="death", years=5.0, count=13, n=81),
)
_OFTEN = 0.3


def draw(site: Site, run: PastRun | None) -> None:
    """Draw the page; `run` is a calibration that is shown again."""
    lead = (
        "Type what a study counted. Calibration finds the rates that explain the counts, and says "
        "which rates the counts do not settle."
    )
    with page("Evidence", "Evidence and calibration", lead):
        EvidenceView(site, run).build()


class EvidenceView:
    """One visit to the page, where `run` may be a calibration that is shown again."""

    def __init__(self, site: Site, run: PastRun | None) -> None:
        self.site, self.run = site, run
        self._rows: list[dict[str, Any]] = []
        self._drawn: object = None
        self._result_name = ""

    def build(self) -> None:
        """Draw everything."""
        with panel("What was counted"):
            with box("line"):
                self._model = ui.select(_MODELS, value=_model_before(self.run), label="Model")
                self._model.props("outlined dense").style("min-width: 320px")
                self._model.props["hint"] = "Whose rates are to be found."
                self._model.on_value_change(self._change_model)
            self._list = ui.element("div").classes("stack")
            with box("line"):
                action("Add a row").on_click(self._add)
                action("Calibrate", main=True).on_click(self._calibrate)
                self._stop = action("Cancel").on_click(self._cancel)
                self._wait = ui.spinner(size="24px")
                self._state = ui.label("").props('aria-live="polite"').classes("muted")
            self._wrong = ui.element("div").classes("stack")
        self._found = ui.element("div").classes("stack").style("gap: 24px")
        arguments = self.run.arguments if self.run else ("calibrate", "SAT0244")
        self._command = Command(command_line(arguments))
        self._rows = [_plain(count) for count in _typed_before(self.site, self.run) or _FIRST]
        self._draw_rows()
        self._refresh()
        ui.timer(_OFTEN, self._refresh)

    def _states(self) -> list[str]:
        from lupusim.scenario import load_model

        return list(load_model(str(self._model.value)).states)

    def _change_model(self) -> None:
        self._draw_rows()

    def _draw_rows(self) -> None:
        states = {state: state.replace("_", " ") for state in self._states()}
        self._list.clear()
        with self._list:
            for position, row in enumerate(self._rows):
                if row["state"] not in states:
                    row["state"] = next(iter(states))
                self._draw_row(position, row, states)

    def _draw_row(self, position: int, row: dict[str, Any], states: dict[str, str]) -> None:
        with box("counts"):
            count = ui.number(label="Patients", min=0, step=1).bind_value(row, "count")
            out_of = ui.number(label="Out of", min=1, step=1).bind_value(row, "n")
            kinds = {"in": "are in the state at", "ever": "ever were in the state by"}
            kind = ui.select(kinds, label="What they did").bind_value(row, "kind")
            state = ui.select(states, label="State").bind_value(row, "state")
            years = ui.number(label="Years", min=0.01, step=1).bind_value(row, "years")
            for made in (count, out_of, kind, state, years):
                made.props("outlined dense")
            remove = ui.button(icon="close", on_click=lambda: self._remove(position))
            remove.props(f'flat round dense aria-label="Remove row {position + 1}"')

    def _add(self) -> None:
        like = self._rows[-1] if self._rows else _plain(_FIRST[0])
        self._rows.append({**like, "count": 0})
        self._draw_rows()

    def _remove(self, position: int) -> None:
        del self._rows[position]
        self._draw_rows()

    def _calibrate(self) -> None:
        self._wrong.clear()
        try:
            counts = [Count.typed(row) for row in self._rows]
            content = evidence_content(counts)
        except InputError as wrong:
            with self._wrong:
                problems(wrong.problems)
            return
        except ValueError as wrong:
            with self._wrong:
                ui.label(str(wrong)).classes("problem")
            return
        name, folder = new_run(self.site.folder, "calibration")
        write(folder / "evidence.yaml", block(content))
        file, model = f"{RUNS}/{name}/evidence.yaml", str(self._model.value)
        where = ("--model", model, "--draws", "1000", "--out", f"{RUNS}/{name}")
        arguments = ("calibrate", file, *where)
        remember(folder, design=file, arguments=arguments, draft="")
        ask(self.site, name, arguments)
        ui.navigate.to(f"/evidence/{name}")

    @property
    def _job(self) -> Job | None:
        return self.site.jobs.get(self.run.name) if self.run else None

    async def _cancel(self) -> None:
        if self._job is not None:
            await self._job.cancel()
        self._refresh()

    def _refresh(self) -> None:
        job = self._job
        now = (job.state, int(job.seconds)) if job else ("kept",)
        if now == self._drawn:
            return
        self._drawn = now
        works = job is not None and not job.state.is_over
        self._wait.set_visibility(works)
        self._stop.set_visibility(works)
        seconds = f"Searching for the rates: {job.seconds:.0f} s" if job and works else ""
        self._state.set_text(seconds)
        if not works:
            self._show(job)

    def _show(self, job: Job | None) -> None:
        self._found.clear()
        self._wrong.clear()
        if job is not None and job.state is State.FAILED:
            with self._wrong:
                ui.label("\n".join(job.said)).classes("problem").style("white-space: pre-wrap")
        found = job.result if job is not None else _kept(self.run)
        if found and "estimates" in found:
            with self._found:
                show_fit(found, self.run)


def show_fit(found: dict[str, Any], run: PastRun | None) -> None:
    """Draw a calibration: targets against the fit, rates, and what the counts do not settle."""
    with panel("Counted and expected"):
        rows = [
            (
                str(t["target"]).partition(": ")[2] or str(t["target"]),
                t["observed"],
                t["expected"],
                t["lower"],
                t["upper"],
            )
            for t in found["targets"]
        ]
        height = f"height: {110 + 46 * len(rows)}px"
        ui.echart(targets(rows), renderer="svg").classes("chart").style(height)
        ui.label(
            "Diamonds: what was counted. Dots: what the calibrated model expects; bars are the "
            "95 % limits of the count."
        ).classes("muted small")
    with panel("Rates"):
        table(
            ("Parameter", "Estimate, per year", "95 % limits", "Settled by the counts?"),
            [_estimate_row(row) for row in found["estimates"]],
        )
    with panel("What the counts do not settle"):
        for words in found["statements"]:
            ui.label(words)
        if run is not None:
            link = ui.link(
                "Download the calibration with its plots", f"/download/{run.name}/calibration.html"
            )
            link.classes("plain").props(f'download="{run.name}.html"')


def _estimate_row(row: dict[str, Any]) -> list[str]:
    limits = "none"
    if row.get("lower") is not None and row.get("upper") is not None:
        limits = f"{row['lower']:.3g} to {row['upper']:.3g}"
    settled = "yes" if row["identified"] else "no"
    return [row["parameter"], f"{row['estimate']:.3g}", limits, settled]


def _plain(count: Count) -> dict[str, Any]:
    return {
        "kind": count.kind,
        "state": count.state,
        "years": count.years,
        "count": count.count,
        "n": count.n,
    }


def _model_before(run: PastRun | None) -> str:
    """Return the model that a calibration was of; at first the simplest."""
    words = run.arguments if run else ()
    named = [after for word, after in pairwise(words) if word == "--model"]
    return named[0] if named and named[0] in _MODELS else "markov-sat0244"


def _typed_before(site: Site, run: PastRun | None) -> list[Count]:
    """Return the counts that a calibration was made from; none where they are not ours."""
    if run is None:
        return []
    try:
        return counts_of(parsed(site.folder.read(run.design), run.design).content)
    except (InputError, ValueError, OSError, KeyError, TypeError):
        return []


def _kept(run: PastRun | None) -> dict[str, Any] | None:
    return None if run is None else read_object(run.folder / "calibration.json")
