"""The law of one kind of patient: what every exact method needs, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.errors import NoExactSolutionError
from lupusim.model import Clock, Hazard, MultiStateModel, PiecewiseRatio, Start
from lupusim.model.hazards.base import constant_rate, steps

_NO_SURVIVOR = 1e12  # a cumulative hazard at which nobody is left; keeps differences finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """A transition between numbered states, with everything that multiplies its hazard."""

    begin: int
    end: int
    """`begin` and `end`: positions of its states."""
    hazard: Hazard  # per year, on its clock
    clock: Clock  # what the hazard runs on
    ratio: PiecewiseRatio
    """Multiplier over study time from 0 on: treatment, latent class and covariates."""

    @property
    def is_constant(self) -> bool:
        """Whether the hazard is constant, so that its clock does not matter."""
        return constant_rate(self.hazard) is not None

    @property
    def is_markov(self) -> bool:
        """Whether the hazard depends on study time alone."""
        return self.is_constant or self.clock.is_study_time

    @property
    def renews(self) -> bool:
        """Whether every new stay sees the same hazard, whenever it begins."""
        return self.ratio.is_constant and (self.is_constant or self.clock.is_time_in_state)

    @property
    def kinks(self) -> tuple[float, ...]:
        """Clock times (years) at which the hazard jumps."""
        return steps(self.hazard) or ()

    def cumulative(self, time: FloatArray) -> FloatArray:
        """Return the cumulative hazard before the ratio, finite everywhere."""
        return bounded_cumulative(self.hazard, time)


def bounded_cumulative(hazard: Hazard, time: FloatArray) -> FloatArray:
    """Return a cumulative hazard that is finite everywhere."""
    with np.errstate(over="ignore"):
        return np.minimum(hazard.cumulative(time), _NO_SURVIVOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where a share of the patients is at study time 0."""

    state: int  # position of the state
    probability: float  # share of patients
    time_in_state: float  # years already spent in it


def discounted(years: float | FloatArray, discount: float) -> FloatArray:
    """Return the value of so many years from now, with a continuous discount rate per year."""
    return np.asarray(-np.expm1(-discount * years) / discount if discount else 1.0 * years)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """States, arcs and starts of one kind of patient."""

    n_states: int
    arcs: tuple[Arc, ...]
    """Sorted by their states, so that the order of a model's transitions cannot matter."""
    entries: tuple[Entry, ...]  # shares at study time 0

    @property
    def is_on_two_clocks(self) -> bool:
        """Whether some hazards hang on study time and others on a stay, or one on both."""
        arcs = self.arcs
        return not (all(arc.is_markov for arc in arcs) or all(arc.renews for arc in arcs))

    @property
    def start(self) -> FloatArray:
        """The shares (n_states,) at study time 0."""
        shares = np.zeros(self.n_states)
        for entry in self.entries:
            shares[entry.state] += entry.probability
        return shares

    def stopped(self, states: frozenset[int]) -> Law:
        """Return the law of patients followed until they enter one of these states.

        Whichever it is, they are counted in the first of them.
        """
        stop = min(states)
        arcs = [
            replace(arc, end=stop if arc.end in states else arc.end)
            for arc in self.arcs
            if arc.begin not in states
        ]
        entries = tuple(
            replace(entry, state=stop if entry.state in states else entry.state)
            for entry in self.entries
        )
        return replace(self, arcs=_merged(arcs), entries=entries).reached()

    def flagged(self, first: frozenset[int], then: frozenset[int]) -> Law:
        """Return a law that remembers having been in `first`, and `then` afterwards.

        State ``k`` becomes ``k`` (not yet in `first`) and ``n + k`` (has been in it); state
        ``2 n`` holds those who later entered `then`, and is not left.
        """
        n = self.n_states
        arcs = []
        for arc in self.arcs:
            before = arc.end + n if arc.end in first else arc.end
            after = 2 * n if arc.end in then else arc.end + n
            if arc.begin not in first:
                arcs.append(replace(arc, end=before))
            arcs.append(replace(arc, begin=arc.begin + n, end=after))
        entries = tuple(
            replace(entry, state=entry.state + n) if entry.state in first else entry
            for entry in self.entries
        )
        return Law(n_states=2 * n + 1, arcs=_merged(arcs), entries=entries).reached()

    def beside(self, exits: Iterable[Arc], n_ends: int) -> Law:
        """Return the law of patients whom something beside the disease may take away.

        Parameters
        ----------
        exits : iterable of Arc
            Each leads from a state to one of `n_ends` further states, which nobody leaves and
            whose positions come after those of the states.
        n_ends : int
            How many there are.
        """
        arcs = _merged([*self.arcs, *exits])
        return replace(self, n_states=self.n_states + n_ends, arcs=arcs).reached()

    def sums(self, times: FloatArray, flows: FloatArray, discount: float) -> FloatArray:
        """Return discounted years in each state and moves along each arc, (n_states + n_arcs,).

        A state's years are those left to whoever starts or enters, less those left at the exit.

        Parameters
        ----------
        times : (n_times,) array
            Study times (years) from 0 to the last that counts.
        flows : (n_arcs, n_times) array
            Who moves along each arc at each time.
        discount : float
            Continuous rate per year.
        """
        left = discounted(times[-1] - times, discount) * np.exp(-discount * times)
        time = self.start * left[0]
        for arc, value in zip(self.arcs, (flows @ left).tolist(), strict=True):
            time[arc.end] += value
            time[arc.begin] -= value
        return np.concatenate([time, flows @ np.exp(-discount * times)])

    def times(self, factors: Mapping[tuple[int, int], float]) -> Law:
        """Return the law with the hazards of some arcs, by begin and end, multiplied."""
        if not factors:
            return self
        arcs = (
            replace(arc, ratio=_multiplied(arc.ratio, factors.get((arc.begin, arc.end), 1.0)))
            for arc in self.arcs
        )
        return replace(self, arcs=tuple(arcs))

    def reached(self) -> Law:
        """Return the law without the arcs that nobody can ever take."""
        reached = {entry.state for entry in self.entries if entry.probability > 0}
        while new := {a.end for a in self.arcs if a.begin in reached} - reached:
            reached |= new
        return replace(self, arcs=tuple(arc for arc in self.arcs if arc.begin in reached))


def _merged(arcs: list[Arc]) -> tuple[Arc, ...]:
    return tuple(sorted(arcs, key=lambda arc: (arc.begin, arc.end)))


def laws(
    model: MultiStateModel, covariates: Mapping[str, float] | None, start: str | None = None
) -> Iterator[tuple[float, Law]]:
    """Yield each latent class's probability and law, for patients with these covariates.

    All of them enter `start` at study time 0, whether or not anybody does in the model; None
    for the model's own starts.
    """
    if model.restarts_matter:
        raise NoExactSolutionError(
            f"entering {', '.join(model.restarts)} restarts the treatment clock: "
            "simulate with the vectorised or the event engine"
        )
    log_ratios = model.log_covariate_ratios(covariates or {})
    starts = model.starts if start is None else (Start(state=known_state(model, start)),)
    entries = tuple(
        Entry(
            state=model.index(begin.state),
            probability=begin.probability,
            time_in_state=begin.time_in_state,
        )
        for begin in starts
        if begin.probability > 0
    )
    for latent_class in model.latent_classes:
        factors = model.class_ratios(latent_class)
        arcs = [
            Arc(
                begin=model.index(transition.from_state),
                end=model.index(transition.to_state),
                hazard=transition.hazard,
                clock=transition.clock,
                ratio=_multiplied(transition.ratio, factor * math.exp(log_ratio)),
            )
            for transition, factor, log_ratio in zip(
                model.transitions, factors, log_ratios, strict=True
            )
        ]
        live = [arc for arc in arcs if any(arc.ratio.ratios) and not _never_fires(arc.hazard)]
        if latent_class.probability > 0:
            law = Law(n_states=len(model.states), arcs=_merged(live), entries=entries)
            yield latent_class.probability, law.reached()


def known_state(model: MultiStateModel, state: str) -> str:
    """Return a state's name; raise ValueError for one that the model lacks."""
    if state not in model.states:
        raise ValueError(
            f"state {state!r} is not in model {model.name!r}. {nearest(state, model.states)}"
        )
    return state


def _never_fires(hazard: Hazard) -> bool:
    return constant_rate(hazard) == 0


def _multiplied(ratio: PiecewiseRatio, factor: float) -> PiecewiseRatio:
    """Return the ratio times a factor, from study time 0 on, without breaks that change nothing."""
    if ratio.is_constant:
        return PiecewiseRatio(ratios=(ratio.ratios[0] * factor,))
    breaks: list[float] = []
    ratios = [float(ratio.at(np.array(0.0))) * factor]
    for time, value in zip(ratio.breaks, ratio.ratios[1:], strict=True):
        if time > 0 and value * factor != ratios[-1]:
            breaks.append(time)
            ratios.append(value * factor)
    return PiecewiseRatio(breaks=tuple(breaks), ratios=tuple(ratios))
