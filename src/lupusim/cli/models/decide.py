"""``lupusim decide``: cost, effect and what is worth it."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from lupusim.cli.asking import Answer, PlotOption
from lupusim.cli.options import Format, FormatOption, WidthOption
from lupusim.cli.parameters import Argument, Option
from lupusim.cli.session import interruptible
from lupusim.cli.writing import ForceOption, save_figure, try_picture

if TYPE_CHECKING:
    import pandas as pd

    from lupusim.economics.methods import Method
    from lupusim.economics.uncertainty import Psa
    from lupusim.scenario.files.decision import Decision


class MethodName(StrEnum):
    """How costs and effects are computed."""

    exact = "exact"
    cohort = "cohort"
    vector = "vector"
    events = "events"
    walks = "walks"


def decide(
    decision: Annotated[
        str, Argument(metavar="DECISION", help="A decision file or packaged name.")
    ],
    method: Annotated[
        MethodName | None,
        Option(
            help="exact, cohort (cycles), vector or events (single patients), walks (single "
            "patients in cycles). Default: exact, or cohort for a cohort model."
        ),
    ] = None,
    patients: Annotated[int, Option("--patients", min=2, help="Single patients.")] = 10_000,
    draws: Annotated[
        int | None,
        Option("--draws", min=2, help="Draw what is uncertain so often (PSA)."),
    ] = None,
    seed: Annotated[int, Option("--seed", min=0, help="Of all that is drawn.")] = 1,
    plot: PlotOption = None,
    force: ForceOption = False,
    format: FormatOption = Format.table,
    width: WidthOption = None,
) -> None:
    """Compare strategies: cost, effect, dominance, ICER, net benefit; --draws for uncertainty."""
    from lupusim.economics import evaluate, incremental_analysis, psa
    from lupusim.scenario.files.decision import load_decision

    try_picture(plot, force)
    loaded = load_decision(decision)
    way = _method(loaded, method, patients, seed)
    with interruptible():
        table = evaluate(loaded.strategies, loaded.horizon, method=way, discount=loaded.discount)
        analysis: Psa | None = None
        if draws is not None:
            analysis = psa(
                loaded.make,
                loaded.draws(draws, seed=seed),
                loaded.horizon,
                method=way,
                discount=loaded.discount,
            )
    frontier = incremental_analysis(table if analysis is None else analysis.means())
    _answer(loaded, table, frontier, analysis).tell(format, width)
    if plot is not None:
        from lupusim.report.economics import decision_figure

        save_figure(decision_figure(loaded, frontier, analysis), plot)


def _method(decision: Decision, name: MethodName | None, patients: int, seed: int) -> Method:
    from lupusim.economics import Cycles, Exact, Simulated, Walks

    in_cycles = decision.strategies[0].cohort is not None
    chosen = name or (MethodName.cohort if in_cycles else MethodName.exact)
    how: dict[str, Any] = {"correction": decision.correction, "cycle": decision.cycle}
    if chosen is MethodName.exact:
        return Exact()
    if chosen is MethodName.cohort:
        return Cycles(**how)
    if chosen is MethodName.walks:
        return Walks(**how, n_patients=patients, seed=seed)
    return Simulated(engine=chosen.value, n_patients=patients, seed=seed)


def _answer(
    decision: Decision, table: pd.DataFrame, frontier: pd.DataFrame, analysis: Psa | None
) -> Answer:
    from rich.console import Group

    from lupusim.report.tables import AnswerTable

    errors = table if analysis is None else analysis.means()
    rows = frontier.merge(errors[["strategy", "cost_mcse", "effect_mcse"]], on="strategy")
    simulated = bool((rows["cost_mcse"] > 0).any())
    caption = "below each estimate its Monte Carlo standard error" if simulated else ""
    shown = AnswerTable(title=decision.title, caption=caption)
    for column in ("strategy", "cost", "effect", "+ cost", "+ effect", "ICER", ""):
        shown.add_column(column, justify="left" if column in {"strategy", ""} else "right")
    records: list[dict[Any, Any]] = rows.to_dict("records")
    for row in records:
        shown.add_row(
            row["strategy"],
            _with_error(row["cost"], row["cost_mcse"], 0),
            _with_error(row["effect"], row["effect_mcse"], 3),
            _shown(row["incremental_cost"], 0),
            _shown(row["incremental_effect"], 3),
            _shown(row["icer"], 0),
            row["status"],
        )
    content: dict[str, Any] = {"title": decision.title, "strategies": records}
    parts: list[Any] = [shown]
    prices = list(decision.willingness_to_pay)
    if prices:
        parts.append(_benefits(table if analysis is None else analysis.means(), prices, content))
    if analysis is not None and prices:
        parts.append(_uncertainty(analysis, prices, content))
    return Answer(
        content=content, table=lambda: rows, shown=Group(*parts), sentence=decision.question
    )


def _benefits(table: pd.DataFrame, prices: list[float], content: dict[str, Any]) -> Any:
    from lupusim.economics import net_benefit
    from lupusim.report.tables import AnswerTable

    shown = AnswerTable(title="net benefit", caption="* the largest")
    shown.add_column("strategy")
    found = {price: net_benefit(table, price).set_index("strategy") for price in prices}
    for price in prices:
        shown.add_column(f"at {price:,.0f}", justify="right")
    for name in table["strategy"]:
        values = [found[price]["net_benefit"][name] for price in prices]
        best = [found[price].index[0] == name for price in prices]
        shown.add_row(
            name, *(f"{v:,.0f}{' *' if b else ''}" for v, b in zip(values, best, strict=True))
        )
    content["net_benefit"] = [
        {"willingness_to_pay": price, **found[price]["net_benefit"].to_dict()} for price in prices
    ]
    return shown


def _uncertainty(analysis: Psa, prices: list[float], content: dict[str, Any]) -> Any:
    from lupusim.report.numbers import share
    from lupusim.report.tables import AnswerTable
    from lupusim.simulation.tally import Mean

    n = len(analysis.costs)
    curve, value = analysis.acceptability(prices), analysis.evpi(prices)
    p = curve["probability"]
    curve["probability_mcse"] = (p * (1 - p) / n) ** 0.5
    content["acceptability"] = curve.to_dict("records")
    content["evpi"] = value.to_dict("records")
    caption = "in brackets the Monte Carlo standard error"
    shown = AnswerTable(title=f"uncertainty, {n} draws", caption=caption)
    shown.add_column("probability of being the best")
    for price in prices:
        shown.add_column(f"at {price:,.0f}", justify="right")
    for name in analysis.strategies:
        own = curve[curve["strategy"] == name].set_index("willingness_to_pay")
        found = zip(own["probability"][prices], own["probability_mcse"][prices], strict=True)
        shown.add_row(name, *(share(Mean(value=p, mcse=mcse, n=n)) for p, mcse in found))
    worth = [_with_error(e, m, 0) for e, m in zip(value["evpi"], value["evpi_mcse"], strict=True)]
    shown.add_row("value of perfect information, per person", *worth)
    return shown


def _shown(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}" if math.isfinite(value) else ""


def _with_error(value: float, error: float, digits: int) -> str:
    shown = f"{value:,.{digits}f}"
    return f"{shown}\n({error:,.{digits}f})" if error > 0 else shown
