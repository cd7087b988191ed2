"""The diagram of a model as SVG: states, arrows, and what stands on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import singledispatch
from html import escape
from pathlib import Path
from typing import Any

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.output import write
from lupusim.model import CLOCKS, FAMILIES, MultiStateModel, Transition
from lupusim.model.cycles import CohortModel, Move
from lupusim.report.figures.style import colors_of, tint
from lupusim.report.models.layout import HEIGHT, WIDTH, label_places, laid_out

MOST_STATES = 12
_FONT = "font-family='Helvetica, Arial, sans-serif'"
_SMALL, _SIZE, LINE = 11.5, 14.0, 13.5
_MARGIN = 48.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a diagram shows."""

    title: str  # above it
    states: tuple[str, ...]  # the boxes
    starts: tuple[int, ...]  # boxes with a thick border
    ways: tuple[tuple[int, int], ...]  # the arrows
    labels: tuple[tuple[str, ...], ...]  # lines of words on each arrow
    notes: tuple[str, ...]  # lines below


@dataclass(frozen=True, slots=True)
class Diagram:
    """A picture that a notebook shows and a file can keep."""

    svg: str

    def __repr__(self) -> str:
        return f"Diagram of {len(self.svg)} characters"

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, file: str | Path) -> Path:
        """Write it as a file that ends in .svg; raise ValueError for another ending."""
        path = Path(file)
        if path.suffix.lower() != ".svg":
            raise ValueError(f"{str(file)!r} must end in .svg")
        return write(path, self.svg)


@singledispatch
def diagram(model: object) -> Diagram:
    """Return the diagram of a model: its states, with hazards or probabilities on the arrows.

    Parameters
    ----------
    model : MultiStateModel or CohortModel
        From :func:`lupusim.load_model` or :func:`lupusim.load_cohort_model`.

    Raises
    ------
    ValueError
        If there are more than 12 states: nobody could read it.

    Examples
    --------
    >>> import lupusim
    >>> lupusim.diagram(lupusim.load_model("illness-death")).svg[:4]
    '<svg'
    """
    raise TypeError(f"{type(model).__name__} is not a model")


@diagram.register
def _of_model(model: MultiStateModel) -> Diagram:
    return Diagram(model_diagram(model))


@diagram.register
def _of_cohort_model(model: CohortModel) -> Diagram:
    return Diagram(cohort_diagram(model))


def model_diagram(model: MultiStateModel) -> str:
    """Return the diagram of a continuous model as SVG: hazards per year on its arrows.

    Raises
    ------
    ValueError
        If there are more than 12 states: nobody could read it.
    """
    return _svg(drawn_model(model))


def drawn_model(model: MultiStateModel) -> Drawn:
    """Return what the diagram of a continuous model shows: hazards per year on its arrows.

    Raises
    ------
    ValueError
        If there are more than 12 states: nobody could read it.
    """
    _check_number(len(model.states))
    index = model.states.index
    kept = [t for t in model.transitions if hazard_words(t) != ("0",)]
    shares = {s.state: 0.0 for s in model.starts}
    for start in model.starts:
        shares[start.state] += start.probability
    notes = ["hazards per year; time in years", *_start_note(shares), *_class_notes(model)]
    seen = {t.clock for t in kept if t.clock.mark and t.hazard.mean() != 0 and _changes(t)}
    if marked := [f"{one.mark} on {one.words}" for one in CLOCKS.values() if one in seen]:
        others = "other hazards that change run on time in the state"
        notes.append("; ".join([*marked, others]))
    return Drawn(
        title=model.description or model.name,
        states=model.states,
        starts=tuple(index(s) for s, p in shares.items() if p > 0),
        ways=tuple((index(t.from_state), index(t.to_state)) for t in kept),
        labels=tuple(hazard_words(t) for t in kept),
        notes=tuple(notes),
    )


def cohort_diagram(model: CohortModel) -> str:
    """Return the diagram of a cohort model as SVG: probabilities of the first cycle.

    Raises
    ------
    ValueError
        If there are more than 12 states.
    """
    from lupusim.trial.durations import format_duration

    index = model.states.index
    kept = [m for m in model.moves if any(m.probabilities)]
    changing = "; of the first where ... follows" if model.n_matrices > 1 else ""
    shares = {s.state: s.probability for s in model.starts}
    return _svg(
        Drawn(
            title=model.description or model.name,
            states=model.states,
            starts=tuple(index(s) for s, p in shares.items() if p > 0),
            ways=tuple((index(m.from_state), index(m.to_state)) for m in kept),
            labels=tuple(_probability_words(m) for m in kept),
            notes=(
                f"probabilities in a cycle of {format_duration(model.cycle)}{changing}; "
                "the rest stays",
                *_start_note(shares),
            ),
        )
    )


def _probability_words(move: Move) -> tuple[str, ...]:
    return (f"{move.probabilities[0]:.3g}" + (" ..." if len(move.probabilities) > 1 else ""),)


def hazard_words(transition: Transition) -> tuple[str, ...]:
    """Return the family and the parameters of a hazard; the rate alone where it is constant."""
    hazard: Any = transition.hazard
    star = transition.clock.mark if _changes(transition) else ""
    values = {f.name: getattr(hazard, f.name) for f in fields(hazard)}
    if set(values) == {"rate"}:
        words = [f"{hazard.rate:.3g}"]
    elif "rates" in values:
        rates = [f"{rate:.3g}" for rate in hazard.rates]
        shown = rates if len(rates) <= 3 else [rates[0], rates[1], "...", rates[-1]]
        breaks = [f"{b:.3g}" for b in hazard.breaks]
        until = breaks if len(breaks) <= 3 else [breaks[0], breaks[1], "...", breaks[-1]]
        words = [f"{', '.join(shown)}{star}", f"from 0, {', '.join(until)}"]
    else:
        family = next(name for name, kind in FAMILIES.items() if type(hazard) is kind)
        words = [
            f"{family.replace('_', ' ')}{star}",
            ", ".join(f"{name} {value:.3g}" for name, value in values.items()),
        ]
    if not transition.ratio.is_constant:
        words.append("times a passing effect")
    return tuple(words)


def _changes(transition: Transition) -> bool:
    hazard: Any = transition.hazard
    return {f.name for f in fields(hazard)} != {"rate"}


def _start_note(shares: dict[str, float]) -> list[str]:
    given = [f"{100 * p:.3g} % in {_plain(s)}" for s, p in shares.items() if p > 0]
    return [f"start: {', '.join(given)}"] if len(given) > 1 else []


def _class_notes(model: MultiStateModel) -> list[str]:
    notes = []
    for latent in model.classes:
        ratios = [
            f"{_plain(a)} to {_plain(b)} times {ratio:.3g}"
            for (a, b), ratio in latent.hazard_ratios.items()
        ]
        what = "; ".join(ratios) or "as drawn"
        notes.append(f"{100 * latent.probability:.3g} % {_plain(latent.name)}: {what}")
    return notes


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _check_number(n_states: int) -> None:
    if n_states > MOST_STATES:
        raise ValueError(
            f"{n_states} states are too many to read in one picture. "
            f"Draw models of at most {MOST_STATES}"
        )


def label_sizes(drawn: Drawn) -> list[tuple[float, float]]:
    """Return the width and height of the words on each arrow."""
    return [(7 + 6.3 * max(map(len, words)), 3 + LINE * len(words)) for words in drawn.labels]


def _svg(drawn: Drawn) -> str:
    _check_number(len(drawn.states))
    sizes = label_sizes(drawn)
    widest = max((width for width, _ in sizes), default=0.0)
    layout = laid_out(len(drawn.states), drawn.ways, starts=drawn.starts, widest_label=widest)
    places = label_places(layout, sizes)
    notes = [line for note in drawn.notes for line in _wrapped(note, 96)]
    title = _wrapped(drawn.title, 60)
    low = [min(c[:, k].min() for c in (*layout.curves, layout.centers)) for k in (0, 1)]
    high = [max(c[:, k].max() for c in (*layout.curves, layout.centers)) for k in (0, 1)]
    width = max(high[0] - low[0] + WIDTH + 2 * _MARGIN, 640.0)
    top = _MARGIN + 22 * len(title)
    height = top + high[1] - low[1] + HEIGHT + _MARGIN + 18 * len(notes)
    x = 0.5 * (width - high[0] - low[0])
    y = top + HEIGHT / 2 - low[1]
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' "
        f"viewBox='0 0 {width:.0f} {height:.0f}' {_FONT}>",
        "<defs><marker id='tip' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='8' "
        "markerHeight='8' orient='auto-start-reverse'><path d='M0 0 L10 5 L0 10 z' "
        "fill='#444'/></marker></defs>",
        "<rect width='100%' height='100%' fill='white'/>",
        *(
            _text(line, width / 2, 30 + 22 * k, size=17, weight="bold")
            for k, line in enumerate(title)
        ),
        f"<g transform='translate({x:.1f} {y:.1f})'>",
        *(_arrow(curve) for curve in layout.curves),
        *(
            _label(words, place, size)
            for words, place, size in zip(drawn.labels, places, sizes, strict=True)
        ),
        *(_box(drawn, k, layout.centers[k]) for k in range(len(drawn.states))),
        "</g>",
        *(
            _text(line, width / 2, height - 18 * (len(notes) - k) - 4, size=12.5, fill="#555")
            for k, line in enumerate(notes)
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _wrapped(words: str, width: int) -> list[str]:
    from textwrap import wrap

    return wrap(words, width) or [""]


def _text(
    words: str, x: float, y: float, *, size: float, weight: str = "normal", fill: str = "#111"
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size:g}' font-weight='{weight}' "
        f"fill='{fill}' text-anchor='middle'>{escape(words)}</text>"
    )


def _arrow(curve: FloatArray) -> str:
    points = " L".join(f"{x:.1f} {y:.1f}" for x, y in curve)
    return (
        f"<path d='M{points}' fill='none' stroke='#444' stroke-width='1.6' marker-end='url(#tip)'/>"
    )


def _label(words: Sequence[str], place: FloatArray, size: tuple[float, float]) -> str:
    x, y = place
    width, height = size
    lines = [
        _text(line, x, y - height / 2 + LINE * (k + 1) - 1, size=_SMALL, fill="#0b4f8a")
        for k, line in enumerate(words)
    ]
    back = (
        f"<rect x='{x - width / 2:.1f}' y='{y - height / 2:.1f}' width='{width:.1f}' "
        f"height='{height:.1f}' rx='3' fill='white' fill-opacity='0.92'/>"
    )
    return "\n".join([back, *lines])


def _box(drawn: Drawn, state: int, center: FloatArray) -> str:
    x, y = center
    fill = tint(colors_of(drawn.states)[drawn.states[state]])
    border = "3" if state in drawn.starts else "1.3"
    lines = _wrapped(_plain(drawn.states[state]), 17)[:2]
    words = [
        _text(line, x, y + 5 + 16 * (k - 0.5 * (len(lines) - 1)), size=_SIZE)
        for k, line in enumerate(lines)
    ]
    box = (
        f"<rect x='{x - WIDTH / 2:.1f}' y='{y - HEIGHT / 2:.1f}' width='{WIDTH:.0f}' "
        f"height='{HEIGHT:.0f}' rx='9' fill='{fill}' stroke='#333' stroke-width='{border}'/>"
    )
    return "\n".join([box, *words])
