"""A model in words: its states, moves with their hazards, hidden kinds, where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from lupusim.model import MultiStateModel
from lupusim.report.models.diagram import hazard_words


def model_in_words(model: MultiStateModel, *, description: str = "", source: str = "") -> str:
    """Return a model in lines."""
    lines = [f"{model.name}: {description}" if description else model.name, ""]
    lines.append(f"States: {', '.join(model.states)}.")
    lines += _starts(model)
    lines.append("Moves, hazards per year:")
    width = max(len(_move(t.from_state, t.to_state)) for t in model.transitions)
    for one in model.transitions:
        clock = f"on {one.clock.words}" if one.clock.mark else ""
        said = ", ".join(filter(None, [*hazard_words(one), clock]))
        lines.append(f"  {_move(one.from_state, one.to_state):{width}}  {said}")
    lines += _classes(model)
    if source:
        lines += ["", f"Where its numbers come from: {source}"]
    return "\n".join(lines)


def _move(start: str, end: str) -> str:
    return f"{start} -> {end}"


def _starts(model: MultiStateModel) -> Iterator[str]:
    shares = [f"{100 * start.probability:.3g} % in {start.state}" for start in model.starts]
    yield f"Start: {', '.join(shares)}." if shares else f"Start: all in {model.states[0]}."


def _classes(model: MultiStateModel) -> Iterator[str]:
    """Yield a line for each hidden kind of patient."""
    for latent in model.classes:
        ratios = [
            f"{_move(*edge)} times {ratio:.3g}" for edge, ratio in latent.hazard_ratios.items()
        ]
        what = "; ".join(ratios) or "as above"
        yield f"{100 * latent.probability:.3g} % are {latent.name}: {what}."
