"""What a planner asks: one or several designs of a trial, and how precisely to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from html import escape

from lupusim.common.frozen import dataclass
from lupusim.trial import Trial
from lupusim.trial.summary import summary

MOST_REPLICATES = 10_000_000
"""Of a design; its Monte Carlo standard error is then 0.00016 at the most."""

_MOST_SHOWN = 10  # designs of a scenario in a notebook
_NAMED_BY_THEIR_VALUE = ("kind", "method", "name", "spending", "test")


def shown(value: object) -> object:
    """Return a value as tables can hold it: mappings and lists in words.

    Examples
    --------
    >>> shown(120), shown({"spending": "hwang_shih_decani", "gamma": -4}), shown([1, 2])
    (120, 'hwang_shih_decani, gamma -4', '1, 2')
    >>> shown({"arms.msc.effects.0.hazard_ratio": [1.5, 2], "sample_size": 120})
    'arms.msc.effects.0.hazard_ratio (1.5, 2), sample size 120'
    """
    if isinstance(value, Mapping):
        return ", ".join(_pair(str(name), part) for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_enclosed(part) for part in value)
    return value


def _pair(name: str, part: object) -> str:
    """Return a key and its value; of a kind that is named the name says enough."""
    if isinstance(part, str) and name in _NAMED_BY_THEIR_VALUE:
        return part
    words = name if "." in name else name.replace("_", " ")  # a path stays what it is
    if isinstance(part, bool):
        return words if part else f"not {words}"
    return f"{words} {_enclosed(part)}"


def _enclosed(part: object) -> str:
    nested = isinstance(part, Mapping | list | tuple) and len(part) > 1
    return f"({shown(part)})" if nested else str(shown(part))


def label(values: Mapping[str, object], *, between: str = ", ") -> str:
    """Return what distinguishes a design point, such as ``sample_size = 120``."""
    return between.join(f"{name} = {shown(value)}" for name, value in values.items()) or "design"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignPoint:
    """One fully specified trial of a scenario."""

    values: Mapping[str, object]
    """What varies between the points, such as ``{"sample_size": 120}``; empty for one point."""
    trial: Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One or several designs of a trial, simulated together.

    Parameters
    ----------
    name : str
        Name of the file without its ending.
    title, question : str
        What it is, and why a planner runs it.
    points : tuple of DesignPoint
        The designs, at least one.
    n_replicates : int
        Simulated trials per point.
    seed : int
        Seed of the run.
    text : str
        The file as it was read.
    command : str
        How to name the scenario on the command line.
    sources, estimand : mapping
        Where the numbers come from, and what is to be estimated: printed, never computed with.
    """

    name: str
    title: str
    question: str
    points: tuple[DesignPoint, ...]
    n_replicates: int = 1000
    seed: int = 20260101
    text: str = ""
    command: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    estimand: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        sizes = dict.fromkeys(point.trial.n_patients for point in self.points)
        return (
            f"Scenario {self.name!r}: {self.title}\n  {len(self.points)} designs of "
            f"{', '.join(map(str, list(sizes)[:5]))}{' ...' if len(sizes) > 5 else ''} patients; "
            f"{self.n_replicates} replicates, seed {self.seed}"
        )

    def _repr_html_(self) -> str:
        import pandas as pd

        designs = pd.DataFrame(
            [{**point.values, **summary(point.trial)} for point in self.points[:_MOST_SHOWN]]
        )
        rest = len(self.points) - len(designs)
        more = f"<p>... and {rest} more designs</p>" if rest else ""
        words = f"<p>{escape(self.title)} ({escape(self.name)})</p>"
        return f"{words}{designs.T.to_html(header=len(designs) > 1)}{more}"

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("points is empty: a scenario needs at least one design")
        if self.n_replicates < 1:
            raise ValueError(f"n_replicates={self.n_replicates!r} must be at least 1")
