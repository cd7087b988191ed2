"""What a planner asks: one or several designs of a trial, and how precisely to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lupusim.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignPoint:
    """One fully specified trial of a scenario.

    Parameters
    ----------
    values : mapping of str to object
        What varies between the points, such as ``{"sample_size": 120}``; empty for one point.
    trial : Trial
        The trial.
    """

    values: Mapping[str, object]
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

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("points is empty: a scenario needs at least one design")
        if self.n_replicates < 1:
            raise ValueError(f"n_replicates={self.n_replicates!r} must be at least 1")
