"""Small chains of states, one for each stated outcome, and the model of a patient who has several.

Every transition runs on study time, so that outcomes side by side are independent of each other,
except that a terminal event ends them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import product
from math import prod

from lupusim.common.frozen import dataclass
from lupusim.model import Clock, Edge, MultiStateModel, Start, Transition
from lupusim.model.hazards import Hazard, PiecewiseExponentialHazard

Path = tuple[str, ...]
"""A state of every chain, in the order of the outcomes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One outcome of one arm as states."""

    states: tuple[str, ...]  # the same in every arm
    hazards: Mapping[Edge, Hazard] = field(default_factory=dict)  # on study time (years)
    starts: Mapping[str, float] = field(default_factory=dict)
    """Share of patients who start in each state; empty for all in the first."""
    terminal: tuple[str, ...] = ()  # states that end the patient's history

    @property
    def start_shares(self) -> Mapping[str, float]:
        """Share of patients who start in each state, 0 left out."""
        shares = self.starts or {self.states[0]: 1.0}
        return {state: share for state, share in shares.items() if share > 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """The states of a model that stated outcomes stand beside."""

    states: tuple[str, ...]  # all of them, in the model's order
    start: str  # where all patients are before any outcome
    absorbing: tuple[str, ...]  # states that end a history


@dataclass(frozen=True, slots=True)
class Combined:
    """The states of patients who have several outcomes."""

    chains: Sequence[Chain]
    """One for each outcome; only their states and terminal states matter here."""
    within: Within | None = None
    """The states of a model, of which the chains then name theirs: the last outcome that has come
    is where a patient is. None for combinations of the chains' own."""

    @property
    def states(self) -> tuple[str, ...]:
        """All states: combinations first, then those that end a history."""
        if self.within is not None:
            return self.within.states
        return tuple(dict.fromkeys(self.name(path) for path in self._paths()))

    def _paths(self) -> Iterator[Path]:
        paths = list(product(*(chain.states for chain in self.chains)))
        yield from (path for path in paths if self.ending(path) is None)
        yield from (path for path in paths if self.ending(path) is not None)

    def ending(self, path: Path) -> str | None:
        """Return the state that ends the history of a path; None for one that goes on."""
        ends = [s for s, chain in zip(path, self.chains, strict=True) if s in chain.terminal]
        return ends[0] if ends else None

    def name(self, path: Path) -> str:
        """Return what the state of a path is called."""
        if self.within is None:
            return self.ending(path) or " and ".join(path)
        come = (s for s, one in zip(path, self.chains, strict=True) if s != one.states[0])
        return self.ending(path) or next(come, self.within.start)

    def holding(self, position: int, states: Iterable[str]) -> tuple[str, ...]:
        """Return the states in which one outcome is in some states of its own."""
        wanted = set(states)
        return tuple(dict.fromkeys(self.name(p) for p in self._paths() if p[position] in wanted))

    def moves(self, position: int, edge: Edge) -> tuple[Edge, ...]:
        """Return the transitions that are one move of one outcome."""
        return tuple(
            dict.fromkeys(
                (self.name(path), self.name((*path[:position], edge[1], *path[position + 1 :])))
                for path in self._paths()
                if path[position] == edge[0] and self.ending(path) is None
            )
        )

    def model(self, name: str) -> MultiStateModel:
        """Return the model of patients with these chains."""
        transitions = [
            Transition(from_state=begin, to_state=end, hazard=hazard, clock=Clock.FORWARD)
            for position, chain in enumerate(self.chains)
            for edge, hazard in chain.hazards.items()
            for begin, end in self.moves(position, edge)
        ]
        shares = [chain.start_shares for chain in self.chains]
        starts = tuple(
            Start(
                state=self.name(path),
                probability=prod(share[s] for share, s in zip(shares, path, strict=True)),
            )
            for path in self._paths()
            if all(s in share for share, s in zip(shares, path, strict=True))
        )
        terminal = tuple(dict.fromkeys(s for chain in self.chains for s in chain.terminal))
        return MultiStateModel(
            name=name,
            states=self.states,
            transitions=(*transitions, *self._closed(transitions)),
            starts=starts,
            absorbing=terminal if self.within is None else self.within.absorbing,
        )

    def _closed(self, open_ones: Sequence[Transition]) -> Iterator[Transition]:
        """Yield ways that nobody takes to those of a model's states that no outcome names."""
        if self.within is None:
            return
        reached = {self.within.start, *(transition.to_state for transition in open_ones)}
        never = PiecewiseExponentialHazard(breaks=(1.0,), rates=(0.0, 0.0))
        for state in self.within.states:
            if state not in reached:
                yield Transition(
                    from_state=self.within.start,
                    to_state=state,
                    hazard=never,
                    clock=Clock.FORWARD,
                )
