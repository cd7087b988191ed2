"""Write a model as the file from which it can be read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from lupusim.common.output import IfPresent, try_file, write
from lupusim.model import CLOCKS, FAMILIES, Clock, Hazard, MultiStateModel, Start, Transition
from lupusim.model.effects import UNIT_RATIO
from lupusim.scenario.document.durations import format_duration
from lupusim.scenario.document.yaml_writer import block
from lupusim.scenario.files.model import SCHEMA


def write_model(
    model: MultiStateModel,
    path: str | Path,
    *,
    comments: Sequence[str] = (),
    calibration: Mapping[str, Any] | None = None,
    if_present: IfPresent = IfPresent.REFUSE,
) -> None:
    """Write a model file that :func:`load_model` reads back as an equal model.

    Parameters
    ----------
    model : MultiStateModel
        Without treatment effects: those belong to the arms of a scenario.
    path : str or Path
        Where to.
    comments : sequence of str
        Lines for people at the head of the file.
    calibration : mapping, optional
        The calibration block, as plain data.
    if_present : IfPresent
        What to do with a file of that name that is there already.

    Raises
    ------
    ValueError
        If a transition carries a treatment effect.
    OutputError, OSError
        If the file is there already and is not to be replaced, or cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from lupusim.scenario import load_model
    >>> with TemporaryDirectory() as folder:
    ...     write_model(load_model("illness-death"), Path(folder) / "copy.yaml")
    ...     load_model(Path(folder) / "copy.yaml").name
    'illness-death'
    """
    head = "".join(f"# {line}".rstrip() + "\n" for line in comments)
    content = model_to_mapping(model)
    if calibration is not None:
        content["calibration"] = dict(calibration)
    try_file(path, if_present)
    write(path, head + block(content))


def model_to_mapping(model: MultiStateModel) -> dict[str, Any]:
    """Return the model as plain data, laid out and ordered as in a file.

    Examples
    --------
    >>> from lupusim.scenario import load_model
    >>> model_to_mapping(load_model("illness-death"))["states"]
    ['healthy', 'ill', 'death']
    """
    treated = [t.label for t in model.transitions if t.ratio != UNIT_RATIO]
    if treated:
        raise ValueError(f"{treated} carry a treatment effect, which a model file cannot hold")
    clocks = {t.clock for t in model.transitions}
    clock = clocks.pop() if len(clocks) == 1 else Clock.RESET
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "name": model.name,
        "description": model.description,
        "source": list(model.source),
        "states": list(model.states),
        "start": _start(model.starts),
        "clock": _name(CLOCKS, clock),
        "transitions": [_transition(t, clock) for t in model.transitions],
        "classes": [
            {
                "name": c.name,
                "probability": c.probability,
                "hazard_ratios": _by_label(c.hazard_ratios),
            }
            for c in model.classes
        ],
        "covariates": {name: _by_label(ratios) for name, ratios in model.covariates.items()},
    }
    given = {key: value for key, value in content.items() if value not in ("", [], {})}
    return {**given, "absorbing": list(model.absorbing or ())}


def _by_label(ratios: Mapping[tuple[str, str], float]) -> dict[str, float]:
    return {f"{begin} -> {end}": ratio for (begin, end), ratio in ratios.items()}


def _start(starts: Sequence[Start]) -> object:
    if len(starts) == 1 and starts[0] == Start(state=starts[0].state):
        return starts[0].state
    states = {start.state for start in starts}
    if len(states) == len(starts) and not any(start.time_in_state for start in starts):
        return {start.state: start.probability for start in starts}
    return [
        {
            "state": start.state,
            "probability": start.probability,
            "time_in_state": format_duration(start.time_in_state),
        }
        for start in starts
    ]


def _transition(transition: Transition, default: Clock) -> dict[str, Any]:
    written = {
        "from": transition.from_state,
        "to": transition.to_state,
        "hazard": hazard_to_mapping(transition.hazard),
    }
    clock = transition.clock
    own_clock = {} if clock == default else {"clock": _name(CLOCKS, clock)}
    return {**written, **own_clock}


def _name(kinds: Mapping[str, Any], kind: object) -> str:
    return next(name for name, one in kinds.items() if one == kind)


def hazard_to_mapping(hazard: Hazard) -> dict[str, Any]:
    """Return a hazard as a file writes it: its family and its parameters."""
    family = _name(FAMILIES, type(hazard))
    values = {f.name: getattr(hazard, f.name) for f in fields(hazard)}  # type: ignore[arg-type]  # every family is a dataclass, the protocol cannot say so
    plain = {n: list(v) if isinstance(v, tuple) else float(v) for n, v in values.items()}
    return {"family": family, **plain}
