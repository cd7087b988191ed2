"""The style that all pictures share: type, colors, axes, and how they are written.

Figures are made without pyplot, so that nothing global changes and no window is needed.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from lupusim.common.output import write
from lupusim.errors import LupusimError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

CONFIDENCE = 1.959963984540054
BLUE, ORANGE, GRAY = "#0072b2", "#d55e00", "#666666"  # told apart by every eye (Okabe, Ito)
GREEN, SKY, PURPLE, AMBER = "#009e73", "#56b4e9", "#cc79a7", "#e69f00"
ARMS = (GRAY, BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER)
"""Colors of arms, the control first."""

# Okabe and Ito's colors, told apart by every eye; the last state, often death, in gray.
_STATES = ("#d55e00", "#56b4e9", "#009e73", "#e69f00", "#cc79a7", "#0072b2", "#f0e442", "#332288")
_LAST_STATE = "#777777"

WIDTH = 7.0  # inches: of every figure that stands alone
SMALL = 9.0  # points: legends, ticks, notes
_STYLE = {
    "svg.hashsalt": "lupusim",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "figure.titlesize": 11.0,
    "legend.fontsize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_TINT = 0.4  # how much of a color is left where black words stand on it
_DPI = 180  # of pictures in documents
_LINE = 72  # characters of a title that fit in the width of a figure
_LEGEND, _KEY = 88, 7  # characters of a legend in that width, and those that a line's sample takes
_FORMATS = (".png", ".svg")
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


class MissingExtraError(LupusimError):
    """What is asked for needs packages that are not installed."""


def need(extra: str, *modules: str) -> None:
    """Check, before any work, that the packages of an extra are there.

    Raises
    ------
    MissingExtraError
        If one is missing; says which command installs it.

    Examples
    --------
    >>> need("report", "json", "csv")
    """
    from importlib.util import find_spec

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"this needs {', '.join(missing)}, not installed here. Nothing was done. "
            f'Install it: pip install "lupusim[{extra}]"'
        )


def need_plotting() -> None:
    """Check, before any work, that pictures can be drawn."""
    need("report", "matplotlib")


def settings() -> Any:
    """Return matplotlib's own defaults and our style, whatever the user has set."""
    import matplotlib as mpl

    process_wide = {"backend", "backend_fallback", "interactive", "toolbar"}
    defaults = {k: v for k, v in mpl.rcParamsDefault.items() if k not in process_wide}
    return defaults | _STYLE


def colors_of(states: tuple[str, ...]) -> dict[str, str]:
    """Return a color for each state; the last one is gray."""
    every = [_STATES[k % len(_STATES)] for k in range(len(states) - 1)]
    return dict(zip(states, [*every, _LAST_STATE], strict=True))


def tint(color: str) -> str:
    """Return a color mixed with white, on which black words can be read.

    Examples
    --------
    >>> tint("#000000"), tint("#0072b2")
    ('#999999', '#99c7e0')
    """
    parts = (int(color[k : k + 2], 16) for k in (1, 3, 5))
    return "#" + "".join(f"{round(255 - _TINT * (255 - part)):02x}" for part in parts)


@contextmanager
def axes_of_figure(height: float = 4.2) -> Iterator[Axes]:
    """Give the axes of a new figure, drawn in the same style whatever the user's settings."""
    with panels_of_figure(height=height) as panels:
        yield panels[0]


@contextmanager
def panels_of_figure(
    rows: int = 1, columns: int = 1, *, height: float = 4.2, **ratios: Any
) -> Iterator[list[Axes]]:
    """Give the panels of a new figure, row by row; `ratios` are those of Matplotlib's subplots."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(settings()):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, **ratios).ravel().tolist()
        for panel in panels:
            panel.set_axisbelow(True)
        yield panels


def finished(axes: Axes) -> Figure:
    """Return the figure of these axes, laid out once and for all.

    The title stands over the whole figure, in as many lines as it takes: over axes with long
    labels beside them it would be cut off.
    """
    if title := axes.get_title():
        axes.set_title("")
    return finished_panels(axes, title)


def finished_panels(axes: Axes, title: str = "") -> Figure:
    """Return the figure that holds these axes, under a title of as many lines as it takes."""
    figure = axes.get_figure(root=True)
    assert figure is not None  # axes of panels_of_figure stand in one
    if title:
        figure.suptitle(in_lines(title, _LINE, most=4))
    figure.align_ylabels()
    layout = figure.get_layout_engine()
    assert layout is not None  # as panels_of_figure lays out
    with warnings.catch_warnings():
        # names may be too long for any layout, or in letters that no font here has
        warnings.simplefilter("ignore", UserWarning)
        layout.execute(figure)
    figure.set_layout_engine("none")  # or each drawing would shift the axes a little
    return figure


_UNBROKEN = "\N{NO-BREAK SPACE}"


def in_lines(text: str, width: int = 26, *, most: int = 3) -> str:
    r"""Return a name or title in lines of some letters; of what takes more, beginning and end.

    Examples
    --------
    >>> in_lines("msc, repeated at week 12 and week 24", 20)
    'msc, repeated at\nweek 12 and week 24'
    >>> in_lines("mesenchymal stem cells, high dose", 20, most=1)
    'mesenchyma…high dose'
    """
    lines = wrap(text.replace(" = ", f" ={_UNBROKEN}"), width) or [""]  # no value without its sign
    if len(lines) <= most:
        return "\n".join(lines)
    half = (width - 1) // 2
    begin = lines[most - 1][: width - 1 - half]
    return "\n".join([*lines[: most - 1], f"{begin}…{' '.join(text.split())[-half:]}"])


def plain_numbers(axis: Axis) -> None:
    """Write the numbers of a logarithmic axis as they are: powers need markup, which is off."""
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def legend_beside(axes: Axes, *, backwards: bool = False) -> None:
    """Put the legend to the right of the axes, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    labels = [in_lines(label) for label in labels]
    step = -1 if backwards else 1
    axes.legend(
        handles[::step], labels[::step], loc="center left", bbox_to_anchor=(1, 0.5), frameon=False
    )


def legend_above(axes: Axes, n_columns: int = 4, *, first: Sequence[str] = ()) -> None:
    """Put the legend over the axes, in one or more rows, some labels first."""
    pairs = list(zip(*axes.get_legend_handles_labels(), strict=True))
    pairs.sort(key=lambda pair: pair[1] not in first)
    longest = max((len(label) for _, label in pairs), default=0)
    n_columns = max(1, min(n_columns, _LEGEND // (longest + _KEY)))
    axes.legend(
        [handle for handle, _ in pairs],
        [in_lines(label, _LEGEND - _KEY, most=2) for _, label in pairs],
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=n_columns,
        frameon=False,
        borderaxespad=0.2,
        columnspacing=1.4,
        handlelength=1.4,
    )


def as_svg(figure: Figure) -> bytes:
    """Return a figure as SVG without date or addresses of vocabularies.

    Letters are outlines, so that it looks the same where a font is missing; text with letters
    that our font lacks stays text, for which the reader's machine may have one.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    target = io.BytesIO()
    kind = "path" if _has_letters(figure) else "none"
    with _drawing(), mpl.rc_context(settings() | {"svg.fonttype": kind}):
        # SPEED: savefig would draw it a second time, to lay out what is laid out.
        print_svg: Any = FigureCanvasSVG(figure).print_svg
        print_svg(target, metadata=_NO_METADATA)
    content = target.getvalue()
    return content[content.index(b"<svg") :]


def _has_letters(figure: Figure) -> bool:
    """Return whether our font has every letter of a figure."""
    from matplotlib.font_manager import findfont, get_font
    from matplotlib.text import Text

    known = get_font(findfont("DejaVu Sans")).get_charmap()
    texts: list[Any] = figure.findobj(Text)
    return all(ord(letter) in known or letter == "\n" for t in texts for letter in t.get_text())


@contextmanager
def _drawing() -> Iterator[None]:
    """Draw without a word about letters that no font here has."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def as_png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    import matplotlib as mpl

    target = io.BytesIO()
    with _drawing(), mpl.rc_context(settings()):
        figure.savefig(target, format="png", metadata={"Software": "lupusim"}, dpi=_DPI)
    return target.getvalue()


def check_ending(file: str | Path) -> Path:
    """Return the path of a picture that can be written.

    Raises
    ------
    ValueError
        If its ending is neither .png nor .svg.
    """
    path = Path(file)
    if path.suffix.lower() not in _FORMATS:
        raise ValueError(f"{str(file)!r} must end in {' or '.join(_FORMATS)}")
    return path


def save(figure: Figure, file: str | Path) -> Path:
    """Write a figure as SVG or PNG, by the ending of the file; the same bytes every time.

    Raises
    ------
    ValueError
        If the ending is another.
    """
    import matplotlib as mpl

    path = check_ending(file)
    kind = path.suffix.lower()
    metadata: dict[str, Any] = {"Date": None} if kind == ".svg" else {"Software": "lupusim"}
    drawn = io.BytesIO()
    with _drawing(), mpl.rc_context(settings()):
        figure.savefig(drawn, format=kind[1:], metadata=metadata, dpi=150)
    return write(path, drawn.getvalue())
