"""The states of a model and the moves between them, as a figure of the report.

What it shows, and where, is that of :func:`lupusim.diagram`; here it is drawn in the style of the
other figures, so that every kind of report can hold it.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from lupusim.common.arrays import FloatArray
from lupusim.model import MultiStateModel
from lupusim.report.figures.style import WIDTH, axes_of_figure, colors_of, finished, tint
from lupusim.report.models.diagram import LINE, Drawn, drawn_model, label_sizes
from lupusim.report.models.layout import HEIGHT, Layout, label_places, laid_out
from lupusim.report.models.layout import WIDTH as BOX_WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARGIN = 14.0
_MOST_LETTERS = 17  # in a line of a box
_LARGEST = 0.75  # points of a figure for one of the diagram: small models would shout


def states_figure(model: MultiStateModel) -> Figure:
    """Return the diagram of a model: hazards per year on its arrows, thick where patients start.

    Parameters
    ----------
    model : MultiStateModel
        Of at most 12 states.

    Raises
    ------
    ValueError
        If there are more: nobody could read it.
    """
    drawn = drawn_model(model)
    sizes = label_sizes(drawn)
    layout = laid_out(
        len(drawn.states),
        drawn.ways,
        starts=drawn.starts,
        widest_label=max((width for width, _ in sizes), default=0.0),
    )
    corners = [*layout.curves, layout.centers]
    left, top = (min(float(c[:, k].min()) for c in corners) for k in (0, 1))
    right, bottom = (max(float(c[:, k].max()) for c in corners) for k in (0, 1))
    width = right - left + BOX_WIDTH + 2 * _MARGIN
    height = bottom - top + HEIGHT + 2 * _MARGIN
    scale = min(72 * WIDTH / width, _LARGEST)
    with axes_of_figure(height=(height * scale + 24 + 12 * len(drawn.notes)) / 72) as axes:
        axes.set_axis_off()
        axes.set_aspect("equal")
        axes.set_xlim(left - BOX_WIDTH / 2 - _MARGIN, right + BOX_WIDTH / 2 + _MARGIN)
        axes.set_ylim(bottom + HEIGHT / 2 + _MARGIN, top - HEIGHT / 2 - _MARGIN)
        _arrows(axes, layout, scale)
        for lines, place in zip(drawn.labels, label_places(layout, sizes), strict=True):
            _label(axes, lines, place, scale)
        for state, center in enumerate(layout.centers):
            _box(axes, drawn, state, center, scale)
        axes.text(
            0.5,
            0.0,
            "\n".join(line for note in drawn.notes for line in wrap(note, 110)),
            transform=axes.transAxes,
            ha="center",
            va="top",
            fontsize=8,
            color="#555555",
        )
        return finished(axes)


def _arrows(axes: Axes, layout: Layout, scale: float) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    for curve in layout.curves:
        axes.add_patch(
            FancyArrowPatch(
                path=Path(curve),
                arrowstyle="-|>",
                mutation_scale=14 * scale / _LARGEST,
                color="#444444",
                linewidth=1.1,
                shrinkA=0,
                shrinkB=0,
            )
        )


def _label(axes: Axes, lines: tuple[str, ...], place: FloatArray, scale: float) -> None:
    axes.text(
        place[0],
        place[1],
        "\n".join(lines),
        ha="center",
        va="center",
        fontsize=LINE * 0.85 * scale,
        color="#0b4f8a",
        linespacing=1.15,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.92, "pad": 1.0},
    )


def _box(axes: Axes, drawn: Drawn, state: int, center: FloatArray, scale: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = center
    axes.add_patch(
        FancyBboxPatch(
            (x - BOX_WIDTH / 2, y - HEIGHT / 2),
            BOX_WIDTH,
            HEIGHT,
            boxstyle="round,pad=0,rounding_size=9",
            facecolor=tint(colors_of(drawn.states)[drawn.states[state]]),
            edgecolor="#333333",
            linewidth=2.2 if state in drawn.starts else 1.0,
            zorder=3,
        )
    )
    name = wrap(drawn.states[state].replace("_", " "), _MOST_LETTERS)[:2]
    axes.text(
        x, y, "\n".join(name), ha="center", va="center", fontsize=LINE * 1.03 * scale, zorder=4
    )
