"""What the report shows of results: operating characteristics, and one trial in detail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from lupusim.planning.runs.results import PointResult, RunResult
from lupusim.report.document.parts import Part, Picture, Section, Table, Words
from lupusim.report.figures.patients import curves_figure, swim_lanes
from lupusim.report.figures.runs import (
    Named,
    characteristics_figure,
    has_stops,
    named,
    power_figure,
    power_over,
    stopping_figure,
)
from lupusim.report.numbers import cell
from lupusim.report.run.layout import in_order
from lupusim.report.run.table import main_rows
from lupusim.simulation.patient_level.tables import SimulatedTrial, simulate_trial
from lupusim.trial import Trial
from lupusim.trial.durations import MONTHS_PER_YEAR

_DESIGNS_BESIDE = 4  # that fit the width of a page
_LANES = 24
_PATIENTS = 24


def performance(result: RunResult, target: float | None = None) -> Section:
    """Return the operating characteristics, under what is stated and where nothing is better.

    Parameters
    ----------
    result : RunResult
        What a run found.
    target : float or None
        Power that is wanted, to be marked.
    """
    designs = named(result)
    return Section(
        title="Performance measures",
        items="operating characteristics; results",
        parts=(*characteristics_tables(designs), *_pictures(result, designs, target)),
    )


def characteristics_tables(designs: Sequence[Named]) -> Iterator[Table]:
    """Yield tables of operating characteristics, a column per design, a few beside each other."""
    columns = [dict(main_rows(point)) for _, point in designs]
    for begin in range(0, len(designs), _DESIGNS_BESIDE):
        block = range(begin, min(begin + _DESIGNS_BESIDE, len(designs)))
        rows = in_order([columns[k] for k in block])
        part = (
            ""
            if len(designs) <= _DESIGNS_BESIDE
            else f" (designs {block[0] + 1} to {block[-1] + 1})"
        )
        yield Table(
            caption=f"Operating characteristics{part}: estimate (Monte Carlo standard error). "
            f"{_under_what(designs[0][1])}(0) stands where trials did not differ.",
            head=("quantity", *(designs[k][0] for k in block)),
            rows=tuple((row, *(columns[k].get(row, "") for k in block)) for row in rows),
        )


def _under_what(point: PointResult) -> str:
    """Return under which truths power and type I error are; nothing where nothing is judged."""
    if point.power is None:
        return ""
    null = "at the null value" if len(point.trial.arms) == 1 else "where all arms are identical"
    error = "" if point.type_one_error is None else f", type I error {null}"
    return f"Power is under what the scenario states{error}; "


def _pictures(result: RunResult, designs: Sequence[Named], target: float | None) -> Iterator[Part]:
    if power_over(result) is not None and result.points[0].power is not None:
        yield Picture(
            caption="Power and type I error over what varies, with 95 % Monte Carlo bands; "
            "crosses, where there are some: power known without simulated trials.",
            alternative="Curve of power with a band",
            figure=power_figure(result, target=target),
        )
    if len(designs) > 1:
        yield _side_by_side(designs)
    sequential = [(name, point) for name, point in designs if has_stops(point)]
    if sequential:
        yield Picture(
            caption="Where trials stop and why, as stated and where nothing is better.",
            alternative="Stacked bars of the shares of trials that stop at each look",
            figure=stopping_figure(sequential),
        )


def _side_by_side(designs: Sequence[Named]) -> Picture:
    return Picture(
        caption="Operating characteristics of the designs, with 95 % Monte Carlo limits"
        f"{'' if designs[0][1].trial.analysis is None else '; dashed, the level of the test'}.",
        alternative="Dots with intervals for each design",
        figure=characteristics_figure(designs),
    )


def start_states(trial: Trial) -> Mapping[str, str]:
    """Return for each arm the state where most of its patients start."""
    return {
        arm.name: max(arm.model.starts, key=lambda start: start.probability).state
        if arm.model.starts
        else arm.model.states[0]
        for arm in trial.arms
    }


def example_trial(result: RunResult) -> Section:
    """Return one simulated trial, patient by patient."""
    trial = result.points[0].trial
    simulated = simulate_trial(result.scenario, engine="vector", seed=result.seed)
    return Section(
        title="One simulated trial",
        items="example trials",
        parts=tuple(_example(result, trial, simulated)),
    )


def _example(result: RunResult, trial: Trial, simulated: SimulatedTrial) -> Iterator[Part]:
    name = named(result)[0][0]
    which = f" of the first design ({name})" if len(result.points) > 1 else ""
    cutoff = MONTHS_PER_YEAR * simulated.calendar_cutoff
    yield Words(
        text=f"One trial{which}, simulated with seed {result.seed}; it is an example and proves "
        f"nothing. It ended in month {cutoff:.1f}. All of its patients: lupusim trial "
        f"{result.scenario.command} --engine vector --seed {result.seed} --out DIR."
    )
    yield _decisions(simulated)
    for endpoint in trial.endpoints:
        table = simulated.endpoints[endpoint.name]
        if {"time", "event", "in_analysis"} <= set(table) and table["in_analysis"].any():
            yield Picture(
                caption=f"In this trial {endpoint.name}, with pointwise 95 % intervals.",
                alternative="Curves by arm with numbers at risk",
                figure=curves_figure(
                    table, name=endpoint.name, arms=[arm.name for arm in trial.arms]
                ),
            )
    yield Picture(
        caption=f"The first patients of each arm, from entry on ({_LANES} lanes).",
        alternative="A bar per patient, colored by the states passed",
        figure=swim_lanes(
            simulated, states=trial.states, start=start_states(trial), n_patients=_LANES
        ),
    )
    yield _patients(simulated)


def _decisions(simulated: SimulatedTrial) -> Table:
    rows: list[tuple[str, ...]] = [
        (str(look), f"{MONTHS_PER_YEAR * years:.1f}", words)
        for look, years, words in simulated.decisions.itertuples(index=False)
    ]
    head: tuple[str, ...] = ("look", "month", "decision")
    if not simulated.looks.empty:
        head = (*head, "z by hypothesis")
        rows = [(*row, _statistics(simulated.looks, int(row[0]))) for row in rows]
    return Table(caption="What its looks decided.", head=head, rows=tuple(rows), wordy=True)


def _statistics(looks: pd.DataFrame, number: int) -> str:
    those = looks[looks["look"] == number]
    each = zip(those["hypothesis"], those["z"], those["p_value"], strict=True)
    return ", ".join(f"{name}: z {z:.2f}, p {p:.4f}" for name, z, p in each)


def _patients(simulated: SimulatedTrial) -> Table:
    """Return the first patients, a row each: baseline, and how it ended."""
    patients = simulated.patients.head(_PATIENTS)
    months = {"enrollment_time": "enrolled, month", "seen_until": "followed, months"}
    hidden = {"end_time", "weight_kg"}
    kept = [name for name in patients if name not in hidden]
    return Table(
        caption=f"Its first {len(patients)} patients of {len(simulated.patients)}.",
        head=tuple(months.get(str(name), str(name).replace("_", " ")) for name in kept),
        rows=tuple(
            tuple(
                f"{MONTHS_PER_YEAR * value:.1f}" if name in months else cell(value, "{:.3g}")
                for name, value in zip(kept, row, strict=True)
            )
            for row in patients[kept].itertuples(index=False)
        ),
    )
