"""Charts of the page, as options of ECharts; drawn as SVG, so that they take the page's colors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_GRID = {"left": 64, "right": 24, "top": 40, "bottom": 52}
_QUIET = {"lineStyle": {"color": "#8a94a0", "opacity": 0.35}}
_ACCENT = "#1f929c"  # the accent of the page, halfway between light and dark
_MARK = "#d0622a"


def _axis(name: str, **more: Any) -> dict[str, Any]:
    named = {"type": "value", "name": name, "nameLocation": "middle", "nameGap": 32}
    return {**named, "splitLine": _QUIET, "axisLine": {"show": True}, **more}


def occupancy_chart(
    exact: pd.DataFrame, simulated: pd.DataFrame | None, colors: Mapping[str, str]
) -> dict[str, Any]:
    """Return shares of patients in each state, stacked over time.

    Parameters
    ----------
    exact : DataFrame
        A column per state, a row per study time (years).
    simulated : DataFrame or None
        The same of simulated patients: drawn as the dashed borders between the states.
    colors : mapping of str to str
        Of each state.
    """
    times = [round(float(time), 4) for time in exact.index]
    series: list[dict[str, Any]] = [
        {
            "name": _words(state),
            "type": "line",
            "stack": "exact",
            "symbol": "none",
            "lineStyle": {"width": 0},
            "areaStyle": {"color": colors[state], "opacity": 0.9},
            "itemStyle": {"color": colors[state]},
            "data": [*zip(times, exact[state].round(5).tolist(), strict=True)],
        }
        for state in exact.columns
    ]
    if simulated is not None:
        series += _borders(times, simulated)
    return {
        "animation": False,
        "grid": {**_GRID, "top": 64},
        "legend": {"top": 0, "data": [_words(state) for state in exact.columns]},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": _axis("years since randomization", max=times[-1]),
        "yAxis": _axis("share of patients", min=0, max=1, nameGap=44),
        "series": series,
    }


def _borders(times: list[float], simulated: pd.DataFrame) -> list[dict[str, Any]]:
    edges = simulated.cumsum(axis=1)
    return [
        {
            "name": f"up to {_words(state)}, of 1000 simulated patients",
            "type": "line",
            "symbol": "none",
            "z": 5,
            "lineStyle": {"color": "#000000", "width": 1.2, "type": "dashed"},
            "tooltip": {"show": False},
            "data": [*zip(times, edges[state].round(4).tolist(), strict=True)],
        }
        for state in list(edges.columns)[:-1]
    ]


def _words(state: str) -> str:
    return state.replace("_", " ")


def running_power(steps: Sequence[tuple[int, float, float]]) -> dict[str, Any]:
    """Return the running power against trials simulated, with two MCSE either way.

    Parameters
    ----------
    steps : sequence of (int, float, float)
        Trials finished, power, and its Monte Carlo standard error.
    """
    lower = [[n, max(0.0, p - 2 * e)] for n, p, e in steps]
    width = [[n, min(1.0, p + 2 * e) - max(0.0, p - 2 * e)] for n, p, e in steps]
    band = {"type": "line", "stack": "band", "symbol": "none", "lineStyle": {"width": 0}}
    return {
        "animation": False,
        "grid": {**_GRID, "top": 24},
        "xAxis": _axis("trials finished, with and without effect", min=0),
        "yAxis": _axis("power", min=0, max=1, nameGap=44),
        "series": [
            {**band, "data": lower, "silent": True},
            {
                **band,
                "data": width,
                "silent": True,
                "areaStyle": {"color": _ACCENT, "opacity": 0.25},
            },
            {
                "type": "line",
                "data": [[n, p] for n, p, _ in steps],
                "symbolSize": 7,
                "lineStyle": {"color": _ACCENT, "width": 2},
                "itemStyle": {"color": _ACCENT},
            },
        ],
    }


def targets(rows: Sequence[tuple[str, float, float, float, float]]) -> dict[str, Any]:
    """Return counts observed against those the fit expects, with 95 % limits.

    Parameters
    ----------
    rows : sequence of (str, float, float, float, float)
        Name, observed, expected, lower and upper limit.
    """
    names = [name for name, *_ in rows]
    lines = [
        {
            "type": "line",
            "symbol": "none",
            "silent": True,
            "data": [[lower, row], [upper, row]],
            "lineStyle": {"color": _ACCENT, "width": 3},
        }
        for row, (_, _, _, lower, upper) in enumerate(rows)
    ]
    found = {
        "name": "expected by the model",
        "type": "scatter",
        "symbolSize": 9,
        "itemStyle": {"color": _ACCENT},
        "data": [[expected, row] for row, (_, _, expected, _, _) in enumerate(rows)],
    }
    seen = {
        "name": "counted",
        "type": "scatter",
        "symbol": "diamond",
        "symbolSize": 17,
        "itemStyle": {"color": "transparent", "borderColor": _MARK, "borderWidth": 2},
        "data": [[observed, row] for row, (_, observed, *_) in enumerate(rows)],
    }
    return {
        "animation": False,
        "grid": {**_GRID, "left": 230},
        "legend": {"top": 0, "data": ["expected by the model", "counted"]},
        "xAxis": _axis("patients", min=0),
        "yAxis": {
            "type": "category",
            "data": names,
            "inverse": True,
            "axisLabel": {"width": 210, "overflow": "break", "interval": 0},
        },
        "series": [*lines, found, seen],
    }
